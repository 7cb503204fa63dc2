"""The page of a graph: complete, well-formed, harmless, alone."""

from __future__ import annotations

import re
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from page_reader import Read, read

from tfclassify.servable.picture import picture, shape_text

HOSTILE = [
    "<script>alert(1)</script>",
    '"><img src=x onerror=y>',
    "a\u202eb\x00c",
    "x" * 10_000,
    "😀 评论\n",
    "{{ 7919 * 7907 }}",
    "",
]
ANYTHING = st.text(st.characters(exclude_categories=()), max_size=30)


def description(words: str = "plain") -> dict[str, Any]:
    stage = {"name": words, "text": words, "inputs": [words], "outputs": [words, "scores: float32[B, 3]"]}
    tensors = {words or "x": {"dtype": words, "shape": [None, 3]}, "other": {"dtype": "string", "shape": None}}
    return {
        "name": words,
        "version": 7,
        "stages": [{**stage, "parameters": 1234, "flops_per_token": 2_500_000, "ops": 3}] * 2,
        "signatures": {words: {"inputs": tensors, "outputs": tensors}},
        "ops": {words: 5, "MatMul": 9, "Const": 120},
        "lowest_server": "2.2",
        "parameters": 22_713_216,
        "size_bytes": 95_000_000,
    }


def assert_sound(html: str) -> Read:
    found = read(html)
    assert found.spoilt == []
    for tag, attributes in found.elements:
        assert tag not in ("script", "link", "img", "iframe", "object", "embed", "base", "form", "image", "use")
        assert not [name for name in attributes if name.startswith("on") or name in ("src", "action", "xlink:href")]
        assert attributes.get("href", "#").startswith("#")
        assert re.fullmatch(r"[-a-z0-9:;.%]*", attributes.get("style") or "")
        assert tag != "th" or attributes.get("scope") in ("row", "col")
    assert "default-src 'none'; style-src 'unsafe-inline'" in html
    return found


def test_it_says_all_there_is_to_say() -> None:
    html = picture(description())
    found = assert_sound(html)
    assert html.startswith("<!DOCTYPE html>")
    said = ("plain", "Version 7", "23M", "22,713,216 numbers", "95.00 MB", "5M", "134 of 3 kinds", "2.2", "[any, 3]")
    assert [words for words in said if words not in found.text] == []
    assert re.search(r"Const\s*120\s*MatMul\s*9\s*plain\s*5", found.text)
    assert not re.search(r"\b(None|nan|Undefined|Markup)\b", found.text)


@pytest.mark.parametrize("words", HOSTILE)
def test_words_of_others_are_only_words(words: str) -> None:
    plain, found = read(picture(description())), assert_sound(picture(description(words)))
    assert {tag for tag, _ in found.elements} == {tag for tag, _ in plain.elements}
    assert len(picture(description(words))) < 3 * len(picture(description()))
    assert "\u202e" not in found.text
    assert "62615533" not in found.text


@given(ANYTHING)
@settings(max_examples=40)
def test_any_words_make_a_sound_page(words: str) -> None:
    assert_sound(picture(description(words))).text.encode("utf-8")


def test_it_is_light_and_dark() -> None:
    html = picture(description())
    assert "prefers-color-scheme: dark" in html
    used = set(re.findall(r"var\((--[a-z-]+)", html))
    defined = set(re.findall(r"(--[a-z-]+):", html))
    assert used - defined - {"--left", "--right-side", "--share"} == set()  # of tables that this page has not


def test_rare_ops_are_counted_where_there_are_many() -> None:
    many = description() | {"ops": {f"Op{number}": number + 1 for number in range(75)}}
    text = read(picture(many)).text
    assert "35 rarer kinds not shown." in text
    assert "Op35" in text
    assert "Op34" not in text


def test_a_description_that_lacks_something_is_refused() -> None:
    for key in description():
        with pytest.raises(KeyError, match=key):
            picture({name: value for name, value in description().items() if name != key})


@pytest.mark.parametrize(
    ("shape", "words"), [(None, "any"), ([], "[]"), ([None], "[any]"), ((-1, 5), "[any, 5]"), ([2, 3], "[2, 3]")]
)
def test_shapes(shape: Any, words: str) -> None:
    assert shape_text(shape) == words
