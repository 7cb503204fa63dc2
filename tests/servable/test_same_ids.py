"""The same rows are the same ids, and the same encoded features, in training, in prediction and in the SavedModel."""

from __future__ import annotations

import csv
from collections.abc import Iterator
from dataclasses import dataclass, replace
from importlib import resources
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tensorflow as tf

from tfclassify.data.batches import Batch, fill
from tfclassify.data.checks import Where, examples, resolve_columns
from tfclassify.data.feature_kinds import planned_columns
from tfclassify.data.labelling import LabelMap, Split
from tfclassify.data.pieces import Pieces, pieces_of
from tfclassify.data.rows import Rows, rows_of, rows_of_pieces
from tfclassify.data.sources import Columns, column_names, find_source
from tfclassify.data.token_store import Reading, TokenStore, open_store
from tfclassify.display import SILENT
from tfclassify.learning.features import encoded_given, encoded_rows, encoder_of
from tfclassify.learning.trained import Trained, limits_of, tokenized
from tfclassify.model.features import FEATURE_INPUTS
from tfclassify.model.routes import INPUTS
from tfclassify.model.weights import find
from tfclassify.servable.graph import ENCODE, save
from tfclassify.settings import Settings, TextSettings, parse
from tfclassify.text.word_pieces import text_ops

DATA_SETS = (
    "ag_news_subset",
    "banking77",
    "chnsenticorp",
    "clinc150",
    "eec",
    "financial_phrasebank",
    "goemotions",
    "imdb_small",
    "movie_reviews_long",
    "mrpc",
    "sms_spam",
    "sst2_sentences",
    "trec6",
)
EVERY_MAP = ("mask_personal_data", "strip_html", "squeeze_spaces")
SIZE, MARK = "size", "mark"
# The one data set that has further columns of its own.
OWN_FEATURES = {"eec": ("gender", "race", "emotion_word")}
CHUNK_ROWS = 256
LONGEST = 128

Arrays = dict[str, np.ndarray]


@dataclass(frozen=True)
class Roads:
    """What each of the three roads needs to be gone."""

    columns: Columns
    trained: Trained
    encode: Any


def with_features(source: Path, place: Path) -> Path:
    """Copies a table with a number and a category more, of the text, each missing in some rows."""
    with open(source, encoding="utf-8", newline="") as file, open(place, "w", encoding="utf-8", newline="") as copy:
        reader = csv.DictReader(file)
        writer = csv.DictWriter(copy, [*(reader.fieldnames or []), SIZE, MARK])
        writer.writeheader()
        for number, row in enumerate(reader):
            size = "" if number % 7 == 3 else f"{len(row['text']) ** (1 + number % 3) / 7:.5g}"
            writer.writerow({**row, SIZE: size, MARK: "" if number % 5 == 1 else row["text"][:1].strip()})
    return place


def settings_of(places: dict[str, Path], maps: tuple[str, ...], features: tuple[str, ...]) -> Settings:
    data = {f"data.{split}": str(place) for split, place in places.items()}
    planned = {"model.feature_width": 4}
    return parse({**data, **planned, "text.maps": maps, "data.features": features}, Settings)


def store_of(place: Path, columns: Columns, pieces: Pieces, cache: Path) -> TokenStore:
    return open_store(str(place), Reading(columns, "keep", None), pieces, cache=cache, display=SILENT)


def whole(store: TokenStore) -> Split:
    return Split(store, np.arange(len(store), dtype=np.int32), np.zeros(len(store), np.int32))


def roads_of(settings: Settings, vocabulary: Path, folder: Path) -> Roads:
    place = str(settings.data.train)
    asked, _ = resolve_columns(column_names(place, settings.data), settings.data, location=place, labelled=False)
    columns, _ = planned_columns(replace(asked, label=None, labels=None, id=None), place)
    pieces = pieces_of(vocabulary, lower_case=True, maps=settings.text.maps)
    encoder = encoder_of(whole(store_of(Path(place), columns, pieces, folder)), settings)
    bias = tf.Variable([0.0, 0.0])

    @tf.function(autograph=False)
    def forward(ids: tf.Tensor, mask: tf.Tensor, types: tf.Tensor, *features: tf.Tensor) -> tf.Tensor:
        return tf.zeros([tf.shape(ids)[0], 2]) + bias

    specs = [tf.TensorSpec([None, None], tf.int32)] * 3
    further = [tf.TensorSpec([None, None], tf.float32), tf.TensorSpec([None, None], tf.int32)]
    signed = tf.function(forward.python_function, input_signature=[*specs, *further], autograph=False)
    limits = limits_of(pieces, TextSettings(max_length=LONGEST))
    trained = Trained(settings, LabelMap(("a", "b"), False), pieces, limits, signed, features=encoder)
    text_ops()
    save(trained, folder / "saved", pairs=columns.text_b is not None)
    return Roads(columns, trained, tf.saved_model.load(str(folder / "saved")).signatures[ENCODE])


def read(place: Path, columns: Columns) -> tuple[dict[str, list[str]], dict[str, list[Any]]]:
    """Reads texts and features as ``predict`` does."""
    texts: dict[str, list[str]] = {}
    features: dict[str, list[Any]] = {}
    first = 1
    for batch in find_source(str(place))(str(place), columns):
        where = Where(str(place), np.arange(first, first + batch.num_rows))
        made = examples(batch, columns, where=where)
        assert made.features is not None
        for name in ("text", "text_b") if columns.text_b else ("text",):
            texts.setdefault(name, []).extend(getattr(made, name).to_pylist())
        for name, values in made.features.by_name.items():
            features.setdefault(name, []).extend(values)
        first += batch.num_rows
    return texts, features


def filled(rows: Rows, chosen: np.ndarray, length: int) -> Arrays:
    return fill(rows, Batch(chosen, (len(chosen), length)))


def in_the_graph(roads: Roads, texts: dict[str, list[str]], features: dict[str, list[Any]], rows: np.ndarray) -> Arrays:
    numbers = roads.trained.features.numbers if roads.trained.features else {}
    given = {name: tf.constant([column[row] for row in rows], tf.string) for name, column in texts.items()}
    for name, column in features.items():
        values = [column[row] for row in rows]
        plain = [np.nan if value is None else value for value in values] if name in numbers else values
        given[name] = tf.constant(plain, tf.float32 if name in numbers else tf.string)
    return {name: value.numpy() for name, value in roads.encode(**given).items()}


def differences(place: Path, roads: Roads, cache: Path) -> Iterator[int]:
    """Counts, for each chunk of rows, the values that are not the same on all three roads."""
    trained, columns = roads.trained, roads.columns
    split = whole(store_of(place, columns, trained.pieces, cache))
    learnt = replace(rows_of(split, trained.limits), features=encoded_rows(trained.features, split))
    texts, features = read(place, columns)
    first, _ = tokenized(trained.pieces, texts["text"])
    second = tokenized(trained.pieces, texts["text_b"])[0] if "text_b" in texts else None
    assert trained.features is not None
    encoded = encoded_given(trained.features, features, rows=len(first))
    predicted = replace(rows_of_pieces(first, second, trained.limits), features=encoded)
    assert len(learnt) == len(predicted) > 0
    for start in range(0, len(learnt), CHUNK_ROWS):
        chosen = np.arange(start, min(start + CHUNK_ROWS, len(learnt)), dtype=np.int32)
        served = in_the_graph(roads, texts, features, chosen)
        length = served["input_ids"].shape[1]
        of_training, of_prediction = (filled(rows, chosen, length) for rows in (learnt, predicted))
        for name in (*INPUTS, *FEATURE_INPUTS):
            assert served[name].shape == of_training[name].shape == of_prediction[name].shape, name
            assert served[name].dtype == of_training[name].dtype
            yield int((of_training[name] != of_prediction[name]).sum() + (of_training[name] != served[name]).sum())


def check_every_split(
    sources: dict[str, Path], maps: tuple[str, ...], own: tuple[str, ...], vocabulary: Path, folder: Path
) -> None:
    places = {split: with_features(source, folder / f"{split}.csv") for split, source in sources.items()}
    training = places.get("train", next(iter(places.values())))
    settings = settings_of({"train": training}, maps, (SIZE, MARK, *own))
    roads = roads_of(settings, vocabulary, folder)
    counted = [number for place in places.values() for number in differences(place, roads, folder)]
    assert sum(counted) == 0, f"{sum(counted)} values differ"


@pytest.mark.parametrize("maps", [(), EVERY_MAP], ids=["as given", "every map"])
def test_the_samples(maps: tuple[str, ...], tmp_path: Path) -> None:
    sample = Path(str(resources.files("tfclassify.data"))) / "samples" / "support"
    sources = {"train": sample / "validation.csv", "test": sample / "test.csv"}
    check_every_split(sources, maps, (), find("random-tiny", cache=tmp_path).vocabulary, tmp_path)


def test_a_difference_is_found(tmp_path: Path) -> None:
    """A road with another tokenizer is not the same road."""
    sample = Path(str(resources.files("tfclassify.data"))) / "samples" / "support"
    place = with_features(sample / "validation.csv", tmp_path / "train.csv")
    vocabulary = find("random-tiny", cache=tmp_path).vocabulary
    roads = roads_of(settings_of({"train": place}, (), (SIZE, MARK)), vocabulary, tmp_path)
    shorter = replace(roads.trained.limits, cls=roads.trained.limits.sep)
    other = replace(roads, trained=replace(roads.trained, limits=shorter))
    assert sum(differences(place, other, tmp_path)) > 0


@pytest.mark.shared
@pytest.mark.slow
@pytest.mark.long
@pytest.mark.parametrize("maps", [(), EVERY_MAP], ids=["as given", "every map"])
@pytest.mark.parametrize("name", DATA_SETS)
def test_every_shared_data_set(shared: Path, name: str, maps: tuple[str, ...], tmp_path: Path) -> None:
    assert {folder.name for folder in (shared / "data").iterdir() if folder.is_dir()} == set(DATA_SETS)
    sources = {path.stem: path for path in sorted((shared / "data" / name).glob("*.csv"))}
    vocabulary = shared / "models" / "all-MiniLM-L6-v2" / "vocab.txt"
    check_every_split(sources, maps, OWN_FEATURES.get(name, ()), vocabulary, tmp_path)
