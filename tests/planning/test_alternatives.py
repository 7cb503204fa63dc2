"""What else could be trained: the planned one is among it, its costs are those of the plan, and nothing is made up."""

from __future__ import annotations

import json
from pathlib import Path
from statistics import mean
from typing import Any

import pytest
from made_facts import facts

from tfclassify.planning.alternatives import alternatives, answered, duration, expectation, table_lines
from tfclassify.planning.costs import answer_seconds
from tfclassify.planning.deciders.models import BENCHMARK
from tfclassify.planning.evidence import EVIDENCE, OWN, Band, expected_accuracy
from tfclassify.planning.planner import Plan, make_plan, reasons_markdown
from tfclassify.planning.presets import PRESETS
from tfclassify.settings import Settings, parse

# 900 rows of 20 tokens and 4 of 90, which are cut.
LENGTHS = [0] * 20 + [900] + [0] * 69 + [4]
RESULTS = Path(__file__).parents[2] / OWN


def planned(**asked: Any) -> Plan:
    told = {name.replace("__", "."): value for name, value in asked.items()}
    return make_plan(parse(told, Settings), facts(lengths=LENGTHS, validation=None))


def test_what_is_planned_is_one_of_them_at_the_costs_of_the_plan() -> None:
    plan = planned()
    (chosen,) = [each for each in plan.alternatives if each.chosen]
    assert (chosen.model, chosen.max_length, chosen.batch_size) == ("minilm", 32, 32)
    epochs = plan.settings.train.epochs
    assert chosen.training_seconds == pytest.approx(epochs * (plan.costs.seconds_per_epoch + plan.judging_seconds))
    assert chosen.memory_bytes == plan.costs.peak_memory_bytes
    assert chosen.cut_share == 4 / 1000


def test_every_model_length_and_batch_is_there_once() -> None:
    found = planned().alternatives
    seen = {(each.model, each.max_length, each.batch_size) for each in found}
    models = ("bert-tiny", "minilm", "bert-base", "bert-large")
    assert seen == {(name, length, rows) for name in models for length in (16, 32, 90) for rows in (16, 32)}
    assert len(seen) == len(found)
    assert list(dict.fromkeys(each.model for each in found)) == list(models)


def test_a_model_of_ones_own_is_one_of_them() -> None:
    plan = planned(model__name="a/b", train__batch_size=7)
    assert [each.model for each in plan.alternatives if each.chosen] == ["a/b"]
    assert {each.batch_size for each in plan.alternatives} == {7, 16, 32}


def test_larger_models_and_longer_texts_take_more() -> None:
    found = {(each.model, each.max_length): each for each in planned().alternatives if each.batch_size == 32}
    for less, more in ((("minilm", 32), ("bert-base", 32)), (("minilm", 32), ("minilm", 90))):
        for name in ("training_seconds", "memory_bytes", "answer_seconds", "batch_seconds"):
            assert getattr(found[less], name) < getattr(found[more], name)


def test_times_of_answers_are_those_of_the_network() -> None:
    known = facts()
    found = answered(known)
    assert [each.length for each in found] == [16, 32, 64, 128, 256, 512]
    for each in found:
        assert each.single_seconds == answer_seconds((1, each.length), known)
        assert each.batch_seconds == answer_seconds((32, each.length), known) / 32 < each.single_seconds


# What accuracy is expected


def test_our_own_evidence_is_what_the_benchmark_measured() -> None:
    if not RESULTS.is_file():
        pytest.skip("the benchmarks are no part of this copy")
    pieces = [json.loads(line) for line in RESULTS.read_text(encoding="utf-8").splitlines()]
    own = [each for each in EVIDENCE if each.source == OWN]
    gains = []
    for each in own:
        mine = [piece for piece in pieces if (piece["piece"], piece["data"]) == ("accuracy", each.data)]
        assert each.accuracy == round(mean(piece["accuracy"] for piece in mine), 4)
        assert mine[0]["rows_account"]["trained"] == each.rows
        gains.append(100 * mean(piece["accuracy"] - piece["baseline_accuracy"] for piece in mine))
    said = f"{min(gains):.1f} to {max(gains):.1f} points above the baseline on {len(gains)} data sets"
    assert said in BENCHMARK


def test_evidence_is_of_presets() -> None:
    assert {each.model for each in EVIDENCE} <= set(PRESETS)
    assert all(0.5 < each.accuracy < 1 for each in EVIDENCE)


@pytest.mark.parametrize(
    ("model", "rows", "classes", "expected"),
    [
        # trec6 and ag_news_subset have about 800 and 1000 rows a class.
        ("minilm", 4000, 5, (0.8984, 0.9647)),
        # Of 13 classes those of sst2_sentences are less than a quarter, of 17 those of ag_news_subset as well.
        ("minilm", 13_000, 13, (0.8984, 0.9647)),
        ("minilm", 17_000, 17, (0.9647, 0.9647)),
        ("minilm", 25, 5, None),
        ("bert-large", 4000, 5, None),
    ],
)
def test_data_that_are_alike(model: str, rows: int, classes: int, expected: tuple[float, float] | None) -> None:
    found = expected_accuracy(model, rows=rows, classes=classes)
    assert (None if found is None else (found.low, found.high)) == expected


def test_nothing_is_expected_of_texts_that_were_cut_or_of_several_labels() -> None:
    assert all(each.accuracy is None for each in planned().alternatives if each.cut_share > 0.01)
    several = make_plan(parse({}, Settings), facts({"a": 3000, "b": 3000}, multilabel=True))
    assert all(each.accuracy is None for each in several.alternatives)
    one = make_plan(parse({}, Settings), facts({"a": 3000, "b": 3000}))
    assert any(each.accuracy is not None for each in one.alternatives)


@pytest.mark.parametrize(
    ("scripts", "model"), [({"Han": 1.0}, "bert-base-chinese"), ({"Cyrillic": 1.0}, "multilingual")]
)
def test_texts_in_other_letters_have_other_alternatives(scripts: dict[str, float], model: str) -> None:
    counts = {"a": 3000, "b": 3000}
    plan = make_plan(parse({"model.name": "minilm"}, Settings), facts(counts, scripts=scripts))
    known = {each.model: each.accuracy for each in plan.alternatives}
    assert model in known
    # What was measured on English says nothing of them.
    assert {name for name, band in known.items() if band is not None} <= {model}
    assert (known[model] is not None) == (model == "bert-base-chinese")
    english = make_plan(parse({"model.name": "bert-base-chinese"}, Settings), facts(counts))
    assert {each.accuracy for each in english.alternatives if each.model == "minilm"} == {None}


def test_choosing_windows_is_part_of_what_an_answer_takes() -> None:
    known = facts(lengths=[0] * 2000 + [1000])
    made = make_plan(parse({"text.windows": 4, "text.chosen_share": 0.5}, Settings), known)
    (chosen,) = [each for each in made.alternatives if each.chosen]
    assert chosen.answer_seconds == answer_seconds((2, 512), known)


def test_with_a_time_limit_the_planned_training_keeps_it() -> None:
    known = facts({"a": 3000, "b": 3000})
    made = make_plan(parse({"train.time_limit_minutes": 0.1}, Settings), known)
    (chosen,) = [each for each in made.alternatives if each.chosen]
    assert chosen.training_seconds <= 6.0 + made.judging_seconds + 1.0


# What is shown


def test_the_table_marks_the_planned_row_and_names_its_sources() -> None:
    plan = make_plan(parse({}, Settings), facts({"a": 3000, "b": 3000}))
    lines = table_lines(plan.alternatives)
    marked = [line for line in lines if line.startswith("| → ")]
    assert len(marked) == 1
    assert "| minilm | 32 | 32 |" in marked[0]
    assert "| 0.889 to 0.965 |" in marked[0]
    places = f"trec6, sst2_sentences, ag_news_subset in {OWN}"
    assert f"Expected accuracy of minilm: on data with as many classes and rows a class ({places})." in lines
    for line in lines:
        assert line in reasons_markdown(plan).splitlines()


def test_what_nobody_knows_is_said() -> None:
    plan = make_plan(parse({}, Settings), facts({"a": 3, "b": 3}))
    assert all(line.endswith("| not known |") for line in table_lines(plan.alternatives) if "minilm" in line)
    assert "nobody has measured one" in table_lines(plan.alternatives)[-1]


@pytest.mark.parametrize(
    ("seconds", "words"),
    [
        (1.26, "1.3 s"),
        (9.94, "9.9 s"),
        (10.4, "10 s"),
        (99.4, "99 s"),
        (100, "2 min"),
        (5999, "100 min"),
        (6000, "1.7 h"),
    ],
)
def test_durations(seconds: float, words: str) -> None:
    assert duration(seconds) == words


def test_bands() -> None:
    assert expectation(None) == "not known"
    assert expectation(Band(0.5, 0.5, "x")) == "0.500"
    assert expectation(Band(0.5, 0.75, "x")) == "0.500 to 0.750"


def test_alternatives_are_a_function_of_settings_and_facts() -> None:
    known = facts(lengths=LENGTHS)
    plan = make_plan(Settings(), known)
    assert alternatives(plan.settings, known) == plan.alternatives
