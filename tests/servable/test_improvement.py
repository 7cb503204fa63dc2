"""The gate against getting worse."""

from __future__ import annotations

import pytest

from tfclassify.errors import UsageError
from tfclassify.servable.improvement import check_not_worse

TRUTH = [frozenset(["a"])] * 100


def right(rows: int) -> list[dict[str, str]]:
    return [{"label": "a" if row < rows else "b"} for row in range(100)]


def test_one_that_is_better_or_as_good_may_go() -> None:
    made = check_not_worse(right(90), right(80), TRUTH, name="old")
    assert (made.rows, made.accuracy, made.replaced_accuracy) == (100, 0.9, 0.8)
    assert made.difference == pytest.approx(0.1)
    assert 0 < made.interval[0] < 0.1 < made.interval[1]
    assert check_not_worse(right(90), right(90), TRUTH, name="old").difference == 0


def test_one_that_is_worse_by_chance_may_go() -> None:
    assert check_not_worse(right(88), right(90), TRUTH, name="old").difference == pytest.approx(-0.02)


def test_one_that_is_worse_may_not() -> None:
    with pytest.raises(UsageError) as caught:
        check_not_worse(right(70), right(90), TRUTH, name="saved_models/old")
    assert str(caught.value) == (
        "better_than=saved_models/old: of 100 rows this run has 70.0% right, what it would replace 90.0% (difference "
        "-20.0%, 95 % interval -27.5% to -11.7%); expected one that is not worse"
    )


def test_of_several_labels_all_count() -> None:
    truth = [frozenset(["a", "b"]), frozenset()]
    answers = [{"label": "a", "labels": ["b", "a"]}, {"label": "a", "labels": []}]
    assert check_not_worse(answers, answers, truth, name="old").accuracy == 1.0
    worse = [{"label": "a", "labels": ["a"]}, {"label": "a", "labels": ["a"]}]
    assert check_not_worse(answers, worse, truth, name="old").replaced_accuracy == 0.0
