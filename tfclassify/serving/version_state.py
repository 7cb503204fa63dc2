"""One version of a model from the day it is seen to the day it is closed."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path

from tfclassify.serving.served import Served
from tfclassify.serving.status import Code
from tfclassify.serving.versions import Fingerprint


class State(StrEnum):
    """The states of a version, by the names that clients read."""

    START = "START"
    LOADING = "LOADING"
    AVAILABLE = "AVAILABLE"
    UNLOADING = "UNLOADING"
    END = "END"


@dataclass(frozen=True)
class VersionStatus:
    """What a client is told of a version.

    Attributes:
        version: its number.
        state: START, LOADING, AVAILABLE, UNLOADING or END.
        error_code: the name of a canonical code, ``OK`` where nothing is wrong.
        error_message: empty where nothing is wrong.
    """

    version: int
    state: str
    error_code: str
    error_message: str


@dataclass(eq=False)
class Version:
    """A version as it stands; it is read and changed under the lock of its owner only.

    Attributes:
        number: the version.
        folder: that it is loaded from.
        wanted: the policy asks for it.
        state: where it stands. A failed load is an END with an error, also while it is to be tried again.
        code: OK, or why it could not be loaded.
        message: the same in words.
        served: what answers, from AVAILABLE until it is closed.
        uses: requests that hold it.
        attempts: loads that were tried since the folder last changed.
        next_attempt: on ``time.monotonic()``; None where it is not to be tried again.
        failed_files: what the folder was like when a load failed.
        seen_files: what it was like when last looked at.
    """

    number: int
    folder: Path
    wanted: bool = True
    state: State = State.START
    code: Code = Code.OK
    message: str = ""
    served: Served | None = None
    uses: int = 0
    attempts: int = 0
    next_attempt: float | None = 0.0
    failed_files: Fingerprint = ()
    seen_files: Fingerprint = ()

    @property
    def failed(self) -> bool:
        """Whether the last load failed."""
        return self.state is State.END and self.code is not Code.OK

    @property
    def pending(self) -> bool:
        """Whether it is wanted and its first load is still to be tried, or under way."""
        return self.wanted and self.state in (State.START, State.LOADING)

    @property
    def answering(self) -> Served:
        """What answers.

        Raises:
            RuntimeError: it is not loaded.
        """
        if self.served is None:
            raise RuntimeError(f"version {self.number} is {self.state}")
        return self.served

    def status(self) -> VersionStatus:
        """Returns what a client is told."""
        return VersionStatus(self.number, self.state.value, self.code.name, self.message)


def available(versions: Iterable[Version], number: int | None) -> Version | None:
    """Returns the version that answers: the one of this number, or the highest; of two the one found later."""
    ready = [each for each in versions if each.state is State.AVAILABLE and number in (None, each.number)]
    return max(enumerate(ready), key=lambda pair: (pair[1].number, pair[0]))[1] if ready else None


def next_to_load(versions: Iterable[Version], now: float) -> Version | None:
    """Returns the highest version that is due to be loaded."""
    due = [each for each in versions if _is_due(each, now)]
    return max(due, key=lambda each: each.number, default=None)


def to_unload(versions: Sequence[Version]) -> list[Version]:
    """Returns the versions that may go: no longer wanted, and what is wanted in their place answers.

    Until each wanted version was tried, and while none of them is available, what serves goes on serving.
    """
    wanted = [each for each in versions if each.wanted]
    leaving = [each for each in versions if not each.wanted and each.state is State.AVAILABLE]
    replaced = any(each.state is State.AVAILABLE for each in wanted) and not any(each.pending for each in wanted)
    return leaving if replaced or not wanted else []


def still_wanted(version: Version) -> bool:
    """Says whether a version can go on being wanted; what has ended, or is ending, has to begin anew."""
    if version.failed:
        return version.wanted
    return version.state in (State.START, State.LOADING, State.AVAILABLE)


def without_superseded(versions: Iterable[Version]) -> list[Version]:
    """Leaves out what never began and is wanted no more, and what ended and has another of its number behind it."""
    kept: list[Version] = []
    numbers: set[int] = set()
    for each in reversed(list(versions)):
        never = each.state is State.START and not each.wanted
        if not never and (is_held(each) or each.number not in numbers):
            kept.insert(0, each)
            numbers.add(each.number)
    return kept


def is_held(version: Version) -> bool:
    """Says whether a version holds memory, or is about to."""
    return version.served is not None or version.state is State.LOADING


def labels_taken(
    asked: Mapping[str, int], had: Mapping[str, int], versions: Iterable[Version], *, early: bool
) -> dict[str, int]:
    """Returns the labels that hold.

    A label goes over to another version once that is available; until then it stays where it was. A new one may be
    given ``early``, before its version is available.
    """
    ready = {each.number for each in versions if each.state is State.AVAILABLE}
    taken = {}
    for label, number in asked.items():
        if number in ready or (early and label not in had):
            taken[label] = number
        elif label in had:
            taken[label] = had[label]
    return taken


def look_again(version: Version, files: Fingerprint) -> None:
    """Makes a failed version due whose folder has changed since the load, once it no longer changes."""
    steady = files == version.seen_files
    version.seen_files = files
    if version.failed and steady and files != version.failed_files:
        version.attempts, version.next_attempt = 0, 0.0


def _is_due(version: Version, now: float) -> bool:
    if not version.wanted or version.next_attempt is None or now < version.next_attempt:
        return False
    return version.state is State.START or version.failed
