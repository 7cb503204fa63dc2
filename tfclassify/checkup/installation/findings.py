"""The findings about an installation: a plain function each; the remedy of each is the command to type."""

from __future__ import annotations

from collections.abc import Callable, Iterator

from packaging.requirements import Requirement
from packaging.version import Version

from tfclassify.checkup.finding import Finding
from tfclassify.checkup.installation.observed import MODULES, Installation, optional

TPU_PACKAGE, TPU_NEWEST = "tensorflow-tpu", "2.20"
INSTEAD_OF_TENSORFLOW = (TPU_PACKAGE, "tensorflow-cpu")
LITTLE_DISK_BYTES, LITTLE_MEMORY_BYTES = 3_000_000_000, 2_000_000_000
# Those of which one release only fits one release of TensorFlow.
SAME_RELEASE = ("tf-keras", "tensorflow-text")
PYTHONS = (">=3.11", "<3.14")

Find = Callable[[Installation], list[Finding]]


def not_installed(here: Installation) -> list[Finding]:
    """Finds packages that are needed and not there."""
    missing = [each for each in here.requirements if not optional(each) and _version(here, each) is None]
    return [
        Finding(
            name="not_installed",
            severity="serious",
            sentence=f"{each.name} is not installed; needed is {_wanted(each)}.",
            cost="Nothing that needs it starts.",
            remedy=_install(each),
        )
        for each in missing
    ]


def out_of_bounds(here: Installation) -> list[Finding]:
    """Finds packages in versions that this package was not tried with."""
    found = []
    for each in here.requirements:
        version = _version(here, each)
        if version is not None and not each.specifier.contains(version, prereleases=True):
            finding = Finding(
                name="out_of_bounds",
                severity="warning" if optional(each) else "serious",
                sentence=f"{each.name} {version} is installed; expected is {_wanted(each)}.",
                cost="It was not tried with this version, and may fail where nobody looks.",
                remedy=_install(each),
            )
            found.append(finding)
    return found


def not_together(here: Installation) -> list[Finding]:
    """Finds packages that do not fit each other: of another release, beside another, two in the same place."""
    return [*_other_release(here), *_ungranted(here), *_same_place(here)]


def not_imported(here: Installation) -> list[Finding]:
    """Finds packages that are there and cannot be imported."""
    packages = {module: package for package, module in MODULES.items()}
    return [
        Finding(
            name="not_imported",
            severity="serious",
            sentence=f"import {module}: {error}.",
            cost="Nothing that needs it starts.",
            remedy=f"pip install --force-reinstall --no-deps '{packages[module]}{_pinned(here, packages[module])}'",
        )
        for module, error in here.errors.items()
        if error
    ]


def other_keras(here: Installation) -> list[Finding]:
    """Finds an environment that asks TensorFlow for Keras 3, which this network is none of."""
    if here.legacy_keras is None or here.legacy_keras.lower() in ("1", "true"):
        return []
    return [
        Finding(
            name="other_keras",
            severity="serious",
            sentence=f"TF_USE_LEGACY_KERAS is {here.legacy_keras!r}; expected is 1.",
            cost="TensorFlow loads Keras 3, and objects of both are mixed.",
            remedy="unset TF_USE_LEGACY_KERAS",
        )
    ]


def other_python(here: Installation) -> list[Finding]:
    """Finds a Python that is too old or too new."""
    if all(Requirement(f"python{bound}").specifier.contains(here.python, prereleases=True) for bound in PYTHONS):
        return []
    return [
        Finding(
            name="other_python",
            severity="serious",
            sentence=f"Python is {here.python}; expected is {','.join(PYTHONS)}.",
            cost="TensorFlow has no wheel for it that fits.",
            remedy="uv python install 3.12 && uv sync --python 3.12",
        )
    ]


def idle_gpu(here: Installation) -> list[Finding]:
    """Finds a GPU that TensorFlow does not see."""
    if not here.nvidia or "GPU" in here.devices or here.errors.get("tensorflow"):
        return []
    version = _tensorflow(here)
    pinned = f"=={version}" if version else ""
    why = "its CUDA libraries are missing" if here.cuda else "this build of it has no CUDA"
    return [
        Finding(
            name="idle_gpu",
            severity="warning",
            sentence=f"The machine has an NVIDIA GPU that TensorFlow does not see: {why}.",
            cost="Training runs on the processor, many times slower.",
            remedy=f"pip install 'tensorflow[and-cuda]{pinned}'",
        )
    ]


def idle_tpu(here: Installation) -> list[Finding]:
    """Finds a TPU that TensorFlow does not see."""
    if not here.tpu or "TPU" in here.devices or here.errors.get("tensorflow"):
        return []
    has = TPU_PACKAGE in here.versions
    why = f"{TPU_PACKAGE} {here.versions[TPU_PACKAGE]} finds no libtpu" if has else f"{TPU_PACKAGE} is not installed"
    install = (
        f"pip install '{TPU_PACKAGE}~={TPU_NEWEST}.0' 'tf-keras~={TPU_NEWEST}.0' 'tensorflow-text~={TPU_NEWEST}.1' "
        "-f https://storage.googleapis.com/libtpu-tf-releases/index.html"
    )
    return [
        Finding(
            name="idle_tpu",
            severity="warning",
            sentence=f"The machine has a TPU that TensorFlow does not see: {why}.",
            cost="Training runs on the processor, many times slower.",
            remedy=install if has else f"pip uninstall -y tensorflow && {install}",
        )
    ]


def no_bfloat16(here: Installation) -> list[Finding]:
    """Finds a processor without products of bfloat16 where there is nothing faster."""
    if here.bfloat16 or {"GPU", "TPU"} & set(here.devices):
        return []
    return [
        Finding(
            name="no_bfloat16",
            severity="note",
            sentence="The processor has no instructions for products of bfloat16 (avx512_bf16, amx_bf16).",
            cost="Training runs in float32, at about half the speed.",
            remedy="nothing to do: train.precision is planned for it; another machine would be faster",
        )
    ]


def little_room(here: Installation) -> list[Finding]:
    """Finds that there is little disk or memory left."""
    found = [
        Finding(
            name="little_disk",
            severity="warning",
            sentence=f"{space.free_bytes / 1e9:.1f} GB are free for {space.folder}.",
            cost="Token stores, weights and runs need some; writing stops in the middle of a training.",
            remedy=f"make room, or set TFCLASSIFY_CACHE to a folder with more than {LITTLE_DISK_BYTES / 1e9:.0f} GB",
            counts={"free_bytes": space.free_bytes},
        )
        for space in here.spaces
        if space.free_bytes < LITTLE_DISK_BYTES
    ]
    if here.memory_bytes >= LITTLE_MEMORY_BYTES:
        return found
    memory = Finding(
        name="little_memory",
        severity="warning",
        sentence=f"{here.memory_bytes / 1e9:.1f} GB of memory are free for this process.",
        cost="A training of the smallest preset takes about as much; the system ends what takes more.",
        remedy="end other programs, or plan with smaller batches: train.batch_tokens=1024",
        counts={"free_bytes": here.memory_bytes},
    )
    return [*found, memory]


def _other_release(here: Installation) -> Iterator[Finding]:
    tensorflow = _tensorflow(here)
    for name in SAME_RELEASE if tensorflow is not None else ():
        version = here.versions.get(name)
        if version is not None and tensorflow is not None and _minor(version) != _minor(tensorflow):
            yield Finding(
                name="not_together",
                severity="serious",
                sentence=f"{name} {version} is beside TensorFlow {tensorflow}; expected is {_minor(tensorflow)}.",
                cost="Its operations are built for another TensorFlow: it does not import, or fails when it runs.",
                remedy=f"pip install '{name}=={_minor(tensorflow)}.*'",
            )


def _ungranted(here: Installation) -> Iterator[Finding]:
    for package, wish in here.wishes:
        version = here.versions.get(wish.name)
        if version is not None and not wish.specifier.contains(version, prereleases=True):
            yield Finding(
                name="not_together",
                severity="serious",
                sentence=f"{wish.name} {version} is installed; {package} {here.versions[package]} asks for "
                f"{_wanted(wish)}.",
                cost="It does not import, or fails when it runs.",
                remedy=_install(wish),
            )


def _same_place(here: Installation) -> Iterator[Finding]:
    several = [name for name in ("tensorflow", *INSTEAD_OF_TENSORFLOW) if name in here.versions]
    if len(several) > 1:
        last = several[-1]
        yield Finding(
            name="not_together",
            severity="serious",
            sentence=f"{' and '.join(several)} are both installed; they write the same files.",
            cost="Which of them is used depends on which was installed last.",
            remedy=f"pip uninstall -y {' '.join(several)} && pip install '{last}=={here.versions[last]}'",
        )


def _version(here: Installation, requirement: Requirement) -> str | None:
    if requirement.name == "tensorflow":
        return _tensorflow(here)
    return here.versions.get(requirement.name)


def _tensorflow(here: Installation) -> str | None:
    return next((here.versions[name] for name in ("tensorflow", *INSTEAD_OF_TENSORFLOW) if name in here.versions), None)


def _minor(version: str) -> str:
    return ".".join(map(str, Version(version).release[:2]))


def _pinned(here: Installation, package: str) -> str:
    return f"=={here.versions[package]}" if package in here.versions else ""


def _wanted(requirement: Requirement) -> str:
    return ",".join(sorted(map(str, requirement.specifier), reverse=True)) or "any version"


def _install(requirement: Requirement) -> str:
    return (
        f"pip install '{requirement.name}{_wanted(requirement)}'"
        if requirement.specifier
        else (f"pip install {requirement.name}")
    )


FINDINGS: dict[str, Find] = {
    "other_python": other_python,
    "not_installed": not_installed,
    "out_of_bounds": out_of_bounds,
    "not_together": not_together,
    "not_imported": not_imported,
    "other_keras": other_keras,
    "idle_gpu": idle_gpu,
    "idle_tpu": idle_tpu,
    "no_bfloat16": no_bfloat16,
    "little_room": little_room,
}
