"""The numbered versions under a model's folder, and which of them a policy asks for."""

from __future__ import annotations

import os
import re
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from itertools import islice
from pathlib import Path

NUMBER = re.compile(r"[0-9]+", re.ASCII)
GREATEST_VERSION = 2**63 - 1
MOST_FILES = 1000

Fingerprint = tuple[tuple[str, int, int], ...]


@dataclass(frozen=True)
class Latest:
    """The highest ``count`` versions."""

    count: int = 1


@dataclass(frozen=True)
class All:
    """Every version."""


@dataclass(frozen=True)
class Specific:
    """These versions, as far as they are there."""

    versions: tuple[int, ...]


Policy = Latest | All | Specific


@dataclass(frozen=True)
class ModelConfig:
    """One model to serve.

    Attributes:
        name: by which clients ask for it.
        base_path: the folder with its numbered versions.
        policy: which of the versions are served.
        labels: of versions, by which clients may ask for one.
    """

    name: str
    base_path: Path
    policy: Policy
    labels: Mapping[str, int]


@dataclass(frozen=True)
class Found:
    """What is under a base path.

    Attributes:
        folders: by version.
        doubled: names that mean a version which another name means too; they are passed over.
        place: device and inode of the base path, which change when something else is mounted there.
    """

    folders: Mapping[int, Path]
    doubled: tuple[str, ...]
    place: tuple[int, int]


def find_versions(base_path: Path) -> Found:
    """Looks which versions there are: names that are numbers up to 2⁶³ - 1, ``00000123`` being 123.

    A file of such a name counts as well, as in the stock server; it is no folder that could be loaded.

    Raises:
        OSError: the folder is not there, is none, or may not be read.
    """
    status = os.stat(base_path)
    names = [name for name in os.listdir(base_path) if NUMBER.fullmatch(name) and int(name) <= GREATEST_VERSION]
    folders: dict[int, Path] = {}
    doubled = []
    # Of 1 and 001 the shorter is taken, whatever order the file system gives them in.
    for name in sorted(names, key=lambda name: (len(name), name)):
        if int(name) in folders:
            doubled.append(name)
        folders.setdefault(int(name), base_path / name)
    return Found(folders, tuple(doubled), (status.st_dev, status.st_ino))


def chosen(policy: Policy, versions: Collection[int]) -> frozenset[int]:
    """Returns which of the versions that are there a policy asks for."""
    if isinstance(policy, Latest):
        return frozenset(sorted(versions)[-policy.count :])
    if isinstance(policy, Specific):
        return frozenset(versions) & frozenset(policy.versions)
    return frozenset(versions)


def fingerprint(folder: Path) -> Fingerprint:
    """Returns names, sizes and times of change of the files of a version, by which it is seen to be still written."""
    files = (Path(place) / name for place, _, names in os.walk(folder) for name in names)
    return tuple(sorted(_stamp(file, folder) for file in islice(files, MOST_FILES)))


def _stamp(file: Path, folder: Path) -> tuple[str, int, int]:
    try:
        status = file.stat()
    except OSError:
        return str(file.relative_to(folder)), -1, -1
    return str(file.relative_to(folder)), status.st_size, status.st_mtime_ns
