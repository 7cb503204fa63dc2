"""Text maps: what each makes, how they are put together, how they are found."""

from __future__ import annotations

import html
from collections.abc import Sequence
from typing import Any

import pytest
import tensorflow as tf
from hypothesis import given
from hypothesis import strategies as st

from tfclassify.errors import UsageError
from tfclassify.text.maps import MAPS, TextMap, choose, compose, squeeze_spaces
from tfclassify.text.markup import strip_html


def made(text_map: TextMap, texts: Sequence[str]) -> list[str]:
    return [text.decode() for text in compose([text_map])(tf.constant(list(texts), tf.string))[0].numpy()]


@pytest.mark.parametrize("name", MAPS)
def test_it_is_the_same_in_a_graph(name: str) -> None:
    prepare = compose([MAPS[name]])
    graph = tf.function(prepare, input_signature=[tf.TensorSpec([None], tf.string)], autograph=False)
    texts = tf.constant(["<b>a@b.com</b>  &amp; 0171 1234567", "", "  ", "plain"])
    for from_graph, eager in zip(graph(texts), prepare(texts), strict=True):
        assert from_graph.numpy().tolist() == eager.numpy().tolist()
    assert graph(tf.constant([], tf.string))[0].shape == [0]


@pytest.mark.parametrize("name", MAPS)
def test_plain_texts_stay_as_they_are(name: str) -> None:
    texts = ["Plain text.", "", "a < b > c", "中文", "5 <3"]
    assert made(MAPS[name], texts) == texts


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("<p>One</p><p>two</p>", " One  two "),
        ("a<b>b</b>c", "abc"),
        ("<B CLASS='x'>b</B>", "b"),
        ("line<br>line<br/>line<br />", "line line line "),
        ("<a href=\"x>y\" title='<'>link</a>", "link"),
        ("<script>if (a < b) { alert('<p>') }</script>x", " x"),
        ("<style type='text/css'>\np {}\n</style>x", " x"),
        ("a<!-- no\n<p> --> b", "a  b"),
        ("<!DOCTYPE html><html><body>x</body></html>", "   x  "),
        ("<john@example.com> <3 <unknown> < b >", "<john@example.com> <3 <unknown> < b >"),
        ("a &lt;b&gt; c &amp;lt; &quot;d&quot; &apos;", 'a <b> c &lt; "d" \''),
        ("&eacute;&nbsp;&euro;&hellip;&#233;&#xE9;&#X1F600;", "é\u00a0€…éé😀"),
        ("&nothing; &; &#; AT&T &amp", "&nothing; &; &#; AT&T &amp"),
        ("&#0; &#xD800; &#x110000; &#9999999;", "\ufffd \ufffd \ufffd \ufffd"),
        ("x\x01&amp;\x01y", "x&y"),
        ("<p", "<p"),
        ("<p <p>", "<p  "),
    ],
)
def test_html(text: str, expected: str) -> None:
    assert made(strip_html, [text]) == [expected]


@given(st.lists(st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\x01"))))
def test_escaped_text_comes_back(texts: list[str]) -> None:
    assert made(strip_html, [html.escape(text) for text in texts]) == texts


@pytest.mark.parametrize("unit", ["<p ", "<script>", "<!--", "&amp;", "&", "<a href='", "  "])
def test_a_long_text_takes_its_length(unit: str) -> None:
    text = unit * (1_000_000 // len(unit))
    for each in (strip_html, squeeze_spaces):
        assert len(made(each, [text])[0]) <= len(text)


@pytest.mark.parametrize(
    ("text", "expected"),
    [("  a \t\n b  ", "a b"), ("a\u00a0\u3000b", "a b"), (" ", ""), ("", ""), ("ab", "ab"), ("a\r\n\r\nb", "a b")],
)
def test_spaces(text: str, expected: str) -> None:
    assert made(squeeze_spaces, [text]) == [expected]


@given(st.lists(st.text(st.characters(exclude_categories=["Cs"]))))
def test_spaces_of_any_kind(texts: list[str]) -> None:
    expected = [" ".join(text.split()) for text in texts if not set(text) & set("\x1c\x1d\x1e\x1f\x0b")]
    assert made(squeeze_spaces, [text for text in texts if not set(text) & set("\x1c\x1d\x1e\x1f\x0b")]) == expected


# Put together


def shout(texts: tf.Tensor, mark: str = "!") -> tf.Tensor:
    """A map as a user would write it."""
    return tf.strings.join([texts, mark])


def counted(texts: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
    return texts, tf.ones_like(texts, tf.int32)


def lengths(texts: tf.Tensor) -> tf.Tensor:
    return tf.strings.length(texts)


def with_any(texts: tf.Tensor, **options: Any) -> tf.Tensor:
    return tf.strings.join([texts, *options])


def prepared(terms: Sequence[Any], texts: Sequence[str]) -> tuple[list[str], list[int]]:
    out, changed = choose(terms).prepare(tf.constant(list(texts), tf.string))
    assert changed.dtype == tf.int32
    return [text.decode() for text in out.numpy()], changed.numpy().tolist()


def test_no_maps() -> None:
    assert prepared([], ["a@b.com", ""]) == (["a@b.com", ""], [0, 0])
    assert choose([]).mark == ""


def test_maps_follow_each_other_and_their_counts_add_up() -> None:
    terms = ["strip_html", "mask_personal_data", "squeeze_spaces", f"{__name__}:counted"]
    texts = ["<b>a@b.com</b> &#48;171 1234567  x", "nothing"]
    assert prepared(terms, texts) == (["[email] [phone] x", "nothing"], [3, 1])
    # In another order the number is not yet there to be found.
    assert prepared(["mask_personal_data", "strip_html"], texts[:1]) == (["[email] 0171 1234567  x"], [1])


def test_a_map_of_ones_own() -> None:
    assert prepared([f"{__name__}:shout"], ["a"]) == (["a!"], [0])
    assert prepared([{f"{__name__}:shout": {"mark": "?"}}], ["a"]) == (["a?"], [0])
    assert prepared([{f"{__name__}:with_any": {"x": 1, "y": 2}}], ["a"]) == (["axy"], [0])


def test_the_mark_is_that_of_what_is_done() -> None:
    marks = [
        choose(terms).mark
        for terms in (
            [],
            ["strip_html"],
            ["squeeze_spaces"],
            ["strip_html", "squeeze_spaces"],
            ["squeeze_spaces", "strip_html"],
            [f"{__name__}:shout"],
            [{f"{__name__}:shout": {"mark": "?"}}],
        )
    ]
    assert len(set(marks)) == len(marks)
    assert choose(["strip_html"]).mark == choose([{"strip_html": {}}]).mark


def refused(*terms: Any) -> str:
    with pytest.raises(UsageError) as caught:
        choose(terms)
    return str(caught.value)


def test_an_unknown_name() -> None:
    assert refused("mask_personal") == (
        "no map 'mask_personal'; known: mask_personal_data, squeeze_spaces, strip_html; your own is given as "
        "package.module:function; did you mean 'mask_personal_data'?"
    )


def test_two_names_in_one_term() -> None:
    assert refused({"strip_html": {}, "squeeze_spaces": {}}) == (
        "text.maps has the term {'strip_html': {}, 'squeeze_spaces': {}}; expected one name with its options in each "
        "term"
    )


def test_an_unknown_option() -> None:
    assert refused({"strip_html": {"tags": 1}}) == "text.maps: strip_html has no option 'tags'; options: none"
    assert refused({f"{__name__}:shout": {"marc": 1}}) == (
        f"text.maps: {__name__}:shout has no option 'marc'; options: mark; did you mean 'mark'?"
    )


def test_what_is_no_map() -> None:
    name = f"{__name__}:lengths"
    assert refused(name) == (
        f"text.maps=['{name}'] makes int32(None,) and int32(None,) of string[N]; expected string[N], or string[N] and "
        "int32[N]"
    )
