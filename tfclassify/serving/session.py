"""A SavedModel loaded as the stock server loads it: into a session of a graph of its own."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import tensorflow as tf
from numpy.typing import NDArray
from tensorflow.core.protobuf import config_pb2

from tfclassify.serving.faults import refused
from tfclassify.serving.frozen import Frozen, frozen
from tfclassify.serving.loaded import Loaded, Tensors
from tfclassify.serving.signatures import Signature, signatures_of
from tfclassify.serving.status import Code, Refusal
from tfclassify.text.word_pieces import text_ops

SERVE, ANSWER = "serve", "serving_default"


@dataclass(frozen=True)
class _Runnable:
    """A signature ready to be run: its inputs and outputs in the order in which they are fed and fetched."""

    inputs: tuple[str, ...]
    outputs: tuple[str, ...]
    strings: frozenset[str]
    defaults: Mapping[str, NDArray[Any]]
    run: Callable[..., list[Any]]


def load_saved_model(
    folder: Path,
    *,
    name: str,
    version: int,
    timeout_seconds: float,
    tags: tuple[str, ...] = (SERVE,),
    intra_op_threads: int = 0,
    inter_op_threads: int = 0,
    bfloat16: bool = False,
) -> Loaded:
    """Loads a SavedModel.

    Args:
        folder: with ``saved_model.pb`` in it.
        name: of the model.
        version: of it.
        timeout_seconds: the longest that one run of the graph may take.
        tags: of the MetaGraphDef.
        intra_op_threads: threads that one op may use; 0 leaves it to TensorFlow.
        inter_op_threads: ops that may run at once; 0 leaves it to TensorFlow.
        bfloat16: whether ``serving_default`` multiplies in it; other signatures stay as they are.

    Returns:
        The model. Its ``call`` takes arrays of the signature's dtypes (strings as bytes, or str, in an array of
        objects) and gives arrays, of objects that are bytes where the output is of strings.

    Raises:
        Refusal: the folder cannot be loaded.
    """
    text_ops()
    config = config_pb2.ConfigProto(
        # As in eager TensorFlow: what was exported on one kind of device loads where there is none.
        allow_soft_placement=True,
        intra_op_parallelism_threads=intra_op_threads,
        inter_op_parallelism_threads=inter_op_threads,
    )
    session = tf.compat.v1.Session(graph=tf.Graph(), config=config)
    try:
        definitions = _definitions(session, folder, tags)
        signatures = signatures_of(definitions)
        fast = {}
        if bfloat16 and ANSWER in signatures:
            fast[ANSWER] = frozen(folder, ANSWER, signatures[ANSWER], config, tags=tags)
    except (tf.errors.OpError, OSError, RuntimeError, ValueError, TypeError, KeyError, MemoryError) as error:
        session.close()
        raise refused(error) from error
    return _loaded(session, definitions, fast, name=name, version=version, timeout_seconds=timeout_seconds)


def _definitions(session: Any, folder: Path, tags: tuple[str, ...]) -> dict[str, Any]:
    with session.graph.as_default(), _without_deprecation():
        graph = tf.compat.v1.saved_model.load(session, list(tags), str(folder))
    return dict(graph.signature_def)


def _loaded(
    session: Any,
    definitions: Mapping[str, Any],
    fast: Mapping[str, Frozen],
    *,
    name: str,
    version: int,
    timeout_seconds: float,
) -> Loaded:
    signatures = signatures_of(definitions)
    runnables: dict[str, _Runnable] = {}
    lock = threading.Lock()

    def runnable(signature_name: str) -> _Runnable:
        with lock:
            if signature_name not in runnables:
                signature = _signature(signatures, signature_name)
                defaults = _defaults(definitions[signature_name])
                within = fast.get(signature_name, Frozen(session, signature))
                runnables[signature_name] = _runnable(within, defaults, timeout_seconds=timeout_seconds)
            return runnables[signature_name]

    def call(signature_name: str, inputs: Tensors) -> dict[str, NDArray[Any]]:
        try:
            return _run(runnable(signature_name), inputs)
        except (tf.errors.OpError, ValueError, TypeError, MemoryError) as error:
            raise refused(error) from error

    close = _all_closed(session, fast) if fast else session.close
    return Loaded(name, version, signatures, definitions, call, close, exact=not fast)


def _all_closed(session: Any, fast: Mapping[str, Frozen]) -> Callable[[], None]:
    def close() -> None:
        for each in (session, *(other.session for other in fast.values())):
            each.close()

    return close


def _signature(signatures: Mapping[str, Signature], name: str) -> Signature:
    if name not in signatures:
        raise Refusal(Code.INVALID_ARGUMENT, f'Serving signature name: "{name[:256]}" not found in signature def')
    return signatures[name]


def _runnable(within: Frozen, defaults: Mapping[str, NDArray[Any]], *, timeout_seconds: float) -> _Runnable:
    signature = within.signature
    inputs, outputs = tuple(sorted(signature.inputs)), tuple(sorted(signature.outputs))
    options = config_pb2.CallableOptions()
    options.feed.extend(signature.inputs[each].name for each in inputs)
    options.fetch.extend(signature.outputs[each].name for each in outputs)
    options.run_options.timeout_in_ms = max(1, round(timeout_seconds * 1000))
    strings = frozenset(each for each in outputs if signature.outputs[each].dtype == tf.string.as_datatype_enum)
    # `session.run` and `session.make_callable` compare what is fed with the placeholder's shape in Python, which the
    # stock server does not (x of [-1, 1] may be fed [2, 2]: the graph decides), and this is the way past them. Nor
    # does either take a time limit once for all runs without parsing the feeds anew on each.
    return _Runnable(inputs, outputs, strings, defaults, within.session._make_callable_from_options(options))


def _defaults(definition: Any) -> dict[str, NDArray[Any]]:
    return {name: tf.make_ndarray(value) for name, value in definition.defaults.items()}


def _run(runnable: _Runnable, inputs: Tensors) -> dict[str, NDArray[Any]]:
    missing = [name for name in runnable.inputs if name not in inputs and name not in runnable.defaults]
    extra = [name for name in inputs if name not in runnable.inputs]
    if missing or extra:
        raise Refusal(Code.INVALID_ARGUMENT, _mismatch(runnable.inputs, inputs, missing, extra))
    fed = [inputs[name] if name in inputs else runnable.defaults[name] for name in runnable.inputs]
    found = runnable.run(*fed)
    return {
        name: _array(value, strings=name in runnable.strings)
        for name, value in zip(runnable.outputs, found, strict=True)
    }


def _array(value: Any, *, strings: bool) -> NDArray[Any]:
    # A scalar comes as bytes, of which numpy alone would make a type that loses NULs at the end.
    return np.asarray(value, dtype=object) if strings else np.asarray(value)


def _mismatch(expected: tuple[str, ...], given: Tensors, missing: list[str], extra: list[str]) -> str:
    if len(given) == len(expected):
        return (
            f"input tensor alias not found in signature: {extra[0]}. "
            f"Inputs expected to be in the set {{{','.join(expected)}}}."
        )
    return (
        f"input size does not match signature: {len(given)}!={len(expected)} "
        f"len({{{','.join(sorted(given))}}}) != len({{{','.join(expected)}}}). "
        f"Sent extra: {{{','.join(sorted(extra))}}}. Missing but required: {{{','.join(missing)}}}."
    )


@contextmanager
def _without_deprecation() -> Iterator[None]:
    """Keeps the advice to load by TensorFlow 2's way, which checks shapes as the stock server does not, to itself."""

    def wanted(record: logging.LogRecord) -> bool:
        message = record.getMessage()
        return not ("deprecated" in message and "saved_model.loader" in message)

    logger = tf.get_logger()
    logger.addFilter(wanted)
    try:
        yield
    finally:
        logger.removeFilter(wanted)
