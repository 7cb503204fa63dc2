"""What is known of a corpus once it is read: counts for planning, and lines for whoever trains."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

import numpy as np
from numpy.typing import NDArray

from tfclassify.data.labelling import OUT_OF_SCOPE, LabelMap, Split
from tfclassify.data.left_out import named_rows
from tfclassify.data.rows import piece_lengths
from tfclassify.data.splits import duplicates, overlap
from tfclassify.data.token_store import Account
from tfclassify.errors import excerpt, one_line
from tfclassify.planning.statistics import SplitStatistics, Statistics, unknown_share
from tfclassify.text.packing import packed_lengths

NAMED_LABELS = 5
MANY_UNKNOWN = 0.05


def statistics_of(splits: Mapping[str, Split], labels: LabelMap) -> Statistics:
    """Counts rows, labels, lengths, unknown tokens, repeated texts, and texts that two splits share."""
    hashes = {name: split.store.hashes[split.rows] for name, split in splits.items()}
    names = list(splits)
    shared = {
        f"{left}&{right}": overlap(hashes[left], hashes[right])
        for place, left in enumerate(names)
        for right in names[place + 1 :]
    }
    return Statistics(
        splits={name: _counted(split, hashes[name], labels) for name, split in splits.items()},
        labels=labels.names,
        multilabel=labels.multilabel,
        pairs=splits["train"].store.pieces_b is not None,
        overlap=shared,
    )


def notes_on(
    statistics: Statistics,
    *,
    dropped: Mapping[str, int],
    cut_out: tuple[str, ...],
    shared: Mapping[str, tuple[str, ...]] | None = None,
) -> tuple[str, ...]:
    """Says what is odd about the data and what was done to them, a line each.

    Args:
        statistics: of the splits.
        dropped: rows by the reason why they are in no split.
        cut_out: the splits that were cut out of the training rows.
        shared: some of the texts that two splits share, by the pairs of ``statistics.overlap``.
    """
    return tuple(one_line(note) for note in _notes(statistics, dropped, cut_out, shared or {}))


def notes_on_bad_rows(accounts: Mapping[str, Account]) -> Iterator[str]:
    """Says which rows of each file were skipped."""
    for name, account in accounts.items():
        if account.first_bad:
            yield (
                f"{name}: {named_rows(account.first_bad, account.bad)} cannot be read or used; "
                "set data.bad_rows=fail to see why"
            )


def _notes(
    statistics: Statistics,
    dropped: Mapping[str, int],
    cut_out: tuple[str, ...],
    shared: Mapping[str, tuple[str, ...]],
) -> Iterator[str]:
    for name in cut_out:
        number = _plural(statistics.splits[name].rows, "row")
        yield f"{name}: {number} cut out of the training rows by a stratified hash of the text"
    for reason, rows in dropped.items():
        if rows:
            yield f"dropped: {_plural(rows, 'row')} ({reason.replace('_', ' ')})"
    for pair, texts in statistics.overlap.items():
        if texts:
            examples = ", ".join(f"'{excerpt(text)}'" for text in shared.get(pair, ()))
            such = f": {examples}" + ", ..." * (texts > len(shared[pair])) if examples else ""
            yield (
                f"{pair.replace('&', ' and ')} share {_plural(texts, 'text')}, which flatters the figures on them{such}"
            )
    for name, split in statistics.splits.items():
        yield from _notes_on_split(name, split)


def _notes_on_split(name: str, split: SplitStatistics) -> Iterator[str]:
    if split.duplicates:
        repeat = "repeats" if split.duplicates == 1 else "repeat"
        yield f"{name}: {_plural(split.duplicates, 'row')} {repeat} the text of an earlier row"
    unknown = unknown_share(split)
    if unknown > MANY_UNKNOWN:
        yield f"{name}: the model's vocabulary does not know {unknown:.0%} of the tokens; is it for this language?"
    missing = [label for label, rows in split.label_counts.items() if not rows]
    if missing:
        shown = ", ".join(map(excerpt, missing[:NAMED_LABELS])) + ", ..." * (len(missing) > NAMED_LABELS)
        yield f"{name}: no row has the label{'s' * (len(missing) > 1)} {shown}"


def _plural(number: int, thing: str) -> str:
    return f"{number} {thing}" if number == 1 else f"{number} {thing}s"


def _counted(split: Split, hashes: NDArray[np.uint64], labels: LabelMap) -> SplitStatistics:
    lengths = packed_lengths(*piece_lengths(split))
    counts = (
        split.truth.sum(axis=0)
        if labels.multilabel
        else np.bincount(split.truth[split.truth != OUT_OF_SCOPE], minlength=len(labels.names))
    )
    return SplitStatistics(
        rows=len(split),
        label_counts={label: int(count) for label, count in zip(labels.names, counts, strict=True)},
        lengths=tuple(np.bincount(lengths).tolist()) if len(lengths) else (0,),
        tokens=int(lengths.sum(dtype=np.int64)),
        unknown_tokens=int(split.store.unknown[split.rows].sum(dtype=np.int64)),
        duplicates=duplicates(hashes),
        out_of_scope=0 if labels.multilabel else int((split.truth == OUT_OF_SCOPE).sum()),
    )
