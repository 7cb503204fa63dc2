"""A plan in a few lines: what is trained on what, how long that takes, and where the rest of it is told."""

from __future__ import annotations

from tfclassify.planning.alternatives import duration
from tfclassify.planning.planner import Plan, on_one_line
from tfclassify.settings import AUTO, Settings

BELOW = "Below: these settings with the reason of each value; who says so and what would change it; what else to train."


def summary(plan: Plan) -> str:
    """Returns at most six lines, comments to YAML: the settings file that follows them stays one."""
    settings = plan.settings
    rows = ", ".join(f"{number} {split}" for split, number in plan.rows.items())
    lines = [
        f"Model: {settings.model.name}, {settings.model.task}",
        f"Data: {settings.data.train}{f' ({rows} rows)' if rows else ''}",
        f"Length: {_length(settings)}",
        f"Training: {_training(plan)}",
        f"Memory: {plan.costs.peak_memory_bytes / 1e9:.2f} GB at the most, predicted",
        BELOW,
    ]
    return "\n".join(f"# {on_one_line(line)}" for line in lines)


def _length(settings: Settings) -> str:
    windows, tokens = settings.text.windows, f"{settings.text.max_length} tokens"
    return f"up to {tokens}" if windows in (AUTO, 1) else f"up to {windows} windows of {tokens}"


def _training(plan: Plan) -> str:
    """Says how many epochs there are, and how long they are predicted to take, each with its judgement."""
    train = plan.settings.train
    number = f"{train.epochs} epoch{'' if train.epochs == 1 else 's'}"
    # With a time limit the epochs are the most that there may be.
    of = number if train.scheduled_steps in (AUTO, None) else f"{train.scheduled_steps} steps of {number}"
    chosen = next((each for each in plan.alternatives if each.chosen), None)
    if chosen is None:
        return f"{of}, {duration(plan.costs.seconds_per_epoch)} each, predicted"
    return f"{of}, {_minutes(chosen.training_seconds)} in all, predicted"


def _minutes(seconds: float) -> str:
    minutes = seconds / 60
    if minutes < 0.1:
        return "less than 0.1 minutes"
    return f"{minutes:.1f} minutes" if minutes < 10 else f"{minutes:.0f} minutes"
