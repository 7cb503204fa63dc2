"""``TextClassifier``: the package as a scikit-learn estimator."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as arrow_parquet
from numpy.typing import NDArray
from sklearn.base import BaseEstimator, ClassifierMixin
from sklearn.utils import Tags
from sklearn.utils.multiclass import check_classification_targets
from sklearn.utils.validation import check_is_fitted, column_or_1d

from tfclassify.data.tables import beside, columns_of
from tfclassify.learning.trained import Scored, Trained, open_trained, score_texts
from tfclassify.runs import open_run, refuse_taken, state_of
from tfclassify.settings import Settings, changed, parse
from tfclassify.train import train

# What fit may write into a table, each in a column that is named for what it is.
ROLES = ("text", "text_b", "label", "labels", "weight", "id")
# The logit of a column without a single 1 in fit.
NEVER = -30.0


class TextClassifier(ClassifierMixin, BaseEstimator):
    """Classifies texts, or pairs of texts.

    Each fit plans, trains and leaves a run on disk; the fitted estimator holds the run's path, and so does its pickle.

    Args:
        settings: what is asked, as in a settings file: nested or dotted keys. Without ``run`` each fit makes a new
            directory under ``runs``. The rows come from ``fit``, whatever ``data.train`` and the names of columns say,
            but for ``data.features``: with those, and then with ``data.text`` and ``data.text_b``, X is a table.

    Attributes:
        classes_: C labels, of the type of ``y``; in a multi-label task the numbers of its columns.
        run_: absolute path of the run.
        n_features_in_: 1 for texts, 2 for pairs, and one more for each feature.
        multilabel_: whether a text may have several labels.
    """

    def __init__(self, settings: Mapping[str, Any] | None = None) -> None:
        """Keeps the settings, which are not looked at before ``fit``."""
        self.settings = settings

    def fit(self, X: Any, y: Any, sample_weight: Any = None) -> TextClassifier:  # noqa: N803  # scikit-learn's names
        """Plans and trains.

        Args:
            X: N texts; or pairs, as an array or sequence [N, 2]. With ``data.features`` a table with those columns and
                ``text`` (of pairs ``text_b``): a data frame, an Arrow table or a list of dicts; None is missing.
            y: N labels (text, integers or truth values), or 0/1 [N, C] in a multi-label task.
            sample_weight: N weights of the rows in the loss, at least 0.

        Raises:
            ValueError: X, y or sample_weight is not as expected.
            UsageError: the settings are wrong.
            KeyboardInterrupt: the training was stopped on request; its best weights so far are kept.
        """
        asked_for = parse(self.settings or {}, Settings)
        if asked_for.run is not None:
            # What would be gone on with, or left as it is, was not learnt from these rows.
            refuse_taken(asked_for.run)
        columns, features = columns_of(X, asked_for.data)
        rows = len(columns["text"])
        columns |= _targets(y, rows=rows) | _weights(sample_weight, rows=rows)
        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder) / "estimator.parquet"
            arrow_parquet.write_table(pa.table(beside(columns, features)), path)
            asked = {f"data.{role}": role if role in columns else None for role in ROLES}
            run = train(changed(asked_for, {**asked, "data.train": str(path)}))
        if state_of(run) != "finished":
            raise KeyboardInterrupt(f"the training was stopped; its best weights so far are in {run.folder}")
        self.run_ = os.path.abspath(run.folder)
        self._trained = open_trained(run)
        self.multilabel_ = "labels" in columns
        self.classes_ = _classes(y, self._trained)
        self.n_features_in_ = (2 if "text_b" in columns else 1) + len(features)
        return self

    def predict_proba(self, X: Any) -> NDArray[np.float32]:  # noqa: N803
        """Returns float32[N, C], calibrated; the columns are those of ``classes_``."""
        return self._scored(X).scores

    def decision_function(self, X: Any) -> NDArray[np.float32]:  # noqa: N803
        """Returns logits float32[N, C]; in a binary task float32[N], above 0 for ``classes_[1]``."""
        logits = self._scored(X).logits
        return logits[:, 1] - logits[:, 0] if not self.multilabel_ and logits.shape[1] == 2 else logits

    def predict(self, X: Any) -> NDArray:  # noqa: N803
        """Returns N labels of the type that ``fit`` was given; in a multi-label task 0/1 [N, C]."""
        scores = self._scored(X).scores
        return (
            (scores >= self._trained.threshold).astype(int)
            if self.multilabel_
            else self.classes_[scores.argmax(axis=1)]
        )

    def _scored(self, X: Any) -> Scored:  # noqa: N803
        check_is_fitted(self, "run_")
        if not hasattr(self, "_trained"):
            self._trained = open_trained(open_run(self.run_))
        columns, features = columns_of(X, self._trained.settings.data)
        texts = self.n_features_in_ - len(features)
        if len(columns) != texts:
            expected = "pairs [N, 2]" if texts == 2 else "texts [N]"
            raise ValueError(f"X has {len(columns)} texts a row; expected {expected}, as in fit")
        second = columns["text_b"].to_pylist() if "text_b" in columns else None
        scored = score_texts(self._trained, columns["text"].to_pylist(), second, features=features)
        # The network's labels are sorted as text, scikit-learn's as what they are.
        places = [_place(self._trained, label) for label in self.classes_.tolist()]
        return replace(
            scored,
            logits=_arranged(scored.logits, places, never=NEVER),
            scores=_arranged(scored.scores, places, never=0.0),
        )

    def __getstate__(self) -> dict[str, Any]:
        """Leaves the network out, which is in the run."""
        return {name: value for name, value in super().__getstate__().items() if name != "_trained"}

    def __sklearn_tags__(self) -> Tags:
        tags = super().__sklearn_tags__()
        tags.input_tags.one_d_array = tags.input_tags.string = True
        tags.input_tags.two_d_array = False
        tags.classifier_tags.multi_label = True
        return tags


def _targets(y: Any, *, rows: int) -> dict[str, pa.Array]:
    """Writes labels as text, as files have them."""
    if y is None:
        raise ValueError("TextClassifier requires y to be passed, but the target y is None")
    # Of infinite labels NumPy warns before scikit-learn refuses them.
    with np.errstate(invalid="ignore"):
        check_classification_targets(y)
    targets = _dense(y)
    if len(targets) != rows:
        raise ValueError(f"X has {rows} rows and y {len(targets)}; expected as many")
    if targets.ndim == 1:
        return {"label": _one_label(targets)}
    if not np.isin(targets, (0, 1)).all():
        raise ValueError("y has two dimensions and other values than 0 and 1; expected those, or one label a row")
    if targets.any(axis=0).sum() < 2:
        raise ValueError("y has fewer than two columns with a 1; expected at least two to tell apart")
    return {"labels": pa.array([[str(place) for place in np.flatnonzero(row)] for row in targets])}


def _dense(y: Any) -> NDArray:
    """Returns labels as an array [N], or indicators [N, C], which scikit-learn may keep as a sparse matrix."""
    targets = np.asarray(y.toarray() if hasattr(y, "toarray") else y)
    return column_or_1d(targets, warn=True) if targets.ndim == 2 and targets.shape[1] == 1 else targets


def _one_label(targets: NDArray) -> pa.Array:
    labels = [str(label) for label in targets.tolist()]
    blank = next((row for row, label in enumerate(labels) if not label.strip()), None)
    if blank is not None:
        raise ValueError(f"row {blank} of y is an empty label; expected a label in every row")
    if len(set(labels)) < 2:
        raise ValueError(f"y has one class, {labels[0]!r}; expected at least two to tell apart")
    return pa.array(labels)


def _weights(sample_weight: Any, *, rows: int) -> dict[str, pa.Array]:
    if sample_weight is None:
        return {}
    weights = np.asarray(sample_weight, np.float32)
    if weights.shape != (rows,):
        raise ValueError(f"sample_weight has shape {weights.shape}; expected ({rows},), one for each row of X")
    if not (np.isfinite(weights) & (weights >= 0)).all() or not weights.any():
        raise ValueError("sample_weight is negative, not finite, or zero everywhere; expected weights of at least 0")
    return {"weight": pa.array(weights)}


def _classes(y: Any, trained: Trained) -> NDArray:
    """Returns the labels that the network knows, as what they are; of indicators the numbers of the columns."""
    targets = _dense(y)
    if targets.ndim == 2:
        return np.arange(targets.shape[1])
    labels = np.unique(targets)
    # Rows that are out of scope, empty or over data.max_rows may have taken a label with them.
    return labels[[_place(trained, label) is not None for label in labels.tolist()]]


def _place(trained: Trained, label: Any) -> int | None:
    """Returns the place that the network has a label at, None where no training row had it."""
    names = trained.labels.names
    return names.index(str(label)) if str(label) in names else None


def _arranged(values: NDArray[np.float32], places: Sequence[int | None], *, never: float) -> NDArray[np.float32]:
    """Puts the columns of the network where the classes are."""
    unseen = np.full(len(values), never, np.float32)
    return np.stack([unseen if place is None else values[:, place] for place in places], axis=1)
