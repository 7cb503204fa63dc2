"""Whoever answers texts, a run or a servable, seen alike."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Any

from tfclassify.hardware import check_processor
from tfclassify.runs import open_run
from tfclassify.servable.opened import Servable, is_servable, open_servable
from tfclassify.settings import DataSettings

if TYPE_CHECKING:
    from tfclassify.learning.trained import Trained


@dataclass(frozen=True)
class Answerer:
    """What answers texts.

    Attributes:
        kind: "run" or "servable", for messages.
        answer: B texts, B second texts of pairs, and the features of B rows by name, to B answers.
        labels: names of the classes.
        multilabel: whether an answer has any number of labels.
        pairs: whether it answers pairs of texts.
        features: names of the features that it takes beside them.
        data: how the rows of the training were read.
    """

    kind: str
    answer: Callable[..., list[dict[str, Any]]]
    labels: tuple[str, ...]
    multilabel: bool
    pairs: bool
    features: tuple[str, ...]
    data: DataSettings


def open_answerer(folder: str, *, precision: str | None = None) -> Answerer:
    """Opens a run, a servable, or a version of one.

    Args:
        folder: of it.
        precision: number format of the matrix products, float32 or bfloat16; by default that of a run's training, if
            this machine multiplies in it, and float32 of a servable.

    Raises:
        UsageError: the folder is none of them, or what would answer does not multiply in the number format.
    """
    if is_servable(folder):
        # Its graph is rewritten for the processor, whatever else there is.
        check_processor(precision)
        return of_servable(open_servable(folder, bfloat16=precision == "bfloat16"))
    # A servable is answered without transformers, which takes seconds to import.
    from tfclassify.learning.trained import open_trained

    return of_run(open_trained(open_run(folder), precision=precision))


def of_run(trained: Trained) -> Answerer:
    """Returns the classifier of a run as what answers."""
    from tfclassify.learning.trained import answer

    labels, data = trained.labels, trained.settings.data
    return Answerer(
        kind="run",
        answer=partial(answer, trained),
        labels=labels.names,
        multilabel=labels.multilabel,
        pairs=data.text_b is not None,
        features=tuple(data.features),
        data=data,
    )


def of_servable(servable: Servable) -> Answerer:
    """Returns a servable as what answers."""
    facts = servable.facts
    data = DataSettings(**facts["data"])
    return Answerer(
        kind="servable",
        answer=servable.answer,
        labels=tuple(facts["labels"]),
        multilabel=facts["multilabel"],
        pairs=facts["pairs"],
        features=tuple(data.features),
        data=data,
    )
