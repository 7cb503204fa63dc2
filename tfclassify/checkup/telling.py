"""A check-up in words for a terminal, and in plain values for programs."""

from __future__ import annotations

import textwrap
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict
from typing import Any

from tfclassify.checkup.finding import SEVERITIES, Example, Finding
from tfclassify.checkup.installation.observed import Installation
from tfclassify.quality.report.wording import label_text, plural

WIDTH, INDENT = 110, "         "
TEXT_CHARACTERS = 90
TOLD = ("tensorflow", "tensorflow-tpu", "tf-keras", "tensorflow-text", "transformers", "protobuf", "keras-nlp")


def finding_values(finding: Finding) -> dict[str, Any]:
    """Returns a finding as plain values."""
    return asdict(finding)


def installation_values(here: Installation) -> dict[str, Any]:
    """Returns what was found on the machine as plain values."""
    return {
        "python": here.python,
        "system": here.system,
        "packages": dict(here.versions),
        "wanted": {each.name: str(each.specifier) for each in here.requirements},
        "imports": {module: error or "ok" for module, error in here.errors.items()},
        "devices": list(here.devices),
        "bfloat16": here.bfloat16,
        "cores": here.cores,
        "memory_bytes": here.memory_bytes,
        "free_bytes": {space.folder: space.free_bytes for space in here.spaces},
    }


def data_lines(overview: Mapping[str, Any]) -> Iterator[str]:
    """Says in a line for each split what it is."""
    labels = overview["labels"]
    for name, split in overview["splits"].items():
        own = sum(1 for rows in labels.values() if rows[name])
        parts = [plural(split["rows"], "row"), plural(own, "label")]
        if split["looked_at"] < split["rows"]:
            parts.append(f"a sample of {split['looked_at']:,} looked at")
        if split["tokens"] is not None:
            tokens = split["tokens"]
            parts.append(f"tokens {tokens['median']} in the middle, longest {tokens['longest']:,}")
        scripts = list(split["scripts"])[:1]
        yield f"{name:<11}{', '.join([*parts, *scripts])}"


def installation_lines(here: Installation) -> Iterator[str]:
    """Says in a few lines what is there."""
    yield f"Python {here.python} on {here.system}, {plural(here.cores, 'core')}"
    yield ", ".join(f"{name} {version}" for name, version in here.versions.items() if name in TOLD)
    devices = ", ".join(here.devices) or "none seen"
    products = "" if here.bfloat16 else "no "
    yield f"devices: {devices}; the processor has {products}products of bfloat16"
    free = ", ".join(f"{space.free_bytes / 1e9:.1f} GB for {space.folder}" for space in here.spaces)
    yield f"free: {here.memory_bytes / 1e9:.1f} GB of memory, {free}"


def finding_lines(findings: Sequence[Finding], left_out: Mapping[str, str]) -> Iterator[str]:
    """Says what was found, each with its examples, and what was not looked for."""
    numbers = {each: sum(finding.severity == each for finding in findings) for each in SEVERITIES}
    listed = ", ".join(f"{number} {each}" for each, number in numbers.items() if number)
    yield f"{plural(len(findings), 'finding')}: {listed}" if findings else "nothing found"
    for finding in findings:
        yield ""
        yield from _wrapped(f"{finding.severity:<8} {finding.sentence}")
        yield from _wrapped(f"{INDENT}{finding.cost}")
        # A command is copied from the terminal: it must not be broken.
        yield f"{INDENT}-> {finding.remedy}"
        yield from map(_example, finding.examples)
    if left_out:
        yield ""
    for name, why in left_out.items():
        yield f"not looked for: {name} ({why})"


def _example(example: Example) -> str:
    text = label_text(example.text, TEXT_CHARACTERS)
    label = f" [{label_text(example.label, 40)}]" if example.label else ""
    remark = f"  ({label_text(example.remark)})" if example.remark else ""
    return f"{INDENT}{example.split} {example.row}:{label} {text}{remark}"


def _wrapped(words: str) -> list[str]:
    return textwrap.wrap(words, WIDTH, subsequent_indent=INDENT, drop_whitespace=True, break_long_words=False) or [""]
