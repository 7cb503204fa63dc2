"""The pass on which every text goes through all of the network."""

from __future__ import annotations

import tensorflow as tf

from tfclassify.model.features import CATEGORIES, NUMBERS
from tfclassify.model.routes import INPUTS, whole


def test_every_text_goes_through_all_of_the_network() -> None:
    tokens = {name: tf.fill([2, 4], place) for place, name in enumerate(INPUTS)}
    routed = whole(lambda ids, mask, types: tf.cast(ids + mask - types, tf.float32))(tokens)
    assert routed.logits.numpy().tolist() == [[-1.0] * 4] * 2
    assert routed.route.numpy().tolist() == [b"full"] * 2


def test_features_come_after_the_tokens() -> None:
    given = {name: tf.zeros([2, 4], tf.int32) for name in INPUTS}
    features = {CATEGORIES: tf.fill([2, 1], 7), NUMBERS: tf.fill([2, 1], 3.0)}
    routed = whole(lambda ids, mask, types, numbers, categories: numbers + tf.cast(categories, tf.float32))
    assert routed({**given, **features}).logits.numpy().tolist() == [[10.0]] * 2
