"""A SavedModel in memory, as requests meet it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from numpy.typing import NDArray

from tfclassify.serving.signatures import Signature

Tensors = Mapping[str, NDArray[Any]]
Call = Callable[[str, Tensors], dict[str, NDArray[Any]]]


@dataclass(frozen=True)
class Loaded:
    """One version of one model.

    Attributes:
        name: of the model.
        version: of it.
        signatures: by name.
        definitions: the ``SignatureDef`` messages themselves, for metadata.
        call: ``(signature name, inputs by name) -> outputs by name``; blocks, from any thread; raises Refusal.
        close: frees what it holds.
        exact: whether products of matrices are in the number format of the weights.
    """

    name: str
    version: int
    signatures: Mapping[str, Signature]
    definitions: Mapping[str, Any]
    call: Call
    close: Callable[[], None]
    exact: bool = True
