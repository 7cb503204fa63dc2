"""Predicted costs: how they grow, and that they are those of the batches an epoch has. No constant is held here."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from made_calibrations import TRAINING, made_calibration
from made_facts import facts, machine, split

from tfclassify.hardware import Accelerator
from tfclassify.planning.buckets import Bucket, expected_batches, padding_share
from tfclassify.planning.calibration import Paces, step_flops
from tfclassify.planning.chips import CHIPS, peak
from tfclassify.planning.costs import (
    accelerator_seconds,
    answer_bytes,
    answer_seconds,
    judging_seconds,
    peak_memory_bytes,
    planned_steps,
    predict_costs,
    step_seconds,
    token_numbers,
    training_seconds,
)
from tfclassify.planning.facts import Facts
from tfclassify.planning.planner import make_plan
from tfclassify.planning.presets import PRESETS, EncoderSize
from tfclassify.planning.statistics import cut_lengths
from tfclassify.settings import Settings, parse

MINILM = PRESETS["minilm"].size
ROWS, LENGTHS = st.integers(1, 256), st.integers(1, 512)
LENGTHS_OF_ROWS = [0, 0, 3, 5, 8, 13, 21, 34, 21, 13, 8, 5, 3]


def costs(known: Facts, **asked: Any) -> Any:
    plan = make_plan(parse({name.replace("__", "."): value for name, value in asked.items()}, Settings), known)
    return plan, predict_costs(plan.settings, known)


def with_size(**sizes: int) -> EncoderSize:
    return replace(MINILM, **sizes)


@given(ROWS, ROWS, LENGTHS, LENGTHS)
def test_more_rows_or_longer_ones_take_longer(few: int, many: int, short: int, long: int) -> None:
    few, many = sorted((few, many))
    short, long = sorted((short, long))
    less, more = (step_seconds(bucket, facts(), precision="float32") for bucket in ((few, short), (many, long)))
    assert 0 < less <= more
    assert (less == more) == ((few, short) == (many, long))


@given(ROWS, LENGTHS)
def test_a_faster_machine_takes_less_in_proportion(rows: int, length: int) -> None:
    slower = made_calibration(training=Paces(**{name: 4 * pace for name, pace in vars(TRAINING).items()}))
    fast, slow = (step_seconds((rows, length), facts(calibration=each), precision="float32") for each in (None, slower))
    assert slow == pytest.approx(4 * fast)


def test_an_accelerator_is_not_the_processor() -> None:
    named = {"A100": Accelerator("gpu", True, "NVIDIA A100-SXM4-40GB"), "T4": Accelerator("gpu", False, "Tesla T4")}
    seconds = {
        name: step_seconds((32, 128), facts(hardware=machine(device)), precision="float32")
        for name, device in named.items()
    }
    assert seconds["A100"] < seconds["T4"] < step_seconds((32, 128), facts(), precision="float32") / 10
    # However fast the processor is.
    fast = facts(hardware=machine(named["T4"], flops=1e15))
    assert step_seconds((32, 128), fast, precision="float32") == seconds["T4"]


@pytest.mark.parametrize("precision", ["float32", "bfloat16"])
def test_no_accelerator_is_faster_than_its_peak_or_its_memory(precision: str) -> None:
    flops = step_flops(MINILM, 32, 128)
    for name, chip in CHIPS.items():
        seconds = accelerator_seconds(chip, MINILM, (32, 128), precision=precision)
        assert seconds > flops / peak(chip, precision), name
        assert seconds > MINILM.parameters * 4 / chip.bytes_per_second, name


def test_two_accelerators_share_a_batch() -> None:
    device = Accelerator("gpu", True, "NVIDIA H100 80GB HBM3")
    one, two = (facts(hardware=machine(*[device] * number)) for number in (1, 2))
    assert step_seconds((33, 64), two, precision="bfloat16") == step_seconds((17, 64), one, precision="bfloat16")


def test_a_processor_that_was_not_measured_is_not_guessed_at() -> None:
    unknown = replace(facts(), calibration=None)
    with pytest.raises(ValueError, match="the machine was not calibrated"):
        step_seconds((32, 32), unknown, precision="float32")


def test_what_is_answered_costs_less_than_what_is_learnt() -> None:
    for shape in ((1, 8), (32, 128)):
        assert 0 < answer_seconds(shape, facts()) < step_seconds(shape, facts(), precision="float32")
        assert answer_bytes(shape, facts()) < peak_memory_bytes((shape,), facts())


def test_code_is_kept_for_each_number_of_tokens_that_is_computed() -> None:
    each = made_calibration().bytes_per_shape
    none, some, every, unknown = (
        peak_memory_bytes(((32, 16),), facts(), **steps) for steps in ({"steps": 0}, {"steps": 7}, {"steps": 900}, {})
    )
    # 32, and 16 numbers up to each of 64, 128, 256 and 512.
    assert (some - none, every - none) == (7 * each, 65 * each)
    assert every == unknown


def test_rows_of_a_shape_are_longer_than_those_of_the_one_before() -> None:
    # From 32 * 15 to 512 tokens: 480, 496, 512; and the 65 less those three up to 32 * 14.
    assert token_numbers(((32, 16),)) == 65
    assert token_numbers(((32, 14), (32, 16))) == 61 + 3


def test_code_is_kept_for_no_more_than_a_hundred_numbers_of_tokens() -> None:
    each, shapes = made_calibration().bytes_per_shape, ((32, 16), (32, 512))
    assert token_numbers(shapes) > 100
    found = [peak_memory_bytes(shapes, facts(), steps=steps) for steps in (0, 100, 101, 900)]
    assert [peak - found[0] for peak in found[1:]] == [100 * each] * 3


def test_judging_is_a_pass_forwards_over_the_validation_rows() -> None:
    # 100 rows of 10 tokens in batches of 32, of which the last one is no whole one.
    known = facts(validation=100)
    settings = make_plan(parse({"train.batch_size": 32}, Settings), known).settings
    step = step_seconds((32, 10), known, precision="float32")
    assert judging_seconds(settings, known) == pytest.approx(100 / 32 * step / 3)
    assert judging_seconds(settings, facts(validation=None)) == 0.0


def test_rows_of_many_lengths_are_judged_in_common_batches() -> None:
    known = facts(lengths=LENGTHS_OF_ROWS)
    few = split({"a": 10, "b": 0}, lengths=[0, 0, 0, *[1] * 10])
    known = replace(known, statistics=replace(known.statistics, splits={**known.statistics.splits, "validation": few}))
    settings = make_plan(parse({"train.batch_size": 32}, Settings), known).settings
    longest = step_seconds((32, 12), known, precision="float32")
    assert judging_seconds(settings, known) < longest / 3


def test_parts_of_a_batch_take_longer_than_the_whole() -> None:
    known = facts(lengths=LENGTHS_OF_ROWS)
    whole, parts = (costs(known, train__accumulation_steps=each)[1].seconds_per_epoch for each in (1, 4))
    assert parts > whole
    assert step_seconds((32, 12), known, precision="float32", parts=4) == pytest.approx(
        4 * step_seconds((8, 12), known, precision="float32")
    )


def test_dense_updates_pass_over_all_embeddings() -> None:
    rows, dense = (
        costs(facts(), train__embedding_updates=each, train__batch_size=32)[1].seconds_per_epoch
        for each in ("rows", "dense")
    )
    assert dense - rows == pytest.approx(32 * MINILM.embedding_parameters * TRAINING.per_parameter)


def test_a_training_is_its_steps_and_a_judgement_an_epoch() -> None:
    known = facts(lengths=LENGTHS_OF_ROWS)
    plan, predicted = costs(known, train__epochs=3, train__batch_size=8)
    judging = judging_seconds(plan.settings, known)
    assert training_seconds(plan.settings, known) == pytest.approx(3 * (predicted.seconds_per_epoch + judging))
    steps = planned_steps(plan.settings, known)
    half = costs(known, train__epochs=3, train__batch_size=8, train__steps=steps // 2)[0].settings
    assert planned_steps(half, known) == steps // 2
    share = (steps // 2) / (steps / 3)
    assert training_seconds(half, known) == pytest.approx(share * predicted.seconds_per_epoch + 2 * judging)


def test_a_step_takes_longer_the_first_time_that_its_number_of_tokens_comes() -> None:
    known = facts(lengths=LENGTHS_OF_ROWS)
    slower = replace(known, calibration=replace(made_calibration(), seconds_per_shape=0.5))
    plan, before = costs(known, train__epochs=4, train__batch_size=8)
    numbers = min(planned_steps(plan.settings, known), token_numbers(plan.settings.train.buckets))
    assert 0 < numbers < planned_steps(plan.settings, known)
    assert predict_costs(plan.settings, slower).seconds_per_epoch == pytest.approx(
        before.seconds_per_epoch + 0.5 * numbers / 4
    )
    assert training_seconds(plan.settings, slower) == pytest.approx(
        training_seconds(plan.settings, known) + 0.5 * numbers
    )
    few = costs(known, train__epochs=4, train__batch_size=8, train__steps=2)[0].settings
    assert training_seconds(few, slower) == pytest.approx(training_seconds(few, known) + 0.5 * 2)


def test_of_chosen_windows_only_those_are_judged() -> None:
    known = facts(lengths=[0] * 2000 + [100])
    splits = {name: split({"a": 50, "b": 50}, lengths=[0] * 2000 + [100]) for name in ("train", "validation")}
    known = replace(known, statistics=replace(known.statistics, splits=splits))
    every, half = (
        judging_seconds(make_plan(parse({"text.chosen_share": share}, Settings), known).settings, known)
        for share in (1.0, 0.5)
    )
    assert 0.45 < half / every < 0.55


@pytest.mark.parametrize("size", [MINILM, PRESETS["bert-base"].size, with_size(layers=1, width=64, heads=2)])
@pytest.mark.parametrize("bucket", [(1, 8), (32, 64), (4, 512)])
def test_operations_are_those_of_the_products(size: EncoderSize, bucket: Bucket) -> None:
    rows, length = bucket
    tokens, width = rows * length, size.width
    per_layer = 4 * 2 * tokens * width * width + 2 * 2 * tokens * width * size.intermediate
    attention = 2 * 2 * rows * length * length * width
    pooler = 2 * rows * width * width
    forward = size.layers * (per_layer + attention) + pooler
    # A backward pass has two products for each one of the forward pass. The pooler is counted a token, not a text.
    assert step_flops(size, rows, length) == pytest.approx(3 * forward, rel=0.2 if size.layers == 1 else 0.02)


def test_an_epoch_is_the_sum_of_its_batches() -> None:
    known = facts(lengths=LENGTHS_OF_ROWS)
    plan, predicted = costs(known, train__max_shapes=3, train__batch_size=8, train__precision="float32")
    buckets = plan.settings.train.buckets
    assert len(buckets) == 3
    steps = {bucket: step_seconds(bucket, known, precision="float32") for bucket in buckets}
    by_hand = sum(number * steps[bucket] for number, bucket in expected_batches(LENGTHS_OF_ROWS, buckets))
    assert predicted.seconds_per_epoch == pytest.approx(by_hand)
    assert predicted.padding_share == padding_share(LENGTHS_OF_ROWS, buckets)


def test_texts_that_are_cut_cost_what_is_left_of_them() -> None:
    known = facts(lengths=LENGTHS_OF_ROWS)
    plan, predicted = costs(known, text__max_length=6, train__batch_size=8)
    assert plan.settings.train.buckets[-1][1] == 6
    assert predicted.padding_share == padding_share(cut_lengths(LENGTHS_OF_ROWS, 6), plan.settings.train.buckets)
    assert predicted.seconds_per_epoch < costs(known, train__batch_size=8)[1].seconds_per_epoch


def test_an_epoch_costs_the_same_however_many_there_are() -> None:
    few, many = (costs(facts(), train__epochs=epochs)[1] for epochs in (1, 20))
    assert (few.seconds_per_epoch, few.padding_share) == (many.seconds_per_epoch, many.padding_share)
    # Of more steps more code is kept.
    assert few.peak_memory_bytes < many.peak_memory_bytes


def test_twice_the_rows_take_about_twice_the_time() -> None:
    once, twice = (
        costs(facts(lengths=[rows * number for number in LENGTHS_OF_ROWS]), train__batch_size=32)[1]
        for rows in (50, 100)
    )
    assert twice.seconds_per_epoch == pytest.approx(2 * once.seconds_per_epoch, rel=0.05)


@pytest.mark.parametrize("larger", [{"layers": 12}, {"width": 768}, {"intermediate": 6144}])
def test_a_larger_model_costs_more(larger: dict[str, int]) -> None:
    small, large = (costs(facts(encoder=size))[1] for size in (MINILM, with_size(**larger)))
    assert large.seconds_per_epoch > small.seconds_per_epoch
    assert large.peak_memory_bytes > small.peak_memory_bytes


def test_a_larger_vocabulary_takes_memory() -> None:
    small, large = (costs(facts(encoder=size))[1] for size in (MINILM, with_size(vocabulary=300_000)))
    weights = (300_000 - MINILM.vocabulary) * MINILM.width * 4
    # The table, its gradients or moments; and not the whole machine.
    assert 3 * weights <= large.peak_memory_bytes - small.peak_memory_bytes <= 8 * weights


@pytest.mark.parametrize("kind", ["ema", "swa"])
@pytest.mark.parametrize("accelerators", [(), (Accelerator("gpu", True, "NVIDIA H100 80GB HBM3"),)])
def test_an_average_of_the_weights_takes_what_they_take(kind: str, accelerators: tuple[Accelerator, ...]) -> None:
    known = replace(facts(hardware=machine(*accelerators)), **({"calibration": None} if accelerators else {}))
    plain, averaged = (make_plan(parse({"train.average": average}, Settings), known) for average in ("none", kind))
    # The average itself; a processor copies it for checkpoints, too.
    more = (4 if accelerators else 8) * known.encoder.parameters
    assert averaged.costs.peak_memory_bytes - plain.costs.peak_memory_bytes == pytest.approx(more, abs=1)
    for one, other in zip(plain.alternatives, averaged.alternatives, strict=True):
        assert other.memory_bytes > one.memory_bytes
    # Who has not asked has none.
    assert make_plan(parse({}, Settings), known).costs == plain.costs


def test_memory_is_that_of_the_largest_shape() -> None:
    known = facts(lengths=LENGTHS_OF_ROWS)
    one, two, more = (
        costs(known, train__buckets=buckets, train__steps=1)[1].peak_memory_bytes
        for buckets in ([[16, 12]], [[16, 6], [16, 12]], [[16, 6], [32, 12]])
    )
    assert one == two < more


def test_parts_of_a_batch_take_less_memory() -> None:
    known = facts(lengths=LENGTHS_OF_ROWS)
    asked = {"train__buckets": [[16, 6], [32, 12]], "train__steps": 1}
    whole, parts = (costs(known, **asked, train__accumulation_steps=each)[1] for each in (1, 4))
    same = costs(known, train__buckets=[[4, 6], [8, 12]], train__steps=1)[1]
    assert parts.peak_memory_bytes == same.peak_memory_bytes < whole.peak_memory_bytes


def test_memory_is_in_bytes() -> None:
    """A process with TensorFlow and this network in it has hundreds of megabytes, not gigabytes, for a small step."""
    assert 3e8 < costs(facts())[1].peak_memory_bytes < 3e9
