"""YAML is read back as it was, by both editions of the language."""

from __future__ import annotations

import io

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st
from made_bundles import HOSTILE

from tfclassify.servable.bundle.yaml_text import yaml_text

TRICKY = [
    "y",
    "n",
    "no",
    "on",
    "null",
    "~",
    "1e3",
    "0o14",
    "0x1F",
    "1:30",
    ".inf",
    "=",
    "<<",
    "a: b",
    "- x",
    "# x",
    "a\n",
]
# What no YAML file can hold as it is (lone surrogates) never gets as far as this.
STRINGS = st.one_of(st.sampled_from([*TRICKY, *HOSTILE]), st.text(st.characters(exclude_categories=["Cs"])))
VALUES = st.recursive(
    st.one_of(STRINGS, st.booleans(), st.integers(-(10**9), 10**9)),
    lambda inner: st.one_of(st.lists(inner, max_size=3), st.dictionaries(st.sampled_from("abc"), inner, max_size=3)),
    max_leaves=6,
)


@given(VALUES)
def test_the_older_edition_reads_it_back(value: object) -> None:
    assert yaml.safe_load(yaml_text({"value": value}, head="said\nabove")) == {"value": value}


@given(VALUES)
def test_the_newer_edition_reads_it_back(value: object) -> None:
    ruamel = pytest.importorskip("ruamel.yaml")
    read = ruamel.YAML(typ="safe", pure=True).load(io.StringIO(yaml_text({"value": value})))
    assert read == {"value": value}


def test_promql_is_written_without_backslashes() -> None:
    assert yaml_text({"expr": 'up{job="a"} == 0'}) == 'expr: |-\n  up{job="a"} == 0\n'
