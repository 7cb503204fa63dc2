"""Ops of SavedModels against what each server has: lists that were read out of releases, and graphs made to fail."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import tensorflow as tf
from saved import saved

from tfclassify.errors import UsageError
from tfclassify.servable.lowering import lower
from tfclassify.servable.operations import (
    NEWEST,
    Operations,
    check_server,
    missing,
    operations,
    servers,
    serving,
    unservable,
)


def of(*ops: str, **attributes: set[str]) -> Operations:
    return Operations(dict.fromkeys(ops, 1), {op: frozenset(names) for op, names in attributes.items()})


def test_servers_are_known_from_the_first_with_the_ops_of_a_tokenizer_on() -> None:
    assert servers()[0] == "2.2"
    assert servers()[-1] == NEWEST
    assert len(servers()) == 19


def test_an_unknown_server() -> None:
    with pytest.raises(UsageError) as caught:
        check_server("2.21")
    assert str(caught.value) == "server=2.21 is no known release; expected one of 2.2 to 2.20; did you mean '2.2'?"
    check_server("2.12")


@pytest.mark.parametrize(
    ("found", "first"),
    [
        (of("MatMul", "RaggedTensorToTensor", "WordpieceTokenizeWithOffsets"), "2.2"),
        # Servers from 2.10 and 2.12 on have these, but not the Unicode that what they read was built under.
        (of("FastWordpieceTokenizeWithOffsets"), "2.20"),
        (of("FastBertNormalize"), "2.20"),
        (of("TFText>FastSentencepieceTokenize"), "2.12"),
        (of("TFText>RoundRobinTrim"), "2.20"),
        (of("DisableCopyOnRead"), "2.10"),
        (of("VarHandleOp", VarHandleOp={"dtype", "debug_name"}), "2.15"),
        (of("MatMul", MatMul={"grad_a"}), "2.16"),
        (of("VarHandleOp", VarHandleOp={"dtype", "shape"}), "2.2"),
    ],
)
def test_the_first_server_that_has_them(found: Operations, first: str) -> None:
    assert serving(found)[0] == first
    assert serving(found) == servers()[servers().index(first) :]


def test_what_a_server_does_not_have_is_named() -> None:
    found = of("MatMul", "FastBertNormalize", "NoSuchOp", MatMul={"grad_a"})
    assert missing(found, "2.11") == ("FastBertNormalize", "NoSuchOp", "MatMul.grad_a")
    assert missing(found, "2.20") == ("NoSuchOp",)
    assert missing(of("FastBertNormalize"), "2.19") == ("FastBertNormalize under its Unicode",)
    assert serving(found) == ()


def test_ops_of_functions_are_counted_and_calls_of_them_are_not(tmp_path: Path) -> None:
    inner = tf.function(lambda x: tf.math.erf(x))
    found = operations(saved(tmp_path / "model", inner))
    assert "Erf" in found.counts
    assert not [op for op in found.counts if op.startswith("__inference")]


def python(x: tf.Tensor) -> tf.Tensor:
    return tf.ensure_shape(tf.py_function(lambda value: value, [x], tf.float32), [None])


def numpy(x: tf.Tensor) -> tf.Tensor:
    return tf.ensure_shape(tf.numpy_function(np.abs, [x], tf.float32), [None])


@pytest.mark.parametrize(
    ("function", "ops"),
    [
        (python, ("EagerPyFunc",)),
        (numpy, ("PyFunc",)),
        (lambda x: tf.nn.dropout(x, 0.5), ("RandomUniform",)),
        (
            lambda x: x + tf.random.stateless_normal(tf.shape(x), [1, 2]),
            ("StatelessRandomGetKeyCounter", "StatelessRandomNormalV2"),
        ),
        (lambda x: x * 2, ()),
    ],
)
def test_ops_that_no_servable_may_have(tmp_path: Path, function: object, ops: tuple[str, ...]) -> None:
    assert unservable(operations(saved(tmp_path / "model", function))) == ops  # type: ignore[arg-type]


def test_no_saved_model(tmp_path: Path) -> None:
    with pytest.raises(UsageError) as caught:
        operations(tmp_path)
    assert str(caught.value) == f"{tmp_path} holds no SavedModel (No such file or directory: saved_model.pb)"


def test_what_only_new_servers_know_and_nobody_needs_is_taken_out(tmp_path: Path) -> None:
    folder = saved(tmp_path / "model", lambda x: x * 3)
    before = operations(folder)
    assert serving(before)[0] == "2.15"
    lower(folder)
    after = operations(folder)
    assert serving(after) == servers()
    assert {op: count for op, count in before.counts.items() if op != "DisableCopyOnRead"} == dict(after.counts)
    model = tf.saved_model.load(str(folder))
    assert model.signatures["serving_default"](x=tf.constant([1.0, 2.0]))["y"].numpy().tolist() == [3.0, 6.0]
    # What was written can be written again, by whoever loads it to fine-tune it.
    tf.saved_model.save(model, str(tmp_path / "again"))
