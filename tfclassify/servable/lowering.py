"""Takes out of a SavedModel what only newer servers know and no servable needs, so that older ones load it too."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from tfclassify.servable.operations import read_saved_model

# It marks a variable before it is written to a checkpoint, which nobody does with a servable.
NOT_NEEDED = "DisableCopyOnRead"
# A name for debugging, and the name of a gradient that was not saved, which TensorFlow would warn of.
NOT_READ = ("debug_name", "_gradient_op_type")


def lower(folder: Path) -> None:
    """Rewrites ``saved_model.pb``, and drops the fingerprint of what it was before."""
    model = read_saved_model(folder)
    for graph in (meta.graph_def for meta in model.meta_graphs):
        _thin(graph.node)
        for function in graph.library.function:
            _forget(function, _thin(function.node_def))
    (folder / "saved_model.pb").write_bytes(model.SerializeToString(deterministic=True))
    (folder / "fingerprint.pb").unlink(missing_ok=True)


def _thin(nodes: Any) -> set[str]:
    """Removes nodes and attributes that are not needed; returns the names of the nodes."""
    removed = {node.name for node in nodes if node.op == NOT_NEEDED}
    kept = [node for node in nodes if node.name not in removed]
    for node in kept:
        for name in NOT_READ:
            node.attr.pop(name, None)
        inputs = [name for name in node.input if name.removeprefix("^") not in removed]
        if len(inputs) < len(node.input):
            del node.input[:]
            node.input.extend(inputs)
    copies = [type(node).FromString(node.SerializeToString()) for node in kept] if removed else []
    if removed:
        del nodes[:]
        nodes.extend(copies)
    return removed


def _forget(function: Any, removed: set[str]) -> None:
    """Drops the control outputs that nodes which are gone stood behind."""
    gone = [name for name, node in function.control_ret.items() if node in removed]
    for name in gone:
        del function.control_ret[name]
    kept = [name for name in function.signature.control_output if name not in gone]
    del function.signature.control_output[:]
    function.signature.control_output.extend(kept)
