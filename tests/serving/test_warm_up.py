"""Warm-up requests: what is written is replayed, and whatever is wrong with them fails the load."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tensorflow as tf
from served_models import Fakes, ask, config, eventually, serving_saved, states
from small_models import save_scaled
from tensorflow_serving.apis import prediction_log_pb2

from tfclassify.serving.loaded import Loaded
from tfclassify.serving.served import Served, direct
from tfclassify.serving.status import Code, Refusal
from tfclassify.serving.warm_up import FILE, replay, write_warm_up

Calls = list[tuple[str, dict[str, Any]]]


def recording(folder: Path) -> tuple[Served, Calls]:
    calls: Calls = []

    def call(signature: str, inputs: Mapping[str, Any]) -> dict[str, Any]:
        calls.append((signature, {name: value.tolist() for name, value in inputs.items()}))
        if signature == "refused":
            raise Refusal(Code.OUT_OF_RANGE, "not so")
        return {}

    return direct(Loaded("m", 1, {}, {}, call, lambda: None), folder, threads=1), calls


def write_records(folder: Path, *records: bytes) -> None:
    (folder / FILE).parent.mkdir()
    with tf.io.TFRecordWriter(str(folder / FILE)) as writer:
        for record in records:
            writer.write(record)


def refusal(folder: Path) -> tuple[Code, str]:
    with pytest.raises(Refusal) as caught:
        replay(recording(folder)[0])
    return caught.value.code, caught.value.message


def test_what_is_written_is_asked(tmp_path: Path) -> None:
    texts = np.array([b"a", "é"], dtype=object)
    requests = [
        ("serving_default", {"text": texts}),
        ("tokens", {"input_ids": np.array([[1, 2]], np.int32), "none": np.zeros((0, 3), np.float32)}),
        ("serving_default", {"text": np.array([], dtype=object)}),
    ]
    assert write_warm_up(tmp_path, requests) == tmp_path / "assets.extra" / "tf_serving_warmup_requests"
    assert [path.name for path in (tmp_path / "assets.extra").iterdir()] == ["tf_serving_warmup_requests"]
    served, calls = recording(tmp_path)
    assert replay(served) == 3
    assert calls == [
        ("serving_default", {"text": [b"a", "é".encode()]}),
        ("tokens", {"input_ids": [[1, 2]], "none": []}),
        ("serving_default", {"text": []}),
    ]
    assert replay(served, iterations=2) == 3
    assert len(calls) == 9


def test_the_file_is_what_the_stock_server_reads(tmp_path: Path) -> None:
    file = write_warm_up(tmp_path, [("serving_default", {"x": np.ones([2, 1], np.float32)})], model="sentiment")
    (record,) = tf.data.TFRecordDataset(str(file)).as_numpy_iterator()
    request = prediction_log_pb2.PredictionLog.FromString(record).predict_log.request
    assert (request.model_spec.name, request.model_spec.signature_name) == ("sentiment", "serving_default")
    assert tf.make_ndarray(request.inputs["x"]).tolist() == [[1.0], [1.0]]


def test_a_folder_without_is_not_warmed_up(tmp_path: Path) -> None:
    assert replay(recording(tmp_path)[0]) == 0


def test_classify_and_regress_and_several_at_once(tmp_path: Path) -> None:
    classify, regress, several = (prediction_log_pb2.PredictionLog() for _ in range(3))
    example = classify.classify_log.request.input.example_list.examples.add()
    example.features.feature["x"].float_list.value.append(1.0)
    regress.regress_log.request.model_spec.signature_name = "r"
    regress.regress_log.request.input.example_list.examples.add().CopyFrom(example)
    several.multi_inference_log.request.input.example_list.examples.add().CopyFrom(example)
    for name in ("c", "d"):
        several.multi_inference_log.request.tasks.add().model_spec.signature_name = name
    write_records(tmp_path, *(each.SerializeToString() for each in (classify, regress, several)))
    served, calls = recording(tmp_path)
    assert replay(served) == 3
    fed = {"inputs": [example.SerializeToString()]}
    assert calls == [(name, fed) for name in ("serving_default", "r", "c", "d")]


def test_more_than_a_thousand(tmp_path: Path) -> None:
    requests = [("serving_default", {"x": np.float32(0)})] * 1001
    with pytest.raises(ValueError, match=r"^1001 warm-up requests; expected at most 1000, or no server loads it$"):
        write_warm_up(tmp_path, requests)
    assert list(tmp_path.iterdir()) == []
    file = write_warm_up(tmp_path, requests[1:])
    served, calls = recording(tmp_path)
    assert replay(served) == len(calls) == 1000
    file.write_bytes(file.read_bytes() + file.read_bytes()[: file.stat().st_size // 1000])
    assert refusal(tmp_path) == (Code.INVALID_ARGUMENT, "Number of warmup records exceeds the maximum (1000)")


@pytest.mark.parametrize("cut", [14, -3])
def test_a_file_that_is_cut_off(tmp_path: Path, cut: int) -> None:
    file = write_warm_up(tmp_path, [("serving_default", {"x": np.float32(0)})])
    file.write_bytes(file.read_bytes()[:cut])
    code, message = refusal(tmp_path)
    assert code is Code.DATA_LOSS
    assert message.startswith("Failed to read the warm-up requests: ")
    assert str(tmp_path) not in message


def test_records_that_are_no_requests(tmp_path: Path) -> None:
    write_records(tmp_path, b"\xff\xff\xff")
    assert refusal(tmp_path) == (Code.INVALID_ARGUMENT, "Warm-up request 0 failed: it is no PredictionLog")


def test_records_of_another_kind(tmp_path: Path) -> None:
    log = prediction_log_pb2.PredictionLog()
    log.session_run_log.SetInParent()
    write_records(tmp_path, log.SerializeToString())
    message = "Warm-up request 0 failed: Unsupported log_type for warmup: session_run_log"
    assert refusal(tmp_path) == (Code.UNIMPLEMENTED, message)


def test_a_request_that_is_refused(tmp_path: Path) -> None:
    write_warm_up(tmp_path, [("fine", {}), ("refused", {})])
    assert refusal(tmp_path) == (Code.OUT_OF_RANGE, "Warm-up request 1 failed: not so")


def test_a_wrong_signature_fails_the_load_and_the_old_version_stays(tmp_path: Path) -> None:
    fakes = Fakes()
    request = {"x": np.ones([1, 1], np.float32)}
    write_warm_up(save_scaled(tmp_path / "m" / "1", 1.0), [("serving_default", request)])
    with serving_saved(fakes, config(tmp_path / "m")) as models:
        assert ask(models) == 1.0
        wrong = save_scaled(tmp_path / "writing", 2.0)
        write_warm_up(wrong, [("serving_default", request), ("other", request)])
        wrong.rename(tmp_path / "m" / "2")
        eventually(lambda: states(models) == {2: "END", 1: "AVAILABLE"})
        assert ask(models) == 1.0
        assert models.statuses("m", 2)[0].error_message == (
            'Warm-up request 1 failed: Serving signature name: "other" not found in signature def'
        )
        assert models.statuses("m", 2)[0].error_code == "INVALID_ARGUMENT"
        models.reconfigure([config(tmp_path / "m")])


def test_warm_up_can_be_left_out(tmp_path: Path) -> None:
    write_warm_up(save_scaled(tmp_path / "m" / "1", 1.0), [("other", {})])
    with serving_saved(Fakes(), config(tmp_path / "m"), replay_warm_up=False) as models:
        assert ask(models) == 1.0
