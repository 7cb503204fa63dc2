"""What the verbs can be told beside the settings of a run: what is asked of a run, a servable, a table of rows."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import BaseModel, Field, create_model

from tfclassify.settings.tree import AUTO, NO_FLAG, STRICT, DataSettings, Planned, PositiveInt, Settings

PlanRequest: type[BaseModel] = create_model(
    "PlanRequest",
    __config__=STRICT,
    __doc__="What ``plan`` can be told: all that a run can, and where to draw what else could be trained.",
    output=(str | None, Field(None, description="Folder for plan.html; by default nothing is written.")),
    **{name: (field.annotation, field) for name, field in Settings.model_fields.items()},  # type: ignore[call-overload]
)


class VocabularySettings(BaseModel):
    """Which model the lengths of texts are measured for."""

    model_config = STRICT

    name: Planned[str] = AUTO
    """A preset, a folder, or a hub name; its word pieces count as tokens. By default the model that plan would take."""


class DoctorRequest(BaseModel):
    """What ``doctor`` can be told: data to look at, or a run's; nothing at all for the installation."""

    model_config = STRICT

    run: str | None = None
    """Directory of a run, whose data are looked at as they are now; in place of data.train."""
    output: str | None = None
    """Folder for doctor.html and doctor.json; by default nothing is written."""
    rows: PositiveInt = 50_000
    """Rows of each split, at most, whose texts are looked at; of more a sample. All are counted."""
    examples: PositiveInt = 5
    """Rows, at most, that are shown for a finding."""
    preflight: bool = False
    """Whether XLA compiles the training step of each batch shape, as an accelerator needs it; may take minutes."""
    skip: tuple[str, ...] = ()
    """Findings that are not looked for, such as [mislabelled, near_repeats]."""
    seed: Annotated[int, Field(ge=0, lt=2**31), NO_FLAG] = 0
    """Seed of samples and folds."""
    data: DataSettings = DataSettings()
    model: VocabularySettings = VocabularySettings()


class EvaluateRequest(BaseModel):
    """What ``evaluate`` can be told: a run and, if not the run's own, the test rows."""

    model_config = STRICT

    run: str
    """Directory of the run."""
    output: str | None = None
    """Folder for the report; by default a new one in the run."""
    data: DataSettings = DataSettings()


class ExportRequest(BaseModel):
    """What ``export`` can be told: a run, where to, for which server, and what it must not be worse than."""

    model_config = STRICT

    run: str
    """Directory of the run."""
    output: str | None = None
    """Folder of the servable, to which the next version is added; by default saved_models/<name of the run's data>."""
    server: str = "2.20"
    """Release of TensorFlow Serving that has to load it."""
    better_than: str | None = None
    """A run or a servable: the export is refused if it is worse than that on the test rows, beyond chance."""
    rows: PositiveInt = 1000
    """Rows, at most, on which the SavedModel has to answer as the run does."""
    examples: Annotated[int, Field(ge=0), NO_FLAG] = 20
    """Rows, at most, whose texts and answers go along; servers test themselves with them, and show them. 0 for none."""
    tokenizer_limit: Annotated[float, Field(ge=0.0, le=1.0), NO_FLAG] = 0.0
    """Share of the texts, at most, whose token ids may differ from the reference tokenizer's."""
    data: DataSettings = DataSettings()


class InspectRequest(BaseModel):
    """What ``inspect`` can be told: a servable, and where to draw it."""

    model_config = STRICT

    servable: str
    """Folder of an exported classifier, or of one version of it."""
    output: str | None = None
    """Folder for inspection.html and inspection.json; by default nothing is written."""


class PredictRequest(BaseModel):
    """What ``predict`` can be told: a run or a servable, a file in, a file out."""

    model_config = STRICT

    run: str | None = None
    """Directory of the run."""
    servable: str | None = None
    """Folder of an exported classifier, or of one version of it; in place of the run."""
    input: str
    """Rows to answer: a file (.csv .tsv .jsonl .json .parquet, also packed), or - for all CSV on standard input."""
    precision: Literal["float32", "bfloat16"] | None = None
    """Number format of the matrix products; by default a run's training's where this machine has it, and float32 of a
    servable."""
    output: str = "-"
    """Where the answers go: .csv, .jsonl or .parquet, or - for CSV on standard output."""
    data: DataSettings = DataSettings()
