"""The embedding projector of TensorBoard: pooled vectors of the judged rows, with what is true of them and was said."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from tfclassify.learning.tracking.judged import Judged
from tfclassify.learning.tracking.tracker import Say
from tfclassify.quality.predictions import Predictions, chosen, correct, in_scope, true_labels
from tfclassify.runs import write_text

MOST_ROWS = 1_000
MOST_CHARACTERS = 200
OUT_OF_SCOPE = "(out of scope)"


def write_projector(folder: Path, judged: Judged, say: Say) -> None:
    """Writes vectors and their metadata beside the events, at most ``MOST_ROWS`` rows, spread over the split evenly."""
    from tensorboard.plugins.projector import ProjectorConfig, visualize_embeddings

    judgement = judged.judgement
    predictions = judgement.predictions[judgement.reported]
    places = spread(len(predictions.truth), most=MOST_ROWS)
    if len(places) < len(predictions.truth):
        say(f"has vectors of {len(places)} of {len(predictions.truth)} {judgement.reported} rows")
    vectors = judged.vectors(places)
    write_text(folder / "vectors.tsv", _lines("\t".join(f"{number:.5g}" for number in row) for row in vectors))
    write_text(folder / "rows.tsv", _metadata(predictions, judgement.texts, places))
    config = ProjectorConfig()
    config.embeddings.add(
        tensor_name=judgement.reported,
        tensor_path="vectors.tsv",
        metadata_path="rows.tsv",
        tensor_shape=list(vectors.shape),
    )
    visualize_embeddings(str(folder), config)


def spread(rows: int, *, most: int) -> NDArray[np.int64]:
    """Returns the places of at most so many of the rows, evenly spaced: files are often sorted by label."""
    return np.unique(np.linspace(0, rows - 1, min(rows, most)).round().astype(np.int64))


def _metadata(predictions: Predictions, texts: Sequence[str], places: NDArray[np.int64]) -> str:
    truth, given = true_labels(predictions), chosen(predictions)
    inside, right = in_scope(predictions), correct(predictions)
    rows = [
        (
            _names(predictions, truth[place]) if inside[place] else OUT_OF_SCOPE,
            _names(predictions, given[place]),
            "yes" if right[place] else "no",
            _plain(texts[place])[:MOST_CHARACTERS],
        )
        for place in places
    ]
    return _lines("\t".join(row) for row in [("label", "answer", "right", "text"), *rows])


def _names(predictions: Predictions, marked: NDArray[np.bool_]) -> str:
    return "|".join(_plain(predictions.labels[column]) for column in np.flatnonzero(marked))


def _plain(text: str) -> str:
    """Puts a space for each tab and each end of a line, which end a cell and a row."""
    return " ".join(text.split())


def _lines(lines: Iterable[str]) -> str:
    return "".join(f"{line}\n" for line in lines)
