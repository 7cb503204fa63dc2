"""``train``: plans, fine-tunes, judges and reports; leaves a run."""

from __future__ import annotations

if __name__ == "__main__":
    # Before anything heavy is imported: help must not wait for TensorFlow.
    from tfclassify.command_line import main

    raise SystemExit(main("train"))

from collections.abc import Mapping
from typing import Any

import numpy as np

from tfclassify.data.batches import epoch_batches, padding_share
from tfclassify.data.rows import rows_cut, rows_of
from tfclassify.data.sources import fingerprint
from tfclassify.display import SILENT, Display
from tfclassify.errors import UsageError
from tfclassify.learning.judging import judge_splits
from tfclassify.learning.reporting import Training, results, write_report
from tfclassify.learning.strategies import begin
from tfclassify.learning.tracking import Tracking, tracked
from tfclassify.learning.tracking.judged import judged
from tfclassify.learning.tracking.tracker import Ending
from tfclassify.learning.trained import write_facts
from tfclassify.learning.training import Learned, learn
from tfclassify.model.classifier import save_huggingface
from tfclassify.model.weights import sha256
from tfclassify.plan import Prepared, prepare
from tfclassify.planning.costs import Costs
from tfclassify.planning.planner import describe_costs, plan_yaml, reasons_markdown
from tfclassify.planning.statistics import unknown_share
from tfclassify.runs import Run, create, data_name, manifest, refuse_taken, write_json, write_text
from tfclassify.settings import Settings, parse

Marks = Mapping[str, Mapping[str, str | None]]


def train(settings: Settings | Mapping[str, Any] | None = None, *, display: Display = SILENT) -> Run:
    """Trains a classifier and writes a run.

    Args:
        settings: what is asked, as settings or as nested or dotted keys; nothing at all is the embedded sample.
        display: gets the progress.

    Returns:
        The run; its manifest says whether it is finished, or was stopped on request.

    Raises:
        UsageError: what is asked cannot be done.
    """
    asked = parse(settings or {}, Settings)
    if asked.run is not None:
        # Said at once, and not after minutes of reading.
        refuse_taken(asked.run)
    begin(asked.train.strategy)
    prepared = prepare(asked, display=display)
    run = create(asked.run, data_name(str(prepared.plan.settings.data.train)))
    marks = _marks(prepared)
    _begin(run, prepared, marks, display)
    with tracked(prepared.plan, run, display=display) as tracking:
        learned = _learned(run, prepared, display, tracking)
        _keep(run, prepared, learned)
        tracking.ending = Ending("stopped")
        reported = learned.course.stopped != "signal" and _reported(run, prepared, learned, display, tracking)
    _note_state(run, prepared, marks, state="finished" if reported else "stopped")
    return run


def _learned(run: Run, prepared: Prepared, display: Display, tracking: Tracking) -> Learned:
    try:
        return learn(
            prepared.plan,
            prepared.corpus,
            prepared.found,
            prepared.pieces,
            run=run,
            display=display,
            callbacks=tracking.callbacks,
        )
    except UsageError:
        # Nothing came of it: the name is free again for what is asked with the error mended.
        run.manifest.unlink()
        raise


def _begin(run: Run, prepared: Prepared, marks: Marks, display: Display) -> None:
    """Writes down what is going to be done before it is begun."""
    write_text(run.plan, plan_yaml(prepared.plan))
    write_text(run.reasons, reasons_markdown(prepared.plan))
    _note_state(run, prepared, marks, state="training")
    display.say(describe_costs(prepared.plan.costs))


def _marks(prepared: Prepared) -> Marks:
    """Takes the data's fingerprints: now, because the files may be others, or gone, when the training ends."""
    data = prepared.plan.settings.data
    named = {split: getattr(data, split) for split in ("train", "validation", "test") if getattr(data, split)}
    return {split: {"location": place, "sha256": fingerprint(place)} for split, place in named.items()}


def _note_state(run: Run, prepared: Prepared, marks: Marks, *, state: str) -> None:
    found = prepared.found
    files = {"source": found.source, "sha256": None if found.weights is None else sha256(found.weights)}
    write_json(run.manifest, manifest(state=state, seed=prepared.plan.settings.seed, data=marks, model=files))


def _keep(run: Run, prepared: Prepared, learned: Learned) -> None:
    """Writes what answers need, so that the run can be used from here on."""
    write_facts(run, learned.trained)
    save_huggingface(
        learned.model, run.huggingface, found=prepared.found, lower_case=prepared.pieces.lower_case, weights=run.weights
    )


def _reported(run: Run, prepared: Prepared, learned: Learned, display: Display, tracking: Tracking) -> bool:
    """Judges and reports; whoever interrupts that still has a run that answers."""
    try:
        _report(run, prepared, learned, display, tracking)
    except KeyboardInterrupt:
        return False
    return True


def _report(run: Run, prepared: Prepared, learned: Learned, display: Display, tracking: Tracking) -> None:
    corpus, trained = prepared.corpus, learned.trained
    judgement = judge_splits(trained, corpus.splits, learnt=corpus.splits, display=display)
    training = _training(prepared, learned)
    report = results(trained, judgement, rows=_rows(prepared), training=training)
    write_report(
        run.folder, report, trained, judgement, training=training, notes=corpus.notes, facts=_facts(run, prepared)
    )
    tracking.ending = Ending("finished", report, judged(trained, learned.model, judgement, corpus.splits))


def _training(prepared: Prepared, learned: Learned) -> Training:
    plan, course = prepared.plan, learned.course
    rows = rows_of(prepared.corpus.splits["train"], learned.trained.limits)
    batches = epoch_batches(rows.lengths, plan.settings.train.buckets, seed=plan.settings.seed, epoch=0, shuffle=True)
    steps_per_second = course.steps / course.seconds if course.seconds else float("nan")
    tokens = int(rows.lengths.sum(dtype=np.int64))
    return Training(
        predicted=plan.costs,
        actual=Costs(
            seconds_per_epoch=len(batches) / steps_per_second,
            peak_memory_bytes=course.peak_memory_bytes,
            padding_share=padding_share(rows.lengths, batches),
        ),
        speed={
            "train_examples_per_second": len(rows) / len(batches) * steps_per_second,
            "train_tokens_per_second": tokens / len(batches) * steps_per_second,
            "time_to_first_step_seconds": course.first_step_seconds,
        },
        history=course.history,
        lengths=prepared.corpus.statistics.splits["train"].lengths,
        decisions=plan.decisions,
    )


def _rows(prepared: Prepared) -> dict[str, Any]:
    """Accounts for every row that was read: read = trained + those of the other splits + dropped."""
    corpus, length = prepared.corpus, prepared.plan.settings.text.max_length
    others = {name: len(split) for name, split in corpus.splits.items() if name != "train"}
    return {
        "read": corpus.read,
        "trained": len(corpus.splits["train"]),
        **others,
        "dropped": dict(corpus.dropped),
        "cut": sum(rows_cut(split, length) for split in corpus.splits.values()),
    }


def _facts(run: Run, prepared: Prepared) -> dict[str, str]:
    settings, hardware = prepared.plan.settings, prepared.hardware
    unknown = unknown_share(prepared.corpus.statistics.splits["train"])
    return {
        "run": str(run.folder),
        "model": f"{settings.model.name} ({prepared.found.source})",
        "data": str(settings.data.train),
        "unknown tokens": f"{unknown:.2%} of the training rows' tokens",
        "seed": str(settings.seed),
        "hardware": f"{hardware.cores} cores, {hardware.memory_bytes / 1e9:.0f} GB free memory"
        + "".join(f", {device.kind}" for device in hardware.accelerators),
        **{f"version of {name}": version for name, version in manifest(state="", seed=0, data={})["versions"].items()},
    }
