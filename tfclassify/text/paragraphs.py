"""Where paragraphs begin among the word pieces of a text: behind each blank line, which word pieces do not show."""

from __future__ import annotations

from collections.abc import Callable

import tensorflow as tf

# No text in UTF-8 holds this byte.
MARK = b"\xff"
BLANK_LINES = r"\n[ \t\r\f\v]*\n\s*"

Tokenize = Callable[[tf.Tensor], tf.RaggedTensor]


def with_breaks(tokenize: Tokenize, texts: tf.Tensor) -> tuple[tf.RaggedTensor, tf.RaggedTensor]:
    """Cuts texts into word pieces, and says where their paragraphs begin.

    The pieces are those of the whole texts: words end at white space, on which nothing across it depends.

    Args:
        tokenize: string[N] to word pieces int32[N, None].
        texts: string[B].

    Returns:
        Word pieces int32[B, None]; and int64[B, None], the rising places among them at which paragraphs begin, but for
        the first of a text.
    """
    marked = tf.strings.regex_replace(texts, BLANK_LINES, rb"\0" + MARK)
    parts = tf.strings.split(marked, MARK)
    made = tokenize(parts.flat_values)
    # Parts of which nothing is left are no paragraphs.
    ends = tf.RaggedTensor.from_row_splits(tf.cumsum(made.row_lengths()), parts.row_splits, validate=False)
    pieces = tf.RaggedTensor.from_row_splits(
        made.flat_values, tf.gather(made.row_splits, parts.row_splits), validate=False
    )
    places = ends.flat_values - tf.gather(pieces.row_starts(), ends.value_rowids())
    lengths = tf.gather(pieces.row_lengths(), ends.value_rowids())
    inside = (made.row_lengths() > 0) & (places < lengths)
    return pieces, tf.ragged.boolean_mask(ends.with_flat_values(places), ends.with_flat_values(inside))
