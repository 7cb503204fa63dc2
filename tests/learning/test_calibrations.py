"""Where the calibration comes from: the cache, or a process of its own; and what a real one looks like."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tensorflow as tf
from made_calibrations import made_calibration

from tfclassify.display import SILENT, Display
from tfclassify.errors import UsageError
from tfclassify.hardware import Accelerator, Hardware
from tfclassify.learning import calibrating, calibrations
from tfclassify.learning.calibrating import measured
from tfclassify.learning.calibrations import calibration_file, calibration_for, read_calibration
from tfclassify.learning.prediction import forward
from tfclassify.planning.calibration import Calibration, kept_values, plain
from tfclassify.planning.presets import EncoderSize
from tfclassify.planning.token_numbers import rounded_up
from tfclassify.runs import write_json

HERE = Hardware(cores=2, memory_bytes=0)
NOW = 1e9


@pytest.fixture
def measurements(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Stands for the process that measures: writes what is made up, and notes in which number format."""
    asked: list[str] = []

    def measure(file: Path, precision: str) -> None:
        asked.append(precision)
        write_json(file, plain(made_calibration(precision, written=NOW)))

    monkeypatch.setattr(calibrations, "_measure", measure)
    monkeypatch.setattr(calibrations.time, "time", lambda: NOW)
    return asked


def known(cache: Path, *, renew: bool = False, display: Display = SILENT) -> Calibration | None:
    return calibration_for(HERE, "float32", cache=cache, renew=renew, display=display)


def test_it_is_measured_once_and_says_so(tmp_path: Path, measurements: list[str]) -> None:
    said: list[str] = []
    for renew in (False, False, True):
        found = known(tmp_path, renew=renew, display=Display(say=said.append))
        assert found == made_calibration("float32", written=NOW)
    assert measurements == ["float32"]
    assert said == [
        "calibrating the cost model on this machine, which takes up to 20 seconds where nothing else runs: "
        "it was not measured yet"
    ]


@pytest.mark.parametrize(
    ("busy", "why"),
    [(0.2, "this machine is a slow one"), (0.49, "other programs had 49% of the processor")],
)
def test_what_took_longer_says_so(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, busy: float, why: str) -> None:
    def measure(file: Path, precision: str) -> None:
        write_json(file, plain(replace(made_calibration(precision), seconds=34.4, busy_share=busy)))

    monkeypatch.setattr(calibrations, "_measure", measure)
    said: list[str] = []
    known(tmp_path, display=Display(say=said.append))
    assert said[1:] == [f"calibrating took 34 seconds, not up to 20: {why}"]


def test_what_is_old_is_measured_again_only_before_a_training(tmp_path: Path, measurements: list[str]) -> None:
    old, said = made_calibration(written=NOW - 25 * 3600), list[str]()
    write_json(calibration_file(HERE, "float32", cache=tmp_path), plain(old))
    assert known(tmp_path) == old
    assert measurements == []
    assert known(tmp_path, renew=True, display=Display(say=said.append)) == made_calibration(written=NOW)
    assert said[0].endswith("20 seconds where nothing else runs: that was 25 hours ago")


def test_where_it_cannot_be_measured_again_the_calibration_before_counts(
    tmp_path: Path, measurements: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    before = known(tmp_path)
    monkeypatch.setattr(calibrations.time, "time", lambda: NOW + 3 * 86_400)

    def failing(file: Path, precision: str) -> None:
        raise UsageError("this machine could not be calibrated: no room")

    monkeypatch.setattr(calibrations, "_measure", failing)
    said: list[str] = []
    assert known(tmp_path, renew=True, display=Display(say=said.append)) == before
    assert said[1:] == [
        "this machine could not be calibrated: no room; costs are predicted by the calibration before it"
    ]


def test_what_is_damaged_is_measured_again(tmp_path: Path, measurements: list[str]) -> None:
    file = calibration_file(HERE, "float32", cache=tmp_path)
    for broken in ("", "[]", "{}", '{"training": 1}'):
        file.parent.mkdir(exist_ok=True)
        file.write_text(broken, encoding="utf-8")
        assert read_calibration(file) is None
        assert known(tmp_path) is not None
    assert len(measurements) == 4


def test_each_machine_and_number_format_has_its_own(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    files = {
        calibration_file(HERE, "float32", cache=tmp_path),
        calibration_file(HERE, "bfloat16", cache=tmp_path),
        calibration_file(replace(HERE, cores=3), "float32", cache=tmp_path),
    }
    monkeypatch.setattr(calibrations, "versions", lambda: dict.fromkeys(calibrations.PACKAGES, "another"))
    assert len(files | {calibration_file(HERE, "float32", cache=tmp_path)}) == 4


def test_accelerators_are_not_measured(tmp_path: Path, measurements: list[str]) -> None:
    machine = replace(HERE, accelerators=(Accelerator("gpu", True),))
    assert calibration_for(machine, "float32", cache=tmp_path, renew=True, display=SILENT) is None
    assert measurements == []


def test_a_machine_that_cannot_be_measured_is_one_line(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(calibrations, "CODE", "import sys; print('a\\nno room', file=sys.stderr); sys.exit(1)")
    with pytest.raises(UsageError) as caught:
        known(tmp_path)
    assert str(caught.value) == "this machine could not be calibrated: no room"


@pytest.mark.slow
def test_converted_sources_would_make_the_same_graph() -> None:
    run: Any = forward(calibrating._network(EncoderSize(1, 32, 2, 64, 2000)))
    converted = tf.function(run.python_function, input_signature=run.input_signature)
    whole, made = (
        [(node.op, *node.input) for node in each.get_concrete_function().graph.as_graph_def().node]
        for each in (converted, run)
    )
    assert made == whole


def test_memory_is_that_of_the_process_of_values_and_of_code() -> None:
    size, code, each = calibrating.NETWORKS[0], 6_000_000, 7.5
    values = [each * kept_values(size, *shape) for shape in calibrating.TRAINED]
    fixed = 900_000_000 + 16 * size.parameters
    after = [int(fixed + max(values) + number * code) for number in (4, 8, 8)]
    process, per_value, per_shape = calibrating._memory([int(fixed + values[0] + code), *after], size)
    assert (per_value, per_shape) == (pytest.approx(each), pytest.approx(code))
    assert process == pytest.approx(900_000_000, abs=10)


def test_numbers_of_tokens_are_new_in_two_rounds_and_in_no_other() -> None:
    every = [
        rounded_up(int(calibrating._batch(shape, fewer)["attention_mask"].sum()))
        for shape, fewer in calibrating._shapes(lambda: True)
    ]
    rounds = np.reshape(every[1:], (calibrating.MOST_ROUNDS, -1)).tolist()
    full = [rows * length for rows, length in calibrating.TRAINED]
    assert every[0] == full[0]
    assert not {*rounds[1]} & {*full}
    assert [each for place, each in enumerate(rounds) if place != 1] == [full] * (calibrating.MOST_ROUNDS - 1)
    assert calibrating.NEW_ROUNDS == 2 < calibrating.FEWEST_ROUNDS


@pytest.mark.parametrize("shape", calibrating.TRAINED)
def test_no_row_is_left_without_a_token(shape: tuple[int, int]) -> None:
    mask = calibrating._batch(shape, 100)["attention_mask"]
    assert mask.sum() == shape[0] * shape[1] - 100
    assert (mask.sum(axis=1) > 0).all()


@pytest.mark.slow
def test_a_machine_is_measured() -> None:
    """On a small network; how fast this machine is now says nothing."""
    found = measured("float32", networks=(EncoderSize(1, 32, 2, 64, 2000),), ends=(0.0,))
    assert found.precision == "float32"
    for paces in (found.training, found.answering):
        each = vars(paces).values()
        assert all(pace >= 0 for pace in each)
        assert any(pace > 0 for pace in each)
    assert found.bytes_per_value >= 0
    assert found.bytes_per_shape >= 0
    assert found.seconds_per_shape >= 0
    assert 1e8 < found.process_bytes < 1e11
    assert 0 <= found.busy_share <= 1
    assert found.matmul_flops_per_second is not None
