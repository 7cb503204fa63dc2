"""Every decider at its borders; what its reason says is what the facts say."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from made_facts import CPU, GPU, OLD_GPU, TPU_CORE, facts, machine
from pydantic import BaseModel

from tfclassify.hardware import Accelerator, Hardware
from tfclassify.planning import costs
from tfclassify.planning.buckets import padding_share
from tfclassify.planning.costs import judging_seconds, peak_memory_bytes, step_seconds
from tfclassify.planning.deciders import DECIDERS
from tfclassify.planning.deciders.learning import limit_too_short
from tfclassify.planning.deciders.models import choose_model
from tfclassify.planning.facts import Decision, Facts
from tfclassify.planning.planner import make_plan
from tfclassify.planning.presets import PRESETS, EncoderSize
from tfclassify.planning.statistics import cut_lengths
from tfclassify.settings import AUTO, Settings, changed, keys, parse

COLUMN_KEYS = {"data.text", "data.text_b", "data.label", "data.labels", "data.id"}
# What is decided before, for those that ask.
EARLIER = {
    "text.windows": 1,
    "text.window_stride": 510,
    "train.windows": 1,
    "train.accumulation_steps": 1,
    "train.embedding_updates": "rows",
    "answer.loss_confidence": 0.8,
}
SMALL = EncoderSize(layers=3, width=96, heads=3, intermediate=384, vocabulary=1000, positions=64)


def decide(key: str, facts: Facts, **asked: Any) -> Decision:
    """Asks one decider; ``train__epochs=3`` stands for a key that was decided before."""
    values = EARLIER | {name.replace("__", "."): value for name, value in asked.items()}
    return DECIDERS[key](parse(values, Settings), facts)


def rows_of_lengths(**rows: int) -> list[int]:
    """A histogram; ``of_12=3`` stands for three rows of 12 tokens."""
    lengths = {int(name.removeprefix("of_")): number for name, number in rows.items()}
    return [lengths.get(length, 0) for length in range(max(lengths) + 1)]


def planned_keys(tree: type[BaseModel], prefix: str = "") -> set[str]:
    """The keys that planning fills in: those that are ``auto`` where nothing is said."""
    found = set()
    for name, field in tree.model_fields.items():
        section = field.annotation
        if isinstance(section, type) and issubclass(section, BaseModel):
            found |= planned_keys(section, f"{name}.")
        elif field.default == AUTO:
            found.add(f"{prefix}{name}")
    return found


def test_every_key_that_may_be_auto_is_decided() -> None:
    assert planned_keys(Settings) == set(DECIDERS) | COLUMN_KEYS
    assert set(DECIDERS).isdisjoint(COLUMN_KEYS)


def test_every_key_that_takes_auto_is_auto_by_default() -> None:
    taken = set()
    for key in keys(Settings):
        try:
            value: Any = changed(Settings(), {key: AUTO})
        except ValueError:
            continue
        for part in key.split("."):
            value = getattr(value, part)
        # A text or a column may have that name; where numbers and words of a list are taken, it is planning.
        if key.split(".")[0] not in ("run", "name", "data"):
            taken.add(key)
        assert value == AUTO
    assert taken == planned_keys(Settings) - COLUMN_KEYS


# Task


def test_a_model_that_was_asked_for_is_taken() -> None:
    asked = parse({"model.name": "a/b", "goal": "best"}, Settings)
    assert choose_model(asked, machine(GPU)) == Decision("a/b", "as asked")


@pytest.mark.parametrize(
    ("labels", "multilabel", "expected"),
    [
        (2, False, Decision("binary", "there are two labels, one a row")),
        (3, False, Decision("multiclass", "there are 3 labels, one a row")),
        (2, True, Decision("multilabel", "a row may have several of the 2 labels")),
        (7, True, Decision("multilabel", "a row may have several of the 7 labels")),
    ],
)
def test_task(labels: int, multilabel: bool, expected: Decision) -> None:
    counts = {f"label {number}": 10 for number in range(labels)}
    assert decide("model.task", facts(counts, multilabel=multilabel)) == expected


@pytest.mark.parametrize(("lower", "kind"), [(True, "lower-cased"), (False, "cased")])
def test_lower_case(lower: bool, kind: str) -> None:
    assert decide("text.lower_case", facts(lower_case=lower)) == Decision(lower, f"the model's vocabulary is {kind}")


@pytest.mark.parametrize(
    ("validation", "expected"),
    [
        (None, Decision("none", "there are no validation rows to calibrate on")),
        (0, Decision("none", "there are no validation rows to calibrate on")),
        (1, Decision("temperature", "one number is fitted on 1 validation rows")),
        (77, Decision("temperature", "one number is fitted on 77 validation rows")),
    ],
)
def test_calibration(validation: int | None, expected: Decision) -> None:
    assert decide("answer.calibrate", facts(validation=validation)) == expected


@pytest.mark.parametrize(
    ("multilabel", "validation", "expected"),
    [
        (False, 77, Decision(0.5, "not used: a row gets the label of the highest score")),
        (True, None, Decision(0.5, "there are no validation rows to choose by")),
        (True, 0, Decision(0.5, "there are no validation rows to choose by")),
        (True, 77, Decision("validation", "the one with the highest micro-F1 on 77 validation rows")),
    ],
)
def test_thresholds(multilabel: bool, validation: int | None, expected: Decision) -> None:
    task = "multilabel" if multilabel else "binary"
    assert decide("answer.thresholds", facts(validation=validation), model__task=task) == expected


# Machine


@pytest.mark.parametrize(
    ("accelerators", "cpu_bfloat16", "expected"),
    [
        ((), False, Decision("float32", "this processor has no instructions for products of bfloat16")),
        ((), True, Decision("bfloat16", "this processor has instructions for products of bfloat16")),
        ((GPU,), False, Decision("bfloat16", "the gpu multiplies bfloat16")),
        ((OLD_GPU,), True, Decision("float32", "the gpu does not multiply bfloat16")),
        ((GPU, OLD_GPU), True, Decision("float32", "the gpu does not multiply bfloat16")),
        ((TPU_CORE,) * 8, False, Decision("bfloat16", "the tpu multiplies bfloat16")),
    ],
)
def test_precision(accelerators: tuple[Accelerator, ...], cpu_bfloat16: bool, expected: Decision) -> None:
    assert decide("train.precision", facts(hardware=machine(*accelerators, bfloat16=cpu_bfloat16))) == expected


A100 = Accelerator("gpu", True, "NVIDIA A100-SXM4-40GB")
AS = "; the least seconds are predicted as for"
AS_T4, AS_V2 = f"{AS} a T4, 8 TFLOP/s and 320 GB/s", f"{AS} a TPU v2 core, 23 TFLOP/s and 350 GB/s"


@pytest.mark.parametrize(
    ("accelerators", "expected"),
    [
        ((), Decision("one", "no accelerator is there, 2 cores are")),
        ((GPU,), Decision("one", f"one GPU is there{AS_T4}")),
        ((GPU, OLD_GPU), Decision("mirrored", f"2 GPUs are there{AS_T4}")),
        ((GPU,) * 8, Decision("mirrored", f"8 GPUs are there{AS_T4}")),
        ((A100,), Decision("one", f"one GPU is there{AS} a A100, 156 TFLOP/s and 1555 GB/s")),
        ((TPU_CORE,) * 8, Decision("tpu", f"8 TPU cores are there{AS_V2}")),
        ((TPU_CORE,), Decision("tpu", f"1 TPU cores are there{AS_V2}")),
    ],
)
def test_strategy(accelerators: tuple[Accelerator, ...], expected: Decision) -> None:
    found = decide("train.strategy", facts(hardware=machine(*accelerators)), train__precision="float32")
    assert found == expected


# Batches


@pytest.mark.parametrize(
    ("lengths", "expected"),
    [
        (rows_of_lengths(of_2=1), Decision(32, "the longest text has 10 tokens")),
        (rows_of_lengths(of_32=900), Decision(32, "the longest text has 32 tokens")),
        (rows_of_lengths(of_33=900), Decision(40, "the longest text has 33 tokens")),
        # Of 1000 rows with those of the validation split, 995 are no longer than 40 tokens.
        (
            rows_of_lengths(of_40=895, of_50=5),
            Decision(40, "99.5% of the texts are no longer; 5 of 1000 texts lose tokens, the longest has 50"),
        ),
        (rows_of_lengths(of_40=894, of_50=6), Decision(56, "the longest text has 50 tokens")),
        (
            rows_of_lengths(of_2=800, of_90=100),
            Decision(64, "the model reads 64; 100 of 1000 texts lose tokens, the longest has 90"),
        ),
        (rows_of_lengths(of_64=900), Decision(64, "the longest text has 64 tokens")),
    ],
)
def test_max_length(lengths: list[int], expected: Decision) -> None:
    # The validation split has 100 rows of 10 tokens.
    assert decide("text.max_length", facts(lengths=lengths, encoder=SMALL)) == expected


@pytest.mark.parametrize(("rows", "expected"), [(1, 16), (499, 16), (500, 32), (10**6, 32)])
def test_batch_size(rows: int, expected: int) -> None:
    decision = decide("train.batch_size", facts({"a": rows, "b": 0}))
    assert decision.value == expected
    assert decision.reason.startswith(f"{rows} training rows")


@pytest.mark.parametrize(("max_length", "expected"), [(32, 8192), (8192, 8192), (9000, 9000)])
def test_batch_tokens(max_length: int, expected: int) -> None:
    found = decide("train.batch_tokens", facts(encoder=SMALL), text__max_length=max_length, train__batch_size=32)
    assert found == Decision(expected, f"batches of texts longer than {expected // 32} tokens have fewer rows")


LARGE = PRESETS["bert-large"].size


@pytest.mark.parametrize(
    ("gigabytes", "accelerators", "expected"),
    [(40, (), 8192), (22, (), 4096), (16, (), 2048), (8, (), 1024), (1, (GPU,), 8192)],
)
def test_batch_tokens_are_as_many_as_there_is_memory_for(
    gigabytes: int, accelerators: tuple[Accelerator, ...], expected: int
) -> None:
    hardware = replace(machine(*accelerators), memory_bytes=gigabytes * 10**9)
    known = facts(encoder=LARGE, hardware=hardware)
    found = decide("train.batch_tokens", known, text__max_length=512, train__batch_size=16)
    assert found.value == expected
    if expected < 8192:
        assert found.reason == f"{gigabytes}.0 GB of memory are free, too few for 8192"
    if 1024 < expected < 8192:
        for tokens, fits in ((expected, True), (2 * expected, False)):
            peak = peak_memory_bytes(((min(16, tokens // 512), 512),), known)
            assert (peak <= gigabytes * 10**9) is fits


@pytest.mark.parametrize(("shares", "expected"), [(1.0, 1), (0.9, 2), (0.4, 4), (0.15, 8), (0.01, 12)])
def test_a_batch_is_computed_in_as_many_parts_as_memory_needs(shares: float, expected: int) -> None:
    buckets = ((32, 64), (12, 512))
    known = facts(encoder=LARGE)
    values = peak_memory_bytes(buckets, known) - peak_memory_bytes(buckets, known, parts=10**6)
    free = int(peak_memory_bytes(buckets, known, parts=10**6) + shares * values) + 1
    found = decide("train.accumulation_steps", facts(encoder=LARGE, hardware=Hardware(2, free)), train__buckets=buckets)
    whole, free_memory = peak_memory_bytes(buckets, known) / 1e9, free / 1e9
    assert found.value == expected
    assert found.reason == (
        f"a whole batch takes {whole:.1f} GB, and so much is free"
        if expected == 1
        else f"a whole batch would take {whole:.1f} GB, {free_memory:.1f} GB are free; "
        "the parts together do the same, but slower"
    )


@pytest.mark.parametrize(("average", "parts", "tokens"), [("none", 1, 8192), ("ema", 2, 4096)])
def test_an_average_of_the_weights_is_counted_where_memory_is_scarce(average: str, parts: int, tokens: int) -> None:
    buckets = ((16, 512),)
    free = peak_memory_bytes(buckets, facts(encoder=LARGE)) + 1
    known = facts(encoder=LARGE, hardware=Hardware(2, free))
    assert decide("train.accumulation_steps", known, train__buckets=buckets, train__average=average).value == parts
    asked = {"text__max_length": 512, "train__batch_size": 16, "train__average": average}
    assert decide("train.batch_tokens", known, **asked).value == tokens


def test_what_memory_an_accelerator_has_is_not_guessed() -> None:
    known = facts(encoder=LARGE, hardware=Hardware(2, 1, accelerators=(GPU,)))
    assert decide("train.accumulation_steps", known, train__buckets=((32, 64),)) == Decision(
        1, "a batch is computed in one go; what memory an accelerator has is not known here"
    )


def test_max_shapes() -> None:
    assert decide("train.max_shapes", facts()).value == 20
    assert decide("train.max_shapes", facts(hardware=machine(GPU))).value == 8


def buckets(found: Facts, **asked: Any) -> Decision:
    told = {"text__max_length": 64, "train__batch_size": 8, "train__batch_tokens": 128, "train__max_shapes": 3}
    return decide("train.buckets", found, **{**told, **asked})


def test_buckets() -> None:
    lengths = rows_of_lengths(of_3=16, of_5=16, of_20=16, of_90=2)
    decision = buckets(facts(lengths=lengths, rows=50))
    assert decision.value == ((8, 5), (6, 20), (2, 64))
    share = padding_share(cut_lengths(lengths, 64), decision.value)
    assert decision.reason == f"3 shapes by dynamic programming, with {share:.1%} of all tokens padding"
    assert 0.0 < share < 1.0


def test_buckets_of_as_many_rows_each_pad_least() -> None:
    decision = buckets(facts(lengths=rows_of_lengths(of_3=16, of_5=16, of_20=16), rows=48), train__batch_tokens=1000)
    assert decision.value == ((8, 3), (8, 5), (8, 20))
    assert decision.reason == "the least padding that 3 shapes can have: 0.0% of all tokens"


def test_there_is_no_bucket_without_a_batch() -> None:
    decision = buckets(facts(lengths=rows_of_lengths(of_3=3, of_10=1), rows=4), train__batch_size=4)
    assert decision.value == ((4, 10),)


def test_buckets_of_an_accelerator_are_of_rounded_lengths() -> None:
    lengths = rows_of_lengths(of_3=16, of_5=16, of_20=16)
    assert buckets(facts(lengths=lengths, hardware=machine(GPU))).value == ((8, 8), (5, 24))


def test_no_bucket_is_longer_than_what_the_model_reads() -> None:
    odd = EncoderSize(layers=1, width=8, heads=1, intermediate=8, vocabulary=10, positions=62)
    lengths = rows_of_lengths(of_10=10, of_60=10, of_99=10)
    found = facts(lengths=lengths, hardware=machine(GPU), encoder=odd)
    assert [length for _, length in buckets(found, text__max_length=62).value] == [16, 62]


# Early exits


def test_loss_confidence() -> None:
    assert decide("answer.loss_confidence", facts(validation=321)) == Decision(
        0.8,
        "four in five that answer.cascade and answer.exit_loss are kept on new texts, by 321 validation rows; "
        "0.5 is faster, 0.95 less of a risk",
    )


@pytest.mark.parametrize(
    ("layers", "expected"),
    [
        (4, (1, 2)),
        (5, (1, 2, 3)),
        (6, (1, 2, 3, 4)),
        (12, (2, 4, 6, 8, 10)),
    ],
)
def test_exits(layers: int, expected: tuple[int, ...]) -> None:
    encoder = replace(PRESETS["minilm"].size, layers=layers)
    known = facts(validation=167, encoder=encoder)
    reason = f"goal=fast; {layers} layers, and 167 validation rows to plan by"
    assert decide("model.exits", known, goal="fast") == Decision(expected, reason)


@pytest.mark.parametrize(
    ("known", "asked", "reason"),
    [
        ({}, {"goal": "best"}, "goal=best: all texts go through all layers; with goal=fast easy ones might not"),
        ({"validation": 166}, {}, "166 validation rows cannot show a loss below 0.005; 167 could"),
        (
            {"validation": 389},
            {"answer__loss_confidence": 0.975},
            "389 validation rows cannot show a loss below 0.005; 390 could",
        ),
        ({"validation": None}, {}, "0 validation rows cannot show a loss below 0.005; 167 could"),
        (
            {},
            {"answer__exit_loss": 0},
            "answer.exit_loss=0: no text could leave, since no number of rows shows that nothing is lost",
        ),
        ({"encoder": SMALL}, {}, "of 3 layers too little is saved; 4 would do"),
        (
            {},
            {"data__features": {"price": "number"}},
            "heads of early exits read the text alone, and there are features beside it",
        ),
    ],
)
def test_no_exits(known: dict[str, Any], asked: dict[str, Any], reason: str) -> None:
    found = facts(**{"validation": 1000, **known})
    assert decide("model.exits", found, **{"goal": "fast", **asked}) == Decision((), reason)


# Time


SHAPED = {"train__buckets": ((32, 10),), "train__precision": "float32", "train__batch_size": 32, "text__max_length": 32}


def minutes_for(epochs: float) -> float:
    """The time that so many epochs of the facts by default are predicted to take, each judged once."""
    told = {name.replace("__", "."): value for name, value in SHAPED.items()}
    settings = parse({**EARLIER, **told}, Settings)
    # 1000 rows are 31 whole batches and one of what is left.
    epoch = 32 * step_seconds((32, 10), facts(), precision="float32")
    return epochs * (epoch + judging_seconds(settings, facts())) / 60


@pytest.mark.parametrize(
    ("fitting", "expected"), [(9.0, 5), (2.01, 5), (1.99, 4), (1.49, 3), (0.99, 2), (0.49, 1), (0.01, 1)]
)
def test_epochs_are_twice_those_that_time_allows_at_most(fitting: float, expected: int) -> None:
    minutes = minutes_for(fitting)
    decision = decide("train.epochs", facts(), train__time_limit_minutes=minutes, **SHAPED)
    assert decision.value == expected
    why = "1000 training rows, 500 a class; goal=balanced"
    limit = f"about {fitting:.1f} of 5 epochs are made in train.time_limit_minutes={minutes:g} ({why})"
    assert decision.reason == (why if expected == 5 else limit)


@pytest.mark.parametrize(
    ("fitting", "expected"), [(None, None), (3.01, None), (2.99, 95), (1.01, 32), (0.51, 16), (0.001, 1)]
)
def test_steps_that_the_time_limit_allows(fitting: float | None, expected: int | None) -> None:
    limit = {} if fitting is None else {"train__time_limit_minutes": minutes_for(fitting)}
    decision = decide("train.scheduled_steps", facts(), train__epochs=3, **limit, **SHAPED)
    assert decision.value == expected
    if fitting is None:
        assert decision.reason == "there is no time limit: all steps of the epochs are made"
    elif expected is None:
        assert decision.reason == f"all 96 steps are predicted to be made in {minutes_for(fitting):g} minutes"
    else:
        minutes = minutes_for(fitting)
        assert decision.reason == f"of 96 steps, by what they are predicted to take in {minutes:g} minutes"


def too_short(minutes: float, **asked: Any) -> str | None:
    told = {"train.time_limit_minutes": minutes, **{name.replace("__", "."): value for name, value in SHAPED.items()}}
    return limit_too_short(make_plan(parse({**told, **asked}, Settings), facts()).settings, facts())


def test_a_limit_that_is_too_short_for_an_epoch_is_told() -> None:
    minutes = minutes_for(0.26)
    assert too_short(minutes) == (
        f"train.time_limit_minutes={minutes:g} is too short for one epoch, which is predicted to take "
        f"{minutes_for(1.0):.2g} minutes with its judgement: 8 of its 32 steps are made, and the rows of the others "
        "are not learnt from; TF-IDF with logistic regression, the baseline of the report, may do as well"
    )
    assert str(too_short(minutes_for(1e-6))).count(": 1 of its 32 steps are made") == 1
    assert too_short(minutes_for(1.001)) is None
    assert too_short(minutes, **{"train.steps": 8}) is None
    assert limit_too_short(make_plan(parse({}, Settings), facts()).settings, facts()) is None


def test_steps_that_were_asked_for_are_the_most() -> None:
    asked = {"train__epochs": 3, "train__steps": 10, "train__time_limit_minutes": minutes_for(1.0)}
    decision = decide("train.scheduled_steps", facts(), **asked, **SHAPED)
    assert decision.value is None
    assert decision.reason.startswith("all 10 steps are predicted")


@pytest.mark.parametrize(("rows", "expected"), [(299_998, 0.1), (300_000, 0.0)])
def test_rows_that_are_seen_once_need_no_dropout(rows: int, expected: float) -> None:
    known = facts({"a": rows // 2, "b": rows // 2})
    epochs = decide("train.epochs", known).value
    decision = decide("model.dropout", known, train__epochs=epochs)
    assert decision.value == expected
    assert f"{rows} training rows" in decision.reason
    # What is seen once are the rows of one epoch.
    assert (epochs == 1) == (expected == 0.0)
    assert decide("model.dropout", known, train__epochs=2) == Decision(
        0.1, f"as in front of the head in the BERT paper; epochs=2 of {rows} training rows"
    )


# Learning


@pytest.mark.parametrize(("task", "expected"), [("binary", "cross"), ("multiclass", "cross"), ("multilabel", "binary")])
def test_objectives(task: str, expected: str) -> None:
    names = {"cross": ("cross_entropy",), "binary": ("binary_cross_entropy",)}
    assert decide("train.objectives", facts(), model__task=task, model__exits=[]).value == names[expected]


@pytest.mark.parametrize(
    ("counts", "ratio", "uneven"),
    [
        ({"a": 10, "b": 10}, 1, False),
        ({"a": 10_001, "b": 10_000}, 1.0001, False),
        ({"a": 102, "b": 100}, 1.02, False),
        ({"a": 200, "b": 10}, 20, False),
        ({"a": 204, "b": 10}, 20.4, True),
        ({"a": 210, "b": 10}, 21, True),
        ({"a": 500, "b": 100, "c": 0}, None, True),
    ],
)
def test_uneven_classes(counts: dict[str, int], ratio: float | None, uneven: bool) -> None:
    weights = decide("train.class_weights", facts(counts))
    times = f"the largest class has {ratio} times the rows of the smallest"
    near = {1: "all classes have the same number of rows", 1.0001: "all classes have nearly the same number of rows"}
    more = "there is a class without training rows" if ratio is None else near.get(ratio, times)
    half = f"{more}; half of the way to balanced ones, as what is judged by is macro-F1"
    # A class without rows has no row that could be favoured.
    assert weights == (Decision("square_root", half) if uneven and ratio else Decision("none", more))
    metric = decide("train.metric", facts(counts), model__task="multiclass")
    even = f"{more}; up to 20 times leaves accuracy a fair judge"
    assert metric == (Decision("macro_f1", more) if uneven else Decision("accuracy", even))


@pytest.mark.parametrize(
    ("asked", "why"),
    [
        ({"model__task": "multilabel"}, "a row may have several labels"),
        ({"model__task": "binary", "train__metric": "accuracy"}, "what is judged by is accuracy"),
    ],
)
def test_no_class_is_favoured_where_that_is_not_judged_by(asked: dict[str, str], why: str) -> None:
    found = decide("train.class_weights", facts({"a": 2100, "b": 100}), **asked)
    assert found == Decision("none", f"the largest class has 21 times the rows of the smallest, but {why}")


def test_metric_of_several_labels_a_row() -> None:
    assert decide("train.metric", facts({"a": 1000, "b": 1}), model__task="multilabel").value == "micro_f1"


@pytest.mark.parametrize(
    ("counts", "goal", "expected", "per_class"),
    [
        # 3 + 800 / rows of a class, times 0.5, 1 or 1.5 for the goal.
        ({"a": 100, "b": 100}, "balanced", 11, 100),
        ({"a": 100, "b": 100}, "fast", 6, 100),
        ({"a": 100, "b": 100}, "best", 16, 100),
        ({"a": 150, "b": 50}, "balanced", 11, 100),
        # Never more than 20, never less than one.
        ({"a": 1, "b": 1}, "balanced", 20, 1),
        ({"a": 10**6, "b": 10**6}, "fast", 1, 10**6),
        # Many rows are seen 300,000 times together.
        ({"a": 74_000, "b": 74_000}, "balanced", 3, 74_000),
        ({"a": 75_000, "b": 75_000}, "balanced", 2, 75_000),
        ({"a": 150_000, "b": 150_000}, "best", 1, 150_000),
    ],
)
def test_epochs(counts: dict[str, int], goal: str, expected: int, per_class: int) -> None:
    decision = decide("train.epochs", facts(counts), goal=goal)
    assert decision == Decision(expected, f"{sum(counts.values())} training rows, {per_class} a class; goal={goal}")


@given(st.integers(1, 10**6), st.integers(1, 10**6), st.sampled_from(["fast", "balanced", "best"]))
def test_more_rows_never_get_more_epochs(few: int, more: int, goal: str) -> None:
    few, more = sorted((few, more))
    epochs = [decide("train.epochs", facts({"a": rows, "b": rows}), goal=goal).value for rows in (few, more)]
    assert 1 <= epochs[1] <= epochs[0] <= 20


@pytest.mark.parametrize(
    ("width", "classes", "expected", "factor"),
    [
        (384, 2, 1e-4, 1),
        (384, 25, 1e-4, 1),
        (384, 50, 2e-4, 2),
        (384, 75, 3e-4, 3),
        (384, 150, 3e-4, 3),
        (768, 2, 3.5e-5, 1),
    ],
)
def test_learning_rate(width: int, classes: int, expected: float, factor: int) -> None:
    counts = {f"label {number}": 10 for number in range(classes)}
    encoder = EncoderSize(layers=6, width=width, heads=6, intermediate=4, vocabulary=10)
    decision = decide("train.learning_rate", facts(counts, encoder=encoder))
    assert decision.value == pytest.approx(expected, rel=1e-9)
    at = {384: "0.0001", 768: "3.5e-05"}[width]
    assert decision.reason == f"{at} at width {width}" + (
        f"; up to 25 classes, here {classes}, ask for no more"
        if factor == 1
        else f", {factor} times that for {classes} classes"
    )


@pytest.mark.parametrize("classes", [2, 28, 150])
def test_independent_labels_learn_at_the_highest_rate_however_few(classes: int) -> None:
    counts = {f"label {number}": 10 for number in range(classes)}
    decision = decide("train.learning_rate", facts(counts), model__task="multilabel")
    several = decide("train.learning_rate", facts({f"label {number}": 10 for number in range(150)}))
    assert decision.value == several.value
    assert decision.reason.endswith(f", 3 times that for {classes} independent labels")


@pytest.mark.parametrize(
    ("validation", "epochs", "expected", "reason"),
    [
        (None, 10, 0, "there are no validation rows to stop by"),
        (0, 10, 0, "there are no validation rows to stop by"),
        (5, 1, 3, "not used: there is one epoch"),
        (5, 9, 3, "9 epochs with a falling rate; the last ones gain little each"),
        (5, 10, 4, "10 epochs with a falling rate; the last ones gain little each"),
    ],
)
def test_early_stopping(validation: int | None, epochs: int, expected: int, reason: str) -> None:
    found = decide("train.early_stopping", facts(validation=validation), train__epochs=epochs)
    assert found == Decision(expected, reason)


@pytest.mark.parametrize(
    ("task", "validation", "expected"),
    [
        ("multilabel", 77, Decision("none", "a row may have no label at all, which is no sign of being out of scope")),
        ("binary", None, Decision("none", "there are no validation rows to choose by")),
        ("binary", 0, Decision("none", "there are no validation rows to choose by")),
        (
            "multiclass",
            77,
            Decision(0.95, "of 77 validation rows; the share at which fpr_at_95_tpr is reported"),
        ),
    ],
)
def test_scope(task: str, validation: int | None, expected: Decision) -> None:
    assert decide("answer.scope", facts(validation=validation), model__task=task) == expected


@pytest.mark.parametrize(
    ("task", "expected", "reason"),
    [
        ("multilabel", "shares", "most labels of a row are a no; what is left to learn is which are not"),
        ("multiclass", "zeros", "as in BERT's own code; of one label a row none is rare beforehand"),
    ],
)
def test_where_the_head_begins(task: str, expected: str, reason: str) -> None:
    assert decide("model.head_bias", facts(), model__task=task) == Decision(expected, reason)


@pytest.mark.parametrize(
    ("key", "value"),
    [("train.warmup_share", 0.1), ("train.weight_decay", 0.01), ("train.clip_norm", 1.0)],
)
def test_what_the_bert_paper_has(key: str, value: float) -> None:
    assert decide(key, facts()).value == value


@pytest.mark.parametrize(
    ("accelerators", "key", "expected"),
    [
        (
            (),
            "train.shapes",
            Decision("dynamic", "the processor takes any shape, and is faster without gradients of one common shape"),
        ),
        ((GPU,), "train.shapes", Decision("compiled", "XLA fuses what a GPU else reads and writes in between")),
        (
            (TPU_CORE, TPU_CORE),
            "train.shapes",
            Decision("static", "a TPU runs nothing else, and compiles all shapes by itself"),
        ),
        (
            (),
            "train.embedding_updates",
            Decision("rows", "a batch looks up few of the 30522 word vectors; the others need no pass in each step"),
        ),
        (
            (GPU,),
            "train.embedding_updates",
            Decision("dense", "how many rows a batch looks up is not static, as an accelerator needs it"),
        ),
        (
            (GPU,),
            "train.steps_per_execution",
            Decision(
                1, "a call for each step costs little here, and each can be the last one when it is asked to stop"
            ),
        ),
        (
            (TPU_CORE, TPU_CORE),
            "train.steps_per_execution",
            Decision(16, "a TPU that is called for each step waits for its host in between"),
        ),
    ],
)
def test_what_accelerators_need(accelerators: tuple[Accelerator, ...], key: str, expected: Decision) -> None:
    assert decide(key, facts(hardware=machine(*accelerators))) == expected


AVERAGED = {"text__max_length": 16, "train__buckets": ((8, 16),), "train__epochs": 40}


@pytest.mark.parametrize(
    ("average", "key", "expected"),
    [
        ("none", "start", Decision(0.0, "not used: nothing is averaged")),
        ("none", "every", Decision(50, "not used: nothing is averaged")),
        ("none", "decay", Decision(0.0, "not used: nothing is averaged")),
        ("ema", "start", Decision(0.0, "early weights are soon forgotten")),
        ("ema", "every", Decision(50, "each costs a pass over all weights; there are 5000 steps in all")),
        ("ema", "decay", Decision(0.998, "about the latest 500 steps count")),
        ("swa", "start", Decision(0.5, "over the second half of the steps, all of which count alike")),
        ("swa", "every", Decision(50, "each costs a pass over all weights; there are 5000 steps in all")),
        ("swa", "decay", Decision(0.0, "all steps since the start count alike")),
    ],
)
def test_averages(average: str, key: str, expected: Decision) -> None:
    assert decide(f"train.average_{key}", facts(), train__average=average, **AVERAGED) == expected


def test_nothing_is_averaged_unless_asked_for() -> None:
    assert decide("train.average", facts()).value == "none"


@pytest.mark.parametrize(("steps", "decay", "every"), [(1, 0.0, 1), (40, 0.75, 1), (3000, 0.996667, 30)])
def test_an_average_remembers_a_tenth_of_the_steps(steps: int, decay: float, every: int) -> None:
    asked = {**AVERAGED, "train__average": "ema", "train__steps": steps}
    assert decide("train.average_decay", facts(), **asked).value == decay
    assert decide("train.average_every", facts(), **asked).value == every


@pytest.mark.parametrize(
    ("seconds", "epochs", "steps", "expected"),
    [
        # Of 1000 rows in batches of 10, 20 epochs are 2000 steps: a twentieth is 100.
        (1.0, 20, None, 100),
        # That would be done in 2 seconds.
        (0.02, 20, None, 500),
        (0.001, 20, None, 2000),
        # Nobody wants to lose more than 10 minutes.
        (30.0, 20, None, 20),
        (3600.0, 20, None, 1),
        (1.0, 20, 400, 20),
        (1.0, 1, None, 10),
    ],
)
def test_checkpoints(
    monkeypatch: pytest.MonkeyPatch, seconds: float, epochs: int, steps: int | None, expected: int
) -> None:
    monkeypatch.setattr(costs, "step_seconds", lambda bucket, facts, **_: seconds)
    asked = {"train__epochs": epochs, "train__steps": steps, "train__buckets": ((10, 8),), "text__max_length": 8}
    decision = decide("train.checkpoint_steps", facts(lengths=[0] * 8 + [1000]), **asked)
    total = min(100 * epochs, steps or 100 * epochs)
    of_work = f"{expected * seconds:.0f} seconds of work, by the predicted speed"
    assert decision == Decision(expected, f"of about {total} steps in all; {of_work}")


@pytest.mark.parametrize("key", DECIDERS)
def test_every_reason_is_one_line_that_says_something(key: str) -> None:
    decided = {
        "model__task": "binary",
        "text__max_length": 32,
        "train__batch_size": 8,
        "train__batch_tokens": 512,
        "train__max_shapes": 3,
        "train__buckets": ((8, 16), (8, 32)),
        "train__precision": "float32",
        "train__epochs": 3,
        "train__average": "none",
    }
    asked = {name: value for name, value in decided.items() if name != key.replace(".", "__")}
    reason = decide(key, facts(hardware=CPU), **asked).reason
    assert reason.strip() == reason
    assert len(reason.splitlines()) == 1
    assert len(reason.split()) >= 3


@pytest.mark.parametrize(
    ("rate", "features", "expected", "reason"),
    [
        (1e-4, ["price"], 2e-3, "the layers of features are new and small; at 0.0001 they would hardly move"),
        (2e-3, ["price"], 2e-3, "as train.learning_rate, which is not below that of a new network"),
        (5e-3, ["price"], 5e-3, "as train.learning_rate, which is not below that of a new network"),
        (1e-4, [], 1e-4, "not used: no layer is added to the network and its head"),
    ],
)
def test_the_rate_of_features(rate: float, features: list[str], expected: float, reason: str) -> None:
    asked = {"train__learning_rate": rate, "data__features": features, "model__exits": (), "text__windows": 1}
    assert decide("train.added_learning_rate", facts(), **asked) == Decision(expected, reason)


@pytest.mark.parametrize(
    ("asked", "added"),
    [
        ({"text__windows": 3, "text__pool": "attention"}, "attention over windows"),
        ({"text__windows": 3, "text__pool": "hierarchical"}, "hierarchical over windows"),
        ({"text__windows": 3, "text__pool": "mean"}, ""),
        ({"text__windows": 1, "text__pool": "attention"}, ""),
    ],
)
def test_the_rate_of_other_layers_that_are_added(asked: dict[str, Any], added: str) -> None:
    given = {"train__learning_rate": 7e-5, "model__exits": (), "text__windows": 1, **asked}
    expected = Decision(7e-5, "not used: no layer is added to the network and its head")
    if added:
        expected = Decision(7e-4, f"10 times train.learning_rate: {added} begins with nothing")
    assert decide("train.added_learning_rate", facts(), **given) == expected


def test_the_layer_in_which_features_meet_the_text() -> None:
    reason = "2 features; enough for what they and a text say together"
    assert decide("model.feature_width", facts(), data__features=["a", "b"]) == Decision(64, reason)
    unused = "not used: there are no features beside the text"
    assert decide("model.feature_width", facts()) == Decision(64, unused)
