"""Sources: functions from a location and its columns to Arrow record batches, in bounded memory."""

from tfclassify.data.sources.columns import Columns, Source
from tfclassify.data.sources.finding import SOURCES, column_names, find_source
from tfclassify.data.sources.fingerprints import Mark, fingerprint, is_unchanged, mark_of
from tfclassify.data.sources.folder import passed_over
from tfclassify.data.sources.numbering import numbered
from tfclassify.data.sources.packed import format_of
from tfclassify.data.sources.sample import sample_splits

__all__ = [
    "SOURCES",
    "Columns",
    "Mark",
    "Source",
    "column_names",
    "find_source",
    "fingerprint",
    "format_of",
    "is_unchanged",
    "mark_of",
    "numbered",
    "passed_over",
    "sample_splits",
]
