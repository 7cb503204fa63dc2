"""The model card: complete, and Markdown that says only what it should."""

from __future__ import annotations

import re
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st
from markdown_it import MarkdownIt
from stories import HOSTILE, STORIES, bare, hostile_story, make_story

from tfclassify.quality.report import card
from tfclassify.quality.report.card import escaped
from tfclassify.quality.report.wording import visible

SECTIONS = [
    "What it is",
    "Intended use and limits",
    "Data",
    "Training",
    "Results",
    "Calibration",
    "Out of scope",
    "How to use it",
    "Files",
    "Versions and other facts",
    "Licence",
]
MARKDOWN = MarkdownIt("commonmark", {"html": True}).enable(["table", "strikethrough"])


def tokens(markdown: str):
    """All block and inline tokens, flat."""
    for token in MARKDOWN.parse(markdown):
        yield token
        yield from token.children or ()


def words(markdown: str) -> str:
    return " ".join(token.content for token in tokens(markdown) if token.type in ("text", "code_inline"))


def headings(markdown: str) -> list[str]:
    found = list(tokens(markdown))
    return [found[place + 1].content for place, token in enumerate(found) if token.type == "heading_open"]


@pytest.mark.parametrize("name", STORIES)
def test_every_story_makes_a_card(name):
    story = STORIES[name]()
    markdown = card(story)
    assert set(headings(markdown)[1:]) <= set(SECTIONS)
    assert not re.search(r"\b(None|nan|NaN|inf|Undefined|Markup)\b", markdown)
    assert "\n\n\n" not in markdown
    assert not [
        token for token in tokens(markdown) if token.type in ("html_block", "html_inline", "link_open", "image")
    ]
    assert card(STORIES[name]()) == markdown


def test_the_sections_are_in_order():
    assert headings(card(make_story())) == ["support-6", *SECTIONS]


def test_results_have_intervals_and_the_baseline():
    story = make_story()
    markdown = card(story)
    figures = story.report["splits"]["test"]
    low, high = figures["accuracy_interval"]
    assert f"Right on {figures['accuracy']:.1%} of 500 test rows (95% interval {low:.1%} to {high:.1%})" in markdown
    assert f"| accuracy | {figures['accuracy']:.4f} | {figures['accuracy']:.4f} |" in markdown
    for key in ("macro_f1", "micro_f1", "mcc", "log_loss", "ece"):
        assert f"{figures[key]:.4f}" in markdown
    assert f"{story.report['baseline']['test']['macro_f1']:.4f}" in markdown
    assert "the baseline, TF-IDF with logistic regression" in markdown


def test_a_loss_to_the_baseline_is_said():
    assert "It loses to the baseline" in card(make_story(6, 600, baseline_accuracy=1.0))


def test_data_training_and_versions_are_told_in_their_places():
    parts = dict(re.findall(r"## ([^\n]+)\n(.*?)(?=\n## |\Z)", card(make_story()), re.DOTALL))
    assert "| data.train | data/support/train.csv |" in parts["Data"]
    assert "| validation split | 10% of train, stratified |" in parts["Data"]
    assert "| test | 500 | 0 |" in parts["Data"]
    assert "| trained on | 8,999 |" in parts["Data"]
    assert "- 3 empty texts were dropped" in parts["Data"]
    assert "| train.learning_rate | 2e-05 |" in parts["Training"]
    assert "| model | all-MiniLM-L6-v2 (22.7 million parameters) |" in parts["Training"]
    assert "4 epochs; the weights of epoch 3 were kept, the best by validation macro-F1." in parts["Training"]
    assert parts["Training"].count("| seed |") == 1
    assert "| tensorflow | 2.21.0 |" in parts["Versions and other facts"]


def test_how_to_use_it_is_said_in_lines_to_copy():
    markdown = card(make_story())
    fences = [token.content for token in MARKDOWN.parse(markdown) if token.type == "fence"]
    assert fences == [
        'import tfclassify\n\ntfclassify.load("RUN")(["a text"])\n',
        "python -m tfclassify.predict run=RUN input=FILE output=FILE\n",
    ]
    compile(fences[0], "card", "exec")


def test_the_licence_is_unknown_unless_it_is_given():
    assert "The base model's licence is unknown: it was not given." in card(make_story())
    given_one = card(make_story(facts={"licence": "Apache-2.0"}))
    assert "The base model's: Apache-2.0." in given_one
    assert "unknown" not in given_one.partition("## Licence")[2]


def test_texts_of_no_class_are_told_of_or_owned_up_to():
    story = make_story(6, 200, out_of_scope=50)
    figures = story.report["splits"]["test"]["scope"]
    assert f"Of 50 rows of no class: AUROC {figures['auroc']:.3f}; {figures['fpr_at_95_tpr']:.1%} of them" in card(
        story
    )
    assert "The test split has no rows of no class" in card(make_story())
    assert "It was not measured on texts of no class" in card(make_story())


def test_an_evaluation_has_a_card_without_a_training():
    markdown = card(bare(make_story()))
    assert "epochs" not in markdown
    assert "baseline" not in markdown
    assert "Versions and other facts" not in markdown


def test_all_labels_are_named_and_too_many_counted():
    assert "Labels: ABBR, DESC, ENTY, HUM, LOC, NUM." in card(make_story())
    many = card(make_story(250, 500))
    assert " and 50 more, in labels.json." in many


def test_hostile_words_are_only_words():
    markdown = card(hostile_story())
    kinds = {token.type for token in tokens(markdown)}
    assert kinds <= {token.type for token in tokens(card(make_story()))}
    shown = words(markdown).replace(" ", "")
    for text in HOSTILE[6:]:
        assert "".join(visible(text).split()) in shown
    markdown.encode("utf-8")


@pytest.mark.parametrize(
    ("text", "written"),
    [
        ("card_arrival", "card_arrival"),
        ("_em_ *strong*", r"\_em\_ \*strong\*"),
        ("1. first", r"1\. first"),
        ("- point", r"\- point"),
        ("-1.5", "-1.5"),
        ("=", r"\="),
        ("# head | cell", r"\# head \| cell"),
        ("<b>&amp;", "&lt;b&gt;&amp;amp;"),
        ("see http://a.b and www.a.b, x@a.b", "see http&#58;//a.b and www&#46;a.b, x&#64;a.b"),
        ("two\nlines\r\n\tof it", "two lines of it"),
    ],
)
def test_escaped(text, written):
    assert escaped(text) == written


MARKED = st.text(
    st.one_of(st.sampled_from("\\`*_{}[]()<>#+-=.!|~$&1 \n\tab:/@\"'"), st.characters(exclude_categories=()))
)


@given(MARKED)
def test_escaped_words_come_out_as_they_went_in(text):
    expected = " ".join(visible(text).split())
    for before, after in (
        ("", ""),
        ("- ", ""),
        ("# ", ""),
        ("first line\n", ""),
        ("| a | b |\n|---|---|\n| x | ", " |"),
    ):
        found = [token for token in MARKDOWN.parse(f"{before}{escaped(text)}{after}") if token.type == "inline"]
        inner = found[-1].children if found and found[-1].children else []
        kinds = {token.type for token in inner} - {"softbreak"}
        assert kinds <= {"text", "text_special"}
        shown = "".join(" " if token.type == "softbreak" else token.content for token in inner)
        assert shown.removeprefix("first line").strip() == expected.strip("\xa0 "), before


def test_a_rate_of_cut_rows_is_a_limit():
    story = make_story()
    assert "17 rows were longer than it reads and lost tokens." in card(story)
    none_cut = replace(story, report={**story.report, "rows": {**story.report["rows"], "cut": 0}})
    assert "lost tokens" not in card(none_cut)
