"""A trained classifier as it answers: texts or rows in, logits, calibrated scores and answers out."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import tensorflow as tf
from numpy.typing import NDArray

from tfclassify.data.labelling import LabelMap, Split
from tfclassify.data.pieces import Pieces, pieces_of
from tfclassify.data.ragged import Ragged
from tfclassify.data.rows import Limits, Rows, rows_of, rows_of_pieces, some_rows
from tfclassify.errors import UsageError
from tfclassify.learning.early import Early, check_beside, described, early_of
from tfclassify.learning.features import Columns, Encode, encoded_given, encoded_rows
from tfclassify.learning.long_texts import routes_of, windowed_of, windowing_of
from tfclassify.learning.prediction import Forward, covering, forward, logits_of, quickest, routed_logits
from tfclassify.learning.routing import Routes, Signposts, route_rows, signposts
from tfclassify.learning.strategies import check_device, set_precision, usable_precision
from tfclassify.learning.views import Views, views_of_split, views_of_texts
from tfclassify.model.cascades import InGraphBaseline, baseline_facts, baseline_of, beside, together
from tfclassify.model.classifier import BertClassifier, answering, answering_early, build
from tfclassify.model.exits import Exit, Scale
from tfclassify.model.features import Encoder, encoder, measures_of
from tfclassify.model.ngrams import read_ngrams, write_ngrams
from tfclassify.model.routes import FULL, TEXT, TEXT_B
from tfclassify.model.rules import PREFIX
from tfclassify.model.weights import find
from tfclassify.quality.calibration import scope_score, scores
from tfclassify.quality.exits import ExitPlan
from tfclassify.quality.predictions import Kind, Predictions
from tfclassify.quality.thresholds import HALF
from tfclassify.runs import Run, cache_folder, write_json
from tfclassify.settings import Settings, TextSettings, read
from tfclassify.text.paragraphs import with_breaks
from tfclassify.text.word_pieces import read_vocabulary, special_ids

CHUNK_ROWS = 2048

Advance = Callable[[int, str], None]


@dataclass(frozen=True)
class Trained:
    """A network with everything that turns texts into answers.

    ``threshold`` is the score from which on a label is given where a row may have several; ``scope_threshold`` the
    scope score from which on a text is one of the classes, None where every text is taken for one. ``answering`` is a
    faster way to the same logits, where there is one. ``features`` encodes the features of rows that have
    any. ``early`` is the network as texts may leave it early, where they may. ``baseline`` answers what it is sure of,
    or is added to the network's logits, where the run settled on that.
    """

    settings: Settings
    labels: LabelMap
    pieces: Pieces
    limits: Limits
    forward: Forward
    temperature: float = 1.0
    threshold: float = HALF
    scope_threshold: float | None = None
    answering: Forward | None = None
    features: Encoder | None = None
    early: Early | None = None
    baseline: InGraphBaseline | None = None


@dataclass(frozen=True)
class Scored:
    """What is said of N texts: logits and scores float32[N, C], scope scores float32[N], and by which ``route`` str[N].

    ``masked`` int32[N] says how many spans of each text were masked before anything else was done with it.
    """

    logits: NDArray[np.float32]
    scores: NDArray[np.float32]
    scope_scores: NDArray[np.float32]
    masked: NDArray[np.int32]
    route: NDArray[np.str_]


def open_trained(run: Run, *, precision: str | None = None) -> Trained:
    """Loads the classifier of a run.

    Args:
        run: the directory.
        precision: number format of the matrix products, for the whole process; by default the training's, if this
            machine multiplies in it.

    Raises:
        UsageError: its files are not what a training writes, or this machine does not multiply in the number format.
    """
    if precision is not None:
        check_device(precision)
    settings = read([str(run.plan)], Settings)
    facts = _facts(run)
    features = _features(run) if settings.data.features else None
    found = find(str(run.huggingface), cache=cache_folder())
    set_precision(precision or usable_precision(settings.train.precision))
    model = build(
        found,
        labels=facts.labels.names,
        multilabel=facts.labels.multilabel,
        dropout=settings.model.dropout,
        weights=run.weights,
        features=None if features is None else features.measures,
        windows=windowed_of(settings.text),
        exits=[each.layer for each in facts.exits],
    )
    pieces = pieces_of(found.vocabulary, lower_case=settings.text.lower_case, maps=settings.text.maps)
    limits = limits_of(pieces, settings.text)
    baseline = None if facts.baseline is None else baseline_of(facts.baseline, read_ngrams(run.baseline))
    return Trained(
        settings,
        facts.labels,
        pieces,
        limits,
        forward(model),
        facts.temperature,
        facts.threshold,
        facts.scope_threshold,
        answering(model),
        features,
        _early(facts, model, baseline),
        baseline,
    )


def _early(facts: _Facts, model: BertClassifier, baseline: InGraphBaseline | None) -> Early | None:
    if facts.exit_plan is None:
        return None
    scale = Scale(facts.labels.multilabel, facts.temperature, facts.scope_threshold)
    return Early(answering_early(model, facts.exits, scale, beside(baseline)), facts.exit_plan)


@dataclass(frozen=True)
class _Facts:
    """What a run writes down beside its settings and its weights."""

    labels: LabelMap
    temperature: float
    threshold: float
    scope_threshold: float | None
    baseline: Mapping[str, Any] | None
    exits: tuple[Exit, ...] = ()
    exit_plan: ExitPlan | None = None


def write_facts(run: Run, trained: Trained) -> None:
    """Writes the label names, the temperature of their scores, the thresholds, and what is known of features.

    The in-graph baseline has a file of its own, where there is one.
    """
    facts: dict[str, Any] = {
        "kind": kind_of(trained.labels),
        "labels": list(trained.labels.names),
        "out_of_scope": trained.labels.out_of_scope,
        "temperature": trained.temperature,
        "threshold": trained.threshold,
        "scope_threshold": trained.scope_threshold,
        "exits": None if trained.early is None else described(trained.early),
    }
    if trained.baseline is not None:
        write_ngrams(trained.baseline.model, run.baseline)
        facts["baseline"] = baseline_facts(trained.baseline)
    write_json(run.labels, facts)
    if trained.features is not None:
        write_json(run.features, trained.features.measures.described())


def _features(run: Run) -> Encoder:
    try:
        return encoder(measures_of(json.loads(run.features.read_text(encoding="utf-8"))))
    except (OSError, ValueError, LookupError, TypeError, AttributeError) as error:
        raise UsageError(f"{run.features} is not what a training writes ({error!r}); train again") from error


def _facts(run: Run) -> _Facts:
    try:
        facts = json.loads(run.labels.read_text(encoding="utf-8"))
        labels = LabelMap(tuple(facts["labels"]), facts["kind"] == "multilabel", facts["out_of_scope"])
        scope, baseline = facts["scope_threshold"], facts.get("baseline")
        # Runs from before there were early exits say nothing of them.
        exits, plan = early_of(facts.get("exits"))
        check_beside(exits, facts)
        return _Facts(
            labels,
            float(facts["temperature"]),
            float(facts["threshold"]),
            None if scope is None else float(scope),
            baseline,
            exits,
            plan,
        )
    except (ValueError, LookupError, TypeError) as error:
        raise UsageError(f"{run.labels} is not what a training writes ({error!r}); train again") from error


def limits_of(pieces: Pieces, text: TextSettings) -> Limits:
    """Returns how rows of this tokenizer are packed."""
    vocabulary = read_vocabulary(pieces.vocabulary)
    ids = special_ids(vocabulary)
    return Limits(text.max_length, ids.cls, ids.sep, windowing_of(text, vocabulary))


def predict_split(trained: Trained, split: Split, *, advance: Advance | None = None) -> Predictions:
    """Answers the rows of a split, beside what is true of them."""
    rows = replace(rows_of(split, trained.limits), features=encoded_rows(trained.features, split))
    scored = _score(trained, rows, views_of_split(split, trained.pieces), advance)
    return Predictions(
        kind=kind_of(trained.labels),
        labels=trained.labels.names,
        truth=split.truth,
        logits=scored.logits,
        scores=scored.scores,
        scope_scores=scored.scope_scores,
        thresholds=trained.threshold,
        routes=scored.route,
    )


def score_texts(
    trained: Trained, texts: Sequence[str], texts_b: Sequence[str] | None = None, *, features: Columns | None = None
) -> Scored:
    """Scores N texts, or N pairs, with the features of their rows where the training had any.

    Raises:
        UsageError: features are not those of the training.
    """
    encoded = _encoded(trained, features, rows=len(texts))
    given = {TEXT: texts, **({} if texts_b is None else {TEXT_B: texts_b})}
    made = {name: tokenized(trained.pieces, column) for name, column in given.items()}
    pieces = {name: each for name, (each, _) in made.items()}
    breaks = None if trained.limits.windowing is None else paragraphs(trained.pieces, texts)
    packed = rows_of_pieces(pieces[TEXT], pieces.get(TEXT_B), trained.limits, breaks=breaks)
    rows = replace(packed, features=encoded)
    masked = np.stack([count for _, count in made.values()]).sum(axis=0, dtype=np.int32)
    return _score(trained, rows, views_of_texts(given, trained.pieces), None, masked=masked)


def _encoded(trained: Trained, features: Columns | None, *, rows: int) -> Encode | None:
    if trained.features is None:
        if features:
            raise UsageError(
                f"features are given ({', '.join(features)}), but the run was trained without; leave them out"
            )
        return None
    return encoded_given(trained.features, features or {}, rows=rows)


def answer(
    trained: Trained, texts: Sequence[str], texts_b: Sequence[str] | None = None, *, features: Columns | None = None
) -> list[dict[str, Any]]:
    """Answers N texts, or N pairs, each as callers of a servable get it; ``features`` by name, N each."""
    scored = score_texts(trained, texts, texts_b, features=features)
    columns = (scored.scores, scored.scope_scores, scored.masked, scored.route)
    return [_answer(trained, *row) for row in zip(*(column.tolist() for column in columns), strict=True)]


def tokenized(pieces: Pieces, texts: Sequence[str]) -> tuple[Ragged, NDArray[np.int32]]:
    """Maps texts and cuts them into word pieces, a few thousand at a time.

    Returns:
        The word pieces of N texts, and int32[N] how many spans of each were masked.
    """
    values, lengths, masked = [np.zeros(0, np.int32)], [np.zeros(0, np.int64)], [np.zeros(0, np.int32)]
    for start in range(0, len(texts), CHUNK_ROWS):
        mapped, count = pieces.prepared(tf.constant(list(texts[start : start + CHUNK_ROWS]), tf.string))
        made = pieces.tokenize(mapped)
        values.append(made.values.numpy())
        lengths.append(made.row_lengths().numpy())
        masked.append(count.numpy())
    offsets = np.concatenate([[0], np.cumsum(np.concatenate(lengths))]).astype(np.int64)
    return Ragged(np.concatenate(values), offsets), np.concatenate(masked)


def paragraphs(pieces: Pieces, texts: Sequence[str]) -> Ragged:
    """Returns of each of N texts the places among its word pieces at which paragraphs begin."""
    values, lengths = [np.zeros(0, np.int64)], [np.zeros(0, np.int64)]
    for start in range(0, len(texts), CHUNK_ROWS):
        mapped, _ = pieces.prepared(tf.constant(list(texts[start : start + CHUNK_ROWS]), tf.string))
        _, breaks = with_breaks(pieces.tokenize, mapped)
        values.append(breaks.values.numpy())
        lengths.append(breaks.row_lengths().numpy())
    return Ragged(np.concatenate(values), np.concatenate([[0], np.cumsum(np.concatenate(lengths))]).astype(np.int64))


def kind_of(labels: LabelMap) -> Kind:
    """Returns the kind of task: binary, multiclass or multilabel."""
    if labels.multilabel:
        return "multilabel"
    return "binary" if len(labels.names) == 2 else "multiclass"


def _score(
    trained: Trained,
    rows: Rows,
    views: Views,
    advance: Advance | None,
    *,
    masked: NDArray[np.int32] | None = None,
) -> Scored:
    buckets = covering(trained.settings.train.buckets, trained.limits.columns)

    def network(places: NDArray[np.intp], said: NDArray[np.float64] | None) -> Routes:
        left = rows if len(places) == len(rows) else some_rows(rows, places)
        classes = len(trained.labels.names)
        if trained.early is None:
            run = quickest(trained.forward, trained.answering)
            logits = logits_of(run, left, buckets, classes=classes, advance=advance)
            if trained.baseline is not None and said is not None:
                logits = together(trained.baseline, logits, said)
            return Routes(logits, routes_of(left.lengths, trained.settings.text))
        leaving = trained.early.leaving
        logits, taken = routed_logits(leaving, left, buckets, classes=classes, said=said, advance=advance)
        named = routes_of(left.lengths, trained.settings.text)
        return Routes(logits, np.where(np.array(taken, np.str_) == FULL, named, np.array(taken, np.str_)))

    routes = route_rows(posts_of(trained), views, network)
    logits = routes.logits
    return Scored(
        logits=logits,
        scores=scores(logits, temperature=trained.temperature, multilabel=trained.labels.multilabel),
        scope_scores=scope_score(logits, trained.temperature),
        masked=np.zeros(len(logits), np.int32) if masked is None else masked,
        route=routes.route,
    )


def posts_of(trained: Trained) -> Signposts:
    """Returns what comes before the network, or is added to it."""
    scale = Scale(trained.labels.multilabel, trained.temperature, trained.scope_threshold)
    return signposts(trained.settings.answer.rules, trained.labels.names, trained.baseline, scale)


def _answer(trained: Trained, row: Sequence[float], scope: float, masked: int, route: str) -> dict[str, Any]:
    ordered = sorted(zip(trained.labels.names, row, strict=True), key=lambda pair: -pair[1])
    best, score = ordered[0]
    made = {"label": best, "score": score, "scores": dict(ordered)}
    if trained.labels.multilabel:
        made["labels"] = [label for label, each in ordered if each >= trained.threshold]
    inside = trained.scope_threshold is None or scope >= trained.scope_threshold
    rule = route.removeprefix(PREFIX) if route.startswith(PREFIX) else None
    return {**made, "in_scope": inside, "scope_score": scope, "route": route, "rule": rule, "masked": masked}
