"""A model made of a function: it answers each text with itself, and remembers what it was asked."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tfclassify.serving.batching import BatchingOptions, batched
from tfclassify.serving.loaded import Loaded, Tensors
from tfclassify.serving.served import Served
from tfclassify.serving.signatures import Signature, TensorInfo
from tfclassify.serving.status import Code, Refusal

TEXT = Signature(
    {"text": TensorInfo("text:0", 7, (-1,))},
    {"echo": TensorInfo("echo:0", 7, (-1,)), "scores": TensorInfo("scores:0", 1, (-1, 2))},
    "tensorflow/serving/predict",
)
PAIR = Signature(
    {"text": TensorInfo("text:0", 7, (-1,)), "text_b": TensorInfo("text_b:0", 7, (-1,))},
    {"echo": TensorInfo("echo:0", 7, (-1,))},
    "tensorflow/serving/predict",
)
TOKENS = Signature(
    {"input_ids": TensorInfo("input_ids:0", 3, (-1, -1))},
    {"echo": TensorInfo("echo:0", 3, (-1, -1))},
    "tensorflow/serving/predict",
)


@dataclass
class Echo:
    """The model: texts with ``poison`` in them make it fail, ``hold`` makes it wait for ``gate``."""

    seconds: Callable[[int, int], float] = lambda rows, longest: 0.0
    calls: list[tuple[str, list[Any]]] = field(default_factory=list)
    began: threading.Event = field(default_factory=threading.Event)
    gate: threading.Event = field(default_factory=threading.Event)
    closed: int = 0

    def call(self, signature: str, inputs: Tensors) -> dict[str, NDArray[Any]]:
        values = next(iter(inputs.values()))
        self.calls.append((signature, values.tolist()))
        if signature not in ("serving_default", "pair"):
            return {"echo": values}
        texts = [b"/".join(row) for row in zip(*(column.tolist() for column in inputs.values()), strict=True)]
        if any(b"hold" in text for text in texts):
            self.began.set()
            assert self.gate.wait(20)
        time.sleep(self.seconds(len(texts), max(map(len, texts))))
        if any(b"poison" in text for text in texts):
            raise Refusal(Code.INVALID_ARGUMENT, "poison")
        if any(b"broken" in text for text in texts):
            raise ZeroDivisionError(texts)
        scores = np.array([[len(text), sum(text)] for text in texts], np.float32)
        return {"echo": objects(texts), **({"scores": scores} if signature == "serving_default" else {})}

    def close(self) -> None:
        self.closed += 1

    def asked(self) -> list[Any]:
        return [text for _, texts in self.calls for text in texts]


def objects(texts: list[bytes]) -> NDArray[Any]:
    column = np.empty(len(texts), object)
    column[:] = texts
    return column


def serve(echo: Echo, **options: Any) -> Served:
    observe = options.pop("observe", lambda *figures: None)
    signatures = {"serving_default": TEXT, "pair": PAIR, "tokens": TOKENS}
    loaded = Loaded("m", 1, signatures, {}, echo.call, echo.close)
    return batched(loaded, Path("unused"), BatchingOptions(**options), observe=observe)


def ask(served: Served, *texts: bytes, deadline: float | None = None) -> Any:
    return served.submit("serving_default", {"text": objects(list(texts))}, deadline)


def hold(served: Served, echo: Echo) -> Any:
    """Keeps the (only) worker busy, so that what comes next waits together."""
    held = ask(served, b"hold")
    assert echo.began.wait(20)
    return held
