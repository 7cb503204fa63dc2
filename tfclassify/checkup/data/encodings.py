"""Bytes that were read as another encoding than they were written in, rows that nothing could read, and markup."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator

from tfclassify.checkup.data.material import Material, example, of_how_many
from tfclassify.checkup.finding import Finding, graded
from tfclassify.quality.report.wording import plural

REPLACEMENT = "\ufffd"
MARKUP = re.compile(
    r"<(?:br|p|div|span|a|b|i|em|strong|li|ul|h[1-6]|img|td|tr)\b[^<>]*>|&(?:amp|lt|gt|quot|nbsp|#\d+);", re.I
)
# Without tab and line ends. Those from U+0080 to U+009F are letters of another encoding: misread, not meant.
CONTROLS = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f]")
MUCH_MARKUP = 0.01
SHOWN_FAULTS = 3


def unreadable_rows(material: Material) -> list[Finding]:
    """Finds rows that cannot be read: bytes of another encoding, too few or too many fields, no label."""
    return [finding for name in material.splits for finding in _unreadable(material, name)]


def misread_texts(material: Material) -> list[Finding]:
    """Finds texts whose characters come from bytes read in the wrong encoding, as in “cafÃ©”."""
    from ftfy import fix_encoding
    from ftfy.badness import is_bad

    def remark(text: str) -> str | None:
        if text.isascii() or not is_bad(text):
            return None
        mended = fix_encoding(text)
        return f"meant: {mended[:80]}" if mended != text else ""

    return _each_split(
        material,
        remark,
        name="misread_texts",
        what="characters of one encoding that were read as another's",
        cost="Words come apart into pieces that the model has never seen.",
        remedy="data.encoding: what the file was written in; where a file mixes two, write it anew (ftfy.fix_text "
        "mends what is on record)",
        least=1,
    )


def lost_characters(material: Material) -> list[Finding]:
    """Finds U+FFFD, which stands where a character was lost, and control characters."""

    def lost(text: str) -> str | None:
        return "" if REPLACEMENT in text else None

    def controls(text: str) -> str | None:
        found = sorted(set(CONTROLS.findall(text)))
        return f"has {', '.join(f'U+{ord(letter):04X}' for letter in found)}" if found else None

    return [
        *_each_split(
            material,
            lost,
            name="lost_characters",
            what="U+FFFD (�), which stands where a character was lost",
            cost="What was lost cannot be learnt.",
            remedy="write the file anew from where the texts are whole, in UTF-8",
            least=1,
        ),
        *_each_split(
            material,
            controls,
            name="control_characters",
            what="control characters",
            cost="They are dropped before texts are cut into tokens, which may join what they kept apart.",
            remedy="take them out, or set text.maps to a function of your own that does",
            least=1,
        ),
    ]


def markup(material: Material) -> list[Finding]:
    """Finds HTML in texts."""

    def tags(text: str) -> str | None:
        found = MARKUP.search(text)
        return f"has {found.group()[:40]}" if found else None

    return _each_split(
        material,
        tags,
        name="markup",
        what="HTML in them",
        cost="Tags take the place of words in texts that are cut, and may give a source away.",
        remedy="text.maps=[strip_html], which goes into the exported classifier too",
        least=MUCH_MARKUP,
    )


def _each_split(
    material: Material,
    remark: Callable[[str], str | None],
    *,
    name: str,
    what: str,
    cost: str,
    remedy: str,
    least: float,
) -> list[Finding]:
    """Makes a finding for each split in which so many texts (a number, or a share below one) call for a remark."""
    found = []
    for split, rows in material.splits.items():
        marked = {place: said for place, text in enumerate(rows.texts) if (said := remark(text)) is not None}
        if not marked or len(marked) < (least if least >= 1 else least * len(rows.texts)):
            continue
        numbers = rows.numbers[rows.sample[list(marked)]]
        finding = Finding(
            name=name,
            severity=graded(len(marked) / len(rows.texts), warning=0.01, serious=1.1),
            sentence=f"{split}: {plural(len(marked), 'text')} of {len(rows.texts):,}"
            f"{of_how_many(len(rows.texts), len(rows))} {'has' if len(marked) == 1 else 'have'} {what}.",
            cost=cost,
            remedy=remedy,
            counts={"texts": len(marked), "of": len(rows.texts)},
            examples=tuple(example(material, split, place, marked[place]) for place in list(marked)[: material.shown]),
            rows={split: tuple(numbers.tolist())},
        )
        found.append(finding)
    return found


def _unreadable(material: Material, name: str) -> Iterator[Finding]:
    faults = material.splits[name].faults
    if not faults.unreadable and not faults.broken:
        return
    if faults.unreadable:
        rows = f"{plural(faults.unreadable, 'row')} of {faults.last:,} cannot be read"
    else:
        rows = f"reading ended in an error behind row {faults.last:,}"
    yield Finding(
        name="unreadable_rows",
        severity="serious",
        sentence=f"{name}: {rows}: {'; '.join(faults.first[:SHOWN_FAULTS])}.",
        cost="train stops at the first of them; rows behind an error are not looked at here either.",
        remedy="mend them as said; data.bad_rows=skip goes on without them, and counts them",
        counts={"rows": faults.unreadable, "of": faults.last},
        rows={name: faults.rows},
    )
