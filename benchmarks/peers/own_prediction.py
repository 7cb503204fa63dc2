"""What ``python -m tfclassify.predict`` does, in this process, so that loading is not timed; prints its speed.

own_prediction.py run|servable FOLDER CSV LABELS_CSV default|float32|bfloat16

What is named last is how it multiplies.
"""

from __future__ import annotations

import csv
import json
import os
import sys
import tempfile
import time
from itertools import islice
from pathlib import Path
from unittest.mock import patch

os.environ.setdefault("TF_USE_LEGACY_KERAS", "1")

import tensorflow as tf

from tfclassify import predict as verb
from tfclassify.servable.answerer import open_answerer

WARM_ROWS = 384
PRECISIONS = {"default": None, "float32": "float32", "bfloat16": "bfloat16"}


def main(kind: str, folder: str, file: Path, output: Path, *, precision: str | None) -> None:
    """Answers some of the rows, and then, timed, all of them."""
    answerer = open_answerer(folder, precision=precision)
    with patch.object(verb, "open_answerer", lambda _, **__: answerer), tempfile.TemporaryDirectory() as place:
        ask = {kind: folder, "output": str(output)}
        verb.predict({**ask, "input": str(_some(file, Path(place)))})
        begun = time.perf_counter()
        made = verb.predict({**ask, "input": str(file)})
        seconds = time.perf_counter() - begun
    sys.stdout.write(json.dumps({"texts_per_second": made.rows / seconds, "tensorflow": tf.__version__}) + "\n")


def _some(file: Path, folder: Path) -> Path:
    """Writes rows of all lengths to warm up by: about as many as the peers look for their batch size with."""
    with open(file, encoding="utf-8", newline="") as opened_file:
        head, *rows = csv.reader(opened_file)
    some = folder / "some.csv"
    with open(some, "w", encoding="utf-8", newline="") as opened_file:
        csv.writer(opened_file).writerows([head, *islice(rows, 0, None, max(1, len(rows) // WARM_ROWS))])
    return some


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2], Path(sys.argv[3]), Path(sys.argv[4]), precision=PRECISIONS[sys.argv[5]])
