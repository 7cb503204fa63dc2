"""The token store: the rows of one location, read, checked and tokenised once, kept on disk in memory-mapped files.

Texts are tokenised by the very graph that serves them. A store is found again by a fingerprint of the data's bytes,
the columns, the vocabulary and what is done with empty and bad rows; it is written aside and renamed when whole.
"""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import uuid
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from contextlib import ExitStack
from dataclasses import asdict, dataclass, replace
from itertools import chain
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import tensorflow as tf
from numpy.typing import NDArray

from tfclassify.data import ragged
from tfclassify.data.checks import Examples, Where, examples
from tfclassify.data.ragged import Ragged, RaggedFiles
from tfclassify.data.sources import Columns, find_source, fingerprint
from tfclassify.data.splits import text_hash
from tfclassify.display import Display
from tfclassify.errors import UsageError

VERSION = 1
CHUNK_ROWS = 2048
TEXT_COLUMNS = ("text", "text_b", "id")

Tokenize = Callable[[tf.Tensor], tf.RaggedTensor]


@dataclass(frozen=True)
class Pieces:
    """The tokenizer of a store: a graph from string[N] to int32 word pieces, and what it was made of."""

    tokenize: Tokenize
    vocabulary: Path
    lower_case: bool
    unknown: int


@dataclass(frozen=True)
class Reading:
    """How a location is read: its columns, and what is done with rows that are not as expected."""

    columns: Columns
    empty: str
    max_rows: int | None


@dataclass(frozen=True)
class Account:
    """Where the rows of a location went: ``read`` is the sum of the rows kept and of those dropped."""

    read: int = 0
    kept: int = 0
    empty: int = 0
    bad: int = 0


@dataclass(frozen=True)
class TokenStore:
    """N rows, memory-mapped. ``pieces`` hold no [CLS] or [SEP]; ``label_ids`` are places in ``label_names``."""

    folder: Path
    account: Account
    label_names: tuple[str, ...]
    text: Ragged
    text_b: Ragged | None
    id: Ragged | None
    pieces: Ragged
    pieces_b: Ragged | None
    label_ids: Ragged
    weights: NDArray[np.float32]
    hashes: NDArray[np.uint64]
    unknown: NDArray[np.int32]

    def __len__(self) -> int:
        return len(self.pieces)


def open_store(location: str, reading: Reading, pieces: Pieces, *, cache: Path, display: Display) -> TokenStore:
    """Opens the store of a location, and writes it first where there is none.

    Raises:
        UsageError: the location cannot be read as asked.
    """
    mark = _fingerprint(location, reading, pieces)
    folder = cache / "token_stores" / (mark or f"unmarked-{uuid.uuid4().hex}")
    if not (folder / "store.json").is_file():
        _write(location, reading, pieces, folder=folder, display=display)
    return _open(folder)


def decode_text(store: TokenStore, row: int) -> str:
    """Returns the text of a row; a pair's texts with a line between them."""
    first = ragged.decode(store.text, row)
    return first if store.text_b is None else f"{first}\n{ragged.decode(store.text_b, row)}"


def _fingerprint(location: str, reading: Reading, pieces: Pieces) -> str | None:
    data = fingerprint(location)
    if data is None:
        return None
    told = {
        "version": VERSION,
        "data": data,
        "reading": asdict(reading),
        "vocabulary": hashlib.sha256(pieces.vocabulary.read_bytes()).hexdigest(),
        "lower_case": pieces.lower_case,
    }
    return hashlib.sha256(json.dumps(told, sort_keys=True).encode()).hexdigest()[:32]


def _open(folder: Path) -> TokenStore:
    facts = json.loads((folder / "store.json").read_text(encoding="utf-8"))
    pieces_type = np.dtype(facts["pieces_type"])

    def mapped(name: str, dtype: Any) -> Ragged | None:
        present = (folder / f"{name}.offsets").is_file()
        return ragged.open_ragged(folder, name, dtype) if present else None

    return TokenStore(
        folder=folder,
        account=Account(**facts["account"]),
        label_names=tuple(facts["label_names"]),
        text=ragged.open_ragged(folder, "text", np.uint8),
        text_b=mapped("text_b", np.uint8),
        id=mapped("id", np.uint8),
        pieces=ragged.open_ragged(folder, "pieces", pieces_type),
        pieces_b=mapped("pieces_b", pieces_type),
        label_ids=ragged.open_ragged(folder, "label_ids", np.int32),
        weights=ragged.open_values(folder / "weights.values", np.float32),
        hashes=ragged.open_values(folder / "hashes.values", np.uint64),
        unknown=ragged.open_values(folder / "unknown.values", np.int32),
    )


def _write(location: str, reading: Reading, pieces: Pieces, *, folder: Path, display: Display) -> None:
    aside = folder.with_name(f".{folder.name}.{os.getpid()}")
    aside.mkdir(parents=True, exist_ok=True)
    try:
        facts = _write_files(location, reading, pieces, aside, display)
        (aside / "store.json").write_text(json.dumps(facts), encoding="utf-8")
        # Another process may have been faster; its store is as good.
        if not folder.exists():
            aside.rename(folder)
    finally:
        shutil.rmtree(aside, ignore_errors=True)


def _write_files(location: str, reading: Reading, pieces: Pieces, folder: Path, display: Display) -> dict[str, Any]:
    columns = reading.columns
    names: dict[str, int] = {}
    ledger: Counter[str] = Counter()
    chunks = _chunks(location, reading, ledger)
    pieces_type = np.uint16 if _tokens(pieces.vocabulary) <= 2**16 else np.int32
    with ExitStack() as stack:
        texts = {name: ragged.create(stack, folder, name, np.uint8) for name in _text_columns(columns)}
        tokens = {
            name: ragged.create(stack, folder, name, pieces_type)
            for name in ("pieces", "pieces_b")[: 2 if columns.text_b else 1]
        }
        labels = ragged.create(stack, folder, "label_ids", np.int32)
        flat = {
            name: stack.enter_context(open(folder / f"{name}.values", "wb"))
            for name in ("weights", "hashes", "unknown")
        }
        display.start(f"reading {location}", 0)
        for chunk, made in _tokenized(chunks, pieces, pair=bool(columns.text_b)):
            _append_texts(texts, chunk)
            _append_labels(labels, chunk.labels, names)
            for (values, lengths), file in zip(made, tokens.values(), strict=True):
                ragged.append(file, values, lengths)
            flat["weights"].write(chunk.weights.astype(np.float32).tobytes())
            flat["hashes"].write(_hashes(chunk).tobytes())
            flat["unknown"].write(_unknown(made, pieces.unknown).tobytes())
            display.advance(len(chunk.text), "rows")
    account = Account(read=ledger["read"], kept=ledger["kept"], empty=ledger["empty"], bad=ledger["bad"])
    return {"account": asdict(account), "label_names": list(names), "pieces_type": np.dtype(pieces_type).name}


def _chunks(location: str, reading: Reading, ledger: Counter[str]) -> Iterator[Examples]:
    """Reads, checks and drops rows, counting each, in chunks of a size that the tokenizer likes."""

    def skipped(rows: int) -> None:
        ledger["bad"] += rows
        ledger["read"] += rows

    batches = find_source(location)(location, reading.columns, skipped=skipped)
    for batch in _at_most(batches, reading.max_rows):
        for start in range(0, batch.num_rows, CHUNK_ROWS):
            part = batch.slice(start, CHUNK_ROWS)
            chunk = examples(part, reading.columns, where=Where(location, ledger["read"] + 1))
            ledger["read"] += part.num_rows
            kept = _without_empty(chunk, reading.empty, location, ledger)
            ledger["kept"] += len(kept.text)
            yield kept
    if not ledger["read"]:
        raise UsageError(f"{location} has no rows; expected a header and at least one row")


def _at_most(batches: Iterable[pa.RecordBatch], rows: int | None) -> Iterator[pa.RecordBatch]:
    for batch in batches:
        if rows is None:
            yield batch
            continue
        if rows <= 0:
            return
        yield batch.slice(0, rows)
        rows -= batch.num_rows


def _without_empty(chunk: Examples, rule: str, location: str, ledger: Counter[str]) -> Examples:
    empty = int(chunk.empty.sum())
    if not empty or rule == "keep":
        return chunk
    if rule == "fail":
        row = ledger["read"] - len(chunk.text) + int(np.argmax(chunk.empty)) + 1
        raise UsageError(f"{location}: row {row} has an empty text; fill it, or set data.empty=drop or data.empty=keep")
    ledger["empty"] += empty
    return _taken(chunk, ~chunk.empty)


def _taken(chunk: Examples, mask: NDArray[np.bool_]) -> Examples:
    chosen = pa.array(mask)
    optional = {
        name: None if getattr(chunk, name) is None else getattr(chunk, name).filter(chosen) for name in ("text_b", "id")
    }
    return replace(
        chunk,
        text=chunk.text.filter(chosen),
        labels=chunk.labels.filter(chosen),
        weights=chunk.weights[mask],
        empty=chunk.empty[mask],
        **optional,
    )


def _tokenized(
    chunks: Iterator[Examples], pieces: Pieces, *, pair: bool
) -> Iterator[tuple[Examples, list[tuple[NDArray, NDArray]]]]:
    """Runs the tokenizer over chunks on all cores, in order; at most a few chunks are held at a time."""
    waiting: list[Examples] = []

    def texts() -> Iterator[tuple[list[str], ...]]:
        for chunk in chunks:
            waiting.append(chunk)
            columns = (chunk.text, chunk.text_b) if pair else (chunk.text,)
            yield tuple(column.to_pylist() for column in columns)

    def tokens(*columns: tf.Tensor) -> tuple[tf.Tensor, ...]:
        made = [pieces.tokenize(column) for column in columns]
        return tuple(chain.from_iterable((part.values, part.row_lengths()) for part in made))

    signature = (tf.TensorSpec([None], tf.string),) * (2 if pair else 1)
    dataset = tf.data.Dataset.from_generator(texts, output_signature=signature)
    dataset = dataset.map(tokens, num_parallel_calls=os.cpu_count(), deterministic=True).prefetch(2)
    for flat in dataset.as_numpy_iterator():
        yield waiting.pop(0), list(zip(flat[::2], flat[1::2], strict=True))


def _text_columns(columns: Columns) -> list[str]:
    present = {"text": True, "text_b": bool(columns.text_b), "id": bool(columns.id)}
    return [name for name in TEXT_COLUMNS if present[name]]


def _append_texts(files: dict[str, RaggedFiles], chunk: Examples) -> None:
    for name, file in files.items():
        column = getattr(chunk, name).cast(pa.large_binary())
        _, offsets, data = column.buffers()
        bounds = np.frombuffer(offsets, np.int64)[column.offset : column.offset + len(column) + 1]
        values = np.frombuffer(data, np.uint8)[bounds[0] : bounds[-1]] if len(column) else np.zeros(0, np.uint8)
        ragged.append(file, values, np.diff(bounds))


def _append_labels(file: RaggedFiles, labels: pa.ListArray, names: dict[str, int]) -> None:
    flat = labels.flatten().to_pylist()
    ids = [names.setdefault(name, len(names)) for name in flat]
    ragged.append(file, np.array(ids, np.int32), labels.value_lengths().to_numpy(zero_copy_only=False))


def _hashes(chunk: Examples) -> NDArray[np.uint64]:
    first = text_hash(chunk.text)
    if chunk.text_b is None:
        return first
    # A pair is the same as another when both texts are; the odd factor keeps (a, b) apart from (b, a).
    return first * np.uint64(0x9E3779B97F4A7C15) + text_hash(chunk.text_b)


def _unknown(made: list[tuple[NDArray, NDArray]], unknown: int) -> NDArray[np.int32]:
    counts = [
        np.bincount(np.repeat(np.arange(len(lengths)), lengths)[values == unknown], minlength=len(lengths))
        for values, lengths in made
    ]
    return np.sum(counts, axis=0).astype(np.int32)


def _tokens(vocabulary: Path) -> int:
    with open(vocabulary, "rb") as file:
        return sum(1 for _ in file)
