"""Trainers beside one another, each a process of its own: what they print, with the same rows, weights and rate."""

from __future__ import annotations

import json
import sys
import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

from measured import printed_by

PEERS = Path(__file__).parent / "peers"
OURS, RECIPE, KERASHUB, SETFIT = "tfclassify", "recipe", "kerashub", "setfit"
# The recipe is so slow, and so even from step to step, that an epoch of it would tell nothing more.
RECIPE_BATCH, RECIPE_STEPS, RECIPE_LENGTH = 32, 60, 128
# As SetFit's own defaults and examples have it.
SETFIT_RATE, SETFIT_BATCH, SETFIT_STEPS, SETFIT_SHOTS = 2e-5, 16, 60, 16


@dataclass(frozen=True)
class Job:
    """What is trained: a folder with train.csv and test.csv, cut after ``length`` tokens; 0 ``steps`` are an epoch."""

    data: Path
    rate: float
    length: int
    batch: int
    steps: int = 0


# What a trainer prints: at least ``examples_per_second`` and ``test_accuracy``, which may be None.
Trainer = Callable[[Job], dict[str, Any]]


def trainers(*, peers: str | None, keras: str | None) -> dict[str, Trainer]:
    """Returns the trainers that there are environments for, by name."""
    found: dict[str, Trainer] = {OURS: ours, RECIPE: recipe}
    if peers:
        found |= {f"pytorch {kind}": partial(pytorch, peers, kind) for kind in ("fp32", "bf16")}
        found[SETFIT] = partial(setfit, peers)
    return {**found, KERASHUB: partial(kerashub, keras)} if keras else found


def ours(job: Job) -> dict[str, Any]:
    """Trains with all else planned; the network answers alone, as those of the peers do."""
    keys = {"train.epochs": 1, "train.learning_rate": job.rate, "train.batch_size": job.batch}
    more = {"text.max_length": job.length, "answer.stack": "none", **({"train.steps": job.steps} if job.steps else {})}
    report = train_by_verb(splits(job.data), {**keys, **more})["report"]
    accuracy = None if job.steps else report["splits"]["test"]["accuracy"]
    return {"examples_per_second": report["speed"]["train_examples_per_second"], "test_accuracy": accuracy}


def recipe(job: Job) -> dict[str, Any]:
    """Trains as the copied recipe does, with its own batch size and padding."""
    words = [str(job.data / "train.csv"), str(job.rate), str(RECIPE_BATCH), str(RECIPE_STEPS)]
    return {"test_accuracy": None, **_printed(sys.executable, "copied_recipe.py", *words)}


def pytorch(python: str, kind: str, job: Job) -> dict[str, Any]:
    """Trains with the ``Trainer`` of PyTorch's transformers."""
    words = [str(job.data), "1", str(job.rate), str(job.batch), kind, str(job.length), str(job.steps)]
    return _printed(python, "pytorch_trainer.py", weights(), *words)


def kerashub(python: str, job: Job) -> dict[str, Any]:
    """Trains with ``fit`` of KerasHub's classifier."""
    words = [str(job.data), str(job.rate), str(job.batch), str(job.length), str(job.steps)]
    return _printed(python, "kerashub_trainer.py", weights(), *words)


def setfit(python: str, job: Job) -> dict[str, Any]:
    """Trains on a few rows of each label, with its own rate and batch size."""
    words = [str(SETFIT_RATE), str(SETFIT_BATCH), str(job.length), str(SETFIT_STEPS), str(SETFIT_SHOTS)]
    return _printed(python, "setfit_trainer.py", weights(), str(job.data), *words)


def weights() -> str:
    """Returns the folder of MiniLM's files."""
    from tfclassify.model.weights import find

    return str(find("minilm", cache=Path("unused")).folder)


def splits(data: Path) -> list[str]:
    """Returns the words that name a data set's files."""
    files = {split: data / f"{split}.csv" for split in ("train", "validation", "test")}
    return [f"data.{split}={path}" for split, path in files.items() if path.is_file()]


def train_by_verb(given: list[str], keys: dict[str, Any]) -> dict[str, Any]:
    """Runs the verb as people do, and returns what it prints with its settings."""
    with tempfile.TemporaryDirectory() as folder:
        words = [*given, *(f"{key}={value}" for key, value in {**keys, "run": f"{folder}/run"}.items())]
        printed = printed_by([sys.executable, "-m", "tfclassify.train", *words, "--json"])
        shown = json.loads(printed)
        shown["history"] = (Path(folder) / "run" / "metrics.jsonl").read_text(encoding="utf-8").splitlines()
    return shown


def _printed(python: str, script: str, *words: str) -> dict[str, Any]:
    return json.loads(printed_by([python, str(PEERS / script), *words]))
