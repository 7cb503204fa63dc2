"""The one model builder, around ``TFBertForSequenceClassification``; the only file that imports transformers."""

from __future__ import annotations

import errno
import os
from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any

# transformers 4 speaks Keras 2 through tf_keras and looks at this when it is imported.
os.environ.setdefault("TF_USE_LEGACY_KERAS", "1")

import numpy as np
import tensorflow as tf
import tf_keras as keras
from numpy.typing import NDArray
from safetensors import SafetensorError
from safetensors.numpy import load_file, save_file
from transformers.utils import import_utils

from tfclassify.errors import UsageError
from tfclassify.model import joining, windowing
from tfclassify.model.activations import gelu
from tfclassify.model.dropout import seed_dropout
from tfclassify.model.exit_heads import EXIT_PREFIX, ExitHeads, mean_of_tokens, names_of_heads
from tfclassify.model.exits import Beside, Exit, Leaving, Scale, leaving
from tfclassify.model.features import FEATURE_INPUTS, Measures
from tfclassify.model.joining import FeatureJoin
from tfclassify.model.routes import INPUTS
from tfclassify.model.training_pass import Learnt, Network, Rates, learnt, product_type
from tfclassify.model.unpadded import Forward, Shape, unpadded
from tfclassify.model.weights import Found
from tfclassify.model.windowing import Folded, Windowed, WindowPooling

# For two metrics of a benchmark it would bring scikit-learn and SciPy's statistics along, which takes as long as half
# of TensorFlow; without them it imports as if they were not installed.
_sklearn_available, import_utils._sklearn_available = import_utils._sklearn_available, False
try:
    from transformers import BertConfig, TFBertForSequenceClassification
    from transformers.modeling_tf_pytorch_utils import convert_tf_weight_name_to_pt_weight_name
finally:
    import_utils._sklearn_available = _sklearn_available

# What a pre-trained encoder may come without.
NEW_LAYERS = ("classifier.", "bert.pooler.", joining.PREFIX, windowing.PREFIX, EXIT_PREFIX)
KNOWN = ("bert.", *NEW_LAYERS)
# What the names of variables begin with that learn and are in no BERT with a head.
ADDED_SCOPES = (joining.SCOPE, windowing.SCOPE)

# What a step says of those that changed nothing, and what counts it where the optimizer does.
COUNTED = {"skipped": "skipped_in_row", "left_out": "left_out"}

# A training step on one batch: the loss float32[] and the number of rows that it is the mean of, float32[].
Step = Callable[["BertClassifier", Any], tuple[tf.Tensor, tf.Tensor]]
Batch = Mapping[str, tf.Tensor]


class BertClassifier(TFBertForSequenceClassification):
    """BERT with a classification head, whose training step is given when it is compiled.

    Inputs are int32[B, L] ``input_ids``, ``attention_mask`` and ``token_type_ids``; outputs float32[B, C] logits.
    Where rows have features, ``join`` adds what they have to say; where texts may leave early, ``exits`` are the heads
    by which they do; where texts are read in windows, ``windows`` folds and pools them. :func:`outputs` is the forward
    pass of all.
    """

    join: FeatureJoin | None
    exits: ExitHeads | None
    windows: WindowPooling | None

    def compile(self, *, optimizer: keras.optimizers.Optimizer, step: Step, **options: Any) -> None:
        """Compiles with an optimizer and the step that uses it."""
        super().compile(optimizer=optimizer, loss=None, **options)
        self._step = step
        # Each replica has the loss of all of them already.
        self.distribute_reduction_method = "first"
        # Keras resets what it finds among a model's attributes at the beginning of each epoch.
        self.mean_loss = keras.metrics.Mean("loss")

    def train_step(self, data: Any) -> dict[str, tf.Tensor]:
        """Runs the step on one batch.

        Returns:
            ``loss`` float32[], the mean of the epoch so far over the steps with a finite loss; ``skipped``, how many
            of the latest steps in a row have changed nothing because loss or gradient was no finite number;
            ``left_out``, how many have since it was last set to 0.
        """
        loss, rows = self._step(self, data)
        finite = tf.math.is_finite(loss)
        self.mean_loss.update_state(tf.where(finite, loss, 0.0), sample_weight=tf.where(finite, rows, 0.0))
        own = tf.cast(tf.logical_not(finite), tf.int64)
        counted = {name: getattr(self.optimizer, given, own) for name, given in COUNTED.items()}
        return {"loss": self.mean_loss.result(), **{name: tf.convert_to_tensor(each) for name, each in counted.items()}}


def build(
    found: Found,
    *,
    labels: Sequence[str],
    multilabel: bool,
    dropout: float,
    bias: NDArray[np.float32] | None = None,
    weights: Path | None = None,
    features: Measures | None = None,
    exits: Sequence[int] = (),
    windows: Windowed | None = None,
) -> BertClassifier:
    """Builds the network and loads its weights.

    Args:
        found: the model's files.
        labels: C label names, kept in the configuration.
        multilabel: whether a row may have several labels; the head is the same.
        dropout: dropout in front of the head, a share.
        bias: where the biases of a new head begin, float32[C]; by default at zero.
        weights: weights of an earlier training instead of the pre-trained ones.
        features: what is known of the features of rows, where they have any.
        exits: layers after which a text may leave, counted from 1.
        windows: how long texts are read, where that is in windows.

    Raises:
        UsageError: the weights are no BERT's, or cannot be read; nobody can leave such an encoder early.
    """
    config = _config(found, labels=labels, multilabel=multilabel, dropout=dropout)
    model = BertClassifier(config)
    if config.hidden_act == "gelu":
        for layer in model.bert.encoder.layer:
            layer.intermediate.intermediate_act_fn = gelu
    seed_dropout(model)
    model.build_in_name_scope()
    # Keras takes no layer for the model's own whose name the class has.
    width, heads = config.hidden_size, config.num_attention_heads
    model.join = None if features is None else FeatureJoin(features, width=width, classes=len(labels))
    model.exits = _exit_heads(model, exits) if exits else None
    model.windows = None if windows is None else WindowPooling(windows, width=width, heads=heads)
    if bias is not None:
        model.classifier.bias.assign(bias)
    source = weights or found.weights
    if source is not None:
        load_weights(model, source, complete=weights is not None)
    return model


def _exit_heads(model: BertClassifier, layers: Sequence[int]) -> ExitHeads:
    config = model.config
    if not _fits(config):
        raise UsageError(
            f"model.exits is {list(layers)}, but the model has the activation '{config.hidden_act}' and "
            f"{config.position_embedding_type} positions; expected gelu and absolute positions, or model.exits=[]"
        )
    return ExitHeads(layers, width=config.hidden_size, classes=config.num_labels)


def load_weights(model: BertClassifier, file: Path, *, complete: bool = False) -> None:
    """Loads weights in PyTorch's names and layout from a safetensors file, without PyTorch.

    Args:
        model: the network.
        file: the weights; what it has beyond the network is not looked at.
        complete: whether all layers have to be there. If not, those that are new on top of a pre-trained encoder
            (the head, and the pooler where there is none) keep their random weights where the file has none, or
            where its head is one for another number of labels.

    Raises:
        UsageError: the file cannot be read, or a layer is missing or of another size.
    """
    state = {_today(name): value for name, value in _read(file).items()}
    new = set() if complete else _new_layers(model, state)
    for variable, name, transposed in _named(model):
        if name in new:
            continue
        value = state.get(name)
        expected = variable.shape[::-1] if transposed else variable.shape
        if value is None or value.shape != tuple(expected):
            found = "not there" if value is None else f"of shape {list(value.shape)}"
            raise UsageError(f"{file}: {name} is {found}; expected a BERT model with {name} of shape {list(expected)}")
        variable.assign(value.T if transposed else value)


def save_weights(model: BertClassifier, file: Path) -> None:
    """Saves weights in PyTorch's names and layout to a safetensors file, whole or not at all.

    Raises:
        OSError: it cannot be written; there is too little space, for one.
    """
    aside = file.with_name(f".{file.name}.{os.getpid()}")
    try:
        save_file(pytorch_state(model), aside, metadata={"format": "pt"})
        aside.replace(file)
    except SafetensorError as error:
        # The library says what the system said, but not as the system says it.
        raise OSError(errno.EIO, str(error), str(file)) from error
    finally:
        aside.unlink(missing_ok=True)


def outputs(model: BertClassifier, batch: Batch, *, training: bool) -> dict[str, tf.Tensor]:
    """Runs the network once.

    Returns:
        ``logits`` float32[B, C]; in training where windows are chosen, ``imitation`` float32[B], that scorer's loss.
    """
    if model.join is None and model.windows is None:
        result = model({name: batch[name] for name in INPUTS}, training=training)
        return {"logits": tf.cast(result.logits, tf.float32)}
    vectors, beside = _encoded(model, batch, training=training)
    pooled = model.dropout(vectors, training=training)
    logits = tf.cast(model.classifier(pooled), tf.float32)
    if model.join is not None:
        logits += model.join(pooled, {name: batch[name] for name in FEATURE_INPUTS})
    return {"logits": logits, **beside}


def encoded(model: BertClassifier, batch: Batch, *, training: bool) -> tf.Tensor:
    """Returns what the head gets of B texts, [B, H], before dropout."""
    return _encoded(model, batch, training=training)[0]


def _encoded(model: BertClassifier, batch: Batch, *, training: bool) -> tuple[tf.Tensor, dict[str, tf.Tensor]]:
    """Returns what the head gets, and what is learnt by beside it."""
    if model.windows is None:
        return model.bert(**{name: batch[name] for name in INPUTS}, training=training).pooler_output, {}
    folded = _folded(model, model.windows, batch, training=training)
    vectors = model.bert(**folded.tokens, training=training).pooler_output
    pooled, head = model.windows(vectors, folded), model.classifier.kernel
    return pooled, model.windows.imitation(vectors, folded, head) if training else {}


def _folded(model: BertClassifier, windows: WindowPooling, batch: Batch, *, training: bool) -> Folded:
    # Training has static shapes where a device compiles it; an answer reads no more windows than it needs.
    return windows.fold(batch, model.bert.embeddings.weight, training=training, gather=not training)


def exit_means(model: BertClassifier, batch: Batch) -> list[tf.Tensor]:
    """Returns what the heads of early exits read of B texts: float32[B, H] after the layer of each, without dropout."""
    after = () if model.exits is None else model.exits.after
    given, windows = {name: batch[name] for name in INPUTS}, model.windows
    folded = None if windows is None else _folded(model, windows, given, training=False)
    read = given if folded is None else folded.tokens
    hidden = model.bert(**read, output_hidden_states=True, training=False).hidden_states
    if windows is None or folded is None:
        return [mean_of_tokens(hidden[layer], read["attention_mask"]) for layer in after]
    return [windows.means(hidden[layer], folded) for layer in after]


def learning(model: BertClassifier) -> Learnt | None:
    """Returns the forward pass of a training on a processor, faster than the network's own; None where it does not fit.

    It is :func:`outputs` with ``training=True``, but for which units are dropped.
    """
    if not _fits(model.config) or model.compute_dtype != "float32":
        return None
    config = model.config
    rates = Rates(config.hidden_dropout_prob, config.attention_probs_dropout_prob)
    network = Network(_by_name(model), _shape(config), rates, product_type())
    return partial(learnt, model, network)


def answering(model: BertClassifier) -> Forward | None:
    """Returns the forward pass for answers, faster than the network's own; None of an encoder it does not fit."""
    if not _fits(model.config):
        return None
    return unpadded(_by_name(model), _shape(model.config), model.join, model.windows)


def answering_early(
    model: BertClassifier, exits: Sequence[Exit], scale: Scale, beside: Beside | None = None
) -> Leaving:
    """Returns the forward pass for answers on which texts may leave early.

    Args:
        model: with a head for each of the exits.
        exits: when a text may leave by which of them.
        scale: on which all logits are read.
        beside: the in-graph baseline, where there is one.
    """
    return leaving(_by_name(model), _shape(model.config), exits, scale, model.windows, beside)


def _fits(config: BertConfig) -> bool:
    return (config.hidden_act, config.position_embedding_type) == ("gelu", "absolute")


def _shape(config: BertConfig) -> Shape:
    return Shape(config.num_hidden_layers, config.num_attention_heads, config.hidden_size, config.layer_norm_eps)


def _by_name(model: BertClassifier) -> dict[str, tf.Variable]:
    return {name: variable for variable, name, _ in _named(model)}


def _config(found: Found, *, labels: Sequence[str], multilabel: bool, dropout: float) -> BertConfig:
    given = dict(found.config)
    given.pop("architectures", None)
    kind = "multi_label_classification" if multilabel else "single_label_classification"
    names = {
        "num_labels": len(labels),
        "id2label": dict(enumerate(labels)),
        "label2id": {label: index for index, label in enumerate(labels)},
    }
    return BertConfig(**{**given, **names, "problem_type": kind, "classifier_dropout": dropout})


def _read(file: Path) -> dict[str, np.ndarray]:
    try:
        return dict(load_file(file))
    except (OSError, SafetensorError) as error:
        raise UsageError(f"{file} cannot be read: {error}; expected a safetensors file") from error


def _new_layers(model: BertClassifier, state: Mapping[str, np.ndarray]) -> set[str]:
    """Returns the names of the layers on top of the encoder that the file has none of, or a head of other labels."""
    head = state.get("classifier.bias")
    other = head is not None and head.shape != (model.config.num_labels,)
    names = {name for _, name, _ in _named(model) if name.startswith(NEW_LAYERS)}
    return {name for name in names if name not in state or (other and name.startswith("classifier."))}


def pytorch_state(model: BertClassifier) -> dict[str, np.ndarray]:
    """Returns the weights in PyTorch's names and layout."""
    return {
        name: np.ascontiguousarray(variable.numpy().T if transposed else variable.numpy())
        for variable, name, transposed in _named(model)
    }


def _named(model: BertClassifier) -> Iterator[tuple[tf.Variable, str, bool]]:
    """Gives each variable with its name in PyTorch, and whether it is transposed there."""
    if model.join is not None:
        yield from ((variable, name, False) for variable, name in joining.names_of(model.join))
    if model.windows is not None:
        yield from ((variable, name, False) for variable, name in windowing.names_of(model.windows))
    if model.exits is not None:
        yield from names_of_heads(model.exits)
    own = {id(each) for each in (model.join, model.windows, model.exits)}
    for layer in (layer for layer in model.layers if id(layer) not in own):
        for variable in layer.weights:
            name, transpose = convert_tf_weight_name_to_pt_weight_name(variable.name, "", variable.shape)
            yield variable, name, transpose.value == "simple"


def _today(name: str) -> str:
    """Names a weight as it is named today: older files call the norms' gamma and beta, and bare encoders no owner."""
    name = name.replace("LayerNorm.gamma", "LayerNorm.weight").replace("LayerNorm.beta", "LayerNorm.bias")
    return name if name.startswith(KNOWN) else f"bert.{name}"
