"""The style sheet: words and marks that can be told from their ground, in light and in dark."""

from __future__ import annotations

import re
from importlib import resources

import numpy as np
import pytest


def palettes() -> dict[str, dict[str, str]]:
    css = resources.files("tfclassify.quality.report").joinpath("templates/page.css").read_text(encoding="utf-8")
    light, dark = re.findall(r":root \{([^}]*--page[^}]*--text[^}]*)\}", css)
    return {
        name: dict(re.findall(r"--([a-z-]+): (#[0-9a-f]{6});", block))
        for name, block in (("light", light), ("dark", dark))
    }


def luminance(colour: str) -> float:
    parts = [int(colour[place : place + 2], 16) / 255 for place in (1, 3, 5)]
    linear = [part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in parts]
    return float(np.dot(linear, (0.2126, 0.7152, 0.0722)))


def contrast(first: str, second: str) -> float:
    high, low = sorted((luminance(first), luminance(second)), reverse=True)
    return (high + 0.05) / (low + 0.05)


def mixed(over: str, under: str, share: float) -> str:
    pairs = ((int(over[at : at + 2], 16), int(under[at : at + 2], 16)) for at in (1, 3, 5))
    return "#" + "".join(f"{round(share * a + (1 - share) * b):02x}" for a, b in pairs)


@pytest.mark.parametrize("mode", ["light", "dark"])
def test_words_have_contrast(mode):
    """WCAG 2.2: at least 4.5 for text, 3 for what a picture is understood by."""
    colours = palettes()[mode]
    for ground in ("page", "card"):
        for words in ("text", "soft", "right", "wrong"):
            assert contrast(colours[words], colours[ground]) >= 4.5, (words, ground)
    for mark in ("right-fill", "wrong-fill", "third", "fourth"):
        assert contrast(colours[mark], colours["card"]) >= 3, mark
    for fill in ("right-fill", "wrong-fill", "mixed"):
        assert contrast(colours["text"], mixed(colours[fill], colours["plate"], 0.6)) >= 4.5, fill
