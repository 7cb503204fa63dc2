"""Every hostile request of the catalogue, sent to one server as it is started from the shell, good ones in between."""

from __future__ import annotations

import inspect
import itertools
import time
from collections.abc import Callable, Iterator
from types import SimpleNamespace
from typing import Any

import pytest
import test_server_cases
from rest_fakes import Talk
from server_process import ServerProcess

Case = tuple[Callable[..., None], dict[str, Any]]

# What these look at is inside of the process; other tests show the same from outside.
INSIDE = {"test_s23_a_client_that_leaves_is_not_worked_for", "test_s32_before_a_model_is_ready"}
WRITING_SECONDS = 0.1


def cases() -> Iterator[Any]:
    """Gives the cases that are written for a server inside of the test, with each of their parameters."""
    for name, function in vars(test_server_cases).items():
        if name.startswith("test_") and "talk" in inspect.signature(function).parameters and name not in INSIDE:
            for number, parameters in enumerate(parameters_of(function)):
                yield pytest.param((function, parameters), id=f"{name.removeprefix('test_')}-{number}")


def parameters_of(function: Callable[..., None]) -> Iterator[dict[str, Any]]:
    axes = []
    for mark in getattr(function, "pytestmark", []):
        names = [mark.args[0]] if isinstance(mark.args[0], str) else list(mark.args[0])
        axes.append([dict(zip(names, row if len(names) > 1 else [row], strict=True)) for row in mark.args[1]])
    for rows in itertools.product(*axes):
        yield {name: value for row in rows for name, value in row.items()}


class Logged:
    """Telemetry of another process, as far as its log tells."""

    def __init__(self, server: ServerProcess) -> None:
        self.server = server

    @property
    def requests(self) -> list[dict[str, Any]]:
        time.sleep(WRITING_SECONDS)
        return self.server.logged("request")


@pytest.mark.parametrize("case", list(cases()))
def test_case(hostile_server: ServerProcess, case: Case) -> None:
    function, parameters = case
    talk: Any = Talk(SimpleNamespace(port=hostile_server.rest_port), SimpleNamespace(), Logged(hostile_server))  # type: ignore[arg-type]
    function(talk, **parameters)
