"""A signature in bfloat16 answers as the exact one does, but for what bfloat16 leaves out."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tensorflow as tf

from tfclassify.export import Export
from tfclassify.hardware import multiplies_bfloat16
from tfclassify.serving import frozen, golden, session
from tfclassify.serving.served import direct
from tfclassify.serving.session import load_saved_model
from tfclassify.serving.status import Refusal

TEXTS = np.array(["a b c 1", "x y z 2", "", "d d d", "w"], object)


def test_the_same_names_labels_and_nearly_the_same_scores(toy_exported: Export) -> None:
    exact = load_saved_model(toy_exported.folder, name="toy", version=1, timeout_seconds=60)
    fast = load_saved_model(toy_exported.folder, name="toy", version=1, timeout_seconds=60, bfloat16=True)
    assert (exact.exact, fast.exact) == (True, False)
    expected, found = (each.call("serving_default", {"text": TEXTS}) for each in (exact, fast))
    assert found.keys() == expected.keys()
    for name, values in expected.items():
        assert found[name].shape == values.shape
        assert found[name].dtype == values.dtype
    assert found["label"].tolist() == expected["label"].tolist()
    np.testing.assert_allclose(found["scores"], expected["scores"], atol=0.05)
    encoded = [each.call("encode", {"text": TEXTS})["input_ids"] for each in (exact, fast)]
    np.testing.assert_array_equal(*encoded)
    for each in (exact, fast):
        each.close()


def test_constants_alone_change_nothing(toy_exported: Export, monkeypatch: pytest.MonkeyPatch) -> None:
    # TensorFlow fuses layer norms whose weights are constants, and adds 0.001 to their variances whatever they say.
    monkeypatch.setattr(frozen, "_in_bfloat16", lambda config: config)
    made = [
        load_saved_model(toy_exported.folder, name="toy", version=1, timeout_seconds=60, bfloat16=fast)
        for fast in (False, True)
    ]
    exact, constant = (each.call("serving_default", {"text": TEXTS})["scores"] for each in made)
    np.testing.assert_allclose(constant, exact, atol=1e-5)


@pytest.mark.skipif(not multiplies_bfloat16(), reason="this processor does not multiply bfloat16")
def test_it_is_another_number_format(toy_exported: Export) -> None:
    made = [
        load_saved_model(toy_exported.folder, name="toy", version=1, timeout_seconds=60, bfloat16=fast)
        for fast in (False, True)
    ]
    exact, fast = (each.call("serving_default", {"text": TEXTS})["scores"] for each in made)
    assert (exact != fast).any()


def test_its_self_test_allows_for_it(toy_exported: Export) -> None:
    loaded = load_saved_model(toy_exported.folder, name="toy", version=1, timeout_seconds=60, bfloat16=True)
    assert golden.check(direct(loaded, toy_exported.folder, threads=1))
    loaded.close()


def test_a_folder_without_a_model(tmp_path: Path) -> None:
    with pytest.raises(Refusal):
        load_saved_model(tmp_path, name="none", version=1, timeout_seconds=60, bfloat16=True)


def test_tables_come_along(tmp_path: Path) -> None:
    """A table is no constant, and would be an empty one in the session of another."""
    module = tf.Module()
    keys, values = tf.constant(["a", "b"]), tf.constant([5, 7], tf.int64)
    module.table = tf.lookup.StaticHashTable(tf.lookup.KeyValueTensorInitializer(keys, values), -1)
    module.weight = tf.Variable(2.0)

    @tf.function(input_signature=[tf.TensorSpec([None], tf.string, name="text")])
    def run(text: tf.Tensor) -> dict[str, tf.Tensor]:
        return {
            "found": module.table.lookup(text),
            "scaled": tf.cast(module.table.lookup(text), tf.float32) * module.weight,
        }

    tf.saved_model.save(module, str(tmp_path), signatures={"serving_default": run})
    loaded = load_saved_model(tmp_path, name="table", version=1, timeout_seconds=60, bfloat16=True)
    made = loaded.call("serving_default", {"text": np.array(["b", "c", "a"], object)})
    assert made["found"].tolist() == [7, -1, 5]
    assert made["scaled"].tolist() == [14.0, -2.0, 10.0]
    loaded.close()


def test_branches_are_part_of_the_graph_so_that_products_in_them_are_fused_too(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A function of their own would be given weights, which are cast for every batch then, and nothing is fused."""
    module = tf.Module()
    module.weight, module.bias = tf.Variable([[2.0]]), tf.Variable([1.0])

    @tf.function(input_signature=[tf.TensorSpec([None, 1], tf.float32, name="value")])
    def run(value: tf.Tensor) -> dict[str, tf.Tensor]:
        def product() -> tf.Tensor:
            return tf.nn.bias_add(tf.matmul(value, module.weight), module.bias)

        return {"made": tf.cond(tf.reduce_sum(value) > 0, product, lambda: -value)}

    tf.saved_model.save(module, str(tmp_path), signatures={"serving_default": run})
    made: list[frozen.Frozen] = []

    def kept(*given: Any, **named: Any) -> frozen.Frozen:
        made.append(frozen.frozen(*given, **named))
        return made[-1]

    monkeypatch.setattr(session, "frozen", kept)
    loaded = load_saved_model(tmp_path, name="branches", version=1, timeout_seconds=60, bfloat16=True)
    assert {"MatMul", "BiasAdd"} <= {each.type for each in made[0].session.graph.get_operations()}
    for value, expected in ((3.0, 7.0), (-3.0, 3.0)):
        found = loaded.call("serving_default", {"value": np.array([[value]], np.float32)})
        assert found["made"].tolist() == [[expected]]
    loaded.close()
