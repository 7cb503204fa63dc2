"""Decisions over versions: who answers, who is loaded next, who may go, who holds a label."""

from __future__ import annotations

from pathlib import Path

from hypothesis import given
from hypothesis import strategies as st

from tfclassify.serving.status import Code
from tfclassify.serving.version_state import (
    State,
    Version,
    available,
    labels_taken,
    look_again,
    next_to_load,
    still_wanted,
    to_unload,
    without_superseded,
)

HOW = st.sampled_from([*State, "failed"])


def version(number: int, how: str = "START", *, wanted: bool = True, folder: str = "a") -> Version:
    failed = how == "failed"
    state, code = (State.END, Code.INTERNAL) if failed else (State(how), Code.OK)
    return Version(number, Path(folder), wanted=wanted, state=state, code=code)


VERSIONS = st.lists(st.builds(version, st.integers(1, 3), HOW, wanted=st.booleans()), max_size=5)


def test_the_highest_available_answers_and_of_two_the_later() -> None:
    old, new = version(2, "AVAILABLE", folder="a"), version(2, "AVAILABLE", folder="b")
    versions = [version(3, "LOADING"), old, new, version(1, "AVAILABLE")]
    assert available(versions, None) is new
    assert available(versions, 1) is versions[-1]
    assert available(versions, 3) is None
    assert available([], None) is None


def test_the_highest_due_is_loaded_next() -> None:
    failed = version(9, "failed")
    failed.next_attempt = 5.0
    versions = [version(1), version(2), version(8, wanted=False), failed]
    assert next_to_load(versions, 4.9) is versions[1]
    assert next_to_load(versions, 5.0) is failed
    failed.next_attempt = None
    assert next_to_load(versions, 9.0) is versions[1]
    assert next_to_load([version(1, "AVAILABLE"), version(2, "END"), version(3, "LOADING")], 9.0) is None


@given(VERSIONS)
def test_what_serves_goes_only_when_another_serves_or_none_is_wanted(versions: list[Version]) -> None:
    leaving = to_unload(versions)
    assert all(not each.wanted and each.state is State.AVAILABLE for each in leaving)
    wanted = [each for each in versions if each.wanted]
    if wanted and leaving:
        assert any(each.state is State.AVAILABLE for each in wanted)
    serving = [each for each in versions if each.state is State.AVAILABLE]
    if not wanted:
        assert leaving == serving


def test_the_old_stays_while_the_new_is_tried_or_has_failed() -> None:
    old = version(1, "AVAILABLE", wanted=False)
    for how in ("START", "LOADING", "failed"):
        assert to_unload([old, version(2, how)]) == []
    assert to_unload([old, version(2, "AVAILABLE")]) == [old]
    assert to_unload([old, version(2, "AVAILABLE"), version(3, "LOADING")]) == []
    assert to_unload([old, version(2, "AVAILABLE"), version(3, "failed")]) == [old]


def test_what_has_ended_begins_anew() -> None:
    assert [still_wanted(version(1, state)) for state in State] == [True, True, True, False, False]
    assert still_wanted(version(1, "failed"))
    assert not still_wanted(version(1, "failed", wanted=False))


@given(VERSIONS)
def test_nothing_that_holds_memory_is_forgotten(versions: list[Version]) -> None:
    kept = without_superseded(versions)
    assert [each for each in versions if each.state is State.LOADING] == [
        each for each in kept if each.state is State.LOADING
    ]
    assert [each for each in versions if each in kept] == kept
    begun = {each.number for each in versions if each.wanted or each.state is not State.START}
    assert {each.number for each in kept} == begun


def test_labels() -> None:
    versions = [version(1, "AVAILABLE"), version(2, "LOADING")]
    assert labels_taken({"a": 1, "b": 2}, {}, versions, early=False) == {"a": 1}
    assert labels_taken({"a": 2}, {"a": 1, "gone": 1}, versions, early=False) == {"a": 1}
    assert labels_taken({"a": 2, "b": 2}, {"a": 1}, versions, early=True) == {"a": 1, "b": 2}


def test_a_failed_folder_is_tried_again_when_it_no_longer_changes() -> None:
    failed, first, second = version(1, "failed"), (("f", 1, 1),), (("f", 2, 2),)
    failed.failed_files = failed.seen_files = first
    failed.attempts, failed.next_attempt = 6, None
    for files, attempt in ((first, None), (second, None), (second, 0.0)):
        look_again(failed, files)
        assert failed.next_attempt == attempt
    assert failed.attempts == 0
