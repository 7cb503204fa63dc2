"""The exported graph: raw texts in, answers out, with everything between inside, and the signatures around it."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any, cast

import numpy as np
import tensorflow as tf

from tfclassify.learning.long_texts import windowed_of
from tfclassify.learning.prediction import Forward
from tfclassify.learning.trained import Trained
from tfclassify.model.answer import Answering, answers
from tfclassify.model.features import encode as encode_features
from tfclassify.model.features import input_specs, tables
from tfclassify.model.routes import INPUTS, Routed, whole
from tfclassify.model.windowing import naming_windows
from tfclassify.text.packing_ops import Tokens, pack
from tfclassify.text.paragraphs import with_breaks
from tfclassify.text.windows_ops import pack_windows
from tfclassify.text.word_pieces import SpecialIds, read_vocabulary, special_ids

ANSWER, TOKENS, ENCODE = "serving_default", "tokens", "encode"
TEXT, TEXT_B = "text", "text_b"
# Scopes in the graph, by which its stages are told apart.
PACKING, ANSWERS = "packing", "answers"


def save(trained: Trained, folder: Path, *, pairs: bool) -> None:
    """Writes the SavedModel of a classifier.

    Signatures: ``serving_default`` (``text`` string[B], of pairs ``text_b`` too) gives answers; ``tokens`` (ids, mask
    and types int32[B, L]) gives ``logits`` float32[B, C], for hosts without TensorFlow Text; ``encode`` (texts) gives
    the ids, mask and types that the network would see. Each feature is one input more of all three, as it is: a number
    float32[B], NaN where it is missing, or a category string[B], "" where it is missing; ``encode`` gives them encoded.

    Args:
        trained: the classifier; the number format is that of the process.
        folder: a new folder.
        pairs: whether it answers pairs of texts.
    """
    module = tf.Module()
    # Only the variables are kept: a Keras model would bring the graphs of its training along.
    module.weights = _variables(trained)
    texts = {name: tf.TensorSpec([None], tf.string, name=name) for name in ([TEXT, TEXT_B] if pairs else [TEXT])}
    tokens = {name: tf.TensorSpec([None, None], tf.int32, name=name) for name in INPUTS}
    features = {} if trained.features is None else input_specs(trained.features)
    module.tables = [] if trained.features is None else tables(trained.features)
    answer = tf.function(lambda **given: _answer(trained, given), autograph=False)
    logits = tf.function(lambda **given: _logits(trained, given), autograph=False)
    encode = tf.function(lambda **given: _encode(trained, given), autograph=False)
    signatures = {
        ANSWER: answer.get_concrete_function(**texts, **features),
        TOKENS: logits.get_concrete_function(**tokens, **features),
        ENCODE: encode.get_concrete_function(**texts, **features),
    }
    # A gradient nobody takes would only be more graph.
    options = tf.saved_model.SaveOptions(experimental_custom_gradients=False)
    tf.saved_model.save(module, str(folder), signatures=signatures, options=options)


def _answer(trained: Trained, given: dict[str, tf.Tensor]) -> dict[str, tf.Tensor]:
    tokens, masked = _encoded(trained, given)
    routed = _routed(trained, {**given, **tokens})
    how = Answering(
        trained.labels.names,
        trained.labels.multilabel,
        trained.temperature,
        trained.threshold,
        trained.scope_threshold,
    )
    with tf.name_scope(ANSWERS):
        return answers(routed, masked, how)


def _logits(trained: Trained, given: dict[str, tf.Tensor]) -> dict[str, tf.Tensor]:
    return {"logits": _routed(trained, given).logits}


def _routed(trained: Trained, given: dict[str, tf.Tensor]) -> Routed:
    tokens = {name: given[name] for name in INPUTS}
    # Where texts may leave early none has several windows.
    whole_pass = naming_windows(whole(_forward(trained)), windowed_of(trained.settings.text))
    network = whole_pass if trained.early is None else trained.early.leaving.run
    return network({**tokens, **_features(trained, given)})


def _features(trained: Trained, given: dict[str, tf.Tensor]) -> dict[str, tf.Tensor]:
    if trained.features is None:
        return {}
    return encode_features(trained.features, given, rows=tf.shape(given[trained.features.names[0]])[0])


def _forward(trained: Trained) -> Forward:
    return trained.answering or trained.forward


def _encode(trained: Trained, given: dict[str, tf.Tensor]) -> Tokens:
    return {**_encoded(trained, given)[0], **_features(trained, given)}


def _encoded(trained: Trained, given: dict[str, tf.Tensor]) -> tuple[Tokens, tf.Tensor]:
    """Returns the tokens of B texts or pairs, and how many spans of each were masked, int32[B]."""
    prepared = {name: trained.pieces.prepared(given[name]) for name in (TEXT, TEXT_B) if name in given}
    texts = {name: each for name, (each, _) in prepared.items()}
    masked = tf.add_n([count for _, count in prepared.values()])
    return _packed(trained, texts, special_ids(read_vocabulary(trained.pieces.vocabulary))), masked


def _packed(trained: Trained, texts: Mapping[str, tf.Tensor], special: SpecialIds) -> Tokens:
    tokenize, limits = trained.pieces.tokenize, trained.limits
    if limits.windowing is not None:
        pieces, breaks = with_breaks(tokenize, texts[TEXT])
        with tf.name_scope(PACKING):
            return pack_windows(pieces, limits.windowing, special=special, breaks=breaks)
    made = {name: tokenize(each) for name, each in texts.items()}
    with tf.name_scope(PACKING):
        return pack(made[TEXT], made.get(TEXT_B), max_length=limits.max_length, special=special)


def parameters(trained: Trained) -> int:
    """Returns how many numbers the weights are."""
    return sum(int(np.prod(variable.shape)) for variable in _variables(trained))


def _variables(trained: Trained) -> list[tf.Variable]:
    if trained.early is not None:
        return list(trained.early.leaving.variables)
    return list(cast(Any, _forward(trained)).get_concrete_function().variables)
