"""``inspect``: shows what is in an exported classifier: stages, parameters, floating-point work, ops, signatures."""

from __future__ import annotations

if __name__ == "__main__":
    # Before anything heavy is imported: help must not wait for TensorFlow.
    from tfclassify.command_line import main

    raise SystemExit(main("inspect"))

import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tfclassify.display import SILENT, Display
from tfclassify.errors import UsageError
from tfclassify.runs import write_json, write_text
from tfclassify.servable.inspecting import inspect_servable
from tfclassify.servable.opened import open_servable
from tfclassify.servable.picture import picture
from tfclassify.settings import InspectRequest, parse


@dataclass(frozen=True)
class Inspection:
    """What was found, and the page that draws it if one was asked for."""

    description: Mapping[str, Any]
    page: Path | None


def inspect(settings: InspectRequest | Mapping[str, Any], *, display: Display = SILENT) -> Inspection:
    """Describes a servable.

    Args:
        settings: the servable, and a folder for the page if one is wanted.
        display: gets the progress.

    Raises:
        UsageError: there is no such servable, or the page cannot be written.
    """
    request = parse(settings, InspectRequest)
    display.start(f"reading {request.servable}", 0)
    description = inspect_servable(open_servable(request.servable))
    if request.output is None:
        return Inspection(description, None)
    folder = Path(os.path.expanduser(request.output))
    try:
        write_json(folder / "inspection.json", description)
        write_text(folder / "inspection.html", picture(description))
    except OSError as error:
        raise UsageError(f"output={folder} cannot be written: {error.strerror}") from error
    return Inspection(description, folder / "inspection.html")
