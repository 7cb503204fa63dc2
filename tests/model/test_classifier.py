"""The network's files: PyTorch's names and layout, exact, whole or not at all; and what other libraries read."""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tensorflow as tf
import tf_keras as keras
from safetensors import SafetensorError
from safetensors.numpy import load_file, save_file
from small_networks import LABELS, PIECES, batch_of, network, small_files, values
from transformers import AutoConfig, AutoTokenizer, TFBertForSequenceClassification
from transformers.modeling_tf_pytorch_utils import load_pytorch_state_dict_in_tf2_model

from tfclassify.errors import UsageError
from tfclassify.model import classifier
from tfclassify.model.classifier import BertClassifier, load_weights, outputs, save_weights
from tfclassify.model.dropout import drawn_from
from tfclassify.model.interchange import save_huggingface
from tfclassify.model.weights import Found

Arrays = dict[str, np.ndarray]

LAYER = "bert.encoder.layer.0"
DENSE = (
    f"{LAYER}.attention.self.query",
    f"{LAYER}.attention.self.key",
    f"{LAYER}.attention.self.value",
    f"{LAYER}.attention.output.dense",
)
NORMS = ("bert.embeddings.LayerNorm", f"{LAYER}.attention.output.LayerNorm", f"{LAYER}.output.LayerNorm")
# Those of BertForSequenceClassification in PyTorch, whose kernels are [out, in].
SHAPES = {
    "bert.embeddings.word_embeddings.weight": (len(PIECES), 8),
    "bert.embeddings.position_embeddings.weight": (16, 8),
    "bert.embeddings.token_type_embeddings.weight": (2, 8),
    **{f"{name}.{part}": (8,) for name in NORMS for part in ("weight", "bias")},
    **{f"{name}.weight": (8, 8) for name in (*DENSE, "bert.pooler.dense")},
    **{f"{name}.bias": (8,) for name in (*DENSE, "bert.pooler.dense")},
    f"{LAYER}.intermediate.dense.weight": (16, 8),
    f"{LAYER}.intermediate.dense.bias": (16,),
    f"{LAYER}.output.dense.weight": (8, 16),
    f"{LAYER}.output.dense.bias": (8,),
    "classifier.weight": (3, 8),
    "classifier.bias": (3,),
}


@pytest.fixture(scope="module")
def small(tmp_path_factory: pytest.TempPathFactory) -> Found:
    return small_files(tmp_path_factory.mktemp("model") / "small")


@pytest.fixture(scope="module")
def first(small: Found) -> BertClassifier:
    """A network that no test changes."""
    return network(small)


@pytest.fixture(scope="module")
def other(small: Found) -> BertClassifier:
    """A network with other weights, which tests load weights into."""
    return network(small, seed=1)


@pytest.fixture
def changed(first: BertClassifier, tmp_path: Path) -> Callable[..., Path]:
    """Writes the first network's weights, changed by a function of the names and values."""

    def made(change: Callable[[Arrays], Arrays]) -> Path:
        save_weights(first, tmp_path / "whole.safetensors")
        file = tmp_path / "changed.safetensors"
        save_file(change(dict(load_file(tmp_path / "whole.safetensors"))), file)
        return file

    return made


def same(left: BertClassifier, right: BertClassifier) -> bool:
    mine, theirs = values(left), values(right)
    assert mine.keys() == theirs.keys()
    return all((mine[name] == theirs[name]).all() for name in mine)


# Weights


def test_names_and_shapes_are_pytorchs(first: BertClassifier, tmp_path: Path) -> None:
    save_weights(first, tmp_path / "model.safetensors")
    saved = load_file(tmp_path / "model.safetensors")
    assert {name: value.shape for name, value in saved.items()} == SHAPES
    assert {value.dtype for value in saved.values()} == {np.dtype(np.float32)}
    assert os.listdir(tmp_path) == ["model.safetensors"]


def test_values_are_in_pytorchs_layout(first: BertClassifier, tmp_path: Path) -> None:
    save_weights(first, tmp_path / "model.safetensors")
    saved, mine = load_file(tmp_path / "model.safetensors"), values(first)
    assert (saved["classifier.weight"] == mine["classifier/kernel:0"].T).all()
    words = mine["bert/embeddings/word_embeddings/weight:0"]
    assert (saved["bert.embeddings.word_embeddings.weight"] == words).all()


def test_what_is_saved_is_loaded_exactly(first: BertClassifier, other: BertClassifier, tmp_path: Path) -> None:
    save_weights(first, tmp_path / "one.safetensors")
    load_weights(other, tmp_path / "one.safetensors", complete=True)
    save_weights(other, tmp_path / "two.safetensors")
    assert same(first, other)
    assert (tmp_path / "one.safetensors").read_bytes() == (tmp_path / "two.safetensors").read_bytes()


def test_weights_that_cannot_be_saved_leave_those_before(
    first: BertClassifier, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    save_weights(first, tmp_path / "w.safetensors")
    before = (tmp_path / "w.safetensors").read_bytes()

    def full(*_: Any, **__: Any) -> None:
        raise SafetensorError("I/O error: No space left on device (os error 28)")

    monkeypatch.setattr(classifier, "save_file", full)
    with pytest.raises(OSError, match="No space left on device"):
        save_weights(first, tmp_path / "w.safetensors")
    assert [path.name for path in tmp_path.iterdir()] == ["w.safetensors"]
    assert (tmp_path / "w.safetensors").read_bytes() == before


def test_nothing_but_the_network_is_saved(small: Found, tmp_path: Path) -> None:
    """Neither what training keeps beside it (metrics, moments), nor the name of the second network of a process."""
    model = network(small)

    def step(model: BertClassifier, batch: dict[str, tf.Tensor]) -> tuple[tf.Tensor, tf.Tensor]:
        return tf.reduce_mean(outputs(model, batch, training=True)["logits"]), tf.constant(2.0)

    model.compile(optimizer=keras.optimizers.Adam(), step=step, run_eagerly=True)
    history = model.fit(tf.data.Dataset.from_tensors(batch_of(2, 4)), verbose=0)
    assert model.metrics
    assert np.isfinite(history.history["loss"]).all()
    save_weights(model, tmp_path / "model.safetensors")
    assert load_file(tmp_path / "model.safetensors").keys() == SHAPES.keys()


def test_a_file_that_cannot_be_finished_leaves_the_one_before(
    first: BertClassifier, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fails(state: Arrays, path: Path, **more: Any) -> None:
        Path(path).write_bytes(b"half")
        raise OSError(28, "No space left on device")

    (tmp_path / "model.safetensors").write_bytes(b"before")
    monkeypatch.setattr(classifier, "save_file", fails)
    with pytest.raises(OSError, match="No space left"):
        save_weights(first, tmp_path / "model.safetensors")
    assert os.listdir(tmp_path) == ["model.safetensors"]
    assert (tmp_path / "model.safetensors").read_bytes() == b"before"


# Files of others


def in_old_names(state: Arrays) -> Arrays:
    """As files of TensorFlow 1 were converted."""
    return {
        name.replace("LayerNorm.weight", "LayerNorm.gamma").replace("LayerNorm.bias", "LayerNorm.beta"): value
        for name, value in state.items()
    }


def without_owner(state: Arrays) -> Arrays:
    """As a bare encoder, such as a sentence encoder, is kept."""
    return {name.removeprefix("bert."): value for name, value in state.items()}


def with_more(state: Arrays) -> Arrays:
    """As a masked language model is kept, with what a newer PyTorch does not keep."""
    more = {"cls.predictions.bias": np.zeros(5, np.float32), "bert.embeddings.position_ids": np.arange(16)[None]}
    return {**state, **more}


@pytest.mark.parametrize("change", [in_old_names, without_owner, with_more])
def test_files_of_others_are_loaded(
    first: BertClassifier, other: BertClassifier, changed: Callable[..., Path], change: Callable[[Arrays], Arrays]
) -> None:
    load_weights(other, changed(lambda state: {name: np.zeros_like(value) for name, value in state.items()}))
    assert not same(first, other)
    load_weights(other, changed(change), complete=True)
    assert same(first, other)


@pytest.mark.parametrize("kind", [np.float16, tf.bfloat16.as_numpy_dtype])
def test_files_of_fewer_bits_are_loaded(
    first: BertClassifier, other: BertClassifier, changed: Callable[..., Path], kind: type
) -> None:
    load_weights(other, changed(lambda state: {name: value.astype(kind) for name, value in state.items()}))
    for name, value in values(first).items():
        np.testing.assert_array_equal(values(other)[name], value.astype(kind).astype(np.float32))


def without(*starts: str) -> Callable[[Arrays], Arrays]:
    return lambda state: {name: value for name, value in state.items() if not name.startswith(starts)}


def with_head_of_five(state: Arrays) -> Arrays:
    return {**state, "classifier.weight": np.ones((5, 8), np.float32), "classifier.bias": np.ones(5, np.float32)}


@pytest.mark.parametrize(
    ("change", "new"),
    [
        (without("classifier."), ["classifier/"]),
        (without("classifier.", "bert.pooler."), ["classifier/", "bert/pooler/"]),
        (with_head_of_five, ["classifier/"]),
    ],
)
def test_layers_that_are_new_have_the_random_weights_of_the_seed(
    small: Found,
    first: BertClassifier,
    changed: Callable[..., Path],
    change: Callable[[Arrays], Arrays],
    new: list[str],
) -> None:
    found = Found("small", small.folder, "folder", changed(change))
    mine, random = values(network(found, seed=7)), values(network(small, seed=7))
    for name, value in values(first).items():
        expected = random[name] if name.startswith(tuple(new)) else value
        np.testing.assert_array_equal(mine[name], expected, err_msg=name)
    assert not (random["classifier/kernel:0"] == values(first)["classifier/kernel:0"]).all()


def test_a_new_head_begins_at_the_biases_given_and_an_earlier_one_keeps_its_own(
    small: Found, changed: Callable[..., Path]
) -> None:
    given, own = np.array([-1, 0, 2], np.float32), np.array([5, 6, 7], np.float32)
    for change, expected in [
        (without("classifier."), given),
        (lambda state: {**state, "classifier.bias": own}, own),
    ]:
        found = Found("small", small.folder, "folder", changed(change))
        np.testing.assert_array_equal(network(found, bias=given).classifier.bias.numpy(), expected)
    assert not network(small).classifier.bias.numpy().any()


def refused(model: BertClassifier, file: Path, **more: Any) -> str:
    with pytest.raises(UsageError) as caught:
        load_weights(model, file, **more)
    return str(caught.value)


def test_a_layer_is_missing(other: BertClassifier, changed: Callable[..., Path]) -> None:
    file = changed(without(f"{LAYER}.output.dense.weight"))
    assert refused(other, file) == (
        f"{file}: bert.encoder.layer.0.output.dense.weight is not there; "
        "expected a BERT model with bert.encoder.layer.0.output.dense.weight of shape [8, 16]"
    )


def test_a_layer_is_of_another_size(other: BertClassifier, changed: Callable[..., Path]) -> None:
    name = "bert.embeddings.word_embeddings.weight"
    file = changed(lambda state: {**state, name: np.zeros((99, 8), np.float32)})
    assert refused(other, file) == (
        f"{file}: bert.embeddings.word_embeddings.weight is of shape [99, 8]; "
        "expected a BERT model with bert.embeddings.word_embeddings.weight of shape [30, 8]"
    )


@pytest.mark.parametrize(
    ("change", "found"),
    [(without("classifier."), "not there"), (with_head_of_five, "of shape [5, 8]")],
)
def test_of_a_finished_training_every_layer_is_expected(
    small: Found, changed: Callable[..., Path], change: Callable[[Arrays], Arrays], found: str
) -> None:
    file = changed(change)
    with pytest.raises(UsageError) as caught:
        network(small, weights=file)
    assert str(caught.value) == (
        f"{file}: classifier.weight is {found}; expected a BERT model with classifier.weight of shape [3, 8]"
    )


def test_files_that_are_none(other: BertClassifier, tmp_path: Path) -> None:
    file = tmp_path / "model.safetensors"
    expected = "expected a safetensors file"
    message = refused(other, file)
    assert message.startswith(f"{file} cannot be read: No such file")
    assert message.endswith(expected)
    file.write_bytes(b"version https://git-lfs.github.com/spec/v1\n")
    message = refused(other, file)
    assert message.startswith(f"{file} cannot be read: ")
    assert message.endswith(expected)


# What other libraries read


@pytest.fixture(scope="module")
def folder(first: BertClassifier, small: Found, tmp_path_factory: pytest.TempPathFactory) -> Path:
    made = tmp_path_factory.mktemp("huggingface") / "made"
    save_huggingface(first, made, found=small, lower_case=True)
    return made


def test_the_configuration(folder: Path) -> None:
    config = json.loads((folder / "config.json").read_text(encoding="utf-8"))
    expected = {
        "architectures": ["BertForSequenceClassification"],
        "model_type": "bert",
        "id2label": {"0": "a", "1": "b", "2": "c"},
        "label2id": {"a": 0, "b": 1, "c": 2},
        "problem_type": "single_label_classification",
        "classifier_dropout": 0.0,
        "hidden_size": 8,
        "vocab_size": len(PIECES),
    }
    assert {name: config.get(name) for name in expected} == expected
    assert sorted(os.listdir(folder)) == ["config.json", "model.safetensors", "tokenizer_config.json", "vocab.txt"]


def test_the_configuration_of_several_labels_a_row(tmp_path: Path) -> None:
    found = small_files(
        tmp_path / "model",
        architectures=["BertForMaskedLM"],
        id2label={"0": "old"},
        label2id={"old": 0},
        problem_type="regression",
    )
    save_huggingface(
        network(found, labels=("x", "y"), multilabel=True, dropout=0.25),
        tmp_path / "made",
        found=found,
        lower_case=False,
    )
    config = AutoConfig.from_pretrained(tmp_path / "made")
    assert config.problem_type == "multi_label_classification"
    assert (config.id2label, config.label2id, config.num_labels) == ({0: "x", 1: "y"}, {"x": 0, "y": 1}, 2)
    assert config.classifier_dropout == 0.25
    assert config.architectures == ["BertForSequenceClassification"]


@pytest.mark.parametrize(("lower_case", "expected"), [(True, [2, 5, 6, 7, 3]), (False, [2, 1, 3])])
def test_the_tokenizer(
    first: BertClassifier, small: Found, tmp_path: Path, lower_case: bool, expected: list[int]
) -> None:
    save_huggingface(first, tmp_path, found=small, lower_case=lower_case)
    tokenizer = AutoTokenizer.from_pretrained(tmp_path)
    assert tokenizer("a B c" if lower_case else "B")["input_ids"] == expected
    assert tokenizer.model_max_length == 16


def test_the_network_is_read_by_transformers(first: BertClassifier, folder: Path) -> None:
    theirs = TFBertForSequenceClassification(AutoConfig.from_pretrained(folder))
    theirs.build_in_name_scope()
    # Their own from_pretrained reads such files only where PyTorch is installed.
    state = dict(load_file(folder / "model.safetensors"))
    load_pytorch_state_dict_in_tf2_model(theirs, state, tf_inputs=False, allow_missing_keys=False)
    batch = batch_of(4, 9)
    inputs = {name: batch[name] for name in ("input_ids", "attention_mask", "token_type_ids")}
    mine = outputs(first, batch, training=False)["logits"].numpy()
    # Not to the last bit: the activation is one of our own.
    np.testing.assert_allclose(theirs(inputs, training=False).logits.numpy(), mine, rtol=1e-5, atol=1e-6)
    assert np.ptp(mine, axis=0).min() > 1e-3


def test_weights_that_are_there_already_are_not_written_again(
    first: BertClassifier, small: Found, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    kept = tmp_path / "best.safetensors"
    save_weights(first, kept)
    content = kept.read_bytes()
    for _ in range(2):
        save_huggingface(first, tmp_path / "linked", found=small, lower_case=True, weights=kept)
    assert os.path.samefile(kept, tmp_path / "linked" / "model.safetensors")

    def refuses(*paths: Path) -> None:
        raise OSError(18, "Invalid cross-device link")

    monkeypatch.setattr(os, "link", refuses)
    save_huggingface(first, tmp_path / "copied", found=small, lower_case=True, weights=kept)
    assert (tmp_path / "copied" / "model.safetensors").read_bytes() == content
    # What is saved later is another file.
    save_weights(network(small, seed=5), kept)
    assert (tmp_path / "linked" / "model.safetensors").read_bytes() == content


# What it computes


def test_padding_does_not_matter(first: BertClassifier) -> None:
    batch = batch_of(4, 9)
    longer = {name: tf.pad(batch[name], [[0, 0], [0, 5]]) for name in ("input_ids", "attention_mask", "token_type_ids")}
    short, long = (outputs(first, each, training=False)["logits"].numpy() for each in (batch, longer))
    np.testing.assert_allclose(short, long, atol=1e-6)
    shown = {**longer, "attention_mask": tf.ones_like(longer["input_ids"])}
    assert np.abs(outputs(first, shown, training=False)["logits"].numpy() - short).max() > 1e-3


def test_dropout_is_in_front_of_the_head(small: Found) -> None:
    model, batch = network(small, dropout=0.5), batch_of(4, 5)
    with drawn_from(0, tf.constant(0, tf.int64)):
        first, second = (outputs(model, batch, training=True)["logits"].numpy() for _ in range(2))
    assert np.abs(first - second).max() > 1e-3
    still = [outputs(model, batch, training=False)["logits"].numpy() for _ in range(2)]
    np.testing.assert_array_equal(*still)


def test_the_labels_are_kept(first: BertClassifier) -> None:
    assert tuple(first.config.id2label.values()) == LABELS
