"""Reads a page back as strictly as no browser would: every element closed in order, no attribute twice."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from html.parser import HTMLParser

from tfclassify.quality.report.pictures.drawing import Picture

VOID = {"meta", "link", "br", "img", "input", "hr", "source"}
SKIPPED = {"style", "script"}


@dataclass
class Read:
    """What a page holds."""

    elements: list[tuple[str, dict[str, str | None]]] = field(default_factory=list)
    words: list[str] = field(default_factory=list)
    tables: list[list[list[str]]] = field(default_factory=list)
    spoilt: list[str] = field(default_factory=list)

    @property
    def text(self) -> str:
        """All that is to be read, in one line."""
        return " ".join("".join(self.words).split())


class _Reader(HTMLParser):
    def __init__(self) -> None:
        super().__init__(convert_charrefs=True)
        self.read, self.open = Read(), []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self._note(tag, attrs)
        if tag not in VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self._note(tag, attrs)
        if "svg" not in self.open:
            self.read.spoilt.append(f"<{tag}/> outside of a drawing")

    def handle_endtag(self, tag: str) -> None:
        if not self.open or self.open.pop() != tag:
            self.read.spoilt.append(f"</{tag}> closes nothing at {self.getpos()}")

    def handle_data(self, data: str) -> None:
        if self.open and self.open[-1] in SKIPPED:
            return
        self.read.words.append(data)
        if self.read.tables and "table" in self.open and {"td", "th"} & set(self.open):
            self.read.tables[-1][-1][-1] += data

    def _note(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        if len(dict(attrs)) != len(attrs):
            self.read.spoilt.append(f"<{tag}> has an attribute twice")
        self.read.elements.append((tag, dict(attrs)))
        if tag in ("td", "th", "p", "li", "dd", "dt", "h1", "h2", "h3", "text", "figcaption"):
            self.read.words.append(" ")
        if tag == "table":
            self.read.tables.append([])
        elif tag == "tr":
            self.read.tables[-1].append([])
        elif tag in ("td", "th"):
            self.read.tables[-1][-1].append("")


def read(html: str) -> Read:
    """Parses a page, or a part of one."""
    reader = _Reader()
    reader.feed(html)
    reader.close()
    reader.read.spoilt += [f"<{tag}> is never closed" for tag in reader.open]
    return reader.read


def shapes(picture: Picture, tag: str, class_: str) -> list[dict[str, str]]:
    """The attributes of elements of a tag and a class."""
    elements = read(picture.svg).elements
    return [attributes for name, attributes in elements if name == tag and class_ in (attributes.get("class") or "")]


def texts(picture: Picture) -> list[str]:
    """What is written in a picture."""
    return [words for words in re.findall(r"<text[^>]*>(?:<title>.*?</title>)?([^<]*)</text>", picture.svg) if words]
