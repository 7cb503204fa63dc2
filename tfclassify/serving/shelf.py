"""Which versions of which models stand ready, and who holds them: all of it in memory, under one lock."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path

from tfclassify.errors import UsageError
from tfclassify.serving.served import Served
from tfclassify.serving.status import Code, Refusal
from tfclassify.serving.version_state import (
    State,
    Version,
    VersionStatus,
    available,
    is_held,
    labels_taken,
    look_again,
    next_to_load,
    still_wanted,
    to_unload,
    without_superseded,
)
from tfclassify.serving.versions import Fingerprint, Found, ModelConfig, chosen

RETRY_AFTER_SECONDS = 1.0


class Shelf:
    """The versions of every model. Every method may be called from any thread, takes the lock, and is short."""

    def __init__(
        self, configs: Iterable[ModelConfig], *, early_labels: bool, free: Callable[[str, Version], None]
    ) -> None:
        """Takes the models and ``free``, which is given a version that may be closed, and must not wait."""
        self.changed = threading.Condition()
        self._configs = by_name(configs)
        self._early_labels, self._free = early_labels, free
        self._versions: dict[str, list[Version]] = {}
        self._labels: dict[str, dict[str, int]] = {}
        self._asked, self._tried = 1, 0
        self._ended = False

    # Requests

    def take(self, name: str, number: int | None, label: str | None) -> Version:
        """Counts one more use of the version that was asked for.

        Raises:
            Refusal: there is none that answers.
        """
        with self.changed:
            if self._ended:
                raise Refusal(Code.UNAVAILABLE, "The server is shutting down", retry_after_seconds=RETRY_AFTER_SECONDS)
            number = number if label is None else self._labelled(name, label)
            found = available(self._versions.get(name, ()), number)
            if found is None:
                raise self._absence(name, number)
            found.uses += 1
            return found

    def give_back(self, name: str, version: Version) -> None:
        """Counts one use less; the last use of a version that is to go frees it."""
        with self.changed:
            version.uses -= 1
            if version.state is State.UNLOADING and not version.uses:
                self._free(name, version)

    def statuses(self, name: str, number: int | None) -> list[VersionStatus]:
        """Returns how the versions of a model stand, the highest first.

        Raises:
            Refusal: there is none.
        """
        with self.changed:
            # Of two of one number the one found later counts.
            by_number = {each.number: each.status() for each in self._versions.get(name, ())}
        found = [by_number[each] for each in sorted(by_number, reverse=True) if number in (None, each)]
        if not found:
            which = "any versions" if number is None else f"version {number}"
            raise Refusal(Code.NOT_FOUND, f"Could not find {which} of model {name}")
        return found

    def ready(self) -> bool:
        """Says whether every configured model has a version that answers."""
        with self.changed:
            return not self._ended and all(available(self._versions.get(name, ()), None) for name in self._configs)

    # What is to be served

    def configs(self) -> list[ModelConfig]:
        """Returns the models that are to be served."""
        with self.changed:
            return list(self._configs.values())

    def reconfigure(self, configs: Iterable[ModelConfig]) -> None:
        """Takes other models; the versions of those left out are wanted no more.

        Raises:
            UsageError: two models have one name; nothing is changed.
        """
        taken = by_name(configs)
        with self.changed:
            self._configs = taken
            self._asked += 1
            for name in self._versions.keys() - taken.keys():
                self._want(name, {})
            self._labels = {name: held for name, held in self._labels.items() if name in taken}

    def want(self, config: ModelConfig, found: Found) -> None:
        """Takes the folders that were found: those the policy chooses are wanted from now on, and no others."""
        with self.changed:
            # The look at the folders may have been overtaken by a reconfiguration.
            if self._configs.get(config.name) is config:
                numbers = chosen(config.policy, found.folders)
                self._want(config.name, {number: found.folders[number] for number in numbers})

    def failed(self, name: str) -> list[Version]:
        """Returns the wanted versions that could not be loaded."""
        with self.changed:
            return [each for each in self._versions.get(name, ()) if each.wanted and each.failed]

    def look_again(self, version: Version, files: Fingerprint) -> None:
        """Takes what the folder of a failed version is like now."""
        with self.changed:
            look_again(version, files)

    # Loading and unloading

    def next_to_load(self) -> tuple[str, Version] | None:
        """Returns a version that is due to be loaded, if one is."""
        with self.changed:
            for name in self._configs:
                due = next_to_load(self._versions.get(name, ()), time.monotonic())
                if due is not None and not self._ended:
                    return name, due
        return None

    def next_attempt(self) -> float | None:
        """Returns when a failed load is to be tried again next, on ``time.monotonic()``."""
        with self.changed:
            failed = [each for versions in self._versions.values() for each in versions if each.wanted and each.failed]
            return min((each.next_attempt for each in failed if each.next_attempt is not None), default=None)

    def loading(self, version: Version, files: Fingerprint) -> None:
        """A load begins, of a folder that is like this."""
        with self.changed:
            version.state, version.code, version.message = State.LOADING, Code.OK, ""
            version.attempts += 1
            version.failed_files = version.seen_files = files
            self.changed.notify_all()

    def load_failed(self, version: Version, error: Refusal, *, next_attempt: float | None) -> None:
        """A load failed, and is to be tried again then, if at all."""
        with self.changed:
            version.state, version.code, version.message = State.END, error.code, error.message
            version.next_attempt = next_attempt
            self.changed.notify_all()

    def loaded(self, name: str, version: Version, served: Served) -> list[Version]:
        """A version is loaded: requests get it from now on; returns those that go for it."""
        with self.changed:
            version.served, version.state = served, State.AVAILABLE
            return self._settle(name)

    def settle(self) -> list[tuple[str, Version]]:
        """Retires what is wanted no more, gives labels to what has become available; returns what was retired."""
        with self.changed:
            return [(name, each) for name in list(self._versions) for each in self._settle(name)]

    def waiting_labels(self) -> list[tuple[str, str, int]]:
        """Returns the labels, as (model, label, version), that wait for their version."""
        with self.changed:
            return [
                (config.name, label, number)
                for config in self._configs.values()
                for label, number in config.labels.items()
                if self._labels.get(config.name, {}).get(label) != number
            ]

    def closed(self, version: Version) -> None:
        """What a version held is freed."""
        with self.changed:
            version.served, version.state = None, State.END
            self.changed.notify_all()

    def end(self) -> list[tuple[str, Version]]:
        """Lends nothing any more and retires everything."""
        with self.changed:
            self._ended = True
            for name in self._versions:
                self._want(name, {})
            return self.settle()

    def all_closed(self) -> bool:
        """Says whether nothing is held by any version."""
        with self.changed:
            return not any(is_held(each) for versions in self._versions.values() for each in versions)

    # Waiting

    def asked(self) -> int:
        """Returns how often it was said what is to be served."""
        with self.changed:
            return self._asked

    def tried(self, asked: int) -> None:
        """Everything that was wanted at the time when ``asked`` gave this number was tried."""
        with self.changed:
            self._tried = max(self._tried, asked)
            self.changed.notify_all()

    def wait_until_tried(self, seconds: float | None) -> bool:
        """Waits for what is wanted by now to be tried; returns whether it was."""
        with self.changed:
            asked = self._asked
            return self.changed.wait_for(lambda: self._tried >= asked, seconds)

    # Under the lock

    def _want(self, name: str, folders: Mapping[int, Path]) -> None:
        versions = self._versions.setdefault(name, [])
        for each in versions:
            each.wanted = still_wanted(each) and folders.get(each.number) == each.folder
        have = {each.number for each in versions if each.wanted}
        versions += [Version(number, folders[number]) for number in sorted(folders.keys() - have)]
        versions[:] = without_superseded(versions)

    def _settle(self, name: str) -> list[Version]:
        versions = self._versions[name]
        leaving = to_unload(versions)
        for version in leaving:
            version.state = State.UNLOADING
            if not version.uses:
                self._free(name, version)
        if name in self._configs:
            had, asked = self._labels.get(name, {}), self._configs[name].labels
            self._labels[name] = labels_taken(asked, had, versions, early=self._early_labels)
        self.changed.notify_all()
        return leaving

    def _labelled(self, name: str, label: str) -> int:
        if label in self._labels.get(name, {}):
            return self._labels[name][label]
        waits = name in self._configs and label in self._configs[name].labels
        if waits and (self._tried < self._asked or self._pending(name, self._configs[name].labels[label])):
            raise _loading(f"Label({name}, {label})")
        raise Refusal(Code.INVALID_ARGUMENT, f"Unrecognized servable version label: {label}")

    def _absence(self, name: str, number: int | None) -> Refusal:
        asked = f"Latest({name})" if number is None else f"Specific({name}, {number})"
        if self._pending(name, number) or (self._tried < self._asked and name in self._configs):
            return _loading(asked)
        return Refusal(Code.NOT_FOUND, f"Servable not found for request: {asked}")

    def _pending(self, name: str, number: int | None) -> bool:
        return any(each.pending and number in (None, each.number) for each in self._versions.get(name, ()))


def by_name(configs: Iterable[ModelConfig]) -> dict[str, ModelConfig]:
    """Returns models by name.

    Raises:
        UsageError: two have one name.
    """
    found: dict[str, ModelConfig] = {}
    for config in configs:
        if found.setdefault(config.name, config) is not config:
            raise UsageError(f"two models are named '{config.name}'; expected a name of its own for each")
    return found


def _loading(asked: str) -> Refusal:
    message = f"Servable is still being loaded for request: {asked}"
    return Refusal(Code.UNAVAILABLE, message, retry_after_seconds=RETRY_AFTER_SECONDS)
