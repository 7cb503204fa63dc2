"""Requests put to a model without batching: answered in threads, refused past their deadline, ended with it."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tfclassify.serving.loaded import Loaded
from tfclassify.serving.served import direct
from tfclassify.serving.status import Code, Refusal

Call = Callable[[str, Mapping[str, Any]], dict[str, Any]]


def loaded_with(call: Call, close: Callable[[], None] = lambda: None) -> Loaded:
    return Loaded("m", 3, {}, {}, call, close)


def test_an_answer_comes_as_a_future() -> None:
    served = direct(loaded_with(lambda name, inputs: {name: inputs["x"] + 1}), Path("m/3"), threads=2)
    assert served.folder == Path("m/3")
    assert served.submit("a", {"x": np.array([1])}, None).result(10)["a"].tolist() == [2]
    assert served.submit("a", {"x": np.array([1])}, time.monotonic() + 10).result(10)["a"].tolist() == [2]
    served.loaded.close()


def test_a_refusal_is_the_future_s() -> None:
    def call(name: str, inputs: Mapping[str, Any]) -> dict[str, Any]:
        raise Refusal(Code.OUT_OF_RANGE, "no")

    served = direct(loaded_with(call), Path("m/3"), threads=1)
    error = served.submit("a", {}, None).exception(10)
    assert isinstance(error, Refusal)
    assert error.code is Code.OUT_OF_RANGE
    served.loaded.close()


def test_past_its_deadline_a_request_is_not_run() -> None:
    calls: list[str] = []
    served = direct(loaded_with(lambda name, inputs: calls.append(name) or {}), Path("m/3"), threads=1)  # type: ignore[func-returns-value]
    with pytest.raises(Refusal, match=r"^Deadline of the request passed before the model was run$") as caught:
        served.submit("a", {}, time.monotonic()).result(10)
    assert (caught.value.code, calls) == (Code.DEADLINE_EXCEEDED, [])
    served.loaded.close()


def test_closing_waits_for_what_runs_and_refuses_what_comes() -> None:
    begun, go, closed = threading.Event(), threading.Event(), threading.Event()

    def call(name: str, inputs: Mapping[str, Any]) -> dict[str, Any]:
        begun.set()
        go.wait(10)
        assert not closed.is_set()
        return {}

    served = direct(loaded_with(call, closed.set), Path("m/3"), threads=1)
    running = served.submit("a", {}, None)
    assert begun.wait(10)
    closing = threading.Thread(target=served.loaded.close)
    closing.start()
    go.set()
    closing.join(10)
    assert closed.is_set()
    assert running.result(10) == {}
    error = served.submit("a", {}, None).exception(10)
    assert isinstance(error, Refusal)
    assert (error.code, error.message) == (Code.UNAVAILABLE, "The version of the model is no longer served")
