"""What lies beside the SavedModel of a version: facts, golden examples, warm-up requests, everything to serve it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from tfclassify.data.features import CATEGORY, NUMBER
from tfclassify.learning.trained import Trained
from tfclassify.model.routes import TEXT, TEXT_B
from tfclassify.servable.bundle import BundleFacts, write_bundle
from tfclassify.servable.graph import ANSWER
from tfclassify.servable.writing import Proof, write_facts
from tfclassify.serving.warm_up import Request, write_warm_up

BATCH_SIZES = (1, 4, 16, 32)
# One token in any vocabulary, be it the unknown one.
WORD = "a"
# What a feature is where it is missing, and its type.
NOTHING: Mapping[str, tuple[Any, Any]] = {NUMBER: (np.nan, np.float32), CATEGORY: (b"", object)}


def complete(folder: Path, trained: Trained, facts: Mapping[str, Any], proof: Proof) -> None:
    """Completes the folder of a version.

    Args:
        folder: with the SavedModel in it.
        trained: the classifier.
        facts: what is written as ``servable.json``.
        proof: what the gates found.
    """
    write_warm_up(
        folder,
        warm_up(trained.settings.train.buckets, pairs=facts["pairs"], features=facts["data"]["features"]),
        model=str(facts["name"]),
    )
    write_bundle(folder, _bundle(folder, trained, facts, proof))
    write_facts(folder, facts, proof)


def warm_up(
    buckets: Sequence[tuple[int, int]], *, pairs: bool, features: Mapping[str, str] | None = None
) -> Iterator[Request]:
    """Gives requests of each length that the plan has a bucket for, one text and as many as a batch takes."""
    for rows, length in buckets:
        text = " ".join([WORD] * length)
        for size in sorted({1, min(rows, BATCH_SIZES[-1])}):
            texts = np.array([text.encode()] * size, object)
            missing = {name: np.full(size, *NOTHING[kind]) for name, kind in (features or {}).items()}
            yield ANSWER, {TEXT: texts, **({TEXT_B: texts} if pairs else {}), **missing}


def _bundle(folder: Path, trained: Trained, facts: Mapping[str, Any], proof: Proof) -> BundleFacts:
    inputs, outputs = proof.golden["inputs"], proof.golden["outputs"]
    rows = range(len(inputs[TEXT]))
    return BundleFacts(
        name=str(facts["name"]),
        version=int(facts["version"]),
        labels=trained.labels.names,
        multilabel=trained.labels.multilabel,
        pairs=bool(facts["pairs"]),
        features=facts["data"]["features"],
        examples=tuple({"inputs": _row(inputs, row), "outputs": _row(outputs, row)} for row in rows),
        batch_sizes=BATCH_SIZES,
        lowest_server=str(facts["lowest_server"]),
        target_server=str(facts["target_server"]),
        parameters=int(facts["parameters"]),
        size_bytes=sum(path.stat().st_size for path in folder.rglob("*") if path.is_file()),
        package_version=str(facts["versions"]["tfclassify"]),
    )


def _row(columns: Mapping[str, Sequence[Any]], row: int) -> dict[str, Any]:
    return {name: column[row] for name, column in columns.items()}
