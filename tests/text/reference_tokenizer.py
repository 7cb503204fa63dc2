"""The reference, ``transformers.BertTokenizerFast``: its ids, its words, and what it makes of every code point.

Run as a program it writes the table that the package's graph is made of::

    python tests/text/reference_tokenizer.py tfclassify/text/characters.tsv

The table has a line per run of code points that the reference treats alike: first, last and step of the run in hex;
what becomes of them in a cased and in an uncased text (``letter``, ``alone``: a word of its own, ``space``, ``drop``);
the order among combining marks (0: none; 255: dropped before or without regard to the order); and what an uncased
text has in their place: themselves (0), code points a fixed distance away, several code points, or the parts of a
Hangul syllable, which follow from arithmetic. Code points that are not in the table are letters and stay themselves.
"""

from __future__ import annotations

import sys
from collections.abc import Iterable, Iterator, Sequence
from functools import cache
from pathlib import Path
from typing import NamedTuple

from tokenizers import normalizers, pre_tokenizers
from transformers import BertTokenizerFast

SURROGATES = range(0xD800, 0xE000)
HANGUL = range(0xAC00, 0xD7A4)
HEAD = "# Made by tests/text/reference_tokenizer.py, which says what the columns are.\n"
NFD = normalizers.NFD()
CODE_POINTS = [code for code in range(0x110000) if code not in SURROGATES]
# A combining mark of every class, in the order of the classes. Unicode never changes the class of a character.
MARKS = (
    "\u0334\U00016ff0\u093c\u3099\u094d\u05b0\u05b1\u05b2\u05b3\u05b4\u05b5\u05b6\u05b7\u05b8\u05b9\u05bb\u05bc\u05bd"
    "\u05bf\u05c1\u05c2\ufb1e\u064b\u064c\u064d\u0618\u0619\u061a\u0651\u0652\u0670\u0711\u0c55\u0c56\u0e38\u0e48\u0eb8"
    "\u0ec8\u0f71\u0f72\u0f74\u0321\u1dce\u031b\u1dfa\u0316\u059a\u302e\U0001d16d\u05ae\u0300\u0315\u035c\u035d\u0345"
)


class Run(NamedTuple):
    """Code points that are treated alike; see the head of this file."""

    first: int
    last: int
    step: int
    cased: str
    uncased: str
    order: int
    becomes: str


def reference(vocabulary: Path, *, lower_case: bool) -> BertTokenizerFast:
    """Opens the reference tokenizer on a vocabulary file."""
    return BertTokenizerFast(vocab_file=str(vocabulary), do_lower_case=lower_case)


def reference_ids(tokenizer: BertTokenizerFast, texts: Sequence[str], *, special: bool = False) -> list[list[int]]:
    """Returns the reference's ids; a literal ``[SEP]`` in a text is text, which is not the reference's own default."""
    if not texts:
        return []
    return tokenizer(list(texts), add_special_tokens=special, split_special_tokens=True, verbose=False)["input_ids"]


def reference_words(texts: Iterable[str], *, lower_case: bool) -> list[list[str]]:
    """Returns the words that the reference cuts into pieces."""
    normalizer, splitter = normalizers.BertNormalizer(lowercase=lower_case), pre_tokenizers.BertPreTokenizer()
    return [[word for word, _ in splitter.pre_tokenize_str(normalizer.normalize_str(text))] for text in texts]


def runs() -> list[Run]:
    """Asks the reference about every code point, and returns what it says in runs."""
    cased, uncased = (_treatments(lower_case=lower_case) for lower_case in (False, True))
    rows = []
    for code in CODE_POINTS:
        (cased_kind, _), (kind, parts) = cased[code], uncased[code]
        order = _order(parts[0]) if len(parts) == 1 else 0
        if kind == "drop":
            order = 0 if cased_kind != "drop" and _holds_back(code) else 255
        if (cased_kind, kind, order, parts) != ("letter", "letter", 0, [code]):
            rows.append((code, (cased_kind, kind, order, _becomes(code, parts))))
    return list(_merged(rows))


def written(run: Run) -> str:
    """Returns a run as a line of the table."""
    first, last, step, cased, uncased, order, becomes = run
    return "\t".join([f"{first:X}", f"{last:X}", str(step), cased, uncased, str(order), becomes])


def _treatments(*, lower_case: bool) -> dict[int, tuple[str, list[int]]]:
    """Returns what becomes of every code point alone: a kind, and the code points without the spaces around them."""
    normalizer = normalizers.BertNormalizer(lowercase=lower_case)
    return {code: _treatment(normalizer.normalize_str(chr(code))) for code in CODE_POINTS}


def _treatment(normal: str) -> tuple[str, list[int]]:
    kinds = [_kind(character) for character in normal]
    if not kinds:
        return "drop", []
    if set(kinds) == {"space"}:
        return "space", []
    parts = [ord(character) for character, kind in zip(normal, kinds, strict=True) if kind != "space"]
    if kinds == ["space", "letter", "space"] or kinds == ["alone"]:
        return "alone", parts
    if set(kinds) != {"letter"}:
        raise ValueError(f"{normal!r} is neither a word of its own nor letters: the table has no room for it")
    return "letter", parts


@cache
def _kind(character: str) -> str:
    words = [word for word, _ in pre_tokenizers.BertPreTokenizer().pre_tokenize_str(f"a{character}b")]
    return {1: "letter", 2: "space", 3: "alone"}[len(words)]


@cache
def _order(code: int) -> int:
    """Returns 0 for a code point that holds marks back, else its place among the classes of marks, from 1 to 254."""
    # Where nearly all code points end: a mark goes behind the first or before the last, unless it is of that class.
    if not _swaps(chr(code), MARKS[0]) and not _swaps(MARKS[-1], chr(code)):
        return 0
    after = [_swaps(chr(code), mark) for mark in MARKS]
    before = [_swaps(mark, chr(code)) for mark in MARKS]
    return 1 + sum(after) + sum(not swapped for swapped in before)


def _swaps(first: str, second: str) -> bool:
    return NFD.normalize_str(first + second) == second + first


def _holds_back(code: int) -> bool:
    return any(_order(ord(part)) == 0 for part in NFD.normalize_str(chr(code)))


def _becomes(code: int, parts: list[int]) -> str:
    if code in HANGUL:
        return "hangul"
    if len(parts) > 1:
        return "+".join(f"{part:X}" for part in parts)
    return f"{parts[0] - code}" if parts else "0"


def _merged(rows: list[tuple[int, tuple[str, str, int, str]]]) -> Iterator[Run]:
    """Joins neighbours that are alike; every second code point (as upper case often is) counts as neighbours too."""
    start = 0
    while start < len(rows):
        end, step = start + 1, 1
        if end < len(rows) and rows[end][1] == rows[start][1]:
            step = rows[end][0] - rows[start][0] if rows[end][0] - rows[start][0] <= 2 else 1
            while end < len(rows) and rows[end] == (rows[end - 1][0] + step, rows[start][1]):
                end += 1
        yield Run(rows[start][0], rows[end - 1][0], step, *rows[start][1])
        start = end


def main(path: Path) -> None:
    """Writes the table."""
    path.write_text(HEAD + "".join(f"{written(run)}\n" for run in runs()), encoding="utf-8")


if __name__ == "__main__":
    main(Path(sys.argv[1]))
