"""tfclassify: plans, fine-tunes, judges and ships text classifiers on TensorFlow."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from tfclassify.classifier import TextClassifier

__all__ = ["TextClassifier", "load"]

_LAZY = {"TextClassifier": "tfclassify.classifier"}


def __getattr__(name: str) -> Any:
    """Imports what is heavy when it is first asked for."""
    if name not in _LAZY:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(_LAZY[name]), name)


def __dir__() -> list[str]:
    """Names what is imported lazily too."""
    return sorted({*globals(), *__all__})


def load(folder: str, *, precision: str | None = None) -> Callable[..., list[dict[str, Any]]]:
    """Loads a classifier.

    Args:
        folder: of a run, or of a servable or one version of it.
        precision: number format of its matrix products, float32 or bfloat16; by default a run's training's, where
            this machine has it, and float32 of a servable.

    Returns:
        A function from a list of texts (and, for pairs, a second list) to a list of answers: ``label``, ``score``,
        ``scores`` by label, ``labels`` (multi-label), ``in_scope``, ``scope_score``, ``route``, ``rule``, ``masked``.
        A classifier of texts with features takes a list of rows, ``{"text": ..., FEATURE: ...}``, with None for a
        feature that is missing. The function raises UsageError where it is given anything else.

    Raises:
        UsageError: there is no trained classifier in the folder, or the processor has no such number format.
    """
    from tfclassify.servable.answerer import open_answerer
    from tfclassify.servable.asking import asked

    answerer = open_answerer(folder, precision=precision)

    def answers(texts: Iterable[Any], texts_b: Iterable[str] | None = None) -> list[dict[str, Any]]:
        given = asked(texts, texts_b, answerer)
        return answerer.answer(given.texts, given.texts_b, features=given.features)

    return answers
