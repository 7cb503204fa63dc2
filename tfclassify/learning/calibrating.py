"""Measures the machine: training steps and answers of small networks, timed as a training and a server make them."""

from __future__ import annotations

import json
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import partial
from itertools import starmap
from pathlib import Path
from statistics import median
from typing import Any

import numpy as np
import psutil
import tensorflow as tf
import tf_keras as keras

from tfclassify.data.batches import untuned
from tfclassify.hardware import measure_matmul, peak_memory_bytes, reset_peak_memory, seconds_since_start
from tfclassify.learning.objectives import cross_entropy
from tfclassify.learning.optimizers import AdamW
from tfclassify.learning.prediction import forward, quickest
from tfclassify.learning.step import training_step
from tfclassify.learning.strategies import set_precision
from tfclassify.model.classifier import BertClassifier, answering, build
from tfclassify.model.routes import INPUTS
from tfclassify.model.weights import SIZE_KEYS, Found
from tfclassify.planning.calibration import (
    BYTES_PER_TRAINED_PARAMETER,
    Calibration,
    Timed,
    fitted,
    kept_values,
    plain,
)
from tfclassify.planning.presets import EncoderSize
from tfclassify.planning.token_numbers import rounded_up
from tfclassify.runs import write_json

VOCABULARY = 2000
# Most models lie between their widths. The first one is that of the memory, before another leaves any behind. Each has
# a width of its own: for sizes of matrices that were there before, no code would have to be made any more.
NETWORKS = (EncoderSize(2, 768, 12, 3072, VOCABULARY), EncoderSize(3, 128, 2, 512, VOCABULARY))
# By rising memory, so that each shape makes a peak of its own.
TRAINED = ((8, 16), (32, 16), (4, 256), (32, 64))
ANSWERED = ((1, 16), (1, 128), (16, 64))
# In the first rounds all numbers of tokens are new; in those after them, which are timed, none is.
NEW_ROUNDS, FEWEST_ROUNDS, MOST_ROUNDS, ANSWERS = 2, 3, 5, 5
# When the last round of each network begins, at the latest: the process has to be back in CALIBRATING_SECONDS.
LAST_ROUNDS_SECONDS = (13.0, 18.0)


def write_calibration(file: str, precision: str) -> None:
    """Measures this machine and writes the calibration; for a process of its own, which changes nobody's state."""
    write_json(Path(file), plain(measured(precision)))


def measured(
    precision: str,
    *,
    networks: Sequence[EncoderSize] = NETWORKS,
    ends: Sequence[float] = LAST_ROUNDS_SECONDS,
    elapsed: Callable[[], float] = seconds_since_start,
) -> Calibration:
    """Measures training steps in a number format, and answers in float32.

    Args:
        precision: of the training steps.
        networks: sizes, in this order.
        ends: seconds of this process after which no further round of a network is begun; the fewest are always made.
        elapsed: seconds that this process has taken.
    """
    speed, before = measure_matmul(), _used_seconds()
    steps: list[Timed] = []
    answers: list[Timed] = []
    peaks: list[list[int]] = []
    longer: list[float] = []
    for size, end in zip(networks, ends, strict=True):
        model = _network(size)
        answers += _answers(model, size)
        taken, new, reached = _steps(model, size, precision, goes_on=partial(_before, end, elapsed))
        steps += taken
        longer += new
        peaks.append(reached)
    process, per_value, per_shape = _memory(peaks[0], networks[0])
    return Calibration(
        precision=precision,
        training=fitted(steps),
        answering=fitted(answers),
        process_bytes=process,
        bytes_per_value=per_value,
        bytes_per_shape=per_shape,
        seconds_per_shape=max(0.0, median(longer)),
        busy_share=_busy_share(before, _used_seconds()),
        written=time.time(),
        seconds=elapsed(),
        matmul_flops_per_second=speed,
    )


def _before(end: float, elapsed: Callable[[], float]) -> bool:
    return elapsed() < end


def _network(size: EncoderSize) -> BertClassifier:
    """Builds a network of this size with random weights, compiled as one that is trained."""
    config = {"model_type": "bert", **{key: getattr(size, name) for name, key in SIZE_KEYS.items()}}
    with tempfile.TemporaryDirectory() as folder:
        (Path(folder) / "config.json").write_text(json.dumps(config), encoding="utf-8")
        found = Found("calibration", Path(folder), "generated", None)
        model = build(found, labels=("a", "b"), multilabel=False, dropout=0.1)
    optimizer = AdamW(1e-5)
    # Converting sources takes longer than all that is measured, and makes the same graph.
    step = tf.autograph.experimental.do_not_convert(training_step([(1.0, cross_entropy)]))
    model.compile(optimizer=optimizer, step=step)
    optimizer.build(model.trainable_variables)
    return model


def _steps(
    model: BertClassifier, size: EncoderSize, precision: str, *, goes_on: Callable[[], bool]
) -> tuple[list[Timed], list[float], list[int]]:
    """Fits a few rounds of all shapes, one after the other: the same one again would find its memory warm.

    Returns:
        The times; by how many seconds steps of new numbers of tokens took longer; and the most memory that there had
        been after the first shape of all, and after each round.
    """
    set_precision(precision)
    signature = {name: tf.TensorSpec([None] * each.ndim, each.dtype) for name, each in _batch((1, 1)).items()}
    made = tf.data.Dataset.from_generator(lambda: starmap(_batch, _shapes(goes_on)), output_signature=signature)
    watch = _Watch()
    reset_peak_memory()
    model.fit(untuned(made), epochs=1, verbose=0, callbacks=[watch])
    # Of the first step the most is tracing, and of the first rounds what is set up for a number of tokens.
    rounds = np.reshape(watch.seconds[1:], (-1, len(TRAINED)))
    known = np.median(rounds[NEW_ROUNDS:], axis=0)
    timed = [Timed(size, *shape, float(known[place])) for place, shape in enumerate(TRAINED)]
    return timed, (rounds[1] - known).tolist(), [watch.peaks[1], *watch.peaks[len(TRAINED) :: len(TRAINED)]]


def _shapes(goes_on: Callable[[], bool]) -> Iterator[tuple[tuple[int, int], int]]:
    """Returns shapes, and how many tokens fewer than that: of the second round so many that their numbers are new."""
    yield TRAINED[0], 0
    for number in range(MOST_ROUNDS):
        if number < FEWEST_ROUNDS or goes_on():
            yield from ((shape, _one_number_less(shape) if number == 1 else 0) for shape in TRAINED)


def _one_number_less(shape: tuple[int, int]) -> int:
    tokens = shape[0] * shape[1]
    return next(fewer for fewer in range(1, tokens) if rounded_up(tokens - fewer) < rounded_up(tokens))


class _Watch(keras.callbacks.Callback):
    """Times steps as a training does, with all that Keras does around them."""

    def __init__(self) -> None:
        super().__init__()
        self.begun, self.seconds, self.peaks = 0.0, list[float](), list[int]()

    def on_train_batch_begin(self, batch: int, logs: Mapping[str, Any] | None = None) -> None:
        self.begun = time.perf_counter()

    def on_train_batch_end(self, batch: int, logs: Mapping[str, Any] | None = None) -> None:
        # Read as a training reads it, which waits for the end of the step.
        int((logs or {})["skipped"])
        self.seconds.append(time.perf_counter() - self.begun)
        self.peaks.append(peak_memory_bytes())


def _answers(model: BertClassifier, size: EncoderSize) -> list[Timed]:
    set_precision("float32")
    run = quickest(forward(model), answering(model))
    return [Timed(size, *shape, median(list(_taken(run, shape))[1:])) for shape in ANSWERED]


def _taken(run: Callable[..., tf.Tensor], shape: tuple[int, int]) -> Iterator[float]:
    tokens = [tf.constant(_batch(shape)[name]) for name in INPUTS]
    for _ in range(ANSWERS):
        begun = time.perf_counter()
        run(*tokens).numpy()
        yield time.perf_counter() - begun


def _batch(shape: tuple[int, int], fewer: int = 0) -> dict[str, np.ndarray]:
    # Words come as often as in language, not evenly from the whole vocabulary.
    ids = np.minimum(np.random.default_rng(0).zipf(1.3, shape), VOCABULARY - 1).astype(np.int32)
    ones, zeros = np.ones(shape, np.int32), np.zeros(shape, np.int32)
    # From the ends of all rows alike, so that none is left without a token.
    places = np.arange(ones.size).reshape(shape)[:, ::-1].T.reshape(-1)
    ones.reshape(-1)[places[:fewer]] = 0
    tokens = dict(zip(INPUTS, (ids, ones, zeros), strict=True))
    return {**tokens, "labels": np.zeros(shape[0], np.int32), "weights": np.ones(shape[0], np.float32)}


def _memory(peaks: Sequence[int], size: EncoderSize) -> tuple[int, float, float]:
    """Returns the bytes of the process without the network, of a value, and of the code for a number of tokens.

    In the second round only that code is new; in the first one, all shapes but the first have some as well.
    """
    rounds, shapes = peaks[1:], len(TRAINED)
    per_shape = max(0.0, (rounds[1] - rounds[0]) / shapes)
    first, last = kept_values(size, *TRAINED[0]), max(kept_values(size, *shape) for shape in TRAINED)
    per_value = max(0.0, (rounds[0] - peaks[0] - (shapes - 1) * per_shape) / (last - first))
    process = peaks[0] - per_value * first - per_shape - BYTES_PER_TRAINED_PARAMETER * size.parameters
    return int(process), per_value, per_shape


def _used_seconds() -> tuple[float, float, float]:
    """Returns the time, the processor seconds of all programs, and those of this one."""
    every, own = psutil.cpu_times(), psutil.Process().cpu_times()
    idle = every.idle + getattr(every, "iowait", 0.0)
    # What a guest has is counted as its user's as well.
    guests = getattr(every, "guest", 0.0) + getattr(every, "guest_nice", 0.0)
    return time.perf_counter(), sum(every) - idle - guests, own.user + own.system


def _busy_share(before: tuple[float, float, float], after: tuple[float, float, float]) -> float:
    passed, every, own = (late - early for early, late in zip(before, after, strict=True))
    return min(1.0, max(0.0, (every - own) / (passed * (psutil.cpu_count() or 1))))
