"""A probe: which rows it takes, that it tells classes apart where vectors do, and what it says where they do not."""

from __future__ import annotations

import numpy as np
import pytest
import tensorflow as tf
import tf_keras as keras
from made_stores import split_of, store
from small_networks import network, small_files

from tfclassify.data.labelling import Split
from tfclassify.data.rows import Limits
from tfclassify.learning.probing import Probe, _some, averaged, probe
from tfclassify.model.weights import Found
from tfclassify.text.windows import Windowing

LIMITS = Limits(16, 2, 3)
ONE_WAY = {"by the head": LIMITS}


@pytest.fixture(scope="module")
def found(tmp_path_factory: pytest.TempPathFactory) -> Found:
    """A network whose vocabulary has every letter at its code point."""
    return small_files(tmp_path_factory.mktemp("model"), vocab_size=128)


@pytest.fixture(autouse=True)
def same_weights() -> None:
    keras.utils.set_random_seed(0)


def letters(rows: int, *, told: bool = True) -> Split:
    """Rows of two labels, told apart by the letters of the texts, or not at all."""
    truth = [row % 2 for row in range(rows)]
    texts = [("abc", "xyz")[label if told else 0] * (1 + row % 3) for row, label in enumerate(truth)]
    return split_of(store(texts), range(rows), truth)


def test_classes_that_vectors_tell_apart(found: Found) -> None:
    made = probe(found, letters(60), letters(40), classes=2, ways=ONE_WAY, most_rows=100)
    assert isinstance(made, Probe)
    assert (made.rows, made.judged, made.right) == (60, 30, 30)
    assert made.most_frequent == 0.5
    assert "tell 1.000 of 30 others right [0.886, 1.000]" in made.sentence
    assert "look at the data" not in made.sentence


def test_classes_that_nothing_tells_apart(found: Found) -> None:
    made = probe(found, letters(60, told=False), letters(40, told=False), classes=2, ways=ONE_WAY, most_rows=100)
    assert isinstance(made, Probe)
    assert made.sentence.endswith("; the most frequent label alone is 0.500: look at the data first")


@pytest.mark.parametrize(("most_rows", "enough"), [(66, False), (67, True)])
def test_too_little_time_looks_for_nothing(found: Found, most_rows: int, enough: bool) -> None:
    made = probe(found, letters(60), letters(40), classes=2, ways=ONE_WAY, most_rows=most_rows)
    assert isinstance(made, Probe) is enough
    if not enough:
        assert made == "no probe: there is time and there are rows for 47 and 19 to judge them by, too few"


def test_every_label_gets_as_many_rows_as_any_other() -> None:
    split = split_of(store(["a"] * 20), range(20), [0] * 15 + [1] * 3 + [2] * 2)
    assert np.bincount(_some(split, 9).truth).tolist() == [4, 3, 2]
    assert np.bincount(_some(split, 3).truth).tolist() == [1, 1, 1]
    assert len(_some(split, 99)) == 20


def test_ways_to_read_long_texts_are_compared(found: Found) -> None:
    """What tells the labels apart stands at the end of texts that are longer than a window."""
    truth = [row % 2 for row in range(60)]
    texts = ["m" * 18 + ("abc", "xyz")[label] * 2 for label in truth]
    split = split_of(store(texts), range(60), truth)
    windows, tails = (
        Limits(16, 2, 3, Windowing(16, most, 14, head_share)) for most, head_share in ((2, 1.0), (1, 0.25))
    )
    ways = {"in 2 windows": windows, "by the head": LIMITS, "by head and tail": tails}
    made = probe(found, split, split, classes=2, ways=ways, most_rows=80)
    assert isinstance(made, Probe)
    assert made.judged == 24
    head, tail = made.others["by the head"], made.others["by head and tail"]
    assert made.reading == (
        f"of 24 rows frozen vectors tell right: read in 2 windows {made.right / 24:.3f}, "
        f"by the head {head / 24:.3f}, by head and tail {tail / 24:.3f}"
    )
    assert made.right == tail == 24
    # All heads are the same, and so is what is said of them.
    one_label = round(24 * made.most_frequent)
    assert head in {one_label, 24 - one_label}


def test_windows_are_encoded_one_by_one(found: Found) -> None:
    model = network(found)
    first, second = [2, 97, 98, 3], [2, 99, 100, 3]
    one_way, other = tf.constant([first + second]), tf.constant([second + first])
    ones, zeros = tf.ones_like(one_way), tf.zeros_like(one_way)
    apart, together = averaged(model, window=4), averaged(model, window=8)
    np.testing.assert_allclose(apart(one_way, ones, zeros).numpy(), apart(other, ones, zeros).numpy(), atol=1e-5)
    assert not np.allclose(together(one_way, ones, zeros).numpy(), together(other, ones, zeros).numpy(), atol=1e-4)


def test_a_vector_does_not_see_what_fills_its_batch(found: Found) -> None:
    run = averaged(network(found), window=16)
    short = tf.constant([[2, 97, 98, 3]])
    long = tf.pad(short, [[0, 0], [0, 3]])
    mask, zeros = tf.pad(tf.ones_like(short), [[0, 0], [0, 3]]), tf.zeros_like(long)
    alone = run(short, tf.ones_like(short), tf.zeros_like(short)).numpy()
    np.testing.assert_allclose(run(long, mask, zeros).numpy(), alone, atol=1e-5)
    assert np.linalg.norm(alone) == pytest.approx(1.0, abs=1e-5)
