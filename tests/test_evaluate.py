"""``evaluate``: a run judged again, on its own rows or on others, without touching what the training reported."""

from __future__ import annotations

import json
import shutil
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from toy import toy_rows

from tfclassify import evaluate as module
from tfclassify.command_line import main
from tfclassify.display import SILENT
from tfclassify.errors import UsageError
from tfclassify.evaluate import evaluate
from tfclassify.learning.material import rows_to_judge
from tfclassify.learning.trained import Trained, open_trained
from tfclassify.runs import Run, write_json
from tfclassify.settings import DataSettings


@pytest.fixture(autouse=True)
def opened(monkeypatch: pytest.MonkeyPatch, toy_trained: Trained) -> None:
    """Opens the network once for all tests: it takes longer than all the rest."""
    monkeypatch.setattr(module, "open_trained", lambda run: toy_trained)


@pytest.fixture(scope="module")
def run(toy_run: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The toy run, for the tests of this file to write into."""
    return Path(shutil.copytree(toy_run, tmp_path_factory.mktemp("evaluated") / "run"))


@pytest.fixture(scope="module")
def toy_trained(run: Path) -> Trained:
    return open_trained(Run(run))


@pytest.fixture
def other(tmp_path: Path) -> Path:
    """Rows that the training has not seen, under other names."""
    text = toy_rows("other", 30).replace("text,label", "words,kind", 1)
    (tmp_path / "other.csv").write_text(text, encoding="utf-8")
    return tmp_path / "other.csv"


@pytest.fixture
def copied(run: Path, tmp_path: Path) -> Path:
    """The run at another place."""
    return Path(shutil.copytree(run, tmp_path / "moved" / "run"))


def report_of(folder: Path) -> dict[str, Any]:
    found: dict[str, Any] = json.loads((folder / "report.json").read_text(encoding="utf-8"))
    return found


def message(words: dict[str, Any]) -> str:
    with pytest.raises(UsageError) as caught:
        evaluate(words)
    return str(caught.value)


# Its own rows


def test_a_training_that_has_not_ended_is_told(copied: Path) -> None:
    write_json(copied / "manifest.json", {**json.loads((copied / "manifest.json").read_text()), "state": "stopped"})
    said: list[str] = []
    evaluate({"run": str(copied)}, display=replace(SILENT, say=said.append))
    assert said[0].startswith(f"the training of run={copied} has not ended, and what answers are its best weights")


def test_its_own_test_rows_have_the_figures_of_the_training(run: Path) -> None:
    before = {path: path.read_bytes() for path in run.glob("*.*") if path.is_file()}
    made = evaluate({"run": str(run)})
    assert made.folder.parent == run
    assert made.folder.name.startswith("evaluation-")
    assert sorted(path.name for path in made.folder.iterdir()) == ["report.html", "report.json"]
    assert report_of(made.folder) == made.report
    first = report_of(run)
    assert made.report["splits"] == {"test": first["splits"]["test"]}
    assert made.report["task"] == first["task"]
    assert made.report["baseline"]["test"] == first["baseline"]["test"]
    assert made.report["rows"]["read"] == made.report["rows"]["test"] == 60
    assert {path: path.read_bytes() for path in before} == before


def test_two_evaluations_of_one_second_do_not_share_a_folder(copied: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module.time, "strftime", lambda form: "20300101-000000")
    folders = [evaluate({"run": str(copied)}).folder.name for _ in range(2)]
    assert folders == ["evaluation-20300101-000000", "evaluation-20300101-000000-2"]


def test_the_rows_of_a_run_whose_test_rows_were_cut_out(toy_trained: Trained, toy_data: Path) -> None:
    data = toy_trained.settings.data.model_copy(update={"validation": None, "test": None})
    trained = replace(toy_trained, settings=toy_trained.settings.model_copy(update={"data": data}))
    material = rows_to_judge(Run(toy_data), trained, DataSettings(), display=SILENT)
    account = module._account(material, length=8)
    assert account == {
        "read": 24,
        "test": 24,
        "dropped": {"empty": 0, "bad": 0, "duplicate": 0, "unknown_label": 0},
        "cut": account["cut"],
    }
    assert 0 < account["cut"] < 24


def test_data_that_have_changed_since_the_training(copied: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    facts = json.loads((copied / "manifest.json").read_text(encoding="utf-8"))
    facts["data"]["train"]["sha256"] = "0" * 64
    (copied / "manifest.json").write_text(json.dumps(facts), encoding="utf-8")
    said: list[str] = []
    made = evaluate({"run": str(copied)}, display=replace(SILENT, say=said.append))
    place = facts["data"]["train"]["location"]
    assert said == [f"data.train={place} has changed since the training; test rows may have been learnt from"]
    assert "has changed since the training" in (made.folder / "report.html").read_text(encoding="utf-8")


def test_data_that_have_other_labels_now(toy_trained: Trained, run: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    other = replace(toy_trained, labels=replace(toy_trained.labels, names=("bad", "fine")))
    monkeypatch.setattr(module, "open_trained", lambda run: other)
    train = toy_trained.settings.data.train
    assert message({"run": str(run)}) == (
        f"the rows of the training cannot be read again: data.train={train} has other labels than the run was "
        "trained on; give data.test=FILE"
    )


def test_a_run_whose_data_are_gone(toy_trained: Trained, copied: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    _lose_training_rows(toy_trained, copied, monkeypatch)
    assert message({"run": str(copied)}) == (
        f"the rows of the training cannot be read again: {copied / 'train.csv'} does not exist; expected a file; "
        "give data.test=FILE"
    )


def _lose_training_rows(trained: Trained, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    data = trained.settings.data.model_copy(update={"train": str(folder / "train.csv")})
    lost = replace(trained, settings=trained.settings.model_copy(update={"data": data}))
    monkeypatch.setattr(module, "open_trained", lambda run: lost)


# Other rows


def test_other_rows_under_other_names(run: Path, other: Path, tmp_path: Path) -> None:
    words = {"data.test": str(other), "data.text": "words", "data.label": "kind", "output": str(tmp_path / "out" / "x")}
    made = evaluate({"run": str(run), **words})
    assert made.folder == tmp_path / "out" / "x"
    assert report_of(made.folder) == made.report
    assert made.report["splits"]["test"]["rows"] == 30
    assert made.report["splits"]["test"]["accuracy"] > 0.9
    assert made.report["baseline"]["test"]["accuracy"] > 0.9
    assert made.report["rows"]["read"] == 30
    assert "plan" not in made.report


def test_a_run_that_was_moved(copied: Path, other: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(copied.parent)
    made = evaluate({"run": "run", "data.test": str(other), "data.text": "words", "data.label": "kind"})
    assert made.folder.parent == Path("run")
    assert made.report["splits"]["test"]["rows"] == 30


def test_no_baseline_where_the_training_rows_are_gone(
    toy_trained: Trained, copied: Path, other: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    _lose_training_rows(toy_trained, copied, monkeypatch)
    said: list[str] = []
    words = {"run": str(copied), "data.test": str(other), "data.text": "words", "data.label": "kind"}
    made = evaluate(words, display=replace(SILENT, say=said.append))
    assert "baseline" not in made.report
    assert said == [
        "no baseline beside the figures, because the training rows cannot be read again: "
        f"{copied / 'train.csv'} does not exist; expected a file"
    ]
    assert "no baseline beside the figures" in (made.folder / "report.html").read_text(encoding="utf-8")


def test_no_baseline_of_rows_with_other_labels(
    toy_trained: Trained, copied: Path, other: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (copied / "train.csv").write_text("text,label\na,awful\nb,bad\nc,good\n" * 9, encoding="utf-8")
    _lose_training_rows(toy_trained, copied, monkeypatch)
    words = {"run": str(copied), "data.test": str(other), "data.text": "words", "data.label": "kind"}
    assert "baseline" not in evaluate(words).report


def test_texts_that_were_learnt_from_are_counted(run: Path, toy_data: Path) -> None:
    said: list[str] = []
    words = {"run": str(run), "data.test": str(toy_data / "train.csv")}
    evaluate(words, display=replace(SILENT, say=said.append))
    assert said == ["test and train share 240 texts, which flatters the figures"]


def test_labels_that_the_run_does_not_know(run: Path, other: Path, tmp_path: Path) -> None:
    text = other.read_text(encoding="utf-8").replace("good", "god").replace("words,kind", "text,label", 1)
    other.write_text(text, encoding="utf-8")
    words = {"run": str(run), "data.test": str(other), "output": str(tmp_path / "out")}
    assert message(words) == (
        "data.test has 15 rows whose labels no training row has: 'god'; correct them, or set "
        "data.unknown_labels=drop; did you mean 'good'?"
    )
    assert not (tmp_path / "out").exists()
    report = evaluate({**words, "data.unknown_labels": "drop"}).report
    assert report["splits"]["test"]["rows"] == 15
    assert report["rows"]["read"] == 30
    assert report["rows"]["dropped"]["unknown_label"] == 15


def test_rows_out_of_scope_are_marked_as_they_are_for_these_rows(run: Path, tmp_path: Path) -> None:
    path = tmp_path / "marked.csv"
    path.write_text("text,label\na good one,good\na bad one,bad\nnothing of it,none\n", encoding="utf-8")
    asked = {"run": str(run), "data.test": str(path), "data.out_of_scope_label": "none"}
    figures = evaluate({**asked, "output": str(tmp_path / "out")}).report["splits"]["test"]
    assert (figures["rows"], figures["out_of_scope_rows"]) == (3, 1)
    assert set(figures["scope"]) == {"auroc", "fpr_at_95_tpr"}


def test_every_row_is_accounted_for(run: Path, tmp_path: Path) -> None:
    lines = "text,label\na b,bad\n,bad\nx y,good\nz,good,more\nw,other\n"
    (tmp_path / "rows.csv").write_text(lines, encoding="utf-8")
    words = {"data.test": str(tmp_path / "rows.csv"), "data.bad_rows": "skip", "data.unknown_labels": "drop"}
    rows = evaluate({"run": str(run), **words}).report["rows"]
    assert rows == {
        "read": 5,
        "test": 2,
        "dropped": {"empty": 1, "bad": 1, "duplicate": 0, "unknown_label": 1},
        "cut": 0,
    }


def test_no_row_with_a_label_that_the_run_knows(run: Path, tmp_path: Path) -> None:
    (tmp_path / "rows.csv").write_text("text,label\na b,fine\n", encoding="utf-8")
    words = {"data.test": str(tmp_path / "rows.csv"), "data.unknown_labels": "drop"}
    assert message({"run": str(run), **words}) == (
        f"{tmp_path / 'rows.csv'}: of 1 rows read none is left to judge; expected at least one"
    )


def test_how_the_training_rows_were_written_is_not_how_others_are(
    toy_trained: Trained, run: Path, other: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    own = {"delimiter": ";", "encoding": "cp1252", "max_rows": 7, "weight": "weight", "id": "number"}
    data = toy_trained.settings.data.model_copy(update=own)
    odd = replace(toy_trained, settings=toy_trained.settings.model_copy(update={"data": data}))
    monkeypatch.setattr(module, "open_trained", lambda run: odd)
    words = {"data.test": str(other), "data.text": "words", "data.label": "kind"}
    assert evaluate({"run": str(run), **words}).report["rows"]["read"] == 30
    assert evaluate({"run": str(run), **words, "data.max_rows": 7}).report["rows"]["read"] == 7


# What is refused


def test_the_report_of_the_training_is_not_overwritten(run: Path) -> None:
    before = (run / "report.json").read_bytes()
    assert message({"run": str(run), "output": str(run)}) == (
        f"output={run} is the directory of a run, whose own report stays; give another folder"
    )
    assert (run / "report.json").read_bytes() == before


def test_an_output_that_is_a_file(run: Path, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("", encoding="utf-8")
    assert message({"run": str(run), "output": str(tmp_path / "file")}) == (
        f"output={tmp_path / 'file'} is a file; give the name of a folder"
    )
    assert message({"run": str(run), "output": str(tmp_path / "file" / "below")}) == (
        f"output={tmp_path / 'file' / 'below'} cannot be written: Not a directory"
    )


def test_settings_that_would_have_no_effect(run: Path) -> None:
    assert message({"run": str(run), "data.train": "a.csv"}) == (
        "data.train is for training; the rows to judge are given as data.test=FILE"
    )
    assert message({"run": str(run), "data.validation": "a.csv", "data.test": "b.csv"}) == (
        "data.validation is for training; the rows to judge are given as data.test=FILE"
    )
    for name, value in {"duplicates": "drop", "validation_share": 0.1, "test_share": 0.1}.items():
        assert message({"run": str(run), f"data.{name}": value, "data.test": "b.csv"}) == (
            f"data.{name} is for training; the rows to judge are given as data.test=FILE"
        )
    assert message({"run": str(run), "data.empty": "keep"}) == (
        "data.empty says how other rows are read; give them as data.test=FILE"
    )


def test_a_column_that_is_not_there(run: Path, other: Path) -> None:
    assert message({"run": str(run), "data.test": str(other)}) == (
        f"data.text: column 'text' is not in {other}; columns are: words, kind; set data.text to one of them"
    )


def test_in_the_shell(run: Path, other: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    words = [f"run={run}", f"data.test={other}", "data.text=words", "data.label=kind", f"output={tmp_path / 'out'}"]
    assert main("evaluate", [*words, "--json"]) == 0
    out, err = capsys.readouterr()
    assert err == ""
    assert out.count("\n") == 1
    assert json.loads(out) == {"output": str(tmp_path / "out"), "report": report_of(tmp_path / "out")}
    assert main("evaluate", words) == 0
    out, err = capsys.readouterr()
    assert out.splitlines()[0].startswith("test        accuracy 1.000  macro-F1 1.000  (0.")
    assert out.splitlines()[-1] == f"report: {tmp_path / 'out' / 'report.html'}"
    assert main("evaluate", [f"run={tmp_path}"]) == 2
    assert capsys.readouterr() == (
        "",
        f"tfclassify evaluate: run={tmp_path} holds no trained classifier (no plan.yaml, labels.json, "
        "model.safetensors)\n",
    )
