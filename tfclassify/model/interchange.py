"""A trained network in the files that other libraries read."""

from __future__ import annotations

import json
import os
import shutil
from pathlib import Path
from typing import Any

from safetensors.numpy import save_file

from tfclassify.model.classifier import BertClassifier, pytorch_state, save_weights
from tfclassify.model.exit_heads import EXIT_PREFIX
from tfclassify.model.weights import WEIGHTS_FILE, Found
from tfclassify.model.windowing import HIERARCHICAL
from tfclassify.model.windowing import PREFIX as WINDOWS_PREFIX

ENCODER_ALONE = """This is the encoder of a classifier of texts and features, for AutoModel and AutoTokenizer.

The classifier's head takes features beside the text, which no class of transformers does; it is in weights/best of the
run, and in its exports.
"""

LAYER_OVER_WINDOWS = """This is the encoder of a classifier of long texts, for AutoModel and AutoTokenizer.

A transformer layer over the windows of a text stands between it and the classifier's head, which no class of
transformers has; both are in weights/best of the run, and in its exports.
"""

ONE_WINDOW = """This reads texts of one window, of up to {length} tokens, and gives the classifier's logits for them.

Longer texts it cuts. The classifier reads up to {most} windows of them and pools their vectors, which no class of
transformers does; what it pools them by is in weights/best of the run, and in its exports.
"""


def save_huggingface(
    model: BertClassifier, folder: Path, *, found: Found, lower_case: bool, weights: Path | None = None
) -> None:
    """Writes what ``AutoModelForSequenceClassification`` and ``AutoTokenizer`` read, in PyTorch as well.

    Of a network with features, or with a layer over windows, it writes the encoder, for ``AutoModel``: no class of that
    library has such a head, and a part of it alone would give other answers without a word. Of one with other windows
    it writes what reads a single one, and says so in a README.md.

    Args:
        model: the network.
        folder: for config.json, vocab.txt, tokenizer_config.json and model.safetensors.
        found: the files of the model that it was made of.
        lower_case: whether the tokenizer lower-cases.
        weights: a file that holds the network's weights already; it is linked rather than written again.
    """
    folder.mkdir(parents=True, exist_ok=True)
    config = model.config
    alone = _encoder_alone(model)
    config.architectures = ["BertModel" if alone else "BertForSequenceClassification"]
    config.save_pretrained(folder)
    shutil.copyfile(found.vocabulary, folder / "vocab.txt")
    (folder / "tokenizer_config.json").write_text(_tokenizer_config(config, lower_case), encoding="utf-8")
    if alone:
        _save_part(model, folder, prefix="bert.")
        (folder / "README.md").write_text(alone, encoding="utf-8")
        return
    if model.windows is not None:
        (folder / "README.md").write_text(ONE_WINDOW.format(**vars(model.windows.windowed)), encoding="utf-8")
    if model.exits is not None or model.windows is not None:
        # What that library reads has the last head alone, and is whole without the others and without pools.
        _save_part(model, folder)
        return
    if weights is None:
        save_weights(model, folder / WEIGHTS_FILE)
        return
    (folder / WEIGHTS_FILE).unlink(missing_ok=True)
    try:
        os.link(weights, folder / WEIGHTS_FILE)
    except OSError:
        # Not every file system has hard links.
        shutil.copyfile(weights, folder / WEIGHTS_FILE)


def _encoder_alone(model: BertClassifier) -> str:
    """Returns what is to be said where only the encoder is of use to others, else nothing."""
    if model.join is not None:
        return ENCODER_ALONE
    over_windows = model.windows is not None and model.windows.windowed.pool == HIERARCHICAL
    return LAYER_OVER_WINDOWS if over_windows else ""


def _save_part(model: BertClassifier, folder: Path, *, prefix: str = "") -> None:
    """Saves the weights whose names begin so, without it, and none of early exits and windows."""
    state = {
        name.removeprefix(prefix): value
        for name, value in pytorch_state(model).items()
        if name.startswith(prefix) and not name.startswith((EXIT_PREFIX, WINDOWS_PREFIX))
    }
    (folder / WEIGHTS_FILE).unlink(missing_ok=True)
    save_file(state, folder / WEIGHTS_FILE, metadata={"format": "pt"})


def _tokenizer_config(config: Any, lower_case: bool) -> str:
    return json.dumps(
        {
            "tokenizer_class": "BertTokenizer",
            "do_lower_case": lower_case,
            "model_max_length": config.max_position_embeddings,
        },
        indent=2,
    )
