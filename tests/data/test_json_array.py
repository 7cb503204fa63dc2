"""JSON arrays in pieces: whatever is read at once, the rows are those that Python's parser finds."""

from __future__ import annotations

import json
from pathlib import Path
from unittest.mock import patch

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tfclassify.data.sources import Columns, json_array
from tfclassify.data.sources.json_array import read_json_array
from tfclassify.errors import UsageError

PLAIN = Columns("text")
OBJECTS = st.lists(st.fixed_dictionaries({"text": st.text(st.characters(codec="utf-8"))}), min_size=1, max_size=8)


def read(path: Path, columns: Columns = PLAIN, skipped: list[int] | None = None) -> list[dict[str, object]]:
    numbers = [] if skipped is None else skipped
    return [row for batch in read_json_array(str(path), columns, skipped=numbers.append) for row in batch.to_pylist()]


@given(rows=OBJECTS, indent=st.sampled_from([None, 0, 3]), ascii_only=st.booleans(), at_once=st.integers(1, 40))
def test_rows_are_those_of_the_array(
    rows: list[dict[str, str]],
    indent: int | None,
    ascii_only: bool,
    at_once: int,
    tmp_path_factory: pytest.TempPathFactory,
) -> None:
    path = tmp_path_factory.mktemp("array") / "rows.json"
    path.write_text(json.dumps(rows, indent=indent, ensure_ascii=ascii_only), encoding="utf-8", newline="")
    with patch.object(json_array, "READ_CHARACTERS", at_once):
        assert read(path) == rows


@pytest.mark.parametrize(
    ("content", "said"),
    [
        ("", "is empty; expected an array of objects"),
        (" \n", "is empty; expected an array of objects"),
        ("[]", "is empty; expected an array of objects"),
        ('[{"text": "a"},]', ": row 2 is not JSON: Expecting value at character 1; correct it"),
        ('[{"text": "a"}', ": row 1 is the last before the file ends; expected a comma, or the end of the array"),
        ('[{"text": "a', ": row 1 is not JSON: Unterminated string starting at at character 10; correct it"),
        (
            '[{"text": "a"}] x',
            " goes on after its array with 'x'; expected an array of objects; where there is one object a line, name "
            "the file .jsonl",
        ),
        ("[" * 100_000, ": row 1 is nested too deeply; correct it"),
        ('[{"text": ' + "1" * 5000 + "}]", ": row 1 holds an integer of too many digits; correct it"),
    ],
)
def test_what_is_no_array(tmp_path: Path, content: str, said: str) -> None:
    path = tmp_path / "rows.json"
    path.write_text(content, encoding="utf-8")
    with pytest.raises(UsageError) as caught:
        read(path)
    assert str(caught.value).replace(f"{path} is", "is") == (said if said.startswith("is") else f"{path}{said}")


def test_bytes_that_are_no_text(tmp_path: Path) -> None:
    path = tmp_path / "rows.json"
    path.write_bytes(b'[{"text": "caf\xe9"}]')
    with pytest.raises(UsageError, match=r"is not UTF-8 \(0xe9 at byte 14, see data.encoding\)"):
        read(path)


def test_rows_of_the_wrong_form_are_left_out_and_counted(tmp_path: Path) -> None:
    path = tmp_path / "rows.json"
    path.write_text('[{"text": "a"}, 3, {"text": null}, {"text": "b"}]', encoding="utf-8")
    skipped: list[int] = []
    assert read(path, Columns("text", bad_rows="skip"), skipped) == [{"text": "a"}, {"text": "b"}]
    assert skipped == [2, 3]
