"""Texts that tokenizers disagree on: what a tokenizer is tried with before it is trusted."""

from __future__ import annotations

import random
import unicodedata
from functools import cache

SPECIAL = ["[SEP]", "[CLS]", "[PAD]", "[UNK]", "[MASK]", "a [SEP] b", "[sep]", "[SEP", "SEP]", "[[SEP]]", "[CLS][SEP]"]

WHITE_SPACE = ["", " ", "  ", "\t", "\n", "\r\n", " a ", "\ta\t", "a  b", "a\u00a0b", "\u3000", "a\u3000b", "a\u2028b"]
WHITE_SPACE += [
    f"a{chr(code)}b" for code in (*range(0x2000, 0x2010), 0x0B, 0x0C, 0x1C, 0x1F, 0x85, 0x1680, 0x180E, 0x205F)
]

INVISIBLE = [
    "a\x00b",
    "\x00",
    "\x00\x00a",
    "a\ufffdb",
    "\ufffd",
    "a\u200bb",
    "a\u00adb",
    "\ufeffa",
    "a\ufeff",
    "a\u2060b",
]
INVISIBLE += [
    f"a{chr(code)}b" for code in (*range(1, 32), *range(0x7F, 0xA0), *range(0x200B, 0x2010), *range(0x202A, 0x202F))
]
INVISIBLE += [
    f"x{chr(code)}y" for code in (0xE000, 0xF8FF, 0xF0000, 0xFFFFD, 0x100000, 0x10FFFD, 0xE0001, 0xE0041, 0xE0100)
]

PUNCTUATION = [f"don{mark}t stop{mark}" for mark in "'’`´‘“”„«»—–-…‚‹›¿¡§¶·•†‡°€$£+<=>|~^_@#%&*/\\(){}[].,;:!?"]
PUNCTUATION += [
    "...",
    "a...b",
    "#hashtag ##ing ###",
    "##",
    "a##b",
    "e-mail@example.com",
    "http://x.y/z?a=b&c=d",
    "C++",
    "1,000.50",
]
# New in some Unicode version, and in other tables of categories or not.
PUNCTUATION += [
    f"a{chr(code)}b" for code in (0x1B7D, 0x1B7E, 0x1B7F, 0x061D, 0x2E3A, 0x2E5D, 0x10EAD, 0x11F43, 0x1BFC, 0x0C77)
]
# The same character before and behind its canonical decomposition, where only one of the two is punctuation.
PUNCTUATION += ["a≠b", "a≮b", "a≯b", "a\u1fefb", "a\u037eb", "a\u0387b", "a\u2260\u0338b", "=\u0338"]

SCRIPTS = """
naïve café Ångström Ça où ÉCOLE Straße STRASSE ẞ ß ﬁ ﬂ ﬃ ﬅ Æ Œ œ Ø Đ Ł İ ı I i̇ İstanbul DIYARBAKIR
ΟΔΟΣ οδος Σ ς ΑΣ. ΣΑΣ ΆΣ ½ ¼ 1/2 ² x² ₂ ① Ⅷ ⅷ ª º µ μ Ω Ω K K Å Å ſ ẛ ŉ ǅ Ǆ ǆ ᾳ ᾼ ΐ ΰ ﬀ ℌ ℝ 𝐀 𝔸 𝒳
Ａｂｃ １２３ ！？ ｶﾞ ガ ガ が Привет ПРИВЕТ Ёлка Й Й ѷ Ꙁ ꙁ שָׁלוֹם שלום العربية مُحَمَّد ﷺ ﻻ नमस्ते क्षि বাংলা
কো கொ மொழி ಕೋ ൊ සෝ ภาษาไทย ก็ ลำ လက် ខ្មែរ བོད་ཡིག འབྲུག ᠮᠣᠩᠭᠣᠯ ქართული ᲥᲐᲠᲗᲣᲚᲘ Ⴀ հայերեն ԵՒ և አማርኛ
ᏣᎳᎩ ꮳꮃꭹ 𐐀 𐐨 𞤀 𞤢 Ⰰ ⰰ Ꭰ ꭰ
"""
LETTERS = SCRIPTS.split()

CHINESE = [
    "中文字符",
    "a中b",
    "中 文",
    "漢字かな交じり文",
    "カタカナ",
    "㐀㐁",
    "豈更車",
    "\uf900\ufa6a",
    "\U00020000a",
    "\U0002a6d6\U0002a700",
]
CHINESE += [
    f"a{chr(code)}b"
    for code in (0x2B81F, 0x2B820, 0x2CEAF, 0x2CEB0, 0x2CEB1, 0x2EBE0, 0x2F800, 0x2FA1D, 0x30000, 0x3134A)
]
CHINESE += ["，。！？；：「」『』【】《》", "〇一二", "々〆ヶ", "⺀⼀㇀", "ㄅㄆ", "〸〹", "㍻㍿", "㈠㊀", "𠮷野家"]

KOREAN = ["한국어", "가각갂", "힣", "ㄱㄴㄷ", "ᄀ", "한국어 문장입니다.", "한국", "가\u0301", "꥟", "ힰ", "ﾡￂ"]

EMOJI = ["😀", "👍🏽", "👨‍👩‍👧‍👦", "🏳️‍🌈", "❤️", "☺", "©®™", "🇩🇪", "1️⃣", "a😀b", "✂︎", "👩🏿‍🚒 help", "🫠", "🪿"]

MARKS = [
    "e\u0301",
    "\u0301",
    "\u0301a",
    "a\u0301\u0302\u0303",
    "Z͑ͫ̓ͪ̂ͫ̽͏̴̙̤̞͉͚̯̞̠͍A̴̵̜̰͔ͫ͗͢L̠ͨͧͩ͘G̴̻͈͍͔̹̑͗̎̅͛́Ǫ̵̹̻̝̳͂̌̌͘!",
    "a" + "\u0301" * 200,
    "e\u20dd",
    "\u1dfa",
    "q\u0307\u0323",
    "q\u0323\u0307",
]
MARKS += [
    "\U0001d15e",
    "\U0001d160\u302e",
    "a\u302e\U0001d165",
    "a\U0001d165\u302e",
    "a\u302e\u0301\U0001d165",
    "a\u302e\u200d\U0001d165",
]
MARKS += [
    "a\u302e\u1b44",
    "a\u302e\u034f\u1b44",
    "a\u0898\u0899",
    "\u0f73",
    "\u0f71\u0f72",
    "\u0344",
    "\u1b40",
    "\u0ddd\u0eba",
]

LONG = [
    "x" * 99,
    "x" * 100,
    "x" * 101,
    "é" * 100,
    "é" * 101,
    "e\u0301" * 100,
    "e\u0301" * 101,
    "가" * 33,
    "가" * 50,
    "각" * 34,
]
LONG += [
    "𐐀" * 100,
    "𐐀" * 101,
    "ж" * 100,
    "ж" * 101,
    "中" * 150,
    "." * 150,
    "x" * 100 + "." + "x" * 101,
    "a\x00" * 100,
    "a\u200d" * 101,
]
LONG += ["x" * 100_000, "ab" * 50_000, "é" * 100_000, ("x" * 100 + " ") * 300, "abc" * 33 + "\U0001f600", "[" * 300]

ODD = [
    f"a{chr(code)}b"
    for code in (0xD7FF, 0xE000, 0xFDD0, 0xFDEF, 0xFFFE, 0xFFFF, 0x1FFFE, 0x10FFFF, 0x378, 0x379, 0x40000)
]
ODD += [
    chr(code) for code in (0xD7FF, 0xFDD0, 0xFFFF, 0x10FFFF, 0x378, 0x2065, 0xFFF0, 0x1CCD6, 0x323AF, 0x31350, 0x16D40)
]


def mixed(count: int) -> list[str]:
    """Returns texts of characters drawn from every category of Unicode."""
    rng = random.Random(20)
    by_category: dict[str, list[str]] = {}
    for code in range(0x110000):
        category = unicodedata.category(chr(code))
        if category != "Cs":
            by_category.setdefault(category, []).append(chr(code))
    categories = list(by_category.values())
    return ["".join(rng.choice(rng.choice(categories)) for _ in range(rng.randint(1, 40))) for _ in range(count)]


@cache
def hard_texts() -> tuple[str, ...]:
    """Returns some 780 texts, each once."""
    together = [
        f"{first}{second}" for first, second in zip(LETTERS, [*EMOJI, *KOREAN, *CHINESE, *MARKS] * 3, strict=False)
    ]
    every = [*SPECIAL, *WHITE_SPACE, *INVISIBLE, *PUNCTUATION, *LETTERS, *CHINESE, *KOREAN, *EMOJI, *MARKS, *LONG, *ODD]
    whole = " ".join([*LETTERS, *CHINESE, *KOREAN, *EMOJI, *SPECIAL])
    return tuple(dict.fromkeys([*every, *together, whole, *mixed(200)]))
