"""Weights & Biases: the plan as configuration, figures as they come, the report's page as an artefact.

It is given numbers and files and nothing else: its Keras call-backs touch ``tf.keras``, which is another Keras here.
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any
from uuid import uuid4

from tfclassify.learning.tracking.figures import report_figures
from tfclassify.learning.tracking.tracker import Ending, Figures, Say, Tracker
from tfclassify.planning.planner import Plan
from tfclassify.runs import Run, write_text

PROJECT = "tfclassify"
CONNECT_SECONDS = 20
# What the shell gets of a training that stopped on request, and can go on.
EXIT_STATUS = {"finished": 0, "stopped": 75, "failed": 1}
STEPS = "steps"


def begin(plan: Plan, run: Run, say: Say) -> Tracker:
    """Begins the run at W&B, or goes on with it: a training that is resumed is one run there too.

    ``WANDB_MODE``, ``WANDB_PROJECT``, ``WANDB_ENTITY`` and the others are W&B's own way to be told. Without a key, and
    where W&B cannot be reached, what it gets is kept in the run for ``wandb sync``.
    """
    tracked = _begun(plan, run, say)
    tracked.define_metric(STEPS)
    tracked.define_metric("*", step_metric=STEPS)

    def figures(steps: int, given: Figures) -> None:
        tracked.log({STEPS: steps, **given})

    def end(steps: int, ending: Ending) -> None:
        try:
            _keep(tracked, run, ending)
        finally:
            tracked.finish(exit_code=EXIT_STATUS[ending.state])

    return Tracker(step=figures, epoch=figures, end=end)


def _begun(plan: Plan, run: Run, say: Say) -> Any:
    import wandb

    if "WANDB_MODE" not in os.environ and not _has_key():
        say(f"has no key, so that nothing is sent; what it would get is in {run.folder / 'wandb'}, for 'wandb sync'")
        return _init(plan, run, mode="offline")
    try:
        return _init(plan, run, mode=None)
    except wandb.Error as error:
        said = " ".join(str(error).split())
        say(f"cannot reach W&B ({said}); what it would get is in {run.folder / 'wandb'}, for 'wandb sync'")
        # What was begun in vain holds the run's name until W&B's own process has ended.
        wandb.teardown()
        return _init(plan, run, mode="offline")


def _init(plan: Plan, run: Run, *, mode: Any) -> Any:
    import wandb

    return wandb.init(
        project=os.environ.get("WANDB_PROJECT", PROJECT),
        name=run.folder.name,
        id=_identity(run.folder / "wandb" / "run_id"),
        resume="allow",
        # Whoever has a run of their own in this process keeps it.
        reinit="create_new",
        dir=str(run.folder),
        mode=mode,
        config={
            **plan.settings.model_dump(mode="json"),
            "predicted": {
                "seconds_per_epoch": plan.costs.seconds_per_epoch,
                "peak_memory_bytes": plan.costs.peak_memory_bytes,
                "padding_share": plan.costs.padding_share,
            },
        },
        # The terminal is the training's own, and so are its signals and its last line.
        settings=wandb.Settings(console="off", silent=True, init_timeout=CONNECT_SECONDS),
    )


def _identity(file: Path) -> str:
    """Returns the name that the run has at W&B, made once; an agent of theirs that started this has chosen one."""
    if "WANDB_RUN_ID" in os.environ:
        return os.environ["WANDB_RUN_ID"]
    if not file.is_file():
        write_text(file, uuid4().hex[:16] + "\n")
    return file.read_text(encoding="utf-8").strip()


def _has_key() -> bool:
    """Says whether W&B would know who this is; where it does not, it asks on the terminal, and a training waits."""
    import wandb

    return wandb.login(prompt=False, verify=False)


def _keep(tracked: Any, run: Run, ending: Ending) -> None:
    import wandb

    tracked.summary.update({**report_figures(ending.report), "state": ending.state})
    files = [file for file in (run.folder / "report.html", run.report, run.plan) if file.is_file()]
    if ending.report and files:
        page = wandb.Artifact(f"report-{tracked.id}", type="report")
        for file in files:
            page.add_file(str(file))
        tracked.log_artifact(page)
    if ending.state == "stopped":
        tracked.mark_preempting()
