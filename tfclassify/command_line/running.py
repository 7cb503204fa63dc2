"""From the words of a command line to an exit status."""

from __future__ import annotations

import json
import os
import sys
import tempfile
from collections.abc import Sequence
from importlib import import_module, metadata
from typing import Any

from tfclassify.command_line.helping import help_on, help_on_all
from tfclassify.command_line.terminal import terminal_display
from tfclassify.command_line.verbs import VERBS, Verb
from tfclassify.errors import UsageError, nearest
from tfclassify.settings import read

DONE, FAILED, WRONG = 0, 1, 2
HELP = ("--help", "-h", "help")
JSON, PIPE, VERSION = "--json", "-", "--version"
# Packages that only some verbs need, by the extra that installs them.
EXTRAS = dict.fromkeys(("uvicorn", "httptools", "uvloop", "grpc_health", "prometheus_client", "jwt"), "serve")


def main(name: str | None = None, words: Sequence[str] | None = None) -> int:
    """Runs a verb.

    Args:
        name: of the verb; by default the first word.
        words: by default those that the process was started with.

    Returns:
        The exit status: 0 done, 2 what was asked is wrong, 75 stopped on request, 1 anything else.
    """
    given = list(sys.argv[1:] if words is None else words)
    try:
        status = _main(name, given)
        sys.stdout.flush()
        return status
    except BrokenPipeError:
        # Whoever read the results has enough of them; the interpreter must not try to write the rest at its end.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return FAILED


def _main(name: str | None, words: list[str]) -> int:
    if name is None and words == [VERSION]:
        print(f"tfclassify {metadata.version('tfclassify')}")
        return DONE
    if name is None:
        name = next((word for word in words if word not in HELP), None)
        if name is None:
            print(help_on_all())
            return DONE
        words.remove(name)
    if name not in VERBS:
        return _refuse("tfclassify", f"no verb '{name}'; expected one of {', '.join(VERBS)}{nearest(name, VERBS)}")
    if any(word in HELP for word in words):
        print(help_on(name, VERBS[name]))
        return DONE
    return _run(name, VERBS[name], [word for word in words if word != JSON], as_json=JSON in words)


def _run(name: str, verb: Verb, words: Sequence[str], *, as_json: bool) -> int:
    try:
        request = read(words, verb.request)
        if as_json and getattr(request, "output", None) == PIPE:
            raise UsageError(f"{JSON} and output={PIPE} both write to standard output; give output=FILE")
        if verb.tensorflow:
            _load_tensorflow()
        _import_from_here()
        with terminal_display() as display:
            result = _function(verb.function)(request, display=display)
        shown = _function(verb.show)(result)
    except UsageError as error:
        return _refuse(f"tfclassify {name}", str(error))
    except KeyboardInterrupt:
        print(f"tfclassify {name}: interrupted", file=sys.stderr)
        return FAILED
    text = json.dumps(shown.values, ensure_ascii=False, default=str) if as_json else shown.text
    if text:
        print(text)
    return shown.status


def _import_from_here() -> None:
    """Lets functions of one's own be imported from where one is, as ``python -m`` does and a script does not."""
    if os.getcwd() not in sys.path:
        sys.path.append(os.getcwd())


def _function(place: str) -> Any:
    module, _, name = place.partition(":")
    try:
        return getattr(import_module(module), name)
    except ModuleNotFoundError as error:
        package = str(error.name).partition(".")[0]
        if package not in EXTRAS:
            raise
        extra = EXTRAS[package]
        raise UsageError(f"{package} is not installed; it comes with: pip install 'tfclassify[{extra}]'") from error


def _refuse(who: str, message: str) -> int:
    print(f"{who}: {' '.join(message.splitlines())}", file=sys.stderr)
    return WRONG


def _load_tensorflow() -> None:
    """Imports TensorFlow without its start-up messages, unless somebody has set how much it shall say.

    Its libraries write to the file descriptor before their log levels hold; what they wrote is shown if they fail.
    """
    # The network is one of Keras 2; without this TensorFlow imports Keras 3 as well, which takes seconds.
    os.environ.setdefault("TF_USE_LEGACY_KERAS", "1")
    # What transformers says of its own future is nothing that a user of this package can act on.
    os.environ.setdefault("TRANSFORMERS_VERBOSITY", "error")
    if "TF_CPP_MIN_LOG_LEVEL" in os.environ:
        return
    os.environ["TF_CPP_MIN_LOG_LEVEL"] = "3"
    sys.stderr.flush()
    kept = os.dup(2)
    with tempfile.TemporaryFile() as aside:
        os.dup2(aside.fileno(), 2)
        try:
            import_module("tensorflow")
            import_module("tensorflow_text")
        except ImportError:
            aside.seek(0)
            os.write(kept, aside.read())
            raise
        finally:
            os.dup2(kept, 2)
            os.close(kept)
