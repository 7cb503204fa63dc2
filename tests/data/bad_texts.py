"""Bad texts and labels: L08, L20 to L30, L35 to L44, L52 to L56."""

from __future__ import annotations

import io
import unicodedata
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as arrow_parquet
from bad_cases import GOOD, OR_SKIP, Asked, Case, among, delimited, file, files, write

from tfclassify.data.corpus import Corpus
from tfclassify.data.labelling import texts_of
from tfclassify.data.rows import rows_cut

NFC, NFD = "café", unicodedata.normalize("NFD", "café")
MANY_LABELS = 100_001
LOPSIDED = 100_000
A_LABEL = "a label in every row"
ODD_LABELS = ("a/b", "c\nd", 'it\'s "e"', "🙂", "g" * 10_000)


def labelled(*labels: str, rows: int = 30) -> list[tuple[str, str]]:
    """Rows of these labels in turn, with texts that are like no others."""
    return [(f"number {place} says {chr(97 + place % 26)}", labels[place % len(labels)]) for place in range(rows)]


def parquet_of(text: pa.Array) -> bytes:
    out = io.BytesIO()
    arrow_parquet.write_table(pa.table({"text": text, "label": ["a", "b"] * (len(text) // 2)}), out)
    return out.getvalue()


def sorted_and_not(folder: Path) -> Asked:
    write(folder / "rows.csv", sorted(labelled("a", "b", "c", rows=90), key=lambda row: row[1]))
    return {"train": str(folder / "rows.csv")}


def cut_as_if_shuffled(corpus: Corpus) -> None:
    """Every split has all labels in equal parts, though the file has one after another."""
    for name, split in corpus.splits.items():
        counts = np.bincount(split.truth)
        assert counts.max() - counts.min() <= 1, name


def one_long_row(corpus: Corpus) -> None:
    assert sum(rows_cut(split, 128) for split in corpus.splits.values()) == 1


def one_unknown_token(corpus: Corpus) -> None:
    """A word of more than 100 characters is one unknown token, however long."""
    for split in corpus.splits.values():
        for place, text in enumerate(texts_of(split)):
            if text == "x" * 100_000:
                row = int(split.rows[place])
                bounds = split.store.pieces.offsets
                assert (bounds[row + 1] - bounds[row], split.store.unknown[row]) == (1, 1)


def lone_row_is_learnt_from(corpus: Corpus) -> None:
    assert corpus.statistics.splits["train"].label_counts["c"] == 1


def nothing_lost(corpus: Corpus) -> None:
    assert {name: len(split) for name, split in corpus.splits.items()} == {"train": 2, "validation": 1}


def no_repeats(corpus: Corpus) -> None:
    texts = texts_of(corpus.splits["train"])
    assert len(set(texts)) == len(texts)


EMPTY = (
    Case(
        "L20",
        "an empty text, or nothing but white space",
        "dropped and counted",
        file(among(("", "a"), (" \t", "b"), ("", ""))),
        note="dropped: 3 rows (empty)",
        dropped={"empty": 3},
    ),
    Case(
        "L20",
        "more than half of the texts empty",
        "stops: likely the wrong column",
        file([*GOOD, *[("", "a")] * 31]),
        error=(
            "rows.csv: 31 of 61 rows have an empty text, more than data.empty_limit=0.5 of them; "
            "is 'text' the column of the texts (data.text)? Else raise the limit"
        ),
    ),
    Case(
        "L20",
        "an empty text, `data.empty=fail`",
        "stops with the row",
        file(among(("", "a")), empty="fail"),
        error="rows.csv: row 21 has an empty text; fill it, or set data.empty=drop or data.empty=keep",
    ),
    Case("L20", "an empty text, `data.empty=keep`", "kept", file(among(("", "a")), empty="keep"), texts=[""]),
    Case(
        "L21",
        "the texts NA, null, None, nan",
        "texts like others",
        file(among(("NA", "a"), ("null", "b"), ("None", "a"), ("nan", "b"))),
        texts=["NA", "null", "None", "nan"],
    ),
    Case(
        "L22",
        "no label",
        "stops with the rows",
        file(among(("x", ""), ("y", " "))),
        error=f"data.label: column 'label' of rows.csv is empty in rows 21, 22; expected {A_LABEL}{OR_SKIP}",
    ),
    Case(
        "L22",
        "the label nan",
        "stops with the rows; no class is called so",
        file(among(("x", "nan"))),
        error=(
            f"data.label: column 'label' of rows.csv is NaN, not a number, in row 21; expected {A_LABEL}; "
            f"where it is the name of one, give it another{OR_SKIP}"
        ),
    ),
    Case(
        "L22",
        "no label, `data.bad_rows=skip`",
        "skipped and counted",
        file(among(("x", ""), ("y", "nan")), bad_rows="skip"),
        note="train: rows 21, 22 cannot be read or used; set data.bad_rows=fail to see why",
        dropped={"bad": 2},
    ),
)

LABELS = (
    Case(
        "L08",
        "one label composed and decomposed (NFC, NFD)",
        "two labels, as written, and a note",
        file(labelled(NFC, NFD, "tea")),
        note=(
            f"labels '{NFD}' (8 rows) and '{NFC}' (8 rows) differ only in how Unicode composes their letters "
            "(NFC, NFD); if they are one class, give them one name"
        ),
        labels=[NFD, NFC, "tea"],
    ),
    Case(
        "L23",
        "the labels 1, 1.0 and 01",
        "three labels, as written, and a note",
        file(labelled("1", "1.0", "01")),
        note=(
            "labels '01' (8 rows) and '1' (8 rows) and '1.0' (8 rows) differ as text, but not as numbers; "
            "if they are one class, give them one name"
        ),
        labels=["01", "1", "1.0"],
    ),
    Case(
        "L24",
        "labels that differ in case or outer spaces",
        "as many labels, as written, and a note",
        file(labelled("pos", "Pos", "pos ", "neg", rows=40)),
        note=(
            "labels 'Pos' (8 rows) and 'pos' (8 rows) and 'pos ' (8 rows) differ only in case, spaces or forms of "
            "letters; if they are one class, give them one name"
        ),
        labels=["Pos", "neg", "pos", "pos "],
    ),
    Case(
        "L25",
        "a label in the test that training does not have",
        "stops and lists them",
        files(train=GOOD, test=[("x", "a"), ("y", "B"), ("z", "c")]),
        error=(
            "data.test has 2 rows whose labels no training row has: 'B', 'c'; correct them, or set "
            "data.unknown_labels=drop; did you mean 'b'?"
        ),
    ),
    Case(
        "L25",
        "the same, `data.unknown_labels=drop`",
        "dropped and counted",
        files({"unknown_labels": "drop"}, train=GOOD, test=[("x", "a"), ("y", "B"), ("z", "c")]),
        note="dropped: 2 rows (unknown label)",
        dropped={"unknown_label": 2},
    ),
    Case(
        "L26",
        "a class without a validation row",
        "a note; its figures are defined",
        files(train=GOOD, validation=[("x", "a")]),
        note="validation: no row has the label b",
    ),
    Case(
        "L27",
        "a single class",
        "stops",
        file(labelled("a")),
        error="rows.csv has only the label 'a'; expected at least two labels to tell apart",
    ),
    Case(
        "L28",
        "a class with a single row",
        "the row stays in training, and a note",
        file(among(("lone", "c"))),
        note="train: 1 label has a single row, from which nothing general can be learnt: 'c'",
        labels=["a", "b", "c"],
        check=lone_row_is_learnt_from,
    ),
    Case(
        "L29",
        "100,000 rows of one label, two of another",
        "read, and a note",
        files(
            train=[*((f"row {place}", "a") for place in range(LOPSIDED)), ("x", "b"), ("y", "b")],
            validation=[("z", "a"), ("w", "b")],
        ),
        note=(
            "train: 'a' has 50,000 times the rows of 'b'; look at macro F1 and the classes' own figures, "
            "accuracy says little"
        ),
        slow=True,
    ),
    Case(
        "L54",
        "labels with `/`, a line end, quotes, an emoji, of 10 kB",
        "labels like others",
        file(labelled(*ODD_LABELS, rows=50)),
        labels=sorted(ODD_LABELS),
    ),
    Case(
        "L55",
        "more than 100,000 different labels",
        "stops: free text",
        file(labelled(*(f"a {place}" for place in range(MANY_LABELS)), rows=MANY_LABELS)),
        error=(
            "rows.csv: column 'label' has more than 100,000 different labels, as free text has; expected the column of "
            "the classes: set data.label"
        ),
        slow=True,
    ),
    Case(
        "L56",
        "`a|b` in a column of one label",
        "a label of that name, and a note",
        file(labelled("a", "b", "a|b")),
        note="labels with '|' in them: 'a|b'; if a row may have several labels, set data.labels=label",
        labels=["a", "a|b", "b"],
    ),
)

TEXTS = (
    Case(
        "L30",
        "numbers for texts in a delimited file",
        "texts, as written, and a note",
        file([(f"{place}.50", "ab"[place % 2]) for place in range(30)]),
        note="train: 100% of the texts are numbers or dates; is 'text' the column of the texts (data.text)?",
        texts=["7.50"],
    ),
    Case(
        "L30",
        "a column of whole numbers in Parquet",
        "stops with the type",
        file(parquet_of(pa.array(range(30))), name="rows.parquet"),
        error="data.text: column 'text' of rows.parquet holds int64; expected text",
    ),
    Case(
        "L30",
        "a column of dates in Parquet",
        "stops with the type",
        file(parquet_of(pa.array(range(30), pa.int32()).cast(pa.date32())), name="rows.parquet"),
        error="data.text: column 'text' of rows.parquet holds date32[day]; expected text",
    ),
    Case(
        "L35",
        "a text of 1,000,000 characters",
        "kept whole; cut in training, and counted under `cut`",
        file(among(("ab cd " * 170_000, "a"))),
        check=one_long_row,
    ),
    Case(
        "L36",
        "a word of 100,000 characters; one word 10,000 times",
        "`[UNK]`; as many tokens as there are",
        file(among(("x" * 100_000, "a"), ("and " * 10_000, "b"))),
        texts=["x" * 100_000],
        check=one_unknown_token,
    ),
    Case(
        "L37",
        "emoji, Chinese, Arabic, piles of marks",
        "texts like others; ids are held against the served graph's by the tests of `text`",
        file(among(("🙂🙃", "a"), ("很好", "b"), ("مرحبا", "a"), ("Z\u0351\u036b\u0343\u0363", "b"))),
        texts=["🙂🙃", "很好", "مرحبا", "Z\u0351\u036b\u0343\u0363"],
    ),
    Case(
        "L38",
        "texts in a script that the model's vocabulary does not have",
        "a note with the share of unknown tokens",
        files(
            train=[(f"好{chr(0x4E00 + place)}", "ab"[place % 2]) for place in range(30)],
            validation=[("very good", "a"), ("very bad", "b")],
        ),
        note="train: the model's vocabulary does not know 50% of the tokens; is it for this language?",
    ),
    Case(
        "L53",
        "a spreadsheet's formula",
        "a text like others; no report is a spreadsheet",
        file(among(("=cmd()", "a"))),
        texts=["=cmd()"],
    ),
)

REPEATS = (
    Case(
        "L39",
        "a training text again",
        "kept, and a note",
        files(train=[*GOOD, GOOD[0], GOOD[1]], validation=[("x", "a"), ("y", "b")]),
        note="train: 2 rows repeat the text of an earlier row",
    ),
    Case(
        "L39",
        "the same, `data.duplicates=drop`",
        "dropped after the first, and counted",
        files({"duplicates": "drop"}, train=[*GOOD, GOOD[0], GOOD[1]], validation=[("x", "a"), ("y", "b")]),
        note="dropped: 2 rows (duplicate)",
        dropped={"duplicate": 2},
        check=no_repeats,
    ),
    Case(
        "L40",
        "a text in training and test",
        "kept, and a note with examples",
        files(train=GOOD, test=[*GOOD[3:5], ("new", "a")], validation=[("x", "a"), ("y", "b")]),
        note="train and test share 2 texts, which flatters the figures on them: 'quick 3', 'brown 4'",
    ),
    Case(
        "L41",
        "a text in training and test but for case, spaces, punctuation",
        "kept, and a note with an example",
        files(train=GOOD, test=[("Quick, 3!", "b"), ("BROWN  4", "a")], validation=[("x", "a"), ("y", "b")]),
        note="test: 2 rows differ from a training text only in case, spaces or punctuation, such as 'Quick, 3!'",
    ),
    Case(
        "L42",
        "a text with two labels",
        "kept, and a note with an example",
        files(train=[*GOOD, ("quick 0", "b")], validation=[("x", "a"), ("y", "b")]),
        note="train: 1 text has different labels in different rows, such as 'quick 0'",
    ),
    Case(
        "L43",
        "the label written in the text",
        "kept, and a note with the tokens",
        files(
            train=[(f"{'?' if place % 2 else '!'} {text}", label) for place, (text, label) in enumerate(GOOD * 3)],
            validation=[("x", "a"), ("y", "b")],
        ),
        note=(
            "train: single tokens give 100.0% of the labels away: '!' for 'a'; "
            "if the label is written in the text, take it out"
        ),
    ),
    Case(
        "L43",
        "ids that begin with something that tells the label",
        "kept, and a note",
        file(
            delimited(
                [
                    (f"{text} {place}", label, f"{'xy'[label == 'b']}-{place}")
                    for place, (text, label) in enumerate(GOOD * 3)
                ],
                head="text,label,id",
            )
        ),
        note=(
            "train: how the ids begin gives 100.0% of the labels away, such as 'x-' for 'a'; "
            "a column that comes after the label is no feature"
        ),
    ),
    Case(
        "L44",
        "rows sorted by label",
        "dealt to splits and shuffled all the same",
        sorted_and_not,
        labels=["a", "b", "c"],
        check=cut_as_if_shuffled,
    ),
    Case(
        "L52",
        "three rows",
        "read; no row is left out of any figure",
        files(train=[("x", "a"), ("y", "b")], validation=[("z", "a")]),
        check=nothing_lost,
    ),
)

CASES = (*EMPTY, *LABELS, *TEXTS, *REPEATS)
