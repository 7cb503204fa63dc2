"""Two machines train together; one is lost, both are started again, and nothing of it can be seen in the end."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from pathlib import Path

import pytest
from safetensors.numpy import load_file
from test_replicas import free_ports
from toy import toy_words

pytestmark = [pytest.mark.slow, pytest.mark.long]
ASKED = {
    "model.name": "random-tiny",
    "train.epochs": 3,
    "train.learning_rate": 3e-3,
    "train.batch_size": 8,
    "train.strategy": "multi_worker",
    "train.checkpoint_steps": 5,
    "train.precision": "float32",
}


def started(data: Path, run: Path) -> list[subprocess.Popen[str]]:
    cluster = {"worker": [f"localhost:{port}" for port in free_ports(2)]}
    words = [f"{key}={value}" for key, value in {**ASKED, **toy_words(data), "run": run}.items()]
    return [
        subprocess.Popen(
            [sys.executable, "-m", "tfclassify.train", *words],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            env={
                **os.environ,
                "TF_CONFIG": json.dumps({"cluster": cluster, "task": {"type": "worker", "index": place}}),
            },
        )
        for place in range(2)
    ]


def finished(processes: list[subprocess.Popen[str]]) -> None:
    for process in processes:
        _, errors = process.communicate(timeout=600)
        assert process.returncode == 0, errors


def wait_for_checkpoint(run: Path, processes: list[subprocess.Popen[str]]) -> None:
    end = time.monotonic() + 500
    while time.monotonic() < end:
        # One of the steps, and not only what there was before the first.
        if any(path.name > "step-00000004" for path in (run / "checkpoints").glob("step-*")):
            return
        assert all(process.poll() is None for process in processes), processes[0].communicate()
        time.sleep(0.05)
    raise AssertionError("there is no checkpoint")


def test_a_machine_that_is_lost_costs_nothing_but_time(toy_data: Path, tmp_path: Path) -> None:
    finished(started(toy_data, tmp_path / "whole"))
    processes = started(toy_data, tmp_path / "lost")
    wait_for_checkpoint(tmp_path / "lost", processes)
    processes[1].kill()
    # The other one waits for its gradients, or has noticed; whoever runs machines ends it.
    processes[0].kill()
    for process in processes:
        process.communicate()
    finished(started(toy_data, tmp_path / "lost"))
    whole, lost = (load_file(tmp_path / name / "weights" / "best" / "model.safetensors") for name in ("whole", "lost"))
    assert all((lost[name] == value).all() for name, value in whole.items())
    assert json.loads((tmp_path / "lost" / "report.json").read_text(encoding="utf-8"))["task"]["kind"] == "binary"
    # One of them writes: nothing is left of the other.
    assert sorted(path.name for path in tmp_path.iterdir()) == ["lost", "whole"]
