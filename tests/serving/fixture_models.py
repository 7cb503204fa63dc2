"""The models that cases of the REST API speak of, written as real SavedModels.

They are of TensorFlow 1's kind, with placeholders for inputs: so a tensor's name is what the cases expect, and the rank
of an input may be unknown.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import tensorflow as tf

v1 = tf.compat.v1
Tensors = Mapping[str, Any]
# A signature: inputs, outputs, and which of the stock server's methods it is exported for.
Made = dict[str, tuple[Tensors, Tensors, str]]

VERSION = 123
LABELS = {"stable": VERSION}
# Twice: once for the element, once for the end.
SLEEP_SECONDS = 2.0
ECHO_DTYPES = ("float", "double", "int32", "int64", "uint32", "uint64", "bool", "string", "half")


def write_all(folder: Path) -> list[str]:
    """Writes every model as ``folder/NAME/123``; returns their names."""
    makers = {**_MAKERS, **{f"echo_{dtype}": _echo_maker(dtype) for dtype in ECHO_DTYPES}}
    for name, make in makers.items():
        _write(folder / name / str(VERSION), make)
    return list(makers)


def _write(folder: Path, make: Callable[[], Made]) -> None:
    with tf.Graph().as_default(), v1.Session() as session:
        signatures = {
            name: v1.saved_model.build_signature_def(
                {key: v1.saved_model.build_tensor_info(tensor) for key, tensor in inputs.items()},
                {key: v1.saved_model.build_tensor_info(tensor) for key, tensor in outputs.items()},
                f"tensorflow/serving/{method}",
            )
            for name, (inputs, outputs, method) in make().items()
        }
        builder = v1.saved_model.Builder(str(folder))
        builder.add_meta_graph_and_variables(session, ["serve"], signature_def_map=signatures)
        builder.save()


def _half_plus_two() -> Made:
    x = v1.placeholder(tf.float32, [None, 1], name="x")
    y = tf.add(x * 0.5, 2.0, name="y")
    examples = v1.placeholder(tf.string, None, name="tf_example")
    parsed = tf.io.parse_example(tf.reshape(examples, [-1]), {"x": tf.io.FixedLenFeature([1], tf.float32)})
    halved = parsed["x"] * 0.5 + 2.0
    return {
        "serving_default": ({"x": x}, {"y": y}, "predict"),
        "regress_x_to_y": ({"inputs": examples}, {"outputs": halved}, "regress"),
        "classify_x_to_y": ({"inputs": examples}, {"scores": halved}, "classify"),
    }


def _echo_maker(dtype: str) -> Callable[[], Made]:
    def make() -> Made:
        given = v1.placeholder(tf.as_dtype(dtype), None)
        signature = ({"default": given}, {"out": tf.identity(given)}, "predict")
        return {"serving_default": signature, "other_sig": signature}

    return make


def _echo(dtypes: Mapping[str, tf.DType]) -> Made:
    given = {name: v1.placeholder(dtype, None) for name, dtype in dtypes.items()}
    return {"serving_default": (given, {name: tf.identity(tensor) for name, tensor in given.items()}, "predict")}


def _echo_pair() -> Made:
    return _echo({"ints": tf.int32, "words": tf.string})


def _echo_multi() -> Made:
    return _echo({"ints": tf.int32, "words": tf.string, "reals": tf.float32, "wide": tf.float64})


def _strings(*names: str) -> Callable[[], Made]:
    def make() -> Made:
        given = v1.placeholder(tf.string, None)
        return {"serving_default": ({"default": given}, {name: tf.identity(given) for name in names}, "predict")}

    return make


def _of_x(outputs: Callable[[Any], Tensors]) -> Callable[[], Made]:
    def make() -> Made:
        x = v1.placeholder(tf.float32, [None])
        return {"serving_default": ({"x": x}, outputs(x), "predict")}

    return make


def _slept(x: Any) -> Tensors:
    element = {"output_types": [tf.int32], "output_shapes": [tf.TensorShape([])]}
    one = tf.data.Dataset.from_tensors(0)._variant_tensor
    pause = tf.constant(int(SLEEP_SECONDS * 1_000_000), tf.int64)
    sleep = tf.raw_ops.SleepDataset(input_dataset=one, sleep_microseconds=pause, **element)
    with tf.control_dependencies(tf.raw_ops.DatasetToSingleElement(dataset=sleep, **element)):
        return {"y": tf.identity(x)}


def _clf3() -> Made:
    examples = v1.placeholder(tf.string, [None])
    text = tf.io.parse_example(examples, {"text": tf.io.FixedLenFeature([], tf.string)})["text"]
    scores = tf.where(tf.equal(text, "a")[:, None], [[0.25, 0.5, 0.25]], [[0.5, 0.25, 0.25]])
    classes = tf.tile([["neg", "neu", "pos"]], [tf.size(text), 1])
    signature = ({"inputs": examples}, {"classes": classes, "scores": scores}, "classify")
    return {"classify": signature, "serving_default": signature}


def _regress_nonfinite() -> Made:
    examples = v1.placeholder(tf.string, [None])
    values = tf.constant([float("nan"), float("inf"), float("-inf")])[: tf.size(examples)]
    return {"serving_default": ({"inputs": examples}, {"outputs": values}, "regress")}


def _example_echo() -> Made:
    examples = v1.placeholder(tf.string, [None])
    # Parsed, so that what is no example fails.
    sizes, _ = tf.io.decode_proto(examples, "tensorflow.Example", ["features"], [tf.string])
    with tf.control_dependencies([sizes]):
        scores = tf.zeros([tf.size(examples), 1])
    signature = ({"inputs": examples}, {"scores": scores, "outputs": tf.identity(scores)}, "classify")
    return dict.fromkeys(("serving_default", "other_sig", "classify"), signature)


_MAKERS: dict[str, Callable[[], Made]] = {
    "hp2": _half_plus_two,
    "echo_pair": _echo_pair,
    "echo_multi": _echo_multi,
    "bytes_out": _strings("raw_bytes"),
    "two_out": _strings("text", "raw_bytes"),
    "empty_batch": _of_x(lambda x: {"y": tf.zeros([0, 2])}),
    "empty_batch2": _of_x(lambda x: {"words": tf.fill([0, 1, 2], ""), "numbers": tf.zeros([0, 3])}),
    "zero_and_one": _of_x(lambda x: {"a": tf.zeros([0, 2]), "b": tf.zeros([1, 2])}),
    "complex_out": _of_x(lambda x: {"y": tf.cast(x, tf.complex64)}),
    "scalar_out": _of_x(lambda x: {"total": tf.reduce_sum(x)}),
    "uneven_out": _of_x(lambda x: {"first": x[:1], "all": tf.identity(x)}),
    "slow_model": _of_x(_slept),
    "clf3": _clf3,
    "regress_nonfinite": _regress_nonfinite,
    "example_echo": _example_echo,
}
