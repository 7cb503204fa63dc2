"""Rows of texts with numbers beside them: which share a batch, what they weigh, and that nothing of them is lost."""

from __future__ import annotations

import numpy as np
import pytest

from tfclassify.serving.batch_rows import Request, gathered, lengths_of, takes_texts
from tfclassify.serving.signatures import Signature, TensorInfo

FLOAT, TEXT, LONG = 1, 7, 9


def signature(**kinds: int) -> Signature:
    inputs = {name: TensorInfo(name, kind, (-1,)) for name, kind in kinds.items()}
    return Signature(inputs, {"scores": TensorInfo("scores", FLOAT, (-1, 2))}, "")


PRICED = signature(text=TEXT, price=FLOAT)


def given(*rows: tuple[bytes, float], dtype: type = np.float32) -> dict[str, np.ndarray]:
    texts = np.array([text for text, _ in rows], object)
    return {"text": texts, "price": np.array([price for _, price in rows], dtype)}


def test_signatures_whose_requests_share_batches() -> None:
    assert takes_texts(signature(text=TEXT))
    assert takes_texts(PRICED)
    # Of numbers alone nothing says what a row costs.
    assert not takes_texts(signature(price=FLOAT))
    matrix = Signature({"text": TensorInfo("text", TEXT, (-1, -1))}, {}, "")
    assert not takes_texts(matrix)


def test_a_row_weighs_what_its_texts_do() -> None:
    assert lengths_of(given((b"abc", 1.5), (b"", 7e30)), PRICED, full_length=100) == [13, 10]
    assert lengths_of(given((b"a" * 500, 1.5)), PRICED, full_length=100) == [110]


@pytest.mark.parametrize(
    "wrong",
    [
        {"text": np.array([b"a"], object)},
        given((b"a", 1.5), dtype=np.float64),
        {**given((b"a", 1.5)), "price": np.array([b"1.5"], object)},
        {**given((b"a", 1.5)), "price": np.array([1.5, 2.5], np.float32)},
        {**given((b"a", 1.5)), "price": np.array([[1.5]], np.float32)},
    ],
    ids=["none", "of more bits", "a text", "too many", "a matrix"],
)
def test_requests_with_other_numbers_run_alone(wrong: dict[str, np.ndarray]) -> None:
    assert lengths_of(wrong, PRICED, full_length=100) is None


def test_numbers_of_a_batch_stay_what_they_are() -> None:
    first, second = (
        Request("serving_default", inputs, 0.0, 0.0, [10] * len(inputs["text"]))
        for inputs in (given((b"a", 1.5), (b"b", float("nan"))), given((b"c", -0.1)))
    )
    made = gathered([(first, [1, 0]), (second, [0])], run_rows=4)
    assert made["text"].tolist() == [b"b", b"a", b"c", b"b"]
    assert made["text"].dtype == object
    assert made["price"].dtype == np.float32
    np.testing.assert_array_equal(made["price"], np.array([np.nan, 1.5, -0.1, np.nan], np.float32))


def test_long_integers_are_not_rounded() -> None:
    kinds = signature(text=TEXT, number=LONG)
    inputs = {"text": np.array([b"a"], object), "number": np.array([2**62 + 1], np.int64)}
    assert takes_texts(kinds)
    assert lengths_of(inputs, kinds, full_length=100) == [11]
    request = Request("serving_default", inputs, 0.0, 0.0, [11])
    assert gathered([(request, [0])], run_rows=2)["number"].tolist() == [2**62 + 1] * 2
