"""``train``: what a run holds, and that its figures are those of what it holds."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from toy import TOY_SETTINGS, toy_words

import tfclassify.train as train_module
from tfclassify import load
from tfclassify.errors import UsageError
from tfclassify.runs import Run, state_of
from tfclassify.settings import AUTO, Settings, read
from tfclassify.train import train


def test_a_run_holds_what_the_design_says(toy_run: Path) -> None:
    files = {str(path.relative_to(toy_run)) for path in toy_run.rglob("*") if path.is_file()}
    assert files == {
        "plan.yaml",
        "reasons.md",
        "manifest.json",
        "labels.json",
        "metrics.jsonl",
        "report.json",
        "report.html",
        "card.md",
        "weights/best/model.safetensors",
        "huggingface/config.json",
        "huggingface/vocab.txt",
        "huggingface/tokenizer_config.json",
        "huggingface/model.safetensors",
    }
    assert state_of(Run(toy_run)) == "finished"


def test_nothing_in_the_plan_is_left_to_planning(toy_run: Path) -> None:
    assert AUTO not in str(read([str(toy_run / "plan.yaml")], Settings).model_dump())


def test_it_learns(toy_run: Path) -> None:
    report = json.loads((toy_run / "report.json").read_text(encoding="utf-8"))
    assert report["task"] == {"kind": "binary", "labels": ["bad", "good"]}
    assert report["splits"]["test"]["accuracy"] > 0.9
    assert report["splits"]["validation"]["rows"] == 40


def test_every_row_is_accounted_for(toy_run: Path) -> None:
    rows = json.loads((toy_run / "report.json").read_text(encoding="utf-8"))["rows"]
    assert rows["read"] == 340
    assert rows["trained"] == 240
    assert rows["read"] == rows["trained"] + rows["validation"] + rows["test"] + sum(rows["dropped"].values())


def test_the_report_has_plan_and_speed(toy_run: Path) -> None:
    report = json.loads((toy_run / "report.json").read_text(encoding="utf-8"))
    predicted, actual = report["plan"]["predicted"], report["plan"]["actual"]
    assert predicted.keys() == actual.keys() == {"seconds_per_epoch", "peak_memory_bytes", "padding_share"}
    assert predicted["padding_share"] == pytest.approx(actual["padding_share"], abs=1e-9)
    assert actual["peak_memory_bytes"] > 100e6
    speed = report["speed"]
    assert speed["train_examples_per_second"] == pytest.approx(240 / actual["seconds_per_epoch"])
    assert speed["train_tokens_per_second"] > speed["train_examples_per_second"]
    assert speed["time_to_first_step_seconds"] > 0


def test_the_plan_repeats_the_run_and_one_seed_gives_the_same_weights(toy_run: Path, tmp_path: Path) -> None:
    for name, seed in (("same", 0), ("other", 1)):
        train(read([str(toy_run / "plan.yaml"), f"run={tmp_path / name}", f"seed={seed}"], Settings))
    files = [folder / "weights/best/model.safetensors" for folder in (toy_run, tmp_path / "same", tmp_path / "other")]
    weights = [file.read_bytes() for file in files]
    assert weights[0] == weights[1]
    assert weights[0] != weights[2]


def test_a_run_is_not_overwritten(toy_run: Path, toy_data: Path) -> None:
    with pytest.raises(UsageError) as caught:
        train({**TOY_SETTINGS, **toy_words(toy_data), "run": str(toy_run), "seed": 3})
    assert str(caught.value) == (
        f"run={toy_run} holds a finished run with seed=0, and seed=3 is asked for; "
        "leave seed out, or train anew in another run=DIR"
    )


def test_what_was_refused_leaves_the_name_free(toy_data: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    asked = {**TOY_SETTINGS, **toy_words(toy_data), "run": str(tmp_path / "run"), "train.steps": 1}
    with monkeypatch.context() as patched:
        patched.setattr(train_module, "learn", refuse)
        with pytest.raises(UsageError, match=r"^not so$"):
            train(asked)
    assert state_of(train(asked)) == "finished"


def refuse(*_: object, **__: object) -> None:
    raise UsageError("not so")


def test_who_interrupts_the_report_has_a_run_that_answers(
    toy_data: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def interrupt(*_: object, **__: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(train_module, "judge_splits", interrupt)
    run = train({**TOY_SETTINGS, **toy_words(toy_data), "run": str(tmp_path / "run"), "train.steps": 1})
    assert state_of(run) == "stopped"
    assert set(load(str(run.folder))(["a"])[0]["scores"]) == {"bad", "good"}


def test_the_manifest_says_which_weights_it_began_with(toy_run: Path) -> None:
    model = json.loads((toy_run / "manifest.json").read_text(encoding="utf-8"))["model"]
    assert model.keys() == {"source", "sha256"}


def test_steps_end_a_training(toy_data: Path, tmp_path: Path) -> None:
    run = train({**TOY_SETTINGS, **toy_words(toy_data), "run": str(tmp_path / "short"), "train.steps": 7})
    history = [json.loads(line) for line in run.history.read_text(encoding="utf-8").splitlines()]
    assert len(history) == 1
    # The rate falls over the steps that are made, not over those of all epochs.
    assert history[0]["learning_rate"] == pytest.approx(3e-3 / 6)
    assert state_of(run) == "finished"


def test_several_labels_a_row(tmp_path: Path) -> None:
    lines = ["text,labels"]
    for row in range(160):
        labels = [label for place, label in enumerate(("a", "b", "c")) if row >> place & 1]
        lines.append(f"{' '.join(labels * 3)} . {row},{'|'.join(labels)}")
    (tmp_path / "rows.csv").write_text("\n".join(lines), encoding="utf-8")
    words = {"data.train": str(tmp_path / "rows.csv"), "run": str(tmp_path / "run"), "train.epochs": 60}
    report = json.loads(train({**TOY_SETTINGS, **words}).report.read_text(encoding="utf-8"))
    assert report["task"] == {"kind": "multilabel", "labels": ["a", "b", "c"]}
    assert report["splits"]["test"]["micro_f1"] > 0.8
    assert report["rows"]["trained"] == 128


def test_pairs_out_of_scope_rows_and_weights(tmp_path: Path) -> None:
    lines = ["text,text_b,label,weight"]
    for row in range(200):
        first, second = "ab"[row % 2], "ab"[row // 2 % 2]
        label = "none" if row % 10 == 9 else "same" if first == second else "other"
        lines.append(f"{first} {row},{second},{label},{1 + row % 3}")
    (tmp_path / "rows.csv").write_text("\n".join(lines), encoding="utf-8")
    words = {"data.train": str(tmp_path / "rows.csv"), "data.weight": "weight", "data.out_of_scope_label": "none"}
    run = train({**TOY_SETTINGS, **words, "run": str(tmp_path / "run")})
    report = json.loads(run.report.read_text(encoding="utf-8"))
    assert report["task"]["labels"] == ["other", "same"]
    assert set(report["splits"]["test"]["scope"]) == {"auroc", "fpr_at_95_tpr"}
    rows = report["rows"]
    assert rows["dropped"]["out_of_scope"] == 0
    assert rows["read"] == rows["trained"] + rows["validation"] + rows["test"] + sum(rows["dropped"].values())


def test_a_label_that_only_the_test_rows_have(toy_data: Path, tmp_path: Path) -> None:
    (tmp_path / "test.csv").write_text("text,label\na,goood\n", encoding="utf-8")
    words = {**toy_words(toy_data), "data.test": str(tmp_path / "test.csv")}
    with pytest.raises(UsageError) as caught:
        train({**TOY_SETTINGS, **words, "run": str(tmp_path / "run")})
    assert str(caught.value) == (
        "data.test has 1 row whose label no training row has: 'goood'; correct them, or set data.unknown_labels=drop"
        "; did you mean 'good'?"
    )


def test_the_best_epoch_is_kept(toy_run: Path) -> None:
    history = [json.loads(line) for line in (toy_run / "metrics.jsonl").read_text(encoding="utf-8").splitlines()]
    best = max(entry["validation_accuracy"] for entry in history)
    report = json.loads((toy_run / "report.json").read_text(encoding="utf-8"))
    assert report["splits"]["validation"]["accuracy"] == pytest.approx(best)
    assert [entry["epoch"] for entry in history] == list(range(1, len(history) + 1))
    assert np.diff([entry["seconds"] for entry in history]).min() > 0
