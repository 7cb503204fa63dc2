"""What a row costs among few rows and among many, and the memory that it takes: reading, training, answering.

    python benchmarks/scaling.py corpus --data DIR --sizes 1000 10000 100000 1000000
    python benchmarks/scaling.py training --data DIR --sizes 1000 10000 100000 --model minilm
    python benchmarks/scaling.py prediction --data DIR --sizes 1000 10000 100000 --run runs/NAME

DIR has trec6/train.csv, whose texts are put together anew. `corpus` is reading, checking, word pieces, hashing, storing
and splitting; `training` one epoch's steps, without tracing and judging; `prediction` what the verb does with a file.
Each size is a process of its own, watched from outside for its memory; loading and the first call are not timed. A
line is printed for each size, and one with the dearest row as a multiple of the cheapest.
"""

from __future__ import annotations

import argparse
import json
import sys
import tempfile
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

from measured import QUIET
from memory import read_trec6, watched, write

HERE = Path(__file__).parent
SIZES = (1_000, 10_000, 100_000)
# A hundredth of the largest is enough to judge by.
JUDGED = 0.01


def main() -> None:
    """Makes the files, measures each, and prints."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("what", choices=("corpus", "training", "prediction"))
    parser.add_argument("--data", type=Path, help="folder with one sub-folder per data set")
    parser.add_argument("--sizes", type=int, nargs="+", default=list(SIZES), help="rows")
    parser.add_argument("--model", default="minilm", help="whose word pieces, and what is trained")
    parser.add_argument("--run", type=Path, help="what answers")
    parser.add_argument("--one", help=argparse.SUPPRESS)
    asked = parser.parse_args()
    if asked.one:
        print(json.dumps({"corpus": _corpus, "training": _training}[asked.what](asked, Path(asked.one))))
        return
    if asked.data is None or (asked.what == "prediction") != (asked.run is not None):
        parser.error("--data is needed, and --run for prediction only")
    rows = read_trec6(asked.data)
    costs = [_measured(asked, rows, size) for size in asked.sizes]
    print(json.dumps({"what": asked.what, "dearest_row_to_cheapest": round(max(costs) / min(costs), 3)}))


def _measured(asked: argparse.Namespace, rows: list[tuple[str, str]], size: int) -> float:
    """Returns the seconds per row among so many rows."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / f"{size}.csv"
        write(path, rows, lambda _, count: count >= size)
        words = [sys.executable, __file__, asked.what, "--one", str(path), "--model", asked.model]
        if asked.what == "prediction":
            kind = "run" if (asked.run / "plan.yaml").is_file() else "servable"
            script, output = HERE / "peers" / "own_prediction.py", Path(folder) / "answers.csv"
            words = [sys.executable, str(script), kind, str(asked.run), str(path), str(output), "float32"]
        # What is cached of one size would spare another its work, and the machine is looked at beforehand.
        cache = {} if asked.what == "prediction" else {"TFCLASSIFY_CACHE": f"{folder}/cache"}
        printed, peak = watched(words, **QUIET, **cache)
    found = json.loads(printed[-1])
    each = found["seconds_per_row"] if "seconds_per_row" in found else 1.0 / found["texts_per_second"]
    told = {"what": asked.what, "rows": size, "microseconds_per_row": round(1e6 * each, 2), "peak_bytes": peak}
    print(json.dumps({**told, **{key: value for key, value in found.items() if key.startswith("peak")}}), flush=True)
    return each


def _corpus(asked: argparse.Namespace, path: Path) -> dict[str, float]:
    """Reads once for what the first call costs, and then, timed, all."""
    from tfclassify.data.corpus import read_corpus
    from tfclassify.data.pieces import pieces_of
    from tfclassify.display import SILENT
    from tfclassify.model.weights import find
    from tfclassify.runs import cache_folder
    from tfclassify.settings import DataSettings

    pieces = pieces_of(find(asked.model, cache=cache_folder()).vocabulary, lower_case=True)
    read = partial(read_corpus, pieces=pieces, seed=0, cache=cache_folder(), display=SILENT)
    read(DataSettings(train=str(_first_rows(path))))
    seconds, corpus = _timed(lambda: read(DataSettings(train=str(path))))
    return {"seconds_per_row": seconds / corpus.read}


def _training(asked: argparse.Namespace, path: Path) -> dict[str, float]:
    from tfclassify.train import train

    shares = {"data.validation_share": JUDGED, "data.test_share": JUDGED}
    keys = {"model.name": asked.model, "train.epochs": 1, "answer.stack": "none", **shares}
    run = train({"data.train": str(path), "run": str(path.with_suffix(".run")), **keys})
    report = json.loads(run.report.read_text(encoding="utf-8"))
    peak = report["plan"]["actual"]["peak_memory_bytes"]
    return {
        "seconds_per_row": 1.0 / report["speed"]["train_examples_per_second"],
        "peak_while_fitting_bytes": peak,
    }


def _first_rows(path: Path) -> Path:
    """Writes another file with rows enough to be split."""
    some = path.with_name("some.csv")
    with open(path, encoding="utf-8") as file:
        some.write_text("".join(line for line, _ in zip(file, range(201), strict=False)), encoding="utf-8")
    return some


def _timed(work: Callable[[], Any]) -> tuple[float, Any]:
    begun = time.perf_counter()
    made = work()
    return time.perf_counter() - begun, made


if __name__ == "__main__":
    main()
