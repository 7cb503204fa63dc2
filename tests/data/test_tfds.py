"""A data set made in code, read through TensorFlow Datasets."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tfclassify.data.sources import Columns
from tfclassify.data.sources.tfds import read_tfds
from tfclassify.errors import UsageError

COLUMNS = Columns("text", label="label")


@pytest.fixture(scope="module")
def data_dir(tmp_path_factory: pytest.TempPathFactory) -> Path:
    import numpy as np

    tfds = pytest.importorskip("tensorflow_datasets")

    class TinyTopics(tfds.core.GeneratorBasedBuilder):
        VERSION = tfds.core.Version("1.0.0")

        def _info(self) -> Any:
            features = {
                "text": tfds.features.Text(),
                "label": tfds.features.ClassLabel(names=["sport", "money"]),
                "topics": tfds.features.Sequence(tfds.features.ClassLabel(names=["a", "b", "c"])),
                "stars": np.int32,
                "image": tfds.features.Image(shape=(2, 2, 1)),
                "vector": tfds.features.Sequence(np.float32, length=2),
            }
            return self.dataset_info_from_configs(features=tfds.features.FeaturesDict(features))

        def _split_generators(self, dl_manager: Any) -> Any:
            return {"train": self._generate_examples(3), "test": self._generate_examples(1)}

        def _generate_examples(self, rows: int = 0) -> Iterator[tuple[int, dict[str, Any]]]:
            for row in range(rows):
                yield (
                    row,
                    {
                        "text": f"é {row}",
                        "label": row % 2,
                        "topics": list(range(row)),
                        "stars": row,
                        "image": np.zeros((2, 2, 1), np.uint8),
                        "vector": [0.0, 1.0],
                    },
                )

    folder = tmp_path_factory.mktemp("tfds")
    TinyTopics(data_dir=folder).download_and_prepare()
    return folder


def rows(location: str, data_dir: Path) -> list[dict[str, Any]]:
    batches = read_tfds(location, COLUMNS, data_dir=data_dir)
    return sorted((row for batch in batches for row in batch.to_pylist()), key=lambda row: row["stars"])


@pytest.mark.slow
def test_a_split(data_dir: Path) -> None:
    assert rows("tfds:tiny_topics", data_dir) == [
        {"text": "é 0", "label": "sport", "topics": [], "stars": 0},
        {"text": "é 1", "label": "money", "topics": ["a"], "stars": 1},
        {"text": "é 2", "label": "sport", "topics": ["a", "b"], "stars": 2},
    ]
    assert len(rows("tfds:tiny_topics:test", data_dir)) == 1
    assert len(rows("tfds:tiny_topics:train[:2]", data_dir)) == 2
    assert rows("tfds:tiny_topics:train[:0]", data_dir) == []


@pytest.mark.slow
@pytest.mark.parametrize(
    ("location", "expected"),
    [
        (
            "tfds:tiny_topics:tset",
            "tfds:tiny_topics:tset: no split 'tset'; expected one of: train, test; did you mean 'test'?",
        ),
        (
            "tfds:ag_news_subst",
            "tfds:ag_news_subst: TensorFlow Datasets has no data set 'ag_news_subst'; did you mean 'ag_news_subset'?",
        ),
    ],
)
def test_what_is_not_there(data_dir: Path, location: str, expected: str) -> None:
    with pytest.raises(UsageError) as caught:
        rows(location, data_dir)
    assert str(caught.value) == expected


def test_without_tensorflow_datasets(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "tensorflow_datasets", None)
    with pytest.raises(UsageError) as caught:
        next(iter(read_tfds("tfds:imdb_reviews", COLUMNS)))
    assert str(caught.value) == ("tfds:imdb_reviews needs tensorflow-datasets; type: pip install tensorflow-datasets")
