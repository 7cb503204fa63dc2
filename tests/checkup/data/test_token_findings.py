"""Lengths and unknown tokens: counted as the token store counts them, and told where they cost something."""

from __future__ import annotations

from pathlib import Path

import pytest
from made_rows import clean_rows, write_rows, write_splits

from tfclassify.checkup.data.counting import measure
from tfclassify.checkup.data.lengths import long_texts, unknown_tokens
from tfclassify.checkup.data.material import Material, Vocabulary
from tfclassify.checkup.data.overview import overview
from tfclassify.checkup.data.quick import quick_findings
from tfclassify.checkup.data.reading import read_material
from tfclassify.data.corpus import read_corpus
from tfclassify.data.pieces import pieces_of
from tfclassify.display import SILENT
from tfclassify.model.weights import encoder_size, find, lower_case
from tfclassify.settings import DataSettings


@pytest.fixture(scope="module")
def vocabulary(cache: Path) -> Vocabulary:
    found = find("random-tiny", cache=cache)
    return Vocabulary("random-tiny", found.vocabulary, lower_case(found), encoder_size(found))


def material_with(vocabulary: Vocabulary, **places: str) -> Material:
    return read_material(DataSettings(**places), vocabulary, rows=10_000, shown=2, seed=0, display=SILENT)


def test_counts_are_those_of_the_token_store(vocabulary: Vocabulary, tmp_path: Path, cache: Path) -> None:
    splits = clean_rows()
    splits["train"][3] = ("中文 и кириллица, ÀÉ", "billing")
    splits["test"][4] = splits["train"][8]
    places = {key.removeprefix("data."): place for key, place in write_splits(tmp_path, splits).items()}
    pieces = pieces_of(vocabulary.file, lower_case=vocabulary.lower_case, maps=())
    stored = read_corpus(DataSettings(**places), pieces, seed=0, cache=cache, display=SILENT).statistics
    assert material_with(vocabulary, **places).statistics == stored


def test_planning_finds_what_the_check_up_finds(vocabulary: Vocabulary, tmp_path: Path) -> None:
    splits = clean_rows()
    splits["train"] = splits["train"][:300] + splits["train"][:50] + [("中" * 9, "rare")] * 2
    splits["test"][0] = splits["train"][0]
    places = {key.removeprefix("data."): place for key, place in write_splits(tmp_path, splits).items()}
    material = material_with(vocabulary, **places)
    quick = quick_findings(material.statistics, vocabulary)
    assert {finding.name for finding in quick} == {"repeated_texts", "shared_texts", "rare_labels", "uneven_labels"}
    assert all(finding.examples == () for finding in quick)


def test_texts_that_lose_tokens(vocabulary: Vocabulary, tmp_path: Path) -> None:
    rows = [("a b c", "x"), ("d e", "y")] * 20 + [("f " * 600, "x")]
    material = material_with(vocabulary, train=write_rows(tmp_path / "rows.csv", rows))
    (finding,) = long_texts(material)
    assert finding.sentence == (
        "1 text of 41 has more than the 512 tokens that random-tiny reads; the longest has 602."
    )
    assert finding.severity == "warning"
    known = overview(material)
    assert known["splits"]["train"]["tokens"] == {"median": 5, "p95": 5, "longest": 602}
    assert known["plan"]["max_length"] == 512


def test_tokens_that_the_vocabulary_does_not_know(vocabulary: Vocabulary, tmp_path: Path) -> None:
    rows = [("a b 中", "x"), ("c d e f g h i", "y")] * 20
    material = material_with(vocabulary, train=write_rows(tmp_path / "rows.csv", rows))
    (finding,) = unknown_tokens(material)
    assert finding.counts["tokens"] == 20
    assert finding.sentence == "train: the vocabulary of random-tiny does not know 7% of the tokens."
    assert measure(["a 中 中"], vocabulary)[1].tolist() == [2]
