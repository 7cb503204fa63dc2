"""Texts that are decoded when they are looked at are those that are there."""

from __future__ import annotations

import numpy as np
import pytest
from made_stores import split_of, store

from tfclassify.data.labelling import texts_of
from tfclassify.data.mapped_texts import mapped_names, mapped_texts

TEXTS = ["a", "", "é漢", "b\nc"]


def test_they_are_those_of_the_rows() -> None:
    split = split_of(store(TEXTS), [3, 0, 2], [0, 0, 0])
    found = mapped_texts(split)
    assert len(found) == 3
    assert list(found) == ["b\nc", "a", "é漢"]
    assert found[-1] == "é漢"
    assert found[1:] == ["a", "é漢"]
    assert tuple(mapped_texts(split, np.array([2]))) == texts_of(split, np.array([2]))
    with pytest.raises(IndexError):
        found[3]
    assert mapped_names(split) == ()


def test_pairs_have_a_line_between_them() -> None:
    split = split_of(store(TEXTS[:2], texts_b=["x", "y"]), [0, 1], [0, 0])
    assert list(mapped_texts(split)) == ["a\nx", "\ny"]
