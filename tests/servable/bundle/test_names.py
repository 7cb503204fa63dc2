"""Names: plain ones stay, all others become plain and stay apart."""

from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st
from made_bundles import HOSTILE

from tfclassify.servable.bundle.names import dns_name, served_name

ANY = st.one_of(st.text(), st.sampled_from(HOSTILE), st.text("aA-_.1 é", max_size=80))


@pytest.mark.parametrize("name", ["support", "ag_news", "bert-v1.5", "A", "7up"])
def test_a_plain_name_is_served_as_it_is(name: str) -> None:
    assert served_name(name) == name


@given(ANY)
def test_what_is_served_needs_no_quoting(name: str) -> None:
    assert re.fullmatch(r"[A-Za-z0-9][A-Za-z0-9._-]{0,62}", served_name(name))


@given(ANY, ANY)
def test_different_names_are_served_differently(one: str, other: str) -> None:
    assert (one == other) == (served_name(one) == served_name(other))


@given(ANY)
def test_a_cluster_takes_the_name(name: str) -> None:
    assert re.fullmatch(r"[a-z]([a-z0-9-]{0,38}[a-z0-9])?", dns_name(name))


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("support", "support"),
        ("ag_news", "ag-news"),
        ("Bert-v1.5", "bert-v1-5"),
        ("7up", "model-7up-"),
        ("das ist schön", "das-ist-schon-"),
        ("𝑨", "a-"),
        ("评论", "model-"),
    ],
)
def test_names_in_a_cluster_are_to_be_recognised(name: str, expected: str) -> None:
    made = dns_name(name)
    assert made == expected if not expected.endswith("-") else re.fullmatch(expected + "[0-9a-f]{8}", made)


@given(ANY, ANY)
def test_names_in_a_cluster_differ_unless_only_in_case_and_signs(one: str, other: str) -> None:
    def alike(name: str) -> str:
        return name.lower().replace("_", "-").replace(".", "-")

    if dns_name(one) == dns_name(other):
        assert alike(one) == alike(other)
