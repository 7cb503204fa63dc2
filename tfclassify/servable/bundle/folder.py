"""The files that lie in and beside an exported SavedModel, so that it can be served as it is."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from tfclassify.runs import write_text
from tfclassify.servable.bundle.clients import client_files
from tfclassify.servable.bundle.containers import container_files
from tfclassify.servable.bundle.facts import BundleFacts
from tfclassify.servable.bundle.kubernetes import kubernetes_files
from tfclassify.servable.bundle.monitoring import monitoring_files
from tfclassify.servable.bundle.names import dns_name, served_name
from tfclassify.servable.bundle.read_me import read_me
from tfclassify.servable.bundle.servers import servers
from tfclassify.servable.bundle.sizes import Needs, needs_of
from tfclassify.servable.bundle.text_protos import batching_parameters, models_config, monitoring_config

# No number: a server takes every folder beside the versions that is one for a version.
SERVING = "serving"
# TensorFlow Serving's name for it, in the folder of a version.
PER_MODEL_BATCHING = "batching_params.pbtxt"
MOST_VERSIONS = 2
RUNNABLE = 0o755


def write_bundle(folder: Path, facts: BundleFacts) -> list[Path]:
    """Writes what belongs to a version into its folder, and what belongs to the model into ``serving`` beside it.

    Args:
        folder: of the version, under any name; the model's folder, with its earlier versions, holds it.
        facts: of the version.

    Returns:
        The files written. Those of an earlier export's ``serving`` are replaced, each as a whole.

    Raises:
        OSError: a file cannot be written.
    """
    beside = folder.parent / SERVING
    versions = _versions(folder.parent, facts.version)
    needs = needs_of(facts, versions=len(versions))
    written = {folder / PER_MODEL_BATCHING: batching_parameters(facts, needs)}
    written |= {beside / name: text for name, text in _files(facts, needs, versions).items()}
    for path, text in written.items():
        write_text(path, text)
        if path.suffix == ".sh":
            path.chmod(RUNNABLE)
    return list(written)


def _files(facts: BundleFacts, needs: Needs, versions: list[int]) -> dict[str, str]:
    served, dns = served_name(facts.name), dns_name(facts.name)
    both = servers(facts, served=served, dns=dns)
    labels = {"stable": versions[0], "canary": versions[-1]}
    containers = container_files(facts, needs, served=served, dns=dns, versions=versions, both=both)
    return {
        "README.md": read_me(facts, needs, both, served=served, versions=versions, version_labels=labels),
        "models.config": models_config(served, versions, labels),
        "batching_parameters.txt": batching_parameters(facts, needs),
        "monitoring.config": monitoring_config(),
        **containers,
        **_within("clients", client_files(facts, served)),
        **_within("kubernetes", kubernetes_files(facts, needs, both, served=served, dns=dns)),
        **_within("monitoring", monitoring_files(needs, both, served=served, dns=dns)),
    }


def _within(folder: str, files: Mapping[str, str]) -> dict[str, str]:
    return {f"{folder}/{name}": text for name, text in files.items()}


def _versions(folder: Path, newest: int) -> list[int]:
    """Returns the version and the one before it, if there is one, rising."""
    there = {int(path.name) for path in folder.iterdir() if path.name.isascii() and path.name.isdecimal()}
    return sorted({number for number in there if 0 < number < newest} | {newest})[-MOST_VERSIONS:]
