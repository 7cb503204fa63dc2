"""Which texts the network need not see, and what is heard beside it."""

from __future__ import annotations

from math import ceil, log2

from tfclassify.planning.deciders.task import rows_to_show, validation_rows
from tfclassify.planning.facts import Decision, Facts
from tfclassify.settings import Settings

# Below it chance decides whether two numbers are better than one.
ROWS_TO_STACK = 100
LOSS = 0.005
# Every text is looked up, so that what few of them save does not pay for all.
CASCADE_SHARE = 0.1
LEAST_BUCKETS, MOST_BUCKETS = 1 << 14, 1 << 18
# Two bytes a weight: 32 MB at most, a third of the smallest encoder.
MOST_WEIGHTS = 16_000_000

STACKED = 'L. Breiman, "Stacked regressions", 1996; tests/quality/test_stacking.py'
BOUND = 'A. Agresti, Y. Min, "Comparing matched proportions", 2005; benchmarks/routes.py'
SAVING = "no measurement: benchmarks/routes.py shows what cascades save"
HASHED = 'J. L. Carter, M. N. Wegman, "Universal classes of hash functions", 1979'


def decide_stack(settings: Settings, facts: Facts) -> Decision:
    """Asks the validation rows, where there are enough of them."""
    rows = validation_rows(facts)
    if rows < ROWS_TO_STACK:
        return Decision(
            "none",
            f"{rows} validation rows; fewer than {ROWS_TO_STACK} cannot tell whether it is better",
            STACKED,
            f"{ROWS_TO_STACK} validation rows",
        )
    reason = f"where it is better on {rows} validation rows beyond chance, it is taken"
    return Decision("validation", reason, STACKED, f"fewer than {ROWS_TO_STACK} validation rows")


def decide_cascade(settings: Settings, facts: Facts) -> Decision:
    """Lets the baseline answer what it is sure of where speed counts and a loss so small can be seen."""
    rows, needed = validation_rows(facts), rows_to_show(LOSS, settings)
    if settings.model.task == "multilabel":
        return Decision(
            "none",
            "a row may have several labels, of which the baseline would have to be sure at once",
            BOUND,
            "one label a row",
        )
    if settings.goal != "fast":
        return Decision(
            "none", f"goal={settings.goal}; only goal=fast gives accuracy for speed unasked", BOUND, "goal=fast"
        )
    if rows < needed:
        return Decision(
            "none",
            f"{rows} validation rows cannot show a loss below {LOSS:g}; {needed} could",
            BOUND,
            f"{needed} validation rows",
        )
    reason = f"goal=fast, and a loss of {LOSS:g} can be seen on {rows} validation rows"
    return Decision(LOSS, reason, BOUND, f"another goal, several labels a row, or fewer than {needed} validation rows")


def decide_cascade_share(settings: Settings, facts: Facts) -> Decision:
    """Asks for so many texts that are answered early that looking all of them up is worth it."""
    reason = "each text is looked up by the baseline first, which fewer answers than this would hardly pay for"
    if settings.answer.cascade == "none":
        reason = "not used: the network answers all texts"
    return Decision(CASCADE_SHARE, reason, SAVING, "asking for it; of a slower network fewer answers pay")


def decide_baseline_buckets(settings: Settings, facts: Facts) -> Decision:
    """Takes some buckets for each training token's n-grams, within 32 MB of weights."""
    classes, tokens = len(facts.statistics.labels), facts.statistics.splits["train"].tokens
    affordable = 1 << int(log2(MOST_WEIGHTS / max(classes, 1)))
    # A text's tokens have twice as many n-grams, most of them seen before.
    wanted = 1 << ceil(log2(max(2 * tokens, 1)))
    buckets = min(max(LEAST_BUCKETS, wanted), affordable, MOST_BUCKETS)
    return Decision(
        buckets,
        f"for {tokens} training tokens and {classes} labels, two bytes a weight",
        HASHED,
        "more tokens or labels",
    )


ROUTES = {
    "answer.stack": decide_stack,
    "answer.cascade": decide_cascade,
    "answer.cascade_share": decide_cascade_share,
    "answer.baseline_buckets": decide_baseline_buckets,
}
