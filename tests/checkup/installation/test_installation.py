"""Installations that something is wrong with, made up: each fault is found, with the command that mends it."""

from __future__ import annotations

import json
import subprocess
from dataclasses import replace
from pathlib import Path

import pytest
from packaging.requirements import Requirement

from tfclassify.checkup.finding import Finding
from tfclassify.checkup.installation import observed
from tfclassify.checkup.installation.findings import FINDINGS
from tfclassify.checkup.installation.observed import Installation, Space, observe, optional, requirements

SOUND = Installation(
    python="3.12.4",
    system="Linux x86_64",
    versions={
        "tensorflow": "2.20.0",
        "tf-keras": "2.20.1",
        "tensorflow-text": "2.20.1",
        "transformers": "4.57.6",
        "protobuf": "6.33.0",
    },
    requirements=[
        Requirement("tensorflow>=2.20,<2.22"),
        Requirement("tf-keras>=2.20,<2.22"),
        Requirement("tensorflow-text>=2.20.1,<2.22,!=2.21.0"),
        Requirement("transformers>=4.57,<5"),
        Requirement('keras-nlp>=0.21,<1; extra == "keras-nlp"'),
    ],
    errors={"tensorflow": "", "tf_keras": "", "tensorflow_text": "", "transformers": ""},
    wishes=[("tensorflow", Requirement("protobuf>=6.31"))],
    memory_bytes=16 * 10**9,
    spaces=[Space("cache", 50 * 10**9)],
)


def found(here: Installation) -> list[Finding]:
    return [finding for find in FINDINGS.values() for finding in find(here)]


def with_versions(**versions: str | None) -> Installation:
    given = {name.replace("_", "-"): version for name, version in versions.items()}
    return replace(SOUND, versions={name: each for name, each in {**SOUND.versions, **given}.items() if each})


FAULTS = {
    "missing": (
        with_versions(transformers=None),
        "transformers is not installed; needed is >=4.57,<5.",
        "pip install 'transformers>=4.57,<5'",
    ),
    "too new": (
        with_versions(transformers="5.1.0"),
        "transformers 5.1.0 is installed; expected is >=4.57,<5.",
        "pip install 'transformers>=4.57,<5'",
    ),
    "an extra's": (
        with_versions(keras_nlp="0.17.0"),
        "keras-nlp 0.17.0 is installed; expected is >=0.21,<1.",
        "pip install 'keras-nlp>=0.21,<1'",
    ),
    "text of another release": (
        with_versions(tensorflow_text="2.21.1"),
        "tensorflow-text 2.21.1 is beside TensorFlow 2.20.0; expected is 2.20.",
        "pip install 'tensorflow-text==2.20.*'",
    ),
    "protobuf too old": (
        with_versions(protobuf="4.25.8"),
        "protobuf 4.25.8 is installed; tensorflow 2.20.0 asks for >=6.31.",
        "pip install 'protobuf>=6.31'",
    ),
    "two TensorFlows": (
        with_versions(tensorflow_tpu="2.20.0"),
        "tensorflow and tensorflow-tpu are both installed; they write the same files.",
        "pip uninstall -y tensorflow tensorflow-tpu && pip install 'tensorflow-tpu==2.20.0'",
    ),
    "does not import": (
        replace(SOUND, errors={**SOUND.errors, "tensorflow_text": "ImportError: undefined symbol"}),
        "import tensorflow_text: ImportError: undefined symbol.",
        "pip install --force-reinstall --no-deps 'tensorflow-text==2.20.1'",
    ),
    "Keras 3": (
        replace(SOUND, legacy_keras="0"),
        "TF_USE_LEGACY_KERAS is '0'; expected is 1.",
        "unset TF_USE_LEGACY_KERAS",
    ),
    "Python": (
        replace(SOUND, python="3.14.0"),
        "Python is 3.14.0; expected is >=3.11,<3.14.",
        "uv python install 3.12 && uv sync --python 3.12",
    ),
    "GPU without CUDA": (
        replace(SOUND, nvidia=True, cuda=True),
        "The machine has an NVIDIA GPU that TensorFlow does not see: its CUDA libraries are missing.",
        "pip install 'tensorflow[and-cuda]==2.20.0'",
    ),
    "TPU without its wheel": (
        replace(SOUND, tpu=True),
        "The machine has a TPU that TensorFlow does not see: tensorflow-tpu is not installed.",
        "pip uninstall -y tensorflow && pip install 'tensorflow-tpu~=2.20.0' 'tf-keras~=2.20.0' "
        "'tensorflow-text~=2.20.1' -f https://storage.googleapis.com/libtpu-tf-releases/index.html",
    ),
    "no bfloat16": (
        replace(SOUND, bfloat16=False),
        "The processor has no instructions for products of bfloat16 (avx512_bf16, amx_bf16).",
        "nothing to do: train.precision is planned for it; another machine would be faster",
    ),
    "disk": (
        replace(SOUND, spaces=[Space("cache", 10**9)]),
        "1.0 GB are free for cache.",
        "make room, or set TFCLASSIFY_CACHE to a folder with more than 3 GB",
    ),
    "memory": (
        replace(SOUND, memory_bytes=10**9),
        "1.0 GB of memory are free for this process.",
        "end other programs, or plan with smaller batches: train.batch_tokens=1024",
    ),
}


def test_nothing_is_wrong_with_a_sound_one() -> None:
    assert found(SOUND) == []


@pytest.mark.parametrize("name", FAULTS)
def test_a_fault_and_what_mends_it(name: str) -> None:
    here, sentence, command = FAULTS[name]
    (finding,) = found(here)
    assert (finding.sentence, finding.remedy) == (sentence, command)
    assert finding.cost.endswith(".")


@pytest.mark.parametrize("change", [{"devices": ("CPU", "GPU")}, {"nvidia": False}])
def test_a_gpu_that_is_used_is_no_fault(change: dict) -> None:
    assert found(replace(SOUND, **{"nvidia": True, "cuda": True, "bfloat16": True, **change})) == []


def test_tensorflow_for_tpus_is_one() -> None:
    here = with_versions(tensorflow=None, tensorflow_tpu="2.20.0")
    assert found(replace(here, tpu=True, devices=("CPU", "TPU"))) == []


def test_what_this_package_asks_for() -> None:
    named = {each.name: each for each in requirements()}
    assert {"tensorflow", "tf-keras", "transformers"} <= set(named)
    assert not optional(named["tensorflow"])
    assert optional(named["keras-nlp"])
    assert "tfclassify" not in named


def test_modules_are_imported_elsewhere_and_told_one_by_one(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "good_one.py").write_text("")
    (tmp_path / "bad_one.py").write_text("raise ImportError('no such symbol')")
    (tmp_path / "fatal_one.py").write_text("import os; os.abort()")
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    monkeypatch.setattr(observed, "MODULES", {"a": "good_one", "b": "bad_one", "c": "fatal_one", "d": "good_one"})
    monkeypatch.setattr(observed, "_versions", lambda: dict.fromkeys("abcd", "1"))
    monkeypatch.setattr(observed, "_wishes", lambda versions: [])
    here = observe(cache=tmp_path / "not" / "there")
    assert here.errors == {
        "good_one": "",
        "bad_one": "ImportError: no such symbol",
        "fatal_one": "ends the process (SIGABRT)",
    }
    assert here.spaces[0].free_bytes > 0


def test_a_module_that_takes_for_ever(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def too_long(*words: object, **more: object) -> None:
        raise subprocess.TimeoutExpired("python", 300)

    monkeypatch.setattr(observed.subprocess, "run", too_long)
    assert next(iter(observe(cache=tmp_path).errors.values())) == "is not imported after 300 seconds"


def test_from_the_shell(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    from tfclassify import doctor
    from tfclassify.command_line import main

    here, sentence, command = FAULTS["text of another release"]
    monkeypatch.setattr(doctor, "observe", lambda cache: here)
    assert main("doctor", [f"output={tmp_path}"]) == 0
    shown = capsys.readouterr().out
    assert "Python 3.12.4 on Linux x86_64, 1 core\n" in shown
    assert f"serious  {sentence}\n" in shown
    assert f"-> {command}\n" in shown
    kept = json.loads((tmp_path / "doctor.json").read_text(encoding="utf-8"))
    assert kept["installation"]["packages"]["tensorflow-text"] == "2.21.1"
    assert kept["findings"][0]["remedy"] == command
    assert "Check-up of the installation" in (tmp_path / "doctor.html").read_text(encoding="utf-8")
