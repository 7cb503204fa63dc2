"""Reads a run's ``huggingface`` folder with PyTorch and compares the logits with the run's own, in float32.

python benchmarks/interchange.py --run runs/NAME --peers peers/bin/python --texts FILE.csv
"""

from __future__ import annotations

import argparse
import csv
import json
import subprocess
import tempfile
from pathlib import Path

import numpy as np

from tfclassify.learning.strategies import set_precision
from tfclassify.learning.trained import open_trained, score_texts
from tfclassify.runs import open_run

HERE = Path(__file__).parent


def main() -> None:
    """Compares, and prints the largest difference of any logit."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--run", required=True)
    parser.add_argument("--peers", required=True, help="the Python of an environment with PyTorch")
    parser.add_argument("--texts", type=Path, required=True, help="a .csv file with a column text (and text_b)")
    parser.add_argument("--rows", type=int, default=500)
    asked = parser.parse_args()
    with open(asked.texts, encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))[: asked.rows]
    pairs = "text_b" in rows[0]
    texts = [[row["text"], row["text_b"]] if pairs else row["text"] for row in rows]
    run = open_run(asked.run)
    trained = open_trained(run)
    # The graph is traced at its first call, so this holds for it.
    set_precision("float32")
    scored = score_texts(trained, [row["text"] for row in rows], [r["text_b"] for r in rows] if pairs else None)
    other = _pytorch(asked.peers, run.huggingface, texts, trained.limits.max_length)
    largest = float(np.abs(scored.logits - other).max())
    agreed = float((scored.logits.argmax(1) == other.argmax(1)).mean())
    print(json.dumps({"rows": len(rows), "largest_difference": largest, "same_label": agreed}))


def _pytorch(python: str, folder: Path, texts: list, max_length: int) -> np.ndarray:
    with tempfile.TemporaryDirectory() as scratch:
        given = Path(scratch) / "texts.json"
        given.write_text(json.dumps(texts), encoding="utf-8")
        words = [python, str(HERE / "peers" / "pytorch_logits.py"), str(folder), str(given), str(max_length)]
        done = subprocess.run(words, capture_output=True, text=True, check=True)
    return np.array([json.loads(line) for line in done.stdout.splitlines()], np.float32)


if __name__ == "__main__":
    main()
