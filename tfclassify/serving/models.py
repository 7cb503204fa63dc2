"""The models that are served: found, loaded before the old ones go, lent to requests, closed when none holds them."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from pathlib import Path
from queue import SimpleQueue
from typing import Any

from tfclassify.serving import golden, warm_up
from tfclassify.serving.faults import refused
from tfclassify.serving.loaded import Loaded
from tfclassify.serving.served import Served
from tfclassify.serving.shelf import Shelf
from tfclassify.serving.status import Refusal
from tfclassify.serving.version_state import Version, VersionStatus
from tfclassify.serving.versions import (
    All,
    Found,
    Latest,
    ModelConfig,
    Policy,
    Specific,
    find_versions,
    fingerprint,
)

__all__ = ["All", "Latest", "ModelConfig", "Models", "Policy", "Specific", "VersionStatus"]

Events = Callable[[str, Mapping[str, Any]], None]
CLOSING_SECONDS = 30.0

logger = logging.getLogger(__name__)


class Models:
    """Models by name, each with its versions; every method may be called from any thread.

    One thread looks at the folders and loads, another closes. Requests only ever wait for the lock, which is never
    held while a file is read or a model is run.
    """

    def __init__(
        self,
        configs: Iterable[ModelConfig],
        *,
        load: Callable[[Path, str, int], Loaded],
        wrap: Callable[[Loaded, Path], Served],
        events: Events,
        watched: Callable[[Served], Served] | None = None,
        poll_seconds: float = 1.0,
        max_load_retries: int = 5,
        load_retry_seconds: float = 60.0,
        allow_labels_for_unavailable: bool = False,
        replay_warm_up: bool = True,
        keep_when_emptied: bool = False,
    ) -> None:
        """Takes what to serve; nothing is read before ``start``.

        Args:
            configs: the models.
            load: ``(folder, name, version)`` to a loaded model; raises Refusal.
            wrap: ``(loaded, folder)`` to what requests are put to; its ``loaded.close`` ends both.
            events: is told what happens, from the threads of this object and of whoever calls it:
                ``version_loading``, ``version_available`` and ``load_failed``, ``version_unloading``,
                ``version_unloaded``, ``base_path_unreadable``, ``base_path_readable``, ``base_path_emptied``,
                ``no_versions``, ``version_doubled``, ``version_missing``, ``label_waits``, ``reconfigured``,
                ``versions_in_use``; each with ``model`` where it is about one.
            watched: makes of a version that has shown that it answers what requests are put to; by default itself.
            poll_seconds: between two looks at the folders; 0 looks once, and again at each ``reconfigure``.
            max_load_retries: of a version whose folder does not change; one that changes is tried again anyway.
            load_retry_seconds: between two such tries.
            allow_labels_for_unavailable: a new label may be given to a version before it is available.
            replay_warm_up: versions that bring warm-up requests answer them before they are available.
            keep_when_emptied: a model whose version folders have all gone stays, where it would be unloaded.

        Raises:
            UsageError: two models have one name.
        """
        self._load, self._wrap, self._events, self._watched = load, wrap, events, watched
        self._poll_seconds, self._retries, self._retry_seconds = poll_seconds, max_load_retries, load_retry_seconds
        self._replay, self._keep = replay_warm_up, keep_when_emptied
        self._closing: SimpleQueue[tuple[str, Version] | None] = SimpleQueue()
        self._shelf = Shelf(
            configs,
            early_labels=allow_labels_for_unavailable,
            free=lambda name, version: self._closing.put((name, version)),
        )
        self._found: dict[Path, Found] = {}
        self._told: set[tuple[str, ...]] = set()
        self._look_at, self._looked, self._stopping = 0.0, 0, False
        self._wake = threading.Event()
        self._worker = threading.Thread(target=self._work, name="models", daemon=True)
        self._closer = threading.Thread(target=self._close_all, name="models-closing", daemon=True)

    def start(self) -> None:
        """Begins to look at the folders and to load, in the background."""
        self._closer.start()
        self._worker.start()

    def stop(self) -> None:
        """Ends the threads, after a load that is under way, and closes every version as soon as no request holds it.

        Requests are waited for half a minute: whoever stops a server ends its requests before its models.
        """
        self._stopping = True
        self._wake.set()
        _join(self._worker)
        self._tell_unloading(self._shelf.end())
        if self._closer.is_alive():
            with self._shelf.changed:
                if not self._shelf.changed.wait_for(self._shelf.all_closed, CLOSING_SECONDS):
                    self._tell("versions_in_use", seconds=CLOSING_SECONDS)
        self._closing.put(None)
        _join(self._closer)

    @contextmanager
    def use(self, name: str, *, version: int | None = None, label: str | None = None) -> Iterator[Served]:
        """Lends a version to a request: the one asked for, or the highest; while it is lent it is not closed.

        Raises:
            Refusal: NOT_FOUND, where there is no such version; INVALID_ARGUMENT, where no version has the label;
                UNAVAILABLE, where it is still being loaded, or the server is shutting down.
        """
        held = self._shelf.take(name, version, label)
        try:
            yield held.answering
        finally:
            self._shelf.give_back(name, held)

    def statuses(self, name: str, version: int | None = None) -> list[VersionStatus]:
        """Returns how the versions of a model stand, the highest first, or the one asked for.

        Raises:
            Refusal: NOT_FOUND, where there is none.
        """
        return self._shelf.statuses(name, version)

    def names(self) -> list[str]:
        """Returns the names of the models that are to be served."""
        return [config.name for config in self._shelf.configs()]

    def ready(self) -> bool:
        """Says whether every configured model has a version that answers."""
        return self._shelf.ready()

    def waiting_labels(self) -> list[tuple[str, str, int]]:
        """Returns the labels, as (model, label, version), that are given once their version is available."""
        return self._shelf.waiting_labels()

    def wait_until_tried(self, seconds: float | None = None) -> bool:
        """Waits until every version that is wanted by now was loaded, or failed to be; returns whether it came to it.

        A model without any version counts as tried; ``ready`` says whether there is one.
        """
        return self._shelf.wait_until_tried(seconds)

    def reconfigure(self, configs: Iterable[ModelConfig], *, wait_seconds: float | None = 0.0) -> None:
        """Serves these models in place of those before: what is left out is unloaded, what stays goes on answering.

        Args:
            configs: the models. A label of a version that is not available is given to it once it is.
            wait_seconds: how long to wait for the new versions to be loaded, or to fail; None waits for ever.

        Raises:
            UsageError: two models have one name; nothing is changed.
        """
        self._shelf.reconfigure(configs)
        self._wake.set()
        self._tell("reconfigured", models=self.names())
        self.wait_until_tried(wait_seconds)

    # The thread that looks and loads

    def _work(self) -> None:
        while not self._stopping:
            self._wake.clear()
            asked = self._shelf.asked()
            try:
                self._pass(asked)
            except Exception:
                # A fault of ours in one round must not end the rounds.
                logger.exception("a look at the models failed")
            if not self._stopping:
                self._shelf.tried(asked)
                self._wake.wait(self._pause())

    def _pass(self, asked: int) -> None:
        if time.monotonic() >= self._look_at or asked > self._looked:
            self._looked = asked
            self._look_at = time.monotonic() + self._poll_seconds if self._poll_seconds else float("inf")
            for config in self._shelf.configs():
                self._look(config)
        self._tell_unloading(self._shelf.settle())
        while not self._stopping and (due := self._shelf.next_to_load()) is not None:
            self._load_version(*due)
            self._tell_unloading(self._shelf.settle())
        for name, label, number in self._shelf.waiting_labels():
            self._tell_once("label_waits", model=name, label=label, version=number)

    def _pause(self) -> float | None:
        """Returns the seconds until something is to be done."""
        attempt = self._shelf.next_attempt()
        moment = min(self._look_at, float("inf") if attempt is None else attempt)
        return None if moment == float("inf") else max(0.0, moment - time.monotonic())

    def _look(self, config: ModelConfig) -> None:
        try:
            found = find_versions(config.base_path)
        except OSError as error:
            # Not mounted, or not ours to read just now: what serves goes on serving.
            self._tell_once("base_path_unreadable", model=config.name, error=error.strerror)
            return
        if self._forget("base_path_unreadable", config.name):
            self._tell("base_path_readable", model=config.name)
        if self._is_taken_away(config, found):
            self._tell_once("base_path_emptied", model=config.name)
            return
        self._forget("base_path_emptied", config.name)
        self._tell_oddities(config, found)
        self._shelf.want(config, found)
        for version in self._shelf.failed(config.name):
            self._shelf.look_again(version, fingerprint(version.folder))

    def _is_taken_away(self, config: ModelConfig, found: Found) -> bool:
        """Says whether there is nothing where versions were, but not because somebody took them away one by one.

        Where something was mounted there is an empty folder afterwards, and it is another one.
        """
        before = self._found.get(config.base_path)
        if found.folders or before is None:
            self._found[config.base_path] = found
            return False
        return self._keep or before.place != found.place

    def _tell_oddities(self, config: ModelConfig, found: Found) -> None:
        for name in found.doubled:
            self._tell_once("version_doubled", model=config.name, folder=name, version=int(name))
        if found.folders:
            self._forget("no_versions", config.name)
        else:
            self._tell_once("no_versions", model=config.name)
        if isinstance(config.policy, Specific):
            for number in sorted(set(config.policy.versions) - found.folders.keys()):
                self._tell_once("version_missing", model=config.name, version=number)

    def _load_version(self, name: str, version: Version) -> None:
        # Before the load, so that what is written meanwhile counts as a change.
        self._shelf.loading(version, fingerprint(version.folder))
        about = {"model": name, "version": version.number}
        self._tell("version_loading", **about, attempt=version.attempts)
        start = time.monotonic()
        try:
            served = self._prepared(name, version)
        except Exception as error:
            # A folder can hold anything, and whatever that makes TensorFlow raise, the server lives.
            refusal = error if isinstance(error, Refusal) else refused(error)
            again = self._retry_seconds if version.attempts <= self._retries else None
            self._shelf.load_failed(version, refusal, next_attempt=None if again is None else time.monotonic() + again)
            self._tell("load_failed", **about, code=refusal.code, message=refusal.message, again_in_seconds=again)
            return
        leaving = self._shelf.loaded(name, version, served)
        self._tell("version_available", **about, seconds=time.monotonic() - start)
        self._tell_unloading((name, each) for each in leaving)

    def _prepared(self, name: str, version: Version) -> Served:
        """Loads a version and has it show that it answers."""
        loaded = self._load(version.folder, name, version.number)
        with ExitStack() as undo:
            undo.callback(loaded.close)
            served = self._wrap(loaded, version.folder)
            # Closing the wrapped model closes what is in it.
            undo.pop_all()
            undo.callback(served.loaded.close)
            if self._replay:
                warm_up.replay(served)
            golden.check(served)
            undo.pop_all()
        return served if self._watched is None else self._watched(served)

    # The thread that closes

    def _close_all(self) -> None:
        while (item := self._closing.get()) is not None:
            name, version = item
            try:
                version.answering.loaded.close()
            except Exception:
                logger.exception("closing version %d of a model failed", version.number)
            self._shelf.closed(version)
            self._tell("version_unloaded", model=name, version=version.number)

    # What is told

    def _tell_unloading(self, leaving: Iterable[tuple[str, Version]]) -> None:
        for name, version in leaving:
            self._tell("version_unloading", model=name, version=version.number)

    def _tell_once(self, event: str, *, model: str, **fields: Any) -> None:
        """Tells of what is found again at every look the first time only."""
        key = (event, model, *(str(fields[name]) for name in sorted(fields)))
        if key not in self._told:
            self._told.add(key)
            self._tell(event, model=model, **fields)

    def _forget(self, event: str, model: str) -> bool:
        told = {key for key in self._told if key[:2] == (event, model)}
        self._told -= told
        return bool(told)

    def _tell(self, event: str, **fields: Any) -> None:
        try:
            self._events(event, fields)
        except Exception:
            # Who listens is not to end the thread that serves.
            logger.exception("telling of %s failed", event)


def _join(thread: threading.Thread) -> None:
    if thread.is_alive():
        thread.join()
