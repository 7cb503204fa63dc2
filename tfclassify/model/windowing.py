"""Windows in the network: folded into rows of their own, chosen, and their vectors pooled into one for each text.

A row of a batch is one window of at most L tokens, or K windows of L columns each, side by side: int32[B, K * L]. The
encoder gets windows as rows, [B * K, L], and the head gets one vector for each text whatever the number of its windows.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from math import sqrt

import tensorflow as tf
import tf_keras as keras

from tfclassify.model.routes import FULL, INPUTS, Pass, Routed
from tfclassify.text.packing import WINDOW_COUNTS, WINDOW_PLACES

SCOPE, PREFIX = "windows", "windows."
# Where in it windows are chosen.
SCORER = "scorer"
ATTENTION, HIERARCHICAL = "attention", "hierarchical"
# How near log-sum-exp is to the maximum; that of P. Pinheiro and R. Collobert, "From Image-level to Pixel-level
# Labeling with Convolutional Networks" (CVPR 2015). No setting: mean and maximum are pools themselves, and a place
# between them that fits the data is what attention learns.
SHARPNESS = 5.0
NO_SCORE = -1e9
# Among what a forward pass gives: losses of texts, by which the scorer learns. They weigh so little beside the others
# that a clipped norm of all gradients hardly changes; Adam, which divides by their size, has it learn all the same.
IMITATION, IMITATION_WEIGHT = "imitation", 1e-3


@dataclass(frozen=True)
class Windowed:
    """How a network reads texts of several windows.

    Attributes:
        length: tokens of a window, L.
        most: windows of a text, at most.
        pool: mean, max, log_sum_exp, attention or hierarchical.
        share: of the windows of a text, rounded up, that go through the encoder when it answers.
    """

    length: int
    most: int
    pool: str
    share: float = 1.0

    @property
    def chooses(self) -> bool:
        """Whether there are windows that do not."""
        return self.share < 1.0


@dataclass(frozen=True)
class Folded:
    """The windows of B texts as the encoder gets them, R rows, and what is needed to bring them together again.

    Attributes:
        tokens: ``input_ids``, ``attention_mask`` and ``token_type_ids``, int32[R, L].
        read: bool[B, K], which windows go into a text's vector.
        scores: float32[B, K], the scorer's; zeros where nothing is chosen.
        places: int64[R], which of all B * K windows the rows are; None where they are all of them.
        drawn: int32[B, K], which window of its text each is, counted from 0; None where they are the first K of it.
    """

    tokens: Mapping[str, tf.Tensor]
    read: tf.Tensor
    scores: tf.Tensor
    places: tf.Tensor | None
    drawn: tf.Tensor | None = None

    @property
    def texts(self) -> tf.Tensor:
        """int64[R], which of the B texts each row is a window of."""
        rows, number = _size(self.read)
        places = tf.range(rows * number) if self.places is None else self.places
        return tf.cast(places, tf.int64) // tf.cast(number, tf.int64)

    def of_some(self, texts: tf.Tensor) -> Folded:
        """Returns which windows there are of some of the texts, by their rising places int32[S]; without tokens."""
        read = tf.gather(self.read, texts)
        drawn = None if self.drawn is None else tf.gather(self.drawn, texts)
        return Folded({}, read, tf.gather(self.scores, texts), tf.where(tf.reshape(read, [-1]))[:, 0], drawn)


class WindowPooling(keras.layers.Layer):
    """Folds windows into rows, and pools their vectors.

    ``attention`` weighs windows by the softmax of ``query @ vector``; ``hierarchical`` sends them through one
    transformer layer with positions and takes the mean. Both begin as the mean. Where windows are chosen, a scorer
    that is linear in the embeddings of a window's tokens and in whether it is the first or the last learns which
    windows say most of the labels; when the network answers, only the windows with the highest scores are read.
    """

    def __init__(self, windowed: Windowed, *, width: int, heads: int) -> None:
        """Makes the weights: ``width`` is that of the pooled vectors, H, and ``heads`` how many attention has."""
        # In half the bits a softmax over windows would be another; and it is little work.
        super().__init__(name=SCOPE, dtype="float32")
        self.windowed, self.width, self.heads = windowed, width, heads
        if windowed.pool == ATTENTION:
            self.query = self._made("query", [width])
        if windowed.chooses:
            self.of_mean, self.of_highest = (
                self._made(f"{SCORER}/mean", [width]),
                self._made(f"{SCORER}/highest", [width]),
            )
            self.of_ends = self._made(f"{SCORER}/ends", [2])
        if windowed.pool == HIERARCHICAL:
            self.layer = self._layer()

    def _made(self, name: str, shape: list[int], *, deviation: float = 0.0, start: str = "zeros") -> tf.Variable:
        begin = keras.initializers.TruncatedNormal(stddev=deviation) if deviation else start
        return self.add_weight(name=f"{SCOPE}/{name}", shape=shape, dtype=tf.float32, initializer=begin)

    def _layer(self) -> dict[str, tf.Variable]:
        """Makes a transformer layer whose outputs are zeros, so that it begins as if it were not there."""
        width, inner = self.width, 4 * self.width
        made = {"positions": self._made("positions", [self.windowed.most, width], deviation=0.02)}
        for name in ("attention", "feed_forward"):
            made[f"{name}.scale"] = self._made(f"{name}/norm/gamma", [width], start="ones")
            made[f"{name}.offset"] = self._made(f"{name}/norm/beta", [width])
        for name in ("query", "key", "value"):
            made[name] = self._made(f"attention/{name}", [width, width], deviation=0.02)
        made["output"] = self._made("attention/output", [width, width])
        made["inner"] = self._made("feed_forward/inner", [width, inner], deviation=0.02)
        made["inner_bias"] = self._made("feed_forward/bias", [inner])
        made["outer"] = self._made("feed_forward/output", [inner, width])
        return made

    def fold(self, batch: Mapping[str, tf.Tensor], embeddings: tf.Tensor, *, training: bool, gather: bool) -> Folded:
        """Makes a row of each window.

        Args:
            batch: ids, mask and types, int32[B, W]; of drawn windows ``window_places`` and ``window_counts``, too, as
                :func:`tfclassify.data.batches.fill` makes them.
            embeddings: of the word pieces, float32[V, H].
            training: whether all windows are read whatever their scores.
            gather: whether only those that are read become rows; else all of them do, in static shape.
        """
        rows, number, width = _windows_of(batch[INPUTS[0]], self.windowed)
        tokens = {name: tf.reshape(batch[name], [rows * number, width]) for name in INPUTS}
        there = tf.reshape(tf.reduce_any(tokens["attention_mask"] > 0, axis=1), [rows, number])
        # A row without any token is one window, too.
        there |= tf.range(number)[None, :] == 0
        drawn = _drawn(batch, number)
        with tf.name_scope(SCORER):
            scores = self._scores(tokens, there, embeddings, drawn=drawn, counts=batch.get(WINDOW_COUNTS))
            read = there if training or not self.windowed.chooses else _best(scores, there, self.windowed)
        if not gather:
            return Folded(tokens, read, scores, None, drawn)
        places = tf.where(tf.reshape(read, [-1]))[:, 0]
        return Folded({name: tf.gather(each, places) for name, each in tokens.items()}, read, scores, places, drawn)

    def call(self, vectors: tf.Tensor, folded: Folded) -> tf.Tensor:
        """Pools the vectors of windows, [R, H], into those of texts, float32[B, H]."""
        together = _side_by_side(tf.cast(vectors, tf.float32), folded)
        if self.windowed.pool == ATTENTION:
            return tf.reduce_sum(together * self._weights(together, folded)[:, :, None], axis=1)
        if self.windowed.pool == HIERARCHICAL:
            return mean(self._transformed(together, folded), folded.read)
        return POOLS[self.windowed.pool](together, folded.read)

    def imitation(self, vectors: tf.Tensor, folded: Folded, head: tf.Tensor) -> dict[str, tf.Tensor]:
        """Returns what the scorer learns by, if there is one: a loss of each text, float32[B], that moves nothing else.

        It is the cross-entropy of the shares that the scores give windows to those of how far each moves the head's
        logits, by their matrix [H, C] and attention's weight. That weight alone may prefer what speaks for one label.

        Source: G. Hinton et al., "Distilling the Knowledge in a Neural Network" (2015).
        """
        if not self.windowed.chooses:
            return {}
        together = _side_by_side(tf.cast(vectors, tf.float32), folded)
        said = tf.stop_gradient(self._weights(together, folded) * tf.norm(together @ head, axis=2))
        shares = tf.math.divide_no_nan(said, tf.reduce_sum(said, axis=1, keepdims=True))
        losses = tf.nn.softmax_cross_entropy_with_logits(shares, folded.scores)
        return {IMITATION: IMITATION_WEIGHT * losses}

    def means(self, hidden: tf.Tensor, folded: Folded) -> tf.Tensor:
        """Returns the mean of the tokens of each text, in the windows that are read: [R, L, H] to float32[B, H]."""
        tokens = tf.cast(folded.tokens["attention_mask"], tf.float32)[:, :, None]
        sums, counts = (
            tf.reduce_sum(tf.where(folded.read[:, :, None], _side_by_side(tf.reduce_sum(each, axis=1), folded), 0.0), 1)
            for each in (tf.cast(hidden, tf.float32) * tokens, tokens)
        )
        return sums / tf.maximum(counts, 1.0)

    def _weights(self, together: tf.Tensor, folded: Folded) -> tf.Tensor:
        """Returns what attention weighs windows by, float32[B, K]; of other pools, which are read."""
        if self.windowed.pool != ATTENTION:
            return tf.cast(folded.read, tf.float32)
        logits = tf.linalg.matvec(together, self.query)
        return tf.nn.softmax(tf.where(folded.read, logits, NO_SCORE))

    def _scores(
        self,
        tokens: Mapping[str, tf.Tensor],
        there: tf.Tensor,
        embeddings: tf.Tensor,
        *,
        drawn: tf.Tensor | None,
        counts: tf.Tensor | None,
    ) -> tf.Tensor:
        """Returns float32[B, K]; nothing of it moves the embeddings, which are the encoder's."""
        if not self.windowed.chooses:
            return tf.zeros_like(there, tf.float32)
        mask = tokens["attention_mask"] > 0
        values = sqrt(self.width) * tf.cast(tf.stop_gradient(tf.gather(embeddings, tokens["input_ids"])), tf.float32)
        averaged = tf.where(mask, tf.linalg.matvec(values, self.of_mean), 0.0)
        count = tf.maximum(tf.reduce_sum(tf.cast(mask, tf.float32), axis=1), 1.0)
        highest = tf.reduce_max(tf.where(mask, tf.linalg.matvec(values, self.of_highest), NO_SCORE), axis=1)
        of_tokens = tf.reshape(tf.reduce_sum(averaged, axis=1) / count + highest, tf.shape(there))
        ends = sqrt(self.width) * tf.cast(_ends(there, drawn, counts), tf.float32)
        return tf.where(there, of_tokens + tf.linalg.matvec(ends, self.of_ends), NO_SCORE)

    def _transformed(self, vectors: tf.Tensor, folded: Folded) -> tf.Tensor:
        """Sends windows through the layer, norms first; each sees those of its text that are read."""
        made, read = self.layer, folded.read
        # A batch may have room for more windows than any text has.
        first = tf.minimum(tf.range(tf.shape(read)[1]), self.windowed.most - 1)
        places = first if folded.drawn is None else folded.drawn
        placed = vectors + tf.gather(made["positions"], places)
        normed = _normed(placed, made["attention.scale"], made["attention.offset"])
        queries, keys, values = (self._headed(normed @ made[name]) for name in ("query", "key", "value"))
        scores = tf.matmul(queries, keys, transpose_b=True) / sqrt(self.width // self.heads)
        shares = tf.nn.softmax(tf.where(read[:, None, None, :], scores, NO_SCORE))
        seen = tf.reshape(tf.transpose(shares @ values, [0, 2, 1, 3]), tf.shape(vectors))
        vectors += seen @ made["output"]
        normed = _normed(vectors, made["feed_forward.scale"], made["feed_forward.offset"])
        return vectors + tf.nn.gelu(normed @ made["inner"] + made["inner_bias"]) @ made["outer"]

    def _headed(self, values: tf.Tensor) -> tf.Tensor:
        rows, number = _size(values)[:2]
        return tf.transpose(tf.reshape(values, [rows, number, self.heads, self.width // self.heads]), [0, 2, 1, 3])


def mean(vectors: tf.Tensor, read: tf.Tensor) -> tf.Tensor:
    """Returns the mean of the vectors float32[B, K, H] that are read, bool[B, K]: float32[B, H]."""
    share = tf.cast(read, tf.float32) / tf.reduce_sum(tf.cast(read, tf.float32), axis=1, keepdims=True)
    return tf.reduce_sum(vectors * share[:, :, None], axis=1)


def highest(vectors: tf.Tensor, read: tf.Tensor) -> tf.Tensor:
    """Returns the highest value in each column of the vectors that are read, float32[B, H]."""
    return tf.reduce_max(tf.where(read[:, :, None], vectors, NO_SCORE), axis=1)


def log_sum_exp(vectors: tf.Tensor, read: tf.Tensor) -> tf.Tensor:
    """Returns ``log(mean(exp(r * vectors))) / r``, between the mean and the highest, float32[B, H]."""
    number = tf.reduce_sum(tf.cast(read, tf.float32), axis=1, keepdims=True)
    values = tf.where(read[:, :, None], SHARPNESS * vectors, NO_SCORE)
    return (tf.reduce_logsumexp(values, axis=1) - tf.math.log(number)) / SHARPNESS


def window_routes(attention_mask: tf.Tensor, windowed: Windowed) -> tf.Tensor:
    """Returns string[B]: ``windows 2/9`` of a text with nine windows two of which are read, ``full`` of all others."""
    folded = tf.reshape(attention_mask, _windows_of(attention_mask, windowed))
    number = tf.reduce_sum(tf.cast(tf.reduce_any(folded > 0, axis=2), tf.int32), axis=1)
    read = _read_of(number, windowed)
    named = tf.strings.join(["windows ", tf.strings.as_string(read), "/", tf.strings.as_string(number)])
    return tf.where(read < number, named, FULL)


def naming_windows(then: Pass, windowed: Windowed | None) -> Pass:
    """Returns a pass that says of each text how many of its windows were read, where ``then`` says nothing else."""
    if windowed is None or not windowed.chooses:
        return then

    def run(given: Mapping[str, tf.Tensor]) -> Routed:
        routed = then(given)
        named = window_routes(given["attention_mask"], windowed)
        return Routed(routed.logits, tf.where(routed.route == FULL, named, routed.route))

    return run


def names_of(pooling: WindowPooling) -> list[tuple[tf.Variable, str]]:
    """Returns the weights with the names that they have in files."""
    return [(variable, variable.name.split(":")[0].replace("/", ".")) for variable in pooling.weights]


def _drawn(batch: Mapping[str, tf.Tensor], number: int | tf.Tensor) -> tf.Tensor | None:
    """Returns int32[B, K]: of K windows of each text, where windows are drawn, which of its windows they are."""
    if WINDOW_PLACES not in batch:
        return None
    # A batch may have room for more windows than are drawn of a text, and for fewer where all of its texts are short.
    places = batch[WINDOW_PLACES]
    return tf.gather(places, tf.minimum(tf.range(number), tf.shape(places)[1] - 1), axis=1)


def _ends(there: tf.Tensor, drawn: tf.Tensor | None, counts: tf.Tensor | None) -> tf.Tensor:
    """Returns bool[B, K, 2]: whether a window is the first of its text, and whether it is the last."""
    place = tf.range(tf.shape(there)[1])[None, :] if drawn is None else drawn
    known = tf.reduce_max(tf.where(there, place, 0), axis=1) if counts is None else counts - 1
    first = tf.broadcast_to(place == 0, tf.shape(there))
    return tf.stack([first, place == known[:, None]], axis=2)


def _best(scores: tf.Tensor, there: tf.Tensor, windowed: Windowed) -> tf.Tensor:
    """Returns bool[B, K]: the windows with the highest scores, of equal ones the first."""
    place = tf.range(tf.shape(there)[1])
    higher = scores[:, None, :] > scores[:, :, None]
    before = (scores[:, None, :] == scores[:, :, None]) & (place[None, :] < place[:, None])[None]
    rank = tf.reduce_sum(tf.cast((higher | before) & there[:, None, :], tf.int32), axis=2)
    return there & (rank < _read_of(tf.reduce_sum(tf.cast(there, tf.int32), axis=1), windowed)[:, None])


def _read_of(number: tf.Tensor, windowed: Windowed) -> tf.Tensor:
    """Returns int32[B]: of so many windows of a text those that are read."""
    # A third of three windows is one, whatever floats make of it; and of no share is it none.
    return tf.maximum(tf.cast(tf.math.ceil(windowed.share * tf.cast(number, tf.float32) - 1e-4), tf.int32), 1)


def _normed(values: tf.Tensor, scale: tf.Tensor, offset: tf.Tensor) -> tf.Tensor:
    mean_, variance = tf.nn.moments(values, axes=[-1], keepdims=True)
    return tf.nn.batch_normalization(values, mean_, variance, offset, scale, 1e-6)


def _side_by_side(vectors: tf.Tensor, folded: Folded) -> tf.Tensor:
    """Returns vectors of rows, [R, H], as those of the windows of each text, [B, K, H]; zeros of what is no row."""
    (rows, number), width = _size(folded.read), vectors.shape[1]
    if folded.places is not None:
        shape = tf.cast(tf.stack([rows * number, width]), tf.int64)
        vectors = tf.scatter_nd(folded.places[:, None], vectors, shape)
    return tf.reshape(vectors, [rows, number, width])


def _windows_of(tokens: tf.Tensor, windowed: Windowed) -> list[int | tf.Tensor]:
    """Returns B, K and L of a batch [B, K * L]; of one with fewer columns than a window has, K is 1."""
    rows, columns = _size(tokens)
    least = min if isinstance(columns, int) else tf.minimum
    width = least(columns, windowed.length)
    return [rows, columns // width, width]


def _size(values: tf.Tensor) -> list[int | tf.Tensor]:
    """Returns the sizes of a tensor, as numbers where they are static."""
    dynamic = tf.shape(values)
    return [dynamic[place] if size is None else size for place, size in enumerate(values.shape)]


# Pools without weights: vectors float32[B, K, H] and which of them are read, bool[B, K], to float32[B, H].
POOLS: dict[str, Callable[[tf.Tensor, tf.Tensor], tf.Tensor]] = {
    "mean": mean,
    "max": highest,
    "log_sum_exp": log_sum_exp,
}
