"""``TextClassifier``: a scikit-learn estimator like any other, whose X is texts."""

from __future__ import annotations

import pickle
import shutil
from dataclasses import dataclass
from pathlib import Path
from random import Random
from typing import Any

import numpy as np
import pyarrow.parquet as arrow_parquet
import pytest
from numpy.typing import NDArray
from scipy.sparse import csr_matrix
from scipy.special import expit, softmax
from sklearn.base import clone
from sklearn.exceptions import NotFittedError
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import GridSearchCV, ShuffleSplit, cross_val_predict
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import FunctionTransformer
from sklearn.utils import Tags
from sklearn.utils.estimator_checks import parametrize_with_checks

from tfclassify import classifier, load
from tfclassify.classifier import TextClassifier
from tfclassify.data.labelling import LabelMap
from tfclassify.errors import UsageError
from tfclassify.learning.trained import Scored
from tfclassify.runs import Run, state_of, write_json
from tfclassify.settings import Settings

TOY = {"model.name": "random-tiny", "train.learning_rate": 3e-3, "train.batch_size": 8, "train.epochs": 3}
# scikit-learn's own checks that cannot pass, and why; one that begins to pass fails the test.
FAILING = {
    "check_n_features_in_after_fitting": "a feature is a text here: 1, or 2 in a pair",
    "check_n_features_in": "a feature is a text here: 1, or 2 in a pair",
    "check_fit1d": "X of one dimension is what is expected: texts",
    "check_fit2d_predict1d": "X of one dimension is what is expected: texts",
}


def toy(rows: int, seed: int = 0) -> tuple[list[str], NDArray[np.bool_]]:
    """Texts of two kinds, told apart by their letters; every text once."""
    random, truth = Random(seed), np.arange(rows) % 3 == 0
    letters = [random.choices("wxyz" if each else "abcd", k=random.randint(1, 8)) for each in truth]
    return [f"{' '.join(each)} {row}" for row, each in enumerate(letters)], truth


# A stand-in for the network: a linear model of numbers, so that what surrounds the network is tested in no time.


@dataclass
class StandIn:
    """A trained classifier of texts that are rows of numbers."""

    labels: LabelMap
    columns: list[LogisticRegression]
    settings: Settings
    threshold: float = 0.5


def written(X: Any) -> Any:  # noqa: N803
    """Writes a row of numbers as a text."""
    return X if hasattr(X, "toarray") else [" ".join(map(repr, np.atleast_1d(row).tolist())) for row in np.asarray(X)]


def numbers(texts: list[str]) -> NDArray[np.float64]:
    return np.array([[float(word) for word in text.split()] for text in texts])


@pytest.fixture
def stand_in(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> dict[str, StandIn]:
    """Puts the stand-in where the network is, and returns what it learns by the folder of its run."""
    runs: dict[str, StandIn] = {}

    def train(settings: Settings) -> Run:
        table = arrow_parquet.read_table(str(settings.data.train))
        several = "labels" in table.column_names
        rows = table["labels"].to_pylist() if several else [[label] for label in table["label"].to_pylist()]
        weights = table["weight"].to_numpy() if "weight" in table.column_names else None
        names = sorted({name for row in rows for name in row} - {settings.data.out_of_scope_label})
        inputs = numbers(table["text"].to_pylist())
        columns = [LogisticRegression().fit(inputs, [name in row for row in rows], weights) for name in names]
        run = Run(tmp_path / f"run-{len(runs)}")
        runs[str(run.folder)] = StandIn(LabelMap(tuple(names), several), columns, settings)
        write_json(run.manifest, {"state": "finished"})
        return run

    def score_texts(trained: StandIn, texts: list[str], texts_b: None, *, features: Any) -> Scored:
        logits = np.stack([each.decision_function(numbers(texts)) for each in trained.columns], axis=1)
        scores = expit(logits) if trained.labels.multilabel else softmax(logits, axis=1)
        masked = np.zeros(len(texts), np.int32)
        return Scored(
            logits.astype(np.float32),
            scores.astype(np.float32),
            logits.max(axis=1).astype(np.float32),
            masked,
            np.full(len(texts), "full"),
        )

    monkeypatch.setattr(classifier, "train", train)
    monkeypatch.setattr(classifier, "open_run", lambda folder: Run(Path(folder)))
    monkeypatch.setattr(classifier, "open_trained", lambda run: runs[str(run.folder)])
    monkeypatch.setattr(classifier, "score_texts", score_texts)
    return runs


class OfNumbers(TextClassifier):
    """Takes what scikit-learn's checks have to give."""

    def fit(self, X: Any, y: Any, sample_weight: Any = None) -> TextClassifier:  # noqa: N803
        return super().fit(written(X), y, sample_weight)

    def predict(self, X: Any) -> NDArray:  # noqa: N803
        return super().predict(written(X))

    def predict_proba(self, X: Any) -> NDArray[np.float32]:  # noqa: N803
        return super().predict_proba(written(X))

    def decision_function(self, X: Any) -> NDArray[np.float32]:  # noqa: N803
        return super().decision_function(written(X))

    def __sklearn_tags__(self) -> Tags:
        tags = super().__sklearn_tags__()
        tags.input_tags.two_d_array, tags.input_tags.one_d_array = True, False
        return tags


@parametrize_with_checks([OfNumbers()], expected_failed_checks=lambda estimator: FAILING)
def test_checks_of_scikit_learn(estimator: Any, check: Any, stand_in: dict[str, StandIn]) -> None:
    check(estimator)


ROWS = [[float(row), float(row % 3)] for row in range(12)]


@pytest.mark.parametrize(
    "labels",
    [
        [9, 10, 100],
        [True, False],
        ["b", "a", "B"],
        [-1.0, 1.0],
        np.array([2, 1], np.uint8),
        np.array(["x", "é"], object),
    ],
)
def test_labels_stay_what_they_are(labels: Any, stand_in: dict[str, StandIn]) -> None:
    y = np.array([labels[row % len(labels)] for row in range(12)])
    fitted = OfNumbers().fit([[float(row % len(labels) == place) * 9 for place in range(3)] for row in range(12)], y)
    assert fitted.classes_.tolist() == sorted(set(y.tolist()))
    assert fitted.classes_.dtype == y.dtype
    answers = fitted.predict([[float(row % len(labels) == place) * 9 for place in range(3)] for row in range(12)])
    assert answers.dtype == y.dtype
    assert answers.tolist() == y.tolist()


def test_the_order_of_the_columns_is_that_of_the_classes(stand_in: dict[str, StandIn]) -> None:
    fitted = OfNumbers().fit([[float(row % 2)] for row in range(12)], [9 + row % 2 for row in range(12)])
    assert fitted.classes_.tolist() == [9, 10]
    assert next(iter(stand_in.values())).labels.names == ("10", "9")
    scores = fitted.predict_proba([[0.0], [1.0]])
    assert scores[0, 0] > 0.5 > scores[1, 0]
    logits = fitted.decision_function([[0.0], [1.0]])
    assert logits[0] < 0 < logits[1]


def test_cross_validation(stand_in: dict[str, StandIn]) -> None:
    labels = np.array([9 + row % 2 for row in range(40)])
    inputs = np.array([[float(label == 9)] for label in labels])
    scores = cross_val_predict(OfNumbers({"train.epochs": 2}), inputs, labels, cv=4, method="predict_proba")
    assert (np.array([9, 10])[scores.argmax(axis=1)] == labels).all()
    assert [found.settings.train.epochs for found in stand_in.values()] == [2] * 4


def test_what_is_out_of_scope_is_no_class(stand_in: dict[str, StandIn]) -> None:
    fitted = OfNumbers({"data.out_of_scope_label": "none"}).fit(ROWS, ["good", "none", "bad", "good"] * 3)
    assert fitted.classes_.tolist() == ["bad", "good"]
    assert fitted.predict_proba(ROWS).shape == (12, 2)


def test_a_column_that_no_row_has(stand_in: dict[str, StandIn]) -> None:
    y = np.array([[row % 2, 0, row % 3 == 0, 0] for row in range(12)])
    for given in (y, y.astype(bool), csr_matrix(y), y.tolist()):
        fitted = OfNumbers().fit([[float(row % 2), float(row % 3 == 0)] for row in range(12)], given)
        assert fitted.classes_.tolist() == [0, 1, 2, 3]
        scores = fitted.predict_proba(ROWS)
        assert scores.shape == (12, 4)
        assert (scores[:, [1, 3]] == 0).all()
        logits = fitted.decision_function(ROWS)
        assert np.isfinite(logits).all()
        assert (logits[:, [1, 3]] < logits[:, [0, 2]].min()).all()
        assert (fitted.predict(ROWS)[:, [1, 3]] == 0).all()


def test_a_column_of_labels_is_taken_with_a_warning(stand_in: dict[str, StandIn]) -> None:
    with pytest.warns(UserWarning, match="A column-vector y was passed when a 1d array was expected"):
        fitted = OfNumbers().fit(ROWS, [[row % 2] for row in range(12)])
    assert fitted.classes_.tolist() == [0, 1]


def test_rows_come_from_fit_whatever_the_settings_name(stand_in: dict[str, StandIn]) -> None:
    columns = ("text", "text_b", "label", "labels", "weight", "id")
    given = {"data.train": "other.csv", "train.epochs": 2, **{f"data.{name}": "mine" for name in columns}}
    OfNumbers(given).fit(ROWS, ["a", "b"] * 6, sample_weight=[1] * 12)
    (found,) = stand_in.values()
    data = found.settings.data
    assert [getattr(data, name) for name in columns] == ["text", None, "label", None, "weight", None]
    assert found.settings.train.epochs == 2
    assert str(data.train).endswith("estimator.parquet")
    assert not Path(str(data.train)).exists()


def test_settings_are_not_looked_at_before_fit() -> None:
    made = TextClassifier({"nonsense": 1})
    assert clone(made).get_params() == {"settings": {"nonsense": 1}}
    with pytest.raises(UsageError, match="no field 'nonsense' in the settings"):
        made.fit(["a", "b"], [0, 1])


def test_a_training_that_was_stopped(stand_in: dict[str, StandIn], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(classifier, "state_of", lambda run: "stopped")
    with pytest.raises(KeyboardInterrupt, match=r"the training was stopped; its best weights so far are in .*run-0"):
        OfNumbers().fit(ROWS, ["a", "b"] * 6)


# What is refused


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ("a text", "X has shape (); expected texts [N], or pairs of texts [N, 2]"),
        ([], "X has no rows; expected at least one text"),
        ([["a", "b", "c"]], "X has shape (1, 3); expected texts [N], or pairs of texts [N, 2]"),
        ([["a"], ["b"]], "X has shape (2, 1); expected texts [N], or pairs of texts [N, 2]"),
        (["a", None], "row 1 of X has a NoneType; expected text"),
        ([["a", "b"], ["c", 1.5]], "row 1 of X has a float; expected text"),
        (["a", b"b"], "row 1 of X has a bytes; expected text"),
        (np.zeros((3, 2)), "row 0 of X has a float; expected text"),
        (csr_matrix(np.eye(2)), "X is a sparse matrix; expected texts [N], or pairs of texts [N, 2]"),
    ],
)
def test_what_is_no_text(given: Any, message: str) -> None:
    with pytest.raises(ValueError) as caught:  # noqa: PT011
        TextClassifier().fit(given, ["a", "b"])
    assert str(caught.value) == message


@pytest.mark.parametrize(
    ("given", "message"),
    [
        (None, "TextClassifier requires y to be passed, but the target y is None"),
        (["a", "b"], "X has 3 rows and y 2; expected as many"),
        (["a", "a", "a"], "y has one class, 'a'; expected at least two to tell apart"),
        (["a", " ", "b"], "row 1 of y is an empty label; expected a label in every row"),
        ([[0, 1], [1, 2], [1, 0]], None),
        ([[0, 1], [0, 1], [0, 0]], "y has fewer than two columns with a 1; expected at least two to tell apart"),
        ([["a", "b"], ["b", "a"], ["a", "a"]], None),
        ([0.5, 0.1, 0.2], None),
        ([["a"], ["a", "b"], []], None),
    ],
)
def test_what_is_no_label(given: Any, message: str | None) -> None:
    with pytest.raises(ValueError) as caught:  # noqa: PT011
        TextClassifier().fit(["a", "b", "c"], given)
    # Without a message of ours it is scikit-learn's.
    assert str(caught.value) == message if message else "y" in str(caught.value)


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ([1.0, 2.0], "sample_weight has shape (2,); expected (3,), one for each row of X"),
        (2.0, "sample_weight has shape (); expected (3,), one for each row of X"),
        (
            [1, -1, 1],
            "sample_weight is negative, not finite, or zero everywhere; expected weights of at least 0",
        ),
        ([0, 0, 0], "sample_weight is negative, not finite, or zero everywhere; expected weights of at least 0"),
        ([1, np.nan, 1], "sample_weight is negative, not finite, or zero everywhere; expected weights of at least 0"),
    ],
)
def test_what_is_no_weight(given: Any, message: str) -> None:
    with pytest.raises(ValueError) as caught:  # noqa: PT011
        TextClassifier().fit(["a", "b", "c"], ["p", "q", "p"], sample_weight=given)
    assert str(caught.value) == message


def test_nothing_is_answered_before_fit() -> None:
    for method in ("predict", "predict_proba", "decision_function"):
        with pytest.raises(NotFittedError):
            getattr(TextClassifier(), method)(["a"])


# The real thing


@pytest.fixture(scope="module")
def fitted(tmp_path_factory: pytest.TempPathFactory, cache: Path) -> TextClassifier:
    texts, truth = toy(150)
    folder = tmp_path_factory.mktemp("estimator") / "run"
    return TextClassifier({**TOY, "run": str(folder)}).fit(texts, np.where(truth, "z first", "a second"))


def test_it_learns_labels_of_text(fitted: TextClassifier) -> None:
    texts, truth = toy(60, seed=1)
    expected = np.where(truth, "z first", "a second")
    assert fitted.classes_.tolist() == ["a second", "z first"]
    assert fitted.n_features_in_ == 1
    assert fitted.score(texts, expected) > 0.9
    scores = fitted.predict_proba(texts)
    assert scores.shape == (60, 2)
    assert scores.dtype == np.float32
    assert scores.sum(axis=1) == pytest.approx(1.0, abs=1e-6)
    assert (fitted.classes_[scores.argmax(axis=1)] == fitted.predict(texts)).all()
    assert ((fitted.decision_function(texts) > 0) == (scores[:, 1] > 0.5)).all()


def test_any_row_of_texts_will_do(fitted: TextClassifier) -> None:
    class Series:
        """As pandas has it: an index, and a way to become an array."""

        index = (7, 8)

        def __array__(self, dtype: Any = None, copy: bool | None = None) -> NDArray:
            return np.array(["a b", "x y"], dtype)

        def __len__(self) -> int:
            return 2

    expected = fitted.predict(["a b", "x y"]).tolist()
    assert expected == ["a second", "z first"]
    for given in (("a b", "x y"), np.array(["a b", "x y"]), np.array(["a b", "x y"], object), Series()):
        assert fitted.predict(given).tolist() == expected


def test_the_run_answers_the_same(fitted: TextClassifier) -> None:
    texts, _ = toy(40, seed=2)
    assert Path(fitted.run_).is_absolute()
    assert state_of(Run(Path(fitted.run_))) == "finished"
    answers = load(fitted.run_)(texts)
    scores = [[answer["scores"][label] for label in fitted.classes_] for answer in answers]
    assert np.abs(fitted.predict_proba(texts) - np.array(scores)).max() <= 1e-6
    assert [answer["label"] for answer in answers] == fitted.predict(texts).tolist()


def test_a_pickle_is_a_path(fitted: TextClassifier) -> None:
    texts, _ = toy(40, seed=3)
    expected = fitted.predict_proba(texts)
    kept = pickle.dumps(fitted)
    assert len(kept) < 2000
    assert np.abs(pickle.loads(kept).predict_proba(texts) - expected).max() <= 1e-6
    assert fitted.predict_proba(texts).tolist() == expected.tolist()


def test_a_pickle_whose_run_is_gone(fitted: TextClassifier, tmp_path: Path) -> None:
    moved = pickle.loads(pickle.dumps(fitted))
    moved.run_ = str(tmp_path / "gone")
    with pytest.raises(UsageError) as caught:
        moved.predict(["a"])
    assert str(caught.value) == f"run={tmp_path / 'gone'} does not exist; expected the directory of a run"


def test_a_clone_has_the_settings_and_nothing_else(fitted: TextClassifier) -> None:
    again = clone(fitted)
    assert again.get_params() == fitted.get_params()
    with pytest.raises(NotFittedError):
        again.predict(["a"])


def test_pairs_where_texts_were_learnt(fitted: TextClassifier) -> None:
    with pytest.raises(ValueError, match=r"^X has 2 texts a row; expected texts \[N\], as in fit$"):
        fitted.predict([["a", "b"]])


def test_a_run_is_not_overwritten(fitted: TextClassifier) -> None:
    with pytest.raises(UsageError, match="already holds a finished run; give the name of a new directory"):
        clone(fitted).fit(*toy(20))


def test_rows_without_weight_do_not_count(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    texts, truth = toy(240)
    wrong = np.arange(240) % 2 == 0
    weighted = TextClassifier({**TOY, "train.epochs": 4}).fit(texts, truth ^ wrong, sample_weight=~wrong)
    assert weighted.classes_.tolist() == [False, True]
    new, expected = toy(60, seed=1)
    assert weighted.predict(new).dtype == bool
    assert weighted.score(new, expected) > 0.9
    # Without a name of its own a run is named after what it is, and lies where the process is.
    assert Path(weighted.run_).parent == tmp_path / "runs"


def test_several_labels_a_text(tmp_path: Path) -> None:
    texts, kind = toy(200)
    truth = np.stack([kind, np.zeros(200), ~kind], axis=1)
    settings = {**TOY, "train.epochs": 6, "run": str(tmp_path / "run")}
    several = TextClassifier(settings).fit(texts, truth)
    assert several.classes_.tolist() == [0, 1, 2]
    answers = several.predict(texts)
    assert answers.shape == (200, 3)
    assert (answers == truth).all(axis=1).mean() > 0.9
    assert several.score(texts, truth) == (answers == truth).all(axis=1).mean()
    scores = several.predict_proba(texts)
    assert ((scores >= 0.5) == answers).all()
    assert (scores[:, 1] == 0).all()


def test_pairs_of_texts(tmp_path: Path) -> None:
    pairs = np.array([[f"{'ab'[row % 2]} {row}", "xy"[row // 2 % 2] * 5] for row in range(160)])
    labels = ["p" if pair[1][0] == "x" else "q" for pair in pairs]
    settings = {**TOY, "train.epochs": 8, "run": str(tmp_path / "run")}
    fitted = TextClassifier(settings).fit(pairs, labels)
    assert fitted.n_features_in_ == 2
    assert fitted.score(pairs, labels) > 0.9
    assert fitted.score(pairs.tolist(), labels) > 0.9
    with pytest.raises(ValueError, match=r"^X has 1 texts a row; expected pairs \[N, 2\], as in fit$"):
        fitted.predict(["a"])


@pytest.mark.slow
def test_a_search_over_settings(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    texts, truth = toy(240)
    labels = np.where(truth, 9, 10)
    untrained = {**TOY, "train.steps": 1, "train.learning_rate": 1e-9}
    search = GridSearchCV(
        make_pipeline(FunctionTransformer(lambda texts: [text.upper() for text in texts]), TextClassifier()),
        {"textclassifier__settings": [untrained, TOY]},
        cv=ShuffleSplit(1, test_size=0.25, random_state=0),
        scoring="neg_log_loss",
    )
    search.fit(texts, labels)
    assert search.best_params_ == {"textclassifier__settings": TOY}
    assert search.predict(["A B", "y z"]).tolist() == [10, 9]
    assert len(list((tmp_path / "runs").iterdir())) == 3


def test_what_is_kept_is_enough(fitted: TextClassifier, tmp_path: Path) -> None:
    """A run that was copied to another machine answers the same."""
    copied = shutil.copytree(fitted.run_, tmp_path / "copied")
    assert load(str(copied))(["a b"])[0]["label"] == "a second"
