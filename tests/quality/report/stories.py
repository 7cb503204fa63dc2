"""Stories made up from a seed: predictions as a classifier of some accuracy makes them, and all that goes with them."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np

from tfclassify.quality.calibration import scope_score, scores
from tfclassify.quality.metrics import judge
from tfclassify.quality.mistakes import Mistake, mistakes
from tfclassify.quality.predictions import OUT_OF_SCOPE, Predictions
from tfclassify.quality.report import Story

TOPICS = ("card arrival", "top up", "exchange rate", "refund", "lost phone", "cash withdrawal", "identity", "fees")
DETAILS = ("pending", "failed", "reverted", "not recognised", "delayed", "by transfer", "abroad", "limits", "wrong")
NAMED = {2: ("ham", "spam"), 6: ("ABBR", "DESC", "ENTY", "HUM", "LOC", "NUM")}
TEXTS = (
    "I ordered my card two weeks ago and it is still not here.\nWhat can I do?",
    "why was i charged twice for the same thing",
    "The rate you applied is not the one shown in the app when I paid abroad",
    "متى تصل بطاقتي الجديدة؟ لقد طلبتها منذ أسبوعين",
    "我的卡还没有到，已经两个星期了。",
    "Lost my phone 📱 need to freeze everything NOW!!",
)

HOSTILE = (
    "<script>alert(1)</script>",
    "</p></li></ol></section></main></body><h1>gone",
    '" onmouseover="alert(1)',
    "<img src=http://example.org/a.png onerror=alert(1)>",
    "<!-- <![CDATA[ -->",
    "{{ 7919 * 7907 }}{% raw %}",
    "&lt;b&gt; &amp;",
    "javascript:alert(1)",
    "\u202eright to left\x00\x1b[31m\ud800",
    "@import url(http://example.org/a.css)",
    "',alert(1),'",
)


def label_names(classes: int) -> tuple[str, ...]:
    """Names as data sets have them; alike ones share a topic."""
    made = [f"{topic} {detail}".replace(" ", "_") for topic in TOPICS for detail in DETAILS]
    made += [f"{name}_{number}" for number in range(2, 99) for name in made]
    return NAMED.get(classes, tuple(made[:classes]))


def single_label(classes: int, rows: int, accuracy: float, seed: int, out_of_scope: int = 0) -> Predictions:
    """Makes predictions whose errors fall on neighbouring classes."""
    random = np.random.default_rng(seed)
    truth = np.concatenate([np.arange(rows) % classes, np.full(out_of_scope, OUT_OF_SCOPE)]).astype(np.int32)
    shift = random.choice([1, 2, max(classes // 3, 1)], len(truth), p=[0.6, 0.25, 0.15])
    aimed = np.where(random.random(len(truth)) < accuracy, truth, (truth + shift) % classes)
    aimed = np.where(truth == OUT_OF_SCOPE, random.integers(0, classes, len(truth)), aimed)
    logits = random.normal(0, 1, (len(truth), classes)).astype(np.float32)
    sure = random.gamma(4, 1.2, len(truth)) * np.where(truth == OUT_OF_SCOPE, 0.3, 1) * np.where(aimed == truth, 1, 0.7)
    logits[np.arange(len(truth)), aimed] += sure.astype(np.float32) + 3
    return Predictions(
        kind="binary" if classes == 2 else "multiclass",
        labels=label_names(classes),
        truth=truth,
        logits=logits,
        scores=scores(logits, multilabel=False),
        scope_scores=scope_score(logits),
    )


def multi_label(classes: int, rows: int, seed: int) -> Predictions:
    """Makes predictions of a task in which a row may have any number of labels."""
    random = np.random.default_rng(seed)
    truth = random.random((rows, classes)) < np.linspace(0.3, 0.02, classes)
    logits = (random.normal(0, 1.6, (rows, classes)) + np.where(truth, 2.0, -3.0)).astype(np.float32)
    return Predictions(
        kind="multilabel",
        labels=label_names(classes),
        truth=truth,
        logits=logits,
        scores=scores(logits, multilabel=True),
        scope_scores=scope_score(logits),
    )


def course(epochs: int) -> list[dict[str, float]]:
    """Makes a history whose best epoch is the last but one, where there are two."""
    return [
        {
            "epoch": epoch,
            "loss": 3.1 * 0.45**epoch + 0.05,
            "validation_accuracy": 0.93 - 0.4 * 0.4**epoch - (0.03 if epoch == epochs > 1 else 0),
            "validation_macro_f1": 0.925 - 0.45 * 0.4**epoch - (0.03 if epoch == epochs > 1 else 0),
            "validation_micro_f1": 0.93 - 0.4 * 0.4**epoch - (0.03 if epoch == epochs > 1 else 0),
            "validation_mcc": 0.92 - 0.42 * 0.4**epoch,
            "validation_log_loss": 0.3 + 1.5 * 0.4**epoch + 0.02 * epoch,
            "learning_rate": 2e-5 * (1 - (epoch - 1) / max(epochs, 1)),
            "seconds": 41.5 * epoch,
        }
        for epoch in range(1, epochs + 1)
    ]


def report_of(predictions: Predictions, baseline: Predictions | None, split: str) -> dict[str, Any]:
    """Makes report.json as a training does."""
    judged = judge(predictions)
    theirs = judge(baseline) if baseline else {}
    return {
        "task": {"kind": predictions.kind, "labels": list(predictions.labels)},
        "splits": {"validation": judged, split: judged},
        "baseline": {
            "name": "tfidf_logistic_regression",
            "seconds": 21.37,
            split: {name: theirs.get(name) for name in ("accuracy", "macro_f1", "micro_f1")},
        },
        "plan": {
            "predicted": {"seconds_per_epoch": 38.2, "peak_memory_bytes": 1_510_000_000, "padding_share": 0.071},
            "actual": {"seconds_per_epoch": 41.5, "peak_memory_bytes": 1_874_000_000, "padding_share": 0.0684},
        },
        "speed": {
            "train_examples_per_second": 241.3,
            "train_tokens_per_second": 3412.7,
            "time_to_first_step_seconds": 11.87,
        },
        "rows": {
            "read": 13_083,
            "trained": 8_999,
            "validation": 1_000,
            "test": 3_080,
            "dropped": {"empty": 3, "duplicate": 0, "bad": 1},
            "cut": 17,
        },
    }


def make_story(
    classes: int = 6,
    rows: int = 500,
    *,
    accuracy: float = 0.93,
    baseline_accuracy: float | None = 0.88,
    epochs: int = 4,
    seed: int = 7,
    kind: str = "single",
    out_of_scope: int = 0,
    split: str = "test",
    **changes: Any,
) -> Story:
    """Makes a story; changes are fields that replace those made up."""
    if kind == "multilabel":
        predictions, baseline = multi_label(classes, rows, seed), multi_label(classes, rows, seed)
        noise = np.random.default_rng(seed + 1).normal(0, 0.15, baseline.scores.shape)
        baseline = replace(baseline, scores=np.clip(baseline.scores + noise, 0, 1).astype(np.float32))
    else:
        predictions = single_label(classes, rows, accuracy, seed, out_of_scope)
        baseline = single_label(classes, rows, baseline_accuracy or 0, seed + 1, out_of_scope)
    lengths = (1e4 * np.random.default_rng(seed).dirichlet(np.exp(-((np.arange(80) - 13) ** 2) / 90) + 0.02)).astype(
        int
    )
    texts = [TEXTS[row % len(TEXTS)] for row in range(len(predictions.truth))]
    story = Story(
        name=f"support-{classes}",
        report=report_of(predictions, baseline if baseline_accuracy is not None else None, split),
        history=course(epochs),
        predictions=predictions,
        split=split,
        mistakes=mistakes(predictions, texts, 8),
        baseline_predictions=baseline if baseline_accuracy is not None else None,
        lengths=lengths.tolist(),
        buckets=[(128, 12), (96, 17), (64, 24), (32, 72)],
        decisions=[
            ("model.name", "minilm", "the largest model that trains within minutes on 2 cores without a GPU"),
            ("text.max_length", "72", "99.9% of the training texts have at most 72 tokens; 17 texts lose tokens"),
            ("train.batch_tokens", "1536", "steps of about 0.3 s; larger ones gained nothing on this machine"),
            ("train.epochs", "4", "10,003 rows of 77 classes: validation macro-F1 rarely rises after 4"),
            ("train.learning_rate", "2e-05", "asked for"),
            ("train.metric", "macro_f1", "classes are of unequal size and each counts the same"),
            ("seed", "7", "asked for"),
        ],
        notes=["6 test texts are in the training split too", "3 empty texts were dropped"],
        facts={
            "model": "all-MiniLM-L6-v2 (22.7 million parameters)",
            "data.train": "data/support/train.csv",
            "data.test": "data/support/test.csv",
            "validation split": "10% of train, stratified",
            "seed": "7",
            "time": "2026-05-04T10:11:12Z",
            "hardware": "2 cores, 8 GB, no GPU",
            "tfclassify": "0.1.0",
            "tensorflow": "2.21.0",
        },
    )
    return replace(story, **changes)


def bare(story: Story) -> Story:
    """The story that an evaluation tells: figures of one split, and nothing of a training."""
    report = {"task": story.report["task"], "splits": {story.split: story.report["splits"][story.split]}}
    nothing = {"history": [], "mistakes": [], "lengths": [], "buckets": [], "decisions": [], "notes": [], "facts": {}}
    return replace(story, report=report, baseline_predictions=None, **nothing)


def without_figures(story: Story) -> Story:
    figures = story.report["splits"][story.split]
    none = {key: None for key in figures if key not in ("rows", "per_class")}
    classes = {label: dict.fromkeys(each) for label, each in figures["per_class"].items()}
    report = {**story.report, "splits": {story.split: {**figures, **none, "per_class": classes}}}
    report["plan"] = {"predicted": {"seconds_per_epoch": None}, "actual": {"seconds_per_epoch": None}}
    report["speed"] = {"train_examples_per_second": None}
    return replace(story, report=report)


def renamed(story: Story, labels: tuple[str, ...]) -> Story:
    """The story with other label names."""
    names = dict(zip(story.predictions.labels, labels, strict=True))
    figures = story.report["splits"]["test"]
    classes = {names[label]: each for label, each in figures["per_class"].items()}
    return replace(
        story,
        predictions=replace(story.predictions, labels=labels),
        baseline_predictions=story.baseline_predictions and replace(story.baseline_predictions, labels=labels),
        report={**story.report, "splits": {"test": {**figures, "per_class": classes}}},
    )


def unknown_scope() -> dict:
    predictions = make_story(6, 100, out_of_scope=10).predictions
    return {"predictions": replace(predictions, scope_scores=np.full(110, np.nan, np.float32))}


def hostile_story() -> Story:
    story = make_story(6, 100)
    found = [Mistake(text, HOSTILE[0], HOSTILE[1], 0.9) for text in HOSTILE]
    story = renamed(story, HOSTILE[:6])
    return replace(
        story,
        name=HOSTILE[0],
        mistakes=found,
        notes=HOSTILE,
        facts=dict(zip(HOSTILE, reversed(HOSTILE), strict=True)),
        decisions=[(text, text, text) for text in HOSTILE],
    )


STORIES = {
    "binary": lambda: make_story(2, 200),
    "six classes": lambda: make_story(6, 300),
    "77 classes": lambda: make_story(77, 900),
    "150 classes, out of scope": lambda: make_story(150, 900, out_of_scope=100),
    "multi-label": lambda: make_story(6, 200, kind="multilabel"),
    "multi-label, 90 labels": lambda: make_story(90, 200, kind="multilabel"),
    "validation": lambda: make_story(6, 100, split="validation"),
    "evaluation": lambda: bare(make_story(6, 100)),
    "multi-label evaluation": lambda: bare(make_story(6, 100, kind="multilabel")),
    "no figure defined": lambda: without_figures(make_story(6, 100, out_of_scope=10)),
    "one epoch": lambda: make_story(6, 100, epochs=1),
    "one row": lambda: make_story(2, 1, accuracy=1.0),
    "no row": lambda: make_story(3, 0),
    "no row in scope": lambda: make_story(3, 0, out_of_scope=5),
    "one class": lambda: make_story(1, 20),
    "no mistake": lambda: make_story(6, 100, accuracy=1.0),
    "no baseline": lambda: make_story(6, 100, baseline_accuracy=None),
    "lengths without buckets": lambda: make_story(6, 100, buckets=[]),
    "buckets without lengths": lambda: make_story(6, 100, lengths=[]),
    "unknown scope scores": lambda: make_story(6, 100, out_of_scope=10, **unknown_scope()),
}
