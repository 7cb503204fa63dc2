"""Texts that are there more than once, found among a few rows by hand and in real data by their known counts."""

from __future__ import annotations

import numpy as np
import pytest
from made_stores import split_of, store

from tfclassify.data import texts as texts_module
from tfclassify.data.labelling import Split
from tfclassify.data.repeats import notes_on_repeats, shared_texts
from tfclassify.data.texts import folded, looked_at, some_texts


def rows(*texts: str, truth: list[int] | None = None, texts_b: list[str] | None = None) -> Split:
    return split_of(store(texts, texts_b=texts_b), range(len(texts)), truth or [0] * len(texts))  # type: ignore[arg-type]


def test_shared_texts_are_shown() -> None:
    splits = {"train": rows("a", "b", "c", "d", "e"), "test": rows("e", "c", "a", "b", "x"), "validation": rows("y")}
    assert shared_texts(splits) == {"train&test": ("a", "b", "c"), "train&validation": (), "test&validation": ()}


def test_texts_with_other_labels() -> None:
    splits = {
        "train": rows("a", "b", "a", "b", "a", truth=[0, 1, 1, 1, 0]),
        "test": rows("c", "c", "d", "d", truth=[0, 1, 1, 0]),
    }
    assert list(notes_on_repeats(splits)) == [
        "train: 1 text has different labels in different rows, such as 'a'",
        "test: 2 texts have different labels in different rows, such as 'c'",
    ]


def test_texts_with_other_sets_of_labels() -> None:
    several = split_of(
        store(["a", "a", "b", "b"]), range(4), [[True, False], [True, True], [False, True], [False, True]]
    )
    assert list(notes_on_repeats({"train": several})) == [
        "train: 1 text has different labels in different rows, such as 'a'"
    ]


def test_nearly_the_same_texts() -> None:
    splits = {
        "train": rows("Good, I say!", "🙂", "çA va", "x 1"),
        "validation": rows("good i say", "🙃", "Good, I say!", "x 2"),
        "test": rows("!", "ÇA VA.", "X-1", "new"),
    }
    assert list(notes_on_repeats(splits)) == [
        "validation: 1 row differs from a training text only in case, spaces or punctuation, such as 'good i say'",
        "test: 2 rows differ from a training text only in case, spaces or punctuation, such as 'ÇA VA.'",
    ]


def test_pairs_are_the_same_where_both_texts_are() -> None:
    splits = {
        "train": rows("a", "b", texts_b=["x", "y"]),
        "test": rows("A", "B", "a", texts_b=["X", "x", "x"]),
    }
    assert list(notes_on_repeats(splits)) == [
        "test: 1 row differs from a training text only in case, spaces or punctuation, such as 'A\nX'"
    ]


def test_texts_are_read_as_they_are(monkeypatch: pytest.MonkeyPatch) -> None:
    split = split_of(store(["é", "", "日本", "a b"]), [3, 1, 0, 2], [0] * 4)
    assert some_texts(split, np.array([0, 2, 3, 1], np.int32)).to_pylist() == ["a b", "é", "日本", ""]
    assert looked_at(split).tolist() == [0, 1, 2, 3]
    monkeypatch.setattr(texts_module, "LOOKED_AT_BYTES", 6)
    assert looked_at(split).tolist() == [0, 2]


def test_what_is_no_letter_stays() -> None:
    split = rows("Don't!", "...", "ﬁne", "", "A\u0301 1", "\u00c1 1")
    assert folded(some_texts(split, looked_at(split))).to_pylist() == [
        "dont",
        "...",
        "fine",
        "",
        "a\u03011",
        "a\u03011",
    ]


def test_thinned_out_texts_are_said(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(texts_module, "LOOKED_AT_BYTES", 3)
    splits = {"train": rows("a"), "test": rows("A", "b", "A", "c", "A", "d")}
    (note,) = notes_on_repeats(splits)
    assert note.startswith("test: 3 rows differ of 3 looked at from a training text")
