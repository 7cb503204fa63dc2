"""``inspect``: text, JSON and a page of what is in an exported classifier."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from safetensors.numpy import load_file

from tfclassify.command_line import main
from tfclassify.errors import UsageError
from tfclassify.export import Export
from tfclassify.inspect import inspect


def test_stages_of_the_graph(toy_exported: Export, toy_run: Path) -> None:
    found = inspect({"servable": str(toy_exported.folder)}).description
    stages = {stage["name"]: stage for stage in found["stages"]}
    assert list(stages) == [
        "word pieces", "packing", "embeddings", "layer 1", "layer 2", "pooling", "head", "answer"
    ]  # fmt: skip
    weights = load_file(toy_run / "weights" / "best" / "model.safetensors")
    numbers = {name: array.size for name, array in weights.items()}
    assert found["parameters"] == sum(numbers.values())
    assert sum(stage["parameters"] for stage in stages.values()) == found["parameters"]
    assert stages["head"]["parameters"] == numbers["classifier.weight"] + numbers["classifier.bias"]
    assert stages["layer 1"]["parameters"] == sum(
        size for name, size in numbers.items() if name.startswith("bert.encoder.layer.0.")
    )
    matrices = sum(
        size for name, size in numbers.items() if ".layer.0." in name and name.endswith("weight") and "Norm" not in name
    )
    assert stages["layer 1"]["flops_per_token"] == 2 * matrices + 4 * 32 * toy_exported.facts["max_length"]
    assert all(stage["ops"] > 0 for stage in stages.values())


def test_signatures_and_ops(toy_exported: Export) -> None:
    found = inspect({"servable": str(toy_exported.folder.parent)}).description
    assert sorted(found["signatures"]) == ["encode", "serving_default", "tokens"]
    assert found["signatures"]["serving_default"]["inputs"] == {"text": {"dtype": "string", "shape": [-1]}}
    assert found["signatures"]["tokens"]["outputs"] == {"logits": {"dtype": "float32", "shape": [-1, 2]}}
    assert found["ops"]["WordpieceTokenizeWithOffsets"] >= 1
    assert (found["lowest_server"], found["version"]) == ("2.2", 1)


def test_from_the_shell(toy_exported: Export, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    words = [f"servable={toy_exported.folder}", f"output={tmp_path / 'seen'}"]
    assert main("inspect", words) == 0
    shown = capsys.readouterr().out
    assert "serving_default(text: string[None]) -> in_scope: bool[None], label: string[None]" in shown
    assert shown.splitlines()[-2] == "TensorFlow Serving 2.2 and later load it"
    assert shown.splitlines()[-1] == f"page: {tmp_path / 'seen' / 'inspection.html'}"
    assert "<svg" in (tmp_path / "seen" / "inspection.html").read_text(encoding="utf-8")
    kept = json.loads((tmp_path / "seen" / "inspection.json").read_text(encoding="utf-8"))
    assert main("inspect", [words[0], "--json"]) == 0
    assert json.loads(capsys.readouterr().out) == kept


def test_no_servable(tmp_path: Path, toy_run: Path) -> None:
    for place in (tmp_path, toy_run):
        with pytest.raises(UsageError) as caught:
            inspect({"servable": str(place)})
        assert str(caught.value) == (
            f"servable={place} holds no exported classifier; expected saved_models/NAME or saved_models/NAME/VERSION"
        )


def test_a_place_that_cannot_be_written(toy_exported: Export, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(UsageError) as caught:
        inspect({"servable": str(toy_exported.folder), "output": str(tmp_path / "file" / "seen")})
    assert str(caught.value) == f"output={tmp_path / 'file' / 'seen'} cannot be written: Not a directory"
