"""The certificate compares with the reference itself, and refuses what differs."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from small_networks import small_files
from transformers import BertTokenizerFast

from tfclassify.errors import UsageError
from tfclassify.servable.certificate import certify, reference
from tfclassify.text.hard_texts import hard_texts


@pytest.fixture(scope="module")
def vocabulary(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return small_files(tmp_path_factory.mktemp("small")).vocabulary


def expected(vocabulary: Path, texts: list[str], pairs: list[str] | None, max_length: int) -> list[list[int]]:
    tokenizer = BertTokenizerFast(vocab_file=str(vocabulary), do_lower_case=True)
    return tokenizer(
        texts, pairs, truncation="longest_first", max_length=max_length, split_special_tokens=True, verbose=False
    )["input_ids"]


def test_it_is_the_reference(vocabulary: Path) -> None:
    texts = list(hard_texts())
    made = reference(vocabulary, lower_case=True, max_length=16)
    assert [each.ids for each in made.encode_batch(texts)] == expected(vocabulary, texts, None, 16)


@given(st.text("ab cdéé", max_size=20), st.text("ab cdéé", max_size=20), st.integers(5, 12))
def test_it_is_the_reference_on_pairs(vocabulary: Path, first: str, second: str, max_length: int) -> None:
    made = reference(vocabulary, lower_case=True, max_length=max_length)
    assert [made.encode(first, second).ids] == expected(vocabulary, [first], [second], max_length)


def test_all_the_same(vocabulary: Path) -> None:
    made = reference(vocabulary, lower_case=True, max_length=16)
    texts = ["a b", "c"]
    found = certify(made, expected(vocabulary, texts, None, 16), texts, own=1, limit=0.0, version="the reference")
    assert found.described() == {
        "reference": "the reference",
        "texts": 1,
        "hard_texts": 1,
        "different": 0,
        "share": 0.0,
        "limit": 0.0,
        "examples": (),
    }


def test_ids_that_differ_are_refused_above_the_limit(vocabulary: Path) -> None:
    made = reference(vocabulary, lower_case=True, max_length=16)
    texts = ["a b", "c", "d", "e"]
    ids = expected(vocabulary, texts, None, 16)
    ids[1] = [2, 1, 3]
    with pytest.raises(UsageError) as caught:
        certify(made, ids, texts, own=4, limit=0.2, version="the reference")
    assert str(caught.value) == (
        "the exported tokenizer gives other ids than the reference for 1 of 4 texts, such as 'c'; "
        "expected at most a share of 0.2"
    )
    allowed = certify(made, ids, texts, own=4, limit=0.25, version="the reference")
    assert (allowed.different, allowed.share, allowed.examples) == (1, 0.25, ("'c'",))
