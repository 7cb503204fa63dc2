"""The page: complete, well-formed, harmless, alone, and the same each time."""

from __future__ import annotations

import base64
import hashlib
import re
from dataclasses import replace
from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from page_reader import read
from stories import HOSTILE, STORIES, TEXTS, bare, hostile_story, make_story, renamed

from tfclassify.quality.mistakes import Mistake
from tfclassify.quality.predictions import OUT_OF_SCOPE
from tfclassify.quality.report import page
from tfclassify.quality.report.wording import excerpt, label_text, visible

ANYTHING = st.text(st.characters(exclude_categories=()), max_size=40)


@pytest.mark.parametrize("name", STORIES)
def test_every_story_makes_a_well_formed_page_that_stands_alone(name):
    story = STORIES[name]()
    html = page(story)
    found = read(html)
    assert found.spoilt == []
    assert html.startswith("<!DOCTYPE html>")
    assert_alone(html)
    assert_headed(found)
    assert label_text(story.name) in found.text
    # What is not a number is shown as "n/a", never as Python or JSON would write it.
    assert not re.search(r"\b(None|nan|NaN|inf|Undefined|Markup)\b", found.text)


def assert_alone(html: str) -> None:
    """No element, attribute or style loads anything; the only script is the page's own."""
    found = read(html)
    for tag, attributes in found.elements:
        assert tag not in ("link", "img", "iframe", "object", "embed", "base", "form", "image", "use", "foreignobject")
        for name, value in attributes.items():
            assert not name.startswith("on")
            assert name not in ("src", "srcset", "action", "formaction", "data", "background", "poster", "xlink:href")
            assert name != "href" or value.startswith("#")
            assert name != "style" or re.fullmatch(r"[-a-z0-9:;.%]*", value), value
    style = re.search(r"<style>(.*?)</style>", html, re.DOTALL)[1]
    assert not re.search(r"url\(|@import|expression|http", style)
    scripts = re.findall(r"<script[^>]*>(.*?)</script>", html, re.DOTALL)
    policy = re.search(r'Content-Security-Policy" content="([^"]*)"', html)[1]
    assert len(scripts) == 1
    digest = base64.b64encode(hashlib.sha256(scripts[0].encode()).digest()).decode()
    assert f"default-src 'none'; style-src 'unsafe-inline'; script-src 'sha256-{digest}'" in policy.replace(
        "&#39;", "'"
    )
    assert not re.search(r"fetch|XMLHttp|import|eval|http", scripts[0])


def assert_headed(found) -> None:
    """Tables have heads of a scope and rows as long as their heads; drawings have a description; ids differ."""
    for table in found.tables:
        assert len({len(row) for row in table}) == 1, table[0]
    for tag, attributes in found.elements:
        assert tag != "th" or attributes.get("scope") in ("row", "col")
        assert tag != "svg" or (attributes["role"] == "img" and attributes["aria-label"])
    ids = [attributes["id"] for _, attributes in found.elements if "id" in attributes]
    assert len(set(ids)) == len(ids)
    targets = [attributes["href"][1:] for tag, attributes in found.elements if tag == "a"]
    assert set(targets) <= set(ids)
    levels = [int(tag[1]) for tag, _ in found.elements if re.fullmatch(r"h[1-6]", tag)]
    assert levels[0] == 1
    assert all(level <= before + 1 for before, level in pairwise(levels))


@pytest.mark.parametrize("name", ["six classes", "multi-label", "150 classes, out of scope"])
def test_every_figure_of_the_report_is_on_the_page(name):
    story = STORIES[name]()
    words = read(page(story)).text
    figures = story.report["splits"]["test"]
    for key in ("accuracy", "macro_f1", "micro_f1", "mcc", "log_loss", "ece"):
        assert f"{figures[key]:.4f}" in words, key
    low, high = figures["accuracy_interval"]
    assert f"{figures['accuracy']:.1%}" in words
    assert f"95% interval {low:.1%} to {high:.1%}" in words
    for each in figures["per_class"].values():
        for key in ("precision", "recall", "f1"):
            assert each[key] is None or f"{each[key]:.3f}" in words
    for key, value in (figures.get("scope") or {}).items():
        assert f"{value:.4f}" in words, key
    for value in story.report["baseline"]["test"].values():
        assert f"{value:.4f}" in words
    for value in (
        "38.2 s",
        "41.5 s",
        "1.09×",
        "1.51 GB",
        "1.87 GB",
        "7.1%",
        "6.8%",
        "241",
        "3,413",
        "11.9 s",
        "21.4 s",
    ):
        assert f" {value} " in words
    for value in ("13,083", "8,999", "17 of them lost tokens"):
        assert value in words


def test_the_table_of_classes_has_a_row_per_class_with_its_own_figures():
    story = make_story(77, 900)
    table = next(table for table in read(page(story)).tables if table[0][0] == "Label")
    figures = story.report["splits"]["test"]["per_class"]
    assert [row[0] for row in table[1:]] == list(figures)
    for row, each in zip(table[1:], figures.values(), strict=True):
        expected = [str(each["support"]), *(f"{each[key]:.3f}" for key in ("precision", "recall", "f1"))]
        assert row[1:5] == expected


def test_more_classes_than_a_page_holds_are_cut_to_the_weakest_and_counted():
    story = make_story(400, 800)
    words = read(page(story))
    table = next(table for table in words.tables if table[0][0] == "Label")
    figures = story.report["splits"]["test"]["per_class"]
    shown = [figures[row[0]]["f1"] for row in table[1:]]
    left_out = [each["f1"] for label, each in figures.items() if label not in {row[0] for row in table[1:]}]
    assert len(shown) == 300
    assert max(shown) <= min(left_out)
    assert "The 300 classes of lowest F1; 100 more are in report.json." in words.text


def test_confusions_are_ranked_and_the_rest_counted():
    story = make_story(77, 900)
    words = read(page(story))
    table = next(table for table in words.tables if table[0][:2] == ["True label", "Taken for"])
    rows = [int(row[2]) for row in table[1:]]
    assert len(rows) == 15
    assert rows == sorted(rows, reverse=True)
    assert re.search(r"\d+ rarer pairs not shown", words.text)


@pytest.mark.parametrize(
    ("baseline_accuracy", "class_", "words"),
    [
        (0.5, "verdict beats", "Beats the baseline"),
        (0.93, "verdict equals", "Not distinguishable from the baseline"),
        (1.0, "verdict loses", "Loses to the baseline"),
    ],
)
def test_the_verdict_is_plain(baseline_accuracy, class_, words):
    found = read(page(make_story(6, 600, baseline_accuracy=baseline_accuracy)))
    assert class_ in [attributes.get("class") for _, attributes in found.elements]
    assert words in found.text
    assert ("On these rows the baseline is the better choice." in found.text) == class_.endswith("loses")


@pytest.mark.parametrize(
    ("part", "heading"),
    [
        ({"history": []}, "Learning"),
        ({"lengths": []}, "Lengths and batches"),
        ({"decisions": []}, "Decisions and their reasons"),
        ({"notes": []}, "Notes"),
        ({"facts": {}}, "How it was made"),
    ],
)
def test_a_missing_part_leaves_its_section_out(part, heading):
    assert f"<h2>{heading}</h2>" in page(make_story())
    assert f"<h2>{heading}</h2>" not in page(make_story(**part))


def test_missing_parts_of_the_report_leave_their_sections_out():
    html = page(bare(make_story()))
    words = read(html).text
    for heading in ("Plan against actual", "Rows", "Out of scope", "Learning"):
        assert f"<h2>{heading}</h2>" not in html
    assert "baseline" not in words
    assert "Nothing to show: no wrong answer was handed in." in words


def test_scope_is_told_where_there_are_texts_of_no_class():
    story = make_story(6, 200, out_of_scope=50)
    words = read(page(story)).text
    figures = story.report["splits"]["test"]["scope"]
    assert f"AUROC {figures['auroc']:.3f}" in words
    assert f"FPR at 95% TPR {figures['fpr_at_95_tpr']:.1%}" in words
    assert "Rows out of scope 50" in words
    assert "Scope scores" in words


def test_decisions_notes_and_facts_are_told():
    story = make_story()
    found = read(page(story))
    table = next(table for table in found.tables if table[0] == ["Setting", "Value", "Why"])
    assert [tuple(row) for row in table[1:]] == story.decisions
    for note in story.notes:
        assert note in found.text
    for name, value in story.facts.items():
        assert f"{name} {value}" in found.text


def test_learning_tells_which_epoch_was_kept_and_why():
    story = make_story(epochs=4)
    words = read(page(story)).text
    assert "The weights of epoch 3 were kept: the best by validation macro-F1." in words
    for entry in story.history:
        assert f"{entry['validation_macro_f1']:.4f}" in words
        assert f"{entry['loss']:.4f}" in words


def test_hostile_words_are_shown_and_do_nothing():
    story = hostile_story()
    html = page(story)
    found = read(html)
    plain = read(page(make_story(6, 100)))
    assert found.spoilt == []
    assert_alone(html)
    assert [tag for tag, _ in found.elements if tag in ("script", "h1", "img")] == ["h1", "script"]
    assert {tag for tag, _ in found.elements} == {tag for tag, _ in plain.elements}
    for text in HOSTILE:
        assert " ".join(visible(text).split()) in found.text
    html.encode("utf-8")


def test_a_huge_text_is_cut_with_a_note_and_keeps_its_lines():
    found = page(make_story(mistakes=[Mistake("line one\nline two\n" + "x" * 100_000, "a", "b", 0.5)]))
    assert "line one\nline two\nxxx" in found
    assert "Cut: 99,218 more characters." in read(found).text
    assert len(found) < 100_000


def test_texts_of_any_script_are_shown_in_their_own_direction():
    html = page(make_story(mistakes=[Mistake(text, "a", "b", 0.5) for text in TEXTS]))
    for text in TEXTS:
        assert f'<p class="text" dir="auto">{text}</p>' in html


def test_labels_of_ten_thousand_characters_do_not_swell_the_page():
    story = renamed(make_story(6, 100), tuple(f"{number}" * 10_000 for number in range(6)))
    assert len(page(story)) < 100_000


@given(st.lists(ANYTHING, min_size=5, max_size=5), ANYTHING)
@settings(max_examples=25, deadline=None)
def test_any_words_at_all(texts, label):
    story = make_story(2, 30, mistakes=[Mistake(text, label, texts[0], 0.5) for text in texts], notes=texts)
    story = replace(story, name=label, facts={"a": texts[1]}, decisions=[(texts[2], texts[3], texts[4])])
    html = page(renamed(story, (label, texts[0] + "2")))
    found = read(html)
    assert found.spoilt == []
    assert_alone(html)
    words = "".join(found.words)
    for text in texts:
        assert excerpt(text).text in words
    assert html.encode("utf-8").decode("utf-8") == html


@pytest.mark.parametrize("name", STORIES)
def test_the_same_story_gives_the_same_page(name):
    assert page(STORIES[name]()) == page(STORIES[name]())


def test_a_page_of_77_classes_and_3080_rows_is_small():
    assert len(page(make_story(77, 3080)).encode()) < 200_000


def test_a_page_of_a_thousand_classes_is_no_larger_than_one_of_what_it_shows():
    assert len(page(make_story(1000, 1000)).encode()) < 400_000


def test_out_of_scope_rows_are_in_no_confusion():
    story = make_story(6, 60, accuracy=1.0, out_of_scope=40)
    assert (story.predictions.truth == OUT_OF_SCOPE).sum() == 40
    assert "No confusion: every row in scope was answered rightly" in read(page(story)).text
