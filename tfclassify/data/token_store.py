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
import weakref
from array import array
from bisect import bisect_right
from collections import Counter, deque
from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import ExitStack
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import tensorflow as tf
from numpy.typing import NDArray

from tfclassify.data import feature_files, ragged
from tfclassify.data.checks import Examples, Where, examples, taken, without_bad
from tfclassify.data.feature_files import StoredFeatures
from tfclassify.data.label_names import check_label_count
from tfclassify.data.left_out import NAMED_ROWS, check_left_out
from tfclassify.data.pieces import Pieces
from tfclassify.data.ragged import Ragged, RaggedFiles
from tfclassify.data.sources import Columns, Mark, find_source, format_of, is_unchanged, mark_of, numbered
from tfclassify.data.splits import pair_hash
from tfclassify.data.store_folders import Facts, evict, hold, size_of, write_folder
from tfclassify.display import Display
from tfclassify.errors import UsageError
from tfclassify.hardware import usable_cores
from tfclassify.runs import token_stores_bytes
from tfclassify.text.paragraphs import with_breaks

VERSION = 4
CHUNK_ROWS = 2048
TEXT_COLUMNS = ("text", "text_b", "id")

Flat = tuple[NDArray[np.int32], NDArray[np.int64]]
Tokenized = tuple[Examples, Examples, list[Flat], Flat]


@dataclass(frozen=True)
class Reading:
    """How a location is read: its columns, and what is done with rows that are not as expected."""

    columns: Columns
    empty: str
    max_rows: int | None


@dataclass(frozen=True)
class Account:
    """Where the rows of a location went: ``read`` is the sum of the rows kept and of those dropped.

    ``first_bad`` are the numbers of the first bad rows.
    """

    read: int = 0
    kept: int = 0
    empty: int = 0
    bad: int = 0
    first_bad: Sequence[int] = field(default=(), compare=False)


@dataclass(frozen=True)
class TokenStore:
    """N rows, memory-mapped. ``pieces`` hold no [CLS] or [SEP]; ``label_ids`` are places in ``label_names``.

    ``breaks`` are those pieces of a text at which paragraphs begin. ``mark`` is that of the data they were read from;
    ``bytes`` are those on disk, which stay as long as this is used.
    """

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
    mark: Mark | None = None
    bytes: int = 0
    features: StoredFeatures | None = None
    breaks: Ragged | None = None

    def __len__(self) -> int:
        return len(self.pieces)


def open_store(location: str, reading: Reading, pieces: Pieces, *, cache: Path, display: Display) -> TokenStore:
    """Opens the store of a location, and writes it first where there is none.

    Raises:
        UsageError: the location cannot be read as asked, or changes while it is read; the cache cannot be written to.
    """
    most_bytes, mark = token_stores_bytes(), mark_of(location)
    # A source of one's own may give other rows the next time: its store is for this time only.
    name = f".unmarked-{uuid.uuid4().hex}" if mark is None else _name(location, mark.sha256, reading, pieces)
    folder = cache / "token_stores" / name

    def fill(aside: Path) -> Facts:
        facts = _write_files(location, reading, pieces, aside, display)
        if mark is not None and not is_unchanged(mark):
            raise UsageError(f"{location} changed while it was read; start again once nothing writes to it")
        return facts

    held = hold(folder)
    if held is None:
        held = write_folder(folder, fill)
        _make_room(folder, location, held.facts, most_bytes, display)
    store = _open(folder, held.facts, mark)
    weakref.finalize(store, os.close, held.descriptor)
    if mark is None:
        # What is mapped stays until it is let go of.
        shutil.rmtree(folder, ignore_errors=True)
    return store


def _make_room(folder: Path, location: str, facts: Facts, most_bytes: int, display: Display) -> None:
    """Removes stores that were used long ago, where there are more than may be kept, and says what this one takes."""
    left = evict(folder.parent, most_bytes=most_bytes)
    display.say(
        f"{location}: {facts['account']['kept']} rows are kept as tokens in {size_of(facts) / 1e6:.1f} MB on disk; "
        f"all such stores take {left / 1e6:.1f} MB of at most {most_bytes / 1e6:.0f} MB (TFCLASSIFY_TOKEN_STORES_GB)"
    )


def _name(location: str, data: str, reading: Reading, pieces: Pieces) -> str:
    told = {
        "version": VERSION,
        "tensorflow": tf.__version__,
        "data": data,
        # The same bytes are other rows in another format.
        "format": format_of(location),
        "reading": asdict(reading),
        "vocabulary": hashlib.sha256(pieces.vocabulary.read_bytes()).hexdigest(),
        "lower_case": pieces.lower_case,
        **({"maps": pieces.maps.mark} if pieces.maps.mark else {}),
    }
    return hashlib.sha256(json.dumps(told, sort_keys=True).encode()).hexdigest()[:32]


def let_go(store: TokenStore) -> None:
    """Gives back the memory that the files of a store take; they are read again where they are needed."""
    for each in vars(store).values():
        if isinstance(each, Ragged):
            ragged.let_go(each.values, each.offsets)
        elif isinstance(each, np.ndarray):
            ragged.let_go(each)
    feature_files.let_go(store.features)


def _open(folder: Path, facts: Facts, mark: Mark | None) -> TokenStore:
    pieces_type = np.dtype(facts["pieces_type"])

    def mapped(name: str, dtype: Any) -> Ragged | None:
        return ragged.open_ragged(folder, name, dtype) if f"{name}.offsets" in facts["bytes"] else None

    return TokenStore(
        account=Account(**facts["account"]),
        mark=mark,
        bytes=size_of(facts),
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
        features=feature_files.open_features(folder, facts),
        breaks=mapped("breaks", np.int32),
    )


def _write_files(location: str, reading: Reading, pieces: Pieces, folder: Path, display: Display) -> Facts:
    columns = reading.columns
    names: dict[str, int] = {}
    ledger: Counter[str] = Counter()
    first_bad: list[int] = []
    chunks = _chunks(location, reading, ledger, first_bad)
    pieces_type = np.uint16 if _tokens(pieces.vocabulary) <= 2**16 else np.int32
    with ExitStack() as stack:
        texts = {name: ragged.create(stack, folder, name, np.uint8) for name in _text_columns(columns)}
        tokens = [
            ragged.create(stack, folder, name, pieces_type)
            for name in ("pieces", "pieces_b")[: 2 if columns.text_b else 1]
        ]
        labels, breaks = (ragged.create(stack, folder, name, np.int32) for name in ("label_ids", "breaks"))
        flat = {
            name: stack.enter_context(open(folder / f"{name}.values", "wb"))
            for name in ("weights", "hashes", "unknown")
        }
        features = feature_files.create(stack, folder, columns.features, location)
        display.start(f"reading {location}", 0)
        for chunk, mapped, made, marks in _tokenized(chunks, pieces):
            for name, file in texts.items():
                ragged.append_texts(file, getattr(mapped, name))
            _append_labels(labels, chunk.labels, names)
            check_label_count(len(names), columns, location)
            for (values, lengths), file in zip(made, tokens, strict=True):
                ragged.append(file, values, lengths)
            ragged.append(breaks, *marks)
            flat["weights"].write(chunk.weights.tobytes())
            flat["hashes"].write(pair_hash(chunk.text, chunk.text_b).tobytes())
            feature_files.append(features, chunk.features)
            flat["unknown"].write(_unknown(made, pieces.unknown).tobytes())
            display.advance(len(chunk.text), "rows")
    account = Account(ledger.total(), ledger["kept"], ledger["empty"], ledger["bad"], first_bad)
    return {
        "account": asdict(account),
        "label_names": list(names),
        "pieces_type": np.dtype(pieces_type).name,
        **feature_files.facts(features),
    }


def _chunks(location: str, reading: Reading, ledger: Counter[str], first_bad: list[int]) -> Iterator[Examples]:
    """Reads, checks and drops rows, counting each, in chunks of a size that the tokenizer likes."""
    unusable: list[int] = []
    skipped = array("q")
    batches = find_source(location)(location, reading.columns, skipped=skipped.append)
    for batch, rows in numbered(batches, skipped, max_rows=reading.max_rows):
        for start in range(0, batch.num_rows, CHUNK_ROWS):
            part = batch.slice(start, CHUNK_ROWS)
            where = Where(location, rows[start : start + CHUNK_ROWS])
            checked = examples(part, reading.columns, where=where)
            unusable += where.rows[checked.bad][: NAMED_ROWS - len(unusable)].tolist()
            sound, where = without_bad(checked, where)
            kept = _without_empty(sound, reading.empty, where)
            ledger["kept"] += len(kept.text)
            ledger["empty"] += len(sound.text) - len(kept.text)
            ledger["bad"] += part.num_rows - len(sound.text)
            yield kept
    ledger["bad"] += len(skipped) if reading.max_rows is None else bisect_right(skipped, reading.max_rows)
    if not ledger.total():
        raise UsageError(f"{location} has no rows; expected at least one")
    unread = skipped[: min(ledger["bad"], NAMED_ROWS)].tolist()
    first_bad += sorted([*unread, *unusable])[: min(ledger["bad"], NAMED_ROWS)]
    check_left_out(location, reading.columns, ledger, first_bad)


def _without_empty(chunk: Examples, rule: str, where: Where) -> Examples:
    if rule == "keep" or not chunk.empty.any():
        return chunk
    if rule == "fail":
        row = where.rows[int(np.argmax(chunk.empty))]
        raise UsageError(
            f"{where.location}: row {row} has an empty text; fill it, or set data.empty=drop or data.empty=keep"
        )
    return taken(chunk, ~chunk.empty)


def _tokenized(chunks: Iterable[Examples], pieces: Pieces) -> Iterator[Tokenized]:
    """Runs maps and tokenizer over chunks on all cores, in order; at most a few chunks are held at a time.

    Gives each chunk as it came, with its texts as the maps made them, their word pieces and paragraphs.
    """

    def flat(texts: tf.Tensor) -> tuple[tf.Tensor, ...]:
        mapped, _ = pieces.prepared(texts)
        made, marks = with_breaks(pieces.tokenize, mapped)
        return mapped, made.values, made.row_lengths(), marks.values, marks.row_lengths()

    graph = tf.function(flat, input_signature=[tf.TensorSpec([None], tf.string)]).get_concrete_function()

    def run(chunk: Examples) -> tuple[Examples, list[Flat], Flat]:
        columns = [chunk.text] if chunk.text_b is None else [chunk.text, chunk.text_b]
        made = [graph(tf.constant(column.to_pylist(), tf.string, [len(column)])) for column in columns]
        texts = [mapped for mapped, *_ in made] if pieces.maps.mark else []
        found = [(values.numpy(), lengths.numpy()) for _, values, lengths, *_ in made]
        return _with_texts(chunk, texts), found, (made[0][3].numpy(), made[0][4].numpy())

    workers = usable_cores()
    waiting: deque[tuple[Examples, Future[tuple[Examples, list[Flat], Flat]]]] = deque()
    # The data are read in this thread, whose errors are the reader's own.
    with ThreadPoolExecutor(workers) as pool:
        for chunk in chunks:
            waiting.append((chunk, pool.submit(run, chunk)))
            if len(waiting) > workers:
                done, made = waiting.popleft()
                yield done, *made.result()
        for done, made in waiting:
            yield done, *made.result()


def _with_texts(chunk: Examples, texts: Sequence[tf.Tensor]) -> Examples:
    """Puts what the maps made in the place of one or two texts; it is what reports show and baselines learn from."""
    columns = [pa.array(each.numpy().tolist(), pa.large_binary()) for each in texts]
    return replace(chunk, **dict(zip(("text", "text_b"), columns, strict=False)))


def _text_columns(columns: Columns) -> list[str]:
    present = {"text": True, "text_b": bool(columns.text_b), "id": bool(columns.id)}
    return [name for name in TEXT_COLUMNS if present[name]]


def _append_labels(file: RaggedFiles, labels: pa.ListArray, names: dict[str, int]) -> None:
    flat = labels.flatten().to_pylist()
    ids = [names.setdefault(name, len(names)) for name in flat]
    ragged.append(file, np.array(ids, np.int32), labels.value_lengths().to_numpy(zero_copy_only=False))


def _unknown(made: list[Flat], unknown: int) -> NDArray[np.int32]:
    counts = [
        np.bincount(np.repeat(np.arange(len(lengths)), lengths)[values == unknown], minlength=len(lengths))
        for values, lengths in made
    ]
    return np.sum(counts, axis=0).astype(np.int32)


def _tokens(vocabulary: Path) -> int:
    with open(vocabulary, "rb") as file:
        return sum(1 for _ in file)
