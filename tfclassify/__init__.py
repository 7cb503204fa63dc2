"""tfclassify: plans, fine-tunes, judges and ships text classifiers on TensorFlow."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from importlib import import_module
from typing import TYPE_CHECKING, Any

from tfclassify.errors import UsageError

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


def load(folder: str) -> Callable[..., list[dict[str, Any]]]:
    """Loads a classifier.

    Args:
        folder: of a run, or of a servable or one version of it.

    Returns:
        A function from a list of texts (and, for pairs, a second list) to a list of answers: ``label``, ``score``,
        ``scores`` by label, ``labels`` (multi-label), ``in_scope``, ``scope_score``, ``route``, ``rule``, ``masked``.
        It raises UsageError where it is given anything else.

    Raises:
        UsageError: there is no trained classifier in the folder.
    """
    from tfclassify.servable.answerer import open_answerer

    answerer = open_answerer(folder)

    def answers(texts: Iterable[str], texts_b: Iterable[str] | None = None) -> list[dict[str, Any]]:
        first, second = _listed(texts), None if texts_b is None else _listed(texts_b)
        _check_pairs(first, second, kind=answerer.kind, wanted=answerer.pairs)
        return answerer.answer(first, second)

    return answers


def _listed(texts: Iterable[str]) -> list[str]:
    if isinstance(texts, str):
        raise UsageError("a single text is given; expected a list of texts")
    listed = list(texts)
    for text in listed:
        if not isinstance(text, str):
            raise UsageError(f"a {type(text).__name__} is among the texts; expected a list of texts")
    return listed


def _check_pairs(first: list[str], second: list[str] | None, *, kind: str, wanted: bool) -> None:
    if wanted != (second is not None):
        raise UsageError(f"the {kind} answers {'pairs; give two lists' if wanted else 'single texts; give one list'}")
    if second is not None and len(first) != len(second):
        raise UsageError(f"{len(first)} texts and {len(second)} second texts are given; expected as many")
