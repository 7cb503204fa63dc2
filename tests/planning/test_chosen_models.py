"""Which model: at the borders of letters, rows, time and memory; what its reason names is what the facts say."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from made_calibrations import made_calibration
from made_facts import GPU, facts, machine

from tfclassify.errors import UsageError
from tfclassify.hardware import Hardware
from tfclassify.planning.calibration import Paces
from tfclassify.planning.costs import answer_bytes, answer_seconds, epoch_seconds
from tfclassify.planning.deciders.models import BENCHMARK, MINILM, baseline_alone, choose_model, usual_shape
from tfclassify.planning.facts import Decision, Facts
from tfclassify.planning.planner import make_plan
from tfclassify.planning.presets import PRESETS
from tfclassify.settings import Settings, parse

SMALL = "6 layers of width 384, small enough to be trained on a processor"


def chosen(known: Facts, *, nowhere: tuple[str, ...] = (), **asked: Any) -> Decision:
    settings = parse({name.replace("__", "."): value for name, value in asked.items()}, Settings)
    return choose_model(settings, known.hardware, known, nowhere=nowhere)


def refused(known: Facts, **asked: Any) -> str:
    with pytest.raises(UsageError) as caught:
        chosen(known, **asked)
    return str(caught.value)


def of(name: str, known: Facts) -> Facts:
    return replace(known, encoder=PRESETS[name].size)


def slow(seconds_per_pass: float) -> Facts:
    """A machine on which a step takes so long, whatever the model."""
    paces = Paces(seconds_per_pass, 0.0, 0.0, 0.0)
    return facts(calibration=made_calibration(training=paces))


@pytest.mark.parametrize("goal", ["fast", "balanced"])
def test_the_usual_one(goal: str) -> None:
    found = chosen(facts(), goal=goal)
    assert (found.value, found.reason, found.source) == (MINILM, SMALL, BENCHMARK)
    assert "goal=best" in found.changes


def test_before_the_data_are_known() -> None:
    found = choose_model(Settings(), Hardware(2, 1))
    assert found == Decision(MINILM, "its vocabulary serves to count, until the data are known")


def test_a_model_that_was_asked_for_is_taken() -> None:
    assert chosen(facts(), model__name="a/b", goal="best") == Decision("a/b", "as asked")


# Letters


@pytest.mark.parametrize(
    ("scripts", "model", "reason"),
    [
        ({"Latin": 1.0}, MINILM, SMALL),
        ({"Latin": 0.8, "Cyrillic": 0.2}, MINILM, SMALL),
        ({"Latin": 0.4, "Cyrillic": 0.1, "no letters": 0.5}, MINILM, SMALL),
        ({"Latin": 0.79, "Cyrillic": 0.21}, "multilingual", "only 79% of the texts are in Latin letters"),
        ({"Han": 0.8, "Latin": 0.2}, "bert-base-chinese", "80% of the texts are in Han letters"),
        ({"Han": 0.79, "Latin": 0.21}, "multilingual", "only 21% of the texts are in Latin letters"),
        ({"Japanese": 1.0}, "multilingual", "only 0% of the texts are in Latin letters"),
        ({"no letters": 1.0}, MINILM, SMALL),
    ],
)
def test_letters(scripts: dict[str, float], model: str, reason: str) -> None:
    found = chosen(facts(scripts=scripts))
    assert (found.value, found.reason) == (model, reason)


@pytest.mark.parametrize(("unknown", "model"), [(2000, MINILM), (2100, "multilingual")])
def test_tokens_that_an_english_vocabulary_does_not_know(unknown: int, model: str) -> None:
    known = facts()
    assert known.statistics.splits["train"].tokens == 10_000
    splits = {**known.statistics.splits, "train": replace(known.statistics.splits["train"], unknown_tokens=unknown)}
    found = chosen(replace(known, statistics=replace(known.statistics, splits=splits)))
    assert found.value == model
    if model != MINILM:
        assert found.reason == "21% of the tokens are unknown to an English vocabulary"


def test_what_is_nowhere_to_be_had_is_said_and_the_baseline_is_recommended() -> None:
    found = chosen(facts(scripts={"Han": 1.0}), nowhere=("bert-base-chinese",))
    assert found.value == MINILM
    assert found.reason == (
        "100% of the texts are in Han letters; the files of bert-base-chinese are nowhere to be had; "
        "minilm knows English only: TF-IDF with logistic regression, the baseline of the report, may do better"
    )
    assert found.changes.startswith("files of bert-base-chinese on this machine (model.name=FOLDER)")


def test_where_all_is_nowhere_the_first_one_is_left_to_be_refused() -> None:
    everything = ("bert-base-chinese", "minilm", "bert-tiny")
    assert chosen(facts(scripts={"Han": 1.0}), nowhere=everything).value == "bert-base-chinese"


# Goal, rows, time


def epochs_seconds(name: str, known: Facts) -> float:
    return 3 * epoch_seconds(Settings(), of(name, known))


@pytest.mark.parametrize(("factor", "model"), [(1.001, "bert-base"), (0.999, MINILM)])
def test_the_best_is_the_largest_that_is_trained_in_time(factor: float, model: str) -> None:
    known = facts()
    minutes = factor * epochs_seconds("bert-base", known) / 60
    found = chosen(known, goal="best", train__time_limit_minutes=minutes)
    assert found.value == model
    if model == MINILM:
        taken = f"{epochs_seconds('bert-base', known) / 60:.1f} minutes for 3 epochs"
        assert found.reason == (
            f"6 layers of width 384; bert-base would take {taken}, and train.time_limit_minutes={minutes:g}"
        )
    else:
        assert found.reason == "goal=best, and 12 layers can be trained on 1000 rows in time"


@pytest.mark.parametrize(("seconds", "model"), [(37.0, "bert-base"), (39.0, MINILM)])
def test_without_a_limit_an_hour_is_the_most(seconds: float, model: str) -> None:
    # 1000 rows are 31.25 batches of 32; three epochs of them take an hour at 38.4 seconds a step.
    found = chosen(slow(seconds), goal="best")
    assert found.value == model
    assert ("60 minutes are the most" in found.reason) == (model == MINILM)


@pytest.mark.parametrize(("rows", "model"), [(9_998, "bert-base"), (10_000, "bert-large")])
def test_the_largest_takes_many_rows_and_an_accelerator(rows: int, model: str) -> None:
    counts = {"a": rows // 2, "b": rows // 2}
    assert chosen(facts(counts, hardware=machine(GPU)), goal="best").value == model
    quick = made_calibration(training=Paces(1e-6, 0.0, 0.0, 0.0))
    assert chosen(facts(counts, calibration=quick), goal="best").value == "bert-base"


@pytest.mark.parametrize(("rows", "model"), [(7, MINILM), (8, "bert-base")])
def test_few_rows_a_class_are_for_vectors_of_sentences(rows: int, model: str) -> None:
    found = chosen(facts({"a": rows, "b": rows}), goal="best")
    assert found.value == model
    if model == MINILM:
        assert found.reason == "7 rows a class; its vectors tell sentences apart already"
        assert found.source.startswith("Tunstall")


@pytest.mark.parametrize(("factor", "model"), [(1.001, MINILM), (0.999, "bert-tiny")])
def test_little_time_takes_a_small_model(factor: float, model: str) -> None:
    known = facts()
    minutes = factor * epochs_seconds(MINILM, known) / 60
    assert chosen(known, train__time_limit_minutes=minutes).value == model


def test_where_no_epoch_is_made_the_baseline_is_recommended() -> None:
    seconds = epoch_seconds(Settings(), of("bert-tiny", slow(2.0)))
    found = chosen(slow(2.0), train__time_limit_minutes=0.5)
    assert found.reason.endswith(
        f"an epoch takes {seconds:.0f} seconds, more than train.time_limit_minutes=0.5: "
        "TF-IDF with logistic regression, the baseline of the report, may do as well"
    )
    enough = chosen(slow(2.0), train__time_limit_minutes=seconds / 60)
    assert "baseline" not in enough.reason
    # Of a model that was asked for it is said as well.
    asked = parse({"model.name": "bert-tiny", "train.time_limit_minutes": 0.5}, Settings)
    assert baseline_alone(asked, slow(2.0)) == found.reason.partition("; ")[2].rpartition("; ")[2]
    assert baseline_alone(parse({"model.name": "bert-tiny"}, Settings), slow(2.0)) is None


def test_what_was_asked_to_be_cut_costs_no_time() -> None:
    known = facts(lengths=[0] * 300 + [1000])
    short = parse({"text.max_length": 20}, Settings)
    assert epoch_seconds(short, known) == epoch_seconds(Settings(), facts(lengths=[0] * 20 + [1000]))
    minutes = 1.001 * epochs_seconds(MINILM, facts(lengths=[0] * 20 + [1000])) / 60
    asked = {"train__time_limit_minutes": minutes}
    assert chosen(known, **asked).value == "bert-tiny"
    assert chosen(known, text__max_length=20, **asked).value == MINILM


# Deployment


def usual(known: Facts, **asked: Any) -> tuple[int, int]:
    return usual_shape(parse({name.replace("__", "."): value for name, value in asked.items()}, Settings), known)


def test_the_usual_text_is_as_long_as_nearly_all() -> None:
    assert usual(facts(lengths=[0] * 20 + [995, *[0] * 30, 5], validation=None)) == (1, 20)
    assert usual(facts(lengths=[0] * 20 + [994, *[0] * 30, 6], validation=None)) == (1, 51)


def test_the_usual_text_is_read_as_asked() -> None:
    long = facts(lengths=[0] * 900 + [9])
    assert usual(long) == (1, 512)
    assert usual(long, text__max_length=100) == (1, 100)
    windows = {"text__max_length": 512, "text__windows": 2, "text__window_stride": 510}
    assert usual(long, **windows) == usual(long, text__windows=2) == (2, 512)
    assert usual(long, **windows, text__chosen_share=0.5) == (1, 512)
    assert usual(facts(), **windows) == (1, 10)


@pytest.mark.parametrize("key", ["latency_ms", "memory_mb"])
def test_windows_keep_the_limits_of_the_deployment(key: str) -> None:
    known = facts(lengths=[0] * 2000 + [1000], validation=None)
    takes, form = {
        "latency_ms": (lambda shape: 1000 * answer_seconds(shape, known), ".3g"),
        "memory_mb": (lambda shape: answer_bytes(shape, known) / 1e6, ".0f"),
    }[key]
    assert make_plan(Settings(), known).settings.text.windows == 4
    made = make_plan(parse({f"deploy.{key}": 1.0001 * takes((3, 512))}, Settings), known)
    assert made.settings.text.windows == 3
    assert f"4 windows: the model would take {format(takes((4, 512)), form)}" in made.decisions["text.windows"].reason
    asked = {"text.windows": 4, f"deploy.{key}": 1.0001 * takes((3, 512))}
    with pytest.raises(UsageError, match=r"^minilm would take "):
        make_plan(parse({**asked, "model.name": "minilm"}, Settings), known)


@pytest.mark.parametrize(("factor", "model"), [(1.001, MINILM), (0.999, "bert-tiny")])
def test_latency(factor: float, model: str) -> None:
    known = facts()
    needed = 1000 * answer_seconds((1, 10), of(MINILM, known))
    limit = factor * needed
    found = chosen(known, deploy__latency_ms=limit)
    assert found.value == model
    said = f"minilm would take {needed:.3g} ms for a text of 10 tokens, and deploy.latency_ms={limit:g}"
    assert (said in found.reason) == (model == "bert-tiny")


@pytest.mark.parametrize(("factor", "model"), [(1.0001, MINILM), (0.9999, "bert-tiny")])
def test_memory(factor: float, model: str) -> None:
    known = facts()
    limit = factor * answer_bytes((1, 10), of(MINILM, known)) / 1e6
    assert chosen(known, deploy__memory_mb=limit).value == model


def test_what_no_model_can_keep_is_refused_with_the_nearest_that_one_can() -> None:
    known = facts()
    needed = 1000 * answer_seconds((1, 10), of("bert-tiny", known))
    message = refused(known, deploy__latency_ms=0.001)
    limit = message.partition("at least deploy.latency_ms=")[2].partition(",")[0]
    assert message == (
        f"bert-tiny would take {needed:.3g} ms for a text of 10 tokens, and deploy.latency_ms=0.001; "
        "TF-IDF with logistic regression, the baseline of the report, alone would be the answer; "
        f"expected at least deploy.latency_ms={limit}, what bert-tiny takes, or a smaller text.max_length"
    )
    enough = float(limit)
    assert chosen(known, deploy__latency_ms=enough).value == "bert-tiny"
    message = refused(known, deploy__memory_mb=10)
    limit = message.partition("at least deploy.memory_mb=")[2].partition(",")[0]
    assert message == (
        f"bert-tiny would take {answer_bytes((1, 10), of('bert-tiny', known)) / 1e6:.0f} MB to answer, and "
        "deploy.memory_mb=10; TF-IDF with logistic regression, the baseline of the report, alone would be the answer; "
        f"expected at least deploy.memory_mb={limit}, what bert-tiny takes"
    )
    enough = float(limit)
    assert chosen(known, deploy__memory_mb=enough).value == "bert-tiny"


def test_a_model_that_was_asked_for_has_to_keep_them_too() -> None:
    known = of("bert-base", facts())
    base, limit = 1000 * answer_seconds((1, 10), known), 1000 * answer_seconds((1, 10), of(MINILM, known)) * 1.01
    asked = {"model.name": "bert-base", "deploy.latency_ms": limit}
    with pytest.raises(UsageError) as caught:
        make_plan(parse(asked, Settings), known)
    assert str(caught.value) == (
        f"bert-base would take {base:.3g} ms for a text of 10 tokens, and deploy.latency_ms={limit:g}; "
        "set model.name=minilm"
    )
    assert make_plan(parse({**asked, "deploy.latency_ms": base * 1.01}, Settings), known)


def test_a_decision_that_was_made_before_stays() -> None:
    decision = Decision("minilm", "an earlier reason", "a source", "a change")
    plan = make_plan(Settings(), replace(facts(), decided={"model.name": decision}))
    assert plan.decisions["model.name"] == decision
    asked = make_plan(parse({"model.name": "bert-tiny"}, Settings), replace(facts(), decided={"model.name": decision}))
    assert asked.decisions["model.name"].reason == "as asked"
