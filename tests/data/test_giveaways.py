"""Labels that one token, or the way a row is called, gives away."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from made_stores import encoded, split_of, store

from tfclassify.data.giveaways import FEWEST_ROWS, notes_on_giveaways
from tfclassify.data.labelling import LabelMap, Split

NAMES = ("ham", "spam")


@pytest.fixture(scope="module")
def vocabulary(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Tokens by their code points, as the stores have them."""
    path = tmp_path_factory.mktemp("vocabulary") / "vocab.txt"
    path.write_text("\n".join(chr(point) if point >= 32 else "." for point in range(128)), encoding="utf-8")
    return path


def rows(texts: list[str], truth: list[int], ids: list[str] | None = None) -> Split:
    made = store(texts)
    return split_of(made if ids is None else replace(made, id=encoded(ids)), range(len(texts)), truth)


def texts(truth: list[int], marks: str) -> list[str]:
    """Texts of a letter that says the class, among others that do not."""
    return [f"{'pqrst'[place % 5]}{marks[label]}" for place, label in enumerate(truth)]


TRUTH = [0, 1] * 50
THREE = [0, 1, 2] * 50


def test_a_token_that_is_in_one_class_alone(vocabulary: Path) -> None:
    (note,) = notes_on_giveaways(rows(texts(TRUTH, "x."), TRUTH), LabelMap(NAMES, False), vocabulary)
    assert note == (
        "train: single tokens give 100.0% of the labels away: 'x' for 'ham'; "
        "if the label is written in the text, take it out"
    )


def test_tokens_of_all_classes_but_one(vocabulary: Path) -> None:
    labels = LabelMap(("a", "b", "c"), False)
    (note,) = notes_on_giveaways(rows(texts(THREE, "xyz"), THREE), labels, vocabulary)
    assert note == (
        "train: single tokens give 100.0% of the labels away: 'x' for 'a', 'y' for 'b'; "
        "if the label is written in the text, take it out"
    )
    assert not list(notes_on_giveaways(rows(texts(THREE, "xyy"), THREE), labels, vocabulary))


@pytest.mark.parametrize(("wrong", "noted"), [(1, True), (2, False)])
def test_nearly_all(vocabulary: Path, wrong: int, noted: bool) -> None:
    found = texts(TRUTH, "x.")
    for place in range(wrong):
        found[2 * place] = "p."
    assert bool(list(notes_on_giveaways(rows(found, TRUTH), LabelMap(NAMES, False), vocabulary))) == noted


def test_too_few_rows_say_nothing(vocabulary: Path) -> None:
    few = TRUTH[: FEWEST_ROWS - 1]
    assert not list(notes_on_giveaways(rows(texts(few, "xy"), few), LabelMap(NAMES, False), vocabulary))


@given(seed=st.integers(0, 2**16))
def test_chance_says_nothing(vocabulary: Path, seed: int) -> None:
    random = np.random.default_rng(seed)
    truth = random.integers(0, 2, 200).tolist()
    made = ["".join(random.choice(list("abcdefgh"), 5)) for _ in truth]
    assert not list(notes_on_giveaways(rows(made, truth), LabelMap(NAMES, False), vocabulary))


@pytest.mark.parametrize(
    ("ids", "noted"),
    [
        ([f"{'hs'[label]}-{row}" for row, label in enumerate(TRUTH)], True),
        ([f"{'hs'[row % 4 > 1]}-{row}" for row, label in enumerate(TRUTH)], False),
        ([f"row-{row}" for row in range(100)], False),
        ([str(row) for row in range(100)], False),
        ([f"{NAMES[label]}/{row}.txt" for row, label in enumerate(TRUTH)], False),
        ([chr(0x4E00 + row) for row in range(100)], False),
    ],
    ids=["front", "other front", "one front", "numbers", "folder", "names"],
)
def test_ids(vocabulary: Path, ids: list[str], noted: bool) -> None:
    plain = [f"{'pqr'[row % 3]}" for row in range(100)]
    found = list(notes_on_giveaways(rows(plain, TRUTH, ids), LabelMap(NAMES, False), vocabulary))
    expected = (
        "train: how the ids begin gives 100.0% of the labels away, such as 'h-' for 'ham'; "
        "a column that comes after the label is no feature"
    )
    assert found == ([expected] if noted else [])


def test_several_labels_a_row_say_nothing(vocabulary: Path) -> None:
    several = split_of(store(["x"] * 60), range(60), [[True, False]] * 60)
    assert not list(notes_on_giveaways(several, LabelMap(NAMES, True), vocabulary))
