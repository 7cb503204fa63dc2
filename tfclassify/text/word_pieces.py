"""Texts to BERT's word pieces inside a graph, equal to the reference tokenizer (``transformers.BertTokenizerFast``).

Of TensorFlow Text only the op ``WordpieceTokenizeWithOffsets`` is used: every TensorFlow Serving since 2.2 has it, and
it reads nothing that was built under another Unicode version. (``FastWordpieceTokenizeWithOffsets``, from 2.10 on, is
quicker per word; every different word of a call being cut once here, the whole takes 1.1 to 1.9 times as long as with
it, and still half of the reference's time or less: ``benchmarks/tokenizing.py``.) The vocabulary is part of the graph,
and so of a SavedModel: there is no file to find and no resource to track. A SavedModel written by TensorFlow 2.21 was
seen to give the same ids under 2.2.3, 2.12.1 and 2.20.0, each with the TensorFlow Text of its time; only a vocabulary
with pieces of noncharacters (U+FFFF and the like) has those pieces unknown before 2.20.

Equal means equal ids on every text, with one difference on purpose: a literal ``[SEP]``, ``[MASK]``, ``[CLS]``,
``[PAD]`` or ``[UNK]`` inside a text is text like any other (``[``, ``sep``, ``]``), where the reference takes it for
the special token unless it is told ``split_special_tokens=True``: whoever writes ``[SEP]`` in a message must not be
able to cut it in two for the model. Bytes that are not UTF-8, which the reference cannot be given, are dropped.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cache
from importlib import metadata
from pathlib import Path
from types import ModuleType

import numpy as np
import tensorflow as tf

from tfclassify.errors import UsageError
from tfclassify.text.characters import characters
from tfclassify.text.ngram_hashing import MOST_IDS
from tfclassify.text.words import REPLACEMENT, Words, as_constants, cut_words

PAD, UNK, CLS, SEP = "[PAD]", "[UNK]", "[CLS]", "[SEP]"
SUFFIX = "##"
HOST = "CPU:0"
MAX_WORD_CHARACTERS = 100
MAX_CHARACTER_BYTES = 4
EXPECTED = "expected the vocab.txt of a BERT model, one word piece per line"
# Words that a vocabulary does not know have ids from here on, where they are told apart.
APART = MOST_IDS // 2

Tokenize = Callable[[tf.Tensor], tf.RaggedTensor]


@dataclass(frozen=True)
class SpecialIds:
    """Ids of padding, of an unknown word, of the token before a text and of the one behind it."""

    pad: int
    unknown: int
    cls: int
    sep: int


@dataclass(frozen=True)
class _Lookup:
    """A table from piece to id: its name, string[V] pieces, int64[V] ids, the longest piece, and the id of [UNK]."""

    name: str
    pieces: tf.Tensor
    ids: tf.Tensor
    longest_bytes: int
    unknown: int


def read_vocabulary(path: Path | str) -> list[str]:
    """Reads a BERT vocabulary: one word piece per line, the id of a piece being its line's number from 0.

    Raises:
        UsageError: there is no such file, it is not UTF-8, it lacks a special token, a piece is in it twice, or it
            has more than 2^21.
    """
    if not Path(path).is_file():
        raise UsageError(f"no vocabulary file '{path}'; {EXPECTED}")
    try:
        # Line ends of any system, as the reference reads them; no other character ends a line.
        with open(path, encoding="utf-8") as file:
            vocabulary = [line.rstrip("\n") for line in file]
    except UnicodeDecodeError as error:
        raise UsageError(f"the vocabulary file '{path}' is not UTF-8; {EXPECTED}") from error
    _check_vocabulary(vocabulary, path)
    return vocabulary


def special_ids(vocabulary: Sequence[str]) -> SpecialIds:
    """Returns the ids of the special tokens.

    Raises:
        UsageError: the vocabulary lacks one of them.
    """
    missing = [token for token in (PAD, UNK, CLS, SEP) if token not in vocabulary]
    if missing:
        raise UsageError(f"the vocabulary has no {', '.join(missing)}; expected {PAD}, {UNK}, {CLS} and {SEP} in it")
    return SpecialIds(*(vocabulary.index(token) for token in (PAD, UNK, CLS, SEP)))


def word_pieces(vocab_file: Path | str, *, lower_case: bool, apart: bool = False) -> Tokenize:
    """Makes the tokenizer of a vocabulary, without special tokens.

    Args:
        vocab_file: a BERT vocab.txt.
        lower_case: for uncased vocabularies: accents are stripped and letters lower-cased.
        apart: whether each unknown word has an id of its own, by its hash, from ``APART`` to below twice that, in
            place of the one of [UNK], those of more than 100 characters all the same one; :func:`put_together` takes
            these back.

    Returns:
        A function string[N] -> ragged int32[N, None], for eager use, ``tf.data`` and SavedModel signatures alike.

    Raises:
        UsageError: the vocabulary cannot be read or lacks a special token.
    """
    vocabulary = read_vocabulary(vocab_file)
    with tf.init_scope(), tf.device(HOST):
        table = as_constants(characters(lower_case=lower_case))
        lookup = _lookup(vocabulary)

    @tf.function(input_signature=[tf.TensorSpec([None], tf.string)], autograph=False)
    def tokenize(texts: tf.Tensor) -> tf.RaggedTensor:
        # Most of these ops have no kernel for a GPU; the others would only be sent there and back.
        with tf.device(HOST):
            words = cut_words(texts, table)
            by_word = _pieces(words, lookup, apart=apart)
            row_splits = tf.gather(by_word.row_splits, words.row_splits)
            return tf.RaggedTensor.from_row_splits(by_word.values, row_splits, validate=False)

    return tokenize


def put_together(pieces: tf.RaggedTensor, unknown: int) -> tf.RaggedTensor:
    """Returns word pieces int32[N, None] with the id of [UNK] for each word that was told apart."""
    return pieces.with_flat_values(tf.where(pieces.flat_values >= APART, unknown, pieces.flat_values))


def tokenizer(vocab_file: Path | str, lower_case: bool = True) -> Tokenize:
    """Makes the tokenizer of a vocabulary, with ``[CLS]`` before and ``[SEP]`` behind the pieces of every text.

    Args:
        vocab_file: a BERT vocab.txt.
        lower_case: for uncased vocabularies: accents are stripped and letters lower-cased.

    Returns:
        A function string[N] -> ragged int32[N, None], in TensorFlow ops only.

    Raises:
        UsageError: the vocabulary cannot be read or lacks a special token.
    """
    vocabulary = read_vocabulary(vocab_file)
    cls, sep = vocabulary.index(CLS), vocabulary.index(SEP)
    pieces = word_pieces(vocab_file, lower_case=lower_case)

    @tf.function(input_signature=[tf.TensorSpec([None], tf.string)], autograph=False)
    def tokenize(texts: tf.Tensor) -> tf.RaggedTensor:
        column = tf.ones([tf.size(texts), 1], tf.int32)
        return tf.concat([cls * column, pieces(texts), sep * column], axis=1)

    return tokenize


@cache
def text_ops() -> ModuleType:
    """Loads the op of TensorFlow Text; a SavedModel can be loaded after this as after ``import tensorflow_text``.

    The package itself takes a second to import and touches Keras on the way.
    """
    return tf.load_op_library(str(op_library()))


def op_library() -> Path:
    """Returns the file of the op, which is all that a process has to load before it loads a SavedModel."""
    name = "tensorflow_text/python/ops/_wordpiece_tokenizer.so"
    return Path(str(metadata.distribution("tensorflow-text").locate_file(name)))


def _check_vocabulary(vocabulary: Sequence[str], path: Path | str) -> None:
    missing = [token for token in (UNK, CLS, SEP) if token not in vocabulary]
    if missing:
        tokens = f"{UNK}, {CLS} and {SEP}"
        raise UsageError(f"the vocabulary file '{path}' has no {', '.join(missing)}; {EXPECTED}, among them {tokens}")
    if len(vocabulary) > APART:
        raise UsageError(
            f"the vocabulary file '{path}' has {len(vocabulary):,} word pieces; expected at most {APART:,}"
        )
    lines: dict[str, int] = {}
    for line, piece in enumerate(vocabulary, 1):
        if lines.setdefault(piece, line) != line:
            raise UsageError(
                f"the vocabulary file '{path}' has '{piece}' on lines {lines[piece]} and {line}; "
                "expected every word piece once, because its line is its id"
            )


def _lookup(vocabulary: Sequence[str]) -> _Lookup:
    # Up to some version after 2.12 TensorFlow writes U+FFFD for code points that are no characters (such as U+FFFF);
    # the reference's words never hold it, so no piece that does may match.
    ids = {piece: place for place, piece in enumerate(vocabulary) if chr(REPLACEMENT) not in piece}
    return _Lookup(
        name="word_pieces_" + hashlib.sha256("\n".join(vocabulary).encode()).hexdigest(),
        pieces=tf.constant(list(ids)),
        ids=tf.constant(list(ids.values()), tf.int64),
        longest_bytes=max(len(piece.encode()) for piece in ids),
        unknown=ids[UNK],
    )


def _pieces(words: Words, lookup: _Lookup, *, apart: bool) -> tf.RaggedTensor:
    """Cuts W words, every different one once, into ids: ragged int32[W, None]."""
    # The op counts bytes, the reference characters; and [UNK] is a word whose only piece is [UNK].
    limited = tf.where(words.lengths > MAX_WORD_CHARACTERS, UNK, words.words)
    different, which = tf.unique(limited)
    table = _table(lookup)
    pieces, lengths, _, _ = text_ops().wordpiece_tokenize_with_offsets(
        input_values=different,
        vocab_lookup_table=table,
        suffix_indicator=SUFFIX,
        max_bytes_per_word=MAX_WORD_CHARACTERS * MAX_CHARACTER_BYTES,
        # Without a limit the op looks every substring of a long word up. In bytes, since older kernels count those.
        max_chars_per_token=lookup.longest_bytes,
        use_unknown_token=True,
        unknown_token=UNK,
    )
    found = tf.raw_ops.LookupTableFindV2(table_handle=table, keys=pieces, default_value=np.int64(-1))
    ids = tf.RaggedTensor.from_row_lengths(tf.cast(found, tf.int32), lengths, validate=False)
    return tf.gather(_told_apart(ids, different, lookup.unknown) if apart else ids, which)


def _told_apart(ids: tf.RaggedTensor, words: tf.Tensor, unknown: int) -> tf.RaggedTensor:
    """Gives each of W words that is unknown, and so one piece, an id of its own."""
    first = ids.row_splits[:-1]
    those = tf.where(tf.equal(tf.gather(ids.values, first), unknown))[:, 0]
    hashed = APART + tf.cast(tf.strings.to_hash_bucket_fast(tf.gather(words, those), APART), tf.int32)
    return ids.with_values(tf.tensor_scatter_nd_update(ids.values, tf.gather(first, those)[:, None], hashed))


def _table(lookup: _Lookup) -> tf.Tensor:
    """Returns a table from piece to id that the graph itself makes and fills, the first time it runs.

    A table of ``tf.lookup`` is a resource that whoever exports the graph would have to track. This one is found again
    by a name made from what is in it, and filling it again is no more than a comparison of sizes.
    """
    table = tf.raw_ops.HashTableV2(key_dtype=tf.string, value_dtype=tf.int64, shared_name=lookup.name)
    filled = tf.raw_ops.InitializeTableV2(table_handle=table, keys=lookup.pieces, values=lookup.ids)
    with tf.control_dependencies([filled]):
        return tf.identity(table)
