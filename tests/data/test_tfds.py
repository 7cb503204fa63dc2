"""A data set made in code, read through TensorFlow Datasets."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from tfclassify.data.sources import Columns, fingerprint, fingerprints
from tfclassify.data.sources import tfds as tfds_module
from tfclassify.data.sources.tfds import prepared, read_tfds
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
                "bytes": tfds.features.Tensor(shape=(), dtype=np.object_),
            }
            return tfds.core.DatasetInfo(builder=self, features=tfds.features.FeaturesDict(features))

        def _split_generators(self, dl_manager: Any) -> Any:
            return {"train": self._generate_examples(3), "test": self._generate_examples(1)}

        def _generate_examples(self, rows: int = 0) -> Iterator[tuple[int, dict[str, Any]]]:
            for row in range(rows):
                yield (
                    row,
                    {
                        "text": f"é {row}",
                        "label": (0, 1, -1)[row],
                        "topics": list(range(row)),
                        "stars": row,
                        "image": np.zeros((2, 2, 1), np.uint8),
                        "vector": [0.0, 1.0],
                        "bytes": b"\xff",
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
        {"text": "é 0", "label": "sport", "topics": [], "stars": 0, "bytes": b"\xff"},
        {"text": "é 1", "label": "money", "topics": ["a"], "stars": 1, "bytes": b"\xff"},
        {"text": "é 2", "label": None, "topics": ["a", "b"], "stars": 2, "bytes": b"\xff"},
    ]
    assert len(rows("tfds:tiny_topics:test", data_dir)) == 1
    assert len(rows("tfds:tiny_topics:train[:2]", data_dir)) == 2
    assert len(rows("tfds:tiny_topics:train+test", data_dir)) == 4


@pytest.mark.slow
def test_batches_are_in_order(data_dir: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tfds_module, "ROWS", 2)
    batches = list(read_tfds("tfds:tiny_topics", COLUMNS, data_dir=data_dir))
    assert [batch.num_rows for batch in batches] == [2, 1]
    assert batches[0].schema == batches[1].schema
    again = list(read_tfds("tfds:tiny_topics", COLUMNS, data_dir=data_dir))
    assert [batch.to_pylist() for batch in again] == [batch.to_pylist() for batch in batches]


@pytest.mark.slow
def test_preparing_writes_nothing_to_standard_output(
    data_dir: Path, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    assert len(rows("tfds:tiny_topics:test", tmp_path)) == 1
    assert capfd.readouterr().out == ""


@pytest.mark.slow
def test_a_fingerprint(data_dir: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(fingerprints, "prepared", partial(prepared, data_dir=data_dir))
    marks = [fingerprint(f"tfds:tiny_topics:{split}") for split in ("train", "test", "train[:2]", "train")]
    assert marks[0] == marks[3]
    assert len(set(marks)) == 3


@pytest.mark.slow
def test_what_cannot_be_downloaded(data_dir: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    import tensorflow_datasets as tfds

    def failing(*_: Any, **__: Any) -> None:
        raise AssertionError("Manual directory\n does not exist.")

    monkeypatch.setattr(tfds.core.DatasetBuilder, "download_and_prepare", failing)
    with pytest.raises(UsageError) as caught:
        rows("tfds:tiny_topics", data_dir)
    assert str(caught.value) == (
        "tfds:tiny_topics cannot be downloaded; prepare it where it can be: Manual directory does not exist."
    )


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
        (
            "tfds:tiny_topics:train[:0]",
            "tfds:tiny_topics:train[:0] cannot be read: Instruction [] corresponds to no data!",
        ),
        (
            "tfds:tiny_topics:train[7:]",
            "tfds:tiny_topics:train[7:] cannot be read: Requested slice [7:3] incompatible with 3 examples.",
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


@pytest.mark.slow
def test_a_corpus_of_it(data_dir: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from tfclassify.data.corpus import read_corpus
    from tfclassify.data.labelling import texts_of
    from tfclassify.display import SILENT
    from tfclassify.learning.trained import pieces_of
    from tfclassify.model.weights import find
    from tfclassify.settings import DataSettings, parse

    for module in (fingerprints, tfds_module):
        monkeypatch.setattr(module, "prepared", partial(prepared, data_dir=data_dir))
    pieces = pieces_of(find("random-tiny", cache=tmp_path).vocabulary, lower_case=True)
    asked = {"train": "tfds:tiny_topics", "validation": "tfds:tiny_topics:test"}

    def read(**more: str) -> Any:
        return read_corpus(parse({**asked, **more}, DataSettings), pieces, seed=0, cache=tmp_path, display=SILENT)

    with pytest.raises(UsageError) as caught:
        read()
    assert str(caught.value).startswith("data.label: column 'label' of tfds:tiny_topics is empty in row ")
    corpus = read(bad_rows="skip")
    assert corpus.labels.names == ("money", "sport")
    assert sorted(texts_of(corpus.splits["train"])) == ["é 0", "é 1"]
    assert (corpus.dropped["bad"], len(corpus.splits["validation"])) == (1, 1)
