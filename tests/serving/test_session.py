"""A SavedModel answers as in the stock server, and says in a refusal what was wrong with it or with a request."""

from __future__ import annotations

import gc
import logging
import threading
import time
import weakref
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest
import tensorflow as tf
from small_models import save_scaled, save_texts
from tensorflow.python.util import deprecation

from tfclassify.serving.loaded import Loaded
from tfclassify.serving.session import load_saved_model
from tfclassify.serving.status import Code, Refusal

VERSION_1 = tf.compat.v1


@pytest.fixture(scope="module")
def scaled_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return save_scaled(tmp_path_factory.mktemp("scaled") / "1")


@pytest.fixture(scope="module")
def scaled(scaled_folder: Path) -> Iterator[Loaded]:
    loaded = load_saved_model(scaled_folder, name="scaled", version=1, timeout_seconds=30)
    yield loaded
    loaded.close()


@pytest.fixture(scope="module")
def texts(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Loaded]:
    folder = save_texts(tmp_path_factory.mktemp("texts") / "7")
    loaded = load_saved_model(folder, name="texts", version=7, timeout_seconds=0.4)
    yield loaded
    loaded.close()


def refusal(loaded: Loaded, signature: str = "serving_default", **inputs: np.ndarray) -> Refusal:
    with pytest.raises(Refusal) as caught:
        loaded.call(signature, inputs)
    return caught.value


def many(*texts: bytes | str) -> np.ndarray:
    return np.array(texts, dtype=object)


def test_a_model_says_what_it_takes(scaled: Loaded) -> None:
    assert (scaled.name, scaled.version) == ("scaled", 1)
    signature = scaled.signatures["serving_default"]
    assert signature.inputs["x"].shape == (-1, 1)
    assert signature.outputs["y"].dtype == tf.float32.as_datatype_enum
    assert scaled.definitions["serving_default"].method_name == "tensorflow/serving/predict"
    assert "__saved_model_init_op" in scaled.definitions


def test_a_shape_that_only_python_would_refuse_is_fed(scaled: Loaded) -> None:
    found = scaled.call("serving_default", {"x": np.ones([2, 2], np.float32)})
    assert found["y"].tolist() == [[2.0, 2.0], [2.0, 2.0]]


def test_texts_come_and_go_as_bytes(texts: Loaded) -> None:
    given = many(b"ends in NUL\0", "é", b"\xff")
    found = texts.call("serving_default", {"text": given, "n": np.array(3, np.int32)})
    assert found["text"].tolist() == [b"ends in NUL\0", "é".encode(), b"\xff"]
    assert found["length"].tolist() == [12, 2, 1]
    assert (found["turns"].shape, found["turns"].dtype, int(found["turns"])) == ((), np.int32, 3)
    assert (found["first"].shape, found["first"].item()) == ((), b"ends in NUL\0")


def test_an_unknown_signature(scaled: Loaded) -> None:
    error = refusal(scaled, "other", x=np.ones([1, 1], np.float32))
    assert error.code is Code.INVALID_ARGUMENT
    assert error.message == 'Serving signature name: "other" not found in signature def'


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ([], "0!=1 len({}) != len({x}). Sent extra: {}. Missing but required: {x}."),
        (["z"], "1!=1 len({z}) != len({x}). Sent extra: {z}. Missing but required: {x}."),
        (["z", "x"], "2!=1 len({x,z}) != len({x}). Sent extra: {z}. Missing but required: {}."),
    ],
)
def test_inputs_that_are_not_the_signature_s(scaled: Loaded, given: list[str], message: str) -> None:
    error = refusal(scaled, **dict.fromkeys(given, np.ones([1, 1], np.float32)))
    assert error.code is Code.INVALID_ARGUMENT
    assert error.message == f"input size does not match signature: {message}"


def test_a_wrong_type_is_the_client_s_fault_and_names_no_node(scaled: Loaded) -> None:
    error = refusal(scaled, x=np.ones([1, 1], np.int32))
    assert (error.code, error.http_status) == (Code.INVALID_ARGUMENT, 400)
    assert error.message == "Type mismatch: actual int32 vs. expect float"


def test_a_wrong_shape_that_the_graph_refuses(texts: Loaded) -> None:
    error = refusal(texts, text=many(b"a"), n=np.array([1, 2], np.int32))
    assert error.code is Code.INVALID_ARGUMENT
    assert error.message == "The second input must be a scalar, but it has shape [2]"


def test_a_run_that_takes_too_long_ends(texts: Loaded) -> None:
    start = time.monotonic()
    error = refusal(texts, text=many(b"a"), n=np.array(2**31 - 1, np.int32))
    assert (error.code, error.http_status) == (Code.DEADLINE_EXCEEDED, 504)
    assert time.monotonic() - start < 5


def test_many_threads_at_once_get_their_own_answers(scaled: Loaded) -> None:
    barrier = threading.Barrier(8)

    def ask(number: int) -> list[float]:
        barrier.wait(10)
        turns = [scaled.call("serving_default", {"x": np.full([1, 1], number, np.float32)}) for _ in range(50)]
        return [turn["y"].item() for turn in turns]

    with ThreadPoolExecutor(8) as pool:
        assert list(pool.map(ask, range(8))) == [[2.0 * number] * 50 for number in range(8)]


def test_the_op_of_tensorflow_text_is_there(tmp_path: Path) -> None:
    from tfclassify.text import tokenizer

    vocabulary = tmp_path / "vocab.txt"
    vocabulary.write_text("\n".join(["[PAD]", "[UNK]", "[CLS]", "[SEP]", "a", "##b"]))
    model = tf.Module()
    tokens = tokenizer(vocabulary)
    model.ids = tf.function(  # type: ignore[attr-defined]
        lambda text: {"ids": tokens(text).to_tensor()}, input_signature=[tf.TensorSpec([None], tf.string, name="text")]
    )
    tf.saved_model.save(model, str(tmp_path / "1"), signatures={"serving_default": model.ids})  # type: ignore[attr-defined]
    loaded = load_saved_model(tmp_path / "1", name="m", version=1, timeout_seconds=30)
    assert loaded.call("serving_default", {"text": many("ab")})["ids"].tolist() == [[2, 4, 5, 3]]
    loaded.close()


def test_a_default_of_the_signature_is_taken_where_an_input_is_left_out(scaled_folder: Path, tmp_path: Path) -> None:
    from shutil import copytree

    from tensorflow.core.protobuf import saved_model_pb2

    folder = Path(copytree(scaled_folder, tmp_path / "1"))
    saved = saved_model_pb2.SavedModel.FromString((folder / "saved_model.pb").read_bytes())
    definition = saved.meta_graphs[0].signature_def["serving_default"]
    definition.defaults["x"].CopyFrom(tf.make_tensor_proto([[4.0]], tf.float32))
    (folder / "saved_model.pb").write_bytes(saved.SerializeToString())
    loaded = load_saved_model(folder, name="m", version=1, timeout_seconds=30)
    assert loaded.call("serving_default", {})["y"].tolist() == [[8.0]]
    loaded.close()


def spoiled(folder: Path, how: str) -> None:
    graph, data = folder / "saved_model.pb", folder / "variables" / "variables.data-00000-of-00001"
    if how == "no graph":
        graph.unlink()
    elif how == "half a graph":
        graph.write_bytes(graph.read_bytes()[:200])
    elif how == "empty graph":
        graph.write_bytes(b"")
    elif how == "half of the variables":
        data.write_bytes(data.read_bytes()[:100])
    else:
        (folder / "variables" / "variables.index").unlink()


@pytest.mark.parametrize(
    ("how", "code", "message"),
    [
        ("no graph", Code.NOT_FOUND, "SavedModel file does not exist at: {saved_model.pbtxt|saved_model.pb}"),
        ("half a graph", Code.NOT_FOUND, "Cannot parse file b'saved_model.pb': "),
        ("empty graph", Code.INTERNAL, "MetaGraphDef associated with tags 'serve' could not be found in SavedModel"),
        ("half of the variables", Code.OUT_OF_RANGE, "Read less bytes than requested"),
        ("no index", Code.INTERNAL, "The passed save_path is not a valid checkpoint: variables"),
    ],
)
def test_a_folder_that_cannot_be_loaded(tmp_path: Path, how: str, code: Code, message: str) -> None:
    folder = save_scaled(tmp_path / "1")
    spoiled(folder, how)
    with pytest.raises(Refusal) as caught:
        load_saved_model(folder, name="m", version=1, timeout_seconds=30)
    assert caught.value.code is code
    assert caught.value.message.startswith(message)
    assert str(tmp_path) not in caught.value.message


def test_a_missing_folder(tmp_path: Path) -> None:
    with pytest.raises(Refusal) as caught:
        load_saved_model(tmp_path / "nothing", name="m", version=1, timeout_seconds=30)
    assert caught.value.code is Code.NOT_FOUND


def test_only_the_advice_against_this_way_of_loading_is_not_logged(
    scaled_folder: Path, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    # It is given once per process and place, so another test may have had it.
    monkeypatch.setattr(deprecation, "_PRINTED_WARNING", {})
    logger = tf.get_logger()
    monkeypatch.setattr(logger, "propagate", True)
    filters = list(logger.filters)
    loaded = load_saved_model(scaled_folder, name="m", version=1, timeout_seconds=30)
    loaded.close()
    assert [record for record in caplog.records if record.levelno >= logging.WARNING] == []
    assert logger.filters == filters


def test_what_is_closed_answers_no_more_and_is_freed(scaled_folder: Path) -> None:
    loaded = load_saved_model(scaled_folder, name="m", version=1, timeout_seconds=30)
    inputs = {"x": np.ones([1, 1], np.float32)}
    assert loaded.call("serving_default", inputs)["y"].item() == 2.0
    session = weakref.ref(loaded.close.__self__)  # type: ignore[attr-defined]
    loaded.close()
    assert refusal(loaded, **inputs).code is Code.CANCELLED
    del loaded
    gc.collect()
    assert session() is None
