"""How right models are on data that somebody has measured: our own runs, and published figures that were re-read."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

OWN = "benchmarks/results/training.jsonl"
MINIATURES = "README of google-research/bert (test)"
SUN = "Sun et al., How to Fine-Tune BERT for Text Classification? (2019)"
# Data are alike where classes, and rows of each class, differ by no more than this factor.
ALIKE = 4.0


@dataclass(frozen=True)
class Evidence:
    """The accuracy of a model, fine-tuned on so many rows of so many classes, one label a row."""

    data: str
    model: str
    rows: int
    classes: int
    accuracy: float
    source: str


@dataclass(frozen=True)
class Band:
    """The lowest and the highest accuracy on data like these, and where they were measured."""

    low: float
    high: float
    source: str


EVIDENCE: Sequence[Evidence] = (
    Evidence("trec6", "minilm", 4907, 6, 0.9647, OWN),
    Evidence("sst2_sentences", "minilm", 6920, 2, 0.8891, OWN),
    Evidence("banking77", "minilm", 9003, 77, 0.9256, OWN),
    Evidence("clinc150", "minilm", 15000, 150, 0.956, OWN),
    Evidence("ag_news_subset", "minilm", 4000, 4, 0.8984, OWN),
    Evidence("SST-2", "bert-tiny", 67349, 2, 0.832, MINIATURES),
    Evidence("SST-2", "bert-mini", 67349, 2, 0.859, MINIATURES),
    Evidence("SST-2", "bert-small", 67349, 2, 0.897, MINIATURES),
    Evidence("SST-2", "bert-medium", 67349, 2, 0.896, MINIATURES),
    Evidence("SST-2", "minilm-l12", 67349, 2, 0.930, "README of microsoft/unilm, MiniLM (dev)"),
    Evidence("SST-2", "bert-base", 67349, 2, 0.927, "README of DistilBERT in transformers (dev)"),
    Evidence("AG News", "bert-base", 120000, 4, 0.9475, SUN),
    Evidence("IMDb", "bert-base", 25000, 2, 0.946, SUN),
    Evidence("TREC-6", "bert-base", 5452, 6, 0.972, SUN),
    Evidence("CLINC150", "bert-base", 15000, 150, 0.965, "uncertainty-baselines, clinc_intent"),
    Evidence("ChnSentiCorp", "bert-base-chinese", 9600, 2, 0.95, "README of ymcui/MacBERT (best)"),
)


def expected_accuracy(model: str, *, rows: int, classes: int) -> Band | None:
    """Returns how right a model was on data with as many classes and rows a class; None where nobody has measured it.

    Args:
        model: a preset.
        rows: training rows.
        classes: of which a row has one.
    """
    alike = [each for each in EVIDENCE if each.model == model and _alike(each, rows, classes)]
    if not alike:
        return None
    sources = dict.fromkeys(each.source for each in alike)
    places = "; ".join(f"{_listed(alike, source)} in {source}" for source in sources)
    return Band(min(each.accuracy for each in alike), max(each.accuracy for each in alike), places)


def _listed(found: Sequence[Evidence], source: str) -> str:
    return ", ".join(each.data for each in found if each.source == source)


def _alike(evidence: Evidence, rows: int, classes: int) -> bool:
    per_class, known = rows / classes, evidence.rows / evidence.classes
    return _within(classes, evidence.classes) and _within(per_class, known)


def _within(one: float, other: float) -> bool:
    return max(one, other) <= ALIKE * min(one, other)
