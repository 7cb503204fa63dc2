"""``plan``: says what would be trained, why, and what it would cost; trains nothing."""

from __future__ import annotations

if __name__ == "__main__":
    # Before anything heavy is imported: help must not wait for TensorFlow.
    from tfclassify.command_line import main

    raise SystemExit(main("plan"))

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from typing import Any

from tfclassify.checkup.data.material import Vocabulary
from tfclassify.checkup.data.quick import quick_findings
from tfclassify.checkup.finding import Finding
from tfclassify.data.corpus import Corpus, read_corpus
from tfclassify.data.locations import SPLITS, locations
from tfclassify.data.token_store import Pieces
from tfclassify.display import SILENT, Display
from tfclassify.hardware import Hardware, detect_cpu
from tfclassify.learning import tracking
from tfclassify.learning.objectives import choose
from tfclassify.learning.strategies import accelerators
from tfclassify.learning.trained import pieces_of
from tfclassify.learning.weighting import label_weights
from tfclassify.model.rules import check_patterns
from tfclassify.model.weights import Found, encoder_size, find, lower_case
from tfclassify.planning.deciders.task import choose_model
from tfclassify.planning.facts import Decision, Facts
from tfclassify.planning.planner import Plan, make_plan, value_of
from tfclassify.quality.metrics import choose_metric
from tfclassify.runs import cache_folder, data_name
from tfclassify.settings import AUTO, Settings, changed, parse

DEFAULT_DATA = "sample:support"
# The label that the sample gives to questions that are none of the desk's.
DEFAULT_OUT_OF_SCOPE = "out_of_scope"


@dataclass(frozen=True)
class Prepared:
    """A plan and what it was made from: the data as read, the model's files, the tokenizer, the machine."""

    plan: Plan
    corpus: Corpus
    found: Found
    pieces: Pieces
    hardware: Hardware


def plan(settings: Settings | Mapping[str, Any] | None = None, *, display: Display = SILENT) -> Plan:
    """Plans a job.

    Args:
        settings: what is asked, as settings or as nested or dotted keys; nothing at all is the embedded sample.
        display: gets the progress.

    Raises:
        UsageError: what is asked cannot be done.
    """
    return prepare(parse(settings or {}, Settings), display=display).plan


def prepare(asked: Settings, *, display: Display) -> Prepared:
    """Reads the data, looks at the machine, and plans.

    Raises:
        UsageError: what is asked cannot be done.
    """
    asked, chosen = _with_data(asked)
    hardware = replace(detect_cpu(), accelerators=accelerators())
    found = find(str(choose_model(asked, hardware).value), cache=cache_folder())
    expected = lower_case(found)
    lower = expected if value_of(asked, "text.lower_case") == AUTO else asked.text.lower_case
    pieces = pieces_of(found.vocabulary, lower_case=lower, maps=asked.text.maps)
    corpus = read_corpus(asked.data, pieces, seed=asked.seed, cache=cache_folder(), display=display)
    for note in corpus.notes:
        display.say(note)
    facts = Facts(
        statistics=corpus.statistics,
        hardware=hardware,
        encoder=encoder_size(found),
        lower_case=expected,
        columns={**chosen, **corpus.reasons},
    )
    vocabulary = Vocabulary(found.name, found.vocabulary, expected, facts.encoder)
    made = quoting(make_plan(asked, facts), quick_findings(corpus.statistics, vocabulary))
    prepared = Prepared(made, corpus, found, pieces, hardware)
    _check(prepared)
    return prepared


def quoting(plan: Plan, findings: Iterable[Finding]) -> Plan:
    """Adds to the reason of each decision what a check-up found that bears on it, notes left out.

    A key that nobody decided on, because it has a default, is told with it.
    """
    decisions = dict(plan.decisions)
    for finding in findings:
        if finding.key and finding.severity != "note":
            decision = decisions.get(finding.key, Decision(value_of(plan.settings, finding.key), "the setting's own"))
            decisions[finding.key] = replace(decision, reason=f"{decision.reason}; check-up: {finding.sentence[:-1]}")
    return replace(plan, decisions=decisions)


def _check(prepared: Prepared) -> None:
    """Refuses what learning would refuse, before there is a run that takes its name."""
    train, corpus = prepared.plan.settings.train, prepared.corpus
    check_patterns(prepared.plan.settings.answer.rules)
    choose(train.objectives)
    choose_metric(train.metric)
    tracking.check(prepared.plan.settings.track)
    label_weights(train.class_weights, corpus.labels.names, corpus.statistics.splits["train"].label_counts)


def _with_data(asked: Settings) -> tuple[Settings, dict[str, tuple[Any, str]]]:
    """Takes the embedded sample where no data are named, with its own mark for what is out of scope, and a name."""
    chosen: dict[str, tuple[Any, str]] = {}
    # Whoever names other rows has forgotten the training rows, and does not want the sample's.
    if not any(getattr(asked.data, split) for split in SPLITS):
        chosen["data.train"] = (DEFAULT_DATA, "no data were named, and this sample comes with the package")
    sample = asked.data.train in (None, DEFAULT_DATA)
    if sample and "out_of_scope_label" not in asked.data.model_fields_set:
        chosen["data.out_of_scope_label"] = (DEFAULT_OUT_OF_SCOPE, f"{DEFAULT_DATA} marks such rows so")
    brought = locations(changed(asked, {key: value for key, (value, _) in chosen.items()}).data)
    for split, place in brought.items():
        if split != "train" and getattr(asked.data, split) is None:
            chosen[f"data.{split}"] = (place, "published with the sample")
    if asked.name is None:
        data = str(asked.data.train or DEFAULT_DATA)
        chosen["name"] = (data_name(data), f"after {data}")
    return changed(asked, {key: value for key, (value, _) in chosen.items()}), chosen
