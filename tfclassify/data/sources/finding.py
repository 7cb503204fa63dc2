"""Which source reads a location, and which columns it has."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from importlib import metadata
from typing import Any, Literal, Protocol

import pyarrow as pa

from tfclassify.data.sources.columns import Columns, Skipped, Source, different, uncounted
from tfclassify.data.sources.delimited import read_delimited
from tfclassify.data.sources.files import check_local, local, reading
from tfclassify.data.sources.folder import read_folder
from tfclassify.data.sources.json_array import read_json_array
from tfclassify.data.sources.json_lines import read_json_lines
from tfclassify.data.sources.packed import format_of
from tfclassify.data.sources.parquet import read_parquet
from tfclassify.data.sources.sample import read_sample
from tfclassify.data.sources.saved import is_saved, read_saved
from tfclassify.data.sources.tfds import read_tfds
from tfclassify.errors import UsageError, nearest
from tfclassify.extending import find

GROUP = "tfclassify.sources"
FILES = ("csv", "tsv", "jsonl", "json", "parquet")
PREFIXES = ("tfds", "sample")
FORMS = (
    "expected a .csv, .tsv, .jsonl, .json or .parquet file (each also .gz, .bz2, .xz, .zip or .tar), a folder, "
    "tfds:NAME or sample:NAME"
)

# What to do with files of other kinds.
HINTS = {
    "xlsx": "; save it as .csv",
    "txt": "; put its texts into a column of a table",
    **dict.fromkeys(("pkl", "pickle", "npy", "npz", "pt"), "; such files can run code when they are opened"),
}

SOURCES: Mapping[str, Source] = {
    "csv": read_delimited,
    "tsv": read_delimited,
    "jsonl": read_json_lines,
    "json": read_json_array,
    "parquet": read_parquet,
    "folder": read_folder,
    "saved": read_saved,
    "tfds": read_tfds,
    "sample": read_sample,
}


class Format(Protocol):
    """The settings that say how a location is read."""

    @property
    def encoding(self) -> str | None:
        """See Columns."""
        ...

    @property
    def delimiter(self) -> str | None:
        """See Columns."""
        ...

    @property
    def bad_rows(self) -> Literal["fail", "skip"]:
        """See Columns."""
        ...


def find_source(location: str) -> Source:
    """Finds the source of a location.

    Args:
        location: ``tfds:...`` or ``sample:...``; else a file by its suffix; else a folder; else your own
            source, which gets the whole location: ``NAME[:REST]`` with NAME an entry point of the group
            ``tfclassify.sources``, or ``package.module:function[:REST]``.

    Returns:
        The source. Your own takes ``(location, columns)`` only, and raises where it would skip a row.

    Raises:
        UsageError: nothing reads this location.
    """
    prefix, colon, _ = location.partition(":")
    if colon and prefix in PREFIXES:
        return SOURCES[prefix]
    if _names_own(location):
        return _own(location, prefix)
    with reading(location, None):
        suffix = format_of(location)
    if suffix in FILES:
        return SOURCES[suffix]
    if _is_folder(location):
        return SOURCES["saved" if is_saved(location) else "folder"]
    if "://" in location or not colon:
        check_local(location)
    if colon:
        return _own(location, prefix)
    raise UsageError(f"{location} {_failing(location)}; {FORMS}{HINTS.get(suffix, '')}")


def column_names(location: str, settings: Format) -> tuple[str, ...]:
    """Returns the names of the columns of a location, in order; of JSON those of the first 8192 rows.

    Raises:
        UsageError: the location cannot be read.
    """
    columns = Columns("", encoding=settings.encoding, delimiter=settings.delimiter, bad_rows=settings.bad_rows)
    return tuple(next(find_source(location)(location, columns)).schema.names)


def _names_own(location: str) -> bool:
    """Says whether a location has a source of one's own in front, before what may be the name of a file."""
    parts = location.split(":")
    if len(parts) < 2 or "://" in location or local(location).exists():
        return False
    imported = len(parts) > 2 and all(map(str.isidentifier, [*parts[0].split("."), *parts[1].split(".")]))
    return imported or bool(metadata.entry_points(group=GROUP, name=parts[0]))


def _own(location: str, prefix: str) -> Source:
    known = metadata.entry_points(group=GROUP, name=prefix)
    name = prefix if known else ":".join(location.split(":")[:2])
    empty: Mapping[str, Any] = {}
    try:
        function = find(name, empty, group=GROUP)
    except UsageError as error:
        raise UsageError(f"{error}{nearest(prefix, PREFIXES)}") from error
    return _adapted(function, name)


def _adapted(function: Callable[[str, Columns], Iterable[pa.RecordBatch]], name: str) -> Source:
    def read(location: str, columns: Columns, *, skipped: Skipped = uncounted) -> Iterator[pa.RecordBatch]:
        batch = None
        for batch in function(location, columns):
            if not isinstance(batch, pa.RecordBatch):
                raise UsageError(f"the source '{name}' gave a {type(batch).__name__}; expected a pyarrow.RecordBatch")
            different(batch.schema.names, location=location)
            yield batch
        if batch is None:
            raise UsageError(f"the source '{name}' gave nothing; expected at least one batch, if without rows")

    return read


def _is_folder(location: str) -> bool:
    try:
        return local(location).is_dir()
    except OSError as error:
        raise UsageError(f"{location} cannot be read: {error.strerror}") from error


def _failing(location: str) -> str:
    path = local(location)
    if not path.exists():
        return "does not exist"
    return f"is a '{path.suffix}' file" if path.suffix else "is a file without a suffix"
