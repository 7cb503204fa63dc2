"""The findings about data that counts, characters and order give: each on rows made for it, and its limits."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path

import pytest
from made_rows import clean_rows, material_of

from tfclassify.checkup.data.drift import drift
from tfclassify.checkup.data.encodings import lost_characters, markup
from tfclassify.checkup.data.findings import FINDINGS, NEEDS, find_all
from tfclassify.checkup.data.labels import (
    free_text_labels,
    lookalike_labels,
    one_label,
    rare_labels,
    strange_labels,
    uneven_labels,
)
from tfclassify.checkup.data.lengths import cut_texts, empty_texts
from tfclassify.checkup.data.material import Material
from tfclassify.checkup.data.order import cut_off, sorted_rows
from tfclassify.checkup.data.repeats import repeated_texts, several_labels, shared_texts
from tfclassify.checkup.data.scripts import other_scripts, scripts_of
from tfclassify.checkup.finding import SEVERITIES, Finding

Make = Callable[..., Material]


@pytest.fixture
def made(tmp_path: Path) -> Make:
    def make(**splits: Sequence[tuple[str, str]]) -> Material:
        return material_of(tmp_path, {name: list(rows) for name, rows in splits.items()})

    return make


def rows(number: int, label: str, start: int = 0) -> list[tuple[str, str]]:
    return [(f"text {start + place}", label) for place in range(number)]


def one(findings: list[Finding]) -> Finding:
    (finding,) = findings
    return finding


def test_every_finding_is_whole_and_sound(made: Make) -> None:
    train = [*rows(30, "a"), *rows(3, "A", 30), ("text 0", "b"), ("caf\ufffd", "b"), ("Привет мир", "b")]
    findings, left_out = find_all(made(train=train, test=[("text 0", "c")]), skip=("mislabelled", "confused_labels"))
    assert left_out == {"mislabelled": "as asked", "confused_labels": "as asked"}
    assert {"repeated_texts", "shared_texts", "several_labels", "lookalike_labels", "rare_labels"} <= {
        finding.name for finding in findings
    }
    for finding in findings:
        assert finding.severity in SEVERITIES
        assert finding.sentence.endswith(".")
        assert finding.cost.endswith(".")
        assert finding.remedy
        assert len(finding.examples) <= 2 * 3


def test_what_an_extra_is_missing_for_is_told(made: Make, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tfclassify.checkup.data.findings.find_spec", lambda package: None)
    _, left_out = find_all(made(train=[*rows(5, "a"), *rows(5, "b", 5)]))
    assert left_out == {
        name: f"{package} is not installed; it comes with: pip install 'tfclassify[doctor]'"
        for name, package in NEEDS.items()
    }
    assert set(NEEDS) <= set(FINDINGS)


def test_repeated_texts(made: Make) -> None:
    material = made(train=[*rows(9, "a"), ("text 3", "a"), ("text 3", "b")], test=[("x", "a"), ("x", "a")])
    train, test = repeated_texts(material)
    assert train.sentence == "train: 2 rows of 11 repeat the text of an earlier row."
    assert (train.rows, train.remedy) == ({"train": (10, 11)}, "data.duplicates=drop")
    assert test.sentence == "test: 1 row of 2 repeats the text of an earlier row."
    assert test.severity == "serious"


def test_shared_texts(made: Make) -> None:
    material = made(train=rows(200, "a"), validation=rows(100, "a", 199), test=rows(200, "a", 300))
    finding = one(shared_texts(material))
    assert finding.sentence == "train and validation share 1 text."
    assert finding.rows == {"validation": (1,)}
    assert finding.severity == "serious"
    assert finding.examples[0].text == "text 199"


def test_several_labels(made: Make) -> None:
    material = made(train=[("same", "a"), ("same", "b"), ("same", "a"), *rows(5, "a")], test=[("text 2", "b")])
    finding = one(several_labels(material))
    assert finding.sentence == "2 texts of 6 have more than one label in different rows."
    assert finding.rows == {"train": (1, 2, 3, 6), "test": (1,)}
    assert [(each.text, each.label) for each in finding.examples] == [
        ("same", "a"), ("same", "b"), ("text 2", "a"), ("text 2", "b"),
    ]  # fmt: skip


def test_uneven_and_rare_labels(made: Make) -> None:
    material = made(train=[*rows(200, "a"), *rows(6, "b", 200), *rows(4, "c", 206)])
    assert one(uneven_labels(material)).sentence == ("The label “a” has 50 times the training rows of “c” (200 and 4).")
    finding = one(rare_labels(material))
    assert finding.sentence == "1 label of 3 has fewer than 5 training rows: “c”."
    assert [each.row for each in finding.examples] == [207, 208, 209]
    even = made(train=[*rows(100, "a"), *rows(5, "b", 100)])
    assert uneven_labels(even) == rare_labels(even) == []


def test_labels_that_only_one_side_has(made: Make) -> None:
    train = [*rows(5, "a"), *rows(5, "b", 5)]
    unknown, missing = strange_labels(made(train=train, test=[("x", "c"), ("y", "a"), ("z", "c")]))
    assert unknown.sentence == "test: 2 rows of 3 have labels that no training row has: “c”."
    assert (unknown.severity, unknown.rows) == ("serious", {"test": (1, 3)})
    assert missing.sentence == "test: no row has the label “b” (1 of 2)."


def test_labels_that_look_alike(made: Make) -> None:
    material = made(train=[("1", "Spam"), ("2", "spam"), ("3", "caf\u00e9"), ("4", "cafe\u0301"), ("5", "ham")])
    finding = one(lookalike_labels(material))
    assert finding.counts == {"labels": 4, "groups": 2}
    assert finding.sentence.startswith("4 labels differ in case, spaces or form only: “Spam” and “spam”; ")


def test_one_label_and_labels_of_free_text(made: Make) -> None:
    assert one(one_label(made(train=rows(5, "a")))).sentence == "The training rows have only the label “a”."
    assert one_label(made(train=[*rows(5, "a"), *rows(5, "b", 5)])) == []
    finding = one(free_text_labels(made(train=[(f"text {row}", f"label {row}") for row in range(30)])))
    assert finding.sentence == "There are 30 different labels in 30 training rows."


def test_empty_texts(made: Make) -> None:
    finding = one(empty_texts(made(train=[("", "a"), (" ", "b"), *rows(8, "a")])))
    assert finding.sentence == "train: 2 rows of 10 have an empty text."
    assert finding.severity == "warning"


def test_texts_cut_at_the_same_length(made: Make) -> None:
    whole = [("word " * (5 + row % 60), "ab"[row % 2]) for row in range(300)]
    assert cut_texts(made(train=[(f"{text}{row}", label) for row, (text, label) in enumerate(whole)])) == []
    finding = one(cut_texts(made(train=[(f"{row} {text}"[:100], label) for row, (text, label) in enumerate(whole)])))
    assert finding.counts["characters"] == 100
    assert " are exactly 100 characters long, and none is longer." in finding.sentence


def test_lost_and_control_characters(made: Make) -> None:
    train = [("fine\tand\nwell é", "a"), ("caf\ufffd", "a"), ("bell\x07", "b"), *rows(5, "b")]
    lost, controls = lost_characters(made(train=train))
    assert lost.rows == {"train": (2,)}
    assert lost.sentence == "train: 1 text of 8 has U+FFFD (�), which stands where a character was lost."
    assert controls.rows == {"train": (3,)}
    assert controls.examples[0].remark == "has U+0007"


def test_markup(made: Make) -> None:
    train = [("a <br /> b", "a"), ("x < y and y > z", "a"), ("fish &amp; chips", "b"), ("R&D; a<b", "b")]
    finding = one(markup(made(train=train)))
    assert finding.rows == {"train": (1, 3)}
    assert finding.remedy.startswith("text.maps=[strip_html]")


@pytest.mark.parametrize(
    ("text", "script"),
    [
        ("hello", 3),
        ("привет", 4),
        ("中文评论", 0),
        ("これは本です", 1),
        ("カタカナ", 1),
        ("한국어", 15),
        ("12 !", -1),
        ("", -1),
    ],
)
def test_scripts(text: str, script: int) -> None:
    assert scripts_of([text]).tolist() == [script]


def test_texts_in_another_script(made: Make) -> None:
    train = [*rows(90, "a"), *((f"привет {row}", "b") for row in range(10))]
    finding = one(other_scripts(made(train=train)))
    assert finding.sentence == "train: 10 texts of 100 are written in Cyrillic, the others in Latin."
    assert other_scripts(made(train=train[:94])) == []


def test_sorted_rows(made: Make) -> None:
    train = [*rows(100, "a"), *rows(100, "b", 100), *rows(100, "c", 200)]
    finding = one(sorted_rows(made(train=train)))
    assert finding.severity == "note"
    assert finding.sentence.startswith("train: rows are sorted by label: it changes 1% as often")
    assert sorted_rows(made(train=train[::3] + train[1::3] + train[2::3])) != []
    assert sorted_rows(made(train=[train[(row * 101) % 300] for row in range(300)])) == []
    assert cut_off(made(train=train)) == []


@pytest.mark.parametrize(
    ("ending", "said"),
    [
        ([("the last", "del")], "the label of its last row, “del”, is the beginning of “delivery”"),
        ([], ""),
    ],
)
def test_half_a_label(made: Make, ending: list[tuple[str, str]], said: str) -> None:
    train = [(f"text {row}", ("billing", "delivery")[row % 2]) for row in range(60)]
    assert "".join(finding.sentence for finding in cut_off(made(train=train + ending))).count(said) == 1 or not said
    assert bool(cut_off(made(train=train + ending))) == bool(said)


def test_the_last_label_of_a_sorted_file_is_a_stump(made: Make) -> None:
    finding = one(cut_off(made(train=[*rows(100, "a"), *rows(100, "b", 100), *rows(9, "c", 200)])))
    assert "the last label, “c”, has 9 rows where every other has at least 100" in finding.sentence


def test_drift_of_labels_lengths_and_words(made: Make) -> None:
    splits = clean_rows()
    assert drift(made(**splits)) == []
    uneven = [row for row in splits["test"] if row[1] != "billing"]
    label = one(drift(made(train=splits["train"], test=uneven)))
    assert label.name == "label_drift"
    assert "most differs “billing”" in label.sentence
    short = [(" ".join(text.split()[:8]), label) for text, label in splits["test"]]
    assert [finding.name for finding in drift(made(train=splits["train"], test=short))] == ["length_drift"]
    other = clean_rows(seed=7)["test"]
    assert "word_drift" in [finding.name for finding in drift(made(train=splits["train"], test=other))]


def test_few_rows_are_no_drift(made: Make) -> None:
    splits = clean_rows()
    assert drift(made(train=splits["train"], test=[row for row in splits["test"] if row[1] == "billing"][:40])) == []
