"""How settings say that long texts are read: to whoever packs their word pieces, and to the network."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import tensorflow as tf
from numpy.typing import NDArray

from tfclassify.model.routes import FULL
from tfclassify.model.windowing import Windowed, window_routes
from tfclassify.planning.deciders.windows import HEAD_SHARE
from tfclassify.settings import AUTO, TextSettings
from tfclassify.text.packing import specials
from tfclassify.text.windows import Windowing, windowing


def windowing_of(text: TextSettings, vocabulary: Sequence[str]) -> Windowing | None:
    """Returns how texts are cut into windows; None where there is one, which keeps the beginning of a text."""
    # Settings of a run that is older than windows do not say.
    most = 1 if text.windows == AUTO else text.windows
    keep = "head" if text.keep == AUTO else text.keep
    if (most, keep) == (1, "head"):
        return None
    share = 1.0 if keep == "head" else _head_share(text)
    return windowing(vocabulary, length=text.max_length, most=most, stride=_stride(text), head_share=share)


def windowed_of(text: TextSettings) -> Windowed | None:
    """Returns how a network reads texts of several windows; None where there is one."""
    if text.windows in (AUTO, 1):
        return None
    return Windowed(text.max_length, text.windows, text.pool, text.chosen_share)


def routes_of(columns: NDArray[np.int32], text: TextSettings) -> NDArray[np.str_]:
    """Returns str[N], the route of texts that take so many columns, int32[N]: as the graph says it of their masks."""
    windowed = windowed_of(text)
    if windowed is None or not windowed.chooses or not len(columns):
        return np.full(len(columns), FULL)
    # Rows of every number of windows that there is, each of them named once.
    numbers, which = np.unique(np.maximum(columns // windowed.length, 1), return_inverse=True)
    marks = np.repeat(np.arange(numbers.max()) < numbers[:, None], windowed.length, axis=1)
    named = window_routes(tf.constant(marks.astype(np.int32)), windowed).numpy()
    return np.array([each.decode() for each in named])[which]


def _head_share(text: TextSettings) -> float:
    # As runs that do not say it were trained.
    return HEAD_SHARE if text.head_share == AUTO else text.head_share


def _stride(text: TextSettings) -> int:
    return text.max_length - specials(pair=False) if text.window_stride == AUTO else text.window_stride
