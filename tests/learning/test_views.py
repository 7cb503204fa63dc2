"""Rows as rules and the baseline see them: texts, and word pieces among which unknown words are told apart."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from made_stores import split_of, store
from small_networks import PIECES

from tfclassify.data.pieces import Pieces, pieces_of
from tfclassify.learning import views
from tfclassify.learning.views import Views, views_of_split, views_of_texts
from tfclassify.text.word_pieces import APART

FIRST, SECOND = ["a b", "", "☃ c", "雪", "d ☃ e"], ["e", "☃", "", "a", "b c"]


@pytest.fixture
def pieces(tmp_path: Path) -> Pieces:
    (tmp_path / "vocab.txt").write_text("\n".join(PIECES) + "\n", encoding="utf-8")
    return pieces_of(tmp_path / "vocab.txt", lower_case=True)


def both(pieces: Pieces, *, pairs: bool) -> list[Views]:
    made = store(FIRST, texts_b=SECOND if pairs else None)
    split = split_of(made, range(len(FIRST)), [0] * len(FIRST))
    given = {"text": FIRST, **({"text_b": SECOND} if pairs else {})}
    return [views_of_split(split, pieces), views_of_texts(given, pieces)]


@pytest.mark.parametrize("chunk", [1, 2, 100])
@pytest.mark.parametrize("pairs", [False, True])
def test_pieces_of_some_rows(pieces: Pieces, monkeypatch: pytest.MonkeyPatch, chunk: int, pairs: bool) -> None:
    monkeypatch.setattr(views, "CHUNK_ROWS", chunk)
    texts = [[FIRST[4], SECOND[4]], [FIRST[1], SECOND[1]], [FIRST[0], SECOND[0]]]
    expected = [
        (2 * row + side, words) for row, pair in enumerate(texts) for side, words in enumerate(pair[: 1 + pairs])
    ]
    for made in both(pieces, pairs=pairs):
        run = made.pieces(np.array([4, 1, 0]))
        for segment, words in expected:
            ids = run.ids[run.segments == segment]
            assert [PIECES[each] if each < APART else "☃" for each in ids] == words.split()


def test_unknown_words_are_told_apart(pieces: Pieces) -> None:
    for made in both(pieces, pairs=False):
        snowman, c, snow, d, again, e = made.pieces(np.array([2, 3, 4])).ids
        assert snowman == again != snow
        assert min(snowman, snow) >= APART > max(c, d, e)


def test_no_rows(pieces: Pieces) -> None:
    for made in both(pieces, pairs=True):
        run = made.pieces(np.zeros(0, np.int64))
        assert len(run.ids) == len(run.segments) == 0
