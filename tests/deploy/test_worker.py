"""The entry of a pod of the training job: who the workers are, and what each is told."""

from __future__ import annotations

import importlib.util
import json
import os
import subprocess
import sys
import time
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

FILE = Path(__file__).parents[2] / "deploy" / "kubernetes" / "base" / "worker.py"
POD = {"JOB_COMPLETION_INDEX": "1", "WORKERS": "3", "JOB": "training", "SERVICE": "workers", "PORT": "2222"}


def loaded() -> ModuleType:
    spec = importlib.util.spec_from_file_location("deployed_worker", FILE)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


worker = loaded()


def test_the_cluster() -> None:
    assert worker.cluster(POD) == {
        "cluster": {"worker": [f"training-{number}.workers:2222" for number in range(3)]},
        "task": {"type": "worker", "index": 1},
    }


def test_tensorflow_understands_it(monkeypatch: pytest.MonkeyPatch) -> None:
    import tensorflow as tf

    monkeypatch.setenv("TF_CONFIG", json.dumps(worker.cluster(POD)))
    resolver = tf.distribute.cluster_resolver.TFConfigClusterResolver()
    assert resolver.cluster_spec().num_tasks("worker") == 3
    assert (resolver.task_type, resolver.task_id) == ("worker", 1)


def test_outside_of_a_pod() -> None:
    with pytest.raises(SystemExit) as caught:
        worker.cluster({name: value for name, value in POD.items() if name not in ("JOB", "PORT")})
    assert str(caught.value) == "worker.py: JOB, PORT not in the environment; expected in a pod of the job"


@pytest.mark.parametrize(
    ("index", "expected"),
    [
        (0, ["run=/runs/a/", "data.train=x=run=1"]),
        (1, ["run=/runs/a-worker-1", "data.train=x=run=1"]),
        (12, ["run=/runs/a-worker-12", "data.train=x=run=1"]),
    ],
)
def test_every_worker_has_a_run_of_its_own(index: int, expected: list[str]) -> None:
    assert worker.own_run(["run=/runs/a/", "data.train=x=run=1"], index) == expected


def test_a_run_has_to_be_named() -> None:
    """Without a name each pod would begin a new one."""
    with pytest.raises(SystemExit, match=r"no run=DIR among the settings; expected one on the shared volume"):
        worker.own_run(["data.train=x"], 0)


def test_it_waits_for_names(monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[str] = []
    monkeypatch.setattr(worker, "known", lambda host, port: asked.append((host, port)) or len(asked) > 3)
    worker.wait_for_names(["a:1", "b:2"], seconds=10, pause=0.01)
    assert asked == [("a", 1)] * 4 + [("b", 2)]


def test_it_does_not_wait_for_ever(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.setattr(worker, "known", lambda host, port: False)
    begun = time.monotonic()
    with pytest.raises(SystemExit) as caught:
        worker.wait_for_names(["a:1"], seconds=0.1, pause=0.02)
    assert caught.value.code == 1
    assert time.monotonic() - begun < 5
    assert capsys.readouterr().err == "worker.py: a is not known after 0 seconds\n"


def test_a_name_that_is_known() -> None:
    assert worker.known("localhost", 2222)


def test_it_becomes_the_training(tmp_path: Path) -> None:
    """The process stays the same: what Kubernetes tells the pod to stop is the training itself."""
    package = tmp_path / "tfclassify"
    package.mkdir()
    (package / "__init__.py").touch()
    code = "import json, os, sys; print(json.dumps([os.getpid(), sys.argv[1:], os.environ['TF_CONFIG']])); sys.exit(75)"
    (package / "train.py").write_text(code, encoding="utf-8")
    pod = {**POD, "WORKERS": "1", "JOB_COMPLETION_INDEX": "0", "JOB": "localhost", "SERVICE": "invalid"}
    # No name server knows it: names are not waited for.
    told: dict[str, Any] = {**os.environ, **pod, "PYTHONPATH": str(tmp_path)}
    code = (
        f"import runpy, sys; m = runpy.run_path({str(FILE)!r}); m['main'].__globals__['known'] = lambda *_: True; "
        "import os; m['main'](sys.argv[1:], os.environ)"
    )
    process = subprocess.Popen(
        [sys.executable, "-c", code, "run=/runs/a", "train.epochs=3"],
        env=told,
        # Not in the checkout, whose package would come first.
        cwd=tmp_path,
        stdout=subprocess.PIPE,
        text=True,
    )
    output, _ = process.communicate(timeout=60)
    number, words, config = json.loads(output)
    assert process.returncode == 75
    assert number == process.pid
    assert words == ["run=/runs/a", "train.epochs=3", "train.strategy=multi_worker"]
    assert json.loads(config)["cluster"] == {"worker": ["localhost-0.invalid:2222"]}
