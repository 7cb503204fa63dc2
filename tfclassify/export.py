"""``export``: one artefact from a run, raw text in and answers out, proven before it gets its version number."""

from __future__ import annotations

if __name__ == "__main__":
    # Before anything heavy is imported: help must not wait for TensorFlow.
    from tfclassify.command_line import main

    raise SystemExit(main("export"))

import os
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

from tfclassify.display import SILENT, Display
from tfclassify.errors import UsageError
from tfclassify.learning.material import check_rows_asked_for, rows_to_judge
from tfclassify.learning.trained import Trained, answer, open_trained
from tfclassify.runs import Run, open_run, told_unended
from tfclassify.servable.exactness import drift_of_precision
from tfclassify.servable.opened import is_servable, open_servable
from tfclassify.servable.operations import check_server
from tfclassify.servable.package import complete
from tfclassify.servable.questions import Questions, questions, some
from tfclassify.servable.versions import Version, new_version
from tfclassify.servable.writing import Answers, Order, Proof, Replaced, describe, write_proven
from tfclassify.settings import ExportRequest, parse

FLOAT32 = "float32"


@dataclass(frozen=True)
class Export:
    """An exported version: its folder, and what is written in its ``servable.json``."""

    folder: Path
    facts: Mapping[str, Any]


def export(settings: ExportRequest | Mapping[str, Any], *, display: Display = SILENT) -> Export:
    """Exports a run as the next version of a servable.

    Args:
        settings: the run, where to, for which server, and what it must not be worse than.
        display: gets the progress.

    Raises:
        UsageError: there is no such run, a gate stops the export, or it cannot be written. Nothing is left then.
    """
    request = parse(settings, ExportRequest)
    run = open_run(request.run)
    told_unended(run, display.say)
    check_server(request.server)
    check_rows_asked_for(request.data)
    trained = open_trained(run, precision=FLOAT32)
    replaced = _replaced(request.better_than)
    asked = _asked(run, trained, request, display)
    output = _output(request, trained)
    order = Order(output.name, request.server, request.rows, request.examples, request.tokenizer_limit)
    with new_version(output) as version:
        proof = write_proven(run, trained, asked, version.folder, order=order, replaced=replaced, display=display)
        facts = _facts(run, trained, asked, order, proof, version)
        complete(version.folder, trained, facts, proof)
    return Export(output / str(version.number), facts)


def _asked(run: Run, trained: Trained, request: ExportRequest, display: Display) -> Questions:
    material = rows_to_judge(run, trained, request.data, display=display)
    for note in material.notes:
        display.say(note)
    return questions(material.split, trained.labels)


def _facts(
    run: Run, trained: Trained, asked: Questions, order: Order, proof: Proof, version: Version
) -> dict[str, Any]:
    made = describe(trained, order, proof, folder=version.folder, run=run, version=version.number)
    drift = drift_of_precision(run, trained, some(asked, order.rows))
    return {**made, "precision": {"trained": trained.settings.train.precision, "drift": drift}}


def _output(request: ExportRequest, trained: Trained) -> Path:
    if request.output is None:
        return Path("saved_models", str(trained.settings.name))
    output = Path(os.path.expanduser(request.output))
    if output.name.isdigit():
        raise UsageError(
            f"output={request.output} ends in a number, which is the name of a version; "
            "expected saved_models/NAME, to which the next version is added"
        )
    return output


def _replaced(place: str | None) -> Replaced | None:
    """Opens what the export must not be worse than: a run or a servable."""
    if place is None:
        return None
    if is_servable(place):
        servable = open_servable(place)
        return Replaced(place, _of_its_own(servable.answer, servable.facts["data"].get("features", {})))
    trained = open_trained(open_run(place), precision=FLOAT32)
    return Replaced(place, _of_its_own(partial(answer, trained), trained.settings.data.features))


def _of_its_own(answers: Answers, names: Collection[str]) -> Answers:
    """Gives what is to be replaced the features that it knows, which may be fewer."""

    def made(*texts: Sequence[str], features: Mapping[str, Sequence[Any]] | None = None) -> list[dict[str, Any]]:
        known = {name: column for name, column in (features or {}).items() if name in names}
        return answers(*texts, **({"features": known} if known else {}))

    return made
