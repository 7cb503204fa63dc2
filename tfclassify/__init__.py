"""tfclassify: plans, fine-tunes, judges and ships text classifiers on TensorFlow."""

from __future__ import annotations

from collections.abc import Callable
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


def load(folder: str) -> Callable[..., list[dict[str, Any]]]:
    """Loads a classifier.

    Args:
        folder: of a run.

    Returns:
        A function from a list of texts (and, for pairs, a second list) to a list of answers: ``label``, ``score``,
        ``scores`` by label, ``labels`` (multi-label), ``in_scope``, ``scope_score``, ``route``, ``rule``, ``masked``.

    Raises:
        UsageError: there is no trained classifier in the folder.
    """
    from functools import partial

    from tfclassify.learning.trained import answer, open_trained
    from tfclassify.runs import open_run

    return partial(answer, open_trained(open_run(folder)))
