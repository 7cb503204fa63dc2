"""What it costs that a training cannot be lost, and whether it is true that it cannot.

python benchmarks/resuming.py cost --minutes 20     # a checkpoint every 5 % of a MiniLM training: its share of the time
python benchmarks/resuming.py kills --model random-tiny --kills 30    # killed at random moments: the same weights?
python benchmarks/resuming.py kills --model minilm --kills 3
"""

from __future__ import annotations

import argparse
import hashlib
import json
import os
import random
import signal
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path
from typing import Any

# Steps are compared with others of their shape, of which so many have to be there.
FEWEST_OF_A_SHAPE = 5
SMALL = {
    # Where the best epoch is a late one, everything before it counts.
    "random-tiny": {
        "train.epochs": 30,
        "train.learning_rate": 1e-4,
        "train.batch_size": 8,
        "train.checkpoint_steps": 20,
    },
    "minilm": {"train.epochs": 2, "train.checkpoint_steps": 10},
}
ALWAYS = {"train.metric": "log_loss", "train.early_stopping": 0}


def main() -> None:
    """Runs one of the two and prints a line for each thing measured."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    commands = parser.add_subparsers(required=True, dest="command")
    cost = commands.add_parser("cost")
    cost.add_argument("--minutes", type=float, default=20.0)
    cost.add_argument("--model", default="minilm")
    cost.add_argument("--data", default="sample:support")
    kills = commands.add_parser("kills")
    kills.add_argument("--model", choices=sorted(SMALL), default="random-tiny")
    kills.add_argument("--kills", type=int, default=30)
    kills.add_argument("--data", default="sample:support")
    kills.add_argument("--seed", type=int, default=0)
    kills.add_argument("--set", action="append", default=[], metavar="KEY=VALUE", dest="words")
    asked = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        {"cost": _cost, "kills": _kills}[asked.command](asked, Path(folder))


def _cost(asked: argparse.Namespace, folder: Path) -> None:
    """Trains once, and compares the steps made while a checkpoint was written with the others of the same shape."""
    from tfclassify.display import Display
    from tfclassify.learning import checkpoints
    from tfclassify.plan import prepare
    from tfclassify.settings import Settings, parse
    from tfclassify.train import train

    words: dict[str, Any] = {"data.train": asked.data, "model.name": asked.model, "train.early_stopping": 0}
    prepared = prepare(parse(words, Settings), display=Display())
    buckets, steps = _shapes(prepared), asked.minutes * 60 / prepared.plan.costs.seconds_per_epoch
    total = max(20, round(steps * len(buckets(0))))
    words |= {"train.epochs": -(-total // len(buckets(0))), "train.steps": total, "train.checkpoint_steps": total // 20}
    ends: list[float] = []
    writes: list[tuple[float, float]] = []
    write = checkpoints.write_checkpoint

    def watched(*given: Any, **more: Any) -> Path:
        begun = time.perf_counter()
        try:
            return write(*given, **more)
        finally:
            writes.append((begun, time.perf_counter()))

    checkpoints.write_checkpoint = watched
    run = train(
        {**words, "run": str(folder / "run")},
        display=Display(
            advance=lambda units, note: ends.append(time.perf_counter()) if note.startswith("loss") else None
        ),
    )
    manifest = json.loads(run.manifest.read_text(encoding="utf-8"))["training"]
    shapes = [shape for epoch in range(words["train.epochs"]) for shape in buckets(epoch)][:total]
    slower, compared = _slow_down(ends, shapes, writes)
    seconds = json.loads(run.report.read_text(encoding="utf-8"))["plan"]["actual"]["seconds_per_epoch"]
    training = seconds * total / len(buckets(0))
    found = {
        "steps": total,
        "training_seconds": round(training, 2),
        "checkpoints": manifest["saved"],
        "blocked_seconds": round(manifest["saving_seconds"], 3),
        "writing_seconds": round(sum(end - begun for begun, end in writes), 3),
        "steps_while_writing": compared,
        "slow_down_seconds": round(slower, 3),
        "share_of_the_time": round((manifest["saving_seconds"] + slower) / training, 5),
    }
    print(json.dumps(found), flush=True)


def _shapes(prepared: Any) -> Any:
    """Returns what gives the shapes of the steps of an epoch, in their order."""
    from tfclassify.data.batches import epoch_batches
    from tfclassify.data.rows import rows_of
    from tfclassify.learning.trained import limits_of

    settings = prepared.plan.settings
    limits = limits_of(prepared.pieces, settings.text)
    lengths = rows_of(prepared.corpus.splits["train"], limits).lengths

    def shapes(epoch: int) -> list[tuple[int, int]]:
        dealt = epoch_batches(lengths, settings.train.buckets, seed=settings.seed, epoch=epoch, shuffle=True)
        return [batch.bucket for batch in dealt]

    return shapes


def _slow_down(
    ends: list[float], shapes: list[tuple[int, int]], writes: list[tuple[float, float]]
) -> tuple[float, int]:
    """Returns by how many seconds steps were slower while a checkpoint was written, and how many steps that were."""
    quiet, busy = defaultdict(list), []
    for place in range(1, len(ends)):
        begun, end = ends[place - 1], ends[place]
        shared = sum(max(0.0, min(end, last) - max(begun, first)) for first, last in writes)
        if shared > 0.0:
            busy.append((shapes[place], end - begun))
        else:
            quiet[shapes[place]].append(end - begun)
    known = {shape: statistics.median(times) for shape, times in quiet.items() if len(times) >= FEWEST_OF_A_SHAPE}
    compared = [taken - known[shape] for shape, taken in busy if shape in known]
    return sum(compared) * len(busy) / max(len(compared), 1), len(busy)


def _kills(asked: argparse.Namespace, folder: Path) -> None:
    """Trains once without interruption, then again and again with kills, and compares what came of it."""
    settings = {**SMALL[asked.model], **ALWAYS, "model.name": asked.model, "data.train": asked.data}
    words = [*(f"{key}={value}" for key, value in settings.items()), *asked.words]
    whole = folder / "whole"
    seconds = _ends(_started(words, whole))
    expected, chance, left, number = _results(whole), random.Random(asked.seed), asked.kills, 0
    print(json.dumps({"run": "whole", "fit_seconds": round(seconds, 2), **expected}), flush=True)
    same = True
    while left:
        run, killed = folder / f"killed-{number}", []
        while _killed(_started(words, run), left, chance.uniform(0.0, seconds / 4), killed):
            left -= 1
        found = _results(run)
        same = same and found == expected
        print(
            json.dumps({"run": run.name, "kills": len(killed), "at_steps": killed, "same": found == expected}),
            flush=True,
        )
        number += 1
    print(json.dumps({"model": asked.model, "kills": asked.kills, "all_the_same": same}), flush=True)
    raise SystemExit(0 if same else 1)


def _started(words: list[str], run: Path) -> subprocess.Popen[str]:
    command = [sys.executable, "-m", "tfclassify.train", *words, f"run={run}"]
    return subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True)


def _lines(process: subprocess.Popen[str]) -> Iterator[str]:
    return iter(process.stderr.readline, "") if process.stderr is not None else iter(())


def _fits(lines: Iterator[str]) -> list[str]:
    """Reads until the fit has begun; returns what was said until then."""
    said = []
    for line in lines:
        said.append(line)
        if line.startswith(("epoch ", "going on")):
            break
    return said


def _ends(process: subprocess.Popen[str]) -> float:
    """Waits for the end, and returns the seconds from the first step to it."""
    lines = _lines(process)
    said, begun = _fits(lines), time.monotonic()
    said += list(lines)
    if process.wait():
        raise SystemExit("".join(said))
    return time.monotonic() - begun


def _killed(process: subprocess.Popen[str], left: int, seconds: float, killed: list[int]) -> bool:
    """Kills a process so long after its fit began; False where it ended before, or no kill is left."""
    lines = _lines(process)
    said = _fits(lines)
    rest = threading.Thread(target=lambda: said.extend(lines))
    rest.start()
    if left:
        time.sleep(seconds)
        if process.poll() is None:
            os.kill(process.pid, signal.SIGKILL)
    status = process.wait()
    rest.join()
    if status == -signal.SIGKILL:
        run = Path(next(word for word in process.args if str(word).startswith("run=")).removeprefix("run="))  # type: ignore[union-attr]
        steps = [int(path.name.removeprefix("step-")) for path in (run / "checkpoints").glob("step-*")]
        killed.append(max(steps, default=0))
        return True
    if status:
        raise SystemExit("".join(said))
    return False


def _results(run: Path) -> dict[str, str]:
    """Returns hashes of the best weights and of the lines of all epochs, but for the time that they took."""
    lines = [json.loads(line) for line in (run / "metrics.jsonl").read_text(encoding="utf-8").splitlines()]
    history = json.dumps([{name: value for name, value in line.items() if name != "seconds"} for line in lines])
    weights = (run / "weights" / "best" / "model.safetensors").read_bytes()
    return {
        "weights": hashlib.sha256(weights).hexdigest()[:16],
        "history": hashlib.sha256(history.encode()).hexdigest()[:16],
    }


if __name__ == "__main__":
    main()
