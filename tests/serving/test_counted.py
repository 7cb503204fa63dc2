"""Routes counted from answers, whatever else becomes of a request."""

from __future__ import annotations

from collections.abc import Mapping
from concurrent.futures import Future
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tfclassify.serving.counted import counted
from tfclassify.serving.served import Served


def answering(outputs: Mapping[str, Any] | Exception) -> tuple[Served, list[Mapping[bytes, int]]]:
    future: Future[Any] = Future()
    if isinstance(outputs, Exception):
        future.set_exception(outputs)
    else:
        future.set_result(outputs)
    told: list[Mapping[bytes, int]] = []
    served = Served(loaded=None, submit=lambda signature, inputs, deadline: future, folder=Path())  # type: ignore[arg-type]
    return counted(served, told.append), told


def test_texts_are_counted_by_route() -> None:
    served, told = answering({"route": np.array([b"full", b"rule:R7", b"full"], object), "label": np.zeros(3)})
    assert len(served.submit("serving_default", {}, None).result()["label"]) == 3
    assert told == [{b"full": 2, b"rule:R7": 1}]


@pytest.mark.parametrize(
    "outputs", [{"logits": np.zeros(2)}, {"route": np.zeros(2)}, {"route": np.zeros((2, 2), object)}, ValueError("no")]
)
def test_what_has_no_routes_is_not_counted(outputs: Mapping[str, Any] | Exception) -> None:
    served, told = answering(outputs)
    assert (served.submit("tokens", {}, None).exception() is not None) is isinstance(outputs, Exception)
    assert told == []


def test_a_cancelled_request_is_not_counted() -> None:
    future: Future[Any] = Future()
    told: list[Mapping[bytes, int]] = []
    served = counted(Served(None, lambda *_: future, Path()), told.append)  # type: ignore[arg-type]
    assert served.submit("serving_default", {}, None).cancel()
    assert told == []
