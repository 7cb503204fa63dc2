"""What a decision rests on, and what it is."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from tfclassify.hardware import Hardware
from tfclassify.planning.presets import EncoderSize
from tfclassify.planning.statistics import Statistics
from tfclassify.settings import Settings


@dataclass(frozen=True)
class Facts:
    """The data, the machine and the model, as plain numbers.

    ``columns`` has for each column that nobody named its settings key with the value taken and why; ``lower_case``
    says what the model's vocabulary expects.
    """

    statistics: Statistics
    hardware: Hardware
    encoder: EncoderSize
    lower_case: bool
    columns: Mapping[str, tuple[Any, str]]


@dataclass(frozen=True)
class Decision:
    """A value for one key of the settings, and the reason in one sentence with the number that it rests on."""

    value: Any
    reason: str


# A decider sees the settings with everything decided before it already filled in.
Decider = Callable[[Settings, Facts], Decision]
