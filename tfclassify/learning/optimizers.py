"""AdamW that touches only what a batch changed, with warm-up and linear decay of its rate.

Source: Loshchilov and Hutter, Decoupled Weight Decay Regularization (2019).
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict
from typing import Any

import tensorflow as tf
import tf_keras as keras

from tfclassify.learning.averages import Average, is_due, moved, share

DECAY_EVERY_STEPS = 16
UNDECAYED = ("bias", "beta", "gamma")


class WarmupLinearDecay(keras.optimizers.schedules.LearningRateSchedule):
    """Rises linearly to the peak over the warm-up, then falls linearly to 0 at the last step.

    Where the number of steps is planned again, it falls on from where it is to 0 at the new last one: a function of the
    step and of what was planned.
    """

    def __init__(self, peak: float, *, warmup_steps: int, total_steps: int) -> None:
        """Keeps the shape of the schedule.

        The rate of the first step is a ``warmup_steps``-th of the peak, that of the last one the last above 0.
        """
        self.peak, self.warmup_steps, self.total_steps = peak, warmup_steps, total_steps
        # From a step and a share of the peak down to the last step: a variable, for the step is traced once.
        self.line = tf.Variable(self._line(()), trainable=False, name="falling_rate")

    def __call__(self, step: tf.Tensor) -> tf.Tensor:
        """Returns the learning rate of a step (counted from 0), float32[]."""
        step = tf.cast(step, tf.float32)
        begin, share, end = tf.unstack(tf.convert_to_tensor(self.line))
        rising = (step + 1.0) / max(self.warmup_steps, 1)
        falling = share * (end - step) / tf.maximum(end - begin, 1.0)
        return self.peak * tf.clip_by_value(tf.minimum(rising, falling), 0.0, 1.0)

    def follow(self, pieces: Sequence[Sequence[int]]) -> None:
        """Takes what was planned since: from a step on so many steps in all, piece by piece."""
        self.line.assign(self._line(pieces))

    def _line(self, pieces: Sequence[Sequence[int]]) -> list[float]:
        begin, share, end = float(self.warmup_steps), 1.0, float(self.total_steps)
        for step, total in pieces:
            share *= (end - step) / max(end - begin, 1.0)
            begin, end = float(step), float(total)
        return [begin, share, end]

    def get_config(self) -> dict[str, Any]:
        """Returns what is needed to make the schedule again, as it was planned first."""
        return {"peak": self.peak, "warmup_steps": self.warmup_steps, "total_steps": self.total_steps}


def follow(optimizer: Any, pieces: Sequence[Sequence[int]]) -> None:
    """Gives the schedule of an optimizer what was planned since; nothing where its rate has another one, or none."""
    schedule = getattr(getattr(optimizer, "inner_optimizer", optimizer), "_learning_rate", None)
    if isinstance(schedule, WarmupLinearDecay):
        schedule.follow(pieces)


class AdamW(keras.optimizers.Optimizer):
    """AdamW by the fused kernel, with row-wise updates of embedding tables.

    Two things differ from the textbook, both for speed:

    * rows of an embedding that no token of the batch used keep their value and their moments
      (dense Adam would move them on by old momentum), as lazy Adam does;
    * the decay ``1 - rate * decay`` is applied in one pass each 16 steps, as ``1 - decay * (sum of the
      rates)``. Of a value this is the same to first order (the rest is below ``120 * (rate * decay)**2`` of it), of
      what the value moved by meanwhile not even that (below ``16 * rate * decay`` of the move); it loses less to
      rounding. What remains of less than 16 steps at the end is not applied: there the rate is near 0.

    Layers that are new on top of good ones may learn at a multiple of the rate, ``multiples``. What decays them is
    the rate itself, as it decays all others.
    """

    def __init__(
        self,
        learning_rate: float | keras.optimizers.schedules.LearningRateSchedule,
        *,
        weight_decay: float = 0.01,
        clip_norm: float = 1.0,
        beta_1: float = 0.9,
        beta_2: float = 0.999,
        epsilon: float = 1e-8,
        row_wise: bool = True,
        average: Average | Mapping[str, Any] | None = None,
        multiples: Mapping[str, float] | None = None,
        name: str = "AdamW",
    ) -> None:
        """Keeps the options; ``clip_norm`` 0 does not clip, ``row_wise`` False makes every update dense.

        With ``average`` the weights are averaged over the steps, beside what they are. ``multiples`` say by what the
        rate is multiplied for variables whose names begin with a scope.
        """
        super().__init__(name=name, jit_compile=False)
        self._learning_rate = self._build_learning_rate(learning_rate)
        self.decay, self.clip_norm, self.row_wise = weight_decay, clip_norm, row_wise
        self.beta_1, self.beta_2, self.epsilon = beta_1, beta_2, epsilon
        self.average = Average(**average) if isinstance(average, Mapping) else average
        self.multiples = dict(multiples or {})

    def build(self, var_list: Sequence[tf.Variable]) -> None:
        """Makes both moments of every variable, its average, the sum of rates since the last decay, the last norm."""
        super().build(var_list)
        if getattr(self, "_built", False):
            return
        self._built = True
        self._first = [self.add_variable_from_reference(v, "m") for v in var_list]
        self._second = [self.add_variable_from_reference(v, "v") for v in var_list]
        self._rates = self.add_variable(shape=[], dtype=tf.float32, name="rates_since_decay")
        # Of all gradients together, before they are clipped; no finite number where the step came to nothing.
        self.gradient_norm = self.add_variable(shape=[], dtype=tf.float32, name="gradient_norm")
        self._applied = self.add_variable(shape=[], dtype=tf.float32, name="applied", initializer="ones")
        self.skipped_in_row = self.add_variable(shape=[], dtype=tf.int64, name="skipped_in_row")
        # Since somebody last looked: several steps may be made before anybody does.
        self.left_out = self.add_variable(shape=[], dtype=tf.int64, name="left_out")
        self.rate_factor = self.add_variable(shape=[], dtype=tf.float32, name="rate_factor", initializer="ones")
        averaged = var_list if self.average is not None else ()
        self.averages = [self.add_variable_from_reference(v, "average") for v in averaged]

    def apply_gradients(self, grads_and_vars: Iterable[tuple[Any, tf.Variable]], *given: Any, **options: Any) -> Any:
        """Updates all variables by their gradients, and then their averages."""
        pairs = list(grads_and_vars)
        iterations = super().apply_gradients(pairs, *given, **options)
        self._average([variable for _, variable in pairs])
        return iterations

    def update_step(self, gradient: tf.Tensor | tf.IndexedSlices, variable: tf.Variable) -> None:
        """Updates one variable by its gradient."""
        index = self._index_dict[self._var_key(variable)]
        update = _update_rows if isinstance(gradient, tf.IndexedSlices) else _update_all
        powers = tf.cast(self.iterations + 1, variable.dtype)
        applied = tf.cast(self._applied, variable.dtype)
        update(
            gradient,
            variable,
            self._first[index],
            self._second[index],
            rate=tf.cast(self.learning_rate, variable.dtype) * applied * multiple_of(variable.name, self.multiples),
            # Of a step that is not applied the gradient is 0; kept whole, the moments stay what they are to the bit.
            betas=(tf.where(applied > 0.0, self.beta_1, 1.0), tf.where(applied > 0.0, self.beta_2, 1.0)),
            powers=(tf.pow(self.beta_1, powers), tf.pow(self.beta_2, powers)),
            epsilon=self.epsilon,
        )

    def _clip_gradients(self, grads: Sequence[Any]) -> list[Any]:
        """Clips by the norm of all gradients; where that is no finite number, the step is one that changes nothing.

        Repeated rows are summed first: the norm of a gradient is that of its sums.
        """
        summed = [self._summed(gradient) for gradient in grads]
        norm = tf.linalg.global_norm(summed)
        self.gradient_norm.assign(norm)
        finite = tf.math.is_finite(norm)
        self._applied.assign(tf.cast(finite, tf.float32))
        self.skipped_in_row.assign(tf.where(finite, tf.constant(0, tf.int64), self.skipped_in_row + 1))
        self.left_out.assign_add(tf.cast(tf.logical_not(finite), tf.int64))
        clipped = self.clip_norm / tf.maximum(norm, self.clip_norm) if self.clip_norm else 1.0
        return [_scaled(gradient, tf.where(finite, clipped, 0.0)) for gradient in summed]

    def _compute_current_learning_rate(self) -> None:
        """Lowers the rate of the schedule by the factor, which falls when a training has to go back."""
        super()._compute_current_learning_rate()
        # The first time is before there are any variables; a rate without a schedule is not computed.
        if getattr(self, "_built", False) and hasattr(self, "_current_learning_rate"):
            self._current_learning_rate.assign(self._current_learning_rate * self.rate_factor)

    def _summed(self, gradient: Any) -> Any:
        if not isinstance(gradient, tf.IndexedSlices):
            return gradient
        # The number of distinct rows is not static, which only the CPU and the GPU can take.
        if not self.row_wise:
            return tf.convert_to_tensor(gradient)
        rows, places = tf.unique(gradient.indices)
        values = tf.math.unsorted_segment_sum(gradient.values, places, tf.size(rows))
        return tf.IndexedSlices(values, rows, gradient.dense_shape)

    def _deduplicate_sparse_grad(self, grads: Sequence[Any]) -> Sequence[Any]:
        return grads

    def _apply_weight_decay(self, variables: Sequence[tf.Variable]) -> None:
        if not self.decay:
            return
        self._rates.assign_add(tf.cast(self.learning_rate, tf.float32) * self._applied)
        due = tf.equal((self.iterations + 1) % DECAY_EVERY_STEPS, 0)
        decayed = [variable for variable in variables if is_decayed(variable.name)]
        tf.cond(due, lambda: self._shrink(decayed), lambda: tf.constant(0.0))

    def _shrink(self, variables: Sequence[tf.Variable]) -> tf.Tensor:
        kept = 1.0 - self.decay * self._rates
        for variable in variables:
            variable.assign(variable * tf.cast(kept, variable.dtype))
        self._rates.assign(0.0)
        return tf.constant(0.0)

    def _average(self, variables: Sequence[tf.Variable]) -> None:
        average, step = self.average, self.iterations
        if average is None:
            return

        def move() -> tf.Tensor:
            part = share(average, step)
            for variable in variables:
                moved(self.averages[self._index_dict[self._var_key(variable)]], variable, part)
            return tf.constant(0.0)

        tf.cond(is_due(average, step), move, lambda: tf.constant(0.0))

    def get_config(self) -> dict[str, Any]:
        """Returns what is needed to make the optimizer again."""
        options = ("clip_norm", "beta_1", "beta_2", "epsilon", "row_wise")
        rate = self._serialize_hyperparameter(self._learning_rate)
        return {
            "name": self.name,
            "learning_rate": rate,
            "weight_decay": self.decay,
            "average": None if self.average is None else asdict(self.average),
            "multiples": dict(self.multiples),
            **{option: getattr(self, option) for option in options},
        }


def is_decayed(name: str) -> bool:
    """Says whether a variable of this name is decayed: all but biases and layer norms."""
    return name.split("/")[-1].split(":")[0] not in UNDECAYED


def multiple_of(name: str, multiples: Mapping[str, float]) -> float:
    """Returns what the rate of a variable of this name is multiplied by: the multiple of its scope, or 1."""
    return multiples.get(name.partition("/")[0], 1.0)


def _update_all(
    gradient: tf.Tensor,
    variable: tf.Variable,
    first: tf.Variable,
    second: tf.Variable,
    *,
    rate: tf.Tensor,
    betas: tuple[tf.Tensor, tf.Tensor],
    powers: tuple[tf.Tensor, tf.Tensor],
    epsilon: float,
) -> None:
    tf.raw_ops.ResourceApplyAdam(
        var=variable.handle,
        m=first.handle,
        v=second.handle,
        beta1_power=powers[0],
        beta2_power=powers[1],
        lr=rate,
        beta1=tf.cast(betas[0], variable.dtype),
        beta2=tf.cast(betas[1], variable.dtype),
        epsilon=tf.cast(epsilon, variable.dtype),
        grad=gradient,
    )


def _update_rows(
    gradient: tf.IndexedSlices,
    variable: tf.Variable,
    first: tf.Variable,
    second: tf.Variable,
    *,
    rate: tf.Tensor,
    betas: tuple[tf.Tensor, tf.Tensor],
    powers: tuple[tf.Tensor, tf.Tensor],
    epsilon: float,
) -> None:
    rows, values = gradient.indices, gradient.values
    mean = betas[0] * tf.gather(first, rows) + (1.0 - betas[0]) * values
    square = betas[1] * tf.gather(second, rows) + (1.0 - betas[1]) * tf.square(values)
    first.scatter_update(tf.IndexedSlices(mean, rows))
    second.scatter_update(tf.IndexedSlices(square, rows))
    size = rate * tf.sqrt(1.0 - powers[1]) / (1.0 - powers[0])
    variable.scatter_sub(tf.IndexedSlices(size * mean / (tf.sqrt(square) + epsilon), rows))


def _scaled(gradient: Any, scale: tf.Tensor) -> Any:
    # Scaled by 0, what is no number is 0 as well.
    if isinstance(gradient, tf.IndexedSlices):
        values = tf.math.multiply_no_nan(gradient.values, scale)
        return tf.IndexedSlices(values, gradient.indices, gradient.dense_shape)
    return tf.math.multiply_no_nan(gradient, scale)
