"""What the files beside a servable need to know of it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from itertools import pairwise
from typing import Any

from tfclassify.errors import UsageError

PORTS = {"grpc": 8500, "rest": 8501}
METRICS_PATH = "/monitoring/prometheus/metrics"


@dataclass(frozen=True)
class BundleFacts:
    """One version of a servable, as an export describes it.

    Attributes:
        name: of the model; any text.
        version: the number of its folder.
        labels: names of the classes, in the order of the scores.
        multilabel: whether an answer has any number of labels.
        pairs: whether it takes ``text_b`` beside ``text``.
        examples: ``{"inputs": {name: value}, "outputs": {name: value}}`` of single rows, JSON values only.
        batch_sizes: rows of a batch that the server runs, rising.
        lowest_server: the first TensorFlow Serving that has the ops, such as ``2.2``.
        target_server: the TensorFlow Serving it was checked for, such as ``2.20``.
        parameters: numbers in the weights.
        size_bytes: of the version's files.
        seconds_per_batch: measured, by rows of the batch; None where nothing was measured.
        memory_bytes: the most a process was seen to hold while answering with this version; None: estimated.
        features: kinds, ``number`` or ``category``, of the inputs beside the texts.
        package_version: of tfclassify that exported it.
    """

    name: str
    version: int
    labels: tuple[str, ...]
    multilabel: bool
    pairs: bool
    examples: tuple[Mapping[str, Any], ...]
    batch_sizes: tuple[int, ...]
    lowest_server: str
    target_server: str
    parameters: int
    size_bytes: int
    seconds_per_batch: Mapping[int, float] | None = None
    memory_bytes: int | None = None
    features: Mapping[str, str] = field(default_factory=dict)
    package_version: str = "0.1.0"

    def __post_init__(self) -> None:
        """Refuses what no server would load.

        Raises:
            UsageError: the version is below 1, or the batch sizes are none, not rising, or below 1.
        """
        if self.version < 1:
            raise UsageError(f"version {self.version}: expected a whole number from 1 up")
        sizes = self.batch_sizes
        if not sizes or sizes[0] < 1 or any(after <= before for before, after in pairwise(sizes)):
            given = ", ".join(map(str, sizes)) or "none"
            raise UsageError(f"batch sizes {given}: expected whole numbers from 1 up, each greater than the one before")

    @property
    def max_batch_size(self) -> int:
        """Rows of the largest batch, and of the largest request that a batching server takes."""
        return self.batch_sizes[-1]

    @property
    def inputs(self) -> tuple[str, ...]:
        """Names of the inputs of the text signature, ``text`` first."""
        named = [name for example in self.examples for name in example.get("inputs", {})]
        return tuple(dict.fromkeys(["text", *(["text_b"] if self.pairs else []), *self.features, *named]))
