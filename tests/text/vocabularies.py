"""Vocabularies for tests: made on the spot, the same every time."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

SPECIAL = ("[PAD]", "[unused0]", "[UNK]", "[CLS]", "[SEP]", "[MASK]")
WORDS = """
the a of and to in is it you that he was for on are as with his they at be this have from or one had by word
but not what all were we when your can said there use an each which she do how their if will up other about out many
then them these so some her would make like him into time has look two more write go see number no way could people my
than first water been call who oil its now find long down day did get come made may part card money account transfer
lost bank payment refund cancel please help thanks don won hasn naïve café Straße The And Card I You USA Zürich Ελλάδα
привет мир Привет Москва дом дома ça où être год שלום عربي สวัสดี नमस्ते 한국 ᄒ
"""
ENDINGS = """
s ed ing er est ly ness less able tion ment ful ize al ic ous ive ity t re ve ll d m n
ö ß é ς σ ем ого ать ᅡ ᆫ ᆨ ᅮ na ne un ab bc abc x xx xxx xxxx
"""


def write(folder: Path, pieces: Iterable[str], *, name: str = "vocab.txt") -> Path:
    """Writes the special tokens and the pieces, every one once and in order."""
    path = folder / name
    path.write_text("".join(f"{piece}\n" for piece in dict.fromkeys((*SPECIAL, *pieces))), encoding="utf-8")
    return path


def pieces(characters: Iterable[str]) -> list[str]:
    """Returns every character at the start of a word and inside of one, and pieces of several characters."""
    alone = [character for character in characters if character not in "\r\n"]
    inner = [f"##{piece}" for piece in (*ENDINGS.split(), *alone)]
    return [*WORDS.split(), *WORDS.lower().split(), *alone, *inner]
