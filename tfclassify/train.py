"""``train``: plans, fine-tunes, judges and reports; leaves a run."""

from __future__ import annotations

if __name__ == "__main__":
    # Before anything heavy is imported: help must not wait for TensorFlow.
    from tfclassify.command_line import main

    raise SystemExit(main("train"))

import shutil
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import replace
from functools import partial
from typing import Any

import numpy as np

from tfclassify.data.batches import epoch_batches, padding_share
from tfclassify.data.corpus import check_unchanged
from tfclassify.data.features import listed
from tfclassify.data.rows import rows_cut
from tfclassify.display import SILENT, Display
from tfclassify.errors import UsageError
from tfclassify.learning.checkpoint_folders import FIRST, by_step
from tfclassify.learning.course import ON_REQUEST
from tfclassify.learning.judging import judge_splits
from tfclassify.learning.learnt_rows import training_rows
from tfclassify.learning.reporting import Training, results, write_report
from tfclassify.learning.resuming import (
    first_plan,
    is_begun,
    other_versions,
    plan_facts,
    processes_before,
    refuse_changed_data,
    refuse_changed_model,
    settings_of,
)
from tfclassify.learning.stopping import termination_interrupts
from tfclassify.learning.strategies import begin
from tfclassify.learning.tracking import Tracking, tracked
from tfclassify.learning.tracking.judged import judged
from tfclassify.learning.tracking.tracker import Ending
from tfclassify.learning.trained import limits_of, write_facts
from tfclassify.learning.training import Learned, learn
from tfclassify.learning.workers import own_run
from tfclassify.model.classifier import save_weights
from tfclassify.model.interchange import save_huggingface
from tfclassify.model.weights import sha256
from tfclassify.plan import Prepared, prepare
from tfclassify.planning.costs import Costs
from tfclassify.planning.planner import describe_costs, plan_yaml, reasons_markdown
from tfclassify.planning.statistics import unknown_share
from tfclassify.runs import (
    Run,
    create,
    data_name,
    manifest,
    named_run,
    only_writer,
    refuse_taken,
    state_of,
    versions,
    write_json,
    write_text,
)
from tfclassify.settings import Settings, parse

# What the manifest says of how a training went.
COUNTED = ("skipped", "returns", "saved", "lost", "saving_seconds", "elapsed_seconds", "pieces")
Marks = Mapping[str, Mapping[str, str | None]]


def train(settings: Settings | Mapping[str, Any] | None = None, *, display: Display = SILENT) -> Run:
    """Trains a classifier and writes a run, or goes on with one that is not finished.

    Args:
        settings: what is asked, as settings or as nested or dotted keys; nothing at all is the embedded sample. Where
            ``run`` is a directory that holds a run, nothing else has to be asked.
        display: gets the progress.

    Returns:
        The run; its manifest says whether it is finished, or was stopped on request.

    Raises:
        UsageError: what is asked cannot be done.
    """
    asked = parse(settings or {}, Settings)
    if (own := own_run(asked.run)) != asked.run:
        # Nothing else counts as asked for by this.
        asked = asked.model_copy(update={"run": own})
    if asked.run is not None and is_begun(named_run(asked.run)):
        return _go_on(asked, named_run(asked.run), display)
    begin(asked.train.strategy)
    prepared = prepare(asked, display=display, renew=True)
    run = create(asked.run, data_name(str(prepared.plan.settings.data.train)))
    with _writing(run), only_writer(run):
        # Another process may have been faster.
        refuse_taken(str(run.folder))
        marks = _marks(prepared)
        _begin(run, prepared, display)
        return _trained(run, prepared, marks, display)


def _go_on(asked: Settings, run: Run, display: Display) -> Run:
    """Goes on with a run where it was interrupted, wherever that was."""
    settings = settings_of(run, asked)
    if state_of(run) == "finished":
        display.say(f"run={run.folder} is finished; there is nothing to do")
        return run
    with _writing(run), only_writer(run):
        begin(settings.train.strategy)
        refuse_changed_data(run)
        prepared = prepare(settings, display=display, probes=False)
        refuse_changed_model(run, _model_files(prepared)["sha256"])
        if others := other_versions(run, versions()):
            display.say(others)
        prepared = replace(prepared, plan=first_plan(run, prepared.plan))
        return _trained(run, prepared, _marks(prepared), display)


@contextmanager
def _writing(run: Run) -> Iterator[None]:
    """Says in one line what the disk does not allow; what is saved stays for when it does."""
    try:
        yield
    except OSError as error:
        place = error.filename or run.folder
        raise UsageError(
            f"{place} cannot be written: {error.strerror or error}; mend that, and go on with run={run.folder}"
        ) from error


def _trained(run: Run, prepared: Prepared, marks: Marks, display: Display) -> Run:
    """Trains, judges and reports, from wherever an earlier process has left off."""
    note = partial(_note_state, run, prepared, marks, processes=processes_before(run) + 1)
    note(state="training")
    counts: dict[str, Any] = {}
    try:
        with tracked(prepared.plan, run, display=display) as tracking, termination_interrupts():
            finished = _finished(run, prepared, counts, display, tracking)
    except KeyboardInterrupt:
        # Whatever it was that was interrupted is made when the run is gone on with.
        finished = False
    except UsageError:
        _give_up(run, note)
        raise
    note(state="finished" if finished else "stopped", training=counts)
    if finished:
        shutil.rmtree(run.checkpoints, ignore_errors=True)
    return run


def _finished(run: Run, prepared: Prepared, counts: dict[str, Any], display: Display, tracking: Tracking) -> bool:
    learned = learn(
        prepared.plan,
        prepared.corpus,
        prepared.found,
        prepared.pieces,
        run=run,
        display=display,
        callbacks=tracking.callbacks,
    )
    course = learned.course
    counts |= {name: getattr(course, name) for name in COUNTED}
    prepared = replace(prepared, plan=learned.plan)
    _keep(run, prepared, learned)
    if course.stopped in ON_REQUEST:
        tracking.ending = Ending("stopped")
        return False
    tracking.ending = _report(run, prepared, learned, display)
    return True


def _give_up(run: Run, note: Callable[..., None]) -> None:
    """Leaves a run that failed to whoever mends the cause; the name is free again where nothing came of it."""
    if any(path.name != FIRST for path in by_step(run.checkpoints)):
        note(state="failed")
        return
    shutil.rmtree(run.checkpoints, ignore_errors=True)
    for path in (run.manifest, run.plan, run.reasons):
        path.unlink(missing_ok=True)


def _begin(run: Run, prepared: Prepared, display: Display) -> None:
    """Writes down what is going to be done before it is begun."""
    write_text(run.plan, plan_yaml(prepared.plan))
    write_text(run.reasons, reasons_markdown(prepared.plan))
    display.say(describe_costs(prepared.plan.costs))


def _marks(prepared: Prepared) -> Marks:
    """Takes the fingerprints of the data as they were read: the files may be others, or gone, when the training ends.

    Raises:
        UsageError: they are others already.
    """
    data, marks = prepared.plan.settings.data, prepared.corpus.marks
    check_unchanged(marks)
    named = {split: getattr(data, split) for split in ("train", "validation", "test") if getattr(data, split)}
    return {
        split: {"location": place, "sha256": marks[split].sha256 if split in marks else None}
        for split, place in named.items()
    }


def _note_state(run: Run, prepared: Prepared, marks: Marks, *, state: str, **facts: Any) -> None:
    files, plan = _model_files(prepared), prepared.plan
    known = manifest(state=state, seed=plan.settings.seed, data=marks, model=files, plan=plan_facts(plan), **facts)
    write_json(run.manifest, known)


def _model_files(prepared: Prepared) -> dict[str, str | None]:
    found = prepared.found
    return {"source": found.source, "sha256": None if found.weights is None else sha256(found.weights)}


def _keep(run: Run, prepared: Prepared, learned: Learned) -> None:
    """Writes what answers need, so that the run can be used from here on."""
    write_facts(run, learned.trained)
    if learned.model.exits is not None:
        # Their heads were fitted after the epoch that the weights are of.
        save_weights(learned.model, run.weights)
    if learned.settled:
        write_json(run.settled, learned.settled)
        write_text(run.reasons, reasons_markdown(learned.plan))
    save_huggingface(
        learned.model, run.huggingface, found=prepared.found, lower_case=prepared.pieces.lower_case, weights=run.weights
    )


def _report(run: Run, prepared: Prepared, learned: Learned, display: Display) -> Ending:
    corpus, trained = prepared.corpus, learned.trained
    judgement = judge_splits(trained, corpus.splits, learnt=corpus.splits, display=display)
    training = _training(prepared, learned)
    report = results(trained, judgement, rows=_rows(prepared), training=training)
    write_report(
        run.folder, report, trained, judgement, training=training, notes=corpus.notes, facts=_facts(run, prepared)
    )
    return Ending("finished", report, judged(trained, learned.model, judgement, corpus.splits))


def _training(prepared: Prepared, learned: Learned) -> Training:
    plan, course = prepared.plan, learned.course
    rows = training_rows(prepared.corpus, learned.trained.limits, plan.settings)
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
    corpus, length = prepared.corpus, limits_of(prepared.pieces, prepared.plan.settings.text).whole
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
        **({"features beside the text": listed(settings.data.features)} if settings.data.features else {}),
        "unknown tokens": f"{unknown:.2%} of the training rows' tokens",
        "seed": str(settings.seed),
        "hardware": f"{hardware.cores} cores, {hardware.memory_bytes / 1e9:.0f} GB free memory"
        + "".join(f", {device.kind}" for device in hardware.accelerators),
        **{f"version of {name}": version for name, version in manifest(state="", seed=0, data={})["versions"].items()},
    }
