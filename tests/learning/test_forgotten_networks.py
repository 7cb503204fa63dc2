"""A network that was trained and has answered leaves nothing behind: many can be trained in one process."""

from __future__ import annotations

import gc
import weakref
from typing import Any

import pytest
import tensorflow as tf

from tfclassify.learning import calibrating
from tfclassify.learning.prediction import forward
from tfclassify.planning.presets import EncoderSize


def trained_and_asked(*, training: bool) -> list[weakref.ref[Any]]:
    model = calibrating._network(EncoderSize(2, 32, 2, 64, 2000))
    batch = calibrating._batch((4, 8))
    if training:
        model.fit(tf.data.Dataset.from_tensors(batch), epochs=1, verbose=0)
    forward(model)(*(tf.constant(batch[name]) for name in calibrating.INPUTS))
    return [weakref.ref(variable.handle) for variable in (*model.variables, *model.optimizer.variables)]


@pytest.mark.parametrize("training", [True, False], ids=["trained", "asked only"])
def test_no_variable_is_left(training: bool) -> None:
    handles = trained_and_asked(training=training)
    gc.collect()
    assert len(handles) > 30
    assert sum(handle() is not None for handle in handles) == 0
