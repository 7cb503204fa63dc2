"""Whatever rows there are, a check-up comes to an end, and what it says can be shown and kept."""

from __future__ import annotations

import json
from pathlib import Path
from tempfile import TemporaryDirectory

from hypothesis import example, given, settings
from hypothesis import strategies as st
from made_rows import material_of

from tfclassify.checkup.data.findings import find_all
from tfclassify.checkup.data.overview import overview
from tfclassify.checkup.page import data_page
from tfclassify.checkup.telling import data_lines, finding_lines, finding_values

WORDS = st.text(st.characters(exclude_categories=("Cs",), exclude_characters="\0"), max_size=12)
LABELS = st.sampled_from(["a", "b", "A", "ä", "a|b", "x" * 90, "😀"])
ROWS = st.lists(st.tuples(WORDS, LABELS), max_size=6)


@given(ROWS, ROWS, st.sampled_from([1, 20]))
@example([("!", "a"), ("?", "b")], [], 60)
@example([("a", "a")], [("a", "b")], 1)
@example([("0", "a"), ("0", "a"), ("0", "b")], [], 1)
@settings(max_examples=15)
def test_any_rows(train: list[tuple[str, str]], test: list[tuple[str, str]], times: int) -> None:
    # A file needs one row that can be read.
    train = [(f"{text} {number}" if number else text, label) for number in range(times) for text, label in train]
    train.append(("one text", "a"))
    with TemporaryDirectory() as folder:
        material = material_of(Path(folder), {"train": train, **({"test": test} if test else {})})
        findings, left_out = find_all(material)
        known = overview(material)
    values = json.dumps([known, *map(finding_values, findings)], allow_nan=False)
    assert json.loads(values)[0]["splits"]["train"]["rows"] == len(material.splits["train"])
    lines = "\n".join([*data_lines(known), *finding_lines(findings, left_out)])
    lines.encode("utf-8")
    data_page("any", known, findings, left_out=left_out, lengths=(0,), confusions=None).encode("utf-8")
