"""HTML out of texts: tags, comments and scripts go, entities become the characters they stand for."""

from __future__ import annotations

from html.entities import name2codepoint

import tensorflow as tf

from tfclassify.text.spans import Spans, places, put, rewrite

# What stands between words, and what within a word.
BLOCKS = (
    "address|article|aside|blockquote|body|br|button|caption|center|dd|details|dialog|div|dl|dt|fieldset|"
    "figcaption|figure|footer|form|frame|frameset|h1|h2|h3|h4|h5|h6|head|header|hr|html|iframe|img|input|legend|"
    "li|link|main|map|meta|nav|noscript|ol|optgroup|option|p|param|picture|pre|section|select|source|summary|"
    "table|tbody|td|template|textarea|tfoot|th|thead|title|tr|track|ul|video|audio|canvas|embed|object|svg"
)
INLINE = (
    "a|abbr|acronym|area|b|bdi|bdo|big|cite|code|data|del|dfn|em|font|i|ins|kbd|label|mark|q|s|samp|small|span|"
    "strike|strong|sub|sup|time|tt|u|var|wbr"
)
UNSEEN = ("script", "style")
ATTRIBUTES = r"""(?:[\s/](?:[^<>"']|"[^"]*"|'[^']*')*)?"""
ENTITY = r"&(?:#[0-9]{1,7}|#[xX][0-9A-Fa-f]{1,6}|[A-Za-z][A-Za-z0-9]{1,31});"
# Those of HTML 4, and the one that HTML 5 is often written with.
ENTITIES = {**name2codepoint, "apos": ord("'")}
LARGEST = 0x10FFFF
REPLACEMENT = 0xFFFD


def strip_html(texts: tf.Tensor) -> tf.Tensor:
    """Takes HTML out of texts; ``a < b`` and ``<john@example.com>`` stay, for only the names of HTML's tags count.

    Args:
        texts: string[N], UTF-8.

    Returns:
        string[N]: tags of blocks are a space, those within lines nothing; entities are characters, once: of
        ``&amp;lt;`` remains ``&lt;``.
    """
    made = texts
    for name in UNSEEN:
        made = tf.strings.regex_replace(made, rf"(?is)<{name}\b{ATTRIBUTES}>.*?</{name}\s*>", " ")
    made = tf.strings.regex_replace(made, r"(?s)<!--.*?-->", " ")
    made = tf.strings.regex_replace(made, r"(?i)<!doctype[^<>]*>|<\?xml[^<>]*>|<!\[CDATA\[|\]\]>", " ")
    made = tf.strings.regex_replace(made, rf"(?i)</?(?:{BLOCKS}|script|style){ATTRIBUTES}>", " ")
    made = tf.strings.regex_replace(made, rf"(?i)</?(?:{INLINE}){ATTRIBUTES}>", "")
    return _without_entities(made)


def _without_entities(texts: tf.Tensor) -> tf.Tensor:
    # The mark of spans may be in no text that is looked at; whoever writes it in HTML writes nothing seen.
    written = tf.strings.regex_full_match(texts, rf"(?s).*{ENTITY}.*")
    free = tf.strings.regex_replace(tf.gather(texts, places(written)), "\x01", "")
    return put(texts, written, rewrite(free, ENTITY, _characters))


def _characters(spans: Spans) -> tf.Tensor:
    numbered = tf.strings.regex_full_match(spans.text, "&#.*")
    codes = put(_named(spans.text), numbered, _numbered(tf.gather(spans.text, places(numbered))))
    rows = tf.range(tf.size(codes) + 1)
    known = tf.raw_ops.UnicodeEncode(
        input_values=tf.maximum(codes, 0), input_splits=tf.cast(rows, tf.int64), output_encoding="UTF-8"
    )
    return tf.where(codes < 0, spans.text, known)


def _named(entities: tf.Tensor) -> tf.Tensor:
    """Returns int32[M] code points, -1 of names that HTML does not have."""
    names, points = zip(*sorted(ENTITIES.items()), strict=True)
    different, which = tf.unique(entities)
    same = tf.equal(different[:, tf.newaxis], tf.constant([f"&{name};" for name in names])[tf.newaxis])
    point = tf.gather(tf.constant(points), tf.argmax(same, axis=1))
    return tf.gather(tf.where(tf.reduce_any(same, axis=1), point, -1), which)


def _numbered(entities: tf.Tensor) -> tf.Tensor:
    """Returns int32[M] code points; what is none, or NUL, is U+FFFD."""
    digits = tf.strings.lower(tf.strings.regex_replace(entities, "[&#;]", ""))
    padded = tf.strings.join(["000000", tf.strings.regex_replace(digits, "x", "")])
    sixteen = tf.strings.regex_full_match(digits, "x.*")
    base = tf.where(sixteen, 16, 10)
    point = tf.zeros_like(base)
    for place in range(-7, 0):
        digit = tf.strings.substr(padded, place, 1)
        letter = tf.raw_ops.UnicodeDecode(input=digit, input_encoding="UTF-8").char_values
        point = point * base + tf.where(letter > ord("9"), letter - ord("a") + 10, letter - ord("0"))
    none = (point < 1) | (point > LARGEST) | ((point >= 0xD800) & (point < 0xE000))
    return tf.where(none, REPLACEMENT, point)
