"""The findings that are learnt from the texts: near repeats, what gives labels away, what the baseline doubts."""

from __future__ import annotations

from pathlib import Path
from random import Random

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from made_rows import LABELS, clean_rows, material_of, write_rows

from tfclassify.checkup.data.folds import out_of_fold
from tfclassify.checkup.data.giveaways import telling_columns, telling_words
from tfclassify.checkup.data.mislabelled import confused_labels, mislabelled
from tfclassify.checkup.data.near_repeats import near_repeats, shingles_of
from tfclassify.checkup.data.reading import read_material
from tfclassify.display import SILENT
from tfclassify.settings import DataSettings


def test_near_repeats_and_what_is_none(tmp_path: Path) -> None:
    splits = clean_rows()
    text, label = splits["train"][0]
    exact, shouted, shared = splits["train"][5], splits["train"][10], splits["train"][20]
    splits["train"] += [(text.replace(".", "?"), label), exact, (shouted[0].upper(), "billing")]
    splits["test"][3] = (shared[0] + "!", shared[1])
    across, within = near_repeats(material_of(tmp_path, splits))
    assert within.rows == {"train": (801, 803)}
    assert within.sentence == "train: 2 texts nearly repeat an earlier one."
    assert (across.name, across.rows) == ("near_shared_texts", {"test": (4,)})
    assert [each.row for each in across.examples] == [21, 4]


@given(st.text(max_size=30), st.text(max_size=30))
@settings(max_examples=40)
def test_shingles_do_not_see_case_space_and_punctuation(left: str, right: str) -> None:
    assert (
        shingles_of(f"{left}, {right}!") == shingles_of(f" {left}   {right}".lower()) or not f"{left}{right}".isascii()
    )


def test_long_texts_are_cut_into_words() -> None:
    assert b"w1 w2 w3" in shingles_of(" ".join(f"w{number}" for number in range(100)))
    assert shingles_of("...") == frozenset()
    assert shingles_of("abc") == {b"abc"}


def test_a_word_that_gives_labels_away(tmp_path: Path) -> None:
    splits = clean_rows()
    assert telling_words(material_of(tmp_path, splits)) == []
    marked = [(f"{text} tag{label[0]}", label) for text, label in splits["train"]]
    (finding,) = telling_words(material_of(tmp_path, {"train": marked}))
    assert finding.severity == "serious"
    assert finding.counts == {"labels": 4, "of": 4, "share": 1.0}
    one = [(f"{text} refund", label) if label == "returns" else (text, label) for text, label in splits["train"]]
    (finding,) = telling_words(material_of(tmp_path, {"train": one}))
    assert finding.severity == "note"
    assert "1 label of 4 can be told by a single word: “refund” (“returns”)" in finding.sentence


@pytest.mark.parametrize(
    ("values", "tells"),
    [
        (lambda row, label: label.upper(), True),
        (lambda row, label: str(1000 * LABELS.index(label) + row), True),
        (lambda row, label: f"{label[0]}_{row}", True),
        (lambda row, label: str(row), False),
        (lambda row, label: str((row * 7919) % 800), False),
        (lambda row, label: f"user{row % 50}", False),
        (lambda row, label: "the same", False),
        (lambda row, label: "", False),
    ],
)
def test_columns(tmp_path: Path, values, tells: bool) -> None:
    train = [(text, label, values(row, label)) for row, (text, label) in enumerate(clean_rows()["train"])]
    place = write_rows(tmp_path / "more.csv", train, ("text", "label", "column"))
    material = read_material(DataSettings(train=place), None, rows=1000, shown=3, seed=0, display=SILENT)
    assert [finding.name for finding in telling_columns(material)] == ["telling_columns"] * tells


def test_every_row_is_judged_without_its_fold(tmp_path: Path) -> None:
    judged = out_of_fold(material_of(tmp_path, clean_rows()))
    assert judged is not None
    assert judged.labels == LABELS
    assert judged.scores.shape == (800, 4)
    assert np.allclose(judged.scores.sum(axis=1), 1, atol=1e-5)
    assert (judged.scores.argmax(axis=1) == judged.truth).mean() > 0.97
    # Texts that say nothing of their label cannot be judged better than by chance, unless a row sees itself.
    random = Random(0)
    noise = [(f"{random.random()} {random.random()}", random.choice(LABELS)) for _ in range(400)]
    judged = out_of_fold(material_of(tmp_path, {"train": noise}))
    assert judged is not None
    assert (judged.scores.argmax(axis=1) == judged.truth).mean() < 0.35


def test_too_little_to_learn_from(tmp_path: Path) -> None:
    splits = clean_rows()
    assert out_of_fold(material_of(tmp_path, {"train": splits["train"][:20]})) is None
    assert mislabelled(material_of(tmp_path, {"train": splits["train"][:20]})) == []


def test_rows_with_several_labels_can_be_mislabelled(tmp_path: Path) -> None:
    train = [(f"{text} {other}", (label, also)) for (text, label), (other, also) in
             zip(clean_rows()["train"][:400], clean_rows()["train"][400:], strict=True)]  # fmt: skip
    wrong = set(range(0, 400, 25))
    rows = [(text, LABELS[(LABELS.index(both[0]) + 2) % 4] if row in wrong else "|".join(both))
            for row, (text, both) in enumerate(train)]  # fmt: skip
    place = write_rows(tmp_path / "several.csv", rows, ("text", "labels"))
    material = read_material(DataSettings(train=place), None, rows=1000, shown=3, seed=0, display=SILENT)
    (finding,) = mislabelled(material)
    found = {row - 1 for row in finding.rows["train"]}
    assert len(found & wrong) >= len(wrong) / 2
    assert finding.examples[0].remark.split()[0] in ("rather",)


def test_labels_that_cannot_be_told_apart(tmp_path: Path) -> None:
    random = Random(5)
    train = [
        (text, random.choice(("returns", "refunds")) if label == "returns" else label)
        for text, label in clean_rows()["train"]
    ]
    (finding,) = confused_labels(material_of(tmp_path, {"train": train}))
    assert finding.severity == "note"
    assert "“refunds” for “returns”" in finding.sentence
    assert "“returns” for “refunds”" in finding.sentence


def test_labels_that_have_nothing_to_do_with_the_texts(tmp_path: Path) -> None:
    random = Random(6)
    train = [(text, random.choice(("yes", "no"))) for text, _ in clean_rows()["train"]]
    found = confused_labels(material_of(tmp_path, {"train": train}))
    assert "nothing_learnt" in [finding.name for finding in found]
