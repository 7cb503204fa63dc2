"""Names of labels that are likely slips; every note word for word."""

from __future__ import annotations

import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tfclassify.data.label_names import MOST_LABELS, check_label_count, notes_on_label_names
from tfclassify.data.sources import Columns
from tfclassify.errors import UsageError

ONE = Columns("text", label="label")
ONE_NAME = "if they are one class, give them one name"


def notes(*names: str, columns: Columns = ONE) -> list[str]:
    return list(notes_on_label_names({name: place for place, name in enumerate(names, 1)}, columns))


@pytest.mark.parametrize(
    ("names", "expected"),
    [
        (("a", "b", "A b"), []),
        (
            ("pos", "Pos"),
            [f"labels 'Pos' (2 rows) and 'pos' (1 row) differ only in case, spaces or forms of letters; {ONE_NAME}"],
        ),
        (
            ("a  b", "a b "),
            [f"labels 'a  b' (1 row) and 'a b ' (2 rows) differ only in case, spaces or forms of letters; {ONE_NAME}"],
        ),
        (("1", "1.0"), [f"labels '1' (1 row) and '1.0' (2 rows) differ as text, but not as numbers; {ONE_NAME}"]),
        (("1", "2", "10"), []),
        (("1", "01"), [f"labels '01' (2 rows) and '1' (1 row) differ as text, but not as numbers; {ONE_NAME}"]),
        (("null", "b"), ["labels that may stand for a missing value: 'null'; if so, leave such rows out"]),
        (("none", "b"), []),
        (("a|b", "b"), ["labels with '|' in them: 'a|b'; if a row may have several labels, set data.labels=label"]),
    ],
)
def test_notes(names: tuple[str, ...], expected: list[str]) -> None:
    assert notes(*names) == expected


def test_a_group_is_named_once_and_by_the_least_difference() -> None:
    composed, apart = "é", unicodedata.normalize("NFD", "é")
    (note,) = notes(composed, apart)
    assert "only in how Unicode composes their letters (NFC, NFD)" in note
    first, second = notes(composed, apart, "É")
    assert "NFC" in first
    assert "case" in second


def test_not_every_group_is_named() -> None:
    found = notes(*(f"{kind}{place}" for place in range(8) for kind in "xX"))
    assert len(found) == 6
    assert found[-1] == "3 more groups of labels differ in as little"


def test_long_names_are_cut() -> None:
    (note,) = notes("g" * 10_000, "G" * 10_000)
    assert len(note) < 300


def test_several_labels_a_row_have_no_separator_in_them() -> None:
    assert notes("a|b", "c", columns=Columns("text", labels="labels", label_separator=";")) == []


@given(st.lists(st.text(st.characters(exclude_categories=["Cs"]), min_size=1, max_size=4), unique=True, max_size=6))
def test_any_names(names: list[str]) -> None:
    for note in notes(*names):
        assert note


def test_free_text_is_no_label() -> None:
    check_label_count(MOST_LABELS, ONE, "FILE")
    with pytest.raises(UsageError) as caught:
        check_label_count(MOST_LABELS + 1, ONE, "FILE")
    assert str(caught.value) == (
        "FILE: column 'label' has more than 100,000 different labels, as free text has; "
        "expected the column of the classes: set data.label"
    )
