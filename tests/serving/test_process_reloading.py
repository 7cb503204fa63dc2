"""Versions that come, go and are broken while a server answers: what was served goes on being served."""

from __future__ import annotations

import os
import shutil
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path

import pytest
import tensorflow as tf
from process_models import save_floats, save_tagged
from server_process import Answer, ServerProcess, config_text, eventually

from tfclassify.serving.warm_up import write_warm_up

pytestmark = pytest.mark.slow

WARM_UP = Path("assets.extra", "tf_serving_warmup_requests")
ROWS = 5
CLIENTS = 4
POLLS_SECONDS = 1.0


def base_of(server: ServerProcess, model: str) -> Path:
    """Returns the base path of a model of the long-running server."""
    return server.errors.parents[1] / model


def tags(answer: Answer) -> set[int]:
    """Returns the tags in an answer of ``save_tagged``: one for each version that had a part in it."""
    assert answer.status == 200, answer.body
    assert len(answer.document["predictions"]) == ROWS
    return set(answer.document["predictions"])


def asked(server: ServerProcess, model: str) -> Answer:
    return server.post(model, {"instances": [f"text {row}" for row in range(ROWS)]})


@contextmanager
def clients(ask: Callable[[], Answer]) -> Iterator[list[list[Answer]]]:
    """Has some clients ask all the time; what each was answered stands in a list of its own, in order."""
    answers: list[list[Answer]] = [[] for _ in range(CLIENTS)]
    over = threading.Event()

    def client(mine: list[Answer]) -> None:
        while not over.is_set():
            mine.append(ask())

    with ThreadPoolExecutor(CLIENTS) as pool:
        working = [pool.submit(client, mine) for mine in answers]
        try:
            yield answers
        finally:
            over.set()
        for each in working:
            each.result()


def is_available(server: ServerProcess, model: str, version: int) -> bool:
    return server.states(model).get(version) == ("AVAILABLE", "")


def failure(server: ServerProcess, model: str, version: int) -> str:
    """Waits until a version has failed to load, and returns the error."""
    assert eventually(lambda: server.states(model).get(version, ("", ""))[0] == "END")
    error = server.states(model)[version][1]
    assert error
    assert tags(asked(server, model)) == {1}
    assert [line["version"] for line in server.logged("load_failed") if line["model"] == model][-1] == version
    return error


# S32


def test_s32_each_request_is_answered_by_one_version(hostile_server: ServerProcess) -> None:
    base = base_of(hostile_server, "swapped")
    with clients(lambda: asked(hostile_server, "swapped")) as answers:
        for version in (2, 3):
            save_tagged(base / str(version), version)
            assert eventually(lambda number=version: is_available(hostile_server, "swapped", number))
            before = [len(mine) for mine in answers]
            assert eventually(lambda seen=before: all(len(m) > n + 1 for m, n in zip(answers, seen, strict=True)))
    for mine in answers:
        versions = [tags(answer) for answer in mine]
        assert all(len(each) == 1 for each in versions)
        rising = [next(iter(each)) for each in versions]
        assert rising == sorted(rising)
        assert (rising[0], rising[-1]) == (1, 3)
    assert eventually(lambda: hostile_server.states("swapped")[1][0] == "END")


def test_s32_a_model_that_is_unloaded(hostile_server: ServerProcess) -> None:
    config = hostile_server.errors.parents[1] / "models.config"
    before = config.read_text()
    kept = "".join(line for line in before.splitlines(keepends=True) if 'name: "going"' not in line)
    try:
        with clients(lambda: asked(hostile_server, "going")) as answers:
            replace(config, kept)
            assert eventually(lambda: all(mine and mine[-1].status == 404 for mine in answers))
        for mine in answers:
            statuses = [answer.status for answer in mine]
            assert statuses == sorted(statuses)
            assert set(statuses) == {200, 404}
            assert {tag for answer in mine if answer.status == 200 for tag in tags(answer)} == {1}
        assert eventually(lambda: hostile_server.states("going")[1][0] == "END")
    finally:
        replace(config, before)
    assert eventually(lambda: asked(hostile_server, "going").status == 200)


def test_s32_what_a_version_has_begun_it_ends(hostile_server: ServerProcess) -> None:
    config = hostile_server.errors.parents[1] / "models.config"
    before = config.read_text()
    with ThreadPoolExecutor(1) as pool:
        slow = pool.submit(hostile_server.post, "numbers", {"instances": ["3000"]})
        time.sleep(0.3)
        replace(config, "".join(line for line in before.splitlines(keepends=True) if 'name: "numbers"' not in line))
        try:
            assert eventually(lambda: hostile_server.states("numbers")[1][0] == "UNLOADING")
            assert hostile_server.post("numbers", {"instances": ["1"]}).status == 404
            assert not slow.done()
            assert slow.result().document == {"predictions": [3000]}
        finally:
            replace(config, before)
    assert eventually(lambda: hostile_server.post("numbers", {"instances": ["1"]}).status == 200)


def test_a_config_that_is_broken_changes_nothing(hostile_server: ServerProcess) -> None:
    config = hostile_server.errors.parents[1] / "models.config"
    before = config.read_text()
    many = len(hostile_server.logged("config_refused"))
    try:
        for broken in ("model_config_list {", config_text({}, labels={}) + "nonsense: 1", before + before):
            replace(config, broken)
            time.sleep(POLLS_SECONDS)
            assert tags(asked(hostile_server, "going")) == {1}
        assert eventually(lambda: len(hostile_server.logged("config_refused")) > many)
    finally:
        replace(config, before)


def replace(config: Path, text: str) -> None:
    aside = config.with_suffix(".aside")
    aside.write_text(text)
    aside.rename(config)


# S33


def test_s33_versions_that_cannot_be_loaded(hostile_server: ServerProcess) -> None:
    base = base_of(hostile_server, "corrupt")
    garbage = base / "garbage"
    garbage.mkdir()
    (garbage / "saved_model.pb").write_bytes(b"\x08\xff" * 1000)
    garbage.rename(base / "2")
    assert "saved_model.pb" in failure(hostile_server, "corrupt", 2)
    (base / "3").mkdir()
    failure(hostile_server, "corrupt", 3)
    (base / "4").write_text("a file")
    failure(hostile_server, "corrupt", 4)
    cut = shutil.copytree(base / "1", base / "cut")
    variables = next((cut / "variables").glob("*.data-*"))
    os.truncate(variables, variables.stat().st_size // 2)
    cut.rename(base / "5")
    failure(hostile_server, "corrupt", 5)
    assert str(base) not in hostile_server.get("/v1/models/corrupt").body.decode()


def test_s33_a_version_of_another_signature(hostile_server: ServerProcess) -> None:
    base = base_of(hostile_server, "corrupt")
    other = save_floats(base / "other")
    (other / "golden.json").write_text(
        '{"signature": "serving_default", "tolerance": 0, "inputs": {"text": ["a"]}, "outputs": {"tag": [1]}}'
    )
    other.rename(base / "6")
    assert failure(hostile_server, "corrupt", 6) == (
        "golden.json: the model has no signature 'serving_default' with these inputs"
    )


def test_s33_a_version_that_is_repaired(hostile_server: ServerProcess) -> None:
    base = base_of(hostile_server, "corrupt")
    (base / "7").mkdir()
    failure(hostile_server, "corrupt", 7)
    shutil.copytree(save_tagged(base.with_name("repair"), 7), base / "7", dirs_exist_ok=True)
    assert eventually(lambda: is_available(hostile_server, "corrupt", 7))
    assert tags(asked(hostile_server, "corrupt")) == {7}


def test_a_version_that_is_copied_slowly_is_taken_once_it_is_whole(hostile_server: ServerProcess) -> None:
    base = base_of(hostile_server, "copied")
    whole = save_tagged(base.with_name("whole"), 2)
    for file in sorted(path for path in whole.rglob("*") if path.is_file()):
        place = base / "2" / file.relative_to(whole)
        place.parent.mkdir(parents=True, exist_ok=True)
        content = file.read_bytes()
        with open(place, "wb", buffering=0) as half:
            for piece in (content[: len(content) // 2], content[len(content) // 2 :]):
                half.write(piece)
                time.sleep(0.5)
                assert tags(asked(hostile_server, "copied")) <= {1, 2}
    assert eventually(lambda: tags(asked(hostile_server, "copied")) == {2})
    loaded = [line for line in hostile_server.logged("version_available") if line["model"] == "copied"]
    assert [line["version"] for line in loaded] == [1, 2]


# S34


def test_s34_a_base_path_that_is_emptied(hostile_server: ServerProcess) -> None:
    base = base_of(hostile_server, "emptied")
    (base / "1").rename(base / "away")
    assert told(hostile_server, "base_path_emptied", "emptied")
    assert tags(asked(hostile_server, "emptied")) == {1}
    (base / "away").rename(base / "1")


def test_s34_a_base_path_that_is_gone_and_comes_back(hostile_server: ServerProcess) -> None:
    base = base_of(hostile_server, "unreadable")
    base.rename(base.with_name("unmounted"))
    assert told(hostile_server, "base_path_unreadable", "unreadable")
    assert tags(asked(hostile_server, "unreadable")) == {1}
    base.with_name("unmounted").rename(base)
    assert told(hostile_server, "base_path_readable", "unreadable")
    assert tags(asked(hostile_server, "unreadable")) == {1}


def test_s34_a_base_path_that_may_not_be_read_any_more(hostile_server: ServerProcess) -> None:
    if hostile_server.process.args[0] != "setpriv" and os.geteuid() == 0:  # type: ignore[index]
        pytest.skip("root reads everything")
    base = base_of(hostile_server, "unreadable")
    many = len(hostile_server.logged("base_path_unreadable"))
    base.chmod(0)
    try:
        assert eventually(lambda: len(hostile_server.logged("base_path_unreadable")) > many)
        assert hostile_server.logged("base_path_unreadable")[-1]["error"] == "Permission denied"
        assert tags(asked(hostile_server, "unreadable")) == {1}
    finally:
        base.chmod(0o755)


def told(server: ServerProcess, event: str, model: str) -> bool:
    return eventually(lambda: any(line["model"] == model for line in server.logged(event)))


# S35


def test_s35_warm_up_files_that_are_no_good(hostile_server: ServerProcess) -> None:
    base = base_of(hostile_server, "warm")
    for version, write, message in (
        (2, corrupt, "Failed to read the warm-up requests: corrupted record at 0"),
        (3, too_many, "Number of warmup records exceeds the maximum (1000)"),
        (4, wrong_signature, 'Warm-up request 0 failed: Serving signature name: "other" not found in signature def'),
    ):
        aside = shutil.copytree(base / "1", base / "aside")
        write(aside)
        aside.rename(base / str(version))
        assert failure(hostile_server, "warm", version).startswith(message)


def corrupt(folder: Path) -> None:
    (folder / WARM_UP).parent.mkdir()
    (folder / WARM_UP).write_bytes(b"no records at all" * 10)


def too_many(folder: Path) -> None:
    one = write_warm_up(folder, [("serving_default", {"text": [b"a"]})])
    (record,) = tf.data.TFRecordDataset(str(one)).as_numpy_iterator()
    with tf.io.TFRecordWriter(str(one)) as writer:
        for _ in range(1001):
            writer.write(record)


def wrong_signature(folder: Path) -> None:
    write_warm_up(folder, [("other", {"text": [b"a"]})])
