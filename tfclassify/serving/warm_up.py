"""Warm-up requests in a version's folder: written by the exporter, answered before the version is available."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator, Mapping
from itertools import islice
from pathlib import Path
from typing import Any

import numpy as np
import tensorflow as tf
from google.protobuf.message import DecodeError
from tensorflow_serving.apis import prediction_log_pb2

from tfclassify.serving.example_results import serialized_examples
from tfclassify.serving.faults import refused
from tfclassify.serving.loaded import Tensors
from tfclassify.serving.served import Served
from tfclassify.serving.status import Code, Refusal
from tfclassify.serving.tensor_protos import read_tensor

DEFAULT_SIGNATURE = "serving_default"
FILE = Path("assets.extra", "tf_serving_warmup_requests")
MOST_RECORDS = 1000

Request = tuple[str, Tensors]


def write_warm_up(folder: Path, requests: Iterable[Request], *, model: str = "default") -> Path:
    """Writes requests that every server of the version answers before it makes it available.

    Args:
        folder: of the version.
        requests: pairs of a signature's name and inputs by name, at most 1000; strings as bytes or str in arrays of
            objects.
        model: the name in the requests, which no server compares.

    Returns:
        The file.

    Raises:
        ValueError: there are more than 1000.
    """
    records = [_log(model, *request).SerializeToString() for request in requests]
    if len(records) > MOST_RECORDS:
        raise ValueError(f"{len(records)} warm-up requests; expected at most {MOST_RECORDS}, or no server loads it")
    file = folder / FILE
    file.parent.mkdir(parents=True, exist_ok=True)
    aside = file.with_name(f".{file.name}.{os.getpid()}")
    with tf.io.TFRecordWriter(str(aside)) as writer:
        for record in records:
            writer.write(record)
    return aside.replace(file)


def replay(served: Served, *, iterations: int = 1) -> int:
    """Puts the warm-up requests of a version to it, one after the other; returns how many there are.

    They go the way that clients' requests go, so that what batching makes of them is warm too.

    Args:
        served: the version.
        iterations: how often each is put.

    Raises:
        Refusal: there are more than 1000, one cannot be read, or one is not answered.
    """
    file = served.folder / FILE
    if not file.is_file():
        return 0
    records = _records(file)
    if len(records) > MOST_RECORDS:
        raise Refusal(Code.INVALID_ARGUMENT, f"Number of warmup records exceeds the maximum ({MOST_RECORDS})")
    for number, record in enumerate(records):
        try:
            for signature, inputs in _requests(record):
                for _ in range(iterations):
                    served.submit(signature, inputs, None).result()
        except Refusal as error:
            raise Refusal(error.code, f"Warm-up request {number} failed: {error.message}") from error
    return len(records)


def _records(file: Path) -> list[bytes]:
    try:
        records = tf.data.TFRecordDataset(str(file)).as_numpy_iterator()
        return list(islice(records, MOST_RECORDS + 1))
    except tf.errors.OpError as error:
        raise Refusal(refused(error).code, f"Failed to read the warm-up requests: {refused(error).message}") from error


def _requests(record: bytes) -> Iterator[Request]:
    try:
        log = prediction_log_pb2.PredictionLog.FromString(record)
    except DecodeError as error:
        raise Refusal(Code.INVALID_ARGUMENT, "it is no PredictionLog") from error
    kind = log.WhichOneof("log_type")
    if kind == "predict_log":
        request = log.predict_log.request
        inputs = {name: read_tensor(message, name) for name, message in request.inputs.items()}
        yield request.model_spec.signature_name or DEFAULT_SIGNATURE, inputs
    elif kind in ("classify_log", "regress_log"):
        request = getattr(log, kind).request
        yield _examples(request.model_spec, request.input)
    elif kind == "multi_inference_log":
        request = log.multi_inference_log.request
        yield from (_examples(task.model_spec, request.input) for task in request.tasks)
    else:
        raise Refusal(Code.UNIMPLEMENTED, f"Unsupported log_type for warmup: {kind}")


def _examples(model_spec: Any, message: Any) -> Request:
    return model_spec.signature_name or DEFAULT_SIGNATURE, {"inputs": serialized_examples(message)}


def _log(model: str, signature: str, inputs: Mapping[str, Any]) -> Any:
    log = prediction_log_pb2.PredictionLog()
    request = log.predict_log.request
    request.model_spec.name, request.model_spec.signature_name = model, signature
    for name, value in inputs.items():
        array = np.asarray(value)
        request.inputs[name].CopyFrom(tf.make_tensor_proto(array, shape=array.shape))
    return log
