"""A trained classifier: what it says of texts and of rows, and what it takes to open one."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from made_stores import split_of, store
from made_trained import made_trained
from scipy.special import expit, logsumexp, softmax
from toy import TOY_SETTINGS

from tfclassify.data.labelling import LabelMap
from tfclassify.errors import UsageError
from tfclassify.hardware import multiplies_bfloat16
from tfclassify.learning import trained as module
from tfclassify.learning.trained import (
    Trained,
    answer,
    kind_of,
    limits_of,
    open_trained,
    predict_split,
    score_texts,
    tokenized,
)
from tfclassify.quality.exits import ExitPlan
from tfclassify.runs import Run
from tfclassify.text.maps import choose
from tfclassify.train import train

TEXTS = ["a", "bb", "", "abb", "aaaaaaaaaaaaaaaaaaaaaaaaaaab"]
LOGITS = np.array([[2, 0], [0, 4], [0, 0], [2, 4], [28, 0]], np.float32)


# Texts


def test_scores_are_calibrated_and_logits_are_not() -> None:
    scored = score_texts(made_trained("a", "b", temperature=2.0), TEXTS)
    np.testing.assert_array_equal(scored.logits, LOGITS)
    np.testing.assert_allclose(scored.scores, softmax(LOGITS / 2.0, axis=1), rtol=1e-6)
    np.testing.assert_allclose(scored.scope_scores, 2.0 * logsumexp(LOGITS / 2.0, axis=1), rtol=1e-6)


def test_several_labels_have_scores_of_their_own() -> None:
    scored = score_texts(made_trained("a", "b", multilabel=True), TEXTS)
    np.testing.assert_allclose(scored.scores, expit(LOGITS - 1.0), rtol=1e-6)


def test_a_text_is_in_scope_from_the_threshold_on() -> None:
    trained = made_trained("a", "b")
    scores = [each["scope_score"] for each in answer(trained, ["a", "aa", "aaa"])]
    parted = answer(replace(trained, scope_threshold=scores[1]), ["a", "aa", "aaa"])
    assert [each["in_scope"] for each in parted] == [False, True, True]


def test_pairs() -> None:
    scored = score_texts(made_trained("a", "b"), ["a", "ab"], ["b", "bbbbbbbbbbbbbbbb"])
    # Of the second pair 13 pieces are left beside three special tokens.
    assert scored.logits.tolist() == [[2, 2], [2, 24]]


def test_no_texts() -> None:
    scored = score_texts(made_trained("a", "b"), [])
    assert (scored.logits.shape, scored.scores.shape, scored.scope_scores.shape) == ((0, 2), (0, 2), (0,))
    assert answer(made_trained("a", "b"), []) == []


def test_answers() -> None:
    answers = answer(made_trained("a", "b", "c"), ["bbc", "c"])
    scores = softmax(np.array([0.0, 4.0, 2.0]))
    assert answers[0] == {
        "label": "b",
        "score": pytest.approx(scores[1], rel=1e-6),
        "scores": {name: pytest.approx(score, rel=1e-6) for name, score in zip("abc", scores, strict=True)},
        "in_scope": True,
        "scope_score": pytest.approx(logsumexp([0.0, 4.0, 2.0]), rel=1e-6),
        "route": "full",
        "rule": None,
        "masked": 0,
    }
    assert list(answers[0]["scores"]) == ["b", "c", "a"]
    # Of equal scores the first label.
    assert list(answers[1]["scores"]) == ["c", "a", "b"]
    json.dumps(answers)


def test_answers_with_several_labels() -> None:
    answers = answer(made_trained("a", "b", "c", multilabel=True), ["cab", "b", "xy"])
    assert [each["labels"] for each in answers] == [["a", "b", "c"], ["b"], []]
    assert answers[1]["label"] == "b"
    assert answers[1]["score"] == pytest.approx(expit(1.0), rel=1e-6)


def test_many_texts_are_tokenized_in_parts(monkeypatch: pytest.MonkeyPatch) -> None:
    whole, _ = tokenized(made_trained("a").pieces, TEXTS * 3)
    sizes: list[int] = []
    pieces = made_trained("a").pieces

    def counted(texts: Any) -> Any:
        sizes.append(len(texts))
        return pieces.tokenize(texts)

    monkeypatch.setattr(module, "CHUNK_ROWS", 4)
    parts, masked = tokenized(module.Pieces(counted, pieces.vocabulary, True, 0), TEXTS * 3)
    assert sizes == [4, 4, 4, 3]
    np.testing.assert_array_equal(parts.values, whole.values)
    np.testing.assert_array_equal(parts.offsets, whole.offsets)
    assert masked.tolist() == [0] * 15
    assert [len(row) for row in whole][:5] == [len(text) for text in TEXTS]


def test_texts_are_mapped_and_masks_are_counted() -> None:
    plain = made_trained("a", "b", "c")
    pieces = replace(plain.pieces, maps=choose(["strip_html", "mask_personal_data"]))
    masking = replace(plain, pieces=pieces)
    texts = ["<b>c@aaaaaa.aa</b>", "b", "c 0171 1234567"]
    answers = answer(masking, texts)
    assert [each["masked"] for each in answers] == [1, 0, 1]
    assert [each["scores"] for each in answers] == [
        each["scores"] for each in answer(plain, ["[email]", "b", "c [phone]"])
    ]
    assert [each["masked"] for each in answer(masking, texts, ["x@y.org", "x@y.org", ""])] == [2, 1, 1]
    assert [each["masked"] for each in answer(plain, texts)] == [0, 0, 0]


def test_a_run_with_maps_is_opened_with_them(tmp_path: Path) -> None:
    path = tmp_path / "rows.csv"
    rows = [f"{'a b' if row % 2 else 'y z'} {row} u{row}@x.org,{'one' if row % 2 else 'two'}" for row in range(60)]
    path.write_text("\n".join(["text,label", *rows]) + "\n", encoding="utf-8")
    asked = {**TOY_SETTINGS, "train.epochs": 1, "data.train": str(path), "data.max_rows": 60}
    maps: list[Any] = ["mask_personal_data", {"squeeze_spaces": {}}]
    train({**asked, "text.maps": maps, "run": str(tmp_path / "run")})
    opened = open_trained(Run(tmp_path / "run"))
    assert list(opened.settings.text.maps) == maps
    first, other, nothing = answer(opened, ["a b u1@x.org", "a  b v2@y.com ", "a b"])
    assert first == other
    assert [first["masked"], nothing["masked"]] == [1, 0]
    # No report of the run shows what was masked.
    shown = [file for file in (tmp_path / "run").rglob("*.*") if file.suffix in (".html", ".json", ".md", ".yaml")]
    assert len(shown) > 4
    assert not [file for file in shown if "@x.org" in file.read_text(encoding="utf-8")]


# Rows


def test_a_split_is_answered_beside_its_truth() -> None:
    split = split_of(store(TEXTS, weights=[0, 1, 2, 3, 4]), [3, 0, 4, 1], [1, 0, -1, 1])
    told: list[int] = []
    found = predict_split(
        made_trained("a", "b", temperature=2.0), split, advance=lambda units, note: told.append(units)
    )
    assert found.truth.tolist() == [1, 0, -1, 1]
    np.testing.assert_allclose(found.logits[:, 0], [2, 2, 28, 0])
    np.testing.assert_allclose(found.scores, softmax(LOGITS[[3, 0, 4, 1]] / 2.0, axis=1), rtol=1e-6)
    assert (found.kind, found.labels, found.thresholds) == ("binary", ("a", "b"), 0.5)
    assert sum(told) == 4


@pytest.mark.parametrize(
    ("labels", "expected"),
    [
        (LabelMap(("a", "b"), False), "binary"),
        (LabelMap(("a", "b", "c"), False), "multiclass"),
        (LabelMap(("a", "b"), False, "none"), "binary"),
        (LabelMap(("a", "b"), True), "multilabel"),
        (LabelMap(("a",), True), "multilabel"),
    ],
)
def test_the_kind_of_task(labels: LabelMap, expected: str) -> None:
    assert kind_of(labels) == expected


# Opening a run


@pytest.fixture(scope="module")
def opened(toy_run: Path) -> Trained:
    return open_trained(Run(toy_run))


@pytest.fixture
def copied(toy_run: Path, tmp_path: Path) -> Run:
    shutil.copytree(toy_run, tmp_path / "run")
    return Run(tmp_path / "run")


def test_a_run_is_opened_as_it_was_left(opened: Trained, toy_run: Path, toy_data: Path) -> None:
    facts = json.loads((toy_run / "labels.json").read_text(encoding="utf-8"))
    assert opened.labels == LabelMap(("bad", "good"), False, None)
    assert opened.temperature == facts["temperature"] != 1.0
    assert opened.scope_threshold == facts["scope_threshold"] is not None
    assert opened.limits == limits_of(opened.pieces, opened.settings.text)
    lines = (toy_data / "test.csv").read_text(encoding="utf-8").splitlines()[1:]
    texts, labels = zip(*(line.split(",") for line in lines), strict=True)
    right = [each["label"] == label for each, label in zip(answer(opened, texts), labels, strict=True)]
    report = json.loads((toy_run / "report.json").read_text(encoding="utf-8"))
    assert np.mean(right) == pytest.approx(report["splits"]["test"]["accuracy"])


def test_a_moved_run_answers_the_same(opened: Trained, copied: Run) -> None:
    moved = open_trained(copied)
    texts = ["a b c 1", "x y z 2", "", "w" * 500]
    np.testing.assert_array_equal(score_texts(moved, texts).logits, score_texts(opened, texts).logits)


NEEDS_BFLOAT16 = pytest.mark.skipif(not multiplies_bfloat16(), reason="this processor does not multiply bfloat16")


@pytest.mark.parametrize("precision", ["float32", pytest.param("bfloat16", marks=NEEDS_BFLOAT16)])
def test_the_pass_for_answers_says_what_the_network_says(precision: str, toy_run: Path) -> None:
    """Padding that is not computed, batches of more texts, and in bfloat16 what that leaves out: no more than this."""
    trained = open_trained(Run(toy_run), precision=precision)
    assert trained.answering is not None
    texts = [" ".join("abcdwxyz"[: 1 + number % 8]) * (1 + number % 5) for number in range(100)]
    fast, whole = (score_texts(each, texts) for each in (trained, replace(trained, answering=None)))
    np.testing.assert_allclose(fast.scores, whole.scores, atol=1e-5 if precision == "float32" else 0.02)
    if precision == "float32":
        assert fast.scores.argmax(1).tolist() == whole.scores.argmax(1).tolist()


EXITS = {
    "heads": [{"layer": 1, "threshold": 0.9}],
    "plan": asdict(ExitPlan((1,), (0.9,), 10, 0.01, 0.8, 0.0, (0.0, 0.0), (0.5,), 0.5)),
}


HEARING = {**EXITS, "heads": [{"layer": 1, "threshold": 0.9, "stack": [0.5, 0.5]}]}


def broken(name: str, change: Callable[[dict[str, Any]], Any]) -> Callable[[Run], None]:
    def write(run: Run) -> None:
        path = run.folder / name
        path.write_text(json.dumps(change(json.loads(path.read_text(encoding="utf-8")))), encoding="utf-8")

    return write


@pytest.mark.parametrize(
    ("spoil", "expected"),
    [
        (
            lambda run: run.labels.write_text("{"),
            "LABELS is not what a training writes (JSONDecodeError('Expecting property name enclosed in double "
            "quotes: line 1 column 2 (char 1)')); train again",
        ),
        (
            broken("labels.json", lambda facts: {"labels": facts["labels"]}),
            "LABELS is not what a training writes (KeyError('kind')); train again",
        ),
        (
            broken("labels.json", lambda facts: {**facts, "temperature": None}),
            'LABELS is not what a training writes (TypeError("float() argument must be a string or a real number, '
            "not 'NoneType'\")); train again",
        ),
        (
            broken("labels.json", lambda facts: {**facts, "labels": ["a", "b", "c"]}),
            "WEIGHTS: classifier.weight is of shape [2, 32]; expected a BERT model with classifier.weight of shape "
            "[3, 32]",
        ),
        (
            broken("labels.json", lambda facts: {**facts, "exits": EXITS, "alone": {"multilabel": False}}),
            "LABELS is not what a training writes (ValueError('exits beside a baseline, as an earlier version settled "
            "them')); train again",
        ),
        (
            broken("labels.json", lambda facts: {**facts, "baseline": None, "exits": HEARING}),
            "LABELS is not what a training writes (ValueError('exits hear a baseline that is not there')); train again",
        ),
    ],
)
def test_a_run_that_was_tampered_with(copied: Run, spoil: Callable[[Run], None], expected: str) -> None:
    spoil(copied)
    with pytest.raises(UsageError) as caught:
        open_trained(copied)
    message = str(caught.value).replace(str(copied.labels), "LABELS").replace(str(copied.weights), "WEIGHTS")
    assert message == expected


def test_weights_that_are_cut_short(copied: Run) -> None:
    copied.weights.write_bytes(copied.weights.read_bytes()[:-100])
    with pytest.raises(UsageError) as caught:
        open_trained(copied)
    assert str(caught.value).startswith(f"{copied.weights} cannot be read: ")
