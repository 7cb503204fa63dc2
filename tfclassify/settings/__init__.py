"""Everything a run can be told: one validated tree, read from YAML files and dotted ``key=value`` overrides."""

from tfclassify.settings.binding import binding, differing, free_values
from tfclassify.settings.explaining import keys
from tfclassify.settings.reading import changed, parse, read
from tfclassify.settings.requests import (
    DoctorRequest,
    EvaluateRequest,
    ExportRequest,
    InspectRequest,
    PlanRequest,
    PredictRequest,
)
from tfclassify.settings.serving import ServeRequest
from tfclassify.settings.tree import (
    AUTO,
    AnswerSettings,
    DataSettings,
    DeploySettings,
    ModelSettings,
    Rule,
    Settings,
    TextSettings,
    TrainSettings,
)

__all__ = [
    "AUTO",
    "AnswerSettings",
    "DataSettings",
    "DeploySettings",
    "DoctorRequest",
    "EvaluateRequest",
    "ExportRequest",
    "InspectRequest",
    "ModelSettings",
    "PlanRequest",
    "PredictRequest",
    "Rule",
    "ServeRequest",
    "Settings",
    "TextSettings",
    "TrainSettings",
    "binding",
    "changed",
    "differing",
    "free_values",
    "keys",
    "parse",
    "read",
]
