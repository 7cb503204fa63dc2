"""Texts that are nearly the same: found by MinHash, counted only where their shingles really agree."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from functools import lru_cache
from itertools import combinations
from zlib import crc32

import numpy as np

from tfclassify.checkup.data.material import Material, example, of_how_many, portion
from tfclassify.checkup.finding import Example, Finding, graded
from tfclassify.quality.report.wording import plural

ALIKE = 0.8
PERMUTATIONS = 128
CHARACTERS, WORDS = 5, 3
# From so many words on, shingles are of words: a long text has as many shingles of letters as it has letters.
LONG = 60
MOST_ROWS, MOST_CHARACTERS = 30_000, 20_000_000
MANY_WITHIN, MANY_ACROSS, TOO_MANY_ACROSS = 0.05, 0.01, 0.1
NO_WORD = re.compile(r"[\W_]+")

Shingles = frozenset[bytes]
Place = tuple[str, int]


def near_repeats(material: Material) -> list[Finding]:
    """Finds texts that are nearly the text of another row, of the same split or of another one."""
    pairs = near_pairs(material)
    within = [finding for name in material.splits for finding in _within(material, name, pairs)]
    across = [finding for sides in combinations(material.splits, 2) for finding in _across(material, sides, pairs)]
    return [*across, *within]


@lru_cache(maxsize=1)
def near_pairs(material: Material) -> Mapping[tuple[Place, Place], float]:
    """Finds pairs of rows (split, place in the sample) whose texts differ, by at most a fifth of their shingles.

    Shingles are of five characters, or of three words in long texts, of the text in lower case without punctuation.
    Candidates come from MinHash with 128 permutations; what they share is then counted.

    Returns:
        The Jaccard similarity of each pair, 0.8 to 1.

    Source: A. Broder, "On the resemblance and containment of documents", SEQUENCES 1997.
    """
    rows = [
        (name, int(place))
        for name, split in material.splits.items()
        for place in portion(split, rows=MOST_ROWS, characters=MOST_CHARACTERS, seed=material.seed)
    ]
    # Of equal texts of a split one stands for all: that they are equal is another finding.
    chosen = list({(name, _hash(material, (name, place))): (name, place) for name, place in reversed(rows)}.values())
    chosen.reverse()
    shingles = [shingles_of(material.splits[name].texts[place]) for name, place in chosen]
    return {
        (chosen[left], chosen[right]): similarity
        for left, right in _candidates(shingles, seed=material.seed)
        if _hash(material, chosen[left]) != _hash(material, chosen[right])
        if (similarity := _jaccard(shingles[left], shingles[right])) >= ALIKE
    }


def shingles_of(text: str) -> Shingles:
    """Returns the shingles of a text, each as UTF-8."""
    plain = NO_WORD.sub(" ", text.casefold()).strip()
    words = plain.split()
    parts: Sequence[str] = words if len(words) >= LONG else plain
    size, glue = (WORDS, " ") if len(words) >= LONG else (CHARACTERS, "")
    last = max(1, len(parts) - size + 1)
    return frozenset(glue.join(parts[start : start + size]).encode() for start in range(last)) if plain else frozenset()


def _candidates(shingles: Sequence[Shingles], *, seed: int) -> Iterator[tuple[int, int]]:
    from datasketch import MinHash, MinHashLSH

    index = MinHashLSH(threshold=ALIKE - 0.1, num_perm=PERMUTATIONS)
    filled = [place for place, each in enumerate(shingles) if each]
    made = MinHash.generator(
        (shingles[place] for place in filled), num_perm=PERMUTATIONS, seed=seed + 1, hashfunc=crc32
    )
    for place, sketch in zip(filled, made, strict=True):
        for other in index.query(sketch):
            yield int(other), place
        index.insert(place, sketch, check_duplication=False)


def _jaccard(left: Shingles, right: Shingles) -> float:
    return len(left & right) / len(left | right)


def _hash(material: Material, row: Place) -> int:
    split = material.splits[row[0]]
    return int(split.hashes[split.sample[row[1]]])


def _within(material: Material, name: str, pairs: Mapping[tuple[Place, Place], float]) -> Iterator[Finding]:
    later = sorted({right[1] for left, right in pairs if left[0] == right[0] == name})
    split = material.splits[name]
    if not later:
        return
    looked_at = min(len(split.texts), MOST_ROWS)
    yield Finding(
        name="near_repeats",
        severity=graded(len(later) / looked_at, warning=MANY_WITHIN, serious=1.1),
        sentence=f"{name}: {plural(len(later), 'text')}{of_how_many(looked_at, len(split))} nearly "
        f"{'repeats' if len(later) == 1 else 'repeat'} an earlier one.",
        cost="There is less to learn, or to judge by, than the number of rows says.",
        remedy="keep one of each where they say the same; data.duplicates=drop takes out exact repeats only",
        counts={"texts": len(later), "of": looked_at},
        examples=_examples(material, [pair for pair in pairs if pair[0][0] == pair[1][0] == name]),
        rows={name: _numbers(material, name, later)},
    )


def _across(
    material: Material, sides: tuple[str, str], pairs: Mapping[tuple[Place, Place], float]
) -> Iterator[Finding]:
    left, right = sides
    between = [pair for pair in pairs if {pair[0][0], pair[1][0]} == {left, right}]
    shared = sorted({row[1] for pair in between for row in pair if row[0] == right})
    if not shared:
        return
    split = material.splits[right]
    looked_at = min(len(split.texts), MOST_ROWS)
    share = len(shared) / looked_at
    yield Finding(
        name="near_shared_texts",
        severity=graded(share, warning=MANY_ACROSS, serious=TOO_MANY_ACROSS),
        sentence=f"{right}: {plural(len(shared), 'text')} of {looked_at:,}{of_how_many(looked_at, len(split))} nearly "
        f"{'repeats' if len(shared) == 1 else 'repeat'} one of {left}.",
        cost=f"Figures on {right} are up to {share:.1%} better than on texts that are new.",
        remedy=f"keep all versions of a text in one split: take them out of {left}, or split anew by what they share",
        counts={"texts": len(shared), "of": looked_at},
        examples=_examples(material, between),
        rows={right: _numbers(material, right, shared)},
    )


def _examples(material: Material, pairs: Sequence[tuple[Place, Place]]) -> tuple[Example, ...]:
    """Shows both sides of the first pairs."""
    shown = []
    for left, right in pairs[: material.shown]:
        shown += [example(material, *left, remark="is nearly the next one"), example(material, *right)]
    return tuple(shown)


def _numbers(material: Material, name: str, places: Sequence[int]) -> tuple[int, ...]:
    split = material.splits[name]
    return tuple(split.numbers[split.sample[np.array(places, np.int64)]].tolist())
