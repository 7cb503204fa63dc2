"""Shares of batches: every row in exactly one of them, and everything back from an element of constant shape."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import pytest
import tensorflow as tf

from tfclassify.data.shares import flattened, share_shapes, shared_out, unflattened

SHAPES = ((6, 3), (6, 5), (2, 8))


def made(rows: int, length: int, *, start: int) -> dict[str, np.ndarray]:
    tokens = start + np.arange(rows * length, dtype=np.int32).reshape(rows, length)
    return {
        "input_ids": tokens,
        "attention_mask": tokens + 1,
        "token_type_ids": tokens + 2,
        "labels": np.stack([tokens[:, 0], tokens[:, 1]], axis=1).astype(np.float32),
        "weights": tokens[:, 0].astype(np.float32),
        "price": tokens[:, :1].astype(np.float32),
    }


def batches() -> list[dict[str, np.ndarray]]:
    return [made(*SHAPES[step % 3], start=1000 * step) for step in range(7)]


def dataset() -> tf.data.Dataset:
    def given() -> Iterator[dict[str, np.ndarray]]:
        yield from batches()

    spec = {name: tf.TensorSpec([None, None], tf.int32) for name in ("input_ids", "attention_mask", "token_type_ids")}
    spec |= {"labels": tf.TensorSpec([None, 2], tf.float32), "weights": tf.TensorSpec([None], tf.float32)}
    spec |= {"price": tf.TensorSpec([None, 1], tf.float32)}
    return tf.data.Dataset.from_generator(given, output_signature=spec)


def test_an_element_holds_its_batch() -> None:
    elements = list(flattened(dataset(), SHAPES))
    assert len(elements) == 7
    for number, (element, batch) in enumerate(zip(elements, batches(), strict=True)):
        assert element["bucket"] == number % 3
        back = unflattened(element, SHAPES[number % 3])
        assert back.keys() == batch.keys()
        for name, value in back.items():
            np.testing.assert_array_equal(value.numpy(), batch[name])
            assert value.dtype == batch[name].dtype


def test_all_elements_have_one_constant_shape() -> None:
    spec = flattened(dataset(), SHAPES).element_spec
    assert {name: tuple(each.shape) for name, each in spec.items()} == {
        "input_ids": (30,),
        "attention_mask": (30,),
        "token_type_ids": (30,),
        "labels": (6, 2),
        "weights": (6,),
        "price": (6, 1),
        "bucket": (),
    }


@pytest.mark.parametrize("shares", [1, 2])
def test_shares_are_the_batch(shares: int) -> None:
    elements = list(shared_out(dataset(), shares=shares))
    assert len(elements) == 7 * shares
    for number, batch in enumerate(batches()):
        own = elements[number * shares : (number + 1) * shares]
        for name, value in batch.items():
            np.testing.assert_array_equal(np.concatenate([each[name].numpy() for each in own]), value)


def test_two_machines_have_all_shares_between_them() -> None:
    together = list(shared_out(dataset(), shares=2))
    apart = [list(shared_out(dataset(), shares=2, first=first, number=1)) for first in (0, 1)]
    for number, element in enumerate(together):
        other = apart[number % 2][number // 2]
        assert all((element[name].numpy() == other[name].numpy()).all() for name in element)


def test_rows_that_cannot_be_shared_out_are_not_left_out_in_silence() -> None:
    with pytest.raises(tf.errors.InvalidArgumentError, match="reshape"):
        list(shared_out(dataset(), shares=4))


def test_shapes_of_shares_hold_all_rows() -> None:
    assert share_shapes(((32, 8), (5, 64)), shares=1) == ((32, 8), (5, 64))
    assert share_shapes(((32, 8), (5, 64)), shares=2) == ((16, 8), (3, 64))
    assert share_shapes(((32, 8), (5, 64)), shares=2, multiple=4) == ((16, 8), (4, 64))
