"""Versions come and go under a running server: the old answers until the new does, and nothing is closed in use."""

from __future__ import annotations

import os
import random
import shutil
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
from served_models import SECONDS, Fakes, ask, config, eventually, serving, serving_saved, states, write_fake
from small_models import save_scaled

from tfclassify.errors import UsageError
from tfclassify.serving.models import All, Latest, ModelConfig, Models, Specific
from tfclassify.serving.status import Code, Refusal


@pytest.fixture
def fakes() -> Fakes:
    return Fakes()


@pytest.fixture
def base(tmp_path: Path) -> Path:
    (tmp_path / "m").mkdir()
    return tmp_path / "m"


def refusal(models: Models, name: str = "m", **which: Any) -> tuple[Code, str]:
    with pytest.raises(Refusal) as caught:
        ask(models, name, **which)
    return caught.value.code, caught.value.message


# Asking


def test_the_highest_version_answers(fakes: Fakes, base: Path) -> None:
    for version in (2, 10, 9):
        write_fake(base, version)
    with serving(fakes, config(base)) as models:
        assert ask(models) == 10
        assert fakes.opened == [("m", 10)]
        assert models.ready()
        assert models.names() == ["m"]
    assert fakes.closed == [("m", 10)]


def test_what_is_not_there_is_refused_in_the_stock_server_s_words(fakes: Fakes, base: Path) -> None:
    write_fake(base, 1)
    with serving(fakes, config(base, stable=1)) as models:
        assert ask(models, label="stable") == 1
        assert refusal(models, "other") == (Code.NOT_FOUND, "Servable not found for request: Latest(other)")
        assert refusal(models, version=7) == (Code.NOT_FOUND, "Servable not found for request: Specific(m, 7)")
        unknown = (Code.INVALID_ARGUMENT, "Unrecognized servable version label: no")
        assert refusal(models, label="no") == unknown
        assert refusal(models, "other", label="no") == unknown
        for given, message in (
            (("other",), "Could not find any versions of model other"),
            (("m", 7), "Could not find version 7 of model m"),
        ):
            with pytest.raises(Refusal, match=f"^{message}$") as caught:
                models.statuses(*given)
            assert caught.value.code is Code.NOT_FOUND


def test_before_a_version_is_loaded_clients_are_told_to_come_again(fakes: Fakes, base: Path) -> None:
    write_fake(base, 1)
    go = threading.Event()
    fakes.before_load = lambda name, version: go.wait(SECONDS) and None  # type: ignore[func-returns-value]
    with serving(fakes, config(base, stable=1), wait=False) as models:
        for which in ({}, {"version": 1}, {"label": "stable"}):
            with pytest.raises(Refusal) as caught:
                ask(models, **which)
            assert (caught.value.code, caught.value.http_status) == (Code.UNAVAILABLE, 503)
            assert caught.value.retry_after_seconds == 1.0
        assert not models.ready()
        eventually(lambda: fakes.events("version_loading"))
        assert states(models) == {1: "LOADING"}
        go.set()
        assert models.wait_until_tried(SECONDS)
        assert ask(models) == 1


def test_after_the_end_nothing_is_lent(fakes: Fakes, base: Path) -> None:
    write_fake(base, 1)
    with serving(fakes, config(base)) as models:
        pass
    assert refusal(models) == (Code.UNAVAILABLE, "The server is shutting down")
    assert not models.ready()
    assert states(models) == {1: "END"}
    models.stop()


def test_a_model_without_versions_waits_for_one(fakes: Fakes, base: Path) -> None:
    with serving(fakes, config(base)) as models:
        assert not models.ready()
        assert refusal(models)[0] is Code.NOT_FOUND
        assert fakes.events("no_versions") == [{"model": "m"}]
        write_fake(base, 1)
        eventually(models.ready)


def test_two_models_of_one_name(fakes: Fakes, base: Path) -> None:
    message = "^two models are named 'm'; expected a name of its own for each$"
    with (
        pytest.raises(UsageError, match=message),
        serving(fakes, config(base), config(base)),
    ):
        pass
    with serving(fakes, config(base)) as models, pytest.raises(UsageError, match=message):
        models.reconfigure([config(base), config(base)])


# Policies


def test_policies(fakes: Fakes, base: Path) -> None:
    for version in (1, 2, 3):
        write_fake(base, version)
    with serving(
        fakes,
        config(base, "latest", Latest(2)),
        config(base, "all", All()),
        config(base, "specific", Specific((1, 3, 8))),
    ) as models:
        assert states(models, "latest") == {3: "AVAILABLE", 2: "AVAILABLE"}
        assert states(models, "all") == {3: "AVAILABLE", 2: "AVAILABLE", 1: "AVAILABLE"}
        assert list(states(models, "all")) == [3, 2, 1]
        assert states(models, "specific") == {3: "AVAILABLE", 1: "AVAILABLE"}
        assert ask(models, "specific", version=1) == 1
        assert fakes.events("version_missing") == [{"model": "specific", "version": 8}]
        write_fake(base, 8)
        eventually(lambda: states(models, "specific") == {8: "AVAILABLE", 3: "AVAILABLE", 1: "AVAILABLE"})
        eventually(lambda: states(models, "latest") == {8: "AVAILABLE", 3: "AVAILABLE", 2: "END"})


# Coming and going


def test_a_new_version_takes_over_once_it_is_loaded(fakes: Fakes, base: Path) -> None:
    write_fake(base, 1)
    go = threading.Event()
    with serving(fakes, config(base)) as models:
        fakes.before_load = lambda name, version: go.wait(SECONDS) and None  # type: ignore[func-returns-value]
        write_fake(base, 2)
        eventually(lambda: states(models) == {2: "LOADING", 1: "AVAILABLE"})
        assert ask(models) == 1
        go.set()
        eventually(lambda: states(models) == {2: "AVAILABLE", 1: "END"})
        assert ask(models) == 2
        assert fakes.events("version_unloading") == [{"model": "m", "version": 1}]
        assert fakes.events("version_unloaded") == [{"model": "m", "version": 1}]


def test_a_version_in_use_is_closed_after_its_last_use(fakes: Fakes, base: Path) -> None:
    write_fake(base, 1)
    with serving(fakes, config(base)) as models:
        with models.use("m") as first, models.use("m") as second:
            write_fake(base, 2)
            eventually(lambda: states(models) == {2: "AVAILABLE", 1: "UNLOADING"})
            assert first is second
            assert ask(models) == 2
            assert first.submit("s", {"x": [0]}, None).result(SECONDS)["y"].tolist() == [1.0]  # type: ignore[dict-item]
            assert fakes.closed == []
        eventually(lambda: states(models) == {2: "AVAILABLE", 1: "END"})
        assert fakes.closed == [("m", 1)]


def test_a_use_that_fails_is_given_back(fakes: Fakes, base: Path) -> None:
    write_fake(base, 1)
    with serving(fakes, config(base)) as models:
        with pytest.raises(ZeroDivisionError), models.use("m"):
            raise ZeroDivisionError
        write_fake(base, 2)
        eventually(lambda: fakes.closed == [("m", 1)])


def test_deleting_the_newest_goes_back_to_the_one_before(fakes: Fakes, base: Path) -> None:
    write_fake(base, 1)
    with serving(fakes, config(base)) as models:
        write_fake(base, 2)
        eventually(lambda: states(models) == {2: "AVAILABLE", 1: "END"})
        shutil.rmtree(base / "2")
        eventually(lambda: states(models) == {2: "END", 1: "AVAILABLE"})
        assert ask(models) == 1
        assert fakes.opened == [("m", 1), ("m", 2), ("m", 1)]


def test_what_is_overwritten_in_place_is_not_noticed(fakes: Fakes, base: Path) -> None:
    folder = write_fake(base, 1)
    with serving(fakes, config(base)) as models:
        (folder / "answer").write_text("99")
        write_fake(base.parent / "other", 1)
        time.sleep(0.1)
        assert ask(models) == 1
        assert fakes.opened == [("m", 1)]


def test_a_model_whose_folders_have_all_gone_is_unloaded(fakes: Fakes, base: Path) -> None:
    write_fake(base, 1)
    with serving(fakes, config(base)) as models:
        shutil.rmtree(base / "1")
        eventually(lambda: states(models) == {1: "END"})
        assert refusal(models) == (Code.NOT_FOUND, "Servable not found for request: Latest(m)")


def test_unless_it_is_to_be_kept(fakes: Fakes, base: Path) -> None:
    write_fake(base, 1)
    with serving(fakes, config(base), keep_when_emptied=True) as models:
        shutil.rmtree(base / "1")
        eventually(lambda: fakes.events("base_path_emptied") == [{"model": "m"}])
        time.sleep(0.1)
        assert ask(models) == 1
        write_fake(base, 2)
        eventually(lambda: states(models) == {2: "AVAILABLE", 1: "END"})


def test_a_folder_that_was_unmounted_changes_nothing(fakes: Fakes, base: Path) -> None:
    write_fake(base, 1)
    with serving(fakes, config(base)) as models:
        # What an unmounted folder leaves behind is an empty folder of the same name, which is another one.
        (base.parent / "empty").mkdir()
        base.rename(base.parent / "elsewhere")
        (base.parent / "empty").rename(base)
        eventually(lambda: fakes.events("base_path_emptied"))
        assert ask(models) == 1


def test_a_base_path_that_vanishes_changes_nothing(fakes: Fakes, base: Path) -> None:
    write_fake(base, 1)
    with serving(fakes, config(base)) as models:
        base.rename(base.parent / "elsewhere")
        eventually(lambda: fakes.events("base_path_unreadable"))
        time.sleep(0.1)
        assert fakes.events("base_path_unreadable") == [{"model": "m", "error": "No such file or directory"}]
        assert ask(models) == 1
        assert models.ready()
        (base.parent / "elsewhere").rename(base)
        eventually(lambda: fakes.events("base_path_readable") == [{"model": "m"}])
        assert fakes.opened == [("m", 1)]


def test_a_permission_that_is_lost_changes_nothing(fakes: Fakes, base: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write_fake(base, 1)
    with serving(fakes, config(base)) as models:
        # Whoever runs the tests may be allowed to read everything.
        monkeypatch.setattr(os, "listdir", lambda path: (_ for _ in ()).throw(PermissionError(13, "Permission denied")))
        eventually(lambda: fakes.events("base_path_unreadable") == [{"model": "m", "error": "Permission denied"}])
        assert ask(models) == 1
        monkeypatch.undo()
        eventually(lambda: fakes.events("base_path_readable"))


def test_looking_once(fakes: Fakes, base: Path) -> None:
    write_fake(base, 1)
    with serving(fakes, config(base), poll_seconds=0) as models:
        write_fake(base, 2)
        time.sleep(0.1)
        assert states(models) == {1: "AVAILABLE"}
        models.reconfigure([config(base)], wait_seconds=SECONDS)
        assert ask(models) == 2


# Failures


def test_a_version_that_cannot_be_loaded_leaves_the_old_one(fakes: Fakes, base: Path) -> None:
    write_fake(base, 1)
    with serving(fakes, config(base)) as models:
        write_fake(base, 2, "no number")
        eventually(lambda: states(models) == {2: "END", 1: "AVAILABLE"})
        time.sleep(0.1)
        assert ask(models) == 1
        status = models.statuses("m", 2)[0]
        assert (status.state, status.error_code, status.error_message) == ("END", "DATA_LOSS", "no answer")
        about = {"model": "m", "version": 2, "code": Code.DATA_LOSS, "message": "no answer"}
        assert fakes.events("load_failed") == [{**about, "again_in_seconds": 600.0}]
        write_fake(base, 3)
        eventually(lambda: states(models) == {3: "AVAILABLE", 2: "END", 1: "END"})
        assert models.statuses("m", 2)[0].error_code == "DATA_LOSS"


def test_a_folder_that_is_still_copied_is_tried_again_when_it_is_whole(fakes: Fakes, base: Path) -> None:
    write_fake(base, 1)
    with serving(fakes, config(base)) as models:
        (base / "2").mkdir()
        eventually(lambda: states(models).get(2) == "END")
        (base / "2" / "answer").write_text("half of a number")
        eventually(lambda: len(fakes.events("load_failed")) == 2)
        assert ask(models) == 1
        (base / "2" / "answer").write_text("22")
        eventually(lambda: states(models) == {2: "AVAILABLE", 1: "END"})
        assert models.statuses("m", 2)[0].error_code == "OK"
        assert ask(models) == 22


def test_a_load_is_tried_again_a_number_of_times(fakes: Fakes, base: Path) -> None:
    write_fake(base, 1, "no number")
    with serving(fakes, config(base), load_retry_seconds=0.01, max_load_retries=2) as models:
        eventually(lambda: len(fakes.events("load_failed")) == 3)
        time.sleep(0.1)
        assert [each["again_in_seconds"] for each in fakes.events("load_failed")] == [0.01, 0.01, None]
        assert [each["attempt"] for each in fakes.events("version_loading")] == [1, 2, 3]
        assert not models.ready()
        assert refusal(models) == (Code.NOT_FOUND, "Servable not found for request: Latest(m)")


def test_a_load_that_raises_what_nobody_expects_is_a_failed_load(fakes: Fakes, base: Path) -> None:
    write_fake(base, 1)

    def fail(name: str, version: int) -> None:
        raise AttributeError("what is this?")

    fakes.before_load = fail
    with serving(fakes, config(base)) as models:
        assert models.statuses("m")[0].error_code == "INTERNAL"
        assert models.statuses("m")[0].error_message == "what is this?"


def test_what_cannot_be_wrapped_is_closed(fakes: Fakes, base: Path) -> None:
    write_fake(base, 1)

    def wrap(loaded: Any, folder: Path) -> Any:
        raise UsageError("no such batch")

    models = Models([config(base)], load=fakes.load, wrap=wrap, events=fakes.tell)
    models.start()
    assert models.wait_until_tried(SECONDS)
    assert fakes.closed == [("m", 1)]
    assert models.statuses("m")[0].error_message == "no such batch"
    models.stop()


def test_a_listener_that_fails_ends_nothing(fakes: Fakes, base: Path, caplog: pytest.LogCaptureFixture) -> None:
    write_fake(base, 1)

    def tell(event: str, fields: Any) -> None:
        raise RuntimeError("not listening")

    fakes.tell = tell  # type: ignore[method-assign]
    with serving(fakes, config(base)) as models:
        assert ask(models) == 1
    assert "telling of version_available failed" in caplog.text


def test_a_file_with_the_name_of_a_version_counts_and_fails(fakes: Fakes, base: Path) -> None:
    write_fake(base, 1)
    (base / "7").write_text("not a folder")
    with serving(fakes, config(base)) as models:
        assert states(models) == {7: "END"}
        write_fake(base, "00000123")
        eventually(lambda: states(models) == {123: "AVAILABLE", 7: "END"})


# Labels


def test_a_label_goes_over_once_its_version_is_there(fakes: Fakes, base: Path) -> None:
    for version in (1, 2):
        write_fake(base, version)
    with serving(fakes, config(base, policy=All(), stable=1)) as models:
        models.reconfigure([config(base, policy=All(), stable=2, canary=3)], wait_seconds=SECONDS)
        assert ask(models, label="stable") == 2
        assert refusal(models, label="canary")[0] is Code.INVALID_ARGUMENT
        assert {"model": "m", "label": "canary", "version": 3} in fakes.events("label_waits")
        models.reconfigure([config(base, policy=All(), stable=3, canary=3)], wait_seconds=SECONDS)
        assert ask(models, label="stable") == 2
        write_fake(base, 3)
        eventually(lambda: ask(models, label="stable") == 3)
        assert ask(models, label="canary") == 3
        models.reconfigure([config(base, policy=All())], wait_seconds=SECONDS)
        assert refusal(models, label="stable")[0] is Code.INVALID_ARGUMENT


def test_a_new_label_may_come_before_its_version(fakes: Fakes, base: Path) -> None:
    write_fake(base, 1)
    with serving(fakes, config(base, next=5), allow_labels_for_unavailable=True) as models:
        assert refusal(models, label="next") == (Code.NOT_FOUND, "Servable not found for request: Specific(m, 5)")


# Other models


def test_models_come_go_and_stay(fakes: Fakes, tmp_path: Path) -> None:
    for name in ("a", "b", "c"):
        write_fake(tmp_path / name, 1)
    with serving(fakes, config(tmp_path / "a", "a"), config(tmp_path / "b", "b")) as models:
        models.reconfigure([config(tmp_path / "b", "b"), config(tmp_path / "c", "c")], wait_seconds=SECONDS)
        assert models.names() == ["b", "c"]
        assert ask(models, "c") == 1
        eventually(lambda: fakes.closed == [("a", 1)])
        assert refusal(models, "a") == (Code.NOT_FOUND, "Servable not found for request: Latest(a)")
        assert states(models, "a") == {1: "END"}
        assert fakes.opened == [("a", 1), ("b", 1), ("c", 1)]
        assert fakes.events("reconfigured") == [{"models": ["b", "c"]}]


def test_another_base_path_of_the_same_version_is_loaded_before_the_old_goes(fakes: Fakes, tmp_path: Path) -> None:
    write_fake(tmp_path / "a", 1, 10)
    write_fake(tmp_path / "b", 1, 20)
    with serving(fakes, config(tmp_path / "a")) as models:
        with models.use("m"):
            models.reconfigure([config(tmp_path / "b")], wait_seconds=SECONDS)
            assert ask(models) == 20
            assert fakes.closed == []
            assert states(models) == {1: "AVAILABLE"}
        eventually(lambda: fakes.closed == [("m", 1)])


# Under load


def test_under_many_threads_every_answer_is_of_a_version_that_stood(fakes: Fakes, base: Path) -> None:
    write_fake(base, 1)
    last, stop = 12, threading.Event()

    def client(seed: int) -> int:
        rest, answers = random.Random(seed), []
        while not stop.is_set():
            answers.append(ask(models))
            if rest.random() < 0.2:
                time.sleep(rest.random() / 500)
        # Versions only go up.
        assert answers == sorted(answers)
        return len(answers)

    with serving(fakes, config(base)) as models:
        with ThreadPoolExecutor(12) as pool:
            clients = [pool.submit(client, seed) for seed in range(12)]
            try:
                for version in range(2, last + 1):
                    write_fake(base, version)
                    eventually(lambda version=version: ask(models) == version)  # type: ignore[misc]
            finally:
                stop.set()
            assert sum(each.result(SECONDS) for each in clients) > 12 * last
        eventually(lambda: len(fakes.closed) == last - 1)
        assert states(models) == {last: "AVAILABLE", **dict.fromkeys(range(last - 1, 0, -1), "END")}
    assert fakes.used_closed == []
    assert sorted(fakes.opened) == sorted(fakes.closed) == [("m", version) for version in range(1, last + 1)]


def test_reconfiguring_under_use_leaks_nothing(fakes: Fakes, tmp_path: Path) -> None:
    names = ["a", "b", "c"]
    for name in names:
        write_fake(tmp_path / name, 1)
    configs = [config(tmp_path / name, name) for name in names]
    stop = threading.Event()
    codes: set[Code] = set()
    answers: list[float] = []

    def client(seed: int) -> None:
        rest = random.Random(seed)
        while not stop.is_set():
            try:
                answers.append(ask(models, rest.choice(names)))
            except Refusal as error:
                codes.add(error.code)

    with serving(fakes, *configs) as models, ThreadPoolExecutor(8) as pool:
        clients = [pool.submit(client, seed) for seed in range(8)]
        for turn in range(30):
            models.reconfigure(configs[turn % 3 :][:2], wait_seconds=SECONDS)
        stop.set()
        for each in clients:
            each.result(SECONDS)
    assert codes <= {Code.NOT_FOUND, Code.UNAVAILABLE}
    assert set(answers) == {1.0}
    assert sorted(fakes.opened) == sorted(fakes.closed)


# SavedModels


def test_saved_models_are_replaced_and_broken_ones_are_not_served(fakes: Fakes, base: Path, tmp_path: Path) -> None:
    save_scaled(base / "1", 1.0)
    whole = save_scaled(tmp_path / "whole", 3.0)
    with serving_saved(fakes, config(base)) as models:
        assert ask(models) == 1.0
        # Copied file by file: first without a graph, then with variables that are cut off.
        (base / "3" / "variables").mkdir(parents=True)
        eventually(lambda: states(models) == {3: "END", 1: "AVAILABLE"})
        shutil.copy(whole / "saved_model.pb", base / "3")
        shutil.copy(whole / "variables" / "variables.index", base / "3" / "variables")
        data = (whole / "variables" / "variables.data-00000-of-00001").read_bytes()
        target = base / "3" / "variables" / "variables.data-00000-of-00001"
        target.write_bytes(data[: len(data) // 2])
        eventually(lambda: models.statuses("m", 3)[0].error_code == "OUT_OF_RANGE")
        assert ask(models) == 1.0
        target.write_bytes(data)
        eventually(lambda: states(models) == {3: "AVAILABLE", 1: "END"})
        assert ask(models) == 3.0


def test_one_look_at_a_config_is_not_mistaken_for_another(fakes: Fakes, base: Path) -> None:
    write_fake(base, 1)
    with serving(fakes, config(base)) as models:
        for _ in range(20):
            models.reconfigure([], wait_seconds=SECONDS)
            assert models.names() == []
            models.reconfigure([ModelConfig("m", base, Latest(), {})], wait_seconds=SECONDS)
            assert ask(models) == 1
