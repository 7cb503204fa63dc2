"""What a decision rests on, and what it is."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from tfclassify.hardware import Hardware
from tfclassify.planning.calibration import Calibration
from tfclassify.planning.presets import EncoderSize
from tfclassify.planning.statistics import Statistics
from tfclassify.settings import Settings


@dataclass(frozen=True)
class Decision:
    """A value for one key of the settings, and the reason in one sentence with the number that it rests on.

    ``source`` is the paper or the measurement that says so, ``changes`` what would have made it another value; both
    are empty where a person has decided.
    """

    value: Any
    reason: str
    source: str = ""
    changes: str = ""


@dataclass(frozen=True)
class Facts:
    """The data, the machine and the model, as plain numbers.

    ``columns`` has for each column that nobody named its settings key with the value taken and why; ``lower_case``
    says what the model's vocabulary expects. ``calibration`` says how fast the processor is; where there are
    accelerators, which are taken for what their makers say, it is None. ``scripts`` has the share of the training texts
    by the letters that most of a text is in; nothing where they were not looked at. ``decided`` are decisions that had
    to be made before the data could be read.
    """

    statistics: Statistics
    hardware: Hardware
    encoder: EncoderSize
    lower_case: bool
    columns: Mapping[str, tuple[Any, str]]
    calibration: Calibration | None = None
    scripts: Mapping[str, float] = field(default_factory=dict)
    decided: Mapping[str, Decision] = field(default_factory=dict)


# A decider sees the settings with everything decided before it already filled in.
Decider = Callable[[Settings, Facts], Decision]
