"""The text form of protocol messages, in which TensorFlow Serving's configuration files are written."""

from __future__ import annotations

import re
from functools import cache
from pathlib import Path
from typing import Any

from google.protobuf import descriptor_pb2, descriptor_pool, message_factory, text_format, wrappers_pb2

from tfclassify.errors import UsageError, nearest

PACKAGE = "tensorflow.serving"
PROTOBUF = "google.protobuf"
# What tensorflow-serving-api leaves out: fields by message, in the order of their numbers.
MESSAGES: dict[str, dict[str, str]] = {
    "BatchingParameters": {
        "max_batch_size": "Int64Value",
        "batch_timeout_micros": "Int64Value",
        "max_enqueued_batches": "Int64Value",
        "num_batch_threads": "Int64Value",
        "thread_pool_name": "StringValue",
        "allowed_batch_sizes": "repeated int64",
        "pad_variable_length_inputs": "bool",
        "enable_large_batch_splitting": "BoolValue",
        "max_execution_batch_size": "Int64Value",
    },
    "PrometheusConfig": {"enable": "bool", "path": "string"},
    "MonitoringConfig": {"prometheus_config": "PrometheusConfig"},
    "SSLConfig": {"server_key": "string", "server_cert": "string", "custom_ca": "string", "client_verify": "bool"},
}
UNKNOWN_FIELD = re.compile(r'Message type "(?P<message>[\w.]+)" has no field named "(?P<field>\w+)"')


def message_class(name: str) -> Any:
    """Returns the class of one of ``MESSAGES``."""
    return message_factory.GetMessageClass(_pool().FindMessageTypeByName(f"{PACKAGE}.{name}"))


def read_text(path: Path, *, holds: str) -> str:
    """Reads a configuration file.

    Args:
        path: of the file.
        holds: what is expected in it, for errors.

    Raises:
        UsageError: it is not there, may not be read, or is not UTF-8.
    """
    try:
        return path.read_text(encoding="utf-8")
    except OSError as error:
        raise UsageError(f"{path}: {error.strerror}; expected a file with {holds}") from error
    except UnicodeDecodeError as error:
        raise UsageError(f"{path}: not UTF-8; expected {holds}") from error


def parse(text: str, kind: Any, *, path: Path, secret: bool = False) -> Any:
    """Parses the text form of a message.

    Args:
        text: of the file.
        kind: the class of the message.
        path: of the file, for errors.
        secret: nothing of the text may be repeated in an error.

    Raises:
        UsageError: the text is not of that form.
    """
    try:
        return text_format.Parse(text, kind())
    except text_format.ParseError as error:
        said = "not of that form" if secret else _said(error, kind.DESCRIPTOR)
        place = f"{path}:{error.GetLine()}" if error.GetLine() else f"{path}"
        raise UsageError(f"{place}: {said}; expected the text form of a {kind.DESCRIPTOR.name}") from error


def line_of(text: str, field: str, value: str, *, last: bool = False) -> str:
    """Returns ``":"`` and the number of a line where a field has this value, or nothing where there is none."""
    pattern = re.compile(rf"\b{re.escape(field)}\s*:\s*[\"']{re.escape(value)}[\"']")
    found = [text.count("\n", 0, match.start()) + 1 for match in pattern.finditer(text)]
    return f":{found[-1 if last else 0]}" if found else ""


def _said(error: text_format.ParseError, descriptor: Any) -> str:
    unknown = UNKNOWN_FIELD.search(str(error))
    if unknown is None:
        # Behind the place comes the line once more, in quotes.
        return re.sub(r"^\d+:\d+ : (?:'.*': )?", "", str(error)).rstrip(".")
    known = descriptor.file.pool.FindMessageTypeByName(unknown["message"])
    fields = [field.name for field in known.fields]
    near = nearest(unknown["field"], fields)
    return f"no field '{unknown['field']}' in {known.name}{near or '; fields: ' + ', '.join(fields)}"


@cache
def _pool() -> Any:
    # A pool of its own: a process that also imports such generated modules has no two of one name.
    pool = descriptor_pool.DescriptorPool()
    pool.AddSerializedFile(wrappers_pb2.DESCRIPTOR.serialized_pb)
    file = descriptor_pb2.FileDescriptorProto(name="tfclassify/server_configs.proto", package=PACKAGE, syntax="proto3")
    file.dependency.append(wrappers_pb2.DESCRIPTOR.name)
    for name, fields in MESSAGES.items():
        message = file.message_type.add(name=name)
        for number, (field, kind) in enumerate(fields.items(), 1):
            message.field.append(_field(field, number, kind))
    pool.AddSerializedFile(file.SerializeToString())
    return pool


def _field(name: str, number: int, kind: str) -> Any:
    field = descriptor_pb2.FieldDescriptorProto(name=name, number=number)
    repeated, kind = kind.startswith("repeated "), kind.removeprefix("repeated ")
    field.label = field.LABEL_REPEATED if repeated else field.LABEL_OPTIONAL
    if kind in ("bool", "string", "int64"):
        field.type = getattr(field, f"TYPE_{kind.upper()}")
    else:
        field.type = field.TYPE_MESSAGE
        field.type_name = f".{PACKAGE if kind in MESSAGES else PROTOBUF}.{kind}"
    return field
