"""What is installed and what the machine has, looked up once; findings are made from it and from nothing else."""

from __future__ import annotations

import json
import os
import platform
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from importlib import metadata
from pathlib import Path
from typing import Any

from packaging.requirements import Requirement

from tfclassify.hardware import multiplies_bfloat16, usable_cores, usable_memory_bytes

PACKAGE = "tfclassify"
# Modules that are imported to see whether they can be, by the package that brings them.
MODULES = {
    "protobuf": "google.protobuf",
    "tensorflow": "tensorflow",
    "tf-keras": "tf_keras",
    "tensorflow-text": "tensorflow_text",
    "transformers": "transformers",
    "keras-nlp": "keras_nlp",
}
SECONDS_TO_IMPORT = 300
NVIDIA = (Path("/dev/nvidia0"), Path("/proc/driver/nvidia/version"), Path("/dev/dxg"))
TPU = (Path("/dev/accel0"), Path("/dev/vfio/0"))
TPU_NAMES = ("TPU_NAME", "COLAB_TPU_ADDR", "TPU_ACCELERATOR_TYPE")

# Each module is told as soon as it is imported: one that takes the whole process down is the one not told.
PROBE = """
import json, sys
def told(**facts):
    print("told:" + json.dumps(facts), flush=True)
for name in json.loads(sys.argv[1]):
    told(begun=name)
    try:
        __import__(name)
    except Exception as error:
        told(module=name, error=f"{type(error).__name__}: {error}"[:400])
    else:
        told(module=name, error="")
        if name == "tensorflow":
            tensorflow = sys.modules[name]
            seen = [device.device_type for device in tensorflow.config.list_physical_devices()]
            told(devices=seen, cuda=bool(tensorflow.test.is_built_with_cuda()))
"""


@dataclass(frozen=True)
class Space:
    """A folder and the bytes that are free where it is."""

    folder: str
    free_bytes: int


@dataclass(frozen=True)
class Installation:
    """A machine as it was found.

    ``versions`` has every package that is installed of those that matter, ``requirements`` what the package's own
    metadata ask for, ``wishes`` what those that are installed ask of each other, by who asks, ``errors`` for every
    module that was imported what that said, empty if nothing. ``devices`` are TensorFlow's words for what it sees;
    ``cuda`` says whether its build could use a GPU.
    """

    python: str
    system: str
    versions: Mapping[str, str]
    requirements: Sequence[Requirement]
    errors: Mapping[str, str]
    wishes: Sequence[tuple[str, Requirement]] = ()
    devices: tuple[str, ...] = ("CPU",)
    cuda: bool = False
    nvidia: bool = False
    tpu: bool = False
    legacy_keras: str | None = None
    bfloat16: bool = True
    cores: int = 1
    memory_bytes: int = 0
    spaces: Sequence[Space] = field(default_factory=tuple)


def observe(*, cache: Path) -> Installation:
    """Looks at this machine; imports the packages that matter in a process of its own, which takes seconds."""
    versions = _versions()
    modules = [module for package, module in MODULES.items() if _has(package, versions)]
    said = _imported(modules)
    return Installation(
        python=platform.python_version(),
        system=f"{platform.system()} {platform.machine()}",
        versions=versions,
        requirements=requirements(),
        errors=_errors(said),
        wishes=_wishes(versions),
        devices=tuple(next((each["devices"] for each in said if "devices" in each), ())),
        cuda=next((each["cuda"] for each in said if "cuda" in each), False),
        nvidia=any(path.exists() for path in NVIDIA) or shutil.which("nvidia-smi") is not None,
        tpu=any(path.exists() for path in TPU) or any(os.environ.get(name) for name in TPU_NAMES),
        legacy_keras=os.environ.get("TF_USE_LEGACY_KERAS"),
        bfloat16=multiplies_bfloat16(),
        cores=usable_cores(),
        memory_bytes=usable_memory_bytes(),
        spaces=[_space(cache), _space(Path.cwd())],
    )


def requirements() -> list[Requirement]:
    """Returns what the package's own metadata ask for, extras included, as far as it is for this machine."""
    try:
        lines = metadata.requires(PACKAGE) or []
    except metadata.PackageNotFoundError:
        return []
    extras = metadata.metadata(PACKAGE).get_all("Provides-Extra") or []
    found = [each for each in map(Requirement, lines) if each.name != PACKAGE]
    return [each for each in found if each.marker is None or any(map(each.marker.evaluate, _environments(extras)))]


def optional(requirement: Requirement) -> bool:
    """Says whether a package is asked for by an extra only."""
    return requirement.marker is not None and not requirement.marker.evaluate({"extra": ""})


def _environments(extras: Iterable[str]) -> list[dict[str, str]]:
    return [{"extra": extra} for extra in ("", *extras)]


def _versions() -> dict[str, str]:
    names = {each.name for each in requirements()} | {*MODULES, "tensorflow-tpu", "tensorflow-cpu", "keras", PACKAGE}
    found = {}
    for name in sorted(names):
        try:
            found[name] = metadata.version(name)
        except metadata.PackageNotFoundError:
            continue
    return found


def _wishes(versions: Mapping[str, str]) -> list[tuple[str, Requirement]]:
    """Returns what the packages that matter ask of each other, without their extras."""
    return [
        (package, each)
        for package in MODULES
        if package in versions
        for each in map(Requirement, metadata.requires(package) or [])
        if each.name in versions and (each.marker is None or each.marker.evaluate({"extra": ""}))
    ]


def _has(package: str, versions: Mapping[str, str]) -> bool:
    instead = ("tensorflow-tpu", "tensorflow-cpu") if package == "tensorflow" else ()
    return any(name in versions for name in (package, *instead))


def _imported(modules: Sequence[str]) -> list[dict[str, Any]]:
    """Imports modules in a process of its own and returns what it told; of a module that killed it, the signal."""
    environment = {"TF_USE_LEGACY_KERAS": "1", "TF_CPP_MIN_LOG_LEVEL": "3", **os.environ}
    command = [sys.executable, "-c", PROBE, json.dumps(list(modules))]
    try:
        done = subprocess.run(
            command, capture_output=True, text=True, check=False, env=environment, timeout=SECONDS_TO_IMPORT
        )
    except subprocess.TimeoutExpired:
        return [{"module": modules[0], "error": f"is not imported after {SECONDS_TO_IMPORT} seconds"}]
    said = [json.loads(line[5:]) for line in done.stdout.splitlines() if line.startswith("told:")]
    begun = [each["begun"] for each in said if "begun" in each]
    ended = {each["module"] for each in said if "module" in each}
    if begun and begun[-1] not in ended:
        said.append({"module": begun[-1], "error": f"ends the process ({_ending(done.returncode)})"})
    return said


def _errors(said: Sequence[Mapping[str, Any]]) -> dict[str, str]:
    return {each["module"]: each["error"] for each in said if "module" in each}


def _ending(code: int) -> str:
    try:
        return signal.Signals(-code).name
    except ValueError:
        return f"exit status {code}"


def _space(folder: Path) -> Space:
    there = next(place for place in (folder, *folder.absolute().parents) if place.exists())
    return Space(str(folder), shutil.disk_usage(there).free)
