"""The gate on what is in the files: no path of the machine that wrote them, and no asset that only lies there."""

from __future__ import annotations

import os
import re
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from tfclassify.errors import UsageError
from tfclassify.servable.operations import nodes, read_saved_model

PATH = re.compile(rb"(?:/[^/\0\s]+){2,}|[A-Za-z]:\\[^\0\s]+")


def check_no_paths(folder: Path, *, run: Path) -> None:
    """Refuses a SavedModel that names files of this machine: it would not find them on another.

    Args:
        folder: of the SavedModel.
        run: the directory that it was made from.

    Raises:
        UsageError: a constant of the graph is an absolute path that exists here, or names a folder of this machine.
    """
    own = _own_folders(run)
    for value in _strings(read_saved_model(folder)):
        if any(mark in value for mark in own) or (PATH.fullmatch(value) and os.path.lexists(value)):
            shown = value[:200].decode(errors="replace")
            raise UsageError(f"the SavedModel names a path of this machine, '{shown}'; expected none in the graph")


def _own_folders(run: Path) -> tuple[bytes, ...]:
    folders = {os.path.abspath(run), os.getcwd(), os.path.expanduser("~"), tempfile.gettempdir(), sys.prefix}
    # A folder one below the root is part of many an innocent text.
    return tuple(f"{folder}/".encode() for folder in folders if folder.count("/") > 1)


def _strings(model: Any) -> Iterator[bytes]:
    for node in nodes(model):
        for value in node.attr.values():
            yield from value.tensor.string_val
            yield from value.list.s
            yield value.s
    for meta in model.meta_graphs:
        yield from (asset.filename.encode() for asset in meta.asset_file_def)
