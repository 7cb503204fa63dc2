"""The page of a check-up: whole, harmless whatever others wrote, and honest about what is not there."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from made_rows import clean_rows, material_of
from page_reader import read, shapes, texts

from tfclassify.checkup.data.overview import overview
from tfclassify.checkup.finding import Example, Finding
from tfclassify.checkup.label_picture import folded, label_picture
from tfclassify.checkup.page import data_page, installation_page
from tfclassify.checkup.telling import finding_lines

HOSTILE = ["<script>alert(1)</script>", '"><img src=x onerror=y>', "a\u202eb\x00c", "{{ 7919 * 7907 }}", "x" * 5000]


def finding(words: str) -> Finding:
    shown = Example("train", 7, words, words, words)
    return Finding("kind", "warning", words, words, words, {"rows": 1}, (shown,), {"train": (7,)})


def page_of(known: dict, words: str) -> str:
    return data_page(words, known, [finding(words)], left_out={words: words}, lengths=(0, 3, 4), confusions=None)


@pytest.fixture(scope="module")
def known(tmp_path_factory: pytest.TempPathFactory) -> dict:
    return overview(material_of(tmp_path_factory.mktemp("rows"), clean_rows()))


@pytest.mark.parametrize("words", HOSTILE)
def test_words_of_others_are_only_words(known: dict, words: str) -> None:
    plain, found = read(page_of(known, "plain")), read(page_of(known, words))
    assert found.spoilt == []
    assert {tag for tag, _ in found.elements} == {tag for tag, _ in plain.elements}
    assert "\u202e" not in found.text
    assert "62615533" not in found.text


@given(st.text(st.characters(exclude_categories=()), max_size=30))
@settings(max_examples=20)
def test_any_words_make_a_sound_page(words: str) -> None:
    found = read(installation_page({"python": words, "packages": {words: words}}, [finding(words)]))
    assert found.spoilt == []
    found.text.encode("utf-8")


def test_every_colour_that_is_used_is_defined(known: dict) -> None:
    html = page_of(known, "plain")
    used, defined = set(re.findall(r"var\((--[a-z-]+)", html)), set(re.findall(r"(--[a-z-]+):", html))
    assert used - defined - {"--left", "--right-side", "--share"} == set()


def test_nothing_found_is_said(known: dict) -> None:
    html = data_page("plain", known, [], left_out={}, lengths=(0,), confusions=None)
    assert "Nothing was found." in read(html).text
    assert list(finding_lines([], {})) == ["nothing found"]


def test_lines_name_what_was_not_looked_for() -> None:
    lines = list(finding_lines([finding("It is so.")], {"mislabelled": "as asked"}))
    assert lines == [
        "1 finding: 1 warning",
        "",
        "warning  It is so.",
        "         It is so.",
        "         -> It is so.",
        "         train 7: [It is so.] It is so.  (It is so.)",
        "",
        "not looked for: mislabelled (as asked)",
    ]


def test_labels_are_drawn_by_their_share() -> None:
    picture = label_picture({"a": {"train": 60, "test": 5}, "b": {"train": 40, "test": 15}})
    assert picture is not None
    bars = [float(each["width"]) for each in shapes(picture, "rect", "bar right") if each["height"] == "12"]
    assert bars[0] / bars[1] == pytest.approx(60 / 40, rel=0.01)
    assert len(shapes(picture, "circle", "dot s1")) == 3  # two labels, and the legend
    assert {"a", "b", "train", "test"} <= set(texts(picture))
    assert label_picture({}) is None


def test_of_many_labels_the_rarest_are_one() -> None:
    labels = {f"label {number}": {"train": 100 - number} for number in range(60)}
    drawn = folded(labels)
    assert len(drawn) == 40
    assert list(drawn)[-1] == "others (21)"
    assert sum(rows["train"] for rows in drawn.values()) == sum(rows["train"] for rows in labels.values())


def test_the_overview_counts_what_there_is(tmp_path: Path) -> None:
    splits = clean_rows()
    known = overview(material_of(tmp_path, splits))
    assert known["splits"]["train"]["rows"] == 800
    assert known["splits"]["train"]["scripts"] == {"Latin": 1.0}
    assert sum(rows["test"] for rows in known["labels"].values()) == 200
    assert known["shared"] == {"train&validation": 0, "train&test": 0, "validation&test": 0}
    assert known["plan"] is None
