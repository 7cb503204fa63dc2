"""Bad lines: L01 to L19 (encodings, quotes, headers) and L31 to L34 (JSON lines)."""

from __future__ import annotations

import json

from bad_cases import GOOD, OR_SKIP, Case, among, delimited, file

from tfclassify.data.corpus import Corpus
from tfclassify.data.labelling import texts_of

FORMS = (
    "expected a .csv, .tsv, .jsonl, .json or .parquet file (each also .gz, .bz2, .xz, .zip or .tar), a folder, "
    "tfds:NAME or sample:NAME"
)
ENCODING = "set data.encoding to what it was written in, such as cp1252"


def lines(*more: str) -> str:
    """A file of JSON lines whose 21st to so many are these."""
    good = [json.dumps({"text": text, "label": label}) for text, label in GOOD]
    return "\n".join([*good[:20], *more, *good[20:]]) + "\n"


def array(*more: str) -> str:
    """A file of one JSON array whose 21st objects to so many are these."""
    good = [json.dumps({"text": text, "label": label}) for text, label in GOOD]
    return "[\n" + ",\n".join([*good[:20], *more, *good[20:]]) + "\n]\n"


def last_label_is_the_last_key(corpus: Corpus) -> None:
    split = corpus.splits["train"]
    assert {name: texts_of(each) for name, each in corpus.splits.items()}
    assert "lost" not in {text for each in corpus.splits.values() for text in texts_of(each)}
    assert split.store.account.kept == len(GOOD) + 1


ENCODINGS = (
    Case(
        "L01",
        "UTF-8 with a byte order mark",
        "the mark is dropped; the first column's name is clean",
        file(delimited(GOOD).encode("utf-8-sig")),
        texts=["quick 0"],
    ),
    Case(
        "L02",
        "UTF-16 with a byte order mark",
        "stops and names the encoding",
        file(delimited(GOOD).encode("utf-16")),
        error="rows.csv begins with a UTF-16 byte order mark; set data.encoding=utf-16",
    ),
    Case(
        "L02",
        "the same, `data.encoding=auto`",
        "read by its mark",
        file(delimited([*GOOD, ("é", "a")]).encode("utf-16"), encoding="auto"),
        texts=["é", "quick 0"],
    ),
    Case(
        "L02",
        "UTF-16 without a mark",
        "stops and names the encoding",
        file(delimited(GOOD).encode("utf-16-le")),
        error="rows.csv looks like UTF-16 without a byte order mark; set data.encoding=utf-16-le",
    ),
    Case(
        "L03",
        "Latin-1 bytes",
        "stops with row and byte; never read as other letters",
        file(delimited(among(("caf\u00e9", "a"))).encode("latin-1")),
        error=f"rows.csv: row 21 is not UTF-8: 0xe9 at byte 212; {ENCODING}",
    ),
    Case(
        "L03",
        "the same, `data.encoding=cp1252`",
        "read as asked",
        file(delimited(among(("café", "a"))).encode("cp1252"), encoding="cp1252"),
        texts=["café"],
    ),
    Case(
        "L03",
        "a byte that the encoding asked for does not have",
        "stops with row and byte",
        file(delimited(among(("caf\x81", "a"))).encode("latin-1"), encoding="cp1252"),
        error=f"rows.csv: row 21 is not cp1252: 0x81 at byte 212; {ENCODING}",
    ),
    Case(
        "L03",
        "Latin-1 bytes in JSON lines",
        "stops with line and byte",
        file(lines('{"text": "café", "label": "a"}').encode("latin-1"), name="rows.jsonl"),
        error=f"rows.jsonl: line 21 is not UTF-8 (0xe9 at byte 691, see data.encoding); correct it{OR_SKIP}",
    ),
    Case(
        "L04",
        "rows in two encodings",
        "stops at the first row that is not in the encoding asked for",
        file(delimited(among(("café", "a"))).encode() + b"caf\xe9,b\n"),
        error=f"rows.csv: row 32 is not UTF-8: 0xe9 at byte 322; {ENCODING}",
    ),
    Case(
        "L04",
        "the same, `data.bad_rows=skip`",
        "skipped and counted",
        file(delimited(among(("café", "a"))).encode() + b"caf\xe9,b\n", bad_rows="skip"),
        note="train: row 32 cannot be read or used; set data.bad_rows=fail to see why",
        dropped={"bad": 1},
        texts=["café"],
    ),
    Case(
        "L05",
        "a NUL in a text",
        "stops; never cut at the NUL",
        file(among(("be\0hind", "a"))),
        error="data.text: column 'text' of rows.csv holds a NUL character in row 21; expected text without any"
        + OR_SKIP,
    ),
    Case(
        "L05",
        "the same, `data.bad_rows=skip`",
        "skipped and counted",
        file(among(("be\0hind", "a")), bad_rows="skip"),
        note="train: row 21 cannot be read or used; set data.bad_rows=fail to see why",
        dropped={"bad": 1},
    ),
    Case(
        "L06",
        "half a surrogate pair in JSON lines",
        "stops: no text that can be encoded",
        file(lines('{"text": "\\ud800", "label": "a"}'), name="rows.jsonl"),
        error=f"rows.jsonl: line 21 holds half a surrogate pair, \\ud800; correct it{OR_SKIP}",
    ),
    Case(
        "L07",
        "control characters, marks of direction",
        "kept as they are",
        file(among(("a\x07b\x1b[0m", "a"), ("\u202eabc\u202c", "b"))),
        texts=["a\x07b\x1b[0m", "\u202eabc\u202c"],
    ),
    Case(
        "L07",
        "nothing but characters without width",
        "an empty text",
        file(among(("\u200b\u200d\ufeff", "a"))),
        note="dropped: 1 row (empty)",
        dropped={"empty": 1},
    ),
)

QUOTES = (
    Case(
        "L09",
        "a field in quotes with comma, quote and line end",
        "one field, after RFC 4180",
        file('text,label\n"x, ""y""\nz",a\n' + delimited(GOOD).partition("\n")[2]),
        texts=['x, "y"\nz'],
    ),
    Case(
        "L10",
        "a quote that is never closed",
        "stops at the row that opens it; no giant row",
        file(delimited(among()) + '"open,a\n' + "more,b\n" * 9),
        error=(
            "rows.csv: row 31 opens a quote that is never closed; close it, or double it within quotes where it is text"
        ),
    ),
    Case(
        "L10",
        "a quote that another row closes",
        "stops at the row that opens it",
        file(delimited(among()) + '"open,a\n"more",b\n'),
        error=(
            "rows.csv: row 31 has text behind a closing quote; double quotes within quotes where they are text"
            + OR_SKIP
        ),
    ),
    Case(
        "L11",
        "a quote within a field without quotes",
        "a character like others; columns stay where they are",
        file(delimited(among()) + 'a 5" nail,a\n'),
        texts=['a 5" nail'],
    ),
    Case(
        "L12",
        "a row with too many fields",
        "stops with both counts",
        file(among(("x", "y", "a"))),
        error=f"rows.csv: row 21 has 3 fields; expected 2; quote fields that hold a delimiter{OR_SKIP}",
    ),
    Case(
        "L12",
        "a row with too few fields",
        "stops with both counts",
        file(among(("x",))),
        error=f"rows.csv: row 21 has 1 field; expected 2; quote fields that hold a delimiter{OR_SKIP}",
    ),
    Case(
        "L12",
        "more than 1 % of such rows, `data.bad_rows=skip`",
        "stops: the file is read wrongly",
        file(among(*[("x",)] * 6), bad_rows="skip"),
        error=(
            "rows.csv: 6 of 36 rows cannot be read or used (rows 21, 22, 23, 24, 25 and 1 more), more than "
            "data.bad_rows_limit=0.01 of them; "
            "set data.bad_rows=fail to see what is wrong with the first, or raise the limit"
        ),
    ),
    Case(
        "L13",
        "`;` between fields",
        "stops with the header seen and the setting",
        file(delimited(GOOD, delimiter=";")),
        error=(
            "data.text: column 'text' is not in rows.csv; columns are: text;label; the header has ';' in it: "
            "set data.delimiter=';'"
        ),
    ),
    Case(
        "L13",
        "the same, with commas in texts",
        "stops with the header seen and the setting",
        file(delimited((("it broke, too", "a"), *GOOD), delimiter=";")),
        error="rows.csv: row 1 has 2 fields; expected 1; the header has ';' in it: set data.delimiter=';'",
    ),
    Case(
        "L13",
        "`;` between fields, `data.delimiter=';'`",
        "read as asked",
        file(delimited(GOOD, delimiter=";"), delimiter=";"),
        texts=["quick 0"],
    ),
    Case(
        "L13",
        "tabs between fields",
        "stops with the header seen and the setting",
        file(delimited(GOOD, delimiter="\t")),
        error=(
            "data.text: column 'text' is not in rows.csv; columns are: text\tlabel; the header has tabs in it: "
            "set data.delimiter='\"\\t\"'"
        ),
    ),
    Case("L14", "lines that end in CR LF", "line ends", file(delimited(GOOD, end="\r\n")), texts=["quick 0"]),
    Case("L14", "lines that end in CR", "line ends", file(delimited(GOOD, end="\r")), texts=["quick 0"]),
    Case("L14", "U+2028 in a text", "data, no line end", file(among(("x\u2028y", "a"))), texts=["x\u2028y"]),
)

HEADERS = (
    Case(
        "L15",
        "two columns of one name",
        "stops",
        file(delimited(GOOD, head="text,text")),
        error="rows.csv: the column 'text' is there twice; expected different column names",
    ),
    Case(
        "L16",
        "no column of the text",
        "stops with the columns there are, and the setting",
        file(delimited(GOOD, head="review_text,label")),
        error=(
            "data.text: column 'text' is not in rows.csv; columns are: review_text, label; set data.text to one of them"
        ),
    ),
    Case(
        "L16",
        "no column of the label",
        "stops with the columns there are, and the nearest",
        file(delimited(GOOD, head="text,labell")),
        error="data.label: column 'label' is not in rows.csv; columns are: text, labell; did you mean 'labell'?",
    ),
    Case(
        "L17",
        "no header",
        "stops: the first row looks like data",
        file(delimited(GOOD, head="it broke after a week,a")),
        error=(
            "data.text: column 'text' is not in rows.csv; columns are: it broke after a week, a; the first row looks "
            "like data: put one with the names of the columns above it, such as text,label"
        ),
    ),
    Case(
        "L18",
        "spaces about the names of columns",
        "taken off once",
        file(delimited(GOOD, head=" text , label ")),
        texts=["quick 0"],
    ),
    Case(
        "L18",
        "names in another case",
        "stops with the nearest; not guessed",
        file(delimited(GOOD, head="Text,label")),
        error="data.text: column 'text' is not in rows.csv; columns are: Text, label; did you mean 'Text'?",
    ),
    Case("L19", "an empty file", "stops", file(""), error="rows.csv is empty; expected a header and at least one row"),
    Case(
        "L19",
        "nothing but a header",
        "stops",
        file("text,label\n"),
        error="rows.csv has no rows; expected at least one",
    ),
)

WRONG_LINES = tuple(
    Case(
        number,
        given,
        "stops with the number of the line",
        file(lines(line), name="rows.jsonl"),
        error=f"rows.jsonl: line 21 {said}; correct it{OR_SKIP}",
    )
    for number, given, line, said in (
        (
            "L31",
            "JSON lines: a list for a text",
            '{"text": ["x"], "label": "a"}',
            "has a list in 'text'; expected text",
        ),
        ("L31", "an object for a text", '{"text": {}, "label": "a"}', "has an object in 'text'; expected text"),
        ("L31", "null for a text", '{"text": null, "label": "a"}', "has null in 'text'; expected text"),
        ("L32", "a line that is cut short", '{"text": "x"', "is not JSON: Expecting ',' delimiter at character 13"),
        ("L32", "two objects in a line", '{"text": "x", "label": "a"} {}', "is not JSON: Extra data at character 29"),
        ("L32", "a list of objects in a line", '[{"text": "x"}]', "holds a list; expected one object a line"),
    )
)
WRONG_ITEMS = tuple(
    Case(
        "L32",
        given,
        "stops with the number of the row",
        file(array(item), name="rows.json"),
        error=f"rows.json: row 21 {said}",
    )
    for given, item, said in (
        (
            "a list in such an array",
            '[{"text": "x"}]',
            f"holds a list; expected an array of objects; correct it{OR_SKIP}",
        ),
        ("a comma too many in one", "", "is not JSON: Expecting value at character 1; correct it"),
        (
            "two objects without a comma",
            '{"text": "x", "label": "a"} {}',
            "is followed by '{'; expected a comma, or the end of the array",
        ),
    )
)
JSON = (
    *WRONG_LINES,
    Case(
        "L32",
        "an array in a `.json` file",
        "read, an object a row",
        file(array('{"text": "x", "label": "a"}'), name="rows.json"),
        texts=["x", "quick 0"],
    ),
    *WRONG_ITEMS,
    Case(
        "L32",
        "an object after the other in a `.json` file",
        "stops and says what the name would have to be",
        file(lines(), name="rows.json"),
        error="rows.json begins with '{'; expected an array of objects; where there is one object a line, name the "
        "file .jsonl",
    ),
    Case(
        "L32",
        "a `.json` file that is cut short",
        "stops with the number of the row",
        file(array()[:-2], name="rows.json"),
        error=f"rows.json: row {len(GOOD)} is the last before the file ends; expected a comma, or the end of the array",
    ),
    Case(
        "L33",
        "a key twice in an object",
        "the last value counts",
        file(lines('{"text": "lost", "text": "kept", "label": "a"}'), name="rows.jsonl"),
        texts=["kept"],
        check=last_label_is_the_last_key,
    ),
    Case(
        "L34",
        "a row of more than 8 MiB",
        "stops before it is all in memory; more than 128 KiB in a field is no matter",
        file(among(("x" * (9 << 20), "a"))),
        error="rows.csv: row 21 is longer than 8 MiB; expected shorter ones: look for a quote that is never closed",
    ),
)

CASES = (*ENCODINGS, *QUOTES, *HEADERS, *JSON)
