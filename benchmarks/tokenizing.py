"""How long word pieces take in the graph, against the reference tokenizer, and what one short text waits for them.

    python benchmarks/tokenizing.py [--data FOLDER] [--texts 20000] [--repeats 5]

FOLDER holds data sets as CSV files with a column ``text`` (``FOLDER/*/*.csv``); without it, or where it has none, the
package's own samples are taken, over and over. All candidates take turns in one process, chunks of 2048 texts through
``tf.data`` on all cores as the token store does it, so that what else the machine does falls on all alike.
"""

from __future__ import annotations

import argparse
import csv
import json
import os
import random
import statistics
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from itertools import cycle, islice, pairwise
from pathlib import Path

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

import tensorflow as tf
import tensorflow_text as tf_text
from numpy.typing import NDArray
from transformers import BertTokenizerFast

from tfclassify.data.sources.sample import FOLDER as SAMPLES
from tfclassify.model.weights import find
from tfclassify.text.characters import characters
from tfclassify.text.word_pieces import MAX_CHARACTER_BYTES, MAX_WORD_CHARACTERS, UNK, read_vocabulary, word_pieces
from tfclassify.text.words import cut_words

CHUNK_ROWS = 2048
SHARED = Path(__file__).parents[2] / "shared" / "data"
SHORT = "I would like to know where my new card is, please!"
LATENCY_CALLS = 500

Tokenize = Callable[[tf.Tensor], tf.RaggedTensor]


def read_texts(folder: Path, count: int) -> list[str]:
    """Reads the texts of every CSV file and draws some of them; of too few, all again and again."""
    csv.field_size_limit(1 << 24)
    texts = []
    for path in sorted(folder.glob("*/*.csv")):
        with open(path, encoding="utf-8", newline="") as file:
            texts += [row["text"] for row in csv.DictReader(file) if row.get("text")]
    if not texts:
        sys.exit(f"no texts in {folder}/*/*.csv; expected CSV files with a column 'text'; name their folder by --data")
    random.Random(0).shuffle(texts)
    return list(islice(cycle(texts), count))


def fast_op(vocab_file: Path) -> Tokenize:
    """Makes the other candidate: the same words, cut by ``FastWordpieceTokenizeWithOffsets``."""
    cutter = tf_text.FastWordpieceTokenizer(
        read_vocabulary(vocab_file),
        token_out_type=tf.int32,
        max_bytes_per_word=MAX_WORD_CHARACTERS * MAX_CHARACTER_BYTES,
        no_pretokenization=True,
        support_detokenization=False,
    )
    table = characters(lower_case=True)

    @tf.function(input_signature=[tf.TensorSpec([None], tf.string)], autograph=False)
    def tokenize(texts: tf.Tensor) -> tf.RaggedTensor:
        words = cut_words(texts, table)
        pieces = cutter.tokenize(tf.where(words.lengths > MAX_WORD_CHARACTERS, UNK, words.words))
        return tf.RaggedTensor.from_row_splits(pieces.values, tf.gather(pieces.row_splits, words.row_splits))

    return tokenize


def in_chunks(tokenize: Tokenize, texts: Sequence[str]) -> list[tuple[NDArray, NDArray]]:
    """Tokenises as the token store does: flat ids and row splits of every chunk."""
    chunks = tf.data.Dataset.from_tensor_slices(texts).batch(CHUNK_ROWS)

    def flat(chunk: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
        pieces = tokenize(chunk)
        return pieces.values, pieces.row_splits

    return list(chunks.map(flat, num_parallel_calls=os.cpu_count()).prefetch(2).as_numpy_iterator())


def rows(chunks: Sequence[tuple[NDArray, NDArray]]) -> list[list[int]]:
    """Returns the ids of every text."""
    return [values[start:end].tolist() for values, splits in chunks for start, end in pairwise(splits)]


def by_reference(tokenizer: BertTokenizerFast, texts: Sequence[str]) -> list[list[int]]:
    """Tokenises by the reference, all texts in one call."""
    made = tokenizer(
        list(texts),
        add_special_tokens=False,
        split_special_tokens=True,
        return_attention_mask=False,
        return_token_type_ids=False,
        verbose=False,
    )
    return made["input_ids"]


def taking_turns(candidates: dict[str, Callable[[], object]], repeats: int) -> dict[str, float]:
    """Returns the median seconds of each candidate, after one turn that is not counted."""
    seconds: dict[str, list[float]] = {name: [] for name in candidates}
    for turn in range(repeats + 1):
        for name, run in candidates.items():
            started = time.perf_counter()
            run()
            if turn:
                seconds[name].append(time.perf_counter() - started)
    return {name: statistics.median(times) for name, times in seconds.items()}


def latency_ms(tokenize: Tokenize) -> float:
    """Returns the median milliseconds of one short text."""
    text = tf.constant([SHORT])
    times = []
    for _ in range(LATENCY_CALLS):
        started = time.perf_counter()
        tokenize(text)
        times.append(time.perf_counter() - started)
    return 1000 * statistics.median(times)


def measure(texts: Sequence[str], vocab_file: Path, repeats: int) -> dict[str, float]:
    """Returns the figures; the ids of all candidates are compared on the way."""
    reference = BertTokenizerFast(vocab_file=str(vocab_file), do_lower_case=True)
    ours, other = word_pieces(vocab_file, lower_case=True), fast_op(vocab_file)
    expected = by_reference(reference, texts)
    differ = {
        name: sum(made != row for made, row in zip(rows(in_chunks(tokenize, texts)), expected, strict=True))
        for name, tokenize in (("ours", ours), ("fast_op", other))
    }
    seconds = taking_turns(
        {
            "reference": lambda: by_reference(reference, texts),
            "ours": lambda: in_chunks(ours, texts),
            "fast_op": lambda: in_chunks(other, texts),
        },
        repeats,
    )
    return {
        "texts": len(texts),
        "characters": sum(map(len, texts)),
        "texts_that_differ": differ["ours"],
        "texts_that_differ_fast_op": differ["fast_op"],
        **{f"{name}_seconds": round(value, 3) for name, value in seconds.items()},
        "ratio": round(seconds["ours"] / seconds["reference"], 3),
        "ratio_fast_op": round(seconds["fast_op"] / seconds["reference"], 3),
        "one_text_ms": round(latency_ms(ours), 3),
        "one_text_ms_fast_op": round(latency_ms(other), 3),
    }


def main() -> None:
    """Measures and prints one figure per line."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data", type=Path, default=SHARED if SHARED.is_dir() else SAMPLES)
    parser.add_argument("--texts", type=int, default=20_000)
    parser.add_argument("--repeats", type=int, default=5)
    asked = parser.parse_args()
    with tempfile.TemporaryDirectory() as cache:
        vocab_file = find("minilm", cache=Path(cache)).vocabulary
        print(json.dumps(measure(read_texts(asked.data, asked.texts), vocab_file, asked.repeats), indent=2))


if __name__ == "__main__":
    main()
