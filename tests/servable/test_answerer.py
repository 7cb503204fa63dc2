"""A run and a servable answer alike."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tfclassify import hardware, load
from tfclassify.errors import UsageError
from tfclassify.export import Export
from tfclassify.hardware import multiplies_bfloat16
from tfclassify.learning import strategies
from tfclassify.predict import predict
from tfclassify.servable import opened
from tfclassify.servable.answerer import open_answerer
from tfclassify.servable.opened import CHARACTERS, FEWEST_ROWS, MOST_ROWS, _batches, as_answer, open_servable


def test_both_kinds(toy_exported: Export, toy_run: Path) -> None:
    run, servable = open_answerer(str(toy_run)), open_answerer(str(toy_exported.folder))
    assert (run.kind, servable.kind) == ("run", "servable")
    for name in ("labels", "multilabel", "pairs"):
        assert getattr(run, name) == getattr(servable, name)
    assert run.data.text == servable.data.text
    texts = [f"{letter} " * 30 for letter in "axbyczdw"] * 10
    assert [each["label"] for each in run.answer(texts)] == [each["label"] for each in servable.answer(texts)]
    assert servable.answer([]) == []


@pytest.mark.skipif(not multiplies_bfloat16(), reason="this processor does not multiply bfloat16")
@pytest.mark.parametrize("kind", ["run", "servable"])
def test_both_kinds_answer_in_bfloat16(kind: str, toy_exported: Export, toy_run: Path) -> None:
    place = str({"run": toy_run, "servable": toy_exported.folder}[kind])
    texts = [f"{letter} " * 30 for letter in "axbyczdw"]
    exact, rough = (load(place, precision=precision)(texts) for precision in ("float32", "bfloat16"))
    assert [each["label"] for each in rough] == [each["label"] for each in exact]
    differences = [abs(a["score"] - b["score"]) for a, b in zip(exact, rough, strict=True)]
    assert 0 < max(differences) < 0.05


@pytest.mark.parametrize("name", ["run", "servable"])
def test_a_number_format_that_the_processor_does_not_have(
    name: str, toy_exported: Export, toy_run: Path, toy_data: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for module in (hardware, strategies):
        monkeypatch.setattr(module, "multiplies_bfloat16", lambda: False)
    place = {"run": toy_run, "servable": toy_exported.folder}[name]
    with pytest.raises(UsageError) as caught:
        predict({name: str(place), "input": str(toy_data / "test.csv"), "precision": "bfloat16"})
    assert str(caught.value) == (
        "precision is 'bfloat16', which this processor does not multiply; expected float32 here"
    )


def test_answers_do_not_depend_on_what_is_answered_together(
    toy_exported: Export, monkeypatch: pytest.MonkeyPatch
) -> None:
    answer = load(str(toy_exported.folder))
    texts = ["ab c " * (1 + number % 7) for number in range(40)]
    together = answer(texts)
    monkeypatch.setattr(opened, "MOST_ROWS", 1)
    monkeypatch.setattr(opened, "FEWEST_ROWS", 1)
    for each, alone in zip(together, answer(texts), strict=True):
        assert each["label"] == alone["label"]
        assert each["scores"] == pytest.approx(alone["scores"], abs=1e-5)


@given(lengths=st.lists(st.integers(0, 20_000), max_size=600))
def test_texts_of_like_length_are_answered_together(lengths: list[int]) -> None:
    texts = ["a" * length for length in lengths]
    made = list(_batches(texts))
    assert sorted(row for batch in made for row in batch) == list(range(len(texts)))
    ordered = [lengths[row] for batch in made for row in batch]
    assert ordered == sorted(lengths)
    for batch in made:
        assert len(batch) <= MOST_ROWS
        assert len(batch) <= FEWEST_ROWS or len(batch) * lengths[batch[0]] <= CHARACTERS


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
