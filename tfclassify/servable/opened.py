"""A servable opened again: texts in, answers out, without the run that it was made from."""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from tfclassify.data.features import Kinds
from tfclassify.errors import UsageError
from tfclassify.learning.features import Columns, checked
from tfclassify.model.routes import TEXT, TEXT_B
from tfclassify.servable.versions import newest
from tfclassify.serving.loaded import Loaded
from tfclassify.serving.session import ANSWER, load_saved_model
from tfclassify.serving.status import Refusal

FACTS = "servable.json"
# Of a batch: characters, about, and rows.
CHARACTERS, FEWEST_ROWS, MOST_ROWS = 8192, 16, 256
SECONDS = 600.0

Answer = dict[str, Any]


@dataclass(frozen=True)
class Servable:
    """A version of an exported classifier.

    Attributes:
        folder: of the version.
        facts: ``servable.json``: name, labels, versions, what the gates measured.
        answer: B texts, or pairs, to B answers.
        loaded: the SavedModel.
    """

    folder: Path
    facts: Mapping[str, Any]
    answer: Callable[..., list[Answer]]
    loaded: Loaded


def is_servable(folder: str) -> bool:
    """Says whether a folder is a version of a servable, or has one."""
    return _version(Path(os.path.expanduser(folder))) is not None


def open_servable(folder: str, *, bfloat16: bool = False) -> Servable:
    """Opens a version, or the newest version of a model's folder.

    Args:
        folder: of it.
        bfloat16: whether answers are multiplied in it, which is less exact, and faster where the processor has it.

    Raises:
        UsageError: there is none, or it cannot be loaded.
    """
    version = _version(Path(os.path.expanduser(folder)))
    if version is None:
        raise UsageError(
            f"servable={folder} holds no exported classifier; expected saved_models/NAME or saved_models/NAME/VERSION"
        )
    facts = json.loads((version / FACTS).read_text(encoding="utf-8"))
    try:
        loaded = load_saved_model(
            version, name=str(facts["name"]), version=1, timeout_seconds=SECONDS, bfloat16=bfloat16
        )
    except Refusal as error:
        raise UsageError(f"servable={folder} cannot be loaded: {error.message}") from error
    # Versions that were exported before there were features say nothing of them.
    kinds = facts["data"].get("features", {})
    return Servable(version, facts, _answers(loaded, kinds, multilabel=facts["multilabel"]), loaded)


def _version(folder: Path) -> Path | None:
    numbered = folder / str(newest(folder))
    return next((place for place in (folder, numbered) if (place / FACTS).is_file()), None)


def _answers(loaded: Loaded, kinds: Kinds, *, multilabel: bool) -> Callable[..., list[Answer]]:
    def answer(
        texts: Sequence[str], texts_b: Sequence[str] | None = None, *, features: Columns | None = None
    ) -> list[Answer]:
        made: list[Answer] = [{} for _ in texts]
        beside = checked(kinds, features or {})
        for rows in _batches(texts):
            given = {TEXT: _strings(texts, rows), **({TEXT_B: _strings(texts_b, rows)} if texts_b else {})}
            outputs = loaded.call(ANSWER, {**given, **{name: column[rows] for name, column in beside.items()}})
            for place, row in enumerate(rows):
                made[row] = as_answer({name: value[place] for name, value in outputs.items()}, multilabel=multilabel)
        return made

    return answer


def _batches(texts: Sequence[str]) -> Iterator[list[int]]:
    """Puts texts of like length together, as many of them as make products large enough to be fast."""
    order, start = sorted(range(len(texts)), key=lambda row: len(texts[row])), 0
    while start < len(order):
        shortest = max(1, len(texts[order[start]]))
        end = start + min(MOST_ROWS, max(FEWEST_ROWS, CHARACTERS // shortest))
        yield order[start:end]
        start = end


def _strings(texts: Sequence[str], rows: Sequence[int]) -> np.ndarray:
    return np.array([texts[row].encode() for row in rows], object)


def as_answer(row: Mapping[str, Any], *, multilabel: bool) -> Answer:
    """Turns the outputs of one text into an answer as callers get it."""
    labels = [label.decode() for label in row["labels"]]
    scores = [float(score) for score in row["scores"]]
    made: Answer = {"label": labels[0], "score": scores[0], "scores": dict(zip(labels, scores, strict=True))}
    if multilabel:
        made["labels"] = [label for label, chosen in zip(labels, row["chosen"], strict=True) if chosen]
    rule = row["rule"].decode()
    return {
        **made,
        "in_scope": bool(row["in_scope"]),
        "scope_score": float(row["scope_score"]),
        "route": row["route"].decode(),
        "rule": rule or None,
        "masked": int(row["masked"]),
    }
