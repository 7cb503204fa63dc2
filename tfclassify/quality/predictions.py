"""What a model said about the rows of a split, beside what is true of them."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

Kind = Literal["binary", "multiclass", "multilabel"]
OUT_OF_SCOPE = -1


@dataclass(frozen=True, eq=False)
class Predictions:
    """Outputs and truth, row by row.

    Attributes:
        kind: of the task.
        labels: C names, in the order of the columns.
        truth: int32[B], a column number or -1 for a row that is out of scope; multi-label bool[B, C].
        logits: float32[B, C], before calibration.
        scores: float32[B, C], calibrated probabilities; rows sum to one unless multi-label.
        scope_scores: float32[B], higher is more in scope.
        thresholds: least score for which a label is given, one for all or float32[C]; multi-label only.
        routes: str[B], what each row was answered by, where there is more than one way.

    Raises:
        ValueError: shapes that do not fit each other.
    """

    kind: Kind
    labels: tuple[str, ...]
    truth: NDArray[np.int32] | NDArray[np.bool_]
    logits: NDArray[np.float32]
    scores: NDArray[np.float32]
    scope_scores: NDArray[np.float32]
    thresholds: float | NDArray[np.float32] = 0.5
    routes: NDArray[np.str_] | None = None

    def __post_init__(self) -> None:
        """Refuses shapes that do not fit each other, which numpy would broadcast silently."""
        rows = len(self.truth)
        expected = {
            "truth": (rows, len(self.labels)) if self.kind == "multilabel" else (rows,),
            "logits": (rows, len(self.labels)),
            "scores": (rows, len(self.labels)),
            "scope_scores": (rows,),
            **({} if self.routes is None else {"routes": (rows,)}),
        }
        for name, shape in expected.items():
            if getattr(self, name).shape != shape:
                raise ValueError(f"{name} has shape {getattr(self, name).shape}; expected {shape}")


def in_scope(predictions: Predictions) -> NDArray[np.bool_]:
    """Returns bool[B]: which rows are of one of the classes. Every row is, in a multi-label task."""
    if predictions.kind == "multilabel":
        return np.ones(len(predictions.truth), bool)
    return predictions.truth != OUT_OF_SCOPE


def take(predictions: Predictions, rows: NDArray[np.bool_] | NDArray[np.integer]) -> Predictions:
    """Returns the predictions of some rows.

    Args:
        predictions: of B rows.
        rows: bool[B], or integers.
    """
    return replace(
        predictions,
        truth=predictions.truth[rows],
        logits=predictions.logits[rows],
        scores=predictions.scores[rows],
        scope_scores=predictions.scope_scores[rows],
        routes=None if predictions.routes is None else predictions.routes[rows],
    )


def within_scope(predictions: Predictions) -> Predictions:
    """Returns the predictions of the rows that are in scope."""
    return take(predictions, in_scope(predictions))


def predicted(predictions: Predictions) -> NDArray[np.int32]:
    """Returns int32[B]: the column of the highest score, the first of equals."""
    if not predictions.labels:
        return np.zeros(len(predictions.truth), np.int32)
    return predictions.scores.argmax(axis=1).astype(np.int32)


def chosen(predictions: Predictions) -> NDArray[np.bool_]:
    """Returns bool[B, C]: the labels given, by threshold when multi-label, else the one of the highest score."""
    if predictions.kind == "multilabel":
        return predictions.scores >= predictions.thresholds
    return _one_hot(predicted(predictions), len(predictions.labels))


def true_labels(predictions: Predictions) -> NDArray[np.bool_]:
    """Returns bool[B, C]: the labels that are true; none of an out-of-scope row."""
    if predictions.kind == "multilabel":
        return predictions.truth.astype(bool)
    return _one_hot(predictions.truth, len(predictions.labels))


def correct(predictions: Predictions) -> NDArray[np.bool_]:
    """Returns bool[B]: the row has its label, or exactly its labels. An out-of-scope row is never correct."""
    if predictions.kind == "multilabel":
        return (chosen(predictions) == true_labels(predictions)).all(axis=1)
    return predicted(predictions) == predictions.truth


def _one_hot(columns: NDArray[Any], width: int) -> NDArray[np.bool_]:
    return columns[:, None] == np.arange(width)[None, :]
