"""The package as people use it: in the shell, through pipes, stopped half-way; and tasks of every kind to the end."""

from __future__ import annotations

import csv
import hashlib
import io
import json
import os
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from toy import TOY_SETTINGS, toy_rows, toy_words

from tfclassify import load
from tfclassify.command_line import main
from tfclassify.display import Display
from tfclassify.errors import UsageError
from tfclassify.evaluate import evaluate
from tfclassify.model.classifier import BertClassifier
from tfclassify.predict import predict
from tfclassify.runs import Run, state_of
from tfclassify.train import train

TOY_WORDS = [f"{key}={value}" for key, value in TOY_SETTINGS.items()]


def shell(*words: str, **options: Any) -> subprocess.Popen[str]:
    """Starts a verb in a process of its own, as noisy as TensorFlow is by itself."""
    environment = {name: value for name, value in os.environ.items() if name != "TF_CPP_MIN_LOG_LEVEL"}
    return subprocess.Popen(
        [sys.executable, "-m", f"tfclassify.{words[0]}", *words[1:]],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env=environment,
        **options,
    )


def answered(run: Path, folder: Path) -> list[str]:
    """Returns what a run says of two easy texts."""
    (folder / "rows.csv").write_text("text\na b c d a b\nw x y z w x\n", encoding="utf-8")
    predict({"run": str(run), "input": str(folder / "rows.csv"), "output": str(folder / "answers.jsonl")})
    lines = (folder / "answers.jsonl").read_text(encoding="utf-8").splitlines()
    return [json.loads(line)["label"] for line in lines]


# In the shell


@pytest.mark.slow
def test_ctrl_c_in_the_middle_of_a_training(toy_data: Path, tmp_path: Path) -> None:
    asked = {**TOY_SETTINGS, **toy_words(toy_data), "train.epochs": 500, "train.warmup_share": 0.0}
    words = [f"{key}={value}" for key, value in {**asked, "train.early_stopping": 0, "run": "run"}.items()]
    said = []
    with shell("train", *words, cwd=tmp_path) as process:
        assert process.stderr is not None
        for line in process.stderr:
            said.append(line)
            if line.startswith("epoch 2/500  loss"):
                process.send_signal(signal.SIGINT)
                break
        out, rest = process.communicate(timeout=120)
    assert process.returncode == 75, (said, rest)
    assert out == "stopped on request; go on with: python -m tfclassify.train run=run\n"
    assert "Traceback" not in rest
    assert not any("oneDNN" in line or "cudart" in line for line in said)
    assert state_of(Run(tmp_path / "run")) == "stopped"
    assert not (tmp_path / "run" / "report.json").exists()
    assert answered(tmp_path / "run", tmp_path) == ["bad", "good"]


@pytest.mark.slow
def test_answers_through_pipes(toy_run: Path) -> None:
    with shell("predict", f"run={toy_run}", "input=-", "output=-") as process:
        out, err = process.communicate("n,text,label\n1,a b c d,?\n2,,?\n3,w x y z,?\n", timeout=120)
    assert process.returncode == 0, err
    found = list(csv.DictReader(io.StringIO(out)))
    assert [list(row) for row in found] == [["n", "text", "input_label", "label", "score", "in_scope", "route"]] * 3
    assert [row["n"] for row in found] == ["1", "2", "3"]
    assert [found[0]["label"], found[2]["label"]] == ["bad", "good"]
    assert "the input's column 'label' is 'input_label' in the output, where 'label' is the answer\n" in err
    assert "oneDNN" not in err


def test_whoever_has_read_enough_ends_it_quietly() -> None:
    code = """
import sys
from types import ModuleType
import pyarrow as pa
from pydantic import BaseModel
from tfclassify.command_line import VERBS, main
from tfclassify.command_line.verbs import Verb
from tfclassify.data.sinks import open_sink

class Request(BaseModel):
    pass

def answer(request, *, display):
    with open_sink("-") as write:
        for _ in range(1000):
            write(pa.RecordBatch.from_pydict({"text": ["a text"] * 1000}))

sys.modules["answering"] = module = ModuleType("answering")
module.answer = answer
VERBS["answer"] = Verb(Request, "answering:answer", "answer", "", "")
sys.exit(main("answer", []))
"""
    # TensorFlow, which has no part in it, is only loaded by the command line when nothing is set of what it says.
    environment = {**os.environ, "TF_CPP_MIN_LOG_LEVEL": "3"}
    words = [sys.executable, "-c", code]
    with subprocess.Popen(words, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=environment) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "text\n"
        process.stdout.close()
        assert process.stderr is not None
        assert process.stderr.read() == ""
    assert process.returncode == 1


# In this process


def test_a_training_that_is_terminated(toy_data: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    advanced: list[int] = []

    def advance(units: int, note: str) -> None:
        advanced.append(units)
        if note.startswith("loss") and len(advanced) == 45:
            os.kill(os.getpid(), signal.SIGTERM)

    before = signal.getsignal(signal.SIGTERM)
    asked = {**TOY_SETTINGS, **toy_words(toy_data), "train.epochs": 50, "train.warmup_share": 0.0}
    words = {**asked, "run": str(tmp_path / "run")}
    run = train(words, display=Display(advance=advance))
    assert signal.getsignal(signal.SIGTERM) == before
    assert state_of(run) == "stopped"
    assert len(run.history.read_text(encoding="utf-8").splitlines()) < 3
    assert answered(run.folder, tmp_path) == ["bad", "good"]
    assert main("train", [f"run={run.folder}", f"data.train={toy_data / 'train.csv'}", "train.epochs=3"]) == 2
    assert capsys.readouterr().err == (
        f"tfclassify train: run={run.folder} holds a stopped run with train.epochs=50, and train.epochs=3 is asked "
        "for; leave train.epochs out, or train anew in another run=DIR\n"
    )


def test_a_training_of_one_step(toy_data: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """The first step is traced as well and has no pace: nothing is measured, and nothing is made up."""
    words = [f"{key}={value}" for key, value in toy_words(toy_data).items()]
    assert main("train", [*words, *TOY_WORDS, "train.steps=1", f"run={tmp_path / 'run'}"]) == 0
    out, err = capsys.readouterr()
    report = json.loads((tmp_path / "run" / "report.json").read_text(encoding="utf-8"))
    assert report["plan"]["actual"]["seconds_per_epoch"] is None
    assert report["speed"]["train_examples_per_second"] is None
    assert report["speed"]["time_to_first_step_seconds"] > 0
    assert [line.split()[0] for line in out.splitlines()[:3]] == ["validation", "test", "baseline"]
    assert any(
        line.startswith("seconds per epoch planned ") and line.endswith("not measured") for line in out.splitlines()
    )
    assert out.splitlines()[-2:] == [f"run: {tmp_path / 'run'}", f"report: {tmp_path / 'run' / 'report.html'}"]
    assert err.splitlines()[-1].startswith("epoch 1/1  loss ")


def test_the_training_step_is_traced_once(toy_data: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    traced: list[int] = []
    step = BertClassifier.train_step

    def counted(model: BertClassifier, batch: Any) -> Any:
        traced.append(1)
        return step(model, batch)

    monkeypatch.setattr(BertClassifier, "train_step", counted)
    train({**TOY_SETTINGS, **toy_words(toy_data), "train.steps": 4, "run": str(tmp_path / "run")})
    assert len(traced) == 1


def test_data_that_go_while_the_training_runs(toy_data: Path, tmp_path: Path) -> None:
    rows = toy_rows("here and gone", 60).encode()
    (tmp_path / "train.csv").write_bytes(rows)

    def advance(units: int, note: str) -> None:
        if note.startswith("loss"):
            (tmp_path / "train.csv").unlink(missing_ok=True)

    words = {**TOY_SETTINGS, "data.train": str(tmp_path / "train.csv"), "train.steps": 2}
    run = train({**words, "run": str(tmp_path / "run")}, display=Display(advance=advance))
    assert not (tmp_path / "train.csv").exists()
    assert state_of(run) == "finished"
    mark = json.loads(run.manifest.read_text(encoding="utf-8"))["data"]["train"]
    assert mark == {"location": str(tmp_path / "train.csv"), "sha256": hashlib.sha256(rows).hexdigest()}


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (
            {"train.objectives": ["cros_entropy"]},
            "no objective 'cros_entropy'; known: binary_cross_entropy, cross_entropy; your own is given as "
            "package.module:function; did you mean 'cross_entropy'?",
        ),
        (
            {"train.class_weights": {"god": 2.0}},
            "train.class_weights names 'god', which is no label; did you mean 'good'?",
        ),
    ],
)
def test_a_mistake_leaves_no_run_behind(words: dict[str, Any], message: str, toy_data: Path, tmp_path: Path) -> None:
    with pytest.raises(UsageError) as caught:
        train({**TOY_SETTINGS, **toy_words(toy_data), **words, "run": str(tmp_path / "run")})
    assert message in str(caught.value)
    assert not (tmp_path / "run").exists()


# Several labels a row, and pairs, to the end


@pytest.fixture(scope="module")
def several(tmp_path_factory: pytest.TempPathFactory, cache: Path) -> Path:
    """A run of rows with none, one or both of two labels, and one label that is rare."""
    folder = tmp_path_factory.mktemp("several")
    lines = ["text,labels"]
    for row in range(120):
        labels = [label for label, there in (("low", row % 2), ("high", row % 3 == 0), ("odd", row == 7)) if there]
        lines.append(f"{'a b ' * ('low' in labels)}{'y z ' * ('high' in labels)}. {row},{'|'.join(labels)}")
    (folder / "rows.csv").write_text("\n".join(lines) + "\n", encoding="utf-8")
    words = {"data.train": str(folder / "rows.csv"), "run": str(folder / "run"), "train.steps": 30}
    train({**TOY_SETTINGS, **words})
    return folder / "run"


@pytest.fixture(scope="module")
def pairs(tmp_path_factory: pytest.TempPathFactory, cache: Path) -> Path:
    """A run of pairs of texts."""
    folder = tmp_path_factory.mktemp("pairs")
    lines = ["text,text_b,label", *(f"a {row},{'xy'[row % 2] * 5},{'pq'[row % 2]}" for row in range(80))]
    (folder / "rows.csv").write_text("\n".join(lines) + "\n", encoding="utf-8")
    words = {"data.train": str(folder / "rows.csv"), "run": str(folder / "run"), "train.steps": 20}
    train({**TOY_SETTINGS, **words})
    return folder / "run"


def test_several_labels_through_files(several: Path, tmp_path: Path) -> None:
    texts = ["a b . 1", "y z . 2", "a b y z . 3", ". 4"]
    (tmp_path / "rows.csv").write_text("text\n" + "\n".join(texts) + "\n", encoding="utf-8")
    words = {"run": str(several), "input": str(tmp_path / "rows.csv")}
    predict({**words, "output": str(tmp_path / "a.jsonl")})
    predict({**words, "output": str(tmp_path / "a.csv")})
    rows = [json.loads(line) for line in (tmp_path / "a.jsonl").read_text(encoding="utf-8").splitlines()]
    least = json.loads((several / "labels.json").read_text(encoding="utf-8"))["threshold"]
    assert list(rows[0]) == ["text", "label", "score", "in_scope", "route", "labels", "scores"]
    for row, answer in zip(rows, load(str(several))(texts), strict=True):
        assert row["labels"] == answer["labels"]
        assert row["label"] == answer["label"]
        assert row["scores"] == pytest.approx(answer["scores"], abs=1e-6)
        assert set(answer["scores"]) == {"low", "high", "odd"}
        assert answer["labels"] == [label for label, score in answer["scores"].items() if score >= least]
        assert list(answer["scores"].values()) == sorted(answer["scores"].values(), reverse=True)
    with open(tmp_path / "a.csv", encoding="utf-8", newline="") as file:
        delimited = list(csv.DictReader(file))
    assert [row["labels"] for row in delimited] == ["|".join(row["labels"]) for row in rows]
    assert json.loads(delimited[0]["scores"]) == pytest.approx(rows[0]["scores"])


def test_several_labels_are_judged_again(several: Path, tmp_path: Path) -> None:
    first = json.loads((several / "report.json").read_text(encoding="utf-8"))
    made = evaluate({"run": str(several)})
    assert made.report["splits"]["test"] == first["splits"]["test"]
    assert made.report["rows"]["read"] == made.report["rows"]["test"] == first["splits"]["test"]["rows"]
    (tmp_path / "other.jsonl").write_text('{"words": "a b", "tags": ["low"]}\n{"words": "c", "tags": []}\n')
    words = {"data.test": str(tmp_path / "other.jsonl"), "data.text": "words", "data.labels": "tags"}
    assert evaluate({"run": str(several), **words}).report["splits"]["test"]["rows"] == 2


def test_pairs_through_files(pairs: Path, tmp_path: Path) -> None:
    (tmp_path / "rows.csv").write_text("text_b,n,text\nxxxxx,1,a 1\nyyyyy,2,a 2\n", encoding="utf-8")
    words = {"run": str(pairs), "input": str(tmp_path / "rows.csv"), "output": str(tmp_path / "a.jsonl")}
    predict(words)
    rows = [json.loads(line) for line in (tmp_path / "a.jsonl").read_text(encoding="utf-8").splitlines()]
    answers = load(str(pairs))(["a 1", "a 2"], ["xxxxx", "yyyyy"])
    assert [row["label"] for row in rows] == [answer["label"] for answer in answers]
    assert [row["score"] for row in rows] == pytest.approx([answer["score"] for answer in answers], abs=1e-6)
    assert not np.isclose(answers[0]["scores"]["p"], answers[1]["scores"]["p"], atol=1e-4)


def test_a_second_text_that_is_missing(pairs: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "rows.csv").write_text("text,txt_b\na,b\n", encoding="utf-8")
    words = [f"run={pairs}", f"input={tmp_path / 'rows.csv'}", f"output={tmp_path / 'a.csv'}"]
    assert main("predict", words) == 2
    assert main("predict", [*words, "data.text_b=null"]) == 2
    place = tmp_path / "rows.csv"
    assert capsys.readouterr().err.splitlines() == [
        f"tfclassify predict: data.text_b: column 'text_b' is not in {place}; columns are: text, txt_b; "
        "did you mean 'txt_b'?",
        f"tfclassify predict: {place} has no second text; the run answers pairs: set data.text_b",
    ]
    answers = load(str(pairs))
    for given, message in (
        ((["a"],), "the run answers pairs; give two lists"),
        ((["a"], ["b", "c"]), "1 texts and 2 second texts are given; expected as many"),
        ((["a"], "b"), "a single text is given; expected a list of texts"),
    ):
        with pytest.raises(UsageError) as caught:
            answers(*given)
        assert str(caught.value) == message
