"""Probes before a training: what they find becomes part of a plan's reasons, and a rate that diverges is lowered."""

from __future__ import annotations

from dataclasses import replace

from tfclassify.data.corpus import Corpus
from tfclassify.data.pieces import Pieces
from tfclassify.display import Display
from tfclassify.learning.learning_rates import check_rates
from tfclassify.learning.probing import Probe, probe
from tfclassify.learning.trained import limits_of
from tfclassify.model.weights import Found
from tfclassify.planning.costs import probed_rows, training_seconds
from tfclassify.planning.deciders.windows import WORTH_IT
from tfclassify.planning.facts import Facts
from tfclassify.planning.planner import Plan, make_plan
from tfclassify.planning.statistics import rows_over
from tfclassify.settings import AUTO, Settings, TextSettings, changed

MODEL, READING, RATE = "model.name", "text.windows", "train.learning_rate"
WAYS = {"head": "by the head", "head_tail": "by head and tail"}


def probed(
    plan: Plan, asked: Settings, facts: Facts, corpus: Corpus, found: Found, pieces: Pieces, *, display: Display
) -> Plan:
    """Looks at what the frozen network knows and at the learning rate, half of the probes' time for each.

    Args:
        plan: complete settings.
        asked: what was asked for: a rate that was stays.
        facts: what the plan was made from.
        corpus: the data.
        found: the model's files.
        pieces: the tokenizer.
        display: is told what was found.

    Returns:
        The plan with what was found in its reasons, and a lower rate where the planned one clearly diverges.
    """
    settings = plan.settings
    seconds, minutes = training_seconds(settings, facts), settings.train.time_limit_minutes
    half = settings.train.probe * min(seconds, seconds if minutes is None else 60 * minutes) / 2
    display.start("probing what the frozen network knows", 0)
    known = _of_frozen(settings, facts, corpus, found, pieces, seconds=half, display=display)
    plan = _noting(plan, MODEL, known.sentence if isinstance(known, Probe) else known, display)
    if isinstance(known, Probe) and known.reading:
        plan = _noting(plan, READING, known.reading, display)
    display.start("trying learning rates", 0)
    rates = check_rates(plan, corpus, found, pieces, seconds=half)
    if isinstance(rates, str):
        return _noting(plan, RATE, rates, display)
    if rates.lower is None or asked.train.learning_rate != AUTO:
        return _noting(plan, RATE, rates.sentence, display)
    said = f"{rates.sentence}, so {rates.lower:g} is planned"
    return _noting(_at_rate(plan, asked, facts, rates.lower), RATE, said, display)


def _at_rate(plan: Plan, asked: Settings, facts: Facts, rate: float) -> Plan:
    """Plans again with another rate, which other decisions may go by; all reasons stay."""
    again = make_plan(changed(asked, {RATE: rate}), facts)
    values = {key: each.value for key, each in again.decisions.items()}
    decisions = {key: replace(each, value=values.get(key, each.value)) for key, each in plan.decisions.items()}
    return replace(again, decisions=decisions)


def _noting(plan: Plan, key: str, said: str, display: Display) -> Plan:
    """Says what a probe has found, and adds it to the reason of a decision."""
    display.say(said)
    decision = plan.decisions[key]
    return replace(plan, decisions={**plan.decisions, key: replace(decision, reason=f"{decision.reason}; {said}")})


def _of_frozen(
    settings: Settings,
    facts: Facts,
    corpus: Corpus,
    found: Found,
    pieces: Pieces,
    *,
    seconds: float,
    display: Display,
) -> Probe | str:
    if corpus.labels.multilabel or "validation" not in corpus.splits:
        return "no probe: it takes one label a row, and validation rows"
    ways = _ways(settings.text, facts)
    # Each window of each way takes what a text of one window does.
    each = seconds / sum(text.windows for text in ways.values())
    return probe(
        found,
        corpus.splits["train"],
        corpus.splits["validation"],
        classes=len(corpus.labels.names),
        ways={way: limits_of(pieces, text) for way, text in ways.items()},
        most_rows=probed_rows(settings, facts, seconds=each),
        advance=display.advance,
    )


def _ways(text: TextSettings, facts: Facts) -> dict[str, TextSettings]:
    """Returns how texts are read as planned and, where one window cuts enough of them, by head or by head and tail."""
    ways, train = [text], facts.statistics.splits["train"]
    if not facts.statistics.pairs and rows_over(train.lengths, text.max_length) >= WORTH_IT * train.rows > 0:
        ways += [text.model_copy(update={"windows": 1, "keep": keep}) for keep in WAYS]
    return {f"in {each.windows} windows" if each.windows > 1 else WAYS[each.keep]: each for each in ways}
