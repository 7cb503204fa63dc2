"""``evaluate``: judges a run on its own test rows or on others; the training's own report stays as it is."""

from __future__ import annotations

if __name__ == "__main__":
    # Before anything heavy is imported: help must not wait for TensorFlow.
    from tfclassify.command_line import main

    raise SystemExit(main("evaluate"))

import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tfclassify.data.rows import rows_cut
from tfclassify.display import SILENT, Display
from tfclassify.errors import UsageError
from tfclassify.learning.judging import judge_splits
from tfclassify.learning.material import Material, check_rows_asked_for, rows_to_judge
from tfclassify.learning.reporting import results, write_report
from tfclassify.learning.trained import open_trained
from tfclassify.runs import Run, claimed, open_run, told_unended
from tfclassify.settings import EvaluateRequest, parse


@dataclass(frozen=True)
class Evaluation:
    """A judgement: the folder that holds its report, and the report itself."""

    folder: Path
    report: Mapping[str, Any]


def evaluate(settings: EvaluateRequest | Mapping[str, Any], *, display: Display = SILENT) -> Evaluation:
    """Judges a run.

    Args:
        settings: the run, and the test rows unless they are its own.
        display: gets the progress.

    Raises:
        UsageError: there is no such run, the rows cannot be read as asked, or the report cannot be written.
    """
    request = parse(settings, EvaluateRequest)
    run = open_run(request.run)
    told_unended(run, display.say)
    _check(request)
    trained = open_trained(run)
    material = rows_to_judge(run, trained, request.data, display=display)
    for note in material.notes:
        display.say(note)
    judgement = judge_splits(trained, {material.name: material.split}, learnt=material.learnt, display=display)
    rows = _account(material, length=trained.limits.whole)
    report = results(trained, judgement, rows=rows, training=None)
    facts = {"run": str(run.folder), "data": request.data.test or str(trained.settings.data.train)}
    try:
        folder = _folder(run, request.output)
        write_report(folder, report, trained, judgement, training=None, notes=material.notes, facts=facts)
    except OSError as error:
        raise UsageError(f"output={request.output or run.folder} cannot be written: {error.strerror}") from error
    return Evaluation(folder, report)


def _check(request: EvaluateRequest) -> None:
    """Refuses what would only be found out when all the work is done, and what would have no effect."""
    if request.output is not None:
        output = Path(request.output).expanduser()
        if Run(output).manifest.exists():
            raise UsageError(f"output={output} is the directory of a run, whose own report stays; give another folder")
        if output.exists() and not output.is_dir():
            raise UsageError(f"output={output} is a file; give the name of a folder")
    check_rows_asked_for(request.data)


def _folder(run: Run, output: str | None) -> Path:
    """Makes the folder that was asked for, or a new one in the run."""
    if output is None:
        return claimed(run.folder / f"evaluation-{time.strftime('%Y%m%d-%H%M%S')}")
    folder = Path(output).expanduser()
    folder.mkdir(parents=True, exist_ok=True)
    return folder


def _account(material: Material, *, length: int) -> dict[str, Any]:
    """Accounts for every row that was read; of rows cut out of the training rows, only for themselves."""
    split, cut_out = (
        material.split,
        "train" in material.learnt and material.split.store is material.learnt["train"].store,
    )
    account = split.store.account
    unknown = 0 if cut_out else account.kept - len(split)
    dropped = {"empty": 0 if cut_out else account.empty, "bad": 0 if cut_out else account.bad}
    return {
        "read": len(split) if cut_out else account.read,
        material.name: len(split),
        "dropped": {**dropped, "duplicate": 0, "unknown_label": unknown},
        "cut": rows_cut(split, length),
    }
