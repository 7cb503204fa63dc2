"""Folders of files that are written once: found only when whole, written aside and renamed, swept when left behind."""

from __future__ import annotations

import json
import shutil
import time
import uuid
from collections.abc import Callable
from contextlib import suppress
from errno import EDQUOT, ENOSPC
from pathlib import Path
from typing import Any

from tfclassify.errors import UsageError

FACTS = "store.json"
DAY_SECONDS = 24 * 60 * 60

Facts = dict[str, Any]


def facts_of(folder: Path) -> Facts | None:
    """Returns what is written down in a folder; None where it is not there, or a file has not the size it had."""
    try:
        facts = json.loads((folder / FACTS).read_text(encoding="utf-8"))
        whole = all((folder / name).stat().st_size == size for name, size in facts["bytes"].items())
    except (OSError, ValueError):
        return None
    return facts if whole else None


def write_folder(folder: Path, fill: Callable[[Path], Facts]) -> Facts:
    """Makes a folder whose files ``fill`` writes, and with them what it returns; whole or not at all.

    Returns:
        What is written down in the folder.

    Raises:
        UsageError: the folder's place cannot be written to, or is full.
    """
    _sweep(folder.parent)
    aside = folder.with_name(f".{folder.name.strip('.')}.{uuid.uuid4().hex}")
    _make(aside)
    try:
        facts = fill(aside)
        facts["bytes"] = {path.name: path.stat().st_size for path in aside.iterdir()}
        (aside / FACTS).write_text(json.dumps(facts), encoding="utf-8")
        _rename(aside, folder)
        return facts
    except OSError as error:
        if error.errno in (ENOSPC, EDQUOT):
            raise UsageError(
                f"{folder.parent} is full; make room, or set TFCLASSIFY_CACHE to another folder"
            ) from error
        raise
    finally:
        shutil.rmtree(aside, ignore_errors=True)


def _make(folder: Path) -> None:
    try:
        folder.mkdir(parents=True)
    except OSError as error:
        raise UsageError(
            f"{folder.parent} cannot be written to ({error.strerror}); set TFCLASSIFY_CACHE to another folder"
        ) from error


def _rename(aside: Path, folder: Path) -> None:
    if facts_of(folder) is None:
        shutil.rmtree(folder, ignore_errors=True)
    try:
        aside.rename(folder)
    except OSError:
        # Another process may have been faster; what it wrote is as good.
        if facts_of(folder) is None:
            raise


def _sweep(parent: Path) -> None:
    """Removes what processes that were killed have left aside, a day after they last wrote."""
    for aside in parent.glob(".*"):
        # Its owner may remove it at any moment.
        with suppress(OSError):
            last_seconds = max(path.stat().st_mtime for path in (aside, *aside.iterdir()))
            if time.time() - last_seconds > DAY_SECONDS:
                shutil.rmtree(aside)
