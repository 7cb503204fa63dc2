"""Personal data are masked and nothing else; what is masked stays as it is."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import cache
from pathlib import Path
from time import perf_counter

import pytest
import tensorflow as tf
from hypothesis import given
from hypothesis import strategies as st
from personal_data import MASKED, UNTOUCHED

from tfclassify.text.masking import WORDS, mask_personal_data

# Of TensorFlow's own, as they are in 2.2.
OPERATIONS_OF_2_2 = (
    "AddN AddV2 Any BitwiseAnd Cast ConcatV2 Const Cumsum Equal Fill FloorMod GatherV2 Greater GreaterEqual "
    "Identity Less LessEqual LogicalAnd LogicalNot LogicalOr Maximum Minimum Mul NoOp NotEqual OnesLike "
    "Pack Pad Placeholder Range Reshape Select SelectV2 Shape Size StatelessWhile StaticRegexFullMatch "
    "StaticRegexReplace StridedSlice StringJoin StringLength StringSplitV2 StringToNumber StringUpper Sub "
    "Substr UnicodeDecode UnicodeEncode UnicodeTranscode UnsortedSegmentJoin UnsortedSegmentSum "
    "UpperBound Where ZerosLike "
)
Masked = list[tuple[str, int]]


@cache
def graph() -> Callable[[tf.Tensor], tuple[tf.Tensor, tf.Tensor]]:
    signature = [tf.TensorSpec([None], tf.string)]
    return tf.function(mask_personal_data, input_signature=signature, autograph=False).get_concrete_function()


def masked(texts: Sequence[str | bytes]) -> Masked:
    made, counts = graph()(tf.constant(texts, tf.string))
    assert (made.dtype, counts.dtype) == (tf.string, tf.int32)
    return [(text.decode(), count) for text, count in zip(made.numpy(), counts.numpy().tolist(), strict=True)]


def test_there_are_many_of_both() -> None:
    assert len(MASKED) >= 120
    assert len(UNTOUCHED) >= 120
    assert {word for expected in MASKED.values() for word in WORDS if f"[{word}]" in expected} == set(WORDS)


@pytest.mark.parametrize("text", MASKED)
def test_personal_data(text: str) -> None:
    expected = MASKED[text]
    assert masked([text]) == [(expected, expected.count("[") - text.count("["))]


@pytest.mark.parametrize("text", UNTOUCHED)
def test_what_only_looks_like_it(text: str) -> None:
    assert masked([text]) == [(text, 0)]


@pytest.mark.parametrize(("before", "after"), [("", ""), ("Well, ", "!"), ("(", ")"), ("我的", "。"), ("a\n", "\nb")])
def test_where_it_stands_makes_no_difference(before: str, after: str) -> None:
    # Those with words in front of them need these words there.
    alone = {text: made for text, made in MASKED.items() if made.startswith("[") and made.endswith("]")}
    assert len(alone) > 60
    made = masked([f"{before}{text}{after}" for text in alone])
    assert [text for text, _ in made] == [f"{before}{expected}{after}" for expected in alone.values()]


def test_texts_do_not_touch_each_other() -> None:
    texts = ["", *MASKED, "", *UNTOUCHED, ""]
    assert masked(texts) == [pair for text in texts for pair in masked([text])]
    assert masked([]) == []
    assert masked(["", " "]) == [("", 0), (" ", 0)]


def test_what_is_masked_stays_as_it_is() -> None:
    once = [text for text, _ in masked([*MASKED, " ".join(MASKED), ";".join(MASKED), "".join(MASKED)])]
    assert masked(once) == [(text, 0) for text in once]


# Pieces of what is looked for, put together at random, are nearer to the edges than any letters would be.
PIECES = (
    *(text for text, made in MASKED.items() if len(text) < 45),
    *UNTOUCHED[:40],
    *(
        "4111",
        "1111 1111 1111 ",
        "5500 0000 0000 0004",
        "378282246310005",
        "DE89",
        "3704 0044 0532 0130 00",
        "+49",
        "00",
    ),
    *("0171", "1234567", "555", "(0)", "(212)", "192.168", ".1", ".2.3.4", "2001:db8:", "::", ":1", "123-45", "-6789"),
    *(
        "a@b",
        ".co",
        "@c.de",
        "://",
        "u:p@",
        "[email]",
        "[phone]",
        "[card",
        "]",
        "[",
        "tel ",
        "call ",
        "order ",
        "#",
        "$",
    ),
    *(" ", "  ", "-", ".", ",", "/", ":", "@", "_", "x", "é", "号", "\u00a0", "\u2013", "\n", "\t", "1", "22", "2023"),
    *("\x01", "\x02", "\x03", "\x04", "\x05", "\x00"),
)


@given(st.lists(st.lists(st.sampled_from(PIECES), max_size=8).map("".join), min_size=20, max_size=20))
def test_masking_twice_is_masking_once(texts: list[str]) -> None:
    once = [text for text, _ in masked(texts)]
    assert masked(once) == [(text, 0) for text in once]


@given(st.lists(st.lists(st.sampled_from(PIECES), max_size=8).map("".join), min_size=20, max_size=20))
def test_every_mask_is_counted(texts: list[str]) -> None:
    def masks(text: str) -> int:
        return sum(text.count(f"[{word}]") for word in WORDS)

    clean = [text.translate(dict.fromkeys(range(1, 6))) for text in texts]
    assert [count for _, count in masked(texts)] == [
        masks(made) - masks(text) for text, (made, _) in zip(clean, masked(texts), strict=True)
    ]


@given(st.lists(st.text(st.characters(exclude_categories=["Cs"], exclude_characters="0123456789@:"))))
def test_texts_without_digits_at_signs_and_colons_are_untouched(texts: list[str]) -> None:
    assert masked(texts) == [(text, 0) for text in texts]


@given(st.lists(st.binary(max_size=40)))
def test_any_bytes(texts: list[bytes]) -> None:
    for made, count in masked(texts):
        assert count <= len(made)


@given(st.integers(13, 19), st.data())
def test_a_number_is_a_card_by_its_check_digit(length: int, data: st.DataObject) -> None:
    digits = "4" + data.draw(st.text("0123456789", min_size=18, max_size=18))
    digits = digits[: {13: 13, 16: 16, 19: 19}.get(length, 16)]
    expected = 1 if luhn(digits) else 0
    assert masked([f"x {digits} y"])[0][1] == expected


def luhn(digits: str) -> bool:
    values = [int(digit) for digit in reversed(digits)]
    return (sum(values[::2]) + sum(sum(divmod(2 * value, 10)) for value in values[1::2])) % 10 == 0


@pytest.mark.parametrize(
    "unit",
    [
        "4111 1111 1111 1111 ",
        "4",
        "1.",
        "a@",
        "a.b@",
        "0171/",
        "+",
        "(0",
        "2001:",
        "DE89 ",
        "http://a:",
        "tel ",
        ":",
        "[",
    ],
)
def test_a_long_text_takes_its_length(unit: str) -> None:
    graph()
    started = perf_counter()
    ((made, count),) = masked([unit * (1_000_000 // len(unit))])
    # A hundred times as long as it takes; a quadratic way would need hours.
    assert perf_counter() - started < 60
    assert count == (50_000 if unit.startswith("4111 ") else 0)
    assert made


def test_it_goes_into_a_saved_model(tmp_path: Path) -> None:
    module = tf.Module()
    module.mask = tf.function(mask_personal_data, input_signature=[tf.TensorSpec([None], tf.string, "text")])
    tf.saved_model.save(module, str(tmp_path))
    made, counts = tf.saved_model.load(str(tmp_path)).mask(tf.constant([*MASKED, *UNTOUCHED]))
    assert [text.decode() for text in made.numpy()] == [*MASKED.values(), *UNTOUCHED]
    assert counts.numpy().tolist() == [count for _, count in masked([*MASKED, *UNTOUCHED])]


def test_a_stock_server_knows_its_operations() -> None:
    definition = graph().graph.as_graph_def()  # type: ignore[attr-defined]
    nodes = [*definition.node, *(node for function in definition.library.function for node in function.node_def)]
    assert {node.op for node in nodes} - set(OPERATIONS_OF_2_2.split()) == set()
    assert {node.device for node in nodes} == {""}
