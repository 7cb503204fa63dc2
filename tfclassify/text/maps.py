"""Text maps: what is done to texts before they are cut into words, in training and, as a part of the graph, in serving.

A map is a function in TensorFlow's own ops, ``string[N] -> string[N]`` or ``-> (string[N], int32[N])``, the second
being how many spans it changed in each text. Named by settings it may have options: ``{name: {option: value}}``.
"""

from __future__ import annotations

import hashlib
import inspect
import json
import uuid
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import tensorflow as tf

from tfclassify.errors import UsageError
from tfclassify.extending import check_options, find
from tfclassify.text.markup import strip_html
from tfclassify.text.masking import mask_personal_data

TextMap = Callable[..., tf.Tensor | tuple[tf.Tensor, tf.Tensor]]
Prepare = Callable[[tf.Tensor], tuple[tf.Tensor, tf.Tensor]]
Term = str | Mapping[str, Mapping[str, Any]]

HOST = "CPU:0"
WIDE = r"[\s\x{85}\x{a0}\x{1680}\x{2000}-\x{200a}\x{2028}\x{2029}\x{202f}\x{205f}\x{3000}]+"


@dataclass(frozen=True)
class Prepared:
    """What maps do to texts.

    Attributes:
        prepare: string[N] -> string[N], and int32[N] spans that were changed in each.
        mark: of what it does, the same as long as the maps, their options and their source are; empty without maps.
    """

    prepare: Prepare
    mark: str = ""


def squeeze_spaces(texts: tf.Tensor) -> tf.Tensor:
    """Makes one space of all white space between words, and none of that around a text.

    Args:
        texts: string[N], UTF-8.
    """
    return tf.strings.regex_replace(tf.strings.regex_replace(texts, WIDE, " "), "^ | $", "")


def compose(maps: Sequence[TextMap]) -> Prepare:
    """Makes one function of several maps, in their order.

    Args:
        maps: string[N] -> string[N], or -> (string[N], int32[N] spans changed).

    Returns:
        A function string[N] -> string[N], and int32[N]: how many spans the maps that count changed in each text.
    """

    def prepare(texts: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
        # Ops on strings have no kernel for a GPU; what is between them would only be sent there and back.
        with tf.device(HOST):
            changed = tf.zeros_like(texts, tf.int32)
            for each in maps:
                made = each(texts)
                texts, count = made if isinstance(made, tuple) else (made, 0)
                changed += count
            return texts, changed

    return prepare


def choose(terms: Sequence[Term]) -> Prepared:
    """Looks up the maps of ``text.maps``: a name, or ``{name: {option: value}}``.

    Raises:
        UsageError: a term is no name with options, its name or an option is unknown, or what it names is no text map.
    """
    if not terms:
        return AS_GIVEN
    found = [_term(term) for term in terms]
    signature = [tf.TensorSpec([None], tf.string)]
    prepare = tf.function(compose([text_map for text_map, _ in found]), input_signature=signature, autograph=False)
    _check_shapes(terms, prepare.get_concrete_function().outputs)
    return Prepared(prepare, json.dumps([mark for _, mark in found], sort_keys=True))


def _term(term: Term) -> tuple[TextMap, Any]:
    named: Mapping[str, Mapping[str, Any]] = {term: {}} if isinstance(term, str) else term
    if len(named) != 1:
        raise UsageError(f"text.maps has the term {dict(named)}; expected one name with its options in each term")
    ((name, options),) = named.items()
    text_map = find(name, MAPS, group="tfclassify.maps")
    check_options(name, text_map, options, setting="text.maps", arguments=1)
    return partial(text_map, **options) if options else text_map, [name, dict(options), _source(text_map)]


def _source(text_map: TextMap) -> str:
    """Returns a hash of the files that say what a map does: its own, and for one of ours all of this room's."""
    try:
        own = Path(inspect.getsourcefile(inspect.unwrap(text_map)) or "")
        beside = sorted(own.parent.glob("*.py")) if own.parent == Path(__file__).parent else [own]
        return hashlib.sha256(b"".join(path.read_bytes() for path in beside)).hexdigest()
    except (TypeError, OSError):
        # Whether it is still the same cannot be told, so nothing that was made by it is used again.
        return uuid.uuid4().hex


def _check_shapes(terms: Sequence[Term], outputs: Sequence[tf.Tensor]) -> None:
    made, changed = outputs
    if (made.dtype, made.shape.rank, changed.dtype) != (tf.string, 1, tf.int32):
        given = f"{made.dtype.name}{made.shape} and {changed.dtype.name}{changed.shape}"
        raise UsageError(
            f"text.maps={list(terms)} makes {given} of string[N]; expected string[N], or string[N] and int32[N]"
        )


AS_GIVEN = Prepared(compose(()))

MAPS: dict[str, TextMap] = {
    "mask_personal_data": mask_personal_data,
    "strip_html": strip_html,
    "squeeze_spaces": squeeze_spaces,
}
