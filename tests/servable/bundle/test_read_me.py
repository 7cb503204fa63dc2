"""The page of a bundle: one screen, every file named, nothing in it acts."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from made_bundles import HOSTILE, bundle
from markdown_it import MarkdownIt

MARKDOWN = MarkdownIt("commonmark", {"html": True}).enable(["table", "strikethrough"])


def page(tmp_path: Path, **changes: object) -> str:
    return (bundle(tmp_path / "model", **changes) / "serving" / "README.md").read_text(encoding="utf-8")


def test_it_is_one_screen_that_says_what_was_measured(tmp_path: Path) -> None:
    text = page(tmp_path)
    assert len(text.splitlines()) <= 50
    for said in ("# support, ready", "22,700,000 parameters", "95.00 MB", "2.2 or newer", "refund, lost", "1, 2 rows"):
        assert said in text


def test_every_file_beside_it_is_named(tmp_path: Path) -> None:
    model = bundle(tmp_path / "support")
    text = (model / "serving" / "README.md").read_text(encoding="utf-8")
    named = {name.rstrip("/") for name in re.findall(r"`([\w./-]+)`", text)}
    assert {path.name for path in (model / "serving").iterdir()} - named == {"README.md", "health.sh"}


def test_its_commands_name_files_that_are_there(tmp_path: Path) -> None:
    model = bundle(tmp_path / "support")
    text = (model / "serving" / "README.md").read_text(encoding="utf-8")
    named = re.findall(r"(?<= )serving/[\w./-]+", text)
    assert len(named) == 5
    assert [path for path in named if not (model / path).exists()] == []


def test_many_labels_are_cut(tmp_path: Path) -> None:
    text = page(tmp_path, labels=tuple(f"label {number}" for number in range(151)), multilabel=True)
    assert "any number of 151 labels out: label 0, " in text
    assert "label 11, and 139 more." in text
    assert "label 12" not in text


@pytest.mark.parametrize("hostile", [*HOSTILE, "<script>alert(1)</script>", "[a](javascript:b)", "a|b", "**c** _d_"])
def test_names_and_labels_are_words_and_no_markup(tmp_path: Path, hostile: str) -> None:
    plain, marked = page(tmp_path / "a"), page(tmp_path / "b", name=hostile, labels=(hostile, "lost"))
    assert shape(plain) == shape(marked)
    assert len(marked) < len(plain) + 1500


def shape(markdown: str) -> list[str]:
    """Returns the kinds of everything in a page."""
    flat = [each for token in MARKDOWN.parse(markdown) for each in (token, *(token.children or ()))]
    return [token.type for token in flat if token.type != "text_special"]
