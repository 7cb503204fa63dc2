"""The first gate: what was written, read by a process that knows nothing of this package, answers as the run does."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from tfclassify.errors import UsageError
from tfclassify.servable import fresh_process
from tfclassify.text.word_pieces import op_library

TOLERANCE = 1e-5
SECONDS = 1800

Texts = Mapping[str, Sequence[Any]]
Outputs = Mapping[str, list[Any]]


@dataclass(frozen=True)
class Parity:
    """How far the answers of the SavedModel are from the run's: rows compared, largest difference of a score."""

    rows: int
    largest_difference: float


def answered_elsewhere(folder: Path, texts: Texts) -> Outputs:
    """Answers texts with a SavedModel in a fresh process.

    Args:
        folder: of the SavedModel.
        texts: ``text``, ``text_b`` of pairs, and features by name (NaN where a number is missing); B each.

    Returns:
        Outputs by name, a list of B each, with ``input_ids`` beside those of ``serving_default``.

    Raises:
        UsageError: the process fails; its last words are in the message.
    """
    with tempfile.TemporaryDirectory() as aside:
        questions, answers = Path(aside) / "questions.json", Path(aside) / "answers.json"
        questions.write_text(json.dumps({name: list(rows) for name, rows in texts.items()}), encoding="utf-8")
        program = [
            sys.executable,
            "-I",
            fresh_process.__file__,
            str(folder),
            str(op_library()),
            str(questions),
            str(answers),
        ]
        # As the gate promises, both sides multiply in float32, whatever this process has been told.
        done = subprocess.run(program, capture_output=True, text=True, timeout=SECONDS, env=_environment(), check=False)
        if done.returncode:
            raise UsageError(f"the SavedModel does not answer in a process of its own: {_last_line(done.stderr)}")
        return json.loads(answers.read_text(encoding="utf-8"))


def check_parity(expected: Sequence[Mapping[str, Any]], found: Outputs) -> Parity:
    """Compares the answers of the run with those of the SavedModel.

    Args:
        expected: B answers of the run.
        found: outputs of the SavedModel for the same texts.

    Raises:
        UsageError: they differ by more than 1e-5, or one has another label or another scope.
    """
    largest = 0.0
    for row, answer in enumerate(expected):
        scores = dict(zip(found["labels"][row], found["scores"][row], strict=True))
        differences = [abs(scores.get(label, float("inf")) - score) for label, score in answer["scores"].items()]
        # Unlike max, it does not pass over what is no number.
        difference = float(np.max(differences))
        scope = abs(found["scope_score"][row] - answer["scope_score"]) / max(1.0, abs(answer["scope_score"]))
        largest = float(np.max([largest, difference, scope]))
        if not largest <= TOLERANCE:
            raise UsageError(_refusal(row, answer, scores, difference))
    return Parity(len(expected), largest)


def _refusal(row: int, answer: Mapping[str, Any], scores: Mapping[str, float], difference: float) -> str:
    return (
        f"the SavedModel answers otherwise than the run: row {row + 1} has {answer['label']} at {answer['score']:.6f} "
        f"in the run and {scores.get(answer['label'], float('nan')):.6f} in the SavedModel (scores differ by up to "
        f"{difference:.2g}; expected at most {TOLERANCE:g})"
    )


def _environment() -> dict[str, str]:
    return {**os.environ, "TF_CPP_MIN_LOG_LEVEL": "2", "CUDA_VISIBLE_DEVICES": "-1"}


def _last_line(text: str) -> str:
    lines = [line for line in text.splitlines() if line.strip()]
    return lines[-1] if lines else "it says nothing"
