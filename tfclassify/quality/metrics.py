"""Metrics: functions of predictions. Values are plain numbers, None where one is not defined, never NaN.

All but ``scope`` are over the rows that are in scope.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from math import isfinite, sqrt
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.metrics import roc_auc_score, roc_curve

from tfclassify.extending import find
from tfclassify.quality.calibration import reliability
from tfclassify.quality.intervals import wilson
from tfclassify.quality.predictions import (
    Predictions,
    chosen,
    correct,
    in_scope,
    predicted,
    true_labels,
    within_scope,
)

# The route on which a text goes through all of the network.
FULL = "full"
WATCHED = ("accuracy", "macro_f1", "micro_f1", "mcc", "log_loss")

Metric = Callable[[Predictions], dict[str, Any]]


def accuracy(predictions: Predictions) -> dict[str, float | None]:
    """Share of rows with the right label; multi-label: with exactly the right labels."""
    return {"accuracy": _mean(correct(within_scope(predictions)))}


def macro_f1(predictions: Predictions) -> dict[str, float | None]:
    """Mean over classes of F1; a class that is neither true nor given anywhere has none and does not count."""
    found, given, true = _counts(predictions)
    defined = given + true > 0
    return {"macro_f1": _mean(2 * found[defined] / (given + true)[defined])}


def micro_f1(predictions: Predictions) -> dict[str, float | None]:
    """F1 of all decisions together; equal to accuracy where each row has one label."""
    found, given, true = (int(counts.sum()) for counts in _counts(predictions))
    return {"micro_f1": _ratio(2 * found, given + true)}


def mcc(predictions: Predictions) -> dict[str, float | None]:
    """Matthews' correlation of truth and answer, from -1 to 1; 0 where either is constant.

    Multi-label: of all label decisions, as one binary task.
    Source: J. Gorodkin, "Comparing two K-category assignments by a K-category correlation coefficient",
    Computational Biology and Chemistry 28 (2004).
    """
    inside = within_scope(predictions)
    if not true_labels(inside).size:
        return {"mcc": None}
    if inside.kind == "multilabel":
        matrix = _matrix(true_labels(inside).ravel(), chosen(inside).ravel(), 2)
    else:
        matrix = _matrix(inside.truth, predicted(inside), len(inside.labels))
    # Python's integers: the product of squares passes 64 bits at about 50,000 rows.
    total, right = int(matrix.sum()), int(matrix.trace())
    true, given = matrix.sum(axis=1).tolist(), matrix.sum(axis=0).tolist()
    spread = (total**2 - sum(n * n for n in given)) * (total**2 - sum(n * n for n in true))
    shared = right * total - sum(a * b for a, b in zip(true, given, strict=True))
    return {"mcc": shared / sqrt(spread) if spread else 0.0}


def log_loss(predictions: Predictions) -> dict[str, float | None]:
    """Mean negative log of the true label's score, in nats; multi-label: over rows and labels, of the decision.

    A score is taken to be at least float32's epsilon (1.2e-7) away from 0 and from 1.
    """
    inside = within_scope(predictions)
    epsilon = float(np.finfo(np.float32).eps)
    certain = np.clip(inside.scores.astype(np.float64), epsilon, 1 - epsilon)
    if inside.kind == "multilabel":
        return {"log_loss": _mean(-np.log(np.where(true_labels(inside), certain, 1 - certain)))}
    return {"log_loss": _mean(-np.log(certain[np.arange(len(certain)), inside.truth]))}


def ece(predictions: Predictions) -> dict[str, float | None]:
    """Expected calibration error: mean distance of score and share right, over 15 bins weighted by rows.

    Source: M. P. Naeini et al., "Obtaining well calibrated probabilities using Bayesian binning", AAAI 2015.
    """
    filled = [bin_ for bin_ in reliability(predictions) if bin_.rows]
    gaps = [bin_.rows * abs((bin_.confidence or 0.0) - (bin_.accuracy or 0.0)) for bin_ in filled]
    return {"ece": _ratio(sum(gaps), sum(bin_.rows for bin_ in filled))}


def per_class(predictions: Predictions) -> dict[str, dict[str, dict[str, float | int | None]]]:
    """Precision, recall, F1 and support of each label.

    None: precision of a label never given, recall of one never true, F1 of one that is neither.
    """
    found, given, true = (counts.tolist() for counts in _counts(predictions))
    return {
        "per_class": {
            label: {
                "precision": _ratio(found[column], given[column]),
                "recall": _ratio(found[column], true[column]),
                "f1": _ratio(2 * found[column], given[column] + true[column]),
                "support": true[column],
            }
            for column, label in enumerate(predictions.labels)
        }
    }


def scope(predictions: Predictions) -> dict[str, dict[str, float | None]]:
    """How well scope scores tell in-scope rows (the positives) from the others; nothing where all are of one kind.

    ``auroc``: chance that an in-scope row scores above another. ``fpr_at_95_tpr``: share of out-of-scope rows let
    in by the threshold that lets in 95 % of the in-scope ones.
    """
    inside = in_scope(predictions)
    if inside.all():
        return {}
    if not inside.any() or not np.isfinite(predictions.scope_scores).all():
        return {"scope": {"auroc": None, "fpr_at_95_tpr": None}}
    false_rates, true_rates, _ = roc_curve(inside, predictions.scope_scores, drop_intermediate=False)
    return {
        "scope": {
            "auroc": float(roc_auc_score(inside, predictions.scope_scores)),
            "fpr_at_95_tpr": float(false_rates[np.argmax(true_rates >= 0.95)]),
        }
    }


def routes(predictions: Predictions) -> dict[str, dict[str, dict[str, float | int | None]]]:
    """Rows, their share and accuracy by the route that they were answered by; nothing where there is one way only.

    Routes over some of a text's windows count together. Rows out of scope are left out.
    """
    inside = within_scope(predictions)
    if inside.routes is None:
        return {}
    kinds = np.array([route.partition(" ")[0] for route in inside.routes.tolist()])
    right, names = correct(inside), np.unique(kinds).tolist()
    if names in ([], [FULL]):
        return {}
    found = {name: right[kinds == name] for name in names}
    return {
        "routes": {
            name: {"rows": len(rows), "share": len(rows) / len(kinds), "accuracy": _mean(rows)}
            for name, rows in sorted(found.items(), key=lambda pair: -len(pair[1]))
        }
    }


def judge(predictions: Predictions, metrics: Mapping[str, Metric] | None = None) -> dict[str, Any]:
    """Judges a split by every metric.

    Args:
        predictions: of the split.
        metrics: more of them, beside the package's own.

    Returns:
        One entry of ``splits`` of report.json: ``rows`` (all), ``out_of_scope_rows``, ``accuracy_interval`` (95 %) and
        what the metrics give, as JSON takes it; ``scope`` only where there are out-of-scope rows, ``routes`` only where
        there is more than one way to an answer.
    """
    inside = in_scope(predictions)
    right = int(correct(predictions)[inside].sum())
    judged: dict[str, Any] = {
        "rows": len(inside),
        "out_of_scope_rows": int((~inside).sum()),
        "accuracy_interval": list(wilson(right, int(inside.sum()))),
    }
    for metric in {**METRICS, **(metrics or {})}.values():
        judged.update(_plain(metric(predictions)))
    return judged


def choose_metric(name: str) -> Metric:
    """Looks up the metric that chooses the best epoch.

    Raises:
        UsageError: no metric with a single value has this name.
    """
    return find(name, {own: METRICS[own] for own in WATCHED}, group="tfclassify.metrics")


def watch(predictions: Predictions, name: str) -> dict[str, float | None]:
    """Measures what is watched during a training: the metrics of one value, and the one that chooses the best epoch.

    Args:
        predictions: of the validation rows.
        name: of a metric; of several values that a user's own gives, the first is taken.
    """
    figures = {own: METRICS[own](predictions)[own] for own in WATCHED}
    return (
        figures if name in figures else {**figures, name: next(iter(_plain(choose_metric(name)(predictions)).values()))}
    )


def confusion(predictions: Predictions) -> NDArray[np.int64]:
    """Returns int64[C, C]: in-scope rows by true label (first axis) and given label. Single-label tasks only.

    Raises:
        ValueError: the task is multi-label.
    """
    if predictions.kind == "multilabel":
        raise ValueError("a multi-label task has no confusion matrix; expected binary or multiclass")
    inside = within_scope(predictions)
    return _matrix(inside.truth, predicted(inside), len(inside.labels))


def _counts(predictions: Predictions) -> tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.int64]]:
    """Returns three times int64[C]: labels rightly given, given, true."""
    inside = within_scope(predictions)
    given, true = chosen(inside), true_labels(inside)
    return (given & true).sum(axis=0), given.sum(axis=0), true.sum(axis=0)


def _matrix(truth: NDArray[Any], given: NDArray[Any], width: int) -> NDArray[np.int64]:
    cells = truth.astype(np.int64) * width + given.astype(np.int64)
    return np.bincount(cells, minlength=width * width).reshape(width, width)


def _plain(value: Any) -> Any:
    """Returns what a metric gave as JSON takes it; a metric of a user gives numbers of numpy, and NaN."""
    if isinstance(value, Mapping):
        return {str(key): _plain(item) for key, item in value.items()}
    if isinstance(value, np.ndarray | np.generic):
        return _plain(value.tolist())
    if isinstance(value, list | tuple):
        return [_plain(item) for item in value]
    return None if isinstance(value, float) and not isfinite(value) else value


def _mean(values: NDArray[Any]) -> float | None:
    mean = float(values.mean()) if values.size else None
    return mean if mean is not None and isfinite(mean) else None


def _ratio(part: float, whole: float) -> float | None:
    return part / whole if whole else None


METRICS: dict[str, Metric] = {
    "accuracy": accuracy,
    "macro_f1": macro_f1,
    "micro_f1": micro_f1,
    "mcc": mcc,
    "log_loss": log_loss,
    "ece": ece,
    "per_class": per_class,
    "scope": scope,
    "routes": routes,
}
