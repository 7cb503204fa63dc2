"""``plan``: says what would be trained, why, and what it would cost; trains nothing."""

from __future__ import annotations

if __name__ == "__main__":
    # Before anything heavy is imported: help must not wait for TensorFlow.
    from tfclassify.command_line import main

    raise SystemExit(main("plan"))

import os
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from pydantic import BaseModel

from tfclassify.checkup.data.material import Vocabulary
from tfclassify.checkup.data.quick import quick_findings
from tfclassify.checkup.data.scripts import shares_of_scripts
from tfclassify.checkup.finding import Finding
from tfclassify.data.corpus import Corpus, read_corpus
from tfclassify.data.locations import SPLITS, locations
from tfclassify.data.pieces import Pieces, pieces_of
from tfclassify.data.texts import looked_at, some_texts
from tfclassify.display import SILENT, Display
from tfclassify.errors import UsageError
from tfclassify.hardware import Hardware, detect_cpu
from tfclassify.learning.calibrations import calibration_for
from tfclassify.learning.objectives import choose
from tfclassify.learning.strategies import accelerators
from tfclassify.learning.weighting import label_weights
from tfclassify.model.rules import check_patterns
from tfclassify.model.weights import Found, encoder_size, find, is_to_be_had, lower_case
from tfclassify.planning.calibration import Calibration
from tfclassify.planning.deciders.learning import limit_too_short
from tfclassify.planning.deciders.machine import choose_precision
from tfclassify.planning.deciders.models import choose_model, english_only
from tfclassify.planning.facts import Decision, Facts
from tfclassify.planning.planner import Plan, make_plan, value_of
from tfclassify.quality.metrics import choose_metric
from tfclassify.runs import cache_folder, data_name, write_text
from tfclassify.settings import AUTO, PlanRequest, Settings, changed, parse

DEFAULT_DATA = "sample:support"
# The label that the sample gives to questions that are none of the desk's.
DEFAULT_OUT_OF_SCOPE = "out_of_scope"
# Texts whose letters are looked at: the share of a script need not be known to the percent.
MOST_TEXTS = 2000


@dataclass(frozen=True)
class Prepared:
    """A plan and what it was made from: the data as read, the model's files, the tokenizer, the machine."""

    plan: Plan
    corpus: Corpus
    found: Found
    pieces: Pieces
    hardware: Hardware


@dataclass(frozen=True)
class _Reading:
    """The data in the word pieces of a model, the model's files, and whether its vocabulary is lower-cased."""

    found: Found
    pieces: Pieces
    corpus: Corpus
    lower_case: bool


def plan(settings: BaseModel | Mapping[str, Any] | None = None, *, display: Display = SILENT) -> Plan:
    """Plans a job, and draws what else could be trained where ``output`` says where to.

    Args:
        settings: what is asked, as settings or as nested or dotted keys; nothing at all is the embedded sample.
        display: gets the progress.

    Raises:
        UsageError: what is asked cannot be done.
    """
    request = settings if isinstance(settings, BaseModel) else parse(settings or {}, PlanRequest)
    given = request.model_dump(exclude_unset=True)
    output = given.pop("output", None)
    made = prepare(parse(given, Settings), display=display).plan
    if output is not None:
        display.say(f"page: {_written(Path(os.path.expanduser(output)), made)}")
    return made


def _written(folder: Path, made: Plan) -> Path:
    # Templates are loaded only where something is drawn.
    from tfclassify.quality.report.plan_page import plan_page

    file = folder / "plan.html"
    try:
        write_text(file, plan_page(made))
    except OSError as error:
        raise UsageError(f"output={folder} cannot be written: {error.strerror or error}") from error
    return file


def prepare(asked: Settings, *, display: Display, renew: bool = False, probes: bool = True) -> Prepared:
    """Reads the data, looks at the machine, and plans.

    Args:
        asked: what is asked for.
        display: gets the progress.
        renew: whether to measure the machine again where that was long ago or under load; where it was never measured,
            it is in any case.
        probes: whether probes are made where they are asked for; a training that goes on has made them.

    Raises:
        UsageError: what is asked cannot be done.
    """
    _check_names(asked)
    asked, chosen = _with_data(asked)
    hardware = replace(detect_cpu(), accelerators=accelerators())
    # What is wrong with the data is said before anybody waits for the machine to be measured.
    reading = _read(asked, str(choose_model(asked, hardware).value), display)
    precision = choose_precision(hardware).value if asked.train.precision == AUTO else asked.train.precision
    calibration = calibration_for(hardware, precision, cache=cache_folder(), renew=renew, display=display)
    facts = replace(_facts(reading, hardware, calibration, chosen), scripts=_scripts(reading.corpus))
    if asked.model.name == AUTO:
        decision = _model(asked, facts, display)
        if decision.value != reading.found.name:
            reading = _read(asked, str(decision.value), display)
        found = _facts(reading, hardware, calibration, chosen)
        facts = replace(found, scripts=facts.scripts, decided={"model.name": decision})
    for note in reading.corpus.notes:
        display.say(note)
    prepared = _planned(asked, reading, facts)
    for doubt in (english_only(prepared.plan.settings, facts), limit_too_short(prepared.plan.settings, facts)):
        if doubt is not None:
            display.say(doubt)
    if not (probes and prepared.plan.settings.train.probe):
        return prepared
    # Only where it is asked for: the library of networks takes seconds to be imported.
    from tfclassify.learning.probes import probed

    plan = probed(prepared.plan, asked, facts, prepared.corpus, prepared.found, prepared.pieces, display=display)
    return replace(prepared, plan=plan)


def _planned(asked: Settings, reading: _Reading, facts: Facts) -> Prepared:
    """Plans, tells with each decision what a check-up finds that bears on it, and refuses what cannot be learnt."""
    vocabulary = Vocabulary(reading.found.name, reading.found.vocabulary, reading.lower_case, facts.encoder)
    made = quoting(make_plan(asked, facts), quick_findings(reading.corpus.statistics, vocabulary))
    weights, counted = made.settings.train.class_weights, reading.corpus.statistics.splits["train"].label_counts
    # Refused here, before there is a run that takes its name.
    label_weights(weights, reading.corpus.labels.names, counted)
    return Prepared(made, reading.corpus, reading.found, reading.pieces, facts.hardware)


def _read(asked: Settings, model: str, display: Display) -> _Reading:
    """Reads the data in the word pieces of a model."""
    found = find(model, cache=cache_folder())
    expected = lower_case(found)
    lower = expected if value_of(asked, "text.lower_case") == AUTO else asked.text.lower_case
    pieces = pieces_of(found.vocabulary, lower_case=lower, maps=asked.text.maps)
    corpus = read_corpus(asked.data, pieces, seed=asked.seed, cache=cache_folder(), display=display)
    return _Reading(found, pieces, corpus, expected)


def _facts(
    reading: _Reading, hardware: Hardware, calibration: Calibration | None, chosen: Mapping[str, tuple[Any, str]]
) -> Facts:
    return Facts(
        statistics=reading.corpus.statistics,
        hardware=hardware,
        encoder=encoder_size(reading.found),
        lower_case=reading.lower_case,
        columns={**chosen, **reading.corpus.reasons},
        calibration=calibration,
    )


def _model(asked: Settings, facts: Facts, display: Display) -> Decision:
    """Chooses the model by the data, among those whose files are to be had; says loudly where it is another one."""
    nowhere: list[str] = []
    while True:
        decision = choose_model(asked, facts.hardware, facts, nowhere=nowhere)
        name = str(decision.value)
        if name in nowhere or is_to_be_had(name):
            break
        nowhere.append(name)
    if nowhere:
        display.say(f"model.name={name}: {decision.reason}")
    return decision


def _scripts(corpus: Corpus) -> Mapping[str, float]:
    """Returns the share of some training texts by the letters that most of a text is in."""
    train = corpus.splits["train"]
    places = looked_at(train)
    some = places[:: max(1, len(places) // MOST_TEXTS)]
    return shares_of_scripts(some_texts(train, some).to_pylist())


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


def _check_names(asked: Settings) -> None:
    """Refuses what learning would refuse whatever the data are, before anybody waits for them to be read."""
    train = asked.train
    check_patterns(asked.answer.rules)
    if train.objectives != AUTO:
        choose(train.objectives)
    if train.metric != AUTO:
        choose_metric(train.metric)
    if asked.track:
        # It knows networks, and so the library of them, which takes seconds to be imported.
        from tfclassify.learning import tracking

        tracking.check(asked.track)


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
