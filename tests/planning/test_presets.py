"""Sizes against the networks themselves."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import tensorflow as tf
from transformers import BertConfig, TFBertForSequenceClassification

from tfclassify.planning.presets import PRESETS, EncoderSize

LABELS = 3
PUBLISHED_MILLIONS = {
    "bert-tiny": 4.4,
    "bert-mini": 11.2,
    "bert-small": 28.8,
    "bert-medium": 41.4,
    "bert-base": 109.5,
    "bert-base-cased": 108.3,
    "bert-large": 335.1,
    "bert-base-chinese": 102.3,
    "multilingual": 177.9,
    "minilm": 22.7,
    "minilm-l12": 33.4,
}


def config_of(size: EncoderSize) -> BertConfig:
    return BertConfig(
        num_hidden_layers=size.layers,
        hidden_size=size.width,
        num_attention_heads=size.heads,
        intermediate_size=size.intermediate,
        vocab_size=size.vocabulary,
        max_position_embeddings=size.positions,
        num_labels=LABELS,
    )


@pytest.mark.parametrize(
    "size",
    [PRESETS["random-tiny"].size, EncoderSize(1, 8, 1, 24, 50, 16), EncoderSize(3, 16, 4, 64, 200, 32)],
    ids=["random-tiny", "one layer", "three layers"],
)
def test_parameters_are_those_of_the_network(size: EncoderSize) -> None:
    model = TFBertForSequenceClassification(config_of(size))
    model.build_in_name_scope()
    counted = {variable.name: int(tf.size(variable)) for variable in model.weights}
    head = size.width * LABELS + LABELS
    looked_up = sum(count for name, count in counted.items() if "embeddings" in name and "LayerNorm" not in name)
    assert size.parameters == sum(counted.values()) - head
    assert size.embedding_parameters == looked_up
    assert size.layer_parameters == sum(count for name, count in counted.items() if "embeddings" not in name) - head


@pytest.mark.parametrize("name", PUBLISHED_MILLIONS)
def test_presets_are_of_their_published_size(name: str) -> None:
    assert PRESETS[name].size.parameters / 1e6 == pytest.approx(PUBLISHED_MILLIONS[name], abs=0.06)


@pytest.mark.parametrize("name", PRESETS)
def test_presets_are_sound(name: str) -> None:
    size = PRESETS[name].size
    assert size.width % size.heads == 0
    assert size.intermediate > size.width
    assert size.positions == 512
    assert (PRESETS[name].hub_name == "") == (name == "random-tiny")


def test_hub_names_are_of_one_model_each() -> None:
    names = [preset.hub_name for preset in PRESETS.values()]
    assert len(set(names)) == len(names)


@pytest.mark.shared
def test_minilm_is_of_the_size_that_its_authors_say(shared: Path) -> None:
    config = json.loads((shared / "models" / "all-MiniLM-L6-v2" / "config.json").read_text(encoding="utf-8"))
    size = PRESETS["minilm"].size
    assert (size.layers, size.width, size.heads) == (
        config["num_hidden_layers"],
        config["hidden_size"],
        config["num_attention_heads"],
    )
    assert (size.intermediate, size.vocabulary, size.positions) == (
        config["intermediate_size"],
        config["vocab_size"],
        config["max_position_embeddings"],
    )
