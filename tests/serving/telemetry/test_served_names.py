"""Labels come from sets that clients cannot make grow."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tfclassify.serving.telemetry import names
from tfclassify.serving.telemetry.names import METHODS, REASONS, Served, method_name, reason_name


def test_models_are_those_of_the_configuration() -> None:
    served = Served(["a", "b"])
    assert [served.model(name) for name in ("a", "b", "c", "", None, 1, ["a"])] == ["a", "b"] + ["unknown"] * 5
    served.configure(["b", "c"])
    assert [served.model(name) for name in ("a", "b", "c")] == ["unknown", "b", "c"]


def test_versions_are_those_that_have_answered() -> None:
    served = Served(["a"])
    assert served.version("a", 1, exists=False) == "unknown"
    assert served.version("a", 1, exists=True) == "1"
    assert served.version("a", 1, exists=False) == "1"
    assert served.version("a", None, exists=True) == "unknown"
    assert served.version("b", 1, exists=True) == "unknown"
    served.configure(["a", "b"])
    assert served.version("a", 1, exists=False) == "1"


def test_versions_are_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(names, "MOST_VERSIONS", 3)
    served = Served(["a"])
    assert len({served.version("a", number, exists=True) for number in range(100)}) == 4


@given(st.text())
def test_methods_and_reasons(text: str) -> None:
    assert method_name(text) in {*METHODS.values(), "other"}
    assert reason_name(text) in {*REASONS, "other"}


def test_both_ways_in_call_a_method_the_same() -> None:
    assert method_name("predict") == method_name("Predict") == "predict"
    assert method_name("metadata") == method_name("GetModelMetadata") == "metadata"
    assert reason_name("queue_full") == "queue_full"
