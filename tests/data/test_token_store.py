"""The token store: the same as tokenising in one go, written once, found again, whole or not there."""

from __future__ import annotations

import gc
import json
import os
import random
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from dataclasses import replace
from errno import ENOSPC
from pathlib import Path
from typing import Any

import numpy as np
import psutil
import pyarrow as pa
import pyarrow.parquet as arrow_parquet
import pytest
import tensorflow as tf
from hypothesis import given, settings
from hypothesis import strategies as st

from tfclassify.data import ragged, store_folders, token_store
from tfclassify.data.pieces import Pieces
from tfclassify.data.ragged import Ragged
from tfclassify.data.sources import Columns, fingerprints, is_unchanged, mark_of
from tfclassify.data.sources import columns as columns_module
from tfclassify.data.splits import text_hash
from tfclassify.data.token_store import Account, Reading, TokenStore, open_store
from tfclassify.display import SILENT, Display
from tfclassify.errors import UsageError
from tfclassify.text.maps import choose

PLAIN = Reading(Columns("text", label="label"), empty="drop", max_rows=None)
SKIP = replace(PLAIN, columns=replace(PLAIN.columns, bad_rows="skip"))
PAIR = replace(PLAIN, columns=Columns("text", text_b="text_b", label="label"))
TEXT = replace(PLAIN, columns=Columns("text"))


class Counted:
    """A tokenizer whose pieces are code points; counts how often a graph is made of it."""

    def __init__(self) -> None:
        self.graphs = 0

    def __call__(self, texts: tf.Tensor) -> tf.RaggedTensor:
        self.graphs += 1
        return tf.strings.unicode_decode(texts, "UTF-8")


def pieces_of(folder: Path, *, tokens: int = 2**16, lower_case: bool = True, tokenize: Any = None) -> Pieces:
    vocabulary = folder / f"vocabulary-{tokens}.txt"
    if not vocabulary.exists():
        vocabulary.write_text("a\n" * tokens, encoding="utf-8")
    return Pieces(tokenize or Counted(), vocabulary, lower_case=lower_case, unknown=ord("?"))


def stored(
    content: str | bytes, folder: Path, reading: Reading = PLAIN, pieces: Pieces | None = None, name: str = "rows.csv"
) -> TokenStore:
    path = folder / name
    path.write_bytes(content.encode() if isinstance(content, str) else content)
    return opened(path, folder, reading, pieces)


def opened(path: Path | str, folder: Path, reading: Reading = PLAIN, pieces: Pieces | None = None) -> TokenStore:
    pieces = pieces or pieces_of(folder)
    return open_store(str(path), reading, pieces, cache=folder / "cache", display=SILENT)


def message(content: str | bytes, folder: Path, reading: Reading = PLAIN, **more: Any) -> str:
    with pytest.raises(UsageError) as caught:
        stored(content, folder, reading, **more)
    assert "\n" not in str(caught.value)
    return str(caught.value).replace(str(folder), "FOLDER")


def texts_of(rows: Ragged | None) -> list[str]:
    assert rows is not None
    return [ragged.decode(rows, row) for row in range(len(rows))]


def labels_of(store: TokenStore) -> list[list[str]]:
    return [[store.label_names[place] for place in row] for row in store.label_ids]


def kept_in(folder: Path) -> list[str]:
    return sorted(path.name for path in (folder / "cache" / "token_stores").glob("*"))


def csv_of(rows: int) -> str:
    return "text,label\n" + "".join(f"text {row} é?,{row % 3}\n" for row in range(rows))


def parquet_at(path: Path, **columns: Any) -> Path:
    arrow_parquet.write_table(pa.table(columns), path)
    return path


# What is in it


def test_everything_that_is_kept(tmp_path: Path) -> None:
    reading = replace(PLAIN, columns=Columns("text", text_b="b", label="label", weight="w", id="id"))
    store = stored("id,text,b,label,w\nn1,ab,é?,x,1\nn2,??,c,y,0.5\nn3,d,e, x,2\n", tmp_path, reading)
    assert len(store) == 3
    assert store.account == Account(read=3, kept=3, empty=0, bad=0)
    assert texts_of(store.text) == ["ab", "??", "d"]
    assert texts_of(store.text_b) == ["é?", "c", "e"]
    assert texts_of(store.id) == ["n1", "n2", "n3"]
    assert [row.tolist() for row in store.pieces] == [[97, 98], [63, 63], [100]]
    assert store.pieces_b is not None
    assert [row.tolist() for row in store.pieces_b] == [[233, 63], [99], [101]]
    assert store.label_names == ("x", "y", " x")
    assert store.label_ids.values.tolist() == [0, 1, 2]
    assert store.weights.tolist() == [1.0, 0.5, 2.0]
    assert store.unknown.tolist() == [1, 2, 0]


def test_what_was_not_asked_for_is_not_kept(tmp_path: Path) -> None:
    store = stored("text,label,id\na,x,1\nb,y,2\n", tmp_path, TEXT)
    assert (store.text_b, store.pieces_b, store.id) == (None, None, None)
    assert (store.label_names, labels_of(store)) == ((), [[], []])
    assert store.weights.tolist() == [1.0, 1.0]


# A text with a NUL is a bad row.
WORDS = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0", max_codepoint=0xFFFF), max_size=6)


@settings(max_examples=12)
@given(rows=st.lists(st.tuples(WORDS, WORDS, st.sampled_from("xyz")), min_size=1, max_size=20))
def test_it_equals_tokenising_in_one_go(rows: list[tuple[str, str, str]]) -> None:
    first, second, labels = (list(column) for column in zip(*rows, strict=True))
    with tempfile.TemporaryDirectory() as folder, pytest.MonkeyPatch.context() as patch:
        patch.setattr(token_store, "CHUNK_ROWS", 3)
        path = parquet_at(Path(folder) / "rows.parquet", text=first, text_b=second, label=labels)
        store = opened(path, Path(folder), replace(PAIR, empty="keep"))
        for column, texts, pieces in ((first, store.text, store.pieces), (second, store.text_b, store.pieces_b)):
            assert texts_of(texts) == column
            assert pieces is not None
            assert [row.tolist() for row in pieces] == [[ord(char) for char in text] for text in column]
        assert labels_of(store) == [[label] for label in labels]
        assert store.unknown.tolist() == [(a + b).count("?") for a, b in zip(first, second, strict=True)]
        del store, texts, pieces
        gc.collect()


def test_many_chunks_stay_in_order(tmp_path: Path) -> None:
    store = stored(csv_of(10_000), tmp_path)
    texts = [f"text {row} é?" for row in range(10_000)]
    assert texts_of(store.text) == texts
    assert store.pieces.values.tobytes() == np.array([ord(char) for char in "".join(texts)], np.uint16).tobytes()
    assert ragged.lengths(store.pieces).tolist() == [len(text) for text in texts]
    assert store.hashes.tolist() == text_hash(pa.array(texts)).tolist()


def test_several_labels_over_several_chunks(tmp_path: Path) -> None:
    labels = [["a", "b", "c"][: row % 4] for row in range(5000)]
    path = parquet_at(tmp_path / "rows.parquet", text=["t"] * 5000, labels=labels)
    store = opened(path, tmp_path, replace(PLAIN, columns=Columns("text", labels="labels")))
    assert labels_of(store) == labels


def test_labels_of_a_dictionary_column(tmp_path: Path) -> None:
    labels = [f"l{row % 7}" for row in range(5000)]
    path = parquet_at(tmp_path / "rows.parquet", text=["t"] * 5000, label=pa.array(labels).dictionary_encode())
    assert labels_of(opened(path, tmp_path)) == [[label] for label in labels]


def test_a_very_long_text_and_a_very_long_word(tmp_path: Path) -> None:
    store = stored(f"text,label\n{'ab ' * 400_000},x\n{'c' * 100_000},y\n", tmp_path)
    assert ragged.lengths(store.pieces).tolist() == [1_200_000, 100_000]
    assert len(ragged.decode(store.text, 0)) == 1_200_000


def test_formulas_and_control_characters_are_data(tmp_path: Path) -> None:
    store = stored("text,label\na\x01b\x1b,x\n=cmd(),x\n", tmp_path)
    assert [row.tolist() for row in store.pieces] == [[97, 1, 98, 27], [61, 99, 109, 100, 40, 41]]
    assert texts_of(store.text) == ["a\x01b\x1b", "=cmd()"]


def test_it_is_mapped_into_memory(tmp_path: Path) -> None:
    store = stored(csv_of(3), tmp_path)
    arrays = [store.weights, store.hashes, store.unknown]
    for rows in (store.text, store.pieces, store.label_ids):
        arrays += [rows.values, rows.offsets]
    assert all(isinstance(array, np.memmap) and not array.flags.writeable for array in arrays)


@pytest.mark.parametrize(("tokens", "dtype"), [(2**16, np.uint16), (2**16 + 1, np.int32)])
def test_pieces_take_two_bytes_where_that_is_enough(tmp_path: Path, tokens: int, dtype: Any) -> None:
    store = stored(csv_of(3), tmp_path, pieces=pieces_of(tmp_path, tokens=tokens))
    assert store.pieces.values.dtype == dtype
    assert store.pieces[0].tolist() == [ord(char) for char in "text 0 é?"]


def test_the_bytes_on_disk(tmp_path: Path) -> None:
    rows, characters, text_bytes = 1000, 0, 0
    for row in range(rows):
        characters += len(f"text {row} é?")
        text_bytes += len(f"text {row} é?".encode())
    stored(csv_of(rows), tmp_path)
    (folder,) = (tmp_path / "cache" / "token_stores").iterdir()
    sizes = {path.name: path.stat().st_size for path in folder.iterdir()}
    del sizes["store.json"]
    assert sizes == {
        "text.values": text_bytes,
        "text.offsets": 8 * (rows + 1),
        "pieces.values": 2 * characters,
        "pieces.offsets": 8 * (rows + 1),
        "breaks.values": 0,
        "breaks.offsets": 8 * (rows + 1),
        "label_ids.values": 4 * rows,
        "label_ids.offsets": 8 * (rows + 1),
        "weights.values": 4 * rows,
        "hashes.values": 8 * rows,
        "unknown.values": 4 * rows,
    }


def test_hashes_of_pairs(tmp_path: Path) -> None:
    store = stored("text,text_b,label\na,b,x\nb,a,x\na,b,y\nab,c,x\na,bc,x\na,a,x\nb,b,x\n", tmp_path, PAIR)
    assert store.hashes[0] == store.hashes[2]
    assert len(set(store.hashes.tolist())) == 6


# Where rows go


def test_empty_texts_are_dropped_and_counted(tmp_path: Path) -> None:
    store = stored('text,label\na,x\n,y\n" ",x\n\u200b,x\nb,x\n', tmp_path)
    assert store.account == Account(read=5, kept=2, empty=3, bad=0)
    assert (texts_of(store.text), labels_of(store)) == (["a", "b"], [["x"], ["x"]])
    # The label of a row that was dropped is not known of.
    assert store.label_names == ("x",)


def test_empty_texts_are_kept(tmp_path: Path) -> None:
    store = stored('text,label\n,y\n" ",x\n', tmp_path, replace(PLAIN, empty="keep"))
    assert store.account == Account(read=2, kept=2, empty=0, bad=0)
    assert texts_of(store.text) == ["", " "]
    assert ragged.lengths(store.pieces).tolist() == [0, 1]


def test_an_empty_text_fails(tmp_path: Path) -> None:
    reading = replace(SKIP, empty="fail")
    assert message("text,label\na,x\nb\n,y\nc,x\n,x\n", tmp_path, reading) == (
        "FOLDER/rows.csv: row 3 has an empty text; fill it, or set data.empty=drop or data.empty=keep"
    )
    assert stored("text,label\na,x\n", tmp_path, reading).account.kept == 1


def test_null_texts_are_empty(tmp_path: Path) -> None:
    path = parquet_at(tmp_path / "rows.parquet", text=["a", None], label=["x", "y"])
    assert opened(path, tmp_path).account == Account(read=2, kept=1, empty=1, bad=0)
    kept = opened(path, tmp_path, replace(PLAIN, empty="keep"))
    assert texts_of(kept.text) == ["a", ""]


@pytest.mark.parametrize("content", ["text,label\n,x\n,y\n", "text,label\nx\ny\n"])
def test_no_row_is_kept(tmp_path: Path, content: str) -> None:
    store = stored(content, tmp_path, SKIP)
    assert (len(store), store.account.read, store.account.kept) == (0, 2, 0)
    assert (store.label_names, store.weights.tolist(), store.pieces.values.dtype) == ((), [], np.uint16)
    assert len(store.text) == len(store.label_ids) == len(store.hashes) == 0


@pytest.mark.parametrize("content", ["text,label\n", "text,label"])
def test_no_rows_at_all(tmp_path: Path, content: str) -> None:
    assert message(content, tmp_path) == "FOLDER/rows.csv has no rows; expected at least one"
    assert kept_in(tmp_path) == []


BAD_AND_EMPTY = "text,label\na,x\nb\n,x\nc,x,y\n\nd,x\ne\nf,x\n"


def test_bad_rows_are_counted(tmp_path: Path) -> None:
    store = stored(BAD_AND_EMPTY, tmp_path, SKIP)
    assert store.account == Account(read=7, kept=3, empty=1, bad=3)
    assert texts_of(store.text) == ["a", "d", "f"]


def test_ids_and_messages_count_bad_rows_too(tmp_path: Path) -> None:
    reading = replace(SKIP, columns=replace(SKIP.columns, id="id"))
    assert texts_of(stored(BAD_AND_EMPTY, tmp_path, reading).id) == ["1", "5", "7"]
    store = stored("text,label\na,x\nb\nc,\nd\ne,y\nnul\0,x\n", tmp_path, reading)
    assert texts_of(store.id) == ["1", "5"]
    assert store.account == Account(read=6, kept=2, bad=4)
    fail = replace(PLAIN, columns=replace(PLAIN.columns, empty="drop"))
    assert message("text,label\na,x\n,\nb,\nc,x\nd,\n", tmp_path, fail) == (
        "data.label: column 'label' of FOLDER/rows.csv is empty in rows 3, 5; expected a label in every row, "
        "or set data.bad_rows=skip"
    )


@pytest.mark.parametrize(("batch_rows", "chunk_rows"), [(1, 2048), (3, 2), (8192, 1), (8192, 2048)])
def test_row_numbers_over_batches_and_chunks(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, batch_rows: int, chunk_rows: int
) -> None:
    monkeypatch.setattr(columns_module, "BATCH_ROWS", batch_rows)
    monkeypatch.setattr(token_store, "CHUNK_ROWS", chunk_rows)
    kinds = "..b.ebb...be.b.bb"
    lines = {".": "{},x\n", "b": "{}\n", "e": ",x\n"}
    content = "text,label\n" + "".join(lines[kind].format(row) for row, kind in enumerate(kinds, 1))
    reading = replace(SKIP, columns=replace(SKIP.columns, id="id"))
    store = stored(content, tmp_path, reading)
    assert texts_of(store.id) == texts_of(store.text)
    assert store.account == Account(read=17, kept=8, empty=2, bad=7)
    for most in (1, 2, 3, 4, 7, 8, 11, 15, 17):
        found = opened(tmp_path / "rows.csv", tmp_path, replace(reading, max_rows=most))
        seen = kinds[:most]
        assert found.account == Account(most, seen.count("."), seen.count("e"), seen.count("b"))
        assert texts_of(found.text) == [str(row) for row, kind in enumerate(seen, 1) if kind == "."]


@pytest.mark.parametrize("suffix", ["csv", "parquet"])
def test_at_most_so_many_rows(tmp_path: Path, suffix: str) -> None:
    texts = [str(row) for row in range(9000)]
    path = tmp_path / f"rows.{suffix}"
    if suffix == "csv":
        path.write_text("text,label\n" + "".join(f"{text},x\n" for text in texts))
    else:
        parquet_at(path, text=texts, label=["x"] * 9000)
    for most in (1, 2048, 2049, 8192, 8193, 9000, 20_000):
        store = opened(path, tmp_path, replace(PLAIN, max_rows=most))
        assert store.account == Account(read=min(most, 9000), kept=min(most, 9000))
        assert texts_of(store.text) == texts[:most]


def test_what_is_wrong_after_the_last_row_asked_for_is_not_looked_at(tmp_path: Path) -> None:
    content = "text,label\na,x\nb,y\nc\nd,\n"
    assert stored(content, tmp_path, replace(PLAIN, max_rows=2)).account == Account(read=2, kept=2)
    assert "row 3 has 1 field" in message(content, tmp_path, replace(PLAIN, max_rows=3))


def test_an_error_of_the_reader_is_the_readers_own(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(token_store, "CHUNK_ROWS", 2)
    content = "text,label\n" + "a,x\n" * 50 + "b,\n" + "a,x\n" * 50
    assert message(content, tmp_path) == (
        "data.label: column 'label' of FOLDER/rows.csv is empty in row 51; expected a label in every row, "
        "or set data.bad_rows=skip"
    )
    assert message("text,lable\na,x\n", tmp_path) == (
        "data.label: column 'label' is not in FOLDER/rows.csv; columns are: text, lable; did you mean 'lable'?"
    )
    assert kept_in(tmp_path) == []


def test_what_is_displayed(tmp_path: Path) -> None:
    said: list[Any] = []
    display = Display(
        start=lambda title, total: said.append((title, total)), advance=lambda rows, note: said.append((rows, note))
    )
    path = tmp_path / "rows.csv"
    path.write_text(csv_of(5000))
    for _ in range(2):
        open_store(str(path), PLAIN, pieces_of(tmp_path), cache=tmp_path / "cache", display=display)
    assert said == [(f"reading {path}", 0), (2048, "rows"), (2048, "rows"), (904, "rows")]


# Found again


def test_it_is_written_once(tmp_path: Path) -> None:
    pieces = pieces_of(tmp_path)
    first = stored(csv_of(9), tmp_path, pieces=pieces)
    again = stored(csv_of(9), tmp_path, pieces=pieces)
    assert pieces.tokenize.graphs == 1  # type: ignore[attr-defined]
    assert (again.account, again.label_names) == (first.account, first.label_names)
    assert again.pieces.values.tolist() == first.pieces.values.tolist()
    # The same data in another place.
    stored(csv_of(9), tmp_path, pieces=pieces, name="copy.csv")
    assert pieces.tokenize.graphs == 1  # type: ignore[attr-defined]
    assert len(kept_in(tmp_path)) == 1


def changed(**columns: Any) -> Reading:
    return replace(PLAIN, columns=replace(PLAIN.columns, **columns))


@pytest.mark.parametrize(
    "reading",
    [
        replace(PLAIN, empty="keep"),
        replace(PLAIN, max_rows=2),
        changed(text="label", label="text"),
        changed(text_b="label"),
        changed(label=None),
        changed(label=None, labels="label"),
        changed(label_separator=";"),
        changed(weight="weight"),
        changed(id="id"),
        changed(encoding="latin-1"),
        changed(delimiter=","),
        changed(bad_rows="skip"),
    ],
)
def test_it_is_not_found_by_another_reading(tmp_path: Path, reading: Reading) -> None:
    pieces = pieces_of(tmp_path)
    stored(csv_of(9), tmp_path, pieces=pieces)
    stored(csv_of(9), tmp_path, reading, pieces)
    assert pieces.tokenize.graphs == 2  # type: ignore[attr-defined]
    assert len(kept_in(tmp_path)) == 2


def test_it_is_not_found_by_other_data_or_another_tokenizer(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    store = stored(csv_of(9), tmp_path)
    assert len(store) == 9
    assert len(stored(csv_of(10), tmp_path)) == 10
    stored(csv_of(9), tmp_path, pieces=pieces_of(tmp_path, lower_case=False))
    stored(csv_of(9), tmp_path, pieces=pieces_of(tmp_path, tokens=7))
    assert len(kept_in(tmp_path)) == 4
    (tmp_path / "vocabulary-7.txt").write_text("b\n" * 7)
    stored(csv_of(9), tmp_path, pieces=pieces_of(tmp_path, tokens=7))
    assert len(kept_in(tmp_path)) == 5
    monkeypatch.setattr(tf, "__version__", "2.99.0")
    stored(csv_of(9), tmp_path)
    assert len(kept_in(tmp_path)) == 6


def test_texts_are_mapped_before_they_are_cut(tmp_path: Path) -> None:
    content = "text,text_b,label\n<b>a@b.com</b>,plain,x\nplain,0171 1234567,x\n"
    maps = choose(["strip_html", "mask_personal_data"])
    pieces = replace(pieces_of(tmp_path), maps=maps)
    store = stored(content, tmp_path, PAIR, pieces)
    # What is kept, shown in reports and learned from by the baseline has no personal data either.
    assert texts_of(store.text) == ["[email]", "plain"]
    assert texts_of(store.text_b) == ["plain", "[phone]"]
    assert [bytes(row).decode() for row in (list(store.pieces[0]), list(store.pieces_b[1]))] == ["[email]", "[phone]"]  # type: ignore[index]
    # Which rows are the same, and so which split a row belongs to, is a matter of the rows as they came.
    np.testing.assert_array_equal(store.hashes, stored(content, tmp_path, PAIR).hashes)


def test_it_is_not_found_by_other_maps(tmp_path: Path) -> None:
    for number, terms in enumerate([[], ["strip_html"], ["squeeze_spaces"], ["strip_html", "squeeze_spaces"]], 1):
        for _ in range(2):
            stored(csv_of(9), tmp_path, pieces=replace(pieces_of(tmp_path), maps=choose(terms)))
            assert len(kept_in(tmp_path)) == number


def test_the_same_bytes_in_another_format_are_other_rows(tmp_path: Path) -> None:
    content = "text\tlabel,more\na\tb,c\n"
    commas = replace(PLAIN, columns=Columns("more"))
    assert texts_of(stored(content, tmp_path, commas, name="rows.csv").text) == ["c"]
    with pytest.raises(
        UsageError, match=r"data.text: column 'more' is not in .*rows.tsv; columns are: text, label,more"
    ):
        stored(content, tmp_path, commas, name="rows.tsv")


def test_a_store_that_was_damaged_is_written_anew(tmp_path: Path) -> None:
    stored(csv_of(9), tmp_path)
    (folder,) = (tmp_path / "cache" / "token_stores").iterdir()
    damages = {
        "pieces.values": lambda path: path.write_bytes(path.read_bytes()[:-2]),
        "weights.values": lambda path: path.unlink(),
        "store.json": lambda path: path.write_text('{"account"'),
    }
    for name, damage in damages.items():
        damage(folder / name)
        pieces = pieces_of(tmp_path)
        assert len(stored(csv_of(9), tmp_path, pieces=pieces)) == 9
        assert pieces.tokenize.graphs == 1  # type: ignore[attr-defined]
    (folder / "store.json").unlink()
    assert len(stored(csv_of(9), tmp_path)) == 9
    assert kept_in(tmp_path) == [folder.name]


# Whole or not there


def test_a_failure_leaves_nothing(tmp_path: Path) -> None:
    def broken(texts: tf.Tensor) -> tf.RaggedTensor:
        with tf.control_dependencies([tf.debugging.assert_less(tf.strings.length(texts), 11, "too long for me")]):
            return tf.strings.unicode_decode(texts, "UTF-8")

    with pytest.raises(tf.errors.InvalidArgumentError, match="too long for me"):
        stored(csv_of(3000), tmp_path, pieces=pieces_of(tmp_path, tokenize=broken))
    assert kept_in(tmp_path) == []
    assert len(stored(csv_of(3000), tmp_path)) == 3000


def test_data_that_change_while_they_are_read(tmp_path: Path) -> None:
    path = tmp_path / "rows.csv"

    def meddling(texts: tf.Tensor) -> tf.RaggedTensor:
        path.write_text(csv_of(5))
        return tf.strings.unicode_decode(texts, "UTF-8")

    assert message(csv_of(4), tmp_path, pieces=pieces_of(tmp_path, tokenize=meddling)) == (
        "FOLDER/rows.csv changed while it was read; start again once nothing writes to it"
    )
    assert kept_in(tmp_path) == []


def test_data_that_change_after_they_were_read(tmp_path: Path) -> None:
    path = tmp_path / "rows.csv"
    store = stored(csv_of(4), tmp_path)
    assert store.mark is not None
    assert is_unchanged(store.mark)
    # The same bytes in another file are the same data; other bytes of the same size are not.
    (tmp_path / "copy.csv").write_text(csv_of(4))
    (tmp_path / "copy.csv").rename(path)
    assert is_unchanged(store.mark)
    path.write_text(csv_of(4).replace("text 0", "text 7"))
    assert not is_unchanged(store.mark)
    path.unlink()
    assert not is_unchanged(store.mark)


def test_a_change_that_files_tell_of_is_found_without_reading_them(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "rows.csv"
    path.write_text(csv_of(4))
    monkeypatch.setattr(fingerprints, "COARSEST_SECONDS", -1.0)
    mark = mark_of(str(path))
    assert mark is not None
    assert mark.settled
    monkeypatch.setattr(fingerprints, "fingerprint", lambda _: "other")
    assert is_unchanged(mark)
    os.utime(path, (0, 0))
    assert not is_unchanged(mark)
    # A file that was changed just before may be changed again in the same tick of the clock.
    assert not is_unchanged(replace(mark, settled=False))


def test_room_is_made_for_a_store(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    said: list[str] = []
    display = Display(say=said.append)
    pieces = pieces_of(tmp_path)

    def another(rows: int) -> TokenStore:
        (tmp_path / "rows.csv").write_text(csv_of(rows))
        return open_store(str(tmp_path / "rows.csv"), PLAIN, pieces, cache=tmp_path / "cache", display=display)

    first = another(3000)
    assert first.bytes == sum(
        path.stat().st_size for path in (tmp_path / "cache").rglob("*") if path.is_file() and path.name != "store.json"
    )
    monkeypatch.setenv("TFCLASSIFY_TOKEN_STORES_GB", "0.0003")
    second = another(3001)
    # Both are in use.
    assert len(kept_in(tmp_path)) == 2
    del first
    third = another(3002)
    assert len(kept_in(tmp_path)) == 2
    assert texts_of(second.text)[-1] == "text 3000 é?"
    sizes = [each.bytes / 1e6 for each in (second, third)]
    assert said[-1] == (
        f"{tmp_path / 'rows.csv'}: 3002 rows are kept as tokens in {sizes[1]:.1f} MB on disk; all such stores take "
        f"{sum(sizes):.1f} MB of at most 0 MB (TFCLASSIFY_TOKEN_STORES_GB)"
    )
    assert len(said) == 3
    another(3002)
    assert len(said) == 3


@pytest.mark.parametrize("given", ["many", "-1", "inf", "nan"])
def test_room_that_is_no_number(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, given: str) -> None:
    monkeypatch.setenv("TFCLASSIFY_TOKEN_STORES_GB", given)
    assert message(csv_of(4), tmp_path) == (
        f"TFCLASSIFY_TOKEN_STORES_GB={given}; expected a number of gigabytes, such as 20"
    )


def test_another_process_that_is_faster(tmp_path: Path) -> None:
    other = pieces_of(tmp_path)

    def slow(texts: tf.Tensor) -> tf.RaggedTensor:
        with tf.init_scope():
            opened(tmp_path / "rows.csv", tmp_path, pieces=other)
        return tf.strings.unicode_decode(texts, "UTF-8")

    store = stored(csv_of(4), tmp_path, pieces=pieces_of(tmp_path, tokenize=slow))
    assert other.tokenize.graphs == 1  # type: ignore[attr-defined]
    assert len(store) == 4
    assert len(kept_in(tmp_path)) == 1


def test_what_killed_processes_left_is_swept(tmp_path: Path) -> None:
    stores = tmp_path / "cache" / "token_stores"
    for name, age_seconds in {".old.1": 90_000, ".new.2": 80_000, "old": 90_000}.items():
        (stores / name).mkdir(parents=True)
        (stores / name / "text.values").write_bytes(b"a")
        for path in (stores / name / "text.values", stores / name):
            os.utime(path, (time.time() - age_seconds,) * 2)
    stored(csv_of(4), tmp_path)
    assert not (stores / ".old.1").exists()
    assert (stores / ".new.2").exists()
    assert (stores / "old").exists()


def test_a_cache_that_cannot_be_written_to(tmp_path: Path) -> None:
    (tmp_path / "cache").write_text("not a folder")
    assert message(csv_of(4), tmp_path) == (
        "FOLDER/cache/token_stores cannot be written to (Not a directory); set TFCLASSIFY_CACHE to another folder"
    )


def test_a_cache_that_is_full(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*_: Any) -> None:
        raise OSError(ENOSPC, "No space left on device")

    monkeypatch.setattr(ragged, "append", full)
    assert message(csv_of(4), tmp_path) == (
        "FOLDER/cache/token_stores is full; make room, or set TFCLASSIFY_CACHE to another folder"
    )
    assert kept_in(tmp_path) == []


OWN_ROWS = ["a"]


def own(location: str, columns: Columns) -> Iterator[pa.RecordBatch]:
    yield pa.RecordBatch.from_pydict({"text": list(OWN_ROWS)})


def test_a_source_of_ones_own_is_read_each_time(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    first = opened(f"{__name__}:own", tmp_path, TEXT)
    monkeypatch.setattr(sys.modules[__name__], "OWN_ROWS", ["b", "c"])
    second = opened(f"{__name__}:own", tmp_path, TEXT)
    # What is mapped is there still, though nobody will find the files again.
    assert kept_in(tmp_path) == []
    assert (texts_of(first.text), texts_of(second.text)) == (["a"], ["b", "c"])
    assert [row.tolist() for row in second.pieces] == [[98], [99]]


# Other processes

PROGRAM = """
import sys, tensorflow as tf, pathlib, time, resource
from tfclassify.data.sources import Columns
from tfclassify.data.pieces import Pieces
from tfclassify.data.token_store import Reading, open_store
from tfclassify.display import Display
folder = pathlib.Path(sys.argv[1])
(folder / "vocabulary.txt").write_text("a\\n" * 2**16)
pieces = Pieces(lambda texts: tf.strings.unicode_decode(texts, "UTF-8"), folder / "vocabulary.txt", True, 0)
reading = Reading(Columns("text", label="label"), "drop", None)
def peak_bytes():
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024
def opened(name, **display):
    return open_store(str(folder / name), reading, pieces, cache=folder / "cache", display=Display(**display))
"""


def started(folder: Path, program: str) -> subprocess.Popen[str]:
    words = [sys.executable, "-c", PROGRAM + program, str(folder)]
    return subprocess.Popen(words, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)


def ended(process: subprocess.Popen[str]) -> str:
    out, _ = process.communicate(timeout=100)
    assert process.returncode == 0
    return out.strip()


@pytest.mark.slow
def test_two_processes_at_once(tmp_path: Path) -> None:
    (tmp_path / "rows.csv").write_text(csv_of(20_000))
    program = """
print("ready", flush=True)
sys.stdin.readline()
store = opened("rows.csv", advance=lambda *_: (print("reading"), time.sleep(0.05)))
print(len(store), int(store.pieces.values.astype(int).sum()), int(store.hashes[-1]))
"""
    process = started(tmp_path, program)
    assert process.stdout is not None
    assert process.stdin is not None
    assert process.stdout.readline() == "ready\n"
    process.stdin.write("go\n")
    process.stdin.flush()
    advanced: list[int] = []
    slow = Display(advance=lambda rows, note: (advanced.append(rows), time.sleep(0.05))[0])
    pieces = replace(pieces_of(tmp_path), vocabulary=tmp_path / "vocabulary.txt")
    store = open_store(str(tmp_path / "rows.csv"), PLAIN, pieces, cache=tmp_path / "cache", display=slow)
    told = ended(process).splitlines()
    # Both read, and both have all of it.
    assert told[:-1] == ["reading"] * 10
    assert len(advanced) == 10
    texts = [f"text {row} é?" for row in range(20_000)]
    total = sum(ord(char) for text in texts for char in text)
    assert told[-1] == f"20000 {total} {text_hash(pa.array(texts[-1:]))[0]}"
    assert (len(store), int(store.pieces.values.astype(int).sum())) == (20_000, total)
    assert len(kept_in(tmp_path)) == 1


@pytest.mark.slow
def test_a_process_that_is_killed(tmp_path: Path) -> None:
    (tmp_path / "rows.csv").write_text(csv_of(9000))
    process = started(tmp_path, 'opened("rows.csv", advance=lambda *_: (print("busy", flush=True), time.sleep(60)))')
    assert process.stdout is not None
    assert process.stdout.readline() == "busy\n"
    process.kill()
    process.communicate()
    (trash,) = kept_in(tmp_path)
    assert trash.startswith(".")
    pieces = replace(pieces_of(tmp_path), vocabulary=tmp_path / "vocabulary.txt")
    assert len(opened(tmp_path / "rows.csv", tmp_path, pieces=pieces)) == 9000
    # What it left is gone too.
    assert len(kept_in(tmp_path)) == 1
    assert trash not in kept_in(tmp_path)


@pytest.mark.slow
@pytest.mark.long
def test_processes_that_are_killed_at_any_moment(tmp_path: Path) -> None:
    """Twenty times: whatever the killed one left, the next has all rows, and they are the right ones."""
    (tmp_path / "rows.csv").write_text(csv_of(20_000))
    program = """
print("ready", flush=True)
opened("rows.csv")
print("done", flush=True)
"""
    pieces = replace(pieces_of(tmp_path), vocabulary=tmp_path / "vocabulary.txt")
    texts = [f"text {row} é?" for row in range(20_000)]
    chance, seconds, left_behind = random.Random(time.time_ns()), 0.0, 0
    for number in range(21):
        shutil.rmtree(tmp_path / "cache", ignore_errors=True)
        process = started(tmp_path, program)
        assert process.stdout is not None
        assert process.stdout.readline() == "ready\n"
        begun = time.perf_counter()
        if number == 0:
            assert process.stdout.readline() == "done\n"
            seconds = time.perf_counter() - begun
        time.sleep(chance.uniform(0, seconds) if number else 0)
        process.kill()
        process.communicate()
        left_behind += any(name.startswith(".") for name in kept_in(tmp_path))
        store = opened(tmp_path / "rows.csv", tmp_path, pieces=pieces)
        assert store.account == Account(read=20_000, kept=20_000)
        assert texts_of(store.text) == texts
        np.testing.assert_array_equal(store.pieces.values, np.frombuffer("".join(texts).encode("utf-32-le"), np.uint32))
        assert len(kept_in(tmp_path)) == 1
    assert left_behind


@pytest.mark.slow
def test_memory_is_bounded(tmp_path: Path) -> None:
    """A file of 60 MB takes hardly more memory than one of 12 MB."""
    text = "some words of a text that is longer than most of them are, " * 5
    for name, rows in {"small.csv": 40_000, "large.csv": 200_000}.items():
        with open(tmp_path / name, "w") as file:
            file.write("text,label\n")
            file.writelines(f'"{text}{row}",{row % 5}\n' for row in range(rows))
    assert (tmp_path / "large.csv").stat().st_size > 60_000_000
    program = """
opened("small.csv")
before_bytes = peak_bytes()
assert len(opened("large.csv")) == 200_000
print(peak_bytes() - before_bytes)
"""
    assert int(ended(started(tmp_path, program))) < 30_000_000


def test_no_file_stays_open(tmp_path: Path) -> None:
    stored(csv_of(3000), tmp_path)
    gc.collect()
    assert [file.path for file in psutil.Process().open_files() if str(tmp_path) in file.path] == []


def test_facts_are_plain(tmp_path: Path) -> None:
    stored(csv_of(3), tmp_path)
    (folder,) = (tmp_path / "cache" / "token_stores").iterdir()
    facts = json.loads((folder / store_folders.FACTS).read_text())
    assert facts["account"] == {"read": 3, "kept": 3, "empty": 0, "bad": 0, "first_bad": []}
    assert facts["label_names"] == ["0", "1", "2"]
    assert facts["pieces_type"] == "uint16"
