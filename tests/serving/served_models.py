"""Models over folders of a test, with fake or real SavedModels, and what they told."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from tfclassify.serving.loaded import Loaded
from tfclassify.serving.models import Latest, ModelConfig, Models, Policy
from tfclassify.serving.served import direct
from tfclassify.serving.session import load_saved_model
from tfclassify.serving.status import Code, Refusal

SECONDS = 20.0


@dataclass
class Fakes:
    """Loads folders whose file ``answer`` holds a number; knows what was loaded, called and closed."""

    opened: list[tuple[str, int]] = field(default_factory=list)
    closed: list[tuple[str, int]] = field(default_factory=list)
    used_closed: list[tuple[str, int]] = field(default_factory=list)
    told: list[tuple[str, dict[str, Any]]] = field(default_factory=list)
    lock: threading.Lock = field(default_factory=threading.Lock)
    before_load: Callable[[str, int], None] = lambda name, version: None

    def load(self, folder: Path, name: str, version: int) -> Loaded:
        self.before_load(name, version)
        try:
            answer = float((folder / "answer").read_text())
        except (OSError, ValueError):
            raise Refusal(Code.DATA_LOSS, "no answer") from None
        with self.lock:
            self.opened.append((name, version))

        def call(signature: str, inputs: Mapping[str, Any]) -> dict[str, Any]:
            if (name, version) in self.closed[self.opened.index((name, version)) :]:
                self.used_closed.append((name, version))
            return {"y": np.full(len(inputs["x"]), answer)}

        def close() -> None:
            with self.lock:
                self.closed.append((name, version))

        return Loaded(name, version, {}, {}, call, close)

    def tell(self, event: str, fields: Mapping[str, Any]) -> None:
        self.told.append((event, dict(fields)))

    def events(self, event: str) -> list[dict[str, Any]]:
        return [fields for told, fields in list(self.told) if told == event]


def write_fake(base: Path, version: int | str, answer: object = None) -> Path:
    """Writes a version at once, as an exporter does."""
    aside = base / f"writing-{version}"
    aside.mkdir(parents=True)
    (aside / "answer").write_text(str(version if answer is None else answer))
    return aside.rename(base / str(version))


def config(base: Path, name: str = "m", policy: Policy | None = None, **labels: int) -> ModelConfig:
    return ModelConfig(name, base, policy or Latest(), labels)


@contextmanager
def serving(fakes: Fakes, *configs: ModelConfig, wait: bool = True, **options: Any) -> Iterator[Models]:
    """Serves fakes, looking every few milliseconds."""
    defaults: dict[str, Any] = {"poll_seconds": 0.02, "load_retry_seconds": 600.0}
    models = Models(
        configs,
        load=fakes.load,
        wrap=lambda loaded, folder: direct(loaded, folder, threads=2),
        events=fakes.tell,
        **{**defaults, **options},
    )
    models.start()
    try:
        if wait:
            assert models.wait_until_tried(SECONDS)
        yield models
    finally:
        models.stop()


@contextmanager
def serving_saved(fakes: Fakes, *configs: ModelConfig, **options: Any) -> Iterator[Models]:
    """Serves SavedModels."""
    models = Models(
        configs,
        load=lambda folder, name, version: load_saved_model(folder, name=name, version=version, timeout_seconds=30),
        wrap=lambda loaded, folder: direct(loaded, folder, threads=2),
        events=fakes.tell,
        **{"poll_seconds": 0.05, "load_retry_seconds": 600.0, **options},
    )
    models.start()
    try:
        assert models.wait_until_tried(SECONDS)
        yield models
    finally:
        models.stop()


def ask(models: Models, name: str = "m", **which: Any) -> float:
    """Returns the answer of a version."""
    with models.use(name, **which) as served:
        found = served.submit("serving_default", {"x": np.ones([1, 1], np.float32)}, None).result(SECONDS)
    return float(found["y"].reshape(-1)[0])


def states(models: Models, name: str = "m") -> dict[int, str]:
    return {each.version: each.state for each in models.statuses(name)}


def eventually(happens: Callable[[], Any], seconds: float = SECONDS) -> None:
    """Waits for what background threads are to bring about."""
    end = time.monotonic() + seconds
    while not happens():
        assert time.monotonic() < end, "it did not happen"
        time.sleep(0.005)
