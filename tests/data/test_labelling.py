"""Labels as numbers: the map is the training rows', and every row that has none is said or counted."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from made_stores import split_of, store

from tfclassify.data.labelling import LabelMap, chosen, in_scope, label_map, labelled, texts_of
from tfclassify.data.token_store import CHUNK_ROWS, TokenStore
from tfclassify.errors import UsageError

NAMES = ("card", "loan", "other")


def rows(*labels: str | list[str]) -> TokenStore:
    return store([f"text {place}" for place in range(len(labels))], labels)


def mapped(made: TokenStore, *, out_of_scope: str | None = None, multilabel: bool = False, **more: object) -> LabelMap:
    return label_map(made, multilabel=multilabel, out_of_scope=out_of_scope, location="rows.csv", **more)  # type: ignore[arg-type]


def refused(made: TokenStore, **more: object) -> str:
    with pytest.raises(UsageError) as caught:
        mapped(made, **more)  # type: ignore[arg-type]
    return str(caught.value)


def test_labels_are_sorted_and_numbered() -> None:
    labels = mapped(rows("b", "a", "Z", "b", "ä"))
    assert labels == LabelMap(("Z", "a", "b", "ä"), multilabel=False)
    assert labels.numbers == {"Z": 0, "a": 1, "b": 2, "ä": 3}


def test_out_of_scope_is_no_class() -> None:
    labels = mapped(rows("b", "none", "a"), out_of_scope="none")
    assert labels == LabelMap(("a", "b"), multilabel=False, out_of_scope="none")
    assert labels.numbers == {"a": 0, "b": 1, "none": -1}


def test_only_rows_that_are_not_learnt_from_may_be_out_of_scope() -> None:
    labels = mapped(rows("b", "a"), out_of_scope="none", others=[rows("a"), rows("none", "b")])
    assert labels == LabelMap(("a", "b"), multilabel=False, out_of_scope="none")


def test_nothing_is_out_of_scope() -> None:
    assert refused(rows("a", "b", "none"), out_of_scope="non", others=[rows("a")]) == (
        "data.out_of_scope_label is 'non', which no row of rows.csv has; did you mean 'none'?"
    )
    assert refused(rows("a", "b"), out_of_scope="xyz") == (
        "data.out_of_scope_label is 'xyz', which no row of rows.csv has"
    )


def test_out_of_scope_with_several_labels_a_row() -> None:
    assert refused(rows(["a"], ["b"]), out_of_scope="a", multilabel=True) == (
        "data.out_of_scope_label is for tasks with one label a row; in a multi-label task leave the labels of such "
        "rows empty"
    )


@pytest.mark.parametrize(
    ("made", "more", "found"),
    [
        (rows("a", "a"), {}, "only the label 'a'"),
        (rows("a", "none"), {"out_of_scope": "none"}, "only the label 'a'"),
        (rows([], []), {"multilabel": True}, "no label"),
    ],
)
def test_too_few_labels(made: TokenStore, more: dict[str, object], found: str) -> None:
    assert refused(made, **more) == f"rows.csv has {found}; expected at least two labels to tell apart"


# Rows with numbers


def test_every_row_gets_its_number() -> None:
    labels = LabelMap(NAMES, multilabel=False, out_of_scope="none")
    split, dropped = labelled(rows("other", "card", "none", "loan"), labels, name="test", unknown="fail")
    assert split.rows.tolist() == [0, 1, 2, 3]
    assert split.truth.tolist() == [2, 0, -1, 1]
    assert (split.rows.dtype, split.truth.dtype, dropped) == (np.int32, np.int32, 0)


def test_rows_of_an_unknown_label_are_dropped_and_counted() -> None:
    made = rows("card", "x", "loan", "y", "x")
    split, dropped = labelled(made, LabelMap(NAMES, multilabel=False), name="test", unknown="drop")
    assert split.rows.tolist() == [0, 2]
    assert split.truth.tolist() == [0, 1]
    assert dropped == 3


def test_several_labels_a_row() -> None:
    made = rows(["loan", "card"], [], ["other"], ["card", "card"], ["card", "x"])
    split, dropped = labelled(made, LabelMap(NAMES, multilabel=True), name="test", unknown="drop")
    # A row with one unknown label among others is no row that anything could be said about.
    assert split.rows.tolist() == [0, 1, 2, 3]
    assert split.truth.astype(int).tolist() == [[1, 1, 0], [0, 0, 0], [0, 0, 1], [1, 0, 0]]
    assert (split.truth.dtype, dropped) == (bool, 1)


def unknown(made: TokenStore, name: str = "test", *, multilabel: bool = False) -> str:
    with pytest.raises(UsageError) as caught:
        labelled(made, LabelMap(NAMES, multilabel), name=name, unknown="fail")
    return str(caught.value)


def test_unknown_labels_are_named() -> None:
    assert unknown(rows("card", "crad")) == (
        "data.test has 1 row whose label no training row has: 'crad'; correct them, or set data.unknown_labels=drop; "
        "did you mean 'card'?"
    )
    assert unknown(rows("q", "q", "card", "r"), "validation") == (
        "data.validation has 3 rows whose labels no training row has: 'q', 'r'; correct them, or set "
        "data.unknown_labels=drop"
    )
    assert unknown(rows(*"qrstuvw")) == (
        "data.test has 7 rows whose labels no training row has: 'q', 'r', 's', 't', 'u', ...; correct them, or set "
        "data.unknown_labels=drop"
    )
    assert unknown(rows(["card", "q"], ["q"]), multilabel=True) == (
        "data.test has 2 rows whose labels no training row has: 'q'; correct them, or set data.unknown_labels=drop"
    )


@given(st.lists(st.sampled_from(["card", "loan", "other", "none", "x", "y"]), max_size=20))
def test_every_row_is_numbered_or_dropped(labels: list[str]) -> None:
    known = LabelMap(NAMES, multilabel=False, out_of_scope="none")
    split, dropped = labelled(rows(*labels), known, name="test", unknown="drop")
    assert len(split) + dropped == len(labels)
    names = {-1: "none", **dict(enumerate(NAMES))}
    assert [names[int(number)] for number in split.truth] == [label for label in labels if label not in ("x", "y")]


def test_chosen_rows() -> None:
    split = split_of(rows("a", "b", "a"), [2, 0, 1], [0, 0, 1])
    part = chosen(split, np.array([True, False, True]))
    assert (part.rows.tolist(), part.truth.tolist(), len(part)) == ([2, 1], [0, 1], 2)
    assert part.store is split.store


def test_which_rows_are_in_scope() -> None:
    assert in_scope(split_of(rows("a", "b", "a"), [0, 1, 2], [0, -1, 1])).tolist() == [True, False, True]
    several = split_of(rows(["a"], []), [0, 1], [[True], [False]])
    assert in_scope(several).tolist() == [True, True]


def test_the_texts_of_rows() -> None:
    single = split_of(store(["é", "日本", ""]), [1, 2, 0], [0, 0, 0])
    assert texts_of(single) == ("日本", "", "é")
    assert texts_of(single, np.array([2, 0])) == ("é", "日本")
    pairs = split_of(store(["a", "b"], texts_b=["x", ""]), [1, 0], [0, 0])
    assert texts_of(pairs) == ("b\n", "a\nx")


def test_texts_of_more_rows_than_are_read_at_a_time() -> None:
    texts = [f"text {row}" for row in range(CHUNK_ROWS + 1)]
    backwards = np.arange(len(texts))[::-1]
    assert texts_of(split_of(store(texts), backwards, np.zeros(len(texts), int))) == tuple(texts[::-1])
