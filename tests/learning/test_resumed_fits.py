"""Fits that are interrupted, find no finite loss or no memory, on the smallest network there is, with dropout."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import tensorflow as tf
from safetensors.numpy import load_file
from small_networks import small_files
from test_training import made_corpus, made_plan, pieces_of

from tfclassify.display import SILENT, Display
from tfclassify.errors import UsageError
from tfclassify.learning import memory, networks, objectives, training
from tfclassify.learning.checkpoint_folders import VALUES, by_step
from tfclassify.learning.training import Learned, learn
from tfclassify.model.weights import Found
from tfclassify.runs import Run
from tfclassify.settings import Settings, TextSettings, read

# 40 rows in batches of 8.
STEPS = 5
ASKED = {"train__checkpoint_steps": 2, "train__learning_rate": 1e-3, "model__dropout": 0.2}


class DiedError(RuntimeError):
    """Stands for the end of a process that nobody has asked for."""


@pytest.fixture(scope="module")
def found(tmp_path_factory: pytest.TempPathFactory) -> Found:
    """A network with dropout, whose vocabulary has every letter at its code point."""
    made = small_files(
        tmp_path_factory.mktemp("model"), vocab_size=128, hidden_dropout_prob=0.2, attention_probs_dropout_prob=0.2
    )
    pieces = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", *(f"piece{number}" for number in range(4, 128))]
    made.vocabulary.write_text("\n".join(pieces) + "\n", encoding="utf-8")
    return made


def fitted(found: Found, folder: Path, display: Display = SILENT, **asked: Any) -> Learned:
    run, corpus = Run(folder), made_corpus()
    run.weights.parent.mkdir(parents=True, exist_ok=True)
    plan = made_plan(found, corpus, **{**ASKED, **asked})
    return learn(plan, corpus, found, pieces_of(found), run=run, display=display)


def dying(at: int) -> Display:
    steps: list[int] = []

    def advance(units: int, note: str) -> None:
        if note.startswith("loss"):
            steps.append(units)
            if len(steps) == at:
                raise DiedError

    return Display(advance=advance)


def ended(folder: Path) -> tuple[str, dict[str, tuple[Any, ...]], bytes, list[dict[str, Any]]]:
    """The last step that was saved and everything that moves then, the best weights, and the lines of all epochs.

    By name, so that whoever sees them differ sees in what; time is not in the lines.
    """
    run = Run(folder)
    lines = [json.loads(line) for line in run.history.read_text(encoding="utf-8").splitlines()]
    for line in lines:
        del line["seconds"]
    last = by_step(run.checkpoints)[-1]
    values = {name: (each.dtype, each.shape, each.tobytes()) for name, each in load_file(last / VALUES).items()}
    return last.name, values, run.weights.read_bytes(), lines


@pytest.fixture(scope="module")
def straight(found: Found, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("straight")
    fitted(found, folder)
    return folder


@pytest.mark.parametrize("deaths", [[1], [STEPS], [STEPS + 1, 3], [3, 3, 3], [4 * STEPS]])
def test_wherever_it_dies(found: Found, straight: Path, tmp_path: Path, deaths: list[int]) -> None:
    for at in deaths:
        with pytest.raises(DiedError):
            fitted(found, tmp_path, dying(at))
    course = fitted(found, tmp_path).course
    assert ended(tmp_path) == ended(straight)
    assert (course.epoch, course.step, course.done) == (4, 0, True)


def test_a_seed_of_dropout_that_forgets_the_step_would_be_noticed(
    found: Found, straight: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with pytest.raises(DiedError):
        fitted(found, tmp_path, dying(7))
    compiled = training.compiled

    def forgetful(*given: Any, **more: Any) -> Any:
        return compiled(*given[:2], given[2].model_copy(update={"seed": 1}), *given[3:], **more)

    monkeypatch.setattr(training, "compiled", forgetful)
    fitted(found, tmp_path)
    assert ended(tmp_path) != ended(straight)


def test_several_steps_in_a_call_are_the_same_steps(found: Found, straight: Path, tmp_path: Path) -> None:
    several = {"train__steps_per_execution": 3}
    taken: list[int] = []
    note = Display(advance=lambda units, note: taken.append(units) if note.startswith("loss") else None)
    fitted(found, tmp_path / "several", note, **several)
    # None goes past the end of its epoch.
    assert taken == [3, 2] * 4
    assert ended(tmp_path / "several") == ended(straight)
    with pytest.raises(DiedError):
        fitted(found, tmp_path / "dying", dying(4), **several)
    fitted(found, tmp_path / "dying", **several)
    assert ended(tmp_path / "dying") == ended(straight)


def test_a_step_that_is_left_out_in_the_middle_of_a_call_is_counted(
    found: Found, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    poisoned(monkeypatch, lambda step, _: tf.equal(step, 6), float("nan"))
    said: list[str] = []
    course = fitted(found, tmp_path, Display(say=said.append), train__steps_per_execution=3, train__steps=14).course
    assert (course.skipped, course.returns, course.done) == (1, 0, True)
    assert "1 of the steps 6 to 8 left out: loss or gradient is no finite number" in said
    assert (course.epoch, len(course.history)) == (3, 3)


def test_averages_go_on_too(found: Found, tmp_path: Path) -> None:
    asked = {"train__average": "ema", "train__average_every": 1}
    fitted(found, tmp_path / "straight", **asked)
    with pytest.raises(DiedError):
        fitted(found, tmp_path / "dying", dying(8), **asked)
    fitted(found, tmp_path / "dying", **asked)
    assert ended(tmp_path / "dying") == ended(tmp_path / "straight")


def test_checkpoints_of_another_training_are_refused(found: Found, tmp_path: Path) -> None:
    with pytest.raises(DiedError):
        fitted(found, tmp_path, dying(5))
    with pytest.raises(UsageError) as told:
        fitted(found, tmp_path, seed=1)
    assert str(told.value).endswith(
        " cannot be gone on from: it belongs to other settings or other data; train anew in another run=DIR"
    )


# Losses that are no numbers


def poisoned(monkeypatch: pytest.MonkeyPatch, when: Callable[[tf.Tensor, tf.Tensor], tf.Tensor], value: float) -> None:
    """Makes losses another number where the step and the learning rate say so."""
    usual = objectives.OBJECTIVES["cross_entropy"]

    def loss(outputs: Any, batch: Any, model: Any) -> tf.Tensor:
        bad = when(model.optimizer.iterations, model.optimizer.rate_factor)
        # The gradient as well is what the loss is.
        return usual(outputs, batch, model) * tf.where(bad, value, 1.0)

    monkeypatch.setitem(objectives.OBJECTIVES, "cross_entropy", loss)


@pytest.mark.parametrize("value", [float("nan"), float("inf")])
def test_a_step_without_a_finite_loss_changes_nothing(
    found: Found, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, value: float
) -> None:
    poisoned(monkeypatch, lambda step, _: tf.equal(step, 7), value)
    said: list[str] = []
    made = fitted(found, tmp_path / "straight", Display(say=said.append))
    assert (made.course.skipped, made.course.returns, made.course.done) == (1, 0, True)
    assert "step 8 is left out: its loss or gradient is no finite number" in said
    assert all(tf.reduce_all(tf.math.is_finite(variable)) for variable in made.model.trainable_variables)
    if value == float("inf"):
        return
    # A step that is left out is one like others for whoever goes on, whatever its loss was.
    with pytest.raises(DiedError):
        fitted(found, tmp_path / "dying", dying(8))
    fitted(found, tmp_path / "dying")
    assert ended(tmp_path / "dying") == ended(tmp_path / "straight")


def test_it_goes_back_with_half_the_rate(found: Found, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    poisoned(monkeypatch, lambda step, factor: tf.logical_and(step >= 11, factor > 0.9), float("nan"))
    said: list[str] = []
    course = fitted(found, tmp_path, Display(say=said.append)).course
    assert (course.skipped, course.returns, course.done) == (3, 1, True)
    (back,) = [line for line in said if line.startswith("going back")]
    assert back.endswith("on with 0.5 times the planned learning rate")
    assert 0 <= int(back.split()[4].rstrip(",")) <= 11
    # Of 20 steps two are for the rise; the last one of the third epoch is made at half of what was planned.
    assert course.history[2]["learning_rate"] == pytest.approx(0.5 * 1e-3 * (20 - 14) / 18, rel=1e-5)


def test_it_gives_up_where_going_back_does_not_help(
    found: Found, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    poisoned(monkeypatch, lambda step, _: step >= 11, float("nan"))
    with pytest.raises(UsageError) as told:
        fitted(found, tmp_path)
    message = str(told.value)
    assert message.startswith("loss or gradient is no finite number in step 14 (training rows ")
    assert message.endswith(
        "), as in the 2 before it, after going back 2 times to half the learning rate; "
        "lower train.learning_rate, raise train.warmup_share, or set train.precision=float32"
    )
    assert len(message.partition("(training rows ")[2].partition(")")[0].split(", ")) == 8
    # What was saved is from before.
    assert int(by_step(tmp_path / "checkpoints")[-1].name.removeprefix("step-")) <= 11


# Memory that is not enough


def tight(monkeypatch: pytest.MonkeyPatch, rows: int) -> list[int]:
    """Lets parts of a batch with more rows than so many not fit; returns where their sizes are noted."""
    tried: list[int] = []
    step = training.try_step

    def tries(model: Any, batch: tf.data.Dataset) -> None:
        parts = parts_of[0]
        (made,) = batch.take(1)
        tried.append(made["weights"].shape[0] // parts)
        if tried[-1] > rows:
            raise tf.errors.ResourceExhaustedError(None, None, "OOM when allocating tensor")
        step(model, batch)

    parts_of = [1]
    made_step = networks.training_step

    def noting(*given: Any, **more: Any) -> Any:
        parts_of[0] = more["accumulation_steps"]
        return made_step(*given, **more)

    monkeypatch.setattr(networks, "training_step", noting)
    monkeypatch.setattr(training, "try_step", tries)
    return tried


def test_a_batch_that_does_not_fit_is_computed_in_parts(
    found: Found, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    tried, said = tight(monkeypatch, 2), list[str]()
    made = fitted(found, tmp_path / "tight", Display(say=said.append), train__steps=5)
    assert tried == [8, 4, 2]
    reason = "a batch in 2 parts did not fit into memory; more parts do the same, but slower"
    assert said[1] == f"train.accumulation_steps=4: {reason}"
    kept = read([str(Run(tmp_path / "tight").plan)], Settings)
    assert kept.train.accumulation_steps == made.plan.settings.train.accumulation_steps == 4


def test_in_parts_it_is_the_same(found: Found, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Without dropout, which drops other units then."""
    bare = small_files(tmp_path / "model", vocab_size=128)
    (tmp_path / "model" / "vocab.txt").write_bytes(found.vocabulary.read_bytes())
    whole = fitted(bare, tmp_path / "whole", model__dropout=0.0).course.history
    tight(monkeypatch, 4)
    parts = fitted(bare, tmp_path / "parts", model__dropout=0.0).course.history
    assert [line["loss"] for line in parts] == pytest.approx([line["loss"] for line in whole], rel=1e-5)


def test_memory_that_ends_in_the_middle(found: Found, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    fit, said = training.fit, list[str]()

    def ends(*given: Any, **more: Any) -> Any:
        if not said:
            with pytest.raises(DiedError):
                fit(*given, **{**more, "display": dying(8)})
            raise tf.errors.ResourceExhaustedError(None, None, "OOM when allocating tensor")
        return fit(*given, **more)

    monkeypatch.setattr(training, "fit", ends)
    course = fitted(found, tmp_path, Display(say=said.append)).course
    assert said[0].startswith("train.accumulation_steps=2: ")
    assert said[1].startswith("going on at step")
    assert course.done


def test_not_even_one_row_fits(found: Found, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    tight(monkeypatch, 0)
    with pytest.raises(UsageError) as told:
        fitted(found, tmp_path)
    assert str(told.value) == (
        "a batch does not fit into memory in 8 parts, and there are no more rows to part; "
        "lower text.max_length, raise train.batch_size, or take a smaller model.name"
    )


def test_what_is_tried_leaves_no_trace(
    found: Found, straight: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(training, "try_step", lambda *_: None)
    fitted(found, tmp_path)
    assert ended(tmp_path) == ended(straight)


def test_the_largest_shape_is_the_one_with_the_most_values() -> None:
    from tfclassify.planning.presets import PRESETS

    size = PRESETS["minilm"].size
    shapes = ((32, 16), (32, 64), (16, 128), (4, 256))
    assert memory.largest_bucket(shapes, size, TextSettings(windows=1)) == (16, 128)
    # Two windows are no longer than one to the encoder.
    assert memory.largest_bucket(((16, 128), (7, 256)), size, TextSettings(max_length=128, windows=2)) == (16, 128)
