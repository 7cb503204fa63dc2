"""Logits and truths of a known temperature."""

from __future__ import annotations

import numpy as np

from tfclassify.quality.calibration import scores


def drawn(rows: int, labels: int, *, temperature: float, seed: int, multilabel: bool) -> tuple[np.ndarray, np.ndarray]:
    """Logits that are too sure by the temperature: truth is drawn from the scores at that temperature."""
    random = np.random.default_rng(seed)
    logits = (random.normal(size=(rows, labels)) * 3).astype(np.float32)
    shares = scores(logits, temperature=temperature, multilabel=multilabel).astype(np.float64)
    if multilabel:
        return logits, random.random(shares.shape) < shares
    truth = (shares.cumsum(axis=1) < random.random((rows, 1)) * shares.sum(axis=1, keepdims=True)).sum(axis=1)
    return logits, truth.astype(np.int32)
