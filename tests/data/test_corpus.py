"""The corpus: every row that was read is in a split or was counted, whatever was asked."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import pytest
import tensorflow as tf
from hypothesis import given, settings
from hypothesis import strategies as st

from tfclassify.data import locations as locations_module
from tfclassify.data.corpus import REASONS, Corpus, read_corpus
from tfclassify.data.labelling import Split, texts_of
from tfclassify.data.pieces import Pieces
from tfclassify.data.sources import sample as sample_module
from tfclassify.data.sources import sample_splits
from tfclassify.display import SILENT
from tfclassify.errors import UsageError
from tfclassify.settings import DataSettings, parse

Row = tuple[str, str]


@pytest.fixture(scope="module")
def pieces(tmp_path_factory: pytest.TempPathFactory) -> Pieces:
    """A tokenizer whose pieces are bytes, of which a graph is made once."""
    vocabulary = tmp_path_factory.mktemp("vocabulary") / "vocab.txt"
    vocabulary.write_text("a\n" * 300, encoding="utf-8")

    @tf.function(input_signature=[tf.TensorSpec([None], tf.string)])
    def tokenize(texts: tf.Tensor) -> tf.RaggedTensor:
        flat = tf.strings.bytes_split(texts)
        return flat.with_values(tf.cast(tf.reshape(tf.io.decode_raw(flat.values, tf.uint8), [-1]), tf.int32))

    return Pieces(tokenize, vocabulary, lower_case=True, unknown=ord("?"))


@pytest.fixture
def read(tmp_path: Path, pieces: Pieces) -> Callable[..., Corpus]:
    """Reads files of the test's own folder: ``train=rows`` writes train.csv first."""

    def made(*, seed: int = 0, columns: str = "text,label", **given: Any) -> Corpus:
        asked = {}
        for name, value in given.items():
            if name in ("train", "validation", "test") and not isinstance(value, str):
                value = written(tmp_path / f"{name}.csv", value, columns)
            asked[name] = value
        return read_corpus(parse(asked, DataSettings), pieces, seed=seed, cache=tmp_path / "cache", display=SILENT)

    return made


def written(path: Path, rows: Sequence[Row], columns: str = "text,label") -> str:
    path.write_text("\n".join([columns, *(",".join(row) for row in rows), ""]), encoding="utf-8")
    return str(path)


def rows_of(split: Split, names: Sequence[str]) -> list[Row]:
    known = {-1: "none", **dict(enumerate(names))}
    return [(text, known[int(number)]) for text, number in zip(texts_of(split), split.truth, strict=True)]


def many(rows: int = 200, labels: str = "abb") -> list[Row]:
    return [(f"text {row}", labels[row % len(labels)]) for row in range(rows)]


def refused(read: Callable[..., Corpus], **given: Any) -> str:
    with pytest.raises(UsageError) as caught:
        read(**given)
    return str(caught.value)


# Whatever is asked

ROWS = st.lists(
    st.tuples(st.sampled_from(["", " ", *"pqrstuvwxyz"]), st.sampled_from(["a", "b", "c", "none"])), max_size=14
)
ASKED = st.fixed_dictionaries(
    {
        "duplicates": st.sampled_from(["keep", "drop"]),
        "empty": st.sampled_from(["keep", "drop"]),
        "out_of_scope_label": st.sampled_from([None, "none"]),
        "bad_rows": st.just("skip"),
        "empty_limit": st.just(1.0),
        "validation_share": st.sampled_from([0.0, 0.1, 0.4]),
        "test_share": st.sampled_from([0.1, 0.3]),
        "max_rows": st.sampled_from([None, 10]),
    }
)


@settings(max_examples=60)
@given(train=ROWS, others=st.tuples(st.none() | ROWS, st.none() | ROWS), asked=ASKED, bad=st.integers(0, 2))
def test_every_row_is_in_a_split_or_was_dropped(
    tmp_path_factory: pytest.TempPathFactory,
    pieces: Pieces,
    train: list[Row],
    others: tuple[list[Row] | None, list[Row] | None],
    asked: dict[str, Any],
    bad: int,
) -> None:
    folder = tmp_path_factory.mktemp("rows")
    # Every label, some rows that stay whatever is dropped, and some that cannot be read.
    train = [("m", "a"), ("n", "b"), ("o", "none"), *train]
    files = {"train": train, "validation": others[0], "test": others[1]}
    given_rows = {name: [("k", "a"), *rows] if rows is not None else None for name, rows in files.items()}
    places = {
        name: written(folder / f"{name}.csv", [*rows, *[("too", "many", "fields")] * bad])  # type: ignore[list-item]
        for name, rows in given_rows.items()
        if rows is not None
    }
    told = parse({**asked, **places, "unknown_labels": "drop"}, DataSettings)
    corpus = read_corpus(told, pieces, seed=1, cache=folder / "cache", display=SILENT)
    in_files = sum(min(len(rows) + bad, told.max_rows or 10**9) for rows in given_rows.values() if rows is not None)
    assert corpus.read == in_files
    assert corpus.read == sum(map(len, corpus.splits.values())) + sum(corpus.dropped.values())
    assert tuple(corpus.dropped) == REASONS
    check_rows(corpus, told, [row for rows in given_rows.values() for row in rows or []])


def check_rows(corpus: Corpus, told: DataSettings, given_rows: list[Row]) -> None:
    """The rows of the splits are rows of the files, none more often than there, and none that may not be in one."""
    kept = [row for split in corpus.splits.values() for row in rows_of(split, corpus.labels.names)]
    assert not Counter(kept) - Counter(given_rows)
    assert corpus.labels.names == tuple(sorted(corpus.labels.names))
    train = rows_of(corpus.splits["train"], corpus.labels.names)
    if told.out_of_scope_label:
        assert "none" not in {label for _, label in train} | set(corpus.labels.names)
    if told.duplicates == "drop":
        assert len({text for text, _ in train}) == len(train)
    if told.empty == "drop":
        assert all(text.strip() for text, _ in kept)
    assert set(corpus.splits) == set(corpus.statistics.splits)


# Splits


def test_what_is_missing_is_cut_out(read: Callable[..., Corpus]) -> None:
    corpus = read(train=many())
    sizes = {name: len(split) for name, split in corpus.splits.items()}
    assert sizes == {"train": 160, "validation": 20, "test": 20}
    together = [row for split in corpus.splits.values() for row in rows_of(split, "ab")]
    assert sorted(together) == sorted(many())


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        (("validation",), ["train", "validation"]),
        (("test",), ["train", "validation", "test"]),
        (("validation", "test"), ["train", "validation", "test"]),
    ],
)
def test_a_test_is_cut_out_only_where_nothing_else_is_there(
    read: Callable[..., Corpus], given: tuple[str, ...], expected: list[str]
) -> None:
    others = {name: [(f"{name} {row}", "a") for row in range(9)] for name in given}
    corpus = read(train=many(), **others)
    assert list(corpus.splits) == expected
    for name in given:
        assert rows_of(corpus.splits[name], "ab") == others[name]
    assert len(corpus.splits["train"]) == (200 if "validation" in given else 180)


def test_cut_out_rows_are_stratified(read: Callable[..., Corpus]) -> None:
    counts = read(train=many(labels="a" + "b" * 9), validation_share=0.2, test_share=0.2).statistics.splits
    assert counts["validation"].label_counts == counts["test"].label_counts == {"a": 4, "b": 36}
    assert counts["train"].label_counts == {"a": 12, "b": 108}


def test_cut_out_rows_of_several_labels_are_stratified_by_the_rarest(read: Callable[..., Corpus]) -> None:
    rows = [(f"text {row}", ("a|c", "b|c", "")[row % 3]) for row in range(300)]
    corpus = read(train=rows, columns="text,labels")
    assert corpus.statistics.splits["validation"].label_counts == {"a": 10, "b": 10, "c": 20}
    assert len(corpus.splits["validation"]) == 30


def test_a_rare_label_beside_another_is_learnt_from(read: Callable[..., Corpus]) -> None:
    for seed in range(5):
        rows = [(f"text {row}", "a|z" if row == seed else "a" if row % 2 else "a|b") for row in range(40)]
        counts = read(train=rows, columns="text,labels", seed=seed).statistics.splits["train"].label_counts
        assert counts["z"] == 1


@pytest.mark.parametrize("split", ["train", "test"])
def test_a_file_of_which_no_row_is_left(read: Callable[..., Corpus], split: str) -> None:
    given = {"train": many(), split: [("", "a"), (" ", "b")]}
    with pytest.raises(UsageError) as caught:
        read(**given)
    assert str(caught.value).partition(f"{split}.csv")[2] == (
        ": of 2 rows read none is left (2 with an empty text, 0 that could not be read); expected at least one"
    )


def test_bad_rows_are_counted_and_not_too_many(read: Callable[..., Corpus], tmp_path: Path) -> None:
    rows = [*many(994), ("", ""), ("no label", ""), ("nul\0", "a"), ("too", "many", "fields"), ("nan", "nan")]  # type: ignore[list-item]
    corpus = read(train=rows, bad_rows="skip")
    assert (corpus.read, corpus.dropped["bad"], corpus.dropped["empty"]) == (999, 4, 1)
    named = "train: rows 996, 997, 998, 999 cannot be read or used; set data.bad_rows=fail to see why"
    assert corpus.notes[0] == named
    assert refused(read, train=[*rows, *[("no label", "")] * 7], bad_rows="skip") == (
        f"{tmp_path / 'train.csv'}: 11 of 1006 rows cannot be read or used (rows 996, 997, 998, 999, 1000 and 6 more), "
        "more than data.bad_rows_limit=0.01 of them; set data.bad_rows=fail to see what is wrong with the first, "
        "or raise the limit"
    )


def test_the_cut_is_that_of_the_seed_and_not_of_the_order(read: Callable[..., Corpus]) -> None:
    def cut(rows: list[Row], seed: int = 0) -> set[str]:
        return {text for text, _ in rows_of(read(train=rows, seed=seed).splits["validation"], "ab")}

    assert cut(many()) == cut(many())
    assert cut(many()) == cut(many()[::-1])
    assert cut(many()) != cut(many(), seed=1)


def test_equal_texts_are_on_one_side(read: Callable[..., Corpus]) -> None:
    corpus = read(train=[(f"text {row % 40}", "ab"[row % 2]) for row in range(200)])
    texts = [{text for text, _ in rows_of(split, "ab")} for split in corpus.splits.values()]
    assert sum(map(len, texts)) == len(set.union(*texts)) == 40
    assert not any(corpus.statistics.overlap.values())


def test_out_of_scope_rows_are_judged_and_not_learnt_from(read: Callable[..., Corpus]) -> None:
    rows = [(f"text {row}", ("a", "b", "none", "none")[row % 4]) for row in range(200)]
    corpus = read(train=rows, out_of_scope_label="none")
    assert corpus.labels.names == ("a", "b")
    outside = {name: split.out_of_scope for name, split in corpus.statistics.splits.items()}
    assert outside["train"] == corpus.dropped["out_of_scope"] == 0
    assert outside["validation"] + outside["test"] == 100
    assert min(outside["validation"], outside["test"]) > 30
    texts = [{text for text, _ in rows_of(split, (*corpus.labels.names, "none"))} for split in corpus.splits.values()]
    assert sum(map(len, texts)) == 200


def test_out_of_scope_rows_of_the_training_file_are_dropped_where_nothing_is_cut_out(
    read: Callable[..., Corpus],
) -> None:
    rows = [(f"text {row}", ("a", "b", "none")[row % 3]) for row in range(60)]
    corpus = read(train=rows, validation=[("p", "a")], test=[("q", "b")], out_of_scope_label="none")
    assert corpus.dropped["out_of_scope"] == 20
    assert "dropped: 20 rows (out of scope)" in corpus.notes


def test_only_the_test_has_rows_out_of_scope(read: Callable[..., Corpus]) -> None:
    test = [("p", "a"), ("q", "none")]
    corpus = read(train=many(), test=test, out_of_scope_label="none")
    assert rows_of(corpus.splits["test"], corpus.labels.names) == test


def test_repeated_rows_are_dropped_from_training_only(read: Callable[..., Corpus]) -> None:
    train = [("p", "a"), ("q", "b"), ("p", "a"), ("p", "b")]
    corpus = read(train=train, validation=[("p", "a"), ("p", "a")], duplicates="drop")
    assert rows_of(corpus.splits["train"], "ab") == train[:2]
    assert len(corpus.splits["validation"]) == 2
    assert corpus.dropped["duplicate"] == 2


def test_labels_are_the_training_rows(read: Callable[..., Corpus]) -> None:
    corpus = read(
        train=[("p", "b"), ("q", "a")], test=[("r", "c"), ("s", "a")], unknown_labels="drop", validation_share=0
    )
    assert corpus.labels.names == ("a", "b")
    assert corpus.dropped["unknown_label"] == 1
    assert list(corpus.splits) == ["train", "test"]


def test_several_labels_a_row(read: Callable[..., Corpus]) -> None:
    rows = [("p", "b|a"), ("q", ""), ("r", "a")]
    corpus = read(train=rows, validation=rows, columns="text,labels")
    assert corpus.labels.multilabel
    assert corpus.splits["train"].truth.astype(int).tolist() == [[1, 1], [0, 0], [1, 0]]
    assert corpus.reasons["data.label"] == (None, "the labels are in the column 'labels'")


def test_columns_that_nobody_named(read: Callable[..., Corpus]) -> None:
    corpus = read(train=[("p", "a"), ("q", "b")], validation=[("p", "a")], columns="review,label")
    assert (corpus.columns.text, corpus.columns.label, corpus.columns.labels) == ("review", "label", None)
    assert set(corpus.reasons) == {"data.text", "data.text_b", "data.label", "data.labels", "data.id"}
    assert corpus.reasons["data.labels"] == (None, "the labels are in the column 'label'")


def test_notes(read: Callable[..., Corpus]) -> None:
    train = [*many(), ("text 0", "a"), ("", "a")]
    corpus = read(train=train, test=[("text 1", "b"), ("new", "b")])
    size = len(corpus.splits["validation"])
    assert corpus.notes[:2] == (
        f"validation: {size} rows cut out of the training rows by a stratified hash of the text",
        "dropped: 1 row (empty)",
    )
    assert "test: no row has the label a" in corpus.notes
    assert sum("share 1 text, which flatters" in note for note in corpus.notes) == 1


# Samples


@pytest.fixture
def sample(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    folder = tmp_path / "samples"
    (folder / "desk").mkdir(parents=True)
    for name in ("train", "validation", "test"):
        written(folder / "desk" / f"{name}.csv", [(f"{name} {row}", "ab"[row % 2]) for row in range(6)])
    monkeypatch.setattr(locations_module, "sample_splits", lambda name: sample_splits(name, folder=folder))
    for function in (sample_module.sample_splits, sample_module.sample_file):
        monkeypatch.setitem(function.__kwdefaults__, "folder", folder)
    return folder


def test_a_sample_has_its_own_splits(read: Callable[..., Corpus], sample: Path) -> None:
    corpus = read(train="sample:desk")
    assert {name: len(split) for name, split in corpus.splits.items()} == {"train": 6, "validation": 6, "test": 6}
    assert rows_of(corpus.splits["test"], "ab")[0] == ("test 0", "a")
    assert corpus.notes == ()


def test_one_split_of_a_sample_is_cut(read: Callable[..., Corpus], sample: Path) -> None:
    corpus = read(train="sample:desk:train", validation_share=0.4, test_share=0.3)
    assert {name: len(split) for name, split in corpus.splits.items()} == {"train": 2, "validation": 2, "test": 2}


# What cannot be


def test_nothing_to_judge_by(read: Callable[..., Corpus]) -> None:
    assert refused(read, train=many(), validation_share=0, test_share=0) == (
        "data.validation_share and data.test_share are 0, and no other rows are given to judge by; "
        "give data.validation or data.test, or a share above 0"
    )
    assert list(read(train=many(), validation_share=0).splits) == ["train", "test"]


def test_shares_that_leave_nothing(read: Callable[..., Corpus]) -> None:
    assert refused(read, train=many(), validation_share=0.5, test_share=0.5) == (
        "data.validation_share=0.5 and data.test_share=0.5 leave no training rows; expected less than 1 together"
    )


def test_one_label(read: Callable[..., Corpus], tmp_path: Path) -> None:
    assert refused(read, train=[("p", "a"), ("q", "a")]) == (
        f"{tmp_path / 'train.csv'} has only the label 'a'; expected at least two labels to tell apart"
    )


def test_an_unknown_label_out_of_scope(read: Callable[..., Corpus], tmp_path: Path) -> None:
    assert refused(read, train=[("p", "a"), ("q", "oos")], out_of_scope_label="os") == (
        f"data.out_of_scope_label is 'os', which no row of {tmp_path / 'train.csv'} has; did you mean 'oos'?"
    )


def test_an_unknown_label(read: Callable[..., Corpus]) -> None:
    assert refused(read, train=many(), validation=[("p", "c")]) == (
        "data.validation has 1 row whose label no training row has: 'c'; correct them, or set data.unknown_labels=drop"
    )


def test_of_every_label_a_row_is_left_to_learn_from(read: Callable[..., Corpus]) -> None:
    rows = [("p", "a"), ("p", "none"), ("q", "none"), ("q", "b")]
    corpus = read(train=rows, out_of_scope_label="none", validation_share=0.4)
    assert set(corpus.splits["train"].truth.tolist()) == {0, 1}
