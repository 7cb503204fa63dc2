"""Which ops a SavedModel is made of, which servers have them all, and which ops no servable may have.

The stock server links TensorFlow Text of a version of its own, so its ops are looked up by release; the ops of
TensorFlow itself by the release of the same number, with attributes that came later than their op.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from importlib import resources
from pathlib import Path
from typing import Any

from tensorflow.core.protobuf.saved_model_pb2 import SavedModel

from tfclassify.errors import UsageError, nearest

NEWEST = "2.20"
FORBIDDEN = ("PyFunc", "PyFuncStateless", "EagerPyFunc", "XlaLaunch", "XlaLaunchV2")
TRAINING = ("ResourceApply", "ResourceSparseApply", "Random", "StatelessRandom", "Stateful", "Dropout")
# What begins like an op of training and is none.
HARMLESS = ("StatefulPartitionedCall",)
# Ops that read a model built beforehand under the Unicode of the exporter's TensorFlow Text. Under an older one the
# first of them was seen to loop for ever (commits 534859c and 70bd094 of TensorFlow Text; U+1B7F shows it).
BUILT_BEFOREHAND = ("FastWordpieceTokenizeWithOffsets", "FastBertNormalize")
# Ops of graphs and functions themselves, which have no wrapper that the lists were made from.
STRUCTURE = frozenset({"_Arg", "_Retval", "SymbolicGradient", "Placeholder", "NoOp", "While", "If", "Case"})


@dataclass(frozen=True)
class Operations:
    """The ops of a SavedModel, graph and function library, with how often and with which attributes."""

    counts: Mapping[str, int]
    attributes: Mapping[str, frozenset[str]]


def operations(folder: Path) -> Operations:
    """Reads the ops of a SavedModel.

    Raises:
        UsageError: there is none.
    """
    counts: Counter[str] = Counter()
    attributes: dict[str, set[str]] = {}
    for node in nodes(read_saved_model(folder)):
        counts[node.op] += 1
        attributes.setdefault(node.op, set()).update(name for name in node.attr if not name.startswith("_"))
    return Operations(dict(counts), {op: frozenset(names) for op, names in attributes.items()})


def read_saved_model(folder: Path) -> SavedModel:
    """Reads ``saved_model.pb``.

    Raises:
        UsageError: there is none.
    """
    try:
        return SavedModel.FromString((folder / "saved_model.pb").read_bytes())
    except OSError as error:
        raise UsageError(f"{folder} holds no SavedModel ({error.strerror}: saved_model.pb)") from error


def nodes(model: SavedModel) -> Iterator[Any]:
    """Gives every node of the graphs and of their function libraries; calls of functions are no ops of their own."""
    for graph in (meta.graph_def for meta in model.meta_graphs):
        functions = {function.signature.name for function in graph.library.function}
        every = [graph.node, *(function.node_def for function in graph.library.function)]
        yield from (node for group in every for node in group if node.op not in functions)


def servers() -> tuple[str, ...]:
    """Returns the releases of TensorFlow Serving that are known, oldest first."""
    return tuple(_text()["servers"])


def check_server(server: str) -> None:
    """Raises UsageError if a release of TensorFlow Serving is not known."""
    if server not in servers():
        known = f"{servers()[0]} to {servers()[-1]}"
        raise UsageError(f"server={server} is no known release; expected one of {known}{nearest(server, servers())}")


def missing(found: Operations, server: str) -> tuple[str, ...]:
    """Returns the ops, and attributes of ops as ``Op.attribute``, that a release does not have."""
    known = _known(server)
    late = _core()["attributes"]
    ops = [op for op in found.counts if op not in known and op not in STRUCTURE]
    attributes = [
        f"{op}.{name}"
        for op, names in found.attributes.items()
        for name in names & late.get(op, {}).keys()
        if _number(late[op][name]) > _number(server)
    ]
    text = _text()["servers"]
    older = text[server]["icu"] != text[NEWEST]["icu"]
    built = [f"{op} under its Unicode" for op in BUILT_BEFOREHAND if older and op in found.counts and op in known]
    return tuple(sorted(ops) + sorted(attributes) + built)


def serving(found: Operations) -> tuple[str, ...]:
    """Returns the releases that have everything, oldest first."""
    return tuple(server for server in servers() if not missing(found, server))


def unservable(found: Operations) -> tuple[str, ...]:
    """Returns the ops that no servable may have: Python's own, compiled for one machine, of training, or random."""
    return tuple(sorted(op for op in found.counts if op in FORBIDDEN or _of_training(op)))


def _of_training(op: str) -> bool:
    return op.startswith(TRAINING) and op not in HARMLESS


@cache
def _known(server: str) -> frozenset[str]:
    core, text = _core(), _text()
    came = {op for version, ops in core["came"].items() if _number(version) <= _number(server) for op in ops}
    gone = {op for op, version in core["last"].items() if _number(version) < _number(server)}
    return frozenset(came - gone) | frozenset(text["ops"][text["servers"][server]["text"]])


def _number(version: str) -> tuple[int, ...]:
    return tuple(int(part) for part in version.split("."))


@cache
def _core() -> dict[str, Any]:
    return _read("tensorflow.json")


@cache
def _text() -> dict[str, Any]:
    return _read("tensorflow_text.json")


def _read(name: str) -> dict[str, Any]:
    return json.loads((resources.files("tfclassify.servable.op_lists") / name).read_text(encoding="utf-8"))
