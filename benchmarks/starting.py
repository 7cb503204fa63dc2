"""From the shell to the first training step and to the first answer: medians of several runs of the command lines.

    python benchmarks/starting.py training [--model minilm] [--rounds 5]
    python benchmarks/starting.py prediction --run runs/NAME [--rounds 5]

Training is that of the embedded sample; its first step's end is what the report says, counted from the start of the
process. A prediction is one row through a pipe, until its answer has come out. One run before all is not counted, so
that files are in memory. Then the same is done once more in a process that says what each part of the way took.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from importlib import import_module
from pathlib import Path
from statistics import median
from typing import Any
from unittest.mock import patch

from measured import QUIET, printed_by

STEPS = 2
ROW = "text\nWhere is the parcel that I ordered last week?\n"
# Functions on the way, as they are called, by the part that they are.
PARTS = {
    "training": {
        "tfclassify.plan:find": "finding the weights",
        "tfclassify.plan:read_corpus": "reading",
        "tfclassify.plan:calibration_for": "looking at the machine",
        "tfclassify.plan:make_plan": "planning",
        "tfclassify.learning.training:compiled": "building",
        "tfclassify.learning.training:before_training": "checks before the training",
        "tfclassify.learning.training:try_step": "trying the largest shape",
    },
    "prediction": {
        "tfclassify.predict:open_answerer": "loading",
        "tfclassify.predict:_answered": "answering",
    },
}


def main() -> None:
    """Measures what is asked for."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("what", choices=tuple(PARTS))
    parser.add_argument("--model", default="minilm", help="what is trained")
    parser.add_argument("--run", type=Path, help="a run or a servable that answers")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--set", nargs="*", default=[], dest="more", help="further settings of the verb")
    parser.add_argument("--one", action="store_true", help=argparse.SUPPRESS)
    asked = parser.parse_args()
    if asked.what == "prediction" and asked.run is None:
        parser.error("prediction needs --run")
    if asked.one:
        print(json.dumps({"training": _one_training, "prediction": _one_prediction}[asked.what](asked)))
        return
    measured = {"training": first_step, "prediction": first_answer}[asked.what]
    found = [measured(asked) for _ in range(asked.rounds + 1)][1:]
    told = {"what": asked.what, "seconds": round(median(found), 2), "rounds": [round(each, 2) for each in found]}
    print(json.dumps(told), flush=True)
    print(json.dumps({"what": asked.what, "parts": _parts(asked)}))


def first_step(asked: argparse.Namespace) -> float:
    """Trains for two steps by the command line; returns the seconds to the end of the first one."""
    with tempfile.TemporaryDirectory() as folder:
        words = [sys.executable, "-m", "tfclassify.train", *_training(asked, folder), "--json"]
        return float(json.loads(printed_by(words))["report"]["speed"]["time_to_first_step_seconds"])


def first_answer(asked: argparse.Namespace) -> float:
    """Sends a row through the command line; returns the seconds until its answer can be read."""
    words = [sys.executable, "-m", "tfclassify.predict", f"{_kind(asked)}={asked.run}", "input=-", "output=-"]
    begun = time.perf_counter()
    with subprocess.Popen(
        [*words, *asked.more], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, env={**os.environ, **QUIET}
    ) as process:
        if process.stdin is None or process.stdout is None:
            raise SystemExit("the verb has no pipes")
        process.stdin.write(ROW)
        process.stdin.close()
        head, answer = process.stdout.readline(), process.stdout.readline()
        seconds = time.perf_counter() - begun
    if process.returncode or not answer:
        raise SystemExit(f"{' '.join(words)} ended with {process.returncode} after {head!r}")
    return seconds


def _training(asked: argparse.Namespace, folder: str) -> list[str]:
    return [f"model.name={asked.model}", f"train.steps={STEPS}", f"run={folder}/run", *asked.more]


def _kind(asked: argparse.Namespace) -> str:
    return "run" if (asked.run / "plan.yaml").is_file() else "servable"


def _parts(asked: argparse.Namespace) -> dict[str, float]:
    words = [sys.executable, __file__, asked.what, "--one", "--model", asked.model]
    words += ["--run", str(asked.run)] if asked.run else []
    return json.loads(printed_by([*words, "--set", *asked.more] if asked.more else words))


def _one_training(asked: argparse.Namespace) -> dict[str, float]:
    """Trains in this process; the rest is what lies between the parts, and the first step itself."""
    spent = _imported("tfclassify.train")
    with tempfile.TemporaryDirectory() as folder, _timed("training", spent):
        from tfclassify.settings import Settings, read
        from tfclassify.train import train

        run = train(read(_training(asked, folder), Settings))
        whole = json.loads(run.report.read_text(encoding="utf-8"))["speed"]["time_to_first_step_seconds"]
    return _with_rest(spent, whole)


def _one_prediction(asked: argparse.Namespace) -> dict[str, float]:
    spent = _imported("tfclassify.predict")
    with tempfile.TemporaryDirectory() as folder, _timed("prediction", spent):
        from tfclassify.hardware import seconds_since_start
        from tfclassify.predict import predict

        rows = Path(folder) / "rows.csv"
        rows.write_text(ROW, encoding="utf-8")
        predict({_kind(asked): str(asked.run), "input": str(rows), "output": f"{folder}/answers.csv"})
        return _with_rest(spent, seconds_since_start())


def _imported(verb: str) -> dict[str, float]:
    """Imports what the command line imports, in its order."""
    from tfclassify.hardware import seconds_since_start

    os.environ.setdefault("TF_USE_LEGACY_KERAS", "1")
    spent = {"the interpreter": seconds_since_start()}
    for part, module in (("importing TensorFlow", "tensorflow"), ("importing the rest", verb)):
        begun = time.perf_counter()
        import_module(module)
        spent[part] = time.perf_counter() - begun
    return spent


@contextmanager
def _timed(what: str, spent: dict[str, float]) -> Iterator[None]:
    """Adds up the seconds of each part while it lasts."""
    with ExitStack() as stack:
        for place, part in PARTS[what].items():
            module, _, name = place.partition(":")
            found = import_module(module)
            stack.enter_context(patch.object(found, name, _clocked(getattr(found, name), part, spent)))
        yield


def _clocked(function: Callable[..., Any], part: str, spent: dict[str, float]) -> Callable[..., Any]:
    def clocked(*given: Any, **named: Any) -> Any:
        begun = time.perf_counter()
        try:
            return function(*given, **named)
        finally:
            spent[part] = spent.get(part, 0.0) + time.perf_counter() - begun

    return clocked


def _with_rest(spent: dict[str, float], whole: float) -> dict[str, float]:
    rest = whole - sum(spent.values())
    return {part: round(seconds, 2) for part, seconds in {**spent, "the rest": rest, "in all": whole}.items()}


if __name__ == "__main__":
    main()
