"""What benchmarks keep, one line of JSON for each thing measured: what is there is not measured again."""

from __future__ import annotations

import json
import os
import platform
import subprocess
import sys
from pathlib import Path
from typing import Any

RESULTS = Path(__file__).parent / "results"
QUIET = {"TF_CPP_MIN_LOG_LEVEL": "3", "HF_HUB_OFFLINE": "1", "TOKENIZERS_PARALLELISM": "true"}

Piece = dict[str, Any]


def pieces(file: Path, kind: str | None = None) -> list[Piece]:
    """Returns what was measured, of one kind of piece where one is named."""
    lines = file.read_text(encoding="utf-8").splitlines() if file.is_file() else []
    return [each for each in map(json.loads, lines) if kind in (None, each["piece"])]


def is_kept(file: Path, piece: Piece) -> bool:
    """Tells whether something was measured that says of itself what this piece does."""
    return any(piece == {key: kept.get(key) for key in piece} for kept in pieces(file))


def keep(file: Path, piece: Piece) -> None:
    """Adds what was measured, with the machine that it was measured on, and shows it."""
    line = json.dumps({**piece, "machine": f"{os.cpu_count()} cores, {platform.machine()}"})
    print(line, flush=True)
    file.parent.mkdir(exist_ok=True)
    with open(file, "a", encoding="utf-8") as opened:
        opened.write(line + "\n")


def printed_by(words: list[str], *, cache: str | None = None) -> str:
    """Runs a program, with a cache of its own where that is given, and returns the last line that it prints."""
    told = {**os.environ, **QUIET, **({} if cache is None else {"TFCLASSIFY_CACHE": cache})}
    done = subprocess.run(words, capture_output=True, text=True, env=told, check=False)
    if done.returncode:
        sys.exit(f"{' '.join(words)} ended with {done.returncode}:\n{done.stderr[-2000:]}")
    return done.stdout.strip().splitlines()[-1] if done.stdout.strip() else ""
