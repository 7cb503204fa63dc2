"""No path of this machine in a SavedModel."""

from __future__ import annotations

import os
import sys
from pathlib import Path

import pytest
import tensorflow as tf
from saved import saved

from tfclassify.errors import UsageError
from tfclassify.servable.contents import check_no_paths


def holding(folder: Path, text: str) -> Path:
    return saved(folder, lambda x: x + tf.cast(tf.strings.length(tf.constant(text)), tf.float32))


@pytest.mark.parametrize(
    "text", [f"{os.getcwd()}/vocab.txt", "see RUN/weights for more", "/usr/bin/env", sys.executable]
)
def test_a_path_of_this_machine(tmp_path: Path, text: str) -> None:
    text = text.replace("RUN", str(tmp_path / "run"))
    with pytest.raises(UsageError) as caught:
        check_no_paths(holding(tmp_path / "model", text), run=tmp_path / "run")
    assert str(caught.value) == f"the SavedModel names a path of this machine, '{text}'; expected none in the graph"


@pytest.mark.parametrize("text", ["/", "and/or", "https://example.org/a/b", "/no/such/file/anywhere", "a text", "1/2"])
def test_what_only_looks_like_one(tmp_path: Path, text: str) -> None:
    check_no_paths(holding(tmp_path / "model", text), run=tmp_path / "run")
