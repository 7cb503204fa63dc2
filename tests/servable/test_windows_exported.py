"""A classifier of long texts in its SavedModel: the same windows, answers and routes as the run's own."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tensorflow as tf
from small_networks import LABELS, network, small_files

from tfclassify.data.labelling import LabelMap
from tfclassify.errors import UsageError
from tfclassify.learning.long_texts import windowed_of
from tfclassify.learning.prediction import forward
from tfclassify.learning.trained import Trained, answer, limits_of, paragraphs, pieces_of, tokenized
from tfclassify.model.classifier import answering
from tfclassify.servable.certificate import certify, reference
from tfclassify.servable.graph import ANSWER, ENCODE, TOKENS, save
from tfclassify.servable.operations import missing, operations, unservable
from tfclassify.settings import Settings, parse
from tfclassify.text.word_pieces import text_ops

SETTINGS = {
    "text.max_length": 8,
    "text.windows": 4,
    "text.window_stride": 6,
    "text.keep": "head_tail",
    "text.pool": "attention",
    "text.chosen_share": 0.5,
    "text.lower_case": True,
    "train.buckets": [[4, 8], [2, 16]],
}
TEXTS = ["a b c", "a b c d e\n\nf g h i j k l", " ".join("abcdefghijklmnopqrstuvwxy" * 2), "", "a b c d e f g"]


@dataclass(frozen=True)
class Saved:
    trained: Trained
    folder: Path
    signatures: Any


@pytest.fixture(scope="module")
def saved(tmp_path_factory: pytest.TempPathFactory) -> Saved:
    folder = tmp_path_factory.mktemp("windows")
    settings, found = parse(SETTINGS, Settings), small_files(folder / "small")
    model = network(found, windows=windowed_of(settings.text))
    for variable in model.windows.weights:
        variable.assign(variable + 0.3 * np.random.default_rng(1).normal(size=variable.shape))
    pieces = pieces_of(found.vocabulary, lower_case=True)
    limits = limits_of(pieces, settings.text)
    labels = LabelMap(LABELS, False)
    trained = Trained(settings, labels, pieces, limits, forward(model), answering=answering(model))
    text_ops()
    save(trained, folder / "saved", pairs=False)
    return Saved(trained, folder / "saved", tf.saved_model.load(str(folder / "saved")).signatures)


def test_answers_and_routes_are_the_runs_own(saved: Saved) -> None:
    expected = answer(saved.trained, TEXTS)
    found = saved.signatures[ANSWER](text=tf.constant(TEXTS))
    routes = [each.decode() for each in found["route"].numpy()]
    assert (
        routes == [each["route"] for each in expected] == ["full", "windows 2/3", "windows 2/4", "full", "windows 1/2"]
    )
    np.testing.assert_allclose(found["score"], [each["score"] for each in expected], atol=1e-6)
    assert [each.decode() for each in found["label"].numpy()] == [each["label"] for each in expected]


def test_tokens_are_windows_side_by_side(saved: Saved) -> None:
    given = saved.signatures[ENCODE](text=tf.constant(TEXTS))
    assert given["input_ids"].shape == (5, 4 * 8)
    # The paragraph ends its window, and what follows begins the next.
    assert given["attention_mask"].numpy()[1].reshape(4, 8).sum(axis=1).tolist() == [7, 8, 3, 0]
    logits = saved.signatures[TOKENS](**given)["logits"]
    alone = [saved.signatures[ANSWER](text=tf.constant([text]))["scores"].numpy()[0] for text in TEXTS]
    together = np.sort(tf.nn.softmax(logits).numpy(), axis=1)[:, ::-1]
    np.testing.assert_allclose(together, alone, atol=1e-6)


def test_a_stock_server_has_all_its_ops(saved: Saved) -> None:
    found = operations(saved.folder)
    assert not missing(found, "2.20")
    assert not unservable(found)


def test_its_ids_are_held_against_the_references(saved: Saved) -> None:
    given = saved.signatures[ENCODE](text=tf.constant(TEXTS))
    ids = [
        row[mask > 0].tolist()
        for row, mask in zip(given["input_ids"].numpy(), given["attention_mask"].numpy(), strict=True)
    ]
    pieces = saved.trained.pieces
    made = reference(pieces.vocabulary, lower_case=True, max_length=None)
    windows = saved.trained.limits.windowing
    told = {"own": len(TEXTS), "limit": 0.0, "version": "the reference", "windows": windows}
    assert certify(made, ids, TEXTS, **told).different == 0
    ids[1] = ids[1][::-1]
    with pytest.raises(UsageError, match="gives other ids than the reference for 1 of 5 texts"):
        certify(made, ids, TEXTS, **told)


def test_paragraphs_of_texts_that_come_one_by_one(saved: Saved) -> None:
    breaks = paragraphs(saved.trained.pieces, TEXTS)
    assert [breaks[row].tolist() for row in range(len(TEXTS))] == [[], [5], [], [], []]
    assert len(paragraphs(saved.trained.pieces, [])) == len(tokenized(saved.trained.pieces, [])[0]) == 0
