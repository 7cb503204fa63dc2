"""Every bad input of the catalogue, read as it would be for training; the documentation says what is found here.

``python tests/data/test_bad_input.py`` writes the table of docs/data.md anew.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from bad_cases import Case, table
from bad_files import CASES as OF_FILES
from bad_lines import CASES as OF_LINES
from bad_texts import CASES as OF_TEXTS

from tfclassify.data.corpus import REASONS, Corpus, read_corpus
from tfclassify.data.labelling import texts_of
from tfclassify.data.pieces import Pieces
from tfclassify.display import SILENT
from tfclassify.errors import UsageError
from tfclassify.settings import DataSettings, parse

CASES = tuple(sorted((*OF_LINES, *OF_FILES, *OF_TEXTS), key=lambda case: case.id))
PAGE = Path(__file__).parents[2] / "docs" / "data.md"
TABLE = re.compile(r"(?<=<!-- table -->\n).*?(?=<!-- end of table -->)", re.DOTALL)


@pytest.fixture(scope="module")
def pieces(tmp_path_factory: pytest.TempPathFactory) -> Pieces:
    """The tokenizer of random-tiny: words of single characters."""
    from tfclassify.learning.trained import pieces_of
    from tfclassify.model.weights import find

    found = find("random-tiny", cache=tmp_path_factory.mktemp("weights"))
    return pieces_of(found.vocabulary, lower_case=True)


@pytest.fixture
def outcome(tmp_path: Path, pieces: Pieces) -> Callable[[Case], Corpus | str]:
    """Reads what a case makes: the corpus, or the line that says why not."""

    def read(case: Case) -> Corpus | str:
        folder = tmp_path / "data"
        folder.mkdir()
        asked = parse(case.made(folder), DataSettings)
        meanwhile = case.meanwhile
        display = SILENT if meanwhile is None else replace(SILENT, advance=lambda *_: meanwhile(folder))
        try:
            return read_corpus(asked, pieces, seed=0, cache=tmp_path / "cache", display=display)
        except UsageError as error:
            return str(error).replace(f"{folder}/", "")

    return read


def parameter(case: Case) -> Any:
    return pytest.param(case, marks=[pytest.mark.slow] * case.slow, id=f"{case.id} {case.given}"[:60])


@pytest.mark.parametrize("case", [parameter(case) for case in CASES])
def test_case(case: Case, outcome: Callable[[Case], Corpus | str]) -> None:
    found = outcome(case)
    if isinstance(found, str):
        assert found == case.error
        return
    assert not case.error
    assert found.labels.names == tuple(sorted(case.labels))
    assert {reason: rows for reason, rows in found.dropped.items() if rows} == case.dropped
    assert found.read == sum(map(len, found.splits.values())) + sum(found.dropped.values())
    assert set(found.dropped) == set(REASONS)
    assert set(case.texts) <= {text for split in found.splits.values() for text in texts_of(split)}
    expected = [case.note] if case.note else []
    assert [note for note in found.notes if note in expected] == expected, found.notes
    assert not any("\n" in note for note in found.notes)
    if case.check is not None:
        case.check(found)


def test_every_number_of_the_catalogue_has_a_case() -> None:
    assert sorted({case.id for case in CASES}) == [f"L{number:02}" for number in range(1, 59)]


def test_the_page_says_what_the_cases_show() -> None:
    found = TABLE.findall(PAGE.read_text(encoding="utf-8"))
    assert found == [table(CASES)], "the cases have changed: PYTHONPATH=. python tests/data/test_bad_input.py"


if __name__ == "__main__":
    written = TABLE.sub(lambda _: table(CASES), PAGE.read_text(encoding="utf-8"))
    PAGE.write_text(written, encoding="utf-8")
