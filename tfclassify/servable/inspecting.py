"""What is in an exported graph, read from the graph: stages, parameters, floating-point work, ops, signatures."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from math import prod
from typing import Any

from tensorflow.dtypes import as_dtype

from tfclassify.model import ngrams, rules, windowing
from tfclassify.model.exit_heads import SCOPE as EXITS
from tfclassify.model.exits import STACK
from tfclassify.model.joining import SCOPE
from tfclassify.servable.graph import ANSWERS, PACKING
from tfclassify.servable.opened import Servable
from tfclassify.servable.operations import operations, read_saved_model
from tfclassify.serving.signatures import TensorInfo

EXIT = re.compile(rf"/{EXITS}/(\d+)/")
LAYER = re.compile(r"/encoder/layer_\._(\d+)/")
# Pieces of word tables of words, and of what is cut out of them, come from one function.
WORD_PIECES = "tokenize"
MATRIX = "/kernel"
CHOICE = "window choice"
VARIABLE = "VarHandleOp"


@dataclass(frozen=True)
class Stage:
    """A stage of the graph: a name, what it does, shapes in and out, and the names of its nodes in the graph."""

    name: str
    text: str
    inputs: tuple[str, ...]
    outputs: tuple[str, ...]


def inspect_servable(servable: Servable) -> dict[str, Any]:
    """Describes a version of a servable: the argument of ``picture``.

    Floating-point operations are per token of a text as long as the encoder takes: two for each weight of a matrix,
    and four per width and token of the text for the two products of attention.
    """
    facts, found = servable.facts, read_saved_model(servable.folder)
    weights = _weights(found)
    ops = _ops_by_stage(found)
    length = int(facts["max_length"])
    stages = [_described(stage, weights, ops, length) for stage in _stages(facts, weights)]
    files = [path for path in servable.folder.rglob("*") if path.is_file()]
    return {
        "name": facts["name"],
        "version": facts["version"],
        "stages": stages,
        "signatures": {
            name: {"inputs": _tensors(each.inputs), "outputs": _tensors(each.outputs)}
            for name, each in sorted(servable.loaded.signatures.items())
            # TensorFlow keeps an op of its own for loading among the signatures.
            if not name.startswith("__")
        },
        "ops": dict(sorted(operations(servable.folder).counts.items(), key=lambda pair: (-pair[1], pair[0]))),
        "lowest_server": facts["lowest_server"],
        "parameters": sum(map(prod, weights.values())),
        "size_bytes": sum(path.stat().st_size for path in files),
    }


def _stages(facts: Mapping[str, Any], weights: Mapping[str, Sequence[int]]) -> Iterator[Stage]:
    width = next(
        shape[-1] for name, shape in weights.items() if "word_embeddings" in name or "/embeddings/weight" in name
    )
    classes, length, windows = len(facts["labels"]), f"L ≤ {facts['max_length']}", int(facts.get("windows", 1))
    # Rows of the encoder: texts, or windows of them.
    rows, share = "B" if windows == 1 else "B * K", float(facts.get("chosen_share", 1.0))
    tokens, vectors = f"int32[{rows}, {length}]", f"float32[{rows}, {length}, {width}]"
    packed = tokens if windows == 1 else f"int32[B, K * L], K ≤ {windows}, {length}"
    texts = ("text string[B]", *(["text_b string[B]"] if facts["pairs"] else []))
    kinds = facts["data"].get("features", {})
    exits = {int(found[1]) for name in weights if (found := EXIT.search(f"/{name}"))}
    yield Stage("word pieces", "characters, words, word pieces", texts, ("int32[B, None]",))
    yield Stage("packing", "[CLS] and [SEP], cut, padded to the longest", ("int32[B, None]",), (packed,) * 3)
    yield from _before_the_network(facts, weights, texts, packed)
    if share < 1.0:
        text = (
            f"{share:.0%} of the windows of each text, rounded up, by a score of their words; the others go no further"
        )
        yield Stage(CHOICE, text, (packed,) * 2, (tokens,) * 2)
    yield Stage("embeddings", "words, positions, types", (packed if share == 1.0 else tokens,) * 2, (vectors,))
    for number in sorted({int(found[1]) for name in weights if (found := LAYER.search(f"/{name}"))}):
        yield Stage(f"layer {number + 1}", "attention and feed-forward", (vectors, tokens), (vectors,))
        if number + 1 in exits:
            yield _exit(number + 1, facts, vectors)
    yield Stage("pooling", "the vector of [CLS]", (vectors,), (f"float32[{rows}, {width}]",))
    if windows > 1:
        text = f"up to {windows} of a text, each a row for the encoder; their vectors pooled"
        yield Stage("windows", text, (f"float32[B * K, {width}]",), (f"float32[B, {width}]",))
    if kinds:
        given = tuple(f"{name} {'float32' if kind == 'number' else 'string'}[B]" for name, kind in kinds.items())
        text = "numbers normalised, categories looked up, a layer over them and the text's vector"
        logits = (f"float32[B, {classes}], added to the head's",)
        yield Stage("features", text, (*given, f"float32[B, {width}]"), logits)
    yield Stage("head", "a logit per label", (f"float32[B, {width}]",), (f"logits float32[B, {classes}]",))
    if (facts.get("baseline") or {}).get("stack"):
        text = "the network's logits and the baseline's, weighted and added"
        both = (f"logits float32[B, {classes}]", f"baseline logits float64[B, {classes}]")
        yield Stage("stack", text, both, both[:1])
    outputs = ("labels", "scores", "label", "score", "in_scope", "scope_score", "route", "rule", "masked")
    yield Stage("answer", "calibration, scope, names by falling score", (f"logits float32[B, {classes}]",), outputs)


def _exit(layer: int, facts: Mapping[str, Any], vectors: str) -> Stage:
    classes = len(facts["labels"])
    text, given = "texts that are sure enough of a label leave, the others go on", [vectors]
    if any(each["layer"] == layer and each["stack"] for each in facts.get("exits", ())):
        text = f"the baseline's logits are added; {text}"
        given.append(f"baseline logits float64[B, {classes}]")
    return Stage(f"exit {layer}", text, tuple(given), (f"logits float32[B, {classes}]", vectors))


def _before_the_network(
    facts: Mapping[str, Any], weights: Mapping[str, Sequence[int]], texts: tuple[str, ...], tokens: str
) -> Iterator[Stage]:
    """Gives the stages that settle texts without the network, each with what goes on from it."""
    if count := len(facts.get("rules", ())):
        text = f"texts that one of {count} patterns is found in have its label; the others go on"
        yield Stage("rules", text, texts, (tokens,))
    if baseline := facts.get("baseline"):
        buckets = next(shape[0] for name, shape in weights.items() if name.endswith(f"{ngrams.SCOPE}/places"))
        said = f"baseline logits float64[B, {len(facts['labels'])}]"
        sure = "; texts that it is sure of leave, the others go on" if baseline["margin"] is not None else ""
        text = f"1- and 2-grams of word pieces in {buckets:,} buckets, a linear model over them{sure}"
        yield Stage("baseline", text, ("int32[B, None]",), (tokens, said))


def _described(
    stage: Stage, weights: Mapping[str, Sequence[int]], ops: Mapping[str, int], length: int
) -> dict[str, Any]:
    own = {name: shape for name, shape in weights.items() if stage_of(name) == stage.name}
    work = sum(2 * prod(shape) for name, shape in own.items() if name.endswith(MATRIX))
    if stage.name.startswith("layer "):
        width = next(shape[0] for name, shape in own.items() if name.endswith("query/kernel"))
        work += 4 * width * length
    # Behind the encoder the work is done once for a text, not for each of its tokens.
    behind = stage.name in ("pooling", "windows", "features", "head") or stage.name.startswith("exit ")
    per_token = work // length if behind else work
    return {
        "name": stage.name,
        "text": stage.text,
        "inputs": list(stage.inputs),
        "outputs": list(stage.outputs),
        "parameters": sum(map(prod, own.values())),
        "flops_per_token": per_token,
        "ops": ops.get(stage.name, 0),
    }


def stage_of(name: str) -> str | None:
    """Returns the stage that a node or a variable of the graph belongs to, by the scope in its name."""
    exit_ = EXIT.search(f"/{name}")
    if exit_:
        return f"exit {exit_[1]}"
    layer = LAYER.search(f"/{name}")
    if layer:
        return f"layer {int(layer[1]) + 1}"
    scopes = {
        f"/{PACKING}/": "packing",
        f"/{ANSWERS}/": "answer",
        "/bert/embeddings/": "embeddings",
        "/bert/pooler/": "pooling",
        "/classifier/": "head",
        f"/{SCOPE}/": "features",
        f"/{windowing.SCOPE}/{windowing.SCORER}/": CHOICE,
        f"/{windowing.SCOPE}/": "windows",
        f"/{rules.SCOPE}/": "rules",
        f"/{ngrams.SCOPE}/": "baseline",
        f"/{STACK}/": "stack",
    }
    return next((stage for scope, stage in scopes.items() if scope in f"/{name}"), None)


def _ops_by_stage(found: Any) -> Counter[str]:
    """Counts the nodes of each stage along the way from texts to answers."""
    counts: Counter[str] = Counter()
    library = {function.signature.name: function for function in found.meta_graphs[0].graph_def.library.function}
    name = found.meta_graphs[0].signature_def["serving_default"].outputs["label"].name.partition(":")[0]
    start = next(node for node in found.meta_graphs[0].graph_def.node if node.name == name)
    for function, node in _reached(start, library):
        stage = "word pieces" if WORD_PIECES in function else stage_of(node.name)
        if stage is not None and node.op not in library:
            counts[stage] += 1
    return counts


def _reached(start: Any, library: Mapping[str, Any]) -> Iterator[tuple[str, Any]]:
    waiting, seen = [("", start)], set[str]()
    while waiting:
        within, node = waiting.pop()
        yield within, node
        for called in {value.func.name for value in node.attr.values() if value.func.name} - seen:
            seen.add(called)
            # What a function for word pieces calls is part of it, whatever its own name.
            inside = within if WORD_PIECES in within else called
            waiting.extend((inside, each) for each in library[called].node_def)


def _weights(found: Any) -> dict[str, tuple[int, ...]]:
    nodes = found.meta_graphs[0].graph_def.node
    return {
        node.attr["shared_name"].s.decode(): tuple(dim.size for dim in node.attr["shape"].shape.dim)
        for node in nodes
        if node.op == VARIABLE
    }


def _tensors(tensors: Mapping[str, TensorInfo]) -> dict[str, Any]:
    return {
        name: {"dtype": as_dtype(info.dtype).name, "shape": None if info.shape is None else list(info.shape)}
        for name, info in sorted(tensors.items())
    }
