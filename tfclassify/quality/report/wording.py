"""Words that others wrote, made fit to be shown: nothing in them acts, hides or goes on for ever."""

from __future__ import annotations

import re
import unicodedata
from dataclasses import dataclass
from functools import cache

REPLACEMENT = "\ufffd"
TEXT_CHARACTERS, TEXT_LINES = 800, 20
LABEL_CHARACTERS = 80
# Left open, these would turn round whatever the page says next.
DIRECTIONS = {
    0x202A: "LRE",
    0x202B: "RLE",
    0x202C: "PDF",
    0x202D: "LRO",
    0x202E: "RLO",
    0x2066: "LRI",
    0x2067: "RLI",
    0x2068: "FSI",
    0x2069: "PDI",
}


@dataclass(frozen=True)
class Excerpt:
    """The beginning of a text and how many of its characters are not shown."""

    text: str
    left_out: int


def visible(text: str) -> str:
    """Returns the text with control characters as symbols (␀, [RLO]) and what no file can hold as U+FFFD.

    Line feeds and tabs stay.
    """
    return text.replace("\r\n", "\n").translate(_symbols())


def excerpt(text: str, *, characters: int = TEXT_CHARACTERS, lines: int = TEXT_LINES) -> Excerpt:
    """Cuts a text to be shown: at a number of characters, or of lines, whichever comes first."""
    # A cut in the text as written, so that the count left out is the text's own.
    kept = "".join(re.findall(r".*(?:\n|$)", text[:characters])[:lines])
    return Excerpt(visible(kept), len(text) - len(kept))


def label_text(label: str, characters: int = LABEL_CHARACTERS) -> str:
    """Returns a label on one line, cut with an ellipsis where it is longer than this."""
    line = " ".join(visible(label[: 4 * characters]).split()) or ("(empty)" if not label.strip() else REPLACEMENT)
    return line if len(line) <= characters and len(label) <= 4 * characters else line[: characters - 1] + "…"


def width(text: str) -> int:
    """Returns how many columns a text takes; East Asian letters and emoji take two, marks none."""
    return sum(_columns(letter) for letter in text)


def shortened(label: str, columns: int) -> str:
    """Returns a label cut to so many columns, for a place in a picture."""
    line = label_text(label)
    if width(line) <= columns:
        return line
    kept = ""
    for letter in line:
        if width(kept) + _columns(letter) > columns - 1:
            break
        kept += letter
    return kept.rstrip() + "…"


def plural(number: int, noun: str) -> str:
    """Returns ``1 row`` or ``3,080 rows``."""
    ending = "es" if noun.endswith("s") else "s"
    return f"{number:,} {noun}{'' if number == 1 else ending}"


def _columns(letter: str) -> int:
    if unicodedata.combining(letter):
        return 0
    return 2 if unicodedata.east_asian_width(letter) in "WF" else 1


@cache
def _symbols() -> dict[int, str]:
    pictures = {code: chr(0x2400 + code) for code in range(32) if chr(code) not in "\n\t"}
    beyond = dict.fromkeys([*range(0x80, 0xA0), *range(0xD800, 0xE000), 0xFFFE, 0xFFFF], REPLACEMENT)
    return pictures | {0x7F: "\u2421"} | beyond | {code: f"[{name}]" for code, name in DIRECTIONS.items()}
