"""The calibration: what was measured by hand predicts what was not, within bounds; when it is to be made again."""

from __future__ import annotations

import json
from dataclasses import replace
from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st
from made_calibrations import ANSWERING, TRAINING, made_calibration

from tfclassify.planning.calibration import (
    Paces,
    Timed,
    activations,
    bytes_to_answer,
    calibration_of,
    fitted,
    kept_values,
    layers_on_processor,
    outdated,
    plain,
    seconds_of_step,
    seconds_to_answer,
    step_flops,
)
from tfclassify.planning.presets import PRESETS, EncoderSize

SMALL = (EncoderSize(2, 768, 12, 3072, 2000), EncoderSize(3, 128, 2, 512, 2000))
SHAPES = ((8, 16), (32, 16), (4, 256), (32, 64))
HOUR = 3600.0


def timed(paces: Paces, *, noise: float = 0.0, seed: int = 0) -> list[Timed]:
    """What a machine of these paces would take for the small networks, each time off by up to a share."""
    random, known = Random(seed), made_calibration(training=paces)
    return [
        Timed(size, *shape, seconds_of_step(known, size, *shape) * random.uniform(1 - noise, 1 + noise))
        for size in SMALL
        for shape in SHAPES
    ]


def test_the_terms_add_up() -> None:
    size, calibration = PRESETS["minilm"].size, made_calibration()
    # Five layers, and a sixth of the last one: two of twelve matrices as large as the width is wide.
    computed = (5 + 2 / 12) / 6
    expected = (
        TRAINING.per_pass
        + step_flops(size, 32, 20) * computed * TRAINING.per_flop
        + activations(size, 32, 20, per_score=1) * computed * TRAINING.per_value
        + size.layer_parameters * TRAINING.per_parameter
    )
    assert seconds_of_step(calibration, size, 32, 20) == pytest.approx(expected)


@pytest.mark.parametrize("name", ["bert-tiny", "minilm", "bert-base"])
@pytest.mark.parametrize("shape", [(16, 8), (32, 24), (32, 128), (8, 512)])
def test_small_networks_predict_whole_ones_of_the_same_paces(name: str, shape: tuple[int, int]) -> None:
    size, found = PRESETS[name].size, made_calibration(training=fitted(timed(TRAINING)))
    assert seconds_of_step(found, size, *shape) == pytest.approx(
        seconds_of_step(made_calibration(), size, *shape), rel=1e-3
    )


@pytest.mark.parametrize("seed", range(5))
@pytest.mark.parametrize("shape", [(16, 8), (32, 24), (32, 64), (16, 128)])
def test_what_is_measured_with_some_noise_predicts_within_a_quarter(seed: int, shape: tuple[int, int]) -> None:
    found = made_calibration(training=fitted(timed(TRAINING, noise=0.05, seed=seed)))
    size = PRESETS["minilm"].size
    expected = seconds_of_step(made_calibration(), size, *shape)
    assert seconds_of_step(found, size, *shape) == pytest.approx(expected, rel=0.25)


@given(st.lists(st.floats(1e-4, 10.0), min_size=8, max_size=8))
def test_whatever_is_measured_no_pace_is_negative(seconds: list[float]) -> None:
    measured = [replace(each, seconds=value) for each, value in zip(timed(TRAINING), seconds, strict=True)]
    assert all(pace >= 0 for pace in vars(fitted(measured)).values())


def test_answers_have_paces_of_their_own() -> None:
    size = PRESETS["minilm"].size
    assert seconds_to_answer(made_calibration(), size, 1, 16) < seconds_of_step(made_calibration(), size, 1, 16)
    same = made_calibration(answering=TRAINING)
    assert seconds_to_answer(same, size, 1, 16) == seconds_of_step(same, size, 1, 16)


@pytest.mark.parametrize(("name", "computed"), [("minilm", 5 + 1 / 6), ("bert-base", 11 + 1 / 6), ("bert-tiny", 7 / 6)])
def test_of_the_last_layer_only_keys_and_contents_are_computed(name: str, computed: float) -> None:
    size = PRESETS[name].size
    assert layers_on_processor(size) == pytest.approx(computed)
    assert kept_values(size, 8, 16) == pytest.approx(activations(size, 8, 16, per_score=1) * computed / size.layers)


def test_memory_to_answer_is_that_of_the_process_the_weights_and_a_layer() -> None:
    size, calibration = PRESETS["minilm"].size, made_calibration()
    values = calibration.bytes_per_value * activations(size, 8, 64) / 6
    assert bytes_to_answer(calibration, size, 8, 64) == int(1_200_000_000 + 4 * size.parameters + values)


@pytest.mark.parametrize(
    ("changes", "hours", "speed", "expected"),
    [
        ({}, 0.0, None, None),
        ({}, 24.0, None, None),
        ({}, 24.1, None, "that was 24 hours ago"),
        ({}, -1.0, None, "that was -1 hours ago"),
        ({"busy_share": 0.9}, 0.16, None, None),
        ({"busy_share": 0.2}, 1.0, None, None),
        ({"busy_share": 0.21}, 0.17, None, "other programs had 21% of the processor then"),
        ({"matmul_flops_per_second": 1e11}, 1.0, 1.2e11, None),
        ({"matmul_flops_per_second": 1e11}, 1.0, 0.8e11, None),
        ({"matmul_flops_per_second": 1e11}, 1.0, 1.21e11, "it multiplies at 121 GFLOP/s now, and at 100 then"),
        ({"matmul_flops_per_second": 1e11}, 1.0, 0.79e11, "it multiplies at 79 GFLOP/s now, and at 100 then"),
        ({"matmul_flops_per_second": 1e11}, 1.0, None, None),
        ({"matmul_flops_per_second": 1e11}, 0.0, 9e11, None),
    ],
)
def test_when_it_is_made_again(
    changes: dict[str, float], hours: float, speed: float | None, expected: str | None
) -> None:
    found = replace(made_calibration(written=1e9), **changes)
    assert outdated(found, now=1e9 + hours * HOUR, flops_per_second=speed) == expected


def test_it_is_read_back_as_it_was_written() -> None:
    found = made_calibration(training=Paces(1, 2, 3, 4), answering=ANSWERING)
    assert calibration_of(json.loads(json.dumps(plain(found)))) == found


@pytest.mark.parametrize("broken", [{}, {"precision": "float32"}, {**plain(made_calibration()), "training": None}])
def test_what_another_version_wrote_is_not_taken(broken: dict[str, object]) -> None:
    with pytest.raises(ValueError, match="a calibration of another version"):
        calibration_of(broken)
