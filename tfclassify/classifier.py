"""``TextClassifier``: the package as a scikit-learn estimator."""

from __future__ import annotations

import tempfile
from collections.abc import Mapping
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

from tfclassify.learning.trained import THRESHOLD, Scored, Trained, open_trained, score_texts
from tfclassify.runs import open_run, state_of
from tfclassify.settings import Settings, changed, parse
from tfclassify.train import train


class TextClassifier(ClassifierMixin, BaseEstimator):
    """Classifies texts, or pairs of texts.

    Each fit plans, trains and leaves a run on disk; the fitted estimator holds the run's path, and so does its pickle.

    Args:
        settings: what is asked, as in a settings file: nested or dotted keys. Without ``run`` each fit makes a new
            directory under ``runs``. The rows come from ``fit``, whatever ``data.train`` says.

    Attributes:
        classes_: C labels, of the type of ``y``; in a multi-label task the numbers of its columns.
        run_: path of the run.
        n_features_in_: 1 for texts, 2 for pairs.
        multilabel_: whether a text may have several labels.
    """

    def __init__(self, settings: Mapping[str, Any] | None = None) -> None:
        """Keeps the settings, which are not looked at before ``fit``."""
        self.settings = settings

    def fit(self, X: Any, y: Any, sample_weight: Any = None) -> TextClassifier:  # noqa: N803  # scikit-learn's names
        """Plans and trains.

        Args:
            X: N texts; or pairs, as an array or sequence [N, 2].
            y: N labels (text, integers or truth values), or 0/1 [N, C] in a multi-label task.
            sample_weight: N weights of the rows in the loss, at least 0.

        Raises:
            ValueError: X or y is not as expected.
            UsageError: the settings are wrong.
            KeyboardInterrupt: the training was stopped on request; its best weights so far are kept.
        """
        columns = _texts(X)
        targets = _targets(y, rows=len(columns["text"]))
        keys: dict[str, Any] = {"data.text": "text", "data.text_b": "text_b" if "text_b" in columns else None}
        if sample_weight is not None:
            columns["weight"] = pa.array(column_or_1d(sample_weight), pa.float32())
            keys["data.weight"] = "weight"
        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder) / "estimator.parquet"
            arrow_parquet.write_table(pa.table({**columns, **targets}), path)
            run = train(changed(parse(self.settings or {}, Settings), {**keys, "data.train": str(path)}))
        if state_of(run) != "finished":
            raise KeyboardInterrupt(f"the training was stopped; its best weights so far are in {run.folder}")
        self.multilabel_ = "labels" in targets
        self.classes_ = np.arange(np.shape(y)[1]) if self.multilabel_ else np.unique(np.asarray(y))
        self.n_features_in_ = 2 if "text_b" in columns else 1
        self.run_ = str(run.folder)
        self._trained = open_trained(run)
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
        return (scores >= THRESHOLD).astype(int) if self.multilabel_ else self.classes_[scores.argmax(axis=1)]

    def _scored(self, X: Any) -> Scored:  # noqa: N803
        check_is_fitted(self, "run_")
        columns = _texts(X)
        if (2 if "text_b" in columns else 1) != self.n_features_in_:
            expected = "pairs [N, 2]" if self.n_features_in_ == 2 else "texts [N]"
            raise ValueError(f"X has {len(columns)} texts a row; expected {expected}, as in fit")
        if not hasattr(self, "_trained"):
            self._trained = open_trained(open_run(self.run_))
        second = columns["text_b"].to_pylist() if "text_b" in columns else None
        scored = score_texts(self._trained, columns["text"].to_pylist(), second)
        # The network's labels are sorted as text, scikit-learn's as what they are.
        order = _order(self._trained, self.classes_)
        return Scored(scored.logits[:, order], scored.scores[:, order], scored.scope_scores)

    def __getstate__(self) -> dict[str, Any]:
        """Leaves the network out, which is in the run."""
        return {name: value for name, value in super().__getstate__().items() if name != "_trained"}

    def __sklearn_tags__(self) -> Tags:
        tags = super().__sklearn_tags__()
        tags.input_tags.one_d_array = tags.input_tags.string = True
        tags.input_tags.two_d_array = False
        tags.classifier_tags.multi_label = True
        return tags


def _texts(X: Any) -> dict[str, pa.Array]:  # noqa: N803
    """Takes one or two columns of texts."""
    rows = np.asarray(X, object)
    if rows.ndim not in (1, 2) or (rows.ndim == 2 and rows.shape[1] != 2):
        raise ValueError(f"X has shape {rows.shape}; expected texts [N], or pairs of texts [N, 2]")
    if not len(rows):
        raise ValueError("X has no rows; expected at least one text")
    for value in rows.flat:
        if not isinstance(value, str):
            raise ValueError(f"X has {value!r}; expected texts")
    columns = rows.T if rows.ndim == 2 else [rows]
    return {name: pa.array(column, pa.string()) for name, column in zip(("text", "text_b"), columns, strict=False)}


def _targets(y: Any, *, rows: int) -> dict[str, pa.Array]:
    """Writes labels as text, as files have them."""
    targets = np.asarray(y)
    check_classification_targets(targets)
    if len(targets) != rows:
        raise ValueError(f"X has {rows} rows and y {len(targets)}; expected as many")
    if targets.ndim == 1:
        return {"label": pa.array([str(label) for label in targets.tolist()])}
    if not np.isin(targets, (0, 1)).all():
        raise ValueError("y has two dimensions and other values than 0 and 1; expected those, or one label a row")
    return {"labels": pa.array([[str(place) for place in np.flatnonzero(row)] for row in targets])}


def _order(trained: Trained, classes: NDArray) -> list[int]:
    """Returns for each class the place that the network has it at."""
    return [trained.labels.names.index(str(label)) for label in classes.tolist()]
