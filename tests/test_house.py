"""The rules of the house, held by reading the source: what imports what, how long, how deep, and what is not said."""

from __future__ import annotations

import ast
import re
import subprocess
import sys
from collections import Counter
from collections.abc import Iterator
from functools import cache
from importlib.util import find_spec
from pathlib import Path
from statistics import mean

import pytest
from pydantic import BaseModel

from tfclassify.settings import EvaluateRequest, PredictRequest, Settings, keys

ROOT = Path(__file__).parents[1]
PACKAGE = ROOT / "tfclassify"
FILES = sorted(PACKAGE.rglob("*.py"))
LIGHT = ("settings", "planning", "command_line", "runs", "extending", "hardware", "errors", "display")
HEAVY = ("tensorflow", "tf_keras", "keras", "transformers", "sklearn", "pyarrow", "scipy", "matplotlib", "jinja2")
FORBIDDEN_NAMES = {"utils", "util", "helpers", "helper", "common", "core", "base", "manager", "misc"}
SAYING = "command_line"

LONGEST_FILE = 350
LONGEST_BODY = 60
MEAN_BODY = 13
MOST_BODIES = 20

# Fields that are read, but not as ``section.field``: why each of them is here.
READ_OTHERWISE = {
    "data.validation": "data.locations takes the three splits by their names",
}

Function = ast.FunctionDef | ast.AsyncFunctionDef


@cache
def tree_of(path: Path) -> ast.Module:
    return ast.parse(path.read_text(encoding="utf-8"))


def module_of(path: Path) -> str:
    return ".".join(path.relative_to(ROOT).with_suffix("").parts).removesuffix(".__init__")


def room_of(path: Path) -> str:
    return path.relative_to(PACKAGE).with_suffix("").parts[0]


def nodes(*kinds: type[ast.AST]) -> Iterator[tuple[str, ast.AST]]:
    """Gives every node of these kinds with the place where it stands."""
    for path in FILES:
        for node in ast.walk(tree_of(path)):
            if isinstance(node, kinds):
                yield f"{path.relative_to(ROOT)}:{getattr(node, 'lineno', 0)}", node


def bodies() -> dict[str, int]:
    """Returns the lines of every function without its head and its docstring."""
    sizes = {}
    for place, node in nodes(ast.FunctionDef, ast.AsyncFunctionDef):
        assert isinstance(node, Function)
        body = node.body[1:] if ast.get_docstring(node) is not None else node.body
        sizes[f"{place} {node.name}"] = (node.end_lineno or 0) - body[0].lineno + 1 if body else 0
    return sizes


def run_python(code: str) -> str:
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False, cwd=ROOT)
    assert done.returncode == 0, done.stderr
    return done.stdout


# What imports what


def test_imports_go_down_only() -> None:
    code = (
        f"from importlinter.cli import lint_imports; raise SystemExit(lint_imports({str(ROOT / 'pyproject.toml')!r}, "
    )
    code += "no_cache=True, no_logo=True))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False, cwd=ROOT)
    assert done.returncode == 0, done.stdout + done.stderr
    assert ", 0 broken" in done.stdout


def test_one_file_knows_transformers() -> None:
    found = set()
    for place, node in nodes(ast.Import, ast.ImportFrom):
        names = [node.module or ""] if isinstance(node, ast.ImportFrom) else [alias.name for alias in node.names]
        if any(name.split(".")[0] == "transformers" for name in names):
            found.add(place.partition(":")[0])
    assert found == {"tfclassify/model/classifier.py"}


def test_nothing_happens_when_the_light_rooms_are_imported() -> None:
    modules = ["tfclassify", *(module_of(path) for path in FILES if room_of(path) in LIGHT)]
    code = f"""
import logging, os, sys, warnings
import numpy  # has filters of its own
before = (dict(os.environ), list(warnings.filters), list(logging.root.handlers), list(sys.path), os.getcwd())
for name in {modules!r}:
    __import__(name)
    heavy = sorted(set({HEAVY!r}) & set(sys.modules))
    assert not heavy, f"{{name}} imports {{heavy}}"
after = (dict(os.environ), list(warnings.filters), list(logging.root.handlers), list(sys.path), os.getcwd())
assert before == after, [(a, b) for a, b in zip(before, after) if a != b]
"""
    assert run_python(code) == ""


def test_the_face_of_the_package_names_what_it_has_without_loading_it() -> None:
    code = "import sys, tfclassify; print(sorted(tfclassify.__all__), 'tensorflow' in sys.modules)"
    assert run_python(code) == "['TextClassifier', 'load'] False\n"
    with pytest.raises(AttributeError, match="module 'tfclassify' has no attribute 'nothing'"):
        _ = __import__("tfclassify").nothing


# How it is written


def test_only_the_command_line_prints() -> None:
    found = [
        place
        for place, node in nodes(ast.Call)
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id in ("print", "input")
        if Path(place).parts[1] != SAYING
    ]
    assert found == []


def test_no_except_catches_everything() -> None:
    handlers = [(place, node) for place, node in nodes(ast.ExceptHandler) if isinstance(node, ast.ExceptHandler)]
    assert [place for place, node in handlers if node.type is None or ast.unparse(node.type) == "BaseException"] == []


def test_nothing_is_checked_by_assert() -> None:
    assert [place for place, _ in nodes(ast.Assert)] == []


def test_no_import_takes_everything() -> None:
    found = [place for place, node in nodes(ast.ImportFrom) if "*" in [alias.name for alias in node.names]]  # type: ignore[attr-defined]
    assert found == []


def test_no_default_of_an_argument_can_change() -> None:
    found = []
    for place, node in nodes(ast.FunctionDef, ast.AsyncFunctionDef, ast.Lambda):
        assert isinstance(node, Function | ast.Lambda)
        defaults = [*node.args.defaults, *(each for each in node.args.kw_defaults if each is not None)]
        changing = (ast.List, ast.Dict, ast.Set, ast.ListComp, ast.DictComp, ast.SetComp)
        made = [
            each
            for each in defaults
            if isinstance(each, changing)
            or (isinstance(each, ast.Call) and ast.unparse(each.func) in ("list", "dict", "set", "defaultdict"))
        ]
        found += [place] * len(made)
    assert found == []


def test_no_class_of_ours_inherits_from_another() -> None:
    classes = {node.name for _, node in nodes(ast.ClassDef) if isinstance(node, ast.ClassDef)}
    found = [
        f"{place} {node.name}({ast.unparse(base)})"
        for place, node in nodes(ast.ClassDef)
        if isinstance(node, ast.ClassDef)
        for base in node.bases
        if ast.unparse(base).split("[")[0].split(".")[-1] in classes and not is_of_a_library(ast.unparse(base))
    ]
    assert found == []


def is_of_a_library(name: str) -> bool:
    """Says whether a name begins with a module that is not ours: uvicorn.Server is no Server of ours."""
    root, dot, _ = name.partition(".")
    return bool(dot) and root != PACKAGE.name and find_spec(root) is not None


def test_nothing_global_changes() -> None:
    assert [place for place, _ in nodes(ast.Global)] == []


def test_files_are_named_for_the_one_thing_in_them() -> None:
    assert [str(path.relative_to(ROOT)) for path in FILES if path.stem in FORBIDDEN_NAMES] == []
    folders = {path.parent.name for path in FILES}
    assert folders & FORBIDDEN_NAMES == set()


def test_files_are_short() -> None:
    lengths = {str(path.relative_to(ROOT)): len(path.read_text(encoding="utf-8").splitlines()) for path in FILES}
    assert {path: length for path, length in lengths.items() if length > LONGEST_FILE} == {}


def test_functions_are_short() -> None:
    sizes = bodies()
    assert {place: size for place, size in sizes.items() if size > LONGEST_BODY} == {}
    assert mean(sizes.values()) <= MEAN_BODY
    longer = [place for place, size in sizes.items() if size > MOST_BODIES]
    assert len(longer) <= len(sizes) / 10, longer


def test_every_file_of_tests_has_a_name_of_its_own() -> None:
    """They are no packages, so that two modules of one name would be one to Python."""
    names = Counter(path.name for path in (ROOT / "tests").rglob("*.py") if path.name != "conftest.py")
    assert [name for name, number in names.items() if number > 1] == []


def test_every_file_says_what_it_is() -> None:
    assert [str(path.relative_to(ROOT)) for path in FILES if not ast.get_docstring(tree_of(path))] == []


# What is nowhere said


def tracked() -> list[Path]:
    """Returns the files of the repository, or of an unpacked release."""
    if (ROOT / ".git").exists():
        words = ["git", "-C", str(ROOT), "ls-files", "-z"]
        listed = subprocess.run(words, capture_output=True, text=True, check=True).stdout
        return [ROOT / name for name in listed.split("\0") if name and (ROOT / name).is_file()]
    folders = ("tfclassify", "tests", "configs", "benchmarks")
    return [path for folder in folders for path in (ROOT / folder).rglob("*") if path.is_file()]


def test_no_file_names_a_place_of_one_machine_or_a_host_of_packages() -> None:
    # Written in parts, so that this file does not name them either.
    folders = "|".join(("work", "root", "home", "tmp", "Users"))
    hosts = "|".join(
        ("pypi" + r"\.org", "python" + r"hosted\.org", "conda" + r"\.(?:io|org)", "npm" + r"js\.(?:com|org)")
    )
    named = re.compile(rf"(?<![\w.~-])/(?:{folders})/|{hosts}")
    found = []
    for path in tracked():
        text = path.read_bytes().decode("utf-8", errors="ignore")
        found += [f"{path.relative_to(ROOT)}: {match.group()}" for match in named.finditer(text)]
    assert found == []


# Every setting has an effect


def reads() -> set[tuple[str, str]]:
    """Returns what is read of what: of ``settings.train.epochs`` the pairs (settings, train) and (train, epochs).

    A name also stands for the section that was put into it, and for the class that annotates it.
    """
    found = set()
    for path in FILES:
        if room_of(path) == "settings":
            continue
        names = names_of(tree_of(path))
        for node in ast.walk(tree_of(path)):
            if isinstance(node, ast.Attribute) and isinstance(node.value, ast.Attribute):
                found.add((node.value.attr, node.attr))
            if isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name):
                owner = node.value.id
                found |= {(each, node.attr) for each in {owner, *names.get(owner, ())}}
    return found


def names_of(tree: ast.Module) -> dict[str, set[str]]:
    names: dict[str, set[str]] = {}
    for node in ast.walk(tree):
        if isinstance(node, ast.arg) and node.annotation is not None:
            names.setdefault(node.arg, set()).update(re.findall(r"\w+", ast.unparse(node.annotation)))
        if isinstance(node, ast.Assign):
            for name, value in assigned(node):
                names.setdefault(name, set()).add(value)
    return names


def assigned(node: ast.Assign) -> Iterator[tuple[str, str]]:
    for target in node.targets:
        both = isinstance(target, ast.Tuple) and isinstance(node.value, ast.Tuple)
        pairs = zip(target.elts, node.value.elts, strict=False) if both else [(target, node.value)]  # type: ignore[attr-defined]
        for left, right in pairs:
            if isinstance(left, ast.Name) and isinstance(right, ast.Attribute):
                yield left.id, right.attr


@pytest.mark.parametrize("tree", [Settings, EvaluateRequest, PredictRequest])
def test_every_setting_is_read_somewhere(tree: type[BaseModel]) -> None:
    found = reads()
    unread = []
    for key in keys(tree):
        section, _, field = key.rpartition(".")
        owners = {section, f"{section.capitalize()}Settings"} if section else {"settings", "asked", "request"}
        if not any((owner, field) in found for owner in owners):
            unread.append(key)
    assert set(unread) - set(READ_OTHERWISE) == set()


def test_no_field_is_excused_that_is_read_like_the_others() -> None:
    found = reads()
    assert set(READ_OTHERWISE) <= set(keys(Settings))
    assert [key for key in READ_OTHERWISE if tuple(key.split(".")) in found] == []
