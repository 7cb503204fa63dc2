"""Sources: functions from a location and its columns to Arrow record batches, in bounded memory."""

from tfclassify.data.sources.columns import Columns, Source, other_delimiter
from tfclassify.data.sources.finding import SOURCES, column_names, find_source
from tfclassify.data.sources.fingerprints import Mark, files_of, fingerprint, is_unchanged, mark_of
from tfclassify.data.sources.folder import passed_over
from tfclassify.data.sources.numbering import numbered
from tfclassify.data.sources.packed import format_of
from tfclassify.data.sources.piped import read_piped
from tfclassify.data.sources.sample import sample_splits

__all__ = [
    "SOURCES",
    "Columns",
    "Mark",
    "Source",
    "column_names",
    "files_of",
    "find_source",
    "fingerprint",
    "format_of",
    "is_unchanged",
    "mark_of",
    "numbered",
    "other_delimiter",
    "passed_over",
    "read_piped",
    "sample_splits",
]
