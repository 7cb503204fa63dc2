"""Everything a run can be told: one validated tree, read from YAML files and dotted ``key=value`` overrides."""

from tfclassify.settings.reading import changed, parse, read
from tfclassify.settings.tree import (
    AnswerSettings,
    DataSettings,
    EvaluateRequest,
    ModelSettings,
    PredictRequest,
    Settings,
    TextSettings,
    TrainSettings,
)

__all__ = [
    "AnswerSettings",
    "DataSettings",
    "EvaluateRequest",
    "ModelSettings",
    "PredictRequest",
    "Settings",
    "TextSettings",
    "TrainSettings",
    "changed",
    "parse",
    "read",
]
