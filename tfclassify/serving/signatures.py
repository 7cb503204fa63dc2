"""What a SavedModel takes and gives, signature by signature."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class TensorInfo:
    """A tensor of a signature.

    Attributes:
        name: in the graph, such as ``serving_default_text:0``.
        dtype: a ``DataType`` of ``tensorflow/core/framework/types.proto``: 1 float, 3 int32, 7 string, ...
        shape: -1 for a dimension of any size; None of any rank.
    """

    name: str
    dtype: int
    shape: tuple[int, ...] | None


@dataclass(frozen=True)
class Signature:
    """Named inputs and outputs, and the method name of the export."""

    inputs: Mapping[str, TensorInfo]
    outputs: Mapping[str, TensorInfo]
    method_name: str


def signatures_of(definitions: Mapping[str, Any]) -> dict[str, Signature]:
    """Reads the ``signature_def`` map of a MetaGraphDef."""
    return {
        name: Signature(
            inputs={key: _tensor(info) for key, info in definition.inputs.items()},
            outputs={key: _tensor(info) for key, info in definition.outputs.items()},
            method_name=definition.method_name,
        )
        for name, definition in definitions.items()
    }


def _tensor(info: Any) -> TensorInfo:
    shape = info.tensor_shape
    return TensorInfo(info.name, info.dtype, None if shape.unknown_rank else tuple(dim.size for dim in shape.dim))
