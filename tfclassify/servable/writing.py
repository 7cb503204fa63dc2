"""An export, step by step: the SavedModel under a name that no server loads, every gate, then the number."""

from __future__ import annotations

import hashlib
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from functools import partial
from importlib import metadata
from math import nan
from pathlib import Path
from typing import Any

import tensorflow as tf

from tfclassify.data.features import NUMBER
from tfclassify.data.pieces import Pieces
from tfclassify.display import Display
from tfclassify.errors import UsageError
from tfclassify.learning.early import described
from tfclassify.learning.long_texts import windowed_of
from tfclassify.learning.trained import Trained, answer
from tfclassify.model.cascades import baseline_facts
from tfclassify.model.routes import TEXT, TEXT_B
from tfclassify.runs import Run, write_json
from tfclassify.servable import operations
from tfclassify.servable.certificate import Certificate, certify, reference
from tfclassify.servable.contents import check_no_paths
from tfclassify.servable.graph import ANSWER, parameters, save
from tfclassify.servable.improvement import Comparison, check_not_worse
from tfclassify.servable.lowering import lower
from tfclassify.servable.opened import FACTS
from tfclassify.servable.parity import Outputs, Parity, answered_elsewhere, check_parity
from tfclassify.servable.questions import Questions, answered, of_a_class, some
from tfclassify.text.hard_texts import hard_texts

GOLDEN = "golden.json"
GOLDEN_TOLERANCE = 1e-4
# How rows were read, which whoever answers a file starts from.
READING = ("text", "text_b", "features", "label_separator", "bad_rows", "bad_rows_limit", "empty")
# What a last bit of a score can turn over, the order of near equals or which side of a threshold, is not compared.
GOLDEN_OUTPUTS = ("label", "score", "scores", "masked")
CLEAR = 0.3
PACKAGES = ("tfclassify", "tensorflow", "tensorflow-text", "transformers", "tokenizers")

Answers = Callable[..., list[dict[str, Any]]]


@dataclass(frozen=True)
class Order:
    """What an export is to be.

    Attributes:
        name: of the model.
        server: the release of TensorFlow Serving that has to load it.
        rows: rows, at most, that the SavedModel and the run are compared on.
        examples: of them, those that go along as golden examples.
        tokenizer_limit: the largest share of texts whose ids may differ from the reference's.
    """

    name: str
    server: str
    rows: int
    examples: int
    tokenizer_limit: float


@dataclass(frozen=True)
class Replaced:
    """What the export is to replace: its name, and its answers to texts."""

    name: str
    answer: Answers


@dataclass(frozen=True)
class Proof:
    """What the gates found."""

    servers: tuple[str, ...]
    parity: Parity
    certificate: Certificate
    comparison: Comparison | None
    golden: Mapping[str, Any]


def write_proven(
    run: Run,
    trained: Trained,
    asked: Questions,
    folder: Path,
    *,
    order: Order,
    replaced: Replaced | None,
    display: Display,
) -> Proof:
    """Writes a SavedModel and puts it through every gate.

    Args:
        run: that it is made from.
        trained: its classifier, in float32.
        asked: rows that it was not trained on.
        folder: a new folder.
        order: what the export is to be.
        replaced: what it must not be worse than, if anything.
        display: gets the progress.

    Raises:
        UsageError: a gate stops the export; the message says which and why.
    """
    operations.check_server(order.server)
    display.start("writing the SavedModel", 0)
    save(trained, folder, pairs=TEXT_B in asked.texts)
    lower(folder)
    servers = check_operations(folder, order.server)
    check_no_paths(folder, run=run.folder)
    display.start("comparing it with the run", 0)
    parity, certificate, golden = _compared(trained, some(asked, order.rows), folder, order)
    return Proof(servers, parity, certificate, _comparison(trained, asked, replaced, display), golden)


def check_operations(folder: Path, server: str) -> tuple[str, ...]:
    """Returns the releases of TensorFlow Serving that have every op of a SavedModel.

    Raises:
        UsageError: the release asked for is not among them, or an op is of no use to any server.
    """
    found = operations.operations(folder)
    unservable, missing = operations.unservable(found), operations.missing(found, server)
    if unservable:
        raise UsageError(f"the SavedModel has ops that no server can run: {', '.join(unservable)}")
    if missing:
        others = operations.serving(found)
        known = f"the releases {', '.join(others)} have them all" if others else "no release has them all"
        raise UsageError(f"TensorFlow Serving {server} does not have {', '.join(missing)}; {known}")
    return operations.serving(found)


def describe(trained: Trained, order: Order, proof: Proof, *, folder: Path, run: Run, version: int) -> dict[str, Any]:
    """Returns what is written beside a SavedModel as ``servable.json``."""
    labels, windowed = trained.labels, windowed_of(trained.settings.text)
    return {
        "name": order.name,
        "version": version,
        "made": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime()),
        "run": run.folder.name,
        "labels": list(labels.names),
        "multilabel": labels.multilabel,
        "parameters": parameters(trained),
        "pairs": trained.settings.data.text_b is not None,
        "data": {name: getattr(trained.settings.data, name) for name in READING},
        "pads": trained.answering is None,
        "max_length": trained.limits.max_length,
        "windows": trained.limits.columns // trained.limits.max_length,
        "chosen_share": 1.0 if windowed is None else windowed.share,
        "buckets": [list(bucket) for bucket in trained.settings.train.buckets],
        "temperature": trained.temperature,
        "threshold": trained.threshold if labels.multilabel else None,
        "scope_threshold": trained.scope_threshold,
        "rules": [rule.model_dump() for rule in trained.settings.answer.rules],
        "baseline": None if trained.baseline is None else baseline_facts(trained.baseline),
        "exits": [] if trained.early is None else described(trained.early)["heads"],
        "target_server": order.server,
        "lowest_server": proof.servers[0],
        "servers": list(proof.servers),
        "parity": asdict(proof.parity),
        "tokenizer": asdict(proof.certificate),
        "better_than": None if proof.comparison is None else asdict(proof.comparison),
        "versions": {package: metadata.version(package) for package in PACKAGES},
        "sha256": _checksums(folder),
    }


def write_facts(folder: Path, facts: Mapping[str, Any], proof: Proof) -> None:
    """Writes the facts and the golden examples into the version's folder."""
    if proof.golden["inputs"][TEXT]:
        write_json(folder / GOLDEN, proof.golden)
    write_json(folder / FACTS, facts)


def _compared(trained: Trained, asked: Questions, folder: Path, order: Order) -> tuple[Parity, Certificate, Any]:
    """Asks the run's own rows and the hard texts of the SavedModel, once, and compares answers and ids."""
    own, hard = len(asked), hard_texts()
    texts = {name: (*column, *hard) for name, column in asked.texts.items()}
    found = answered_elsewhere(folder, {**texts, **_features(asked, trained, hard=len(hard))})
    # The network's own layers, of which the exported graph is another way to compute.
    whole = replace(trained, answering=None)
    parity = check_parity(answered(asked, partial(answer, whole)), found)
    pieces, windows = trained.pieces, trained.limits.windowing
    longest = trained.limits.max_length if windows is None else None
    # The reference cuts what the graph cuts: texts as the maps leave them.
    mapped = [_mapped(pieces, column) for column in texts.values()]
    certificate = certify(
        reference(pieces.vocabulary, lower_case=pieces.lower_case, max_length=longest),
        found["input_ids"],
        list(zip(*mapped, strict=True)) if TEXT_B in texts else mapped[0],
        own=own,
        limit=order.tokenizer_limit,
        version=f"transformers.BertTokenizerFast, by tokenizers {metadata.version('tokenizers')}",
        windows=windows,
    )
    return parity, certificate, _golden(asked, found, own, order.examples)


def _features(asked: Questions, trained: Trained, *, hard: int) -> dict[str, list[Any]]:
    """Returns the features of the rows and, missing all, those of texts that have none."""
    kinds = trained.settings.data.features
    missing = {name: nan if kinds[name] == NUMBER else "" for name in asked.features}
    return {
        name: [missing[name] if value is None else value for value in column] + [missing[name]] * hard
        for name, column in asked.features.items()
    }


def _mapped(pieces: Pieces, texts: Sequence[str]) -> list[str]:
    prepared, _ = pieces.prepared(tf.constant(list(texts), tf.string))
    return [text.decode() for text in prepared.numpy()]


def _golden(asked: Questions, found: Outputs, own: int, examples: int) -> dict[str, Any]:
    inputs = {**asked.texts, **asked.features}
    # Not every client can write a number that is missing.
    whole = [row for row in range(own) if all(column[row] is not None for column in inputs.values())]
    clear = [row for row in whole if found["scores"][row][0] - found["scores"][row][1] > CLEAR][:examples]
    return {
        "signature": ANSWER,
        "tolerance": GOLDEN_TOLERANCE,
        "inputs": {name: [column[row] for row in clear] for name, column in inputs.items()},
        "outputs": {name: [found[name][row] for row in clear] for name in GOLDEN_OUTPUTS},
    }


def _comparison(trained: Trained, asked: Questions, replaced: Replaced | None, display: Display) -> Comparison | None:
    if replaced is None:
        return None
    display.start(f"comparing it with {replaced.name}", 0)
    inside = of_a_class(asked)
    truth = [labels for labels in inside.truth if labels is not None]
    return check_not_worse(
        answered(inside, partial(answer, trained)), answered(inside, replaced.answer), truth, name=replaced.name
    )


def _checksums(folder: Path) -> dict[str, str]:
    files = sorted(path for path in folder.rglob("*") if path.is_file())
    return {str(path.relative_to(folder)): hashlib.sha256(path.read_bytes()).hexdigest() for path in files}
