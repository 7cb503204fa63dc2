"""What the tests of trackers have: none of them asks W&B for anything, or leaves anything in the user's own folders."""

from __future__ import annotations

import os

import pytest


@pytest.fixture(scope="session", autouse=True)
def offline(tmp_path_factory: pytest.TempPathFactory) -> None:
    """W&B reads its environment once in a process, so that it is set for all of it."""
    folder = tmp_path_factory.mktemp("wandb")
    for name in ("DATA", "CACHE", "CONFIG"):
        os.environ[f"WANDB_{name}_DIR"] = str(folder / name.lower())
    os.environ |= {"WANDB_MODE": "offline", "WANDB_ERROR_REPORTING": "false", "NETRC": str(folder / "netrc")}
