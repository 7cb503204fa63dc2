"""What is counted of a corpus, by hand; what is said of it, word for word."""

from __future__ import annotations

from typing import Any

import pytest
from made_stores import split_of, store

from tfclassify.data.describing import notes_on, statistics_of
from tfclassify.data.labelling import LabelMap
from tfclassify.planning.statistics import SplitStatistics, Statistics

LABELS = LabelMap(("a", "b", "c"), multilabel=False, out_of_scope="none")


def test_counts_of_single_texts() -> None:
    train = split_of(store(["ab", "c?d?", "ab", "", "left out"]), [0, 1, 2, 3], [0, 1, 0, 0])
    test = split_of(store(["ab", "new", "zz", "new", "?"]), [0, 1, 2, 3, 4], [2, -1, -1, 2, 1])
    statistics = statistics_of({"train": train, "test": test}, LABELS)
    assert statistics.splits["train"] == SplitStatistics(
        rows=4,
        label_counts={"a": 3, "b": 1, "c": 0},
        lengths=(0, 0, 1, 0, 2, 0, 1),
        tokens=16,
        unknown_tokens=2,
        duplicates=1,
        out_of_scope=0,
    )
    assert statistics.splits["test"] == SplitStatistics(
        rows=5,
        label_counts={"a": 0, "b": 1, "c": 2},
        lengths=(0, 0, 0, 1, 2, 2),
        tokens=21,
        unknown_tokens=1,
        duplicates=1,
        out_of_scope=2,
    )
    assert (statistics.labels, statistics.multilabel, statistics.pairs) == (("a", "b", "c"), False, False)
    assert statistics.overlap == {"train&test": 1}


def test_counts_of_pairs_with_several_labels() -> None:
    pairs = store(["ab", "c"], texts_b=["xyz", ""])
    train = split_of(pairs, [0, 1], [[True, True], [False, True]])
    empty = split_of(store([], texts_b=[]), [], [[True, True]][:0])
    statistics = statistics_of({"train": train}, LabelMap(("a", "b"), multilabel=True))
    assert statistics.splits["train"].label_counts == {"a": 1, "b": 2}
    assert statistics.splits["train"].lengths == (0, 0, 0, 0, 1, 0, 0, 0, 1)
    assert statistics.splits["train"].out_of_scope == 0
    assert (statistics.multilabel, statistics.pairs, statistics.overlap) == (True, True, {})
    assert len(empty) == 0


def test_a_split_without_rows() -> None:
    train = split_of(store(["a", "b"]), [0, 1], [0, 1])
    none = split_of(store(["a", "b"]), [], [])
    statistics = statistics_of({"train": train, "validation": none}, LABELS)
    expected = SplitStatistics(0, {"a": 0, "b": 0, "c": 0}, (0,), 0, 0, 0, 0)
    assert statistics.splits["validation"] == expected


def test_every_two_splits_are_compared() -> None:
    splits = {
        "train": split_of(store(["p", "q", "r"]), [0, 1, 2], [0, 1, 2]),
        "validation": split_of(store(["q", "r"]), [0, 1], [1, 2]),
        "test": split_of(store(["r", "r", "s"]), [0, 1, 2], [2, 2, 0]),
    }
    expected = {"train&validation": 2, "train&test": 1, "validation&test": 1}
    assert statistics_of(splits, LABELS).overlap == expected


def known(**splits: Any) -> Statistics:
    """Statistics with nothing odd in them but what is given for a split."""
    plain = {"rows": 9, "label_counts": {"a": 5, "b": 4}, "lengths": (0, 9), "tokens": 9, "unknown_tokens": 0}
    made = {
        name: SplitStatistics(**{**plain, "duplicates": 0, "out_of_scope": 0, **more}) for name, more in splits.items()
    }
    return Statistics(made, ("a", "b"), False, False, {})


def notes(statistics: Statistics, cut_out: tuple[str, ...] = (), **dropped: int) -> tuple[str, ...]:
    return notes_on(statistics, dropped=dropped, cut_out=cut_out)


def test_nothing_odd_is_no_note() -> None:
    assert notes(known(train={}, test={}), empty=0, bad=0) == ()


@pytest.mark.parametrize(
    ("statistics", "more", "expected"),
    [
        (
            known(train={}, validation={"rows": 7}),
            {"cut_out": ("validation",)},
            "validation: 7 rows cut out of the training rows by a stratified hash of the text",
        ),
        (known(train={}), {"out_of_scope": 3}, "dropped: 3 rows (out of scope)"),
        (known(train={}), {"unknown_label": 2}, "dropped: 2 rows (unknown label)"),
        (known(train={}), {"bad": 1}, "dropped: 1 row (bad)"),
        (known(train={"duplicates": 4}), {}, "train: 4 rows repeat the text of an earlier row"),
        (
            known(train={"tokens": 100, "unknown_tokens": 31}),
            {},
            "train: the model's vocabulary does not know 31% of the tokens; is it for this language?",
        ),
        (known(test={"label_counts": {"a": 9, "b": 0}}), {}, "test: no row has the label b"),
        (known(test={"label_counts": {"a": 0, "b": 0}}), {}, "test: no row has the labels a, b"),
        (
            known(test={"label_counts": dict.fromkeys("abcdefg", 0)}),
            {},
            "test: no row has the labels a, b, c, d, e, ...",
        ),
    ],
)
def test_notes(statistics: Statistics, more: dict[str, Any], expected: str) -> None:
    assert notes(statistics, **more) == (expected,)


def test_texts_that_splits_share() -> None:
    statistics = statistics_of(
        {
            "train": split_of(store(["p", "q"]), [0, 1], [0, 1]),
            "test": split_of(store(["q", "q", "r"]), [0, 1, 2], [0, 1, 2]),
        },
        LabelMap(("a", "b", "c"), multilabel=False),
    )
    assert notes_on(statistics, dropped={}, cut_out=()) == (
        "train and test share 1 text, which flatters the figures on them",
        "train: no row has the label c",
        "test: 1 row repeats the text of an earlier row",
    )
