"""The plan: complete, as asked where something was asked, and read back as it was written."""

from __future__ import annotations

import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from made_facts import GPU, NO_COLUMNS, TPU_CORE, facts, machine, split

from tfclassify.errors import UsageError
from tfclassify.hardware import Accelerator
from tfclassify.planning.costs import Costs, predict_costs
from tfclassify.planning.deciders import DECIDERS
from tfclassify.planning.deciders.grounds import GROUNDS
from tfclassify.planning.facts import Facts
from tfclassify.planning.planner import (
    AS_ASKED,
    Plan,
    describe_costs,
    make_plan,
    plan_yaml,
    reasons_markdown,
    value_of,
)
from tfclassify.planning.presets import PRESETS
from tfclassify.runs import write_text
from tfclassify.settings import AUTO, Settings, parse, read

# One value for each planned key that differs from what the deciders say of the facts below.
ASKED: dict[str, Any] = {
    "model.name": "bert-tiny",
    "model.task": "binary",
    "model.dropout": 0.3,
    "model.head_bias": "shares",
    "model.feature_width": 7,
    "model.exits": (2, 3),
    "text.lower_case": False,
    "answer.calibrate": "none",
    "answer.thresholds": 0.25,
    "answer.scope": 0.5,
    "answer.stack": "none",
    "answer.cascade": 0.02,
    "answer.cascade_share": 0.3,
    "answer.loss_confidence": 0.5,
    "answer.baseline_buckets": 512,
    "train.precision": "float16",
    "train.strategy": "multi_worker",
    "train.shapes": "compiled",
    "train.embedding_updates": "dense",
    "train.steps_per_execution": 4,
    "text.max_length": 24,
    "train.batch_size": 3,
    "train.batch_tokens": 77,
    "train.max_shapes": 2,
    "train.buckets": ((3, 8), (2, 12)),
    "train.accumulation_steps": 2,
    "train.objectives": ({"cross_entropy": {"weight": 0.5}},),
    "train.class_weights": {"a": 2.0},
    "train.metric": "mcc",
    "train.epochs": 4,
    "train.scheduled_steps": 7,
    "train.learning_rate": 7e-5,
    "train.added_learning_rate": 5e-3,
    "text.windows": 3,
    "text.window_stride": 7,
    "text.keep": "head_tail",
    "text.head_share": 0.6,
    "text.pool": "mean",
    "text.chosen_share": 0.5,
    "train.windows": 2,
    "train.warmup_share": 0.25,
    "train.weight_decay": 0.0,
    "train.clip_norm": 0.0,
    "train.average": "swa",
    "train.average_start": 0.75,
    "train.average_every": 3,
    "train.average_decay": 0.9,
    "train.early_stopping": 0,
    "train.checkpoint_steps": 25,
}
# What may stand in the name of a column, a label or a folder.
NAMES = st.text(st.characters(exclude_categories=["Cs"]), min_size=1, max_size=12)
NASTY = st.one_of(
    NAMES, st.sampled_from(["a # b", "a: b", "- x", "'\"'", "a\nb", "a\r\n  b", "\u2028", "\x00\x1b", "|"])
)


def planned(asked: dict[str, Any] | None = None, known: Facts | None = None) -> Plan:
    return make_plan(parse(asked or {}, Settings), known or facts())


def leaves(value: Any) -> list[Any]:
    if isinstance(value, dict):
        return [leaf for each in value.values() for leaf in leaves(each)]
    if isinstance(value, list | tuple):
        return [leaf for each in value for leaf in leaves(each)]
    return [value]


@pytest.mark.parametrize("multilabel", [False, True])
@pytest.mark.parametrize("validation", [None, 0, 50])
@pytest.mark.parametrize("accelerators", [(), (GPU, GPU), (TPU_CORE,) * 8])
@pytest.mark.parametrize("goal", ["fast", "balanced", "best"])
def test_nothing_is_left_to_planning(
    multilabel: bool, validation: int | None, accelerators: tuple[Accelerator, ...], goal: str
) -> None:
    known = facts(multilabel=multilabel, validation=validation, hardware=machine(*accelerators))
    plan = planned({"goal": goal}, known)
    assert AUTO not in leaves(plan.settings.model_dump())
    assert set(plan.decisions) == set(DECIDERS) | set(NO_COLUMNS)
    for key, decision in plan.decisions.items():
        assert value_of(plan.settings, key) == decision.value
        assert decision.reason != AS_ASKED


def test_every_decision_says_who_says_so_and_what_would_change_it() -> None:
    for key, decision in planned().decisions.items():
        if key in DECIDERS:
            assert decision.source, key
            assert decision.changes, key
    assert set(GROUNDS) <= set(DECIDERS)
    asked = planned({"train.epochs": 4}).decisions["train.epochs"]
    assert (asked.source, asked.changes) == ("", "")


def test_the_keys_of_this_test_are_all_there_are() -> None:
    assert set(ASKED) == set(DECIDERS)


@pytest.mark.parametrize("key", ASKED)
def test_what_was_asked_stays(key: str) -> None:
    # Of tasks only the data's own can be asked for.
    assert key == "model.task" or value_of(planned().settings, key) != ASKED[key]
    plan = planned({key: ASKED[key]})
    assert value_of(plan.settings, key) == ASKED[key]
    assert plan.decisions[key].value == ASKED[key]
    assert plan.decisions[key].reason == AS_ASKED


def test_later_deciders_go_by_what_was_asked() -> None:
    plan = planned({"text.max_length": 16, "train.batch_size": 7, "train.max_shapes": 1}, facts(lengths=[0] * 30 + [9]))
    assert plan.settings.train.buckets == ((7, 16),)
    assert planned({"train.epochs": 50}).settings.train.early_stopping == 17


def test_planning_is_a_function() -> None:
    assert planned({"goal": "best"}) == planned({"goal": "best"})


def test_columns_are_taken_over_with_their_reasons() -> None:
    columns = {**NO_COLUMNS, "data.text": ("review", "it is the only one")}
    plan = planned({}, facts(columns=columns))
    assert plan.settings.data.text == "review"
    assert plan.decisions["data.text"].reason == "it is the only one"


def test_a_plan_of_a_plan_is_the_plan() -> None:
    plan = planned({"goal": "best"})
    assert make_plan(plan.settings, facts()).settings == plan.settings


def test_costs_are_those_of_the_settings() -> None:
    plan = planned()
    assert plan.costs == predict_costs(plan.settings, facts())


# What is written


@given(NASTY, NASTY, st.dictionaries(NAMES, st.floats(0.1, 10), max_size=3), st.lists(NASTY, min_size=5, max_size=5))
def test_a_plan_is_read_back_as_it_was(
    cache: Path, column: str, name: str, weights: dict[str, float], reasons: list[str]
) -> None:
    columns = {
        "data.text": (column, reasons[0]),
        "data.text_b": (None, reasons[1]),
        "data.label": (None, f"the labels are in the column '{column}'"),
        "data.labels": (column, reasons[2]),
        "name": (name, f"after {name}"),
    }
    known = facts(multilabel=True, columns=columns)
    asked = {"data.train": name, "data.out_of_scope_label": column, "train.class_weights": weights}
    plan = planned(asked, known)
    # The reasons of deciders might name what is in the data one day.
    odd = zip(["train.epochs", "model.name"], reasons[3:], strict=True)
    decisions = {**plan.decisions, **{key: replace(plan.decisions[key], reason=reason) for key, reason in odd}}
    plan = replace(plan, decisions=decisions)
    write_text(cache / "plan.yaml", plan_yaml(plan))
    assert read([str(cache / "plan.yaml")], Settings) == plan.settings


def test_the_plan_says_why() -> None:
    lines = plan_yaml(planned({"train.epochs": 4}, facts({"a": 5, "b": 5, "c": 5}))).splitlines()
    assert "  task: multiclass  # there are 3 labels, one a row" in lines
    assert "  text: text  # the column 'text' is there" in lines
    # What was asked needs no reason.
    assert "  epochs: 4" in lines
    assert "seed: 0" in lines


def test_a_reason_stays_on_its_line() -> None:
    columns = {**NO_COLUMNS, "data.text": ("a", "of\r\nseveral\u2028lines\x85and \x1b[31mcolours")}
    text = plan_yaml(planned({}, facts(columns=columns)))
    assert "  text: a  # of  several lines and  [31mcolours\n" in text


@given(NASTY, NASTY)
def test_every_decision_is_one_row_of_the_reasons(value: str, reason: str) -> None:
    plan = planned({}, facts(columns={**NO_COLUMNS, "data.text": (value, reason)}))
    lines = reasons_markdown(plan).split("\n")[6:]
    rows = lines[: lines.index("")]
    assert len(rows) == len(plan.decisions)
    for row, key in zip(rows, plan.decisions, strict=True):
        assert row.startswith(f"| `{key}` | ")
        assert row.endswith(" |")
        assert row.replace("\\|", "").count("|") == 6


def test_reasons_give_values_as_they_are_asked_for() -> None:
    lines = reasons_markdown(planned()).splitlines()
    assert any(line.startswith("| `data.text_b` | null | ") for line in lines)
    assert any(line.startswith("| `model.exits` | [] | ") for line in lines)
    assert any(line.startswith("| `train.objectives` | [cross_entropy] | ") for line in lines)


def test_costs_in_words() -> None:
    costs = Costs(seconds_per_epoch=12.4, peak_memory_bytes=1_250_000_000, padding_share=0.0123)
    expected = "Predicted: 12 seconds per epoch, peak memory 1.25 GB, 1.2% of all tokens are padding."
    assert describe_costs(costs) == expected
    assert expected in reasons_markdown(replace(planned(), costs=costs))
    assert describe_costs(replace(costs, seconds_per_epoch=0.34)).startswith("Predicted: 0.3 seconds per epoch, ")


# What cannot be


def refused(asked: dict[str, Any], known: Facts) -> str:
    with pytest.raises(UsageError) as caught:
        planned(asked, known)
    return str(caught.value)


THREE = {"a": 5, "b": 5, "c": 5}


@pytest.mark.parametrize(
    ("asked", "counts", "multilabel", "message"),
    [
        ("binary", THREE, False, "there are 3 labels, one a row; expected multiclass"),
        ("multiclass", {"a": 5, "b": 5}, False, "there are two labels, one a row; expected binary"),
        ("multilabel", THREE, False, "there are 3 labels, one a row; expected multiclass"),
        ("multiclass", THREE, True, "a row may have several of the 3 labels; expected multilabel"),
    ],
)
def test_a_task_that_is_not_the_datas(asked: str, counts: dict[str, int], multilabel: bool, message: str) -> None:
    known = facts(counts, multilabel=multilabel)
    assert refused({"model.task": asked}, known) == f"model.task is '{asked}', but {message}"


def test_objectives_for_another_task() -> None:
    asked = {"train.objectives": ["cross_entropy", {"binary_cross_entropy": {"weight": 0.1}}]}
    assert refused(asked, facts()) == (
        "train.objectives has 'binary_cross_entropy', but a row has one label; expected cross_entropy"
    )
    assert refused({"train.objectives": ["cross_entropy"]}, facts(multilabel=True)) == (
        "train.objectives has 'cross_entropy', but a row may have several labels; expected binary_cross_entropy"
    )


@pytest.mark.parametrize(
    ("asked", "validation", "message"),
    [
        ({"model.exits": [2, 6]}, 100, "model.exits is [2, 6]; expected layers before the last of the model's 6"),
        (
            {"model.exits": [2], "data.features": {"price": "number"}},
            100,
            "model.exits is [2], but the heads of early exits read the text alone; leave out data.features",
        ),
        (
            {"model.exits": [2]},
            None,
            "model.exits is [2], but how sure texts have to be is planned by validation rows; give data.validation",
        ),
    ],
)
def test_exits_that_cannot_be(asked: dict[str, Any], validation: int | None, message: str) -> None:
    assert refused(asked, facts(validation=validation)) == message


@pytest.mark.parametrize(
    ("asked", "message"),
    [
        ({"answer.calibrate": "temperature"}, "answer.calibrate is 'temperature'"),
        ({"answer.thresholds": "validation"}, "answer.thresholds is 'validation'"),
        ({"train.early_stopping": 3}, "train.early_stopping is 3"),
    ],
)
def test_what_needs_validation_rows(asked: dict[str, Any], message: str) -> None:
    assert planned(asked, facts(validation=10, multilabel=True))
    assert refused(asked, facts(validation=None, multilabel=True)) == (
        f"{message}, but there are no validation rows; give data.validation or data.validation_share"
    )


def test_a_length_that_the_model_does_not_read() -> None:
    assert PRESETS["minilm"].size.positions == 512
    assert planned({"text.max_length": 512}).settings.text.max_length == 512
    assert refused({"text.max_length": 513}, facts()) == (
        "text.max_length is 513; expected at most 512, the tokens that the model reads"
    )


def test_a_length_that_leaves_nothing_of_a_pair() -> None:
    assert planned({"text.max_length": 4}).settings.text.max_length == 4
    assert refused({"text.max_length": 4}, facts(pairs=True)) == (
        "text.max_length is 4; expected at least 5 for pairs of texts"
    )


def test_shapes_that_do_not_hold_every_text() -> None:
    # Rows in no shape would be left out of the training without a word.
    known = facts(lengths=[0] * 20 + [7])
    asked = {"train.buckets": [[4, 8], [4, 19]]}
    assert refused(asked, known) == (
        "train.buckets goes up to 19 tokens, but training texts have up to 20; "
        "give a longer shape, or set text.max_length=19"
    )
    assert planned({**asked, "text.max_length": 19}, known).settings.train.buckets == ((4, 8), (4, 19))
    assert planned({"train.buckets": [[4, 20]]}, known).settings.train.buckets == ((4, 20),)


def test_more_parts_than_a_batch_has_rows() -> None:
    asked = {"train.buckets": [[32, 8], [4, 32]], "train.accumulation_steps": 5}
    assert refused(asked, facts()) == (
        "train.accumulation_steps is 5, but batches of 32 tokens have 4 rows; expected at most 4, a row in each part"
    )
    assert planned({**asked, "train.accumulation_steps": 4}).settings.train.accumulation_steps == 4


def test_shapes_that_the_model_does_not_read() -> None:
    assert refused({"train.buckets": [[4, 600]]}, facts()) == (
        "train.buckets goes up to 600 tokens; expected at most 512, which the model reads"
    )


def test_validation_texts_may_be_longer_than_any_shape() -> None:
    known = facts()
    splits = {**known.statistics.splits, "validation": split({"a": 1, "b": 0}, lengths=[0] * 30 + [1])}
    known = replace(known, statistics=replace(known.statistics, splits=splits))
    assert planned({"train.buckets": [[4, 10]]}, known).settings.text.max_length == 32


def test_planning_does_without_tensorflow() -> None:
    code = """
import sys
sys.path.append("..")
from made_facts import facts
from tfclassify.hardware import detect_cpu
from tfclassify.planning.planner import make_plan, plan_yaml, reasons_markdown
from tfclassify.settings import Settings
plan = make_plan(Settings(), facts(hardware=detect_cpu()))
assert plan_yaml(plan) and reasons_markdown(plan)
print(sorted({"tensorflow", "tf_keras", "keras", "transformers"} & set(sys.modules)))
"""
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=False, cwd=Path(__file__).parent
    )
    assert (done.returncode, done.stdout, done.stderr) == (0, "[]\n", "")
