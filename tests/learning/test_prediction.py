"""Logits do not depend on what a row is batched with, in which order, or how much padding it gets."""

from __future__ import annotations

import numpy as np
import pytest
import tensorflow as tf
from hypothesis import given, settings
from hypothesis import strategies as st
from made_stores import ragged
from small_networks import PIECES, network, small_files

from tfclassify.data.rows import Limits, Rows, rows_of_pieces
from tfclassify.hardware import Accelerator
from tfclassify.learning import prediction
from tfclassify.learning.prediction import Forward, covering, forward, logits_of, quickest
from tfclassify.planning.buckets import Bucket

LIMITS = Limits(16, 2, 3)
RANDOM = np.random.default_rng(0)
TEXTS = [RANDOM.integers(5, len(PIECES), RANDOM.integers(0, 20)).tolist() for _ in range(40)]


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Forward:
    return forward(network(small_files(tmp_path_factory.mktemp("model"), initializer_range=0.5)))


def rows(places: list[int]) -> Rows:
    return rows_of_pieces(ragged([TEXTS[place] for place in places]), None, LIMITS)


@pytest.fixture(scope="module")
def alone(run: Forward) -> np.ndarray:
    """The logits of each text in a batch of its own, without padding."""
    made = []
    for text in TEXTS:
        ids = tf.constant([[LIMITS.cls, *text[: LIMITS.max_length - 2], LIMITS.sep]], tf.int32)
        made.append(run(ids, tf.ones_like(ids), tf.zeros_like(ids)).numpy()[0])
    assert np.std(made, axis=0).min() > 1e-2
    return np.array(made)


BUCKETS = st.lists(st.tuples(st.integers(1, 9), st.integers(2, 15)), max_size=3, unique_by=lambda each: each[1]).map(
    lambda made: (*sorted(made, key=lambda each: each[1]), (3, 16))
)


@settings(max_examples=40)
@given(st.lists(st.sampled_from(range(len(TEXTS))), max_size=12), BUCKETS)
def test_a_row_is_answered_as_if_it_were_alone(
    run: Forward, alone: np.ndarray, places: list[int], buckets: tuple[Bucket, ...]
) -> None:
    found = logits_of(run, rows(places), buckets, classes=3)
    assert (found.shape, found.dtype) == ((len(places), 3), np.float32)
    np.testing.assert_allclose(found, alone[places].reshape(-1, 3), atol=1e-6)


def test_progress_is_told_row_by_row(run: Forward) -> None:
    told: list[int] = []
    logits_of(run, rows(list(range(10))), ((4, 16),), classes=3, advance=lambda units, note: told.append(units))
    assert sum(told) == 10
    assert max(told) <= 4


@pytest.mark.parametrize(
    ("buckets", "max_length", "expected"),
    [
        (((600, 4), (300, 16)), 16, ((600, 4), (300, 16))),
        (((600, 4), (300, 16)), 12, ((600, 4), (300, 16))),
        # A shape of as many tokens for what is longer than any text of the training.
        (((600, 4), (300, 16)), 32, ((600, 4), (300, 16), (150, 32))),
        # More rows than in training, where those would be few tokens, and one where it is long.
        (((8, 4), (4, 16)), 512, ((512, 4), (128, 16), (4, 512))),
        (((1, 16),), 4096, ((128, 16), (1, 4096))),
    ],
)
def test_texts_that_are_longer_than_any_shape(
    buckets: tuple[Bucket, ...], max_length: int, expected: tuple[Bucket, ...]
) -> None:
    assert covering(buckets, max_length) == expected


def test_longer_texts_than_in_training_are_answered(run: Forward, alone: np.ndarray) -> None:
    found = logits_of(run, rows(list(range(40))), covering(((8, 4),), LIMITS.max_length), classes=3)
    np.testing.assert_allclose(found, alone, atol=1e-6)


@pytest.mark.parametrize(
    ("devices", "there", "expected"),
    [((), True, "answering"), ((), False, "whole"), ((Accelerator("gpu", True, "any"),), True, "whole")],
)
def test_the_way_that_suits_the_machine(
    devices: tuple[Accelerator, ...], there: bool, expected: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    ways: dict[str, Forward] = {name: lambda *_: tf.constant(0.0) for name in ("whole", "answering")}
    monkeypatch.setattr(prediction, "accelerators", lambda: devices)
    assert quickest(ways["whole"], ways["answering"] if there else None) is ways[expected]
