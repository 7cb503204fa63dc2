"""Every metric against scikit-learn or by hand; finite or none whatever comes."""

from __future__ import annotations

import json
import math
import warnings
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sklearn import metrics as reference
from sklearn.exceptions import UndefinedMetricWarning

from tfclassify.quality.calibration import scores as scores_of
from tfclassify.quality.metrics import (
    METRICS,
    accuracy,
    confusion,
    ece,
    judge,
    log_loss,
    macro_f1,
    mcc,
    micro_f1,
    scope,
)
from tfclassify.quality.predictions import OUT_OF_SCOPE, Predictions, chosen, in_scope, predicted, take, within_scope

EPSILON = float(np.finfo(np.float32).eps)


def single(rows: int, labels: int, *, seed: int, outside: float = 0.0, absent: int = 0) -> Predictions:
    """Random answers: ``outside`` is the share of out-of-scope rows, the last ``absent`` labels are true nowhere."""
    random = np.random.default_rng(seed)
    logits = random.normal(size=(rows, labels)).astype(np.float32) * 2
    truth = random.integers(0, labels - absent, rows).astype(np.int32)
    truth[random.random(rows) < outside] = OUT_OF_SCOPE
    kind = "binary" if labels == 2 else "multiclass"
    names = tuple(f"label {column}" for column in range(labels))
    scores = scores_of(logits, multilabel=False)
    return Predictions(kind, names, truth, logits, scores, random.normal(size=rows).round(1).astype(np.float32))


def several(rows: int, labels: int, *, seed: int) -> Predictions:
    random = np.random.default_rng(seed)
    logits = random.normal(size=(rows, labels)).astype(np.float32) * 2
    truth = random.random((rows, labels)) < 0.3
    names = tuple(f"label {column}" for column in range(labels))
    return Predictions("multilabel", names, truth, logits, scores_of(logits, multilabel=True), logits.max(axis=1))


SINGLE = {
    "binary": single(200, 2, seed=1),
    "multiclass": single(300, 5, seed=2),
    "absent labels": single(60, 8, seed=3, absent=3),
    "out of scope": single(200, 4, seed=4, outside=0.3),
    "many labels": single(40, 30, seed=5),
    "one row": single(1, 3, seed=6),
    "one true label": single(30, 2, seed=7, absent=1),
}
SEVERAL = {
    "three labels": several(200, 3, seed=1),
    "many labels": several(50, 28, seed=2),
    "one label": several(20, 1, seed=3),
    "one row": several(1, 4, seed=4),
}
EMPTY = {
    "no row": take(SINGLE["multiclass"], np.zeros(300, bool)),
    "no row of several labels": take(SEVERAL["three labels"], np.zeros(200, bool)),
    "no row in scope": single(20, 3, seed=8, outside=1.1),
}
ALL = {**SINGLE, **{f"several: {name}": each for name, each in SEVERAL.items()}, **EMPTY}

each_single = pytest.mark.parametrize("predictions", SINGLE.values(), ids=SINGLE.keys())
each_several = pytest.mark.parametrize("predictions", SEVERAL.values(), ids=SEVERAL.keys())


@pytest.fixture(autouse=True)
def _quiet() -> Iterator[None]:
    with warnings.catch_warnings():
        # The reference warns where a label is never given, or the only one; ours says so by None, or by 0.
        warnings.simplefilter("ignore", UndefinedMetricWarning)
        warnings.filterwarnings("ignore", "A single label was found", UserWarning)
        yield


@each_single
def test_accuracy_and_f1_of_one_label(predictions: Predictions) -> None:
    inside = within_scope(predictions)
    given_labels = predicted(inside)
    present = np.union1d(inside.truth, given_labels)
    assert accuracy(predictions)["accuracy"] == pytest.approx(reference.accuracy_score(inside.truth, given_labels))
    assert micro_f1(predictions)["micro_f1"] == pytest.approx(accuracy(predictions)["accuracy"])
    assert macro_f1(predictions)["macro_f1"] == pytest.approx(
        reference.f1_score(inside.truth, given_labels, labels=present, average="macro", zero_division=0)
    )


@each_single
def test_correlation_of_one_label(predictions: Predictions) -> None:
    inside = within_scope(predictions)
    assert mcc(predictions)["mcc"] == pytest.approx(reference.matthews_corrcoef(inside.truth, predicted(inside)))


@each_single
def test_log_loss_of_one_label(predictions: Predictions) -> None:
    inside = within_scope(predictions)
    columns = list(range(len(inside.labels)))
    scores = inside.scores.astype(np.float64)
    expected = reference.log_loss(inside.truth, scores / scores.sum(axis=1, keepdims=True), labels=columns)
    assert log_loss(predictions)["log_loss"] == pytest.approx(expected, rel=1e-5)


@each_single
def test_each_label_of_one(predictions: Predictions) -> None:
    inside = within_scope(predictions)
    columns = list(range(len(inside.labels)))
    expected = reference.precision_recall_fscore_support(
        inside.truth, predicted(inside), labels=columns, zero_division=np.nan
    )
    check_per_class(predictions, expected)


@each_single
def test_confusion(predictions: Predictions) -> None:
    inside = within_scope(predictions)
    columns = list(range(len(inside.labels)))
    expected = reference.confusion_matrix(inside.truth, predicted(inside), labels=columns)
    assert confusion(predictions).tolist() == expected.tolist()


def test_several_labels_have_no_confusion() -> None:
    with pytest.raises(
        ValueError, match=r"^a multi-label task has no confusion matrix; expected binary or multiclass$"
    ):
        confusion(SEVERAL["three labels"])


@each_several
def test_accuracy_and_f1_of_several_labels(predictions: Predictions) -> None:
    truth, given_labels = predictions.truth, chosen(predictions)
    present = (truth | given_labels).any(axis=0)
    exact = float(np.mean([list(a) == list(b) for a, b in zip(truth, given_labels, strict=True)]))
    assert accuracy(predictions)["accuracy"] == pytest.approx(exact)
    assert micro_f1(predictions)["micro_f1"] == pytest.approx(
        reference.f1_score(truth.ravel(), given_labels.ravel(), zero_division=0)
    )
    each = [
        reference.f1_score(truth[:, column], given_labels[:, column], zero_division=0)
        for column in np.flatnonzero(present)
    ]
    assert macro_f1(predictions)["macro_f1"] == pytest.approx(np.mean(each))


@each_several
def test_correlation_and_log_loss_of_several_labels(predictions: Predictions) -> None:
    truth = predictions.truth.ravel()
    assert mcc(predictions)["mcc"] == pytest.approx(reference.matthews_corrcoef(truth, chosen(predictions).ravel()))
    expected = reference.log_loss(truth, predictions.scores.ravel().astype(np.float64), labels=[False, True])
    assert log_loss(predictions)["log_loss"] == pytest.approx(expected, rel=1e-5)


@each_several
def test_each_label_of_several(predictions: Predictions) -> None:
    truth, given_labels = predictions.truth.astype(int), chosen(predictions).astype(int)
    each = [
        reference.precision_recall_fscore_support(truth[:, c], given_labels[:, c], labels=[1], zero_division=np.nan)
        for c in range(truth.shape[1])
    ]
    check_per_class(predictions, tuple(np.concatenate(values) for values in zip(*each, strict=True)))


def check_per_class(predictions: Predictions, expected: tuple[np.ndarray, ...]) -> None:
    found = METRICS["per_class"](predictions)["per_class"]
    assert list(found) == list(predictions.labels)
    precision, recall, f1, support = expected
    for column, label in enumerate(predictions.labels):
        assert found[label]["support"] == support[column]
        assert as_nan(found[label]["precision"]) == pytest.approx(precision[column], nan_ok=True)
        assert as_nan(found[label]["recall"]) == pytest.approx(recall[column], nan_ok=True)
        assert as_nan(found[label]["f1"]) == pytest.approx(f1[column], nan_ok=True)


def as_nan(value: float | None) -> float:
    return math.nan if value is None else value


@pytest.mark.parametrize("seed", range(4))
def test_scope(seed: int) -> None:
    predictions = single(300, 3, seed=seed, outside=0.4)
    inside = in_scope(predictions)
    found = scope(predictions)["scope"]
    assert found["auroc"] == pytest.approx(reference.roc_auc_score(inside, predictions.scope_scores))
    thresholds = np.unique(predictions.scope_scores)
    kept = [cut for cut in thresholds if (predictions.scope_scores[inside] >= cut).mean() >= 0.95]
    assert found["fpr_at_95_tpr"] == pytest.approx((predictions.scope_scores[~inside] >= max(kept)).mean())


def test_scope_of_scores_that_tell_all_or_nothing() -> None:
    base = single(40, 3, seed=1, outside=0.5)
    inside = in_scope(base).astype(np.float32)
    assert scope(with_scope(base, inside)) == {"scope": {"auroc": 1.0, "fpr_at_95_tpr": 0.0}}
    assert scope(with_scope(base, -inside)) == {"scope": {"auroc": 0.0, "fpr_at_95_tpr": 1.0}}
    assert scope(with_scope(base, inside * 0)) == {"scope": {"auroc": 0.5, "fpr_at_95_tpr": 1.0}}


def test_scope_where_it_is_not_defined() -> None:
    undefined = {"scope": {"auroc": None, "fpr_at_95_tpr": None}}
    assert scope(SINGLE["multiclass"]) == {}
    assert scope(SEVERAL["three labels"]) == {}
    assert scope(EMPTY["no row"]) == {}
    assert scope(EMPTY["no row in scope"]) == undefined
    base = SINGLE["out of scope"]
    assert scope(with_scope(base, np.full(len(base.truth), np.nan, np.float32))) == undefined


def with_scope(predictions: Predictions, values: np.ndarray) -> Predictions:
    return Predictions(
        predictions.kind, predictions.labels, predictions.truth, predictions.logits, predictions.scores, values
    )


@pytest.mark.parametrize("predictions", ALL.values(), ids=ALL.keys())
def test_calibration_error_by_hand(predictions: Predictions) -> None:
    inside = within_scope(predictions)
    if inside.kind == "multilabel":
        confidence, right = inside.scores.ravel().tolist(), inside.truth.ravel().tolist()
    else:
        confidence = [max(row) for row in inside.scores.tolist()]
        right = (predicted(inside) == inside.truth).tolist()
    bins: dict[int, list[tuple[float, bool]]] = {}
    for score, is_right in zip(confidence, right, strict=True):
        bins.setdefault(max(math.ceil(score * 15) - 1, 0), []).append((score, is_right))
    total = sum(len(rows) for rows in bins.values())
    gaps = [abs(sum(score for score, _ in rows) - sum(is_right for _, is_right in rows)) for rows in bins.values()]
    expected = sum(gaps) / total if total else None
    assert ece(predictions)["ece"] == (None if expected is None else pytest.approx(expected, abs=1e-6))


def test_calibration_error_of_a_known_case() -> None:
    # Four answers at 0.9 of which two are right, one at 0.6 that is right: (4 * 0.4 + 1 * 0.4) / 5.
    scores = np.array([[0.9, 0.1]] * 4 + [[0.6, 0.4]], np.float32)
    truth = np.array([0, 0, 1, 1, 0], np.int32)
    predictions = Predictions("binary", ("a", "b"), truth, scores, scores, scores[:, 0])
    assert ece(predictions)["ece"] == pytest.approx(0.4, abs=1e-6)


def test_correlation_of_a_million_rows_does_not_overflow() -> None:
    rows = 1_000_000
    truth = (np.arange(rows) % 2).astype(np.int32)
    scores = np.stack([1.0 - truth, truth], axis=1).astype(np.float32)
    predictions = Predictions("binary", ("a", "b"), truth, scores, scores, scores[:, 0])
    assert mcc(predictions) == {"mcc": 1.0}


def test_log_loss_of_a_certain_mistake_is_bounded() -> None:
    scores = np.array([[1.0, 0.0]], np.float32)
    wrong = Predictions("binary", ("a", "b"), np.array([1], np.int32), scores, scores, scores[:, 0])
    right = Predictions("binary", ("a", "b"), np.array([0], np.int32), scores, scores, scores[:, 0])
    assert log_loss(wrong)["log_loss"] == pytest.approx(-math.log(EPSILON))
    assert log_loss(right)["log_loss"] == pytest.approx(EPSILON)


@pytest.mark.parametrize("name", METRICS)
@pytest.mark.parametrize("predictions", ALL.values(), ids=ALL.keys())
def test_every_metric_gives_plain_numbers_or_none(name: str, predictions: Predictions) -> None:
    json.dumps(METRICS[name](predictions), allow_nan=False)


@pytest.mark.parametrize("predictions", EMPTY.values(), ids=EMPTY.keys())
def test_of_no_rows_nothing_is_known(predictions: Predictions) -> None:
    judged = judge(predictions)
    numbers = ("accuracy", "macro_f1", "micro_f1", "mcc", "log_loss", "ece")
    assert {judged[name] for name in numbers} == {None}
    assert judged["accuracy_interval"] == [0.0, 1.0]
    assert {each["support"] for each in judged["per_class"].values()} == {0}


@pytest.mark.parametrize("scores", [np.nan, np.inf, -np.inf])
@pytest.mark.parametrize("make", [lambda: single(9, 3, seed=1, outside=0.3), lambda: several(9, 3, seed=1)])
def test_scores_that_are_no_numbers(make: Callable[[], Predictions], scores: float) -> None:
    base = make()
    broken = np.full_like(base.scores, scores)
    predictions = Predictions(base.kind, base.labels, base.truth, broken, broken, broken[:, 0])
    json.dumps(judge(predictions), allow_nan=False)


@given(st.integers(0, 12), st.integers(1, 5), st.booleans(), st.integers(0, 2**16), st.sampled_from([0.0, 0.3, 1.1]))
def test_whatever_comes_is_judged(rows: int, labels: int, of_several: bool, seed: int, outside: float) -> None:
    predictions = several(rows, labels, seed=seed) if of_several else single(rows, labels, seed=seed, outside=outside)
    judged = judge(predictions)
    json.dumps(judged, allow_nan=False)
    assert judged["rows"] == rows
    assert judged["out_of_scope_rows"] == int((~in_scope(predictions)).sum())
    low, high = judged["accuracy_interval"]
    assert judged["accuracy"] is None or low <= judged["accuracy"] <= high
    assert ("scope" in judged) == (judged["out_of_scope_rows"] > 0)
    assert set(METRICS) - set(judged) <= {"scope", "routes"}
    assert judged["mcc"] is None or -1.0 - 1e-9 <= judged["mcc"] <= 1.0 + 1e-9


def test_a_judgement_does_not_depend_on_the_order_of_rows() -> None:
    predictions = SINGLE["out of scope"]
    turned = judge(take(predictions, np.arange(len(predictions.truth))[::-1]))
    for name, value in judge(predictions).items():
        assert turned[name] == (pytest.approx(value) if isinstance(value, float) else value)


def test_metrics_of_ones_own_are_judged_too_and_made_plain() -> None:
    def own(predictions: Predictions) -> dict[str, Any]:
        return {
            "rows_seen": np.int64(len(predictions.truth)),
            "bad": np.float32("nan"),
            "worse": float("inf"),
            "groups": {1: np.array([0.5, np.nan]), "names": ("a", "b")},
            "said": "yes",
            "kept": True,
        }

    judged = judge(SINGLE["binary"], {"own": own})
    assert judged["rows_seen"] == 200
    assert type(judged["rows_seen"]) is int
    assert judged["bad"] is None
    assert judged["worse"] is None
    assert judged["groups"] == {"1": [0.5, None], "names": ["a", "b"]}
    assert judged["said"] == "yes"
    assert judged["kept"] is True
    assert judged["accuracy"] == judge(SINGLE["binary"])["accuracy"]
    json.dumps(judged, allow_nan=False)


def test_routes_by_hand() -> None:
    base = SINGLE["binary"]
    truth = np.array([0, 0, 1, 1, OUT_OF_SCOPE], np.int32)
    logits = np.array([[2, 0], [0, 2], [0, 2], [0, 2], [2, 0]], np.float32)
    taken = np.array(["baseline", "windows 2/9", "windows 1/3", "rule:R7", "full"])
    made = Predictions(
        "binary", base.labels, truth, logits, scores_of(logits, multilabel=False), logits[:, 0], routes=taken
    )
    assert judge(made)["routes"] == {
        "windows": {"rows": 2, "share": 0.5, "accuracy": 0.5},
        "baseline": {"rows": 1, "share": 0.25, "accuracy": 1.0},
        "rule:R7": {"rows": 1, "share": 0.25, "accuracy": 1.0},
    }
    assert "routes" not in judge(take(made, np.array([4])))
    one_way = Predictions(
        "binary", base.labels, truth[:1], logits[:1], made.scores[:1], logits[:1, 0], routes=np.array(["full"])
    )
    assert "routes" not in judge(one_way)
