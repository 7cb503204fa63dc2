"""Checkpoints of a network: everything that moves, taken and put back, and written beside the training."""

from __future__ import annotations

import threading
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from small_networks import batch_of, network, small_files

from tfclassify.errors import UsageError
from tfclassify.learning import checkpoints
from tfclassify.learning.checkpoint_folders import by_step, newest_checkpoint
from tfclassify.learning.checkpoints import Saver, moving_variables, put_values, take_values
from tfclassify.learning.objectives import cross_entropy
from tfclassify.learning.optimizers import AdamW
from tfclassify.learning.step import training_step
from tfclassify.model.classifier import BertClassifier


def made(folder: Path, seed: int = 0) -> BertClassifier:
    model = network(small_files(folder), seed=seed)
    model.compile(optimizer=AdamW(1e-2), step=training_step([(1.0, cross_entropy)]))
    model.optimizer.build(model.trainable_variables)
    return model


def test_a_step_from_what_was_put_back_is_the_same_step(tmp_path: Path) -> None:
    one, other = made(tmp_path / "one"), made(tmp_path / "other", seed=1)
    for seed in range(3):
        one.train_step(batch_of(4, 8, seed=seed))
    put_values(other, take_values(one))
    expected = one.train_step(batch_of(4, 8, seed=3))
    found = other.train_step(batch_of(4, 8, seed=3))
    assert float(found["loss"]) == float(expected["loss"])
    values = take_values(one)
    for name, value in take_values(other).items():
        np.testing.assert_array_equal(value, values[name])


def test_every_variable_that_there_is_is_among_them(tmp_path: Path) -> None:
    model = made(tmp_path)
    watched = [variable.ref() for variables in moving_variables(model).values() for variable in variables]
    everything = {
        variable.ref() for module in (model, model.optimizer, model.mean_loss) for variable in module.variables
    }
    assert everything <= set(watched)
    # The rate is no variable of the optimizer's own.
    assert len(watched) == len(everything) + 1


def test_what_was_taken_does_not_move_on(tmp_path: Path) -> None:
    model = made(tmp_path)
    values = take_values(model)
    before = {name: value.copy() for name, value in values.items()}
    model.train_step(batch_of(4, 8))
    for name, value in values.items():
        np.testing.assert_array_equal(value, before[name])


def test_values_of_another_network_are_refused(tmp_path: Path) -> None:
    model = made(tmp_path)
    values = take_values(model)
    name = next(iter(values))
    before = take_values(model)
    for wrong, given in (
        ({**values, name: np.zeros(3, np.float32)}, "float32[3]"),
        ({**values, name: values[name].astype(np.float64)}, f"float64{list(values[name].shape)}"),
        ({key: value for key, value in values.items() if key != name}, "nothing"),
    ):
        with pytest.raises(UsageError) as told:
            put_values(model, wrong)
        expected = f"float32{list(values[name].shape)}"
        assert str(told.value) == f"the checkpoint has {given} as {name}, expected {expected}; it is of another network"
    for key, value in take_values(model).items():
        np.testing.assert_array_equal(value, before[key])


def test_it_is_written_beside_the_training_one_at_a_time(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    model, saver, go = made(tmp_path / "model"), Saver(tmp_path / "checkpoints"), threading.Event()
    write = checkpoints.write_checkpoint

    def slow(*given: Any, **more: Any) -> Path:
        assert go.wait(60)
        return write(*given, **more)

    monkeypatch.setattr(checkpoints, "write_checkpoint", slow)
    expected = take_values(model)
    saver.save(model, 1, {"step": 1}, best=None)
    assert not saver.ready()
    model.train_step(batch_of(4, 8))
    go.set()
    saver.save(model, 2, {"step": 2}, best=None)
    assert (tmp_path / "checkpoints" / "step-1").is_dir()
    saver.save(model, 3, {"step": 3}, best=None)
    saver.close()
    assert (saver.saved, saver.failed) == (3, {})
    assert [path.name for path in by_step(saver.folder)] == ["step-2", "step-3"]
    found, _ = newest_checkpoint(saver.folder)
    assert found is not None
    assert any(not np.array_equal(found.values[name], value) for name, value in expected.items())


def test_a_disk_that_is_full_is_noted_and_a_mistake_of_ours_raised(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    model, saver = made(tmp_path / "model"), Saver(tmp_path / "checkpoints")

    def fails(folder: Path, step: int, *_: Any, **__: Any) -> Path:
        raise OSError(28, "No space left on device") if step == 1 else ValueError("mine")

    monkeypatch.setattr(checkpoints, "write_checkpoint", fails)
    saver.save(model, 1, {}, best=None)
    saver.wait()
    assert saver.failed == {1: "No space left on device"}
    saver.save(model, 2, {}, best=None)
    with pytest.raises(ValueError, match="mine"):
        saver.wait()
    saver.close()
    assert saver.saved == 0
