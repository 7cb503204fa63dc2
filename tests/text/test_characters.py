"""The table of characters is what the reference does, and nothing is lost on the way into arrays."""

from __future__ import annotations

import unicodedata
from pathlib import Path

import numpy as np
import pytest
import reference_tokenizer
from reference_tokenizer import HANGUL

from tfclassify.text.characters import (
    ALONE,
    ANYWHERE,
    DROP,
    FILE,
    HOLDS_BACK,
    KIND_MASK,
    LETTER,
    ORDER_BITS,
    ORDER_MASK,
    PAGE_BITS,
    RARE,
    SHIFT_BITS,
    SPACE,
    Characters,
    characters,
)


def entry(table: Characters, code: int) -> int:
    return int(table.entries[code + table.pages[code >> PAGE_BITS]])


def kind(table: Characters, code: int) -> int:
    return entry(table, code) & KIND_MASK


# Whether words are the reference's for every code point is looked at in each run of the tests, in test_words.py.
@pytest.mark.slow
@pytest.mark.long
def test_the_table_is_what_the_reference_does(tmp_path: Path) -> None:
    reference_tokenizer.main(tmp_path / "characters.tsv")
    assert (tmp_path / "characters.tsv").read_text(encoding="utf-8") == FILE.read_text(encoding="utf-8")


@pytest.mark.parametrize("lower_case", [True, False])
def test_kinds(lower_case: bool) -> None:
    table = characters(lower_case=lower_case)
    expected = {" ": SPACE, "\t": SPACE, "\u3000": SPACE, "a": LETTER, "é": LETTER, ".": ALONE, "中": ALONE, "\0": DROP}
    assert {character: kind(table, ord(character)) for character in expected} == expected
    assert kind(table, 0x301) == (DROP if lower_case else LETTER)
    # Only without its stroke is it punctuation.
    assert kind(table, ord("≠")) == (ALONE if lower_case else LETTER)


def test_shifts_lead_to_the_letter_that_stands_for_another() -> None:
    uncased, cased = characters(lower_case=True), characters(lower_case=False)
    for before, after in ("Aa", "ée", "Èe", "Жж", "Ωω", "Κκ", "ẞß", "豈豈", "𐐀𐐨", "≠="):
        assert ord(before) + (entry(uncased, ord(before)) >> SHIFT_BITS) == ord(after)
        assert entry(cased, ord(before)) >> SHIFT_BITS == 0


def test_hangul_syllables_fall_into_parts() -> None:
    table = characters(lower_case=True)
    expected = {code: [ord(part) for part in unicodedata.normalize("NFD", chr(code))] for code in HANGUL}
    rows = dict(zip(table.composed.tolist(), table.parts.tolist(), strict=True))
    assert {code: [part for part in rows[code] if part >= 0] for code in HANGUL} == expected
    assert all(entry(table, code) & RARE for code in rows)


def test_composed_characters_can_be_searched() -> None:
    table = characters(lower_case=True)
    assert np.all(np.diff(table.composed) > 0)
    assert table.parts.shape == (len(table.composed), 3)
    assert len(characters(lower_case=False).composed) == 0


def test_marks_that_stay_have_the_order_of_their_classes() -> None:
    table = characters(lower_case=True)
    order = {code: entry(table, code) >> ORDER_BITS & ORDER_MASK for code in (0x61, 0x301, 0x1B44, 0x1D165, 0x302E)}
    assert order[0x61] == HOLDS_BACK < order[0x1B44] < order[0x1D165] < order[0x302E] < order[0x301] == ANYWHERE
    assert entry(table, 0x302E) & RARE
    assert not entry(table, 0x301) & RARE


@pytest.mark.parametrize("lower_case", [True, False])
def test_the_arrays_are_small(lower_case: bool) -> None:
    table = characters(lower_case=lower_case)
    assert table.pages.shape == (0x110000 >> PAGE_BITS,)
    assert table.entries.nbytes + table.pages.nbytes + table.parts.nbytes + table.composed.nbytes < 400_000
