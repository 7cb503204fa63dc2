"""A signature with its weights as constants and its matrix products in bfloat16: less exact, and much faster.

With constants oneDNN puts the weights into its own order once, where variables would be cast and put into order anew
for every batch. The number format is an option of a session and does not travel in a SavedModel.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import tensorflow as tf
from numpy.typing import NDArray
from tensorflow.core.protobuf import config_pb2, rewriter_config_pb2
from tensorflow.python.framework.convert_to_constants import convert_variables_to_constants_v2

from tfclassify.serving.signatures import Signature


@dataclass(frozen=True)
class Frozen:
    """A session of one signature, with the names that its tensors have there."""

    session: Any
    signature: Signature


def frozen(
    folder: Path, name: str, signature: Signature, config: config_pb2.ConfigProto, *, tags: tuple[str, ...]
) -> Frozen:
    """Loads one signature of a SavedModel in bfloat16.

    Args:
        folder: of the SavedModel.
        name: of the signature.
        signature: as the SavedModel declares it.
        config: of the session that others of its signatures run in.
        tags: of the graph.
    """
    # Its functions do not keep its variables, so it has to be there until they are read.
    model = tf.saved_model.load(str(folder), tags=list(tags))
    # In functions of their own, branches would be given weights that are cast for every batch, and nothing were fused.
    function = convert_variables_to_constants_v2(model.signatures[name], lower_control_flow=True)
    given = {each.name.partition(":")[0]: each.name for each in function.inputs}
    # Of a signature's outputs only the order is kept, which is that of their names.
    made = dict(zip(sorted(signature.outputs), (each.name for each in function.outputs), strict=True))
    contents = _tables(model.signatures[name], {each.name for each in function.inputs})
    session = tf.compat.v1.Session(graph=tf.Graph(), config=_in_bfloat16(config))
    with session.graph.as_default():
        tables = {inside: _table(*content).resource_handle for inside, content in contents.items()}
        tf.import_graph_def(function.graph.as_graph_def(), name="", input_map=tables)
        session.run(tf.compat.v1.tables_initializer())
    inputs = {each: replace(info, name=given[each]) for each, info in signature.inputs.items()}
    outputs = {each: replace(info, name=made[each]) for each, info in signature.outputs.items()}
    return Frozen(session, replace(signature, inputs=inputs, outputs=outputs))


def _tables(function: Any, left: set[str]) -> dict[str, tuple[NDArray, NDArray]]:
    """Returns keys and values of the tables from texts to numbers that a function holds, by their tensors in it.

    Args:
        function: before its variables became constants.
        left: names of the tensors that it takes after that.

    Tables are resources as variables are, but no constants are made of them, and another session does not have them.
    """
    found = {}
    for outside, inside in function.graph.captures:
        if inside.name in left:
            keys, values = tf.raw_ops.LookupTableExportV2(table_handle=outside, Tkeys=tf.string, Tvalues=tf.int64)
            found[inside.name] = keys.numpy(), values.numpy()
    return found


def _table(keys: NDArray, values: NDArray) -> tf.lookup.StaticHashTable:
    content = tf.lookup.KeyValueTensorInitializer(keys, values, tf.string, tf.int64)
    # What is not in it gets a value of the graph's own.
    return tf.lookup.StaticHashTable(content, -1)


def _in_bfloat16(config: config_pb2.ConfigProto) -> config_pb2.ConfigProto:
    made = config_pb2.ConfigProto()
    made.CopyFrom(config)
    made.graph_options.rewrite_options.auto_mixed_precision_onednn_bfloat16 = rewriter_config_pb2.RewriterConfig.ON
    return made
