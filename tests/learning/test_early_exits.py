"""What is planned of early exits on validation rows is what the graph then does with them."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tensorflow as tf
from made_stores import ragged
from numpy.typing import NDArray
from small_networks import PIECES, network, small_files

from tfclassify.data.rows import Limits, Rows, rows_of_pieces
from tfclassify.learning.early import Early, described, early_of
from tfclassify.learning.exits import (
    Heard,
    early_exits,
    fit_heads,
    heads_of,
    means_forward,
    means_of,
)
from tfclassify.learning.prediction import forward, logits_of, routed_logits
from tfclassify.model.classifier import BertClassifier
from tfclassify.model.exits import Beside, Scale
from tfclassify.quality.calibration import scope_score, scores
from tfclassify.quality.predictions import Kind, Predictions, correct
from tfclassify.quality.temperature import fit_temperature
from tfclassify.quality.thresholds import scope_threshold
from tfclassify.settings import AnswerSettings

LIMITS, BUCKETS, LABELS = Limits(16, 2, 3), ((8, 8), (4, 16)), ("a", "b", "c")
ROWS = 200


@pytest.fixture(scope="module")
def rows() -> Rows:
    random = np.random.default_rng(0)
    texts = [random.integers(5, len(PIECES), random.integers(1, 14)).tolist() for _ in range(ROWS)]
    return rows_of_pieces(ragged(texts), None, LIMITS)


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> BertClassifier:
    made = network(
        small_files(tmp_path_factory.mktemp("small"), num_hidden_layers=3, initializer_range=0.5), exits=[1, 2]
    )
    assert made.exits is not None
    random = np.random.default_rng(0)
    for kernel, _ in made.exits.heads:
        kernel.assign(random.normal(0, 0.3, kernel.shape))
    return made


@pytest.fixture(scope="module")
def logits(model: BertClassifier, rows: Rows) -> NDArray[np.float32]:
    return logits_of(forward(model), rows, BUCKETS, classes=3)


def whole(logits: NDArray[np.float32], kind: Kind) -> Predictions:
    """What the network says of the rows, which is true of most of them."""
    several = kind == "multilabel"
    noisy = logits + np.random.default_rng(1).gumbel(0, 0.5, logits.shape)
    truth = noisy > 0 if several else noisy.argmax(axis=1).astype(np.int32)
    temperature = fit_temperature(logits, truth, multilabel=several)
    made = scores(logits, temperature=temperature, multilabel=several)
    return Predictions(kind, LABELS, truth, logits, made, scope_score(logits, temperature))


def planned(
    model: BertClassifier, rows: Rows, told: Predictions, *, heard: Heard | None = None, **asked: Any
) -> tuple[Early | None, Scale]:
    several = told.kind == "multilabel"
    temperature = fit_temperature(told.logits, told.truth, multilabel=several)
    stack = "none" if heard is None else "validation"
    given = {"calibrate": "temperature", "scope": "none" if several else 0.95, "loss_confidence": 0.975, "stack": stack}
    answer = AnswerSettings(**{**given, **asked})
    scope = None if several else scope_threshold(scope_score(told.logits, temperature), 0.95)
    scale = Scale(several, temperature, scope)
    return early_exits(model, rows, BUCKETS, told, scale, answer, heard=heard), scale


@pytest.mark.parametrize("kind", ["multiclass", "multilabel"])
@pytest.mark.parametrize("bound", [0.3, 1.0])
def test_the_graph_does_what_was_planned(
    model: BertClassifier, rows: Rows, logits: NDArray[np.float32], kind: Kind, bound: float
) -> None:
    told = whole(logits, kind)
    early, scale = planned(model, rows, told, exit_loss=bound)
    assert early is not None
    found, routes = routed_logits(early.leaving, rows, BUCKETS, classes=3)
    plan = early.plan
    assert plan.rows == ROWS
    by_layer = dict(zip(plan.layers, plan.leaving, strict=True))
    for layer, share in by_layer.items():
        # A row or two may be where the last bit of a score decides.
        assert routes.count(f"exit@{layer}") / ROWS == pytest.approx(share, abs=2 / ROWS)
    assert sum(plan.leaving) > 0.05
    answered = replace(
        told, logits=found, scores=scores(found, temperature=scale.temperature, multilabel=scale.multilabel)
    )
    lost = correct(told).mean() - correct(answered).mean()
    assert plan.accuracy_lost == pytest.approx(lost, abs=2 / ROWS)
    assert plan.interval[1] <= bound
    if scale.scope_threshold is not None:
        # Whoever leaves is in scope, by the exit's own threshold and so by the run's.
        inside = scope_score(found, scale.temperature) >= scale.scope_threshold - 1e-5
        assert all(inside[row] for row, route in enumerate(routes) if route != "full")


def knowing(told: Predictions, *, stack: tuple[float, float] | None = None) -> Heard:
    """What a baseline says that is right more often than not, and knows nothing of the network."""
    several = told.kind == "multilabel"
    truth = told.truth if several else np.eye(len(LABELS))[told.truth]
    said = 2.0 * truth + np.random.default_rng(2).normal(0, 1.5, (ROWS, len(LABELS))) - (1.0 if several else 0.0)
    return Heard(said, Beside(temperature=1.5, stack=stack))


@pytest.mark.parametrize("kind", ["multiclass", "multilabel"])
@pytest.mark.parametrize("stack", [None, (0.9, 0.3)])
def test_a_baseline_is_added_to_an_exit_that_is_better_with_it(
    model: BertClassifier,
    rows: Rows,
    logits: NDArray[np.float32],
    kind: Kind,
    stack: tuple[float, float] | None,
) -> None:
    heard = knowing(whole(logits, kind), stack=stack)
    weights = stack or (1.0, 0.0)
    together = np.float32(weights[0]) * logits + (weights[1] * heard.divided).astype(np.float32)
    told = whole(together, kind)
    early, scale = planned(model, rows, told, heard=heard, exit_loss=0.05)
    alone, _ = planned(model, rows, told, exit_loss=0.05)
    assert early is not None
    assert alone is not None
    assert all(each.stack is not None and each.stack[1] > 0 for each in early.leaving.exits)
    assert early.plan.layers_run < alone.plan.layers_run
    found, routes = routed_logits(early.leaving, rows, BUCKETS, classes=3, said=heard.said)
    for layer, share in zip(early.plan.layers, early.plan.leaving, strict=True):
        assert routes.count(f"exit@{layer}") / ROWS == pytest.approx(share, abs=2 / ROWS)
    stayed = np.array(routes) == "full"
    # What hears a baseline beside a network that does not may well be better than all of it.
    assert stack is None or stayed.any()
    assert not stayed.all()
    np.testing.assert_allclose(found[stayed], together[stayed], atol=1e-4)
    made = scores(found, temperature=scale.temperature, multilabel=scale.multilabel)
    left = correct(replace(told, logits=found, scores=made))[~stayed]
    lost = (correct(told)[~stayed].astype(int) - left).sum() / ROWS
    assert early.plan.accuracy_lost == pytest.approx(lost, abs=2 / ROWS)


def test_what_tells_an_exit_nothing_is_not_added(
    model: BertClassifier, rows: Rows, logits: NDArray[np.float32]
) -> None:
    noise = Heard(np.random.default_rng(3).normal(0, 1, (ROWS, 3)), Beside(temperature=1.0, stack=None))
    early, _ = planned(model, rows, whole(logits, "multiclass"), heard=noise, exit_loss=1.0)
    assert early is not None
    assert [each.stack for each in early.leaving.exits] == [None, None]
    # It needs no baseline then, and is the same as without.
    assert early.leaving.beside is None
    alone, _ = planned(model, rows, whole(logits, "multiclass"), exit_loss=1.0)
    assert alone is not None
    assert early.plan == alone.plan


def test_each_exit_has_a_temperature_of_its_own(model: BertClassifier, rows: Rows, logits: NDArray[np.float32]) -> None:
    early, scale = planned(model, rows, whole(logits, "multiclass"), exit_loss=1.0)
    assert early is not None
    temperatures = [each.temperature for each in early.leaving.exits]
    assert len({*temperatures, scale.temperature}) == 3
    as_they_are, _ = planned(model, rows, whole(logits, "multiclass"), exit_loss=1.0, calibrate="none")
    assert as_they_are is not None
    assert [each.temperature for each in as_they_are.leaving.exits] == [1.0, 1.0]


def test_rows_out_of_scope_plan_nothing(model: BertClassifier, rows: Rows, logits: NDArray[np.float32]) -> None:
    told = whole(logits, "multiclass")
    outside = np.where(np.arange(ROWS) % 4 == 0, -1, told.truth).astype(np.int32)
    early, _ = planned(model, rows, replace(told, truth=outside), exit_loss=1.0)
    assert early is not None
    assert early.plan.rows == ROWS * 3 // 4


def test_where_nothing_can_be_said_nobody_leaves(
    model: BertClassifier, rows: Rows, logits: NDArray[np.float32]
) -> None:
    told = whole(logits, "multiclass")
    assert planned(model, rows, told, exit_loss=0.0)[0] is None


def test_a_network_without_exits(rows: Rows, logits: NDArray[np.float32], tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="the network has no early exits; expected one that was built with exits"):
        planned(network(small_files(tmp_path / "small")), rows, whole(logits, "multiclass"))


@pytest.mark.parametrize("several", [False, True])
def test_heads_are_fitted_on_what_the_network_makes_of_the_rows(
    rows: Rows, logits: NDArray[np.float32], tmp_path: Path, several: bool
) -> None:
    made = network(small_files(tmp_path, num_hidden_layers=3, initializer_range=0.5), exits=[1, 2])
    # As often one label as another.
    apart = logits - np.median(logits, axis=0)
    truth = apart > 0 if several else apart.argmax(axis=1)
    run = means_forward(made)
    fit_heads(made, rows, truth, BUCKETS, run=run)
    said = heads_of(made)([tf.constant(each) for each in means_of(made, rows, BUCKETS, run=run)]).numpy()
    assert run.experimental_get_tracing_count() == 1
    for place in range(2):
        right = (said[:, place] > 0) == truth if several else said[:, place].argmax(axis=1) == truth
        usual = 0.5 if several else np.bincount(truth).max() / len(truth)
        assert right.mean() > usual + 0.1


def test_what_is_written_is_read_again(model: BertClassifier, rows: Rows, logits: NDArray[np.float32]) -> None:
    early, _ = planned(model, rows, whole(logits, "multiclass"), exit_loss=1.0)
    assert early is not None
    assert early_of(json.loads(json.dumps(described(early)))) == (early.leaving.exits, early.plan)
    assert early_of(None) == ((), None)
    told = whole(logits, "multiclass")
    beside, _ = planned(model, rows, told, heard=knowing(told), exit_loss=1.0)
    assert beside is not None
    assert early_of(json.loads(json.dumps(described(beside)))) == (beside.leaving.exits, beside.plan)
    with pytest.raises(TypeError):
        early_of({"heads": [{"layer": 1}], "plan": {}})
    with pytest.raises(TypeError):
        early_of({**described(early), "heads": [1]})
    with pytest.raises(ValueError, match="not enough values to unpack"):
        early_of({**described(early), "heads": [{"layer": 1, "threshold": 0.5, "stack": [0.5]}]})
