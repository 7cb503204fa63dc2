"""Lengths: texts that lose tokens, texts that were cut before they came here, empty ones, unknown tokens."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from tfclassify.checkup.data.material import Material, example, of_how_many
from tfclassify.checkup.finding import Finding, graded
from tfclassify.planning.statistics import added, rows_over, unknown_share
from tfclassify.quality.report.wording import plural

MANY_CUT, TOO_MANY_CUT = 0.01, 0.2
MANY_UNKNOWN, TOO_MANY_UNKNOWN = 0.05, 0.2
MANY_EMPTY = 0.01
# A length that so many texts share, and none exceeds, was a limit somewhere.
FEWEST_ALIKE, ALIKE_SHARE, SHORTEST_LIMIT = 10, 0.005, 50
TIMES_NEIGHBOURS = 10


def long_texts(material: Material) -> list[Finding]:
    """Finds texts with more tokens than the model reads."""
    if material.vocabulary is None:
        return []
    positions = material.vocabulary.size.positions
    lengths = added([split.lengths for split in material.statistics.splits.values()])
    cut, measured = rows_over(lengths, positions), sum(lengths)
    if not cut:
        return []
    rows = sum(split.rows for split in material.statistics.splits.values())
    return [
        Finding(
            name="long_texts",
            severity=graded(cut / measured, warning=MANY_CUT, serious=TOO_MANY_CUT),
            sentence=f"{plural(cut, 'text')} of {measured:,}{of_how_many(measured, rows)} "
            f"{'has' if cut == 1 else 'have'} more than the {positions} tokens that {material.vocabulary.model} reads; "
            f"the longest has {len(lengths) - 1:,}.",
            cost="Read in one window, what stands behind them is not seen, in training as in every answer.",
            remedy="read them in several windows (text.windows), or shorten the texts to what decides; text.keep says "
            "what stays of those that are cut",
            counts={"texts": cut, "of": measured, "longest": len(lengths) - 1},
        )
    ]


def unknown_tokens(material: Material) -> list[Finding]:
    """Finds that the vocabulary of the model does not know many of the tokens."""
    if material.vocabulary is None:
        return []
    found = []
    for name, split in material.statistics.splits.items():
        share = unknown_share(split)
        if share > MANY_UNKNOWN:
            finding = Finding(
                name="unknown_tokens",
                severity=graded(share, warning=MANY_UNKNOWN, serious=TOO_MANY_UNKNOWN),
                sentence=f"{name}: the vocabulary of {material.vocabulary.model} does not know {share:.0%} of the "
                "tokens.",
                cost="Texts that differ only in unknown tokens are the same to the network.",
                remedy="model.name: a model of this language, such as multilingual or bert-base-chinese",
                counts={"tokens": split.unknown_tokens, "of": split.tokens, "share": share},
                key="model.name" if name == "train" else "",
            )
            found.append(finding)
    return found


def empty_texts(material: Material) -> list[Finding]:
    """Finds rows without any text."""
    found = []
    for name, split in material.splits.items():
        empty, rows = split.faults.empty, len(split) + split.faults.empty
        if empty:
            finding = Finding(
                name="empty_texts",
                severity="warning" if empty / rows >= MANY_EMPTY else "note",
                sentence=f"{name}: {plural(empty, 'row')} of {rows:,} {'has' if empty == 1 else 'have'} an empty text.",
                cost="They are dropped, and counted.",
                remedy="data.empty=keep to have them classified, data.empty=fail to stop at them",
                counts={"rows": empty, "of": rows},
            )
            found.append(finding)
    return found


def cut_texts(material: Material) -> list[Finding]:
    """Finds that many texts are exactly as long as the longest: something has cut them."""
    return [finding for name in material.splits for finding in _cut(material, name)]


def _cut(material: Material, name: str) -> Iterator[Finding]:
    split = material.splits[name]
    sizes = np.array([len(text) for text in split.texts], np.int64)
    longest = int(sizes.max(initial=0))
    alike = np.flatnonzero(sizes == longest)
    enough = max(FEWEST_ALIKE, ALIKE_SHARE * len(sizes))
    # Texts of all lengths up to the limit are expected near it, in falling numbers.
    near = int(((sizes < longest) & (sizes >= 0.9 * longest)).sum()) / max(1.0, 0.1 * longest)
    if longest < SHORTEST_LIMIT or len(alike) < enough or len(alike) < TIMES_NEIGHBOURS * near:
        return
    yield Finding(
        name="cut_texts",
        severity="warning",
        sentence=f"{name}: {plural(len(alike), 'text')} of {len(sizes):,} are exactly {longest:,} characters long, "
        "and none is longer.",
        cost="Something has cut them before they came here; what decides may have been behind that.",
        remedy="write the file anew from where the texts are whole",
        counts={"texts": len(alike), "of": len(sizes), "characters": longest},
        examples=tuple(example(material, name, int(place)) for place in alike[: material.shown]),
    )
