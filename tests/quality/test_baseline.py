"""The baseline learns what words tell, the same each time, and takes any rows."""

from __future__ import annotations

import csv
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tfclassify.quality import baseline as module
from tfclassify.quality.baseline import NAME, baseline_scores, fit_baseline
from tfclassify.quality.predictions import OUT_OF_SCOPE

TOPICS = {
    "refund": "i want my money back please refund the payment",
    "login": "cannot sign in to my account the password fails",
    "parcel": "where is the parcel it was not delivered",
}
LABELS = tuple(TOPICS)


def rows_of(rows: int, *, seed: int = 0) -> tuple[list[str], np.ndarray]:
    random = np.random.default_rng(seed)
    truth = random.integers(0, len(LABELS), rows).astype(np.int32)
    texts = [" ".join(random.choice(TOPICS[LABELS[column]].split(), 5)) for column in truth]
    return texts, truth


def given_by(texts: list[str], truth: np.ndarray, asked: list[str], labels: tuple[str, ...] = LABELS) -> list[str]:
    fitted = fit_baseline(texts, truth, labels=labels, multilabel=False)
    return [labels[column] for column in baseline_scores(fitted, asked).argmax(axis=1)]


def test_it_learns_what_words_tell() -> None:
    texts, truth = rows_of(90)
    fitted = fit_baseline(texts, truth, labels=LABELS, multilabel=False)
    asked, expected = rows_of(60, seed=1)
    scores = baseline_scores(fitted, asked)
    assert scores.dtype == np.float32
    assert scores.shape == (60, 3)
    assert scores.sum(axis=1) == pytest.approx(1.0, abs=1e-6)
    assert (scores.argmax(axis=1) == expected).mean() > 0.95
    assert (fitted.name, fitted.rows) == (NAME, 90)
    assert 0 < fitted.seconds < 60


def test_the_same_rows_give_the_same_scores() -> None:
    texts, truth = rows_of(60)
    first, second = (fit_baseline(texts, truth, labels=LABELS, multilabel=False) for _ in range(2))
    assert np.array_equal(first.model.weights, second.model.weights)
    assert np.array_equal(first.model.bias, second.model.bias)
    assert np.array_equal(baseline_scores(first, texts), baseline_scores(second, texts))


def test_two_labels_mirror_each_other_and_agree_with_three() -> None:
    texts, truth = rows_of(90)
    kept = truth < 2
    two = [text for text, is_kept in zip(texts, kept, strict=True) if is_kept]
    fitted = fit_baseline(two, truth[kept], labels=LABELS[:2], multilabel=False)
    assert np.array_equal(fitted.model.weights[:, 0], -fitted.model.weights[:, 1])
    with_a_third = fit_baseline(two, truth[kept], labels=LABELS, multilabel=False)
    asked = ["refund the money", "sign in password", "my account"]
    assert baseline_scores(fitted, asked) == pytest.approx(baseline_scores(with_a_third, asked)[:, :2], abs=0.02)


def test_a_label_without_rows_is_never_given() -> None:
    texts, truth = rows_of(60)
    fitted = fit_baseline(texts, truth, labels=(*LABELS, "never"), multilabel=False)
    scores = baseline_scores(fitted, [*texts, "", "never", "xyz"])
    assert scores[:, 3].max() < 1e-6
    assert scores.sum(axis=1) == pytest.approx(1.0, abs=1e-6)


def test_one_label_alone_is_always_given() -> None:
    assert given_by(["a b", "c d"], np.array([1, 1], np.int32), ["a b", "", "zzz"]) == ["login"] * 3
    assert given_by(["a b", "c d"], np.array([1, 1], np.int32), ["a b"], LABELS[:2]) == ["login"]


@pytest.mark.parametrize("text", ["", " ", "\n\t"])
def test_texts_without_a_word_fall_back_to_how_often_a_label_is(text: str) -> None:
    truth = np.array([0, 0, 0, 1], np.int32)
    fitted = fit_baseline([text] * 4, truth, labels=LABELS[:2], multilabel=False)
    assert baseline_scores(fitted, [text, "a word"])[:, 0] == pytest.approx([0.75, 0.75], abs=1e-6)


def test_empty_texts_among_others() -> None:
    texts, truth = rows_of(60)
    assert given_by(["", *texts, ""], np.array([0, *truth, 2], np.int32), texts)[:20] == [
        LABELS[column] for column in truth[:20]
    ]


def test_letters_tell_where_there_are_no_words() -> None:
    texts = ["这个酒店很好", "房间很好很干净", "服务很差", "太差了不会再来"] * 4
    truth = np.array([1, 1, 0, 0] * 4, np.int32)
    assert given_by(texts, truth, ["酒店很差", "房间很好"], ("bad", "good")) == ["bad", "good"]


def test_rows_out_of_scope_are_passed_over() -> None:
    texts, truth = rows_of(60)
    outside = np.where(np.arange(60) % 3 == 0, OUT_OF_SCOPE, truth).astype(np.int32)
    kept = np.flatnonzero(outside != OUT_OF_SCOPE)
    with_them = fit_baseline(texts, outside, labels=LABELS, multilabel=False)
    without = fit_baseline([texts[row] for row in kept], truth[kept], labels=LABELS, multilabel=False)
    assert with_them.rows == 40
    assert np.array_equal(with_them.model.weights, without.model.weights)


@pytest.mark.parametrize("truth", [np.zeros(0, np.int32), np.full(3, OUT_OF_SCOPE, np.int32)])
def test_no_row_in_scope(truth: np.ndarray) -> None:
    with pytest.raises(ValueError, match=r"^a baseline of 0 rows; expected at least one in scope$"):
        fit_baseline(["a"] * len(truth), truth, labels=LABELS, multilabel=False)


def test_several_labels_are_asked_one_by_one() -> None:
    texts, columns = rows_of(90)
    truth = np.zeros((90, 5), bool)
    truth[np.arange(90), columns] = True
    truth[:, 3] = True
    fitted = fit_baseline(texts, truth, labels=(*LABELS, "always", "never"), multilabel=True)
    asked, expected = rows_of(40, seed=1)
    scores = baseline_scores(fitted, asked)
    assert ((scores[:, :3] >= 0.5).argmax(axis=1) == expected).mean() > 0.9
    assert scores[:, 3].min() > 1 - 1e-6
    assert scores[:, 4].max() < 1e-6
    assert scores.sum(axis=1).max() > 1.5


def test_more_rows_than_asked_for_are_a_fixed_sample() -> None:
    texts, truth = rows_of(200)
    first, second = (fit_baseline(texts, truth, labels=LABELS, multilabel=False, max_rows=50) for _ in range(2))
    assert first.rows == 50
    assert np.array_equal(first.model.weights, second.model.weights)
    assert fit_baseline(texts, truth, labels=LABELS, multilabel=False, max_rows=200).rows == 200


def test_a_sample_is_of_the_whole_and_not_of_its_start() -> None:
    texts = [f"{'early' if row < 500 else 'late'} {row}" for row in range(1000)]
    truth = np.array([0] * 500 + [1] * 500, np.int32)
    assert given_by_sample(texts, truth, max_rows=40) == [0, 1]


def given_by_sample(texts: list[str], truth: np.ndarray, *, max_rows: int) -> list[int]:
    fitted = fit_baseline(texts, truth, labels=("early", "late"), multilabel=False, max_rows=max_rows)
    return baseline_scores(fitted, ["early", "late"]).argmax(axis=1).tolist()


def test_long_texts_are_a_sample_too(monkeypatch: pytest.MonkeyPatch) -> None:
    texts, truth = rows_of(100)
    monkeypatch.setattr(module, "MAX_CHARACTERS", sum(map(len, texts)) // 4)
    fitted = fit_baseline(texts, truth, labels=LABELS, multilabel=False)
    assert 15 <= fitted.rows <= 35
    monkeypatch.setattr(module, "MAX_CHARACTERS", 3)
    assert fit_baseline(texts, truth, labels=LABELS, multilabel=False).rows == 1


def test_repeated_texts_of_two_labels_are_split_between_them() -> None:
    fitted = fit_baseline(["same text"] * 40, np.array([0, 1] * 20, np.int32), labels=LABELS[:2], multilabel=False)
    assert baseline_scores(fitted, ["same text"])[0] == pytest.approx([0.5, 0.5], abs=0.02)


def test_no_texts_to_answer() -> None:
    texts, truth = rows_of(20)
    fitted = fit_baseline(texts, truth, labels=LABELS, multilabel=False)
    assert baseline_scores(fitted, []).shape == (0, 3)


@settings(max_examples=25, deadline=None)
@given(st.lists(st.tuples(st.text(max_size=8), st.integers(-1, 2)), min_size=1, max_size=8), st.booleans())
def test_any_rows_give_probabilities(rows: list[tuple[str, int]], multilabel: bool) -> None:
    texts, truth = [text for text, _ in rows], np.array([label for _, label in rows], np.int32)
    if multilabel:
        truth = truth[:, None] == np.arange(3)
    elif (truth == OUT_OF_SCOPE).all():
        truth[0] = 0
    fitted = fit_baseline(texts, truth, labels=LABELS, multilabel=multilabel)
    scores = baseline_scores(fitted, [*texts, "another"])
    assert np.isfinite(scores).all()
    assert ((scores >= 0) & (scores <= 1)).all()
    assert multilabel or scores.sum(axis=1) == pytest.approx(1.0, abs=1e-5)


@pytest.mark.shared
@pytest.mark.slow
@pytest.mark.parametrize(("name", "expected"), [("trec6", 0.866), ("sms_spam", 0.995), ("sst2_sentences", 0.825)])
def test_real_data(shared: Path, name: str, expected: float) -> None:
    (train, train_names), (test, test_names) = (
        read(shared / "data" / name / f"{split}.csv") for split in ("train", "test")
    )
    labels = tuple(sorted(set(train_names)))
    truth = np.array([labels.index(each) for each in train_names], np.int32)
    fitted = fit_baseline(train, truth, labels=labels, multilabel=False)
    given_labels = [labels[column] for column in baseline_scores(fitted, test).argmax(axis=1)]
    right = np.mean([one == other for one, other in zip(given_labels, test_names, strict=True)])
    assert right > expected - 0.01


def read(path: Path) -> tuple[list[str], list[str]]:
    with path.open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    return [row["text"] for row in rows], [row["label"] for row in rows]
