"""Strings to ids, in TensorFlow ops: words, word pieces, and rows packed of them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from tfclassify.text.word_pieces import tokenizer

__all__ = ["tokenizer"]


def __getattr__(name: str) -> Any:
    """Finds ``tokenizer`` when it is asked for, so that naming this package does not load TensorFlow."""
    if name != "tokenizer":
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from tfclassify.text.word_pieces import tokenizer

    return tokenizer
