"""What validation rows settle: the baseline is taken where it helps, and every row of it was new to it."""

from __future__ import annotations

from dataclasses import replace
from random import Random
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import tensorflow as tf
from made_stores import split_of, store
from made_trained import made_trained

from tfclassify.data.corpus import Corpus
from tfclassify.data.describing import statistics_of
from tfclassify.data.labelling import LabelMap, Split
from tfclassify.data.sources import Columns
from tfclassify.display import SILENT
from tfclassify.learning import settling
from tfclassify.learning.exits import Heard
from tfclassify.learning.settling import CASCADE, STACK, Settled, settle
from tfclassify.learning.trained import Trained, predict_split
from tfclassify.model.exits import Exit
from tfclassify.quality.metrics import accuracy, log_loss
from tfclassify.quality.predictions import correct

# A network is asked for no more than its heads.
NO_EXITS: Any = SimpleNamespace(exits=None)
LABELS = LabelMap(("a", "b"), multilabel=False)
ASKED: dict[str, Any] = {
    "answer__calibrate": "temperature",
    "answer__scope": 0.95,
    "answer__stack": "none",
    "answer__cascade": "none",
    "answer__cascade_share": 0.1,
    "answer__loss_confidence": 0.8,
    "answer__baseline_buckets": 4096,
}


def made_split(rows: int, seed: int) -> Split:
    """Rows whose label half of the letters give away, of which the network knows one: p is b's as much as b is."""
    chance = Random(seed)
    truth = [chance.randrange(2) for _ in range(rows)]
    texts = ["".join(chance.choices(("aop" if each == 0 else "bqr") + "ab" * 2, k=5)) for each in truth]
    return split_of(store(texts), range(rows), truth)


def made_corpus(*, validation: bool = True) -> Corpus:
    splits = {"train": made_split(300, 0), "test": made_split(200, 2)}
    if validation:
        splits["validation"] = made_split(200, 1)
    return Corpus(splits, LABELS, Columns("text"), {}, statistics_of(splits, LABELS), 700, {}, (), {})


def settled(corpus: Corpus | None = None, **asked: Any) -> Settled:
    return settle(made_trained("a", "b", **{**ASKED, **asked}), corpus or made_corpus(), NO_EXITS, display=SILENT)


def test_without_validation_rows_nothing_is_settled() -> None:
    made = settled(made_corpus(validation=False), answer__stack="validation", answer__cascade=0.1)
    assert (made.trained.baseline, made.trained.temperature, made.decisions) == (None, 1.0, {})


def test_what_heads_read_is_one_graph_for_training_and_validation_rows(monkeypatch: pytest.MonkeyPatch) -> None:
    made, given = [], []
    monkeypatch.setattr(settling, "means_forward", lambda model: made.append(object()) or made[-1])
    monkeypatch.setattr(settling, "fit_heads", lambda *_, run: given.append(run))
    monkeypatch.setattr(settling, "early_exits", lambda *_, run, **__: given.append(run))
    settle(made_trained("a", "b", **ASKED), made_corpus(), SimpleNamespace(exits=True), display=SILENT)
    assert len(made) == 1
    assert given == made * 2


def test_not_asked_for_it_is_not_fitted(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(settling, "fit_ngrams", None)
    made = settled()
    assert made.trained.baseline is None
    assert made.trained.temperature != 1.0


def test_stacked_where_it_is_better() -> None:
    made, test = settled(answer__stack="validation"), made_corpus().splits["test"]
    assert made.trained.baseline is not None
    assert made.trained.baseline.stack is not None
    both, alone = predict_split(made.trained, test), predict_split(settled().trained, test)
    assert accuracy(both)["accuracy"] > accuracy(alone)["accuracy"]
    assert log_loss(both)["log_loss"] < log_loss(alone)["log_loss"]
    reason, numbers = made.decisions[STACK].reason, made.numbers[STACK]
    assert reason.startswith("taken, the network weighs ")
    assert f"{numbers['gain']:.4f} nats a row" in reason
    assert numbers["rows"] == 200


def knowing_it_all(**asked: Any) -> tuple[Trained, Corpus]:
    """A network that a baseline can tell nothing, and rows that it knows."""
    perfect = made_trained("a", "b", **{**ASKED, **asked})

    def forward(ids: tf.Tensor, mask: tf.Tensor, types: tf.Tensor) -> tf.Tensor:
        counts = [
            tf.reduce_sum(tf.cast(tf.reduce_any(ids[:, :, None] == [ord(each) for each in letters], -1), tf.float32), 1)
            for letters in ("op", "qr")
        ]
        return 20.0 * tf.stack(counts, axis=1)

    corpus = made_corpus()
    sure = {name: Split(split.store, *_telling(split)) for name, split in corpus.splits.items()}
    return replace(perfect, forward=forward), replace(corpus, splits=sure)


def test_not_stacked_where_the_network_knows_it_all() -> None:
    made = settle(*knowing_it_all(answer__stack="validation"), NO_EXITS, display=SILENT)
    assert made.trained.baseline is None
    assert made.decisions[STACK].reason.startswith("not taken: ")


@pytest.mark.parametrize("stack", [None, (0.5, 0.7)])
def test_a_baseline_that_an_exit_alone_needs_is_kept(
    monkeypatch: pytest.MonkeyPatch, stack: tuple[float, float] | None
) -> None:
    exits = [Exit(1, 0.9, stack=stack), Exit(2, 0.9)]
    early = SimpleNamespace(leaving=SimpleNamespace(exits=exits))
    heard: list[Heard] = []
    monkeypatch.setattr(settling, "means_forward", lambda _: None)
    monkeypatch.setattr(settling, "fit_heads", lambda *_, **__: None)
    monkeypatch.setattr(settling, "early_exits", lambda *_, **given: heard.append(given["heard"]) or early)
    trained, corpus = knowing_it_all(answer__stack="validation")
    made = settle(trained, corpus, SimpleNamespace(exits=True), display=SILENT)
    assert heard[0].said.shape == (len(corpus.splits["validation"]), 2)
    assert heard[0].beside.stack is None
    assert (made.trained.baseline is None) == (stack is None)
    told = "early exits that are better with it: after layers 1" if stack else "no early exit is better with it"
    assert made.decisions[STACK].reason.endswith(f"; {told}")


@pytest.mark.parametrize("inside", [0, 1])
def test_of_too_few_rows_in_scope_nothing_is_taken_and_the_reason_says_so(inside: int) -> None:
    corpus = made_corpus()
    validation = corpus.splits["validation"]
    truth = np.where(np.arange(len(validation)) < inside, validation.truth, -1).astype(np.int32)
    splits = {**corpus.splits, "validation": replace(validation, truth=truth)}
    made = settled(replace(corpus, splits=splits), answer__stack="validation", answer__cascade=0.01)
    assert made.trained.baseline is None
    assert (made.numbers[STACK], made.numbers[CASCADE]) == (None, None)
    assert made.decisions[STACK].reason == (
        f"not taken: in-scope validation rows to judge by: {inside}; expected at least 2"
    )
    assert made.decisions[CASCADE].reason.startswith("not taken: the baseline is nowhere sure enough")


def _telling(split: Split) -> tuple[np.ndarray, np.ndarray]:
    """Returns the rows, and their truth, that have a letter which gives it away."""
    kept = np.array([bool({*map(chr, split.store.pieces[row])} & set("opqr")) for row in split.rows])
    return split.rows[kept], split.truth[kept]


def test_a_cascade_keeps_its_bound() -> None:
    corpus = made_corpus()
    made = settled(corpus, answer__cascade=0.03, answer__loss_confidence=0.5)
    assert made.trained.baseline is not None
    assert made.trained.baseline.margin is not None
    validation = corpus.splits["validation"]
    cascade, alone = predict_split(made.trained, validation), predict_split(settled(corpus).trained, validation)
    assert cascade.routes is not None
    numbers = made.numbers[CASCADE]
    assert (cascade.routes == "baseline").mean() == pytest.approx(numbers["share"])
    assert correct(alone).mean() - correct(cascade).mean() == pytest.approx(numbers["loss"])
    assert numbers["loss"] <= 0.03 + 1e-9
    assert f"it answers {numbers['share']:.1%} of 200 validation rows" in made.decisions[CASCADE].reason


def test_a_cascade_that_would_answer_too_little_is_not_taken() -> None:
    made = settled(answer__cascade=0.03, answer__cascade_share=1.0)
    assert made.trained.baseline is None
    reason = made.decisions[CASCADE].reason
    assert reason.startswith("not taken: it answers ")
    assert reason.endswith("; fewer than answer.cascade_share=1 are not worth looking up")


def test_a_baseline_that_is_never_sure_enough_is_not_taken(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(settling, "cascade_threshold", lambda *_, **__: None)
    made = settled(answer__cascade=0.01)
    assert made.trained.baseline is None
    told = "not taken: the baseline is nowhere sure enough, asked for a certainty of 0.8"
    assert made.decisions[CASCADE].reason == told


def test_of_many_rows_a_sample_is_fitted(monkeypatch: pytest.MonkeyPatch) -> None:
    lengths = np.full(100, 10)
    assert settling._sample(lengths).tolist() == list(range(100))
    monkeypatch.setattr(settling, "MOST_PIECES", 205)
    some = settling._sample(lengths)
    assert len(some) == 20
    assert (np.diff(some) > 0).all()
    monkeypatch.setattr(settling, "MOST_ROWS", 7)
    assert len(settling._sample(lengths)) == 7
