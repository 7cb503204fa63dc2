"""Trackers: who else gets the metrics of a run while it is trained."""

from __future__ import annotations

from collections.abc import Sequence
from importlib.util import find_spec
from pathlib import Path

import tf_keras as keras

from tfclassify.errors import UsageError


def check(names: Sequence[str]) -> None:
    """Looks for the packages of trackers.

    Raises:
        UsageError: one is not installed.
    """
    for name in names:
        if find_spec(name) is None:
            raise UsageError(f"track={name} needs the package {name}; type: pip install {name}")


def tensorboard(folder: Path) -> keras.callbacks.Callback:
    """Returns what writes the metrics of each epoch, and the network, into a folder that TensorBoard shows."""
    return keras.callbacks.TensorBoard(str(folder))
