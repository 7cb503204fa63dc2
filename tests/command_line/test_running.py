"""From words to an exit status: what goes to standard output, what to standard error, and in how many lines."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from importlib import metadata
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
from pydantic import BaseModel, ConfigDict

from tfclassify.command_line import VERBS, main, running
from tfclassify.command_line.helping import help_on, help_on_all
from tfclassify.command_line.showing import Shown
from tfclassify.command_line.verbs import Verb
from tfclassify.display import Display
from tfclassify.errors import UsageError

ROOT = Path(__file__).parents[2]
ALL = "plan, train, evaluate, predict, export, inspect, doctor, serve"


class Request(BaseModel):
    """A request."""

    model_config = ConfigDict(extra="forbid")

    size: int = 1
    output: str = "-"


@dataclass
class Draw:
    """What the verb ``draw`` does in a test, and how its result is shown."""

    function: Callable[[Request, Display], Any] = lambda request, display: request.size
    shown: Shown | None = None


@pytest.fixture
def draw(monkeypatch: pytest.MonkeyPatch) -> Draw:
    """A verb ``draw`` of one key, in a module that is there only for the test."""
    wanted, module = Draw(), ModuleType("drawing")
    module.draw = lambda request, *, display: wanted.function(request, display)  # type: ignore[attr-defined]
    module.show = lambda result: wanted.shown or Shown(f"size {result}", {"size": result})  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, "drawing", module)
    monkeypatch.setitem(VERBS, "draw", Verb(Request, "drawing:draw", "draw", "size=2", "drawing:show"))
    return wanted


def raising(error: BaseException) -> Callable[[Request, Display], Any]:
    def function(request: Request, display: Display) -> Any:
        raise error

    return function


# What is shown, and where


def test_a_result_is_all_there_is_on_standard_output(draw: Draw, capsys: pytest.CaptureFixture[str]) -> None:
    def function(request: Request, display: Display) -> int:
        display.start("drawing", 2)
        display.advance(1, "half")
        display.say("nearly there")
        return request.size

    draw.function = function
    assert main("draw", ["size=3"]) == 0
    assert capsys.readouterr() == ("size 3\n", "nearly there\n")


def test_json_is_one_object(draw: Draw, capsys: pytest.CaptureFixture[str]) -> None:
    draw.shown = Shown("for people", {"path": Path("a"), "text": "é", "none": None})
    assert main("draw", ["--json", "output=x"]) == 0
    out, err = capsys.readouterr()
    assert out == '{"path": "a", "text": "é", "none": null}\n'
    assert err == ""


def test_a_result_without_a_text_prints_nothing(draw: Draw, capsys: pytest.CaptureFixture[str]) -> None:
    draw.shown = Shown("", {})
    assert main("draw", []) == 0
    assert capsys.readouterr() == ("", "")


def test_the_status_is_that_of_what_is_shown(draw: Draw, capsys: pytest.CaptureFixture[str]) -> None:
    draw.shown = Shown("stopped", {}, 75)
    assert main("draw", []) == 75
    assert capsys.readouterr().out == "stopped\n"


def test_the_words_are_those_of_the_process(
    draw: Draw, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sys, "argv", ["tfclassify", "draw", "size=4"])
    assert main() == 0
    assert capsys.readouterr().out == "size 4\n"


@pytest.mark.parametrize("words", [[], ["help"], ["--help"], ["-h"]])
def test_help_on_everything(words: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    assert main(None, words) == 0
    assert capsys.readouterr() == (help_on_all() + "\n", "")


def test_the_version(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(words=["--version"]) == 0
    assert capsys.readouterr() == (f"tfclassify {metadata.version('tfclassify')}\n", "")


@pytest.mark.parametrize("words", [["plan", "--help"], ["help", "plan"], ["plan", "data.train=x", "-h"]])
def test_help_on_a_verb(words: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    assert main(None, words) == 0
    assert capsys.readouterr() == (help_on("plan", VERBS["plan"]) + "\n", "")


# What is refused


def refused(words: list[str], capsys: pytest.CaptureFixture[str], name: str | None = None) -> str:
    assert main(name, words) == 2
    out, err = capsys.readouterr()
    assert out == ""
    assert err.endswith("\n")
    assert err.count("\n") == 1
    return err.removesuffix("\n")


def test_a_misspelt_verb(capsys: pytest.CaptureFixture[str]) -> None:
    assert refused(["trian", "data.train=a.csv"], capsys) == (
        f"tfclassify: no verb 'trian'; expected one of {ALL}; did you mean 'train'?"
    )
    assert refused(["xyz"], capsys) == f"tfclassify: no verb 'xyz'; expected one of {ALL}"


def test_a_misspelt_key(capsys: pytest.CaptureFixture[str]) -> None:
    assert refused(["evaluate", "run=a", "ouptut=b"], capsys) == (
        "tfclassify evaluate: no field 'ouptut' in the settings; did you mean 'output'? (fields: run, output, data)"
    )
    assert refused(["train", "text.max_lenght=9"], capsys) == (
        "tfclassify train: no field 'max_lenght' in text; did you mean 'max_length'? (fields: max_length, windows, "
        "window_stride, keep, head_share, pool, chosen_share, lower_case, maps)"
    )


def test_a_misspelt_section(capsys: pytest.CaptureFixture[str]) -> None:
    assert refused(["train", "dta.train=a.csv"], capsys) == (
        "tfclassify train: no field 'dta' in the settings; did you mean 'data'? (fields: run, name, seed, "
        "deterministic, goal, track, data, text, model, train, answer, deploy)"
    )


def test_a_broken_value(capsys: pytest.CaptureFixture[str]) -> None:
    assert refused(["train.epochs=many"], capsys, "train") == (
        "tfclassify train: train.epochs is 'many'; expected 'auto' or a whole number"
    )


def test_a_settings_file_that_is_not_there(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "reviews.yaml").write_text("seed: 1\n", encoding="utf-8")
    assert refused(["train", "review.yaml"], capsys) == (
        "tfclassify train: settings file 'review.yaml' does not exist; did you mean 'reviews.yaml'?"
    )


def test_a_word_that_is_no_setting(capsys: pytest.CaptureFixture[str]) -> None:
    assert refused(["train", "reviews.csv"], capsys) == (
        "tfclassify train: 'reviews.csv' is neither a settings file (.yaml) nor an override (section.key=value, such "
        "as data.train=FILE)"
    )


def test_json_and_answers_on_one_pipe(draw: Draw, capsys: pytest.CaptureFixture[str]) -> None:
    message = "tfclassify {}: --json and output=- both write to standard output; give output=FILE"
    assert refused(["draw", "--json"], capsys) == message.format("draw")
    assert refused(["predict", "run=a", "input=b", "--json"], capsys) == message.format("predict")


def test_a_message_stays_as_it_is_but_for_its_lines(draw: Draw, capsys: pytest.CaptureFixture[str]) -> None:
    draw.function = raising(UsageError("'a  b\n.csv' is not there"))
    assert refused(["draw"], capsys) == "tfclassify draw: 'a  b\\n.csv' is not there"


def test_an_interrupt_is_one_line_too(draw: Draw, capsys: pytest.CaptureFixture[str]) -> None:
    draw.function = raising(KeyboardInterrupt())
    assert main("draw", []) == 1
    assert capsys.readouterr() == ("", "tfclassify draw: interrupted\n")


def test_what_is_nobodys_mistake_is_not_swallowed(draw: Draw) -> None:
    draw.function = raising(ZeroDivisionError("a bug"))
    with pytest.raises(ZeroDivisionError, match="a bug"):
        main("draw", [])


# Pipes that end


def test_whoever_has_read_enough_ends_it_quietly(draw: Draw, monkeypatch: pytest.MonkeyPatch) -> None:
    draw.shown = Shown("x" * 100_000, {})
    reading, writing = os.pipe()
    os.close(reading)
    with open(writing, "w", encoding="utf-8") as stdout:
        monkeypatch.setattr(sys, "stdout", stdout)
        assert main("draw", []) == 1
        # It leads nowhere now, so that the interpreter can flush it at its end.
        stdout.write("more")
        stdout.flush()


# TensorFlow's own words


@pytest.fixture
def loud(monkeypatch: pytest.MonkeyPatch) -> Iterator[list[str]]:
    """Imports that write to the file descriptor of standard error, as TensorFlow's libraries do, and may fail."""
    names: list[str] = []

    def load(name: str) -> None:
        names.append(name)
        os.write(2, f"chatter of {name}\n".encode())
        if name == "tensorflow_text":
            raise ImportError("no such symbol")

    monkeypatch.setattr(running, "import_module", load)
    monkeypatch.delenv("TF_CPP_MIN_LOG_LEVEL")
    yield names
    os.environ.pop("TF_CPP_MIN_LOG_LEVEL", None)


def test_messages_of_a_library_that_fails_are_shown(loud: list[str], capfd: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(ImportError, match="no such symbol"):
        running._load_tensorflow()
    assert capfd.readouterr().err == "chatter of tensorflow\nchatter of tensorflow_text\n"
    assert loud == ["tensorflow", "tensorflow_text"]


def test_messages_of_libraries_are_kept_back(
    loud: list[str], capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(running, "import_module", lambda name: os.write(2, b"chatter"))
    running._load_tensorflow()
    os.write(2, b"afterwards")
    assert capfd.readouterr().err == "afterwards"
    assert os.environ["TF_CPP_MIN_LOG_LEVEL"] == "3"


def test_who_sets_how_much_it_says_hears_it(loud: list[str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TF_CPP_MIN_LOG_LEVEL", "0")
    monkeypatch.delenv("TF_USE_LEGACY_KERAS")
    running._load_tensorflow()
    assert loud == []
    # Else TensorFlow imports a Keras that nothing here uses.
    assert os.environ["TF_USE_LEGACY_KERAS"] == "1"


# In the shell


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (
            ["tfclassify", "tarin", "data.train=a.csv"],
            f"tfclassify: no verb 'tarin'; expected one of {ALL}; did you mean 'train'?",
        ),
        (
            ["tfclassify.train", "modle.name=minilm"],
            "tfclassify train: no field 'modle' in the settings; did you mean 'model'? (fields: run, name, seed, "
            "deterministic, goal, track, data, text, model, train, answer, deploy)",
        ),
    ],
)
def test_a_mistake_in_the_shell(words: list[str], message: str) -> None:
    done = subprocess.run([sys.executable, "-m", *words], capture_output=True, text=True, cwd=ROOT, check=False)
    assert (done.returncode, done.stdout, done.stderr) == (2, "", message + "\n")


def test_the_script_that_is_installed() -> None:
    script = Path(sys.executable).with_name("tfclassify")
    done = subprocess.run([script, "help", "predict"], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout, done.stderr) == (0, help_on("predict", VERBS["predict"]) + "\n", "")
