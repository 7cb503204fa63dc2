"""``train``: plans, fine-tunes, judges and reports; leaves a run."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from tfclassify.data.batches import Rows
from tfclassify.data.corpus import Split
from tfclassify.display import SILENT, Display
from tfclassify.plan import prepare
from tfclassify.runs import Run, create, data_name
from tfclassify.settings import Settings, parse

KEY_EPOCH_METRICS = ("accuracy", "macro_f1", "micro_f1", "mcc", "log_loss")


@dataclass(frozen=True)
class Material:
    """Rows of each split as batches take them; those of the training split carry the loss weights."""

    rows: Mapping[str, Rows]
    splits: Mapping[str, Split]


def train(settings: Settings | Mapping[str, Any] | None = None, *, display: Display = SILENT) -> Run:
    """Trains a classifier and writes a run.

    Args:
        settings: what is asked, as settings or as nested or dotted keys; nothing at all is the embedded sample.
        display: gets the progress.

    Returns:
        The run; ``manifest.json`` says whether it is finished or was stopped on request.

    Raises:
        UsageError: what is asked cannot be done.
    """
    asked = parse(settings or {}, Settings)
    prepared = prepare(asked, display=display)
    run = create(asked.run, data_name(prepared.plan.settings.data.train or ""))
    _write_plan(run, prepared)
    for note in prepared.corpus.notes:
        display.say(note)
    return _train(run, prepared, display)
