"""Drift between splits: what is learnt from and what is judged by differ by more than chance."""

from __future__ import annotations

import re
from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray
from scipy.stats import chi2_contingency, ks_2samp, norm

from tfclassify.checkup.data.counting import rows_per_label
from tfclassify.checkup.data.material import Material, portion
from tfclassify.checkup.finding import Finding
from tfclassify.quality.report.wording import label_text

# So unlikely by chance, in any of the comparisons that are made, that one check-up in a thousand cries wolf.
CHANCE = 0.001
KINDS = 3
# What is too small to matter, however sure: a share of rows under another label, a distance of distributions.
LABEL_DISTANCE, LENGTH_DISTANCE, STRANGE_FACTOR = 0.1, 0.1, 1.5
ANEW = "if they should be alike, put all rows into data.train and leave the others out: they are cut from it at random"
FEWEST_ROWS = 50
MOST_ROWS, MOST_CHARACTERS = 20_000, 10_000_000
WORD = re.compile(r"\w+")
# Text without spaces has no words in this sense; its characters take their place.
LONG_WORD = 20


def drift(material: Material) -> list[Finding]:
    """Compares the rows to judge by with the training rows, by label, length and words."""
    others = [name for name in material.splits if name != "train"]
    limit = CHANCE / max(1, KINDS * len(others))
    found: list[Finding] = []
    for name in others:
        if min(len(material.splits[name]), len(material.splits["train"])) >= FEWEST_ROWS:
            for compare in (_labels, _lengths, _words):
                found += compare(material, name, limit)
    return found


def _labels(material: Material, name: str, limit: float) -> Iterator[Finding]:
    train, other = (rows_per_label(material.splits[each], material.label_sets) for each in ("train", name))
    labels = sorted({*train, *other})
    table = np.array([[counts.get(label, 0) for label in labels] for counts in (train, other)], np.float64)
    shares = table / table.sum(axis=1, keepdims=True)
    distance = float(np.abs(shares[0] - shares[1]).sum() / 2)
    chance = float(chi2_contingency(_common(table)).pvalue)
    if chance >= limit or distance < LABEL_DISTANCE:
        return
    most = int(np.abs(shares[0] - shares[1]).argmax())
    yield Finding(
        name="label_drift",
        severity="warning",
        sentence=f"{name}: {distance:.0%} of the rows would need another label for labels to be as frequent as in "
        f"train; most differs “{label_text(labels[most])}” ({shares[0, most]:.1%} in train, {shares[1, most]:.1%} in "
        f"{name}; p {_p(chance)}).",
        cost="Scores are calibrated to, and classes weighed by, other shares than those judged by.",
        remedy=ANEW,
        counts={"distance": distance, "p": chance},
    )


def _common(table: NDArray[np.float64]) -> NDArray[np.float64]:
    """Adds up the columns for which a chi-square is no approximation: those with fewer than five rows expected."""
    expected = table.sum(axis=0) * table.sum(axis=1).min() / table.sum()
    rare = expected < 5
    folded = np.column_stack([table[:, ~rare], table[:, rare].sum(axis=1)]) if rare.any() else table
    return folded[:, folded.sum(axis=0) > 0]


def _lengths(material: Material, name: str, limit: float) -> Iterator[Finding]:
    train, other = ([len(text) for text in material.splits[each].texts] for each in ("train", name))
    found = ks_2samp(train, other, method="asymp")
    if found.pvalue >= limit or found.statistic < LENGTH_DISTANCE:
        return
    yield Finding(
        name="length_drift",
        severity="note",
        sentence=f"{name}: texts have {np.median(other):,.0f} characters in the middle, those of train "
        f"{np.median(train):,.0f}; the distributions are {found.statistic:.2f} apart (p {_p(float(found.pvalue))}).",
        cost="The longest input and the batch shapes are planned for all, but learnt are only lengths like those of "
        "train.",
        remedy=ANEW,
        counts={"distance": float(found.statistic), "p": float(found.pvalue)},
    )


def _words(material: Material, name: str, limit: float) -> Iterator[Finding]:
    """Compares the share of texts with a word that train lacks with that of a part of train against its rest."""
    train, other = (_bags(material, each) for each in ("train", name))
    held = np.random.default_rng(material.seed).permutation(len(train))[: min(len(train) // 5, len(other))]
    kept = np.setdiff1d(np.arange(len(train)), held)
    known = set[str]().union(*(train[row] for row in kept))
    strange = np.array([_strange(other[row], known) for row in range(len(other))])
    expected = np.array([_strange(train[row], known) for row in held])
    spread = np.sqrt(strange.var() / len(strange) + expected.var() / len(expected))
    gap = float(strange.mean() - expected.mean())
    chance = float(norm.sf(gap / spread)) if spread > 0 else 1.0
    if chance >= limit or strange.mean() < STRANGE_FACTOR * max(expected.mean(), 0.01):
        return
    yield Finding(
        name="word_drift",
        severity="warning",
        sentence=f"{name}: {strange.mean():.1%} of the words of a text are not in train, where {expected.mean():.1%} "
        f"would be expected (p {_p(chance)}).",
        cost="These texts are about other things, or written otherwise, than those that are learnt from.",
        remedy=f"add training rows like them; or, {ANEW}",
        counts={"share": float(strange.mean()), "expected": float(expected.mean()), "p": chance},
    )


def _bags(material: Material, name: str) -> list[frozenset[str]]:
    split = material.splits[name]
    places = portion(split, rows=MOST_ROWS, characters=MOST_CHARACTERS, seed=material.seed)
    return [frozenset(_pieces(split.texts[place])) for place in places]


def _pieces(text: str) -> Iterator[str]:
    for word in WORD.findall(text.casefold()):
        if len(word) > LONG_WORD or not word.isascii():
            yield from word
        else:
            yield word


def _strange(words: frozenset[str], known: set[str]) -> float:
    return len(words - known) / len(words) if words else 0.0


def _p(chance: float) -> str:
    return f"= {chance:.1g}" if chance >= 1e-12 else "< 1e-12"
