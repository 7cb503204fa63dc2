"""The settings tree: every key of the command line, with type, unit, default and meaning.

``auto`` asks for planning: the planner replaces it by a value and a reason before anything is trained.
"""

from __future__ import annotations

from typing import Annotated, Any, Literal, TypeVar

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field, GetCoreSchemaHandler
from pydantic_core import PydanticCustomError, core_schema


def _no_flag(value: Any) -> Any:
    # Python takes true for 1; nobody who writes it means a number.
    if isinstance(value, bool):
        raise PydanticCustomError("flag", "a number")
    return value


def _rising(buckets: tuple[tuple[int, int], ...]) -> tuple[tuple[int, int], ...]:
    lengths = [length for _, length in buckets]
    if lengths != sorted(set(lengths)):
        raise PydanticCustomError("rising", "shapes [rows, length], each longer than the one before it")
    return buckets


def _layers(exits: tuple[int, ...]) -> tuple[int, ...]:
    if list(exits) != sorted(set(exits)):
        raise PydanticCustomError("layers", "layers counted from 1, each above the one before it, such as [2, 4]")
    return exits


def _kinds(value: Any) -> Any:
    """Takes a list of columns for columns whose kinds are to be planned."""
    if value is None:
        return {}
    if isinstance(value, list | tuple) and all(isinstance(name, str) for name in value):
        if len(set(value)) < len(value):
            raise PydanticCustomError("features", "different columns")
        return dict.fromkeys(value, AUTO)
    if not isinstance(value, dict):
        raise PydanticCustomError(
            "features", "a list of columns, such as [price, brand], or their kinds, such as {price: number}"
        )
    return value


# Settings hold it before planning and never past it, so that a type checker may see a planned key as its value.
AUTO: Any = "auto"


class _OrAuto:
    """Makes pydantic take ``auto`` as well."""

    def __get_pydantic_core_schema__(self, source: Any, handler: GetCoreSchemaHandler) -> core_schema.CoreSchema:
        return core_schema.union_schema([core_schema.literal_schema([AUTO]), handler(source)])


T = TypeVar("T")
Planned = Annotated[T, _OrAuto()]
NO_FLAG = BeforeValidator(_no_flag)
Share = Annotated[float, Field(ge=0.0, lt=1.0), NO_FLAG]
Limit = Annotated[float, Field(ge=0.0, le=1.0), NO_FLAG]
PositiveInt = Annotated[int, Field(gt=0), NO_FLAG]
PositiveFloat = Annotated[float, Field(gt=0.0), NO_FLAG]
Bucket = tuple[PositiveInt, PositiveInt]
Buckets = Annotated[tuple[Bucket, ...], Field(min_length=1), AfterValidator(_rising)]
Exits = Annotated[tuple[PositiveInt, ...], AfterValidator(_layers)]
TaskKind = Literal["binary", "multiclass", "multilabel"]
FeatureKinds = dict[str, Planned[Literal["number", "category"]]]
Features = Annotated[
    FeatureKinds, BeforeValidator(_kinds, json_schema_input_type=FeatureKinds | tuple[str, ...] | None)
]

STRICT = ConfigDict(extra="forbid", frozen=True, use_attribute_docstrings=True, allow_inf_nan=False)


class DataSettings(BaseModel):
    """Where the examples come from and what to do with rows that are not as expected."""

    model_config = STRICT

    train: str | None = None
    """Training rows: a file (.csv .tsv .jsonl .json .parquet, also packed), a folder, tfds:NAME or sample:NAME."""
    validation: str | None = None
    """Validation rows; cut out of the training rows where not given."""
    test: str | None = None
    """Test rows; cut out of the training rows only when neither validation nor test rows are given."""
    text: Planned[str] = AUTO
    """Column that holds the text."""
    text_b: Planned[str | None] = AUTO
    """Column that holds the second text of a pair; null for single texts."""
    label: Planned[str | None] = AUTO
    """Column that holds the one label of a row."""
    labels: Planned[str | None] = AUTO
    """Column that holds the labels of a row in a multi-label task."""
    label_separator: Annotated[str, Field(min_length=1)] = "|"
    """What stands between two labels in the labels column."""
    weight: str | None = None
    """Column that holds the weight of a row in the training loss and in no metric."""
    id: Planned[str | None] = AUTO
    """Column that names a row in reports; null for none."""
    features: Features = {}
    """Columns that are learnt from beside the text: [price, brand], or {price: number, brand: category}."""
    bad_rows: Literal["fail", "skip"] = "fail"
    """What to do with rows that cannot be read or used: stop, or skip and count them."""
    bad_rows_limit: Limit = 0.01
    """Share of the rows of a file, at most, that may be skipped; five rows always may. More is a file read wrongly."""
    duplicates: Literal["keep", "drop"] = "keep"
    """Whether repeated training texts are kept, or dropped (and counted) after the first."""
    empty: Literal["drop", "keep", "fail"] = "drop"
    """What to do with rows whose text is empty: drop and count, keep, or stop."""
    empty_limit: Limit = 0.5
    """Share of the rows of a file, at most, that may be dropped for an empty text; five rows always may."""
    unknown_labels: Literal["fail", "drop"] = "fail"
    """What to do with validation or test rows whose label is not among the training labels."""
    encoding: str = "utf-8"
    """Character encoding of delimited and JSON files."""
    delimiter: Annotated[str, Field(min_length=1, max_length=1)] | None = None
    """Field delimiter of delimited files; by default a comma, in .tsv files a tab."""
    max_rows: PositiveInt | None = None
    """Read at most so many rows of each split."""
    validation_share: Share = 0.1
    """Share of the training rows that is cut out for validation."""
    test_share: Share = 0.1
    """Share of the training rows that is cut out for the test."""
    out_of_scope_label: str | None = None
    """Rows with this label are no class: they are kept out of training and count only in the scope metrics."""


class TextSettings(BaseModel):
    """How texts become token ids."""

    model_config = STRICT

    max_length: Planned[Annotated[int, Field(ge=4), NO_FLAG]] = AUTO
    """Longest input, or window, in tokens, [CLS] and [SEP] included; what does not fit is cut and counted."""
    windows: Planned[PositiveInt] = AUTO
    """Windows, at most, in which a longer text is read; 1 cuts it."""
    window_stride: Planned[PositiveInt] = AUTO
    """Tokens from the start of one full window to that of the next; those that a window holds: none is read twice."""
    keep: Planned[Literal["head", "head_tail"]] = AUTO
    """What stays of a text that its windows do not hold: its beginning, or its beginning and its end."""
    head_share: Planned[Annotated[float, Field(gt=0.0, lt=1.0), NO_FLAG]] = AUTO
    """Share of what stays that is from its beginning, where text.keep is head_tail; the rest is from its end."""
    pool: Planned[Literal["mean", "max", "log_sum_exp", "attention", "hierarchical"]] = AUTO
    """How the vectors of windows become one for each text."""
    chosen_share: Planned[Annotated[float, Field(gt=0.0, le=1.0), NO_FLAG]] = AUTO
    """Share of a text's windows, rounded up, that go through the encoder for an answer, chosen by a learnt score."""
    lower_case: Planned[bool] = AUTO
    """Whether texts are lower-cased and stripped of accents, as the model's vocabulary expects."""
    maps: tuple[str | dict[str, dict[str, Any]], ...] = ()
    """What is done to texts first, in this order: mask_personal_data, strip_html, squeeze_spaces, or your own."""


class ModelSettings(BaseModel):
    """Which network, with which head."""

    model_config = STRICT

    name: Planned[str] = AUTO
    """A preset, a folder, a hub name, or random-tiny."""
    task: Planned[TaskKind] = AUTO
    """Kind of task; planned from the label columns."""
    dropout: Planned[Share] = AUTO
    """Dropout in front of the classification head."""
    head_bias: Planned[Literal["zeros", "shares"]] = AUTO
    """Where the biases of a new head begin: zeros, or shares, at which each label scores its share of the rows."""
    feature_width: Planned[PositiveInt] = AUTO
    """Units of the layer in which data.features meet the text's vector."""
    exits: Planned[Exits] = AUTO
    """Layers, counted from 1, after which a text may leave the network with an answer; [] for none."""


class TrainSettings(BaseModel):
    """How the network learns."""

    model_config = STRICT

    epochs: Planned[PositiveInt] = AUTO
    """Passes over the training rows."""
    steps: PositiveInt | None = None
    """Training steps, at most; there are fewer where the epochs end before. By default the epochs decide."""
    scheduled_steps: Planned[PositiveInt | None] = AUTO
    """Steps after which the learning rate is 0, as far as time_limit_minutes allows them; null for all of the epochs'.

    With a time limit they are planned again as it passes."""
    learning_rate: Planned[PositiveFloat] = AUTO
    """Peak learning rate of AdamW."""
    added_learning_rate: Planned[PositiveFloat] = AUTO
    """Peak learning rate of layers that are added to BERT and its head: by data.features or text.pool."""
    windows: Planned[PositiveInt] = AUTO
    """Windows of a text, at most, that a training step reads, drawn anew in each epoch; answers read all."""
    batch_size: Planned[PositiveInt] = AUTO
    """Rows in one batch, at most."""
    batch_tokens: Planned[PositiveInt] = AUTO
    """Tokens in one batch, at most; long buckets have fewer rows for it."""
    max_shapes: Planned[PositiveInt] = AUTO
    """How many batch shapes there may be, at most."""
    buckets: Planned[Buckets] = AUTO
    """Batch shapes [rows, length in tokens], by rising length."""
    accumulation_steps: Planned[PositiveInt] = AUTO
    """In how many parts a batch is computed, one after the other, before its one update; more take less memory."""
    precision: Planned[Literal["float32", "bfloat16", "float16"]] = AUTO
    """Number format of the matrix products."""
    strategy: Planned[Literal["one", "mirrored", "multi_worker", "tpu"]] = AUTO
    """Distribution strategy."""
    shapes: Planned[Literal["dynamic", "static", "compiled"]] = AUTO
    """How steps take batch shapes: any in one graph, each in a static graph of its own, or each compiled by XLA."""
    embedding_updates: Planned[Literal["rows", "dense"]] = AUTO
    """Which vectors of the embeddings a step moves: the rows that its batch looked up, or all of them."""
    steps_per_execution: Planned[PositiveInt] = AUTO
    """Steps, at most, that a device makes in one call; progress, checkpoints and requests to stop wait for its end."""
    objectives: Planned[tuple[str | dict[str, dict[str, Any]], ...]] = AUTO
    """Terms of the loss: a name, or {name: {weight: 1.0, option: value}}."""
    class_weights: Planned[Literal["none", "balanced", "square_root"] | dict[str, PositiveFloat]] = AUTO
    """Weight of a label in the loss: none, balanced, the square root of that, or by label name."""
    metric: Planned[str] = AUTO
    """Validation metric by which the best epoch is chosen: accuracy, macro_f1, micro_f1, mcc, log_loss, or your own."""
    early_stopping: Planned[Annotated[int, Field(ge=0), NO_FLAG]] = AUTO
    """Epochs without a better validation metric after which training stops; 0 never stops early."""
    average: Planned[Literal["none", "ema", "swa"]] = AUTO
    """Which average of the weights is validated and kept: none, the latest (ema) or all (swa) steps since its start."""
    average_start: Planned[Share] = AUTO
    """Share of the steps before the first whose weights count in the average."""
    average_every: Planned[PositiveInt] = AUTO
    """Steps from one whose weights count in the average to the next."""
    average_decay: Planned[Share] = AUTO
    """What an ema keeps of itself in one step."""
    warmup_share: Planned[Share] = AUTO
    """Share of the steps over which the learning rate rises."""
    weight_decay: Planned[Annotated[float, Field(ge=0.0), NO_FLAG]] = AUTO
    """Decoupled weight decay; none on biases and layer norms."""
    clip_norm: Planned[Annotated[float, Field(ge=0.0), NO_FLAG]] = AUTO
    """Largest global norm of the gradients; 0 does not clip."""
    checkpoint_steps: Planned[Annotated[int, Field(ge=0), NO_FLAG]] = AUTO
    """Steps from one checkpoint to the next; 0 saves none but where the training is asked to stop."""
    time_limit_minutes: PositiveFloat | None = None
    """Minutes of training, its validation included, for which the steps are planned; by default there is no limit."""
    probe: Share = 0.0
    """Share of the training's time, at most, for a look at what the frozen network knows and at rates; 0 for none."""
    skips: PositiveInt = 3
    """Steps in a row with a loss or gradient that is no finite number after which the training goes back."""
    returns: Annotated[int, Field(ge=0), NO_FLAG] = 2
    """How often the training goes back to the latest checkpoint, each time with half the learning rate."""


class Rule(BaseModel):
    """Texts that a pattern is found in have a label, whatever the network would say."""

    model_config = STRICT

    name: Annotated[str, Field(pattern=r"^[A-Za-z0-9_.-]{1,64}$")]
    """What the rule is called in answers: letters, digits, points and dashes."""
    pattern: Annotated[str, Field(min_length=1)]
    """A regular expression in RE2's syntax, looked for anywhere in the text as the maps left it."""
    label: str
    """The label of such texts."""
    column: Literal["text", "text_b"] = "text"
    """Which text of a pair it is looked for in."""


def _named_once(rules: tuple[Rule, ...]) -> tuple[Rule, ...]:
    if len({rule.name for rule in rules}) < len(rules):
        raise PydanticCustomError("rules", "rules of different names")
    return rules


class AnswerSettings(BaseModel):
    """What a caller gets."""

    model_config = STRICT

    calibrate: Planned[Literal["temperature", "none"]] = AUTO
    """How scores are calibrated on the validation rows."""
    thresholds: Planned[Literal["validation"] | Share] = AUTO
    """Score from which on a label is given where a row may have several: a share, or the best on validation."""
    scope: Planned[Literal["none"] | Share] = AUTO
    """Share of the validation rows that count as in scope, the others looking least like any class; none: all do."""
    rules: Annotated[tuple[Rule, ...], AfterValidator(_named_once)] = ()
    """Rules, the first that matches wins: [{name: R1, pattern: "(?i)refund", label: billing}]."""
    stack: Planned[Literal["none", "validation"]] = AUTO
    """Whether the in-graph baseline is added to the network, and to its exits, where validation rows say so."""
    cascade: Planned[Literal["none"] | Share] = AUTO
    """Share of the accuracy, at most, that may be lost where the in-graph baseline answers what it is sure of."""
    cascade_share: Planned[Limit] = AUTO
    """Share of the validation rows, at least, that the baseline has to be sure of; of fewer it answers none."""
    loss_confidence: Planned[Annotated[float, Field(ge=0.5, lt=1.0), NO_FLAG]] = AUTO
    """How likely, at least, answer.cascade and answer.exit_loss are kept, by validation rows; 0.5: their estimate."""
    baseline_buckets: Planned[Annotated[int, Field(ge=256, le=2**24), NO_FLAG]] = AUTO
    """Buckets that the in-graph baseline hashes n-grams of word pieces into."""
    exit_loss: Limit = 0.005
    """Accuracy, at most, that texts which leave early may cost; how sure they have to be is planned by it."""


class DeploySettings(BaseModel):
    """What the classifier may take where it answers; a model that takes more is not planned, and refused."""

    model_config = STRICT

    latency_ms: PositiveFloat | None = None
    """Milliseconds, at most, that the network takes for one text, on a machine like this one."""
    memory_mb: PositiveFloat | None = None
    """Megabytes, at most, of a process that answers, on a machine like this one."""


class Settings(BaseModel):
    """Everything a run can be told."""

    model_config = STRICT

    run: str | None = None
    """Directory of the run; by default runs/<data name>-<time>."""
    name: str | None = None
    """Name of the classifier in reports; by default the data's name."""
    seed: Annotated[int, Field(ge=0, lt=2**31), NO_FLAG] = 0
    """Seed of everything random: splits, batch order, dropout, head."""
    deterministic: bool = False
    """Whether only deterministic operations are used, where TensorFlow has slower ones to offer."""
    goal: Literal["fast", "balanced", "best"] = "balanced"
    """What planning favours: little time, accuracy at a fair price, or accuracy."""
    track: tuple[Literal["tensorboard", "wandb"], ...] = ()
    """Trackers that get the figures of the run while it is trained, and its report: tensorboard, wandb."""
    data: DataSettings = DataSettings()
    text: TextSettings = TextSettings()
    model: ModelSettings = ModelSettings()
    train: TrainSettings = TrainSettings()
    answer: AnswerSettings = AnswerSettings()
    deploy: DeploySettings = DeploySettings()
