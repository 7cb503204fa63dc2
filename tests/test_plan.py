"""``plan``: says all that would be done, and does none of it."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from toy import TOY_SETTINGS, toy_words

from tfclassify.command_line import main
from tfclassify.display import Display
from tfclassify.errors import UsageError
from tfclassify.learning import probes
from tfclassify.learning.learning_rates import RateCheck
from tfclassify.plan import plan
from tfclassify.planning.facts import Decision
from tfclassify.planning.planner import Plan, plan_yaml
from tfclassify.settings import AUTO, Settings, keys, read

TINY = {"model.name": "random-tiny"}


def message(words: dict[str, Any]) -> str:
    with pytest.raises(UsageError) as caught:
        plan({**TINY, **words})
    return str(caught.value)


@pytest.fixture
def rows(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A file of six rows in the folder that the test is in."""
    monkeypatch.chdir(tmp_path)
    lines = ["text,label", *(f"a text of row {row},{'good' if row % 2 else 'bad'}" for row in range(6))]
    (tmp_path / "reviews.csv").write_text("\n".join(lines), encoding="utf-8")
    return tmp_path


def test_nothing_is_left_to_planning_and_nothing_is_trained(toy_data: Path, tmp_path: Path) -> None:
    made = plan({**TINY, **toy_words(toy_data), "run": str(tmp_path / "run")})
    assert AUTO not in str(made.settings.model_dump())
    assert made.settings.model.task == "binary"
    assert made.settings.data.label == "label"
    assert made.costs.seconds_per_epoch > 0
    assert list(tmp_path.iterdir()) == []


def test_every_planned_key_has_a_reason(toy_data: Path) -> None:
    made = plan({**TINY, **toy_words(toy_data)})
    planned = {key for key in keys(Settings) if AUTO in str(_default(key))}
    assert planned <= set(made.decisions)
    assert all(decision.reason for decision in made.decisions.values())
    assert made.decisions["model.name"].reason == "as asked"


def _default(key: str) -> Any:
    value: Any = Settings()
    for part in key.split("."):
        value = getattr(value, part)
    return value


def test_what_is_asked_stays(toy_data: Path) -> None:
    made = plan({**TOY_SETTINGS, **toy_words(toy_data), "train": {"weight_decay": 0.5}})
    assert made.settings.train.epochs == 6
    assert made.settings.train.weight_decay == 0.5


def test_the_same_question_has_the_same_answer(toy_data: Path) -> None:
    first, again = (plan({**TINY, **toy_words(toy_data)}) for _ in range(2))
    assert first == again


def test_the_sample_is_taken_where_no_data_are_named() -> None:
    made = plan(TINY)
    assert made.settings.data.train == "sample:support"
    assert made.settings.data.out_of_scope_label == "out_of_scope"
    assert made.settings.name == "support"
    assert made.decisions["data.train"].reason == "no data were named, and this sample comes with the package"
    assert made.decisions["data.test"] == Decision("sample:support:test", "published with the sample")


def test_rows_out_of_scope_of_the_sample_may_be_a_class() -> None:
    made = plan({**TINY, "data.out_of_scope_label": None})
    assert made.settings.data.out_of_scope_label is None


def test_what_learning_would_refuse_is_refused() -> None:
    assert message({"train.class_weights": {"nolabel": 2}}).startswith("train.class_weights")
    assert message({"train.objectives": ["cross"]}).startswith("no objective 'cross'")
    assert message({"text.maps": ["strip"]}).startswith("no map 'strip'; known: mask_personal_data, squeeze_spaces, ")
    assert message({"train.metric": "acuracy"}) == (
        "no metric 'acuracy'; known: accuracy, log_loss, macro_f1, mcc, micro_f1; your own is given as "
        "package.module:function; did you mean 'accuracy'?"
    )


def test_no_sample_where_other_rows_are_named(rows: Path) -> None:
    expected = "data.train is missing; give a file, a folder, tfds:NAME or sample:NAME"
    assert message({"data.test": "reviews.csv"}) == expected
    assert message({"data.validation": "reviews.csv"}) == expected


def test_a_classifier_is_named_after_its_data(rows: Path) -> None:
    assert plan({**TINY, "data.train": "reviews.csv"}).settings.name == "reviews"
    assert plan({**TINY, "data.train": "reviews.csv", "name": "mine"}).settings.name == "mine"


def test_progress_is_told(rows: Path) -> None:
    started: list[str] = []
    # What has been read once is not read again.
    (rows / "reviews.csv").write_text("text,label\nnever seen before,a\nnor this,b\nnor that,b\n", encoding="utf-8")
    plan({**TINY, "data.train": "reviews.csv"}, display=Display(start=lambda title, total: started.append(title)))
    assert started == ["reading reviews.csv"]


# What is shown


def test_what_is_printed_is_a_settings_file_that_gives_the_same_plan(
    rows: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    words = ["data.train=reviews.csv", "model.name=random-tiny", "train.class_weights={good: 2.0}"]
    assert main("plan", words) == 0
    out, err = capsys.readouterr()
    # What was done to the rows is told, and is no part of the settings.
    assert err.startswith("validation: 1 row cut out of the training rows")
    (rows / "plan.yaml").write_text(out.partition("# Why this plan")[0], encoding="utf-8")
    assert read(["plan.yaml"], Settings) == plan(read(words, Settings)).settings
    assert main("plan", ["plan.yaml"]) == 0
    assert "\n  epochs: " in capsys.readouterr().out


def test_json_has_settings_reasons_and_costs(rows: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main("plan", ["data.train=reviews.csv", "model.name=random-tiny", "--json"]) == 0
    out, _ = capsys.readouterr()
    assert out.count("\n") == 1
    values = json.loads(out)
    assert values["settings"]["data"]["text"] == "text"
    expected = {"value": "text", "reason": "the column 'text' is there", "source": "", "changes": ""}
    assert values["decisions"]["data.text"] == expected
    assert values["decisions"]["train.clip_norm"]["source"] == "Devlin et al., BERT (2019)"
    assert set(values["costs"]) == {"seconds_per_epoch", "peak_memory_bytes", "padding_share"}


def test_planning_does_not_wait_for_the_library_of_networks(rows: Path) -> None:
    code = (
        "import sys; from tfclassify.plan import plan; "
        "plan({'data.train': 'reviews.csv', 'model.name': 'random-tiny'}); print('transformers' in sys.modules)"
    )
    told = {**os.environ, "PYTHONPATH": str(Path(__file__).parents[1])}
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, env=told)
    assert done.stdout == "False\n"


def test_what_else_could_be_trained_is_shown_as_text_as_json_and_as_a_picture(
    rows: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    words = ["data.train=reviews.csv", "model.name=random-tiny"]
    assert main("plan", words) == 0
    out, _ = capsys.readouterr()
    assert "\n| → | random-tiny | 32 | 16 | " in out
    assert "\n| 512 | " in out
    assert not list(rows.glob("drawn*"))
    assert main("plan", [*words, "output=drawn", "--json"]) == 0
    out, err = capsys.readouterr()
    assert sum(each["chosen"] for each in json.loads(out)["alternatives"]) == 1
    assert err.endswith("page: drawn/plan.html\n")
    assert "<svg" in (rows / "drawn" / "plan.html").read_text(encoding="utf-8")


def test_a_page_that_cannot_be_written(rows: Path) -> None:
    (rows / "drawn").write_text("", encoding="utf-8")
    assert message({**TINY, "data.train": "reviews.csv", "output": "drawn"}).startswith(
        "output=drawn cannot be written: "
    )


def test_a_probe_is_part_of_the_reason_of_the_model(toy_data: Path) -> None:
    made = plan({**TINY, **toy_words(toy_data), "train.probe": 0.99, "train.epochs": 20})
    assert made.decisions["model.name"].reason.startswith("as asked; a probe of ")


@pytest.mark.parametrize("asked", [None, 3e-4])
def test_a_rate_that_diverges_is_planned_lower_unless_it_was_asked_for(
    rows: Path, monkeypatch: pytest.MonkeyPatch, asked: float | None
) -> None:
    def diverging(plan: Plan, *_: Any, **__: Any) -> RateCheck:
        return RateCheck(plan.settings.train.learning_rate, 9, 0.7, {1.0: 7.0, 1 / 3: 0.5, 3.0: None}, 1.0)

    monkeypatch.setattr(probes, "check_rates", diverging)
    told = {**TINY, "data.train": "reviews.csv", **({} if asked is None else {"train.learning_rate": asked})}
    before, made = plan(told), plan({**told, "train.probe": 0.5})
    planned, decision = before.settings.train.learning_rate, made.decisions["train.learning_rate"]
    expected = float(f"{planned / 3:.2g}") if asked is None else asked
    assert made.settings.train.learning_rate == decision.value == expected
    # That of added layers goes by it.
    assert made.settings.train.added_learning_rate == expected
    assert decision.reason.startswith(f"{before.decisions['train.learning_rate'].reason}; 9 steps each in 1.0 s: ")
    assert decision.reason.endswith(f"{planned:.2g} diverges" + (f", so {expected:g} is planned" if not asked else ""))
    assert made.decisions["train.epochs"] == before.decisions["train.epochs"]


def test_a_probe_that_tells_nothing_says_so(rows: Path) -> None:
    made = plan({**TINY, "data.train": "reviews.csv", "train.probe": 0.5})
    assert made.decisions["model.name"].reason.startswith("as asked; no probe: ")
    assert "probe" not in plan({**TINY, "data.train": "reviews.csv"}).decisions["model.name"].reason


def test_texts_in_other_letters_take_another_model_or_say_why_not(tmp_path: Path) -> None:
    lines = [f"这是第{row}个句子,{('good', 'bad')[row % 2]}" for row in range(40)]
    (tmp_path / "rows.csv").write_text("\n".join(["text,label", *lines]) + "\n", encoding="utf-8")
    said: list[str] = []
    try:
        made = plan({"data.train": str(tmp_path / "rows.csv")}, display=Display(say=said.append))
    except UsageError:
        pytest.skip("no pre-trained model is on this machine")
    decision = made.decisions["model.name"]
    why = "100% of the texts are in Han letters; the files of bert-base-chinese are nowhere to be had; "
    assert decision.reason.startswith(why)
    assert any(line.startswith(f"model.name=minilm: {why}") for line in said)


# What is refused


def test_a_file_that_is_not_there(rows: Path) -> None:
    expected = "reviws.csv does not exist; expected a file; did you mean 'reviews.csv'?"
    assert message({"data.train": "reviws.csv"}) == expected


def test_a_column_that_is_not_there(rows: Path) -> None:
    assert message({"data.train": "reviews.csv", "data.text": "txt"}) == (
        "data.text: column 'txt' is not in reviews.csv; columns are: text, label; did you mean 'text'?"
    )


def test_a_preset_that_is_not_there(rows: Path) -> None:
    assert message({"data.train": "reviews.csv", "model.name": "minlm"}) == (
        "model.name is 'minlm'; expected a preset (minilm, minilm-l12, bert-tiny, bert-mini, bert-small, bert-medium, "
        "bert-base, bert-base-cased, bert-large, bert-base-chinese, multilingual, random-tiny), a folder that is "
        "there, or owner/model on the hub; did you mean 'minilm'?"
    )


def test_a_label_that_only_test_rows_have(rows: Path) -> None:
    (rows / "test.csv").write_text("text,label\na,goood\nb,god\nc,good\n", encoding="utf-8")
    assert message({"data.train": "reviews.csv", "data.test": "test.csv"}) == (
        "data.test has 2 rows whose labels no training row has: 'goood', 'god'; correct them, or set "
        "data.unknown_labels=drop; did you mean 'good'?"
    )


def test_an_address(rows: Path) -> None:
    expected = "http://example.org/a.csv is an address; expected a local path: download it first"
    assert message({"data.train": "http://example.org/a.csv"}) == expected


def test_a_broken_value_from_python(rows: Path) -> None:
    assert message({"data.train": "reviews.csv", "train.epochs": True}) == (
        "train.epochs is true; expected 'auto' or a number"
    )


def test_a_mistake_in_the_shell_is_one_line(rows: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main("plan", ["data.train=reviews.csv", "model.name=random-tiny", "data.label=lable"]) == 2
    assert capsys.readouterr() == (
        "",
        "tfclassify plan: data.label: column 'lable' is not in reviews.csv; columns are: text, label; "
        "did you mean 'label'?\n",
    )


def test_what_a_check_up_finds_is_quoted_where_it_bears_on_a_decision(tmp_path: Path) -> None:
    lines = [f"text {row % 40},{('good', 'bad')[row % 2]}" for row in range(80)]
    (tmp_path / "rows.csv").write_text("\n".join(["text,label", *lines]) + "\n", encoding="utf-8")
    made = plan({"data.train": str(tmp_path / "rows.csv"), "model.name": "random-tiny"})
    reason = made.decisions["data.duplicates"].reason
    assert reason.startswith("the setting's own; check-up: ")
    assert "train: " in reason
    assert "repeat the text of an earlier row" in reason
    assert made.settings.data.duplicates == "keep"
    assert "  duplicates: keep  # the setting's own; check-up: " in plan_yaml(made)
    assert "check-up" not in made.decisions["model.task"].reason


def test_a_time_limit_that_is_too_short_is_told_aloud(toy_data: Path) -> None:
    said: list[str] = []
    asked = {**TINY, **toy_words(toy_data), "train.time_limit_minutes": 1e-7}
    made = plan(asked, display=Display(say=said.append))
    minutes = (made.costs.seconds_per_epoch + made.judging_seconds) / 60
    (told,) = (line for line in said if line.startswith("train.time_limit_minutes="))
    assert re.sub(r"1 of its \d+ steps", "1 of its STEPS", told) == (
        f"train.time_limit_minutes=1e-07 is too short for one epoch, which is predicted to take {minutes:.2g} minutes "
        "with its judgement: 1 of its STEPS are made, and the rows of the others are not learnt from; "
        "TF-IDF with logistic regression, the baseline of the report, may do as well"
    )
