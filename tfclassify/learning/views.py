"""How rows look to what comes before the network: their texts and their word pieces, by the places of some of them."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import tensorflow as tf
from numpy.typing import NDArray

from tfclassify.data.labelling import Split
from tfclassify.data.mapped_texts import MappedTexts
from tfclassify.data.pieces import Pieces
from tfclassify.model.routes import TEXT, TEXT_B
from tfclassify.text.ngram_hashing import PieceRun
from tfclassify.text.ngram_hashing_ops import run_of_pieces

CHUNK_ROWS = 2048

Places = NDArray[np.intp]
# One text or two, string[N] each, as the maps left them.
Texts = Mapping[str, tf.Tensor]


@dataclass(frozen=True)
class Views:
    """N rows: their texts, and all their word pieces with unknown words told apart, of some places each."""

    rows: int
    texts: Callable[[Places], Texts]
    pieces: Callable[[Places], PieceRun]


def views_of_split(split: Split, pieces: Pieces) -> Views:
    """Returns the rows of a split, whose store has texts as the maps left them."""
    store = split.store
    columns = {TEXT: store.text, **({} if store.text_b is None else {TEXT_B: store.text_b})}

    def texts(places: Places) -> Texts:
        return {name: _strings(MappedTexts(each, None, split.rows[places])[:]) for name, each in columns.items()}

    return Views(len(split), texts, lambda places: _run(texts, places, pieces))


def views_of_texts(given: Mapping[str, Sequence[str]], pieces: Pieces) -> Views:
    """Returns N texts or pairs as they were given."""

    def texts(places: Places) -> Texts:
        return {
            name: pieces.prepared(_strings([column[place] for place in places]))[0] for name, column in given.items()
        }

    return Views(len(given[TEXT]), texts, lambda places: _run(texts, places, pieces))


def _run(texts: Callable[[Places], Texts], places: Places, pieces: Pieces) -> PieceRun:
    """Cuts rows again, some at a time: the store does not tell unknown words apart."""
    ids, segments = [np.zeros(0, np.int64)], [np.zeros(0, np.int64)]
    for start in range(0, len(places), CHUNK_ROWS):
        given = texts(places[start : start + CHUNK_ROWS])
        made = {name: pieces.told_apart(each) for name, each in given.items()}
        run = run_of_pieces(made[TEXT], made.get(TEXT_B))
        ids.append(run.ids.numpy())
        segments.append(run.segments.numpy() + 2 * start)
    return PieceRun(np.concatenate(ids), np.concatenate(segments))


def _strings(texts: Sequence[str]) -> tf.Tensor:
    return tf.constant(list(texts), tf.string, [len(texts)])
