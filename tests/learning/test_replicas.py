"""Two devices that train together, of one machine or of two, do what one does alone with the same batches."""

from __future__ import annotations

import json
import os
import socket
import subprocess
import sys
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest

from tfclassify.learning.objectives import OBJECTIVES

pytestmark = pytest.mark.slow
HERE = Path(__file__).parent
OF_DEVICES, OF_MACHINES = ("dynamic", "parts", "static"), ("dynamic", "static")


def started(folder: Path, strategy: str, *cases: str, **environment: str) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, str(HERE / "on_two_replicas.py"), str(folder), strategy, *cases],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env={**os.environ, "PYTHONPATH": str(HERE.parent), **environment},
    )


def finished(process: subprocess.Popen[str]) -> dict[str, Any]:
    output, errors = process.communicate(timeout=600)
    assert process.returncode == 0, errors
    return json.loads(output.splitlines()[-1])


def free_ports(number: int) -> list[int]:
    with ExitStack() as stack:
        taken = [stack.enter_context(socket.create_server(("localhost", 0))) for _ in range(number)]
        return [each.getsockname()[1] for each in taken]


@pytest.fixture(scope="module")
def mirrored(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    return finished(started(tmp_path_factory.mktemp("mirrored"), "mirrored", *OF_DEVICES))


@pytest.fixture(scope="module")
def workers(tmp_path_factory: pytest.TempPathFactory) -> list[dict[str, Any]]:
    cluster = {"worker": [f"localhost:{port}" for port in free_ports(2)]}
    processes = [
        started(
            tmp_path_factory.mktemp(f"worker-{place}"),
            "multi_worker",
            *OF_MACHINES,
            TF_CONFIG=json.dumps({"cluster": cluster, "task": {"type": "worker", "index": place}}),
        )
        for place in range(2)
    ]
    return [finished(process) for process in processes]


def check(found: dict[str, float]) -> None:
    """Fifty steps and more, each with the loss that one device alone has."""
    assert found["steps"] >= 50
    assert found["moved"] > 1e-2
    assert found["losses"] < 1e-5
    assert found["weights"] < 1e-5
    assert found["history"] < 1e-4
    assert found["traces"] == 1


@pytest.mark.parametrize("name", OBJECTIVES)
def test_objectives(mirrored: dict[str, Any], name: str) -> None:
    assert mirrored[f"objective {name}"] < 1e-6


@pytest.mark.parametrize("case", OF_DEVICES)
def test_two_devices(mirrored: dict[str, Any], case: str) -> None:
    """Batches of an odd number of rows are shared too; several trainings in one process as well."""
    check(mirrored[case])


@pytest.mark.long
def test_two_devices_whose_programs_xla_compiles(tmp_path: Path) -> None:
    check(finished(started(tmp_path, "mirrored", "compiled"))["compiled"])


@pytest.mark.parametrize("case", OF_MACHINES)
def test_two_machines(workers: list[dict[str, Any]], case: str) -> None:
    for each in workers:
        check(each[case])


@pytest.mark.parametrize("shapes", ["dynamic", "static"])
def test_every_row_is_seen_once_an_epoch_by_one_of_them(
    mirrored: dict[str, Any], workers: list[dict[str, Any]], shapes: str
) -> None:
    both = [[first + second for first, second in zip(*(each["seen"][shapes] for each in workers), strict=True)]]
    for seen in [mirrored["seen"][shapes], *both]:
        assert [sorted(epoch) for epoch in seen] == [list(range(101))] * 2
    # On one machine also in the order in which one device alone sees them.
    assert mirrored["seen"][shapes] == mirrored["alone"]


def test_one_of_two_machines_writes_and_both_stop_when_one_is_asked(
    mirrored: dict[str, Any], workers: list[dict[str, Any]]
) -> None:
    assert [each["chief"] for each in workers] == [True, False]
    assert [each["agreed"] for each in workers] == [[True, False]] * 2
    assert (mirrored["chief"], mirrored["agreed"]) == (True, [False, False])
