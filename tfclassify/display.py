"""What a long piece of work tells whoever watches: started, advanced, said; silent unless somebody shows it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass


def _nothing(*_: object) -> None:
    return None


@dataclass(frozen=True)
class Display:
    """Three functions that a face (a terminal, a notebook) provides.

    ``start(title, total)`` opens a bar of ``total`` units, ``advance(units, note)`` moves it, ``say(line)``
    writes a line; a new ``start`` closes the bar before it.
    """

    start: Callable[[str, int], None] = _nothing
    advance: Callable[[int, str], None] = _nothing
    say: Callable[[str], None] = _nothing


SILENT = Display()
