"""Scripts: in which letters texts are written, and which are written in others than the rest."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from tfclassify.checkup.data.material import Material, example, of_how_many
from tfclassify.checkup.finding import Finding, graded
from tfclassify.quality.report.wording import plural

# As the Unicode property Script has them; Japanese is written in the first three, which go together.
SCRIPTS = (
    "Han", "Hiragana", "Katakana", "Latin", "Cyrillic", "Greek", "Arabic", "Hebrew", "Devanagari", "Bengali", "Tamil",
    "Telugu", "Gurmukhi", "Gujarati", "Thai", "Hangul", "Georgian", "Armenian", "Ethiopic", "Khmer", "Lao", "Myanmar",
)  # fmt: skip
JAPANESE = ("Hiragana", "Katakana")
NONE = "no letters"
FEWEST, LEAST_SHARE = 5, 0.005


def scripts_of(texts: Sequence[str]) -> NDArray[np.int64]:
    """Returns int64[N]: the place in SCRIPTS of the script that most letters of each text have, or -1 without letters.

    Texts of Han with kana are Japanese, and count as the kana.
    """
    if not texts:
        return np.zeros(0, np.int64)
    column = pa.array(texts, pa.string())
    letters = np.stack([pc.count_substring_regex(column, rf"\p{{{script}}}").to_numpy() for script in SCRIPTS])
    kana = letters[1] + letters[2]
    # A text of kana and Han is one of Japanese, however much Han it has.
    letters[1] = np.where(kana > 0.05 * letters[0], kana + letters[0], kana)
    letters[0] = np.where(kana > 0.05 * letters[0], 0, letters[0])
    letters[2] = 0
    return np.where(letters.any(axis=0), letters.argmax(axis=0), -1)


def script_shares(material: Material) -> dict[str, dict[str, float]]:
    """Returns for every split the share of its texts by script, largest first."""
    return {name: shares_of_scripts(split.texts) for name, split in material.splits.items()}


def shares_of_scripts(texts: Sequence[str]) -> dict[str, float]:
    """Returns the share of texts by script, largest first."""
    return _shares(scripts_of(texts))


def other_scripts(material: Material) -> list[Finding]:
    """Finds texts in another script than most."""
    return [finding for name in material.splits for finding in _others(material, name)]


def _shares(found: NDArray[np.int64]) -> dict[str, float]:
    scripts, numbers = np.unique(found, return_counts=True)
    shares = {_name(int(script)): float(rows / len(found)) for script, rows in zip(scripts, numbers, strict=True)}
    return dict(sorted(shares.items(), key=lambda entry: -entry[1]))


def _others(material: Material, name: str) -> Iterator[Finding]:
    split = material.splits[name]
    found = scripts_of(split.texts)
    main = int(np.bincount(found[found >= 0], minlength=1).argmax()) if (found >= 0).any() else -1
    strange = np.flatnonzero((found >= 0) & (found != main))
    share = len(strange) / max(1, len(found))
    if len(strange) < FEWEST or share < LEAST_SHARE:
        return
    scripts = ", ".join(dict.fromkeys(_name(int(found[place])) for place in strange))
    yield Finding(
        name="other_scripts",
        severity=graded(share, warning=0.05, serious=1.1),
        sentence=f"{name}: {plural(len(strange), 'text')} of {len(found):,}{of_how_many(len(found), len(split))} are "
        f"written in {scripts}, the others in {_name(main)}.",
        cost="A model that was trained on one language guesses at the others.",
        remedy="model.name=multilingual, or a file for each language",
        counts={"texts": len(strange), "of": len(found)},
        examples=tuple(example(material, name, int(place)) for place in strange[: material.shown]),
        key="model.name" if name == "train" else "",
    )


def _name(script: int) -> str:
    return NONE if script < 0 else "Japanese" if SCRIPTS[script] in JAPANESE else SCRIPTS[script]
