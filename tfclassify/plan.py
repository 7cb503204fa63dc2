"""``plan``: says what would be trained, why, and what it would cost; trains nothing."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tfclassify.data.corpus import Corpus, read_corpus
from tfclassify.data.token_store import Pieces
from tfclassify.display import SILENT, Display
from tfclassify.hardware import Hardware, detect
from tfclassify.model.weights import Found, encoder_size, find, lower_case
from tfclassify.planning.deciders import choose_model
from tfclassify.planning.planner import Facts, Plan, make_plan
from tfclassify.runs import cache_folder
from tfclassify.settings import Settings, parse
from tfclassify.text.word_pieces import read_vocabulary, word_pieces

DEFAULT_DATA = "sample:support"


@dataclass(frozen=True)
class Prepared:
    """A plan and what it was made from: the data as read, the model's files, the tokenizer, the machine."""

    plan: Plan
    corpus: Corpus
    found: Found
    pieces: Pieces
    hardware: Hardware


def plan(settings: Settings | Mapping[str, Any] | None = None, *, display: Display = SILENT) -> Plan:
    """Plans a job.

    Args:
        settings: what is asked, as settings or as nested or dotted keys; nothing at all is the embedded sample.
        display: gets the progress.

    Raises:
        UsageError: what is asked cannot be done.
    """
    return prepare(parse(settings or {}, Settings), display=display).plan


def prepare(asked: Settings, *, display: Display) -> Prepared:
    """Reads the data, looks at the machine, and plans.

    Raises:
        UsageError: what is asked cannot be done.
    """
    asked = with_data(asked)
    hardware = detect()
    found = find(str(choose_model(asked, hardware).value), cache=cache_folder())
    pieces = tokenizer_of(found, lower=lower_case(found) if asked.text.lower_case == "auto" else asked.text.lower_case)
    corpus = read_corpus(asked, pieces, cache=cache_folder(), display=display)
    facts = Facts(
        statistics=corpus.statistics,
        hardware=hardware,
        encoder=encoder_size(found),
        columns=corpus.reasons,
        lower_case=pieces.lower_case,
    )
    return Prepared(make_plan(asked, facts), corpus, found, pieces, hardware)


def with_data(asked: Settings) -> Settings:
    """Returns the settings with the embedded sample where no data are named.

    Raises:
        UsageError: other data than training rows are named alone.
    """
    if asked.data.train is not None:
        return asked
    data = asked.data.model_copy(update={"train": DEFAULT_DATA})
    return asked.model_copy(update={"data": data})


def tokenizer_of(found: Found, *, lower: bool) -> Pieces:
    """Makes the tokenizer of a model's vocabulary."""
    return vocabulary_pieces(found.vocabulary, lower=lower)


def vocabulary_pieces(vocabulary: Path, *, lower: bool) -> Pieces:
    """Makes the tokenizer of a vocabulary file: texts to word pieces, in TensorFlow ops."""
    tokens = read_vocabulary(vocabulary)
    return Pieces(
        tokenize=word_pieces(vocabulary, lower_case=lower),
        vocabulary=vocabulary,
        lower_case=lower,
        unknown=tokens.index("[UNK]"),
    )
