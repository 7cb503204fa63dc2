"""The exported graph: raw texts in, answers out, with everything between inside, and the signatures around it."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any, cast

import numpy as np
import tensorflow as tf

from tfclassify.learning.long_texts import windowed_of
from tfclassify.learning.prediction import Forward
from tfclassify.learning.trained import Trained, posts_of
from tfclassify.model.answer import Answering, answers
from tfclassify.model.cascades import answering, looked_up, stacked
from tfclassify.model.features import encode as encode_features
from tfclassify.model.features import input_specs, tables
from tfclassify.model.ngrams import NgramOps, in_graph
from tfclassify.model.routes import INPUTS, PIECES, PIECES_B, TEXT, TEXT_B, Routed, before, whole
from tfclassify.model.rules import ruled
from tfclassify.model.windowing import naming_windows
from tfclassify.text.packing_ops import Tokens, pack
from tfclassify.text.paragraphs import with_breaks
from tfclassify.text.windows_ops import pack_windows
from tfclassify.text.word_pieces import SpecialIds, put_together, read_vocabulary, special_ids

ANSWER, TOKENS, ENCODE = "serving_default", "tokens", "encode"
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
    baseline = None if trained.baseline is None else in_graph(trained.baseline.model)
    module.baseline = [] if baseline is None else list(baseline.variables)
    module.tables = [] if trained.features is None else tables(trained.features)
    answer = tf.function(lambda **given: _answer(trained, baseline, given), autograph=False)
    logits = tf.function(lambda **given: _logits(trained, baseline, given), autograph=False)
    encode = tf.function(lambda **given: _encode(trained, given), autograph=False)
    signatures = {
        ANSWER: answer.get_concrete_function(**texts, **features),
        TOKENS: logits.get_concrete_function(**tokens, **features),
        ENCODE: encode.get_concrete_function(**texts, **features),
    }
    # A gradient nobody takes would only be more graph.
    options = tf.saved_model.SaveOptions(experimental_custom_gradients=False)
    tf.saved_model.save(module, str(folder), signatures=signatures, options=options)


def _answer(trained: Trained, baseline: NgramOps | None, given: dict[str, tf.Tensor]) -> dict[str, tf.Tensor]:
    texts = _texts(trained, given)
    tokens = _packed(trained, texts)
    seen = {**texts.mapped, **dict(zip((PIECES, PIECES_B), texts.pieces.values(), strict=False)), **tokens}
    routed = _routed(trained, baseline, {**seen, **_features(trained, given)})
    how = Answering(
        trained.labels.names,
        trained.labels.multilabel,
        trained.temperature,
        trained.threshold,
        trained.scope_threshold,
        ruled=bool(trained.settings.answer.rules),
    )
    with tf.name_scope(ANSWERS):
        return answers(routed, texts.masked, how)


def _logits(trained: Trained, baseline: NgramOps | None, given: dict[str, tf.Tensor]) -> dict[str, tf.Tensor]:
    tokens = {name: _with_a_column(given[name]) for name in INPUTS}
    return {"logits": _routed(trained, baseline, {**tokens, **_features(trained, given)}).logits}


def _with_a_column(values: tf.Tensor) -> tf.Tensor:
    """Returns int32[B, L] of at least one column, which is of padding: nobody is kept from sending none."""
    return tf.pad(values, [[0, 0], [0, tf.maximum(1 - tf.shape(values)[1], 0)]])


def _routed(trained: Trained, baseline: NgramOps | None, given: dict[str, tf.Tensor]) -> Routed:
    """Puts before the network what may answer without it: of texts rules, and the baseline where it is sure."""
    posts = posts_of(trained)
    network = whole(_forward(trained)) if trained.early is None else trained.early.leaving.run
    found = naming_windows(network, windowed_of(trained.settings.text))
    if posts.baseline is not None and baseline is not None:
        # Of a network that texts leave early each way out adds the baseline for itself.
        if posts.baseline.stack is not None and trained.early is None:
            found = stacked(found, posts.baseline)
        if posts.baseline.margin is not None:
            found = before(answering(posts.baseline, posts.scale), found)
        found = looked_up(baseline, _special(trained), found)
    if posts.rules and TEXT in given:
        found = before(ruled(posts.rules, posts.certain), found)
    return found(given)


def _features(trained: Trained, given: dict[str, tf.Tensor]) -> dict[str, tf.Tensor]:
    if trained.features is None:
        return {}
    return encode_features(trained.features, given, rows=tf.shape(given[trained.features.names[0]])[0])


def _forward(trained: Trained) -> Forward:
    return trained.answering or trained.forward


def _encode(trained: Trained, given: dict[str, tf.Tensor]) -> Tokens:
    return {**_packed(trained, _texts(trained, given)), **_features(trained, given)}


@dataclass(frozen=True)
class _Texts:
    """B texts or pairs by name, as the maps left them, their word pieces, and how many spans of each were masked.

    Unknown words are told apart in ``pieces`` where there is a baseline, which is all that minds. ``breaks`` are where
    paragraphs begin, of texts that are read in windows.
    """

    mapped: dict[str, tf.Tensor]
    pieces: dict[str, tf.RaggedTensor]
    masked: tf.Tensor
    breaks: tf.RaggedTensor | None = None


def _texts(trained: Trained, given: dict[str, tf.Tensor]) -> _Texts:
    prepared = {name: trained.pieces.prepared(given[name]) for name in (TEXT, TEXT_B) if name in given}
    mapped = {name: texts for name, (texts, _) in prepared.items()}
    tokenize = trained.pieces.tokenize if trained.baseline is None else trained.pieces.told_apart
    pieces, breaks = {}, None
    for name, texts in mapped.items():
        if trained.limits.windowing is None:
            pieces[name] = tokenize(texts)
        else:
            pieces[name], breaks = with_breaks(tokenize, texts)
    return _Texts(mapped, pieces, tf.add_n([count for _, count in prepared.values()]), breaks)


def _packed(trained: Trained, texts: _Texts) -> Tokens:
    limits = trained.limits
    with tf.name_scope(PACKING):
        pieces = texts.pieces
        if trained.baseline is not None:
            pieces = {name: put_together(each, trained.pieces.unknown) for name, each in pieces.items()}
        first, second = pieces[TEXT], pieces.get(TEXT_B)
        if limits.windowing is not None:
            return pack_windows(first, limits.windowing, special=_special(trained), breaks=texts.breaks)
        return pack(first, second, max_length=limits.max_length, special=_special(trained))


def _special(trained: Trained) -> SpecialIds:
    return special_ids(read_vocabulary(trained.pieces.vocabulary))


def parameters(trained: Trained) -> int:
    """Returns how many numbers the weights are."""
    baseline = 0 if trained.baseline is None else trained.baseline.model.size
    return baseline + sum(int(np.prod(variable.shape)) for variable in _variables(trained))


def _variables(trained: Trained) -> list[tf.Variable]:
    if trained.early is not None:
        return list(trained.early.leaving.variables)
    return list(cast(Any, _forward(trained)).get_concrete_function().variables)
