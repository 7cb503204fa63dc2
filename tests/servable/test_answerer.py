"""A run and a servable answer alike."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from tfclassify.errors import UsageError
from tfclassify.export import Export
from tfclassify.predict import predict
from tfclassify.servable.answerer import open_answerer
from tfclassify.servable.opened import as_answer, open_servable


def test_both_kinds(toy_exported: Export, toy_run: Path) -> None:
    run, servable = open_answerer(str(toy_run)), open_answerer(str(toy_exported.folder))
    assert (run.kind, servable.kind) == ("run", "servable")
    for name in ("labels", "multilabel", "pairs"):
        assert getattr(run, name) == getattr(servable, name)
    assert run.data.text == servable.data.text
    texts = [f"{letter} " * 30 for letter in "axbyczdw"] * 10
    assert [each["label"] for each in run.answer(texts)] == [each["label"] for each in servable.answer(texts)]
    assert servable.answer([]) == []


def test_answers_to_a_file_from_a_servable(toy_exported: Export, toy_data: Path, toy_run: Path, tmp_path: Path) -> None:
    for name, place in (("servable", toy_exported.folder.parent), ("run", toy_run)):
        predict({name: str(place), "input": str(toy_data / "test.csv"), "output": str(tmp_path / f"{name}.jsonl")})
    labels = [
        [
            line.split('"input_label"')[1].split('"label"')[1][:10]
            for line in (tmp_path / f"{name}.jsonl").read_text().splitlines()
        ]
        for name in ("servable", "run")
    ]
    assert labels[0] == labels[1]
    assert len(labels[0]) == 60


def test_answers_never_take_the_place_of_the_rows(tmp_path: Path) -> None:
    rows = tmp_path / "rows.csv"
    rows.write_text("text\nquick\n")
    (tmp_path / "link.csv").symlink_to(rows)
    with pytest.raises(UsageError) as caught:
        predict({"run": "a", "input": str(rows), "output": str(tmp_path / "link.csv")})
    assert str(caught.value) == (f"output={tmp_path / 'link.csv'} is the input, which would be lost; give another file")
    assert rows.read_text() == "text\nquick\n"


@pytest.mark.parametrize(
    ("given", "which"),
    [
        ({}, "neither run nor servable is"),
        ({"run": "a", "servable": "b"}, "both run and servable are"),
    ],
)
def test_one_of_the_two(given: dict[str, str], which: str) -> None:
    with pytest.raises(UsageError) as caught:
        predict({**given, "input": "rows.csv"})
    assert str(caught.value) == f"{which} given; expected run=DIR or servable=DIR"


def test_a_version_that_cannot_be_loaded(toy_exported: Export, tmp_path: Path) -> None:
    folder = Path(shutil.copytree(toy_exported.folder, tmp_path / "toy" / "1"))
    (folder / "variables" / "variables.index").unlink()
    with pytest.raises(UsageError) as caught:
        open_servable(str(folder))
    assert str(caught.value).startswith(f"servable={folder} cannot be loaded: ")


def test_outputs_of_several_labels() -> None:
    row = {
        "labels": [b"a", b"\xc3\xa9"],
        "scores": [0.75, 0.5],
        "chosen": [True, False],
        "in_scope": False,
        "scope_score": 1.5,
        "route": b"full",
        "rule": b"",
        "masked": 2,
    }
    assert as_answer(row, multilabel=True) == {
        "label": "a",
        "score": 0.75,
        "scores": {"a": 0.75, "é": 0.5},
        "labels": ["a"],
        "in_scope": False,
        "scope_score": 1.5,
        "route": "full",
        "rule": None,
        "masked": 2,
    }
    assert as_answer({**row, "rule": b"refund"}, multilabel=False)["rule"] == "refund"
