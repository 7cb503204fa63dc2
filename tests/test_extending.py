"""Every place a function may come from, and every message where it comes from none."""

from __future__ import annotations

import json
from importlib import metadata
from pathlib import Path

import pytest

from tfclassify.errors import UsageError
from tfclassify.extending import find

TABLE = {"focal": abs, "cross_entropy": max}
GROUP = "tfclassify.objectives"


def message(name: str, table: dict = TABLE, group: str = GROUP) -> str:
    with pytest.raises(UsageError) as caught:
        find(name, table, group=group)
    return str(caught.value)


@pytest.fixture
def package(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder of modules, with an installed package that offers entry points."""
    monkeypatch.syspath_prepend(tmp_path)
    (tmp_path / "offered.py").write_text(
        "def poly(x):\n    return x\n\nclass Loss:\n    def of(self): ...\n\nNUMBER = 3\n"
    )
    info = tmp_path / "offered-1.0.dist-info"
    info.mkdir()
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: offered\nVersion: 1.0\n")
    (info / "entry_points.txt").write_text(
        f"[{GROUP}]\npoly = offered:poly [fast]\nfocal = offered:poly\ngone = offered:gone\nwhole = offered\n"
    )
    return tmp_path


def test_an_entry_of_the_table() -> None:
    assert find("focal", TABLE, group=GROUP) is abs


def test_the_table_comes_before_entry_points(package: Path) -> None:
    assert find("focal", TABLE, group=GROUP) is abs


def test_an_entry_point_of_the_group(package: Path) -> None:
    assert find("poly", TABLE, group=GROUP)(3) == 3
    assert find("poly", TABLE, group=GROUP).__module__ == "offered"


def test_an_entry_point_of_another_group_is_not_found(package: Path) -> None:
    assert message("poly", {"mean": min}, "tfclassify.metrics") == (
        "no metric 'poly'; known: mean; your own is given as package.module:function"
    )


def test_an_entry_point_whose_function_is_gone(package: Path) -> None:
    assert message("gone") == "module 'offered' has no function 'gone'"


def test_an_entry_point_without_a_function(package: Path) -> None:
    assert message("whole") == "'offered' cannot be imported; expected package.module:function"


def test_a_function_of_a_module(package: Path) -> None:
    assert find("json:dumps", TABLE, group=GROUP) is json.dumps
    assert find("offered:Loss.of", TABLE, group=GROUP).__qualname__ == "Loss.of"


def test_a_name_that_is_nowhere_lists_what_installed_packages_offer_too(package: Path) -> None:
    assert message("focl") == (
        "no objective 'focl'; known: cross_entropy, focal, gone, poly, whole; "
        "your own is given as package.module:function; did you mean 'focal'?"
    )


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("json:dumpz", "module 'json' has no function 'dumpz'; did you mean 'dump'?"),
        ("json:decoder.Decoder", "module 'json' has no function 'decoder.Decoder'; did you mean 'JSONDecoder'?"),
        ("json:__name__", "'json:__name__' is of type str; expected a function"),
        ("json:", "'json:' cannot be imported; expected package.module:function"),
        (":dumps", "':dumps' cannot be imported; expected package.module:function"),
        (".json:dumps", "'.json:dumps' cannot be imported; expected package.module:function"),
        ("my losses:focal", "'my losses:focal' cannot be imported; expected package.module:function"),
        ("no_such_module:focal", "'no_such_module:focal' cannot be imported: No module named 'no_such_module'"),
    ],
)
def test_modules_without_the_function(name: str, expected: str) -> None:
    assert message(name) == expected


def test_a_module_that_lacks_what_it_needs(package: Path) -> None:
    (package / "needy.py").write_text("import no_such_library\n")
    assert message("needy:loss") == "'needy:loss' cannot be imported: No module named 'no_such_library'"


@pytest.mark.parametrize("error", ["AttributeError", "ValueError", "TypeError"])
def test_a_module_that_fails_is_not_mistaken_for_one_without_the_function(package: Path, error: str) -> None:
    (package / f"failing_{error.lower()}.py").write_text(f"raise {error}('in the module')\n")
    with pytest.raises(Exception, match="in the module") as caught:
        find(f"failing_{error.lower()}:loss", TABLE, group=GROUP)
    assert type(caught.value).__name__ == error


def test_nothing_but_the_offered_name_is_imported(package: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[dict] = []
    known = metadata.entry_points

    def entry_points(**where: str) -> metadata.EntryPoints:
        asked.append(where)
        return known(**where)

    monkeypatch.setattr(metadata, "entry_points", entry_points)
    find("focal", TABLE, group=GROUP)
    assert asked == []
    find("poly", TABLE, group=GROUP)
    assert asked == [{"group": GROUP, "name": "poly"}]
