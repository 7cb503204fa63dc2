"""Vectors and what is known of their rows, in files that TensorBoard reads."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from made_endings import WIDTH, made_ending, made_predictions

from tfclassify.learning.tracking.projector import MOST_CHARACTERS, MOST_ROWS, spread, write_projector
from tfclassify.learning.tracking.tracker import Ending


def written(folder: Path, ending: Ending) -> tuple[np.ndarray, list[list[str]], list[str]]:
    said: list[str] = []
    assert ending.judged is not None
    write_projector(folder, ending.judged, said.append)
    vectors = np.loadtxt(folder / "vectors.tsv", delimiter="\t", ndmin=2)
    # As the browser cuts it.
    rows = [line.split("\t") for line in (folder / "rows.tsv").read_text(encoding="utf-8").split("\n")[:-1]]
    return vectors, rows, said


def test_rows_are_beside_their_vectors(tmp_path: Path) -> None:
    predictions = made_predictions([0, 1, -1], given=[0, 0, 1])
    vectors, rows, said = written(tmp_path, made_ending(predictions, ["one", "t\two\r\nlines\u2028", "x" * 500]))
    np.testing.assert_array_equal(vectors, np.repeat([[0], [1], [2]], WIDTH, axis=1))
    assert rows == [
        ["label", "answer", "right", "text"],
        ["label 0", "label 0", "yes", "one"],
        ["label 1", "label 0", "no", "t wo lines"],
        ["(out of scope)", "label 1", "no", "x" * MOST_CHARACTERS],
    ]
    assert said == []


def test_no_more_rows_than_a_browser_takes(tmp_path: Path) -> None:
    vectors, rows, said = written(tmp_path, made_ending(made_predictions([0, 1] * 2000)))
    assert len(vectors) == len(rows) - 1 == MOST_ROWS
    assert (vectors[0, 0], vectors[-1, 0]) == (0, 3999)
    assert [row[3] for row in rows[1:]] == [f"text {place:.0f}" for place in vectors[:, 0]]
    assert said == ["has vectors of 1000 of 4000 test rows"]


def test_tensorboard_finds_them(tmp_path: Path) -> None:
    from google.protobuf import text_format
    from tensorboard.plugins.projector import ProjectorConfig
    from tensorboard.plugins.projector.projector_plugin import _read_tensor_tsv_file

    vectors, _, _ = written(tmp_path, made_ending(made_predictions([0, 1, 1])))
    config = text_format.Parse((tmp_path / "projector_config.pbtxt").read_text("utf-8"), ProjectorConfig())
    (embedding,) = config.embeddings
    assert (embedding.tensor_name, list(embedding.tensor_shape)) == ("test", [3, WIDTH])
    np.testing.assert_array_equal(_read_tensor_tsv_file(str(tmp_path / embedding.tensor_path)), vectors)
    assert (tmp_path / embedding.metadata_path).is_file()


@given(st.integers(1, 5000), st.integers(1, 2000))
def test_places_are_spread(rows: int, most: int) -> None:
    places = spread(rows, most=most)
    assert len(places) == min(rows, most) == len(set(places.tolist()))
    assert 0 <= places.min() <= places.max() < rows
    assert most == 1 or (places[0], places[-1]) == (0, rows - 1)


@pytest.mark.parametrize("several", [[], [0], [0, 1]])
def test_several_labels(tmp_path: Path, several: list[int]) -> None:
    from dataclasses import replace

    made = made_predictions([0])
    truth = np.zeros((1, 2), bool)
    truth[0, several] = True
    predictions = replace(made, kind="multilabel", truth=truth)
    _, rows, _ = written(tmp_path, made_ending(predictions))
    assert rows[1][:3] == [
        "|".join(f"label {column}" for column in several),
        "label 0",
        "yes" if several == [0] else "no",
    ]
