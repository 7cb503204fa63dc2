"""Serving beside its peers: throughput and latency, overhead, cold start, and a soak with hostile requests and reloads.

python benchmarks/serving.py throughput --model saved_models/NAME --run runs/NAME --peers peers/bin/python
python benchmarks/serving.py overhead --model saved_models/NAME
python benchmarks/serving.py start --model saved_models/NAME
python benchmarks/serving.py soak --model saved_models/NAME --minutes 30 --requests 100000
python benchmarks/serving.py table
"""

from __future__ import annotations

import argparse
import csv
import json
import os
import shutil
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from random import Random
from statistics import median
from typing import Any

import psutil
from load import HOST, Load, closed_loop, connected, exchanged, request
from measured import is_kept, keep, pieces
from soaking import soak

HERE = Path(__file__).parent
RESULTS = HERE / "results" / "serving.jsonl"
SAMPLES = HERE.parent / "tfclassify" / "data" / "samples"
NAME = "benchmark"
CLIENTS, WARM_SECONDS, SECONDS, ROUNDS = 32, 5.0, 20.0, 3
TEXTS_OF_EACH, STARTING_SECONDS = 200, 300.0


def main() -> None:
    """Runs what is asked for."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("what", choices=("throughput", "overhead", "start", "soak", "table"))
    parser.add_argument("--model", type=Path, help="folder with numbered versions of a servable")
    parser.add_argument("--run", type=Path, help="the run it was exported from, for its huggingface folder")
    parser.add_argument("--data", type=Path, help="folder with one sub-folder per data set; default: the samples")
    parser.add_argument("--peers", help="the Python of an environment with PyTorch, transformers, fastapi and uvicorn")
    parser.add_argument("--server", nargs="*", default=[], help="more settings of the server")
    parser.add_argument("--seconds", type=float, default=SECONDS, help="measured of each side in a round")
    parser.add_argument("--rounds", type=int, default=ROUNDS)
    parser.add_argument("--minutes", type=float, default=30.0)
    parser.add_argument("--requests", type=int, default=100_000)
    asked = parser.parse_args()
    if asked.what != "table" and asked.model is None:
        parser.error("--model is needed")
    if asked.peers and asked.run is None:
        parser.error("--peers needs --run, for the weights")
    {"throughput": throughput, "overhead": overhead, "start": start, "soak": soaked, "table": table}[asked.what](asked)


def throughput(asked: argparse.Namespace) -> None:
    """Lets 32 clients ask each side in turn, several rounds, texts of many lengths."""
    texts = _texts(asked.data)
    for number in range(asked.rounds):
        piece = _piece("throughput", asked, round=number, clients=CLIENTS)
        if is_kept(RESULTS, piece):
            continue
        sides = {"tfclassify": _measured(_serving(asked), f"/v1/models/{NAME}:predict", texts, asked.seconds)}
        for mode in ("threads", "serial") if asked.peers else ():
            peer = _peer(asked, mode)
            sides[f"pipeline {mode}"] = _measured(peer, "/v1/models/peer:predict", texts, asked.seconds)
        direct = _direct(asked.model, texts, "batches")
        ours = sides["tfclassify"]["per_second"]
        ratios = {
            f"against {side}": round(ours / figures["per_second"], 3)
            for side, figures in sides.items()
            if side != "tfclassify"
        }
        keep(
            RESULTS,
            {**piece, "sides": sides, "direct": direct, **ratios, "against direct": round(ours / direct["best"], 3)},
        )


def overhead(asked: argparse.Namespace) -> None:
    """Asks the same texts one after the other, of the server and of the model itself in a process of its own."""
    texts = _texts(asked.data)[:300]
    requests = [request(f"/v1/models/{NAME}:predict", [{"text": text}]) for text in texts]
    for number in range(asked.rounds):
        piece = _piece("overhead", asked, round=number)
        if is_kept(RESULTS, piece):
            continue
        with _serving(asked) as (port, _):
            _one_by_one(port, requests[:50])
            served = _one_by_one(port, requests)
        bare = _direct(asked.model, texts, "single")["seconds"]
        more = [a - b for a, b in zip(served, bare, strict=True)]
        keep(
            RESULTS,
            {
                **piece,
                "served_median_ms": _ms(median(served)),
                "bare_median_ms": _ms(median(bare)),
                "overhead_median_ms": _ms(median(more)),
                "overhead_p90_ms": _ms(sorted(more)[int(0.9 * len(more))]),
            },
        )


def start(asked: argparse.Namespace) -> None:
    """Starts the server, with and without warm-up: seconds to ready, and the first answers after."""
    texts = _texts(asked.data)[:60]
    requests = [request(f"/v1/models/{NAME}:predict", [{"text": text}]) for text in texts]
    for number in range(asked.rounds):
        for warm in (True, False):
            piece = _piece("start", asked, round=number, warm_up=warm)
            if is_kept(RESULTS, piece):
                continue
            with _serving(asked, f"--enable_model_warmup={str(warm).lower()}") as (port, ready_seconds):
                seconds = _one_by_one(port, [requests[0], *requests])
            again = seconds[1]
            keep(
                RESULTS,
                {
                    **piece,
                    "ready_seconds": round(ready_seconds, 2),
                    "first_ms": _ms(seconds[0]),
                    "same_again_ms": _ms(again),
                    "median_ms": _ms(median(seconds[10:])),
                    "first_against_again": round(seconds[0] / again, 2),
                },
            )


def soaked(asked: argparse.Namespace) -> None:
    """Serves a copy of the model, which gets new versions, to good and hostile clients."""
    piece = _piece("soak", asked, minutes=asked.minutes, requests=asked.requests)
    if is_kept(RESULTS, piece):
        return
    with tempfile.TemporaryDirectory() as folder:
        base = Path(folder) / "model"
        newest = _newest(asked.model)
        shutil.copytree(newest, base / newest.name)
        with _serving(asked, base=base, give_process=True) as (port, process):
            texts = _texts(asked.data)[:200]
            figures = soak(port, NAME, base, process, texts, seconds=asked.minutes * 60, requests=asked.requests)
    keep(RESULTS, {**piece, **figures})


def table(asked: argparse.Namespace) -> None:
    """Prints what has been measured: medians over the rounds."""
    print("| model | side | answers a second | p50 ms | p99 ms | ratio |\n|---|---|---|---|---|---|")
    throughputs = pieces(RESULTS, "throughput")
    for name in dict.fromkeys(_name(piece) for piece in throughputs):
        mine = [piece for piece in throughputs if _name(piece) == name]
        for side in mine[0]["sides"]:
            cells = [median(piece["sides"][side][key] for piece in mine) for key in ("per_second", "p50_ms", "p99_ms")]
            ratio = "" if side == "tfclassify" else f"{median(piece[f'against {side}'] for piece in mine):.2f}x"
            print(f"| {name} | {side} | {cells[0]:.1f} | {cells[1]:.1f} | {cells[2]:.1f} | {ratio} |")
        direct, ratio = (median(values) for values in zip(*map(_against_direct, mine), strict=True))
        print(f"| {name} | sorted batches, no server | {direct:.1f} | | | {ratio:.2f}x |")
    for piece in pieces(RESULTS):
        if piece["piece"] != "throughput":
            print(json.dumps({key: value for key, value in piece.items() if key != "machine"}))


def _name(piece: dict[str, Any]) -> str:
    """Returns the model with what the server was told."""
    return " ".join([piece["model"], *piece["server"]])


def _against_direct(piece: dict[str, Any]) -> tuple[float, float]:
    return piece["direct"]["best"], piece["against direct"]


def _measured(server: Any, path: str, texts: list[str], seconds: float) -> dict[str, Any]:
    requests = [request(path, [{"text": text}]) for text in texts]
    with server as (port, _):
        closed_loop(port, requests[::-1], clients=CLIENTS, seconds=WARM_SECONDS)
        load = closed_loop(port, requests, clients=CLIENTS, seconds=seconds)
    return _figures(load)


def _figures(load: Load) -> dict[str, Any]:
    return {
        "per_second": round(load.per_second, 2),
        "p50_ms": _ms(load.quantile(0.5)),
        "p99_ms": _ms(load.quantile(0.99)),
        "answers": len(load.seconds),
        "failed": load.failed,
    }


def _one_by_one(port: int, requests: list[bytes]) -> list[float]:
    seconds = []
    with connected(port) as connection:
        for whole in requests:
            begun = time.perf_counter()
            status, body = exchanged(connection, whole)
            seconds.append(time.perf_counter() - begun)
            if status != 200:
                raise SystemExit(f"the server answered {status}: {body[:300]!r}")
    return seconds


@contextmanager
def _serving(
    asked: argparse.Namespace, *more: str, base: Path | None = None, give_process: bool = False
) -> Iterator[tuple[int, Any]]:
    """Starts our server; gives its port, and the seconds until it was ready or its process."""
    port = _free_port()
    words = [sys.executable, "-m", "tfclassify.serve", f"models={NAME}:{base or asked.model}"]
    words += [f"--rest_api_port={port}", f"--port={_free_port()}", *asked.server, *more]
    with _started(words, port) as (seconds, process):
        yield port, process if give_process else seconds


@contextmanager
def _peer(asked: argparse.Namespace, mode: str) -> Iterator[tuple[int, Any]]:
    port = _free_port()
    length = _max_length(asked.run)
    script = HERE / "peers" / "pytorch_server.py"
    words = [asked.peers, str(script), str(asked.run / "huggingface"), str(port), str(length), mode]
    with _started(words, port) as (seconds, _):
        yield port, seconds


@contextmanager
def _started(words: list[str], port: int) -> Iterator[tuple[float, psutil.Process]]:
    """Starts a server and waits until it says that it is ready; ends it, and all that it started."""
    quiet = {"TF_CPP_MIN_LOG_LEVEL": "3", "HF_HUB_OFFLINE": "1", "TOKENIZERS_PARALLELISM": "true"}
    begun = time.perf_counter()
    with tempfile.TemporaryFile() as told:
        process = subprocess.Popen(words, env={**os.environ, **quiet}, stdout=told, stderr=told)
        try:
            while not _ready(port):
                if process.poll() is not None or time.perf_counter() - begun > STARTING_SECONDS:
                    told.seek(0)
                    raise SystemExit(f"{' '.join(words)} did not start:\n{told.read().decode()[-2000:]}")
                time.sleep(0.02)
            yield time.perf_counter() - begun, psutil.Process(process.pid)
        finally:
            process.terminate()
            with suppress(subprocess.TimeoutExpired):
                process.wait(40)
            process.kill()
            process.wait()


def _ready(port: int) -> bool:
    try:
        with connected(port, seconds=5.0) as connection:
            return exchanged(connection, f"GET /v2/health/ready HTTP/1.1\r\nHost: {HOST}\r\n\r\n".encode())[0] == 200
    except OSError:
        return False


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind((HOST, 0))
        return int(probe.getsockname()[1])


def _direct(model: Path, texts: list[str], mode: str) -> dict[str, Any]:
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "texts.json"
        file.write_text(json.dumps(texts), encoding="utf-8")
        words = [sys.executable, str(HERE / "peers" / "direct_calls.py"), str(_newest(model)), str(file), mode]
        quiet = {
            "TF_CPP_MIN_LOG_LEVEL": "3",
            "PYTHONPATH": f"{HERE.parent}{os.pathsep}{os.environ.get('PYTHONPATH', '')}",
        }
        done = subprocess.run(words, capture_output=True, text=True, env={**os.environ, **quiet}, check=False)
    if done.returncode:
        raise SystemExit(f"{' '.join(words)} ended with {done.returncode}:\n{done.stderr[-2000:]}")
    return json.loads(done.stdout.strip().splitlines()[-1])


def _newest(model: Path) -> Path:
    numbers = [int(path.name) for path in model.iterdir() if path.name.isdecimal()]
    if not numbers:
        raise SystemExit(f"{model} holds no numbered version")
    return model / str(max(numbers))


def _max_length(run: Path) -> int:
    import yaml

    plan = yaml.safe_load((run / "plan.yaml").read_text(encoding="utf-8"))
    return int(plan["text"]["max_length"])


def _texts(folder: Path | None) -> list[str]:
    """Reads texts of many lengths, as many of each data set, in an order that is always the same."""
    random, texts = Random(0), []
    for path in sorted((folder or SAMPLES).glob("*/test.csv")):
        with open(path, encoding="utf-8", newline="") as file:
            mine = [row["text"] for row in csv.DictReader(file) if row["text"]]
        texts += random.sample(mine, min(len(mine), TEXTS_OF_EACH))
    random.shuffle(texts)
    return texts


def _ms(seconds: float) -> float:
    return round(seconds * 1000, 3)


def _piece(kind: str, asked: argparse.Namespace, **more: Any) -> dict[str, Any]:
    data = asked.data.name if asked.data else "samples"
    return {"piece": kind, "model": asked.model.name, "data": data, "server": asked.server, **more}


if __name__ == "__main__":
    main()
