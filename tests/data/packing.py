"""Ways to pack the bytes of a file, by the ending of the name that says so."""

from __future__ import annotations

import bz2
import gzip
import io
import lzma
import tarfile
import zipfile
from collections.abc import Callable, Mapping
from pathlib import Path


def zipped(*members: tuple[str | zipfile.ZipInfo, bytes]) -> bytes:
    """A zip archive of these members."""
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, data in members:
            archive.writestr(name, data)
    return out.getvalue()


def tarred(*members: tuple[str | tarfile.TarInfo, bytes], mode: str = "w") -> bytes:
    """A tar archive of these members."""
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode=mode) as archive:  # type: ignore[call-overload]
        for name, data in members:
            info = name if isinstance(name, tarfile.TarInfo) else tarfile.TarInfo(name)
            info.size = len(data) if info.isreg() else 0
            archive.addfile(info, io.BytesIO(data) if info.isreg() else None)
    return out.getvalue()


# From the bytes of a file and the name that they have within.
PACKINGS: Mapping[str, Callable[[bytes, str], bytes]] = {
    "": lambda data, _: data,
    ".gz": lambda data, _: gzip.compress(data),
    ".bz2": lambda data, _: bz2.compress(data),
    ".xz": lambda data, _: lzma.compress(data),
    ".zip": lambda data, name: zipped((name, data)),
    ".tar": lambda data, name: tarred((name, data)),
    ".tar.gz": lambda data, name: tarred((name, data), mode="w:gz"),
    ".tgz": lambda data, name: tarred((name, data), mode="w:gz"),
    ".tar.bz2": lambda data, name: tarred((name, data), mode="w:bz2"),
    ".tar.xz": lambda data, name: tarred((name, data), mode="w:xz"),
}


def packed(folder: Path, name: str, data: bytes, packing: str) -> Path:
    """Writes a file that holds others' bytes packed, as ``name`` and the packing's ending."""
    path = folder / f"{name}{packing}"
    path.write_bytes(PACKINGS[packing](data, name))
    return path
