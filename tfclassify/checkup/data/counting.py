"""Counts over the rows of a check-up, in the form that planning knows."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
from numpy.typing import NDArray
from tokenizers.implementations import BertWordPieceTokenizer
from tokenizers.models import WordPiece

from tfclassify.checkup.data.material import SplitRows, Vocabulary, portion
from tfclassify.data.splits import duplicates, overlap
from tfclassify.planning.statistics import SplitStatistics, Statistics

MEASURED_ROWS, MEASURED_CHARACTERS = 20_000, 20_000_000
CHUNK_ROWS = 2048
UNKNOWN = "[UNK]"


def statistics_of(
    splits: Mapping[str, SplitRows],
    label_sets: Sequence[tuple[str, ...]],
    vocabulary: Vocabulary | None,
    *,
    multilabel: bool,
    pairs: bool,
    out_of_scope: str | None,
    seed: int,
) -> Statistics:
    """Counts rows, labels, repeated and shared texts over all rows; lengths and unknown tokens over a sample."""
    labels = sorted({label for key in np.unique(splits["train"].keys) for label in label_sets[key]} - {out_of_scope})
    names = list(splits)
    shared = {
        f"{left}&{right}": overlap(splits[left].hashes, splits[right].hashes)
        for place, left in enumerate(names)
        for right in names[place + 1 :]
    }
    counted = {
        name: _counted(split, label_sets, labels, vocabulary, out_of_scope=out_of_scope, seed=seed)
        for name, split in splits.items()
    }
    return Statistics(counted, tuple(labels), multilabel, pairs, shared)


def rows_per_label(split: SplitRows, label_sets: Sequence[tuple[str, ...]]) -> dict[str, int]:
    """Returns the rows of every label that a split has."""
    found: dict[str, int] = {}
    for key, rows in enumerate(np.bincount(split.keys, minlength=len(label_sets)).tolist()):
        for label in label_sets[key] if rows else ():
            found[label] = found.get(label, 0) + rows
    return found


def measure(texts: Sequence[str], vocabulary: Vocabulary) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Returns int64[N] each: the tokens of texts with [CLS] and [SEP], and how many of them are unknown.

    By the reference tokenizer, which needs no TensorFlow; the second text of a pair stands behind a line feed, so that
    its own [SEP] is not counted.
    """
    tokenizer = BertWordPieceTokenizer(WordPiece.read_file(str(vocabulary.file)), lowercase=vocabulary.lower_case)
    unknown = tokenizer.token_to_id(UNKNOWN)
    lengths, strange = [], []
    for start in range(0, len(texts), CHUNK_ROWS):
        made = tokenizer.encode_batch(list(texts[start : start + CHUNK_ROWS]))
        lengths += [len(each.ids) for each in made]
        strange += [each.ids.count(unknown) for each in made]
    return np.array(lengths, np.int64), np.array(strange, np.int64)


def _counted(
    split: SplitRows,
    label_sets: Sequence[tuple[str, ...]],
    labels: Sequence[str],
    vocabulary: Vocabulary | None,
    *,
    out_of_scope: str | None,
    seed: int,
) -> SplitStatistics:
    found = rows_per_label(split, label_sets)
    places = portion(split, rows=MEASURED_ROWS, characters=MEASURED_CHARACTERS, seed=seed)
    texts = [split.texts[place] for place in places] if vocabulary is not None else []
    lengths, unknown = measure(texts, vocabulary) if vocabulary is not None else (np.zeros(0, np.int64),) * 2
    return SplitStatistics(
        rows=len(split),
        label_counts={label: found.get(label, 0) for label in labels},
        lengths=tuple(np.bincount(lengths).tolist()) if len(lengths) else (0,),
        tokens=int(lengths.sum()),
        unknown_tokens=int(unknown.sum()),
        duplicates=duplicates(split.hashes),
        out_of_scope=found.get(out_of_scope, 0) if out_of_scope is not None else 0,
    )
