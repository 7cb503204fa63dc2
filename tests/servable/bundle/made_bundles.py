"""Bundles of toy facts, plain and hostile."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from tfclassify.servable.bundle import BundleFacts, write_bundle

HOSTILE = [
    """it's "quoted" `$(id)` \\ {{ 7919 * 7907 }} %s""",
    "two\nlines: [x]\r\n---\n- y",
    "😀 отзывы 评论",
    "x" * 10_000,
    "y",
    "1e3",
    "null",
    "-",
    "../../up",
    "",
    "{# #}",
    "a\u202eb\x00c",
]
EXAMPLES = (
    {"inputs": {"text": 'it\'s "fine" $HOME 😀\n\\'}, "outputs": {"label": "refund", "score": 0.75}},
    {"inputs": {"text": "gone"}, "outputs": {"label": "lost", "score": 0.5}},
    {"inputs": {"text": ""}, "outputs": {"label": "lost", "score": 0.25}},
)


def facts(**changes: Any) -> BundleFacts:
    known: dict[str, Any] = {
        "name": "support",
        "version": 3,
        "labels": ("refund", "lost"),
        "multilabel": False,
        "pairs": False,
        "examples": EXAMPLES,
        "batch_sizes": (1, 2),
        "lowest_server": "2.2",
        "target_server": "2.20",
        "parameters": 22_700_000,
        "size_bytes": 95_000_000,
    }
    return BundleFacts(**known | changes)


def bundle(folder: Path, *, before: tuple[int, ...] = (), **changes: Any) -> Path:
    """Writes a bundle as an export does and returns the model's folder, whose version has its number by then."""
    described = facts(**changes)
    for version in before:
        (folder / str(version)).mkdir(parents=True)
    version = folder / "not-yet"
    version.mkdir(parents=True)
    write_bundle(version, described)
    version.rename(folder / str(described.version))
    return folder
