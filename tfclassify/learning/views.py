"""How rows look to what comes before the network: their texts and their word pieces, by the places of some of them."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import tensorflow as tf
from numpy.typing import NDArray

from tfclassify.data.labelling import Split
from tfclassify.data.mapped_texts import MappedTexts
from tfclassify.data.piece_runs import piece_run
from tfclassify.data.ragged import Ragged
from tfclassify.data.token_store import Pieces
from tfclassify.model.routes import TEXT, TEXT_B
from tfclassify.text.ngram_hashing import PieceRun

Places = NDArray[np.intp]
# One text or two, string[N] each, as the maps left them.
Texts = Mapping[str, tf.Tensor]


@dataclass(frozen=True)
class Views:
    """N rows: their texts, and all their word pieces, of some places each."""

    rows: int
    texts: Callable[[Places], Texts]
    pieces: Callable[[Places], PieceRun]


def views_of_split(split: Split) -> Views:
    """Returns the rows of a split, whose store has texts as the maps left them."""
    store = split.store
    columns = {TEXT: store.text, **({} if store.text_b is None else {TEXT_B: store.text_b})}

    def texts(places: Places) -> Texts:
        return {name: _strings(MappedTexts(each, None, split.rows[places])[:]) for name, each in columns.items()}

    return Views(len(split), texts, lambda places: piece_run(store.pieces, store.pieces_b, split.rows[places]))


def views_of_texts(given: Mapping[str, Sequence[str]], made: Mapping[str, Ragged], pieces: Pieces) -> Views:
    """Returns N texts or pairs as they were given, with the word pieces that were made of them."""

    def texts(places: Places) -> Texts:
        return {
            name: pieces.prepared(_strings([column[place] for place in places]))[0] for name, column in given.items()
        }

    return Views(len(given[TEXT]), texts, lambda places: piece_run(made[TEXT], made.get(TEXT_B), places))


def _strings(texts: Sequence[str]) -> tf.Tensor:
    return tf.constant(list(texts), tf.string, [len(texts)])
