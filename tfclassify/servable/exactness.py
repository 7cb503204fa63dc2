"""How far answers drift in fewer bits: reported beside an export, which is itself compared in float32."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from functools import partial
from typing import Any

from tfclassify.learning.strategies import usable_precision
from tfclassify.learning.trained import Trained, answer, open_trained
from tfclassify.runs import Run
from tfclassify.servable.questions import Questions, answered

FLOAT32 = "float32"


@dataclass(frozen=True)
class Drift:
    """Rows compared, the largest difference of a score, and how many rows get another label."""

    precision: str
    rows: int
    largest_difference: float
    other_labels: int


def drift_of_precision(run: Run, trained: Trained, asked: Questions) -> dict[str, Any] | None:
    """Compares the answers of a run in float32 with those in the number format that it was trained in.

    Args:
        run: the directory.
        trained: its classifier, in float32.
        asked: texts.

    Returns:
        None where the run is in float32 itself, or this machine does not multiply in its format.
    """
    precision = usable_precision(trained.settings.train.precision)
    if precision == FLOAT32:
        return None
    exact = answered(asked, partial(answer, trained))
    rough = answered(asked, partial(answer, open_trained(run, precision=precision)))
    # The number format is the process's: leave it as it was for whoever answers next.
    open_trained(run, precision=FLOAT32)
    pairs = list(zip(exact, rough, strict=True))
    largest = max(
        abs(each["scores"][label] - other["scores"][label]) for each, other in pairs for label in each["scores"]
    )
    return asdict(Drift(precision, len(pairs), largest, sum(a["label"] != b["label"] for a, b in pairs)))
