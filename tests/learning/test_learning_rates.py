"""Learning rates before a training: what is found by a few steps, and when it says that the planned one diverges."""

from __future__ import annotations

from collections.abc import Iterator
from math import log
from typing import Any

import pytest
from small_networks import small_files
from test_training import made_corpus, made_plan, pieces_of

from tfclassify.learning import learning_rates
from tfclassify.learning.learning_rates import RateCheck, check_rates
from tfclassify.learning.strategies import set_precision
from tfclassify.model.weights import Found

HOUR = 3600.0


@pytest.fixture(scope="module")
def found(tmp_path_factory: pytest.TempPathFactory) -> Found:
    """A network whose vocabulary has every letter at its code point."""
    folder = tmp_path_factory.mktemp("model")
    made = small_files(folder, vocab_size=128)
    words = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", *(f"piece{number}" for number in range(4, 128))]
    (folder / "vocab.txt").write_text("\n".join(words) + "\n", encoding="utf-8")
    return made


@pytest.fixture(autouse=True)
def precision() -> Iterator[None]:
    yield
    set_precision("float32")


def checked(found: Found, *, seconds: float = HOUR, **asked: Any) -> RateCheck | str:
    corpus = made_corpus()
    return check_rates(made_plan(found, corpus, **asked), corpus, found, pieces_of(found), seconds=seconds)


def made(planned: float | None, third: float | None, triple: float | None) -> RateCheck:
    return RateCheck(3e-4, 12, 0.7, {1.0: planned, 1 / 3: third, 3.0: triple}, 1.5)


TOLD = "12 steps each in 1.5 s: a loss of 0.7 becomes "


@pytest.mark.parametrize(
    ("check", "lower", "sentence"),
    [
        (made(0.4, 0.5, 0.2), None, f"{TOLD}0.5 at 0.0001, 0.4 at 0.0003, 0.2 at 0.0009"),
        (made(0.87, 0.5, 9.0), None, f"{TOLD}0.5 at 0.0001, 0.87 at 0.0003, 9 at 0.0009"),
        (made(0.88, 0.5, 9.0), 1e-4, f"{TOLD}0.5 at 0.0001, 0.88 at 0.0003, 9 at 0.0009; 0.0003 diverges"),
        (
            made(None, 0.7, None),
            1e-4,
            f"{TOLD}0.7 at 0.0001, no finite number at 0.0003, no finite number at 0.0009; 0.0003 diverges",
        ),
        (
            made(2.0, 1.0, None),
            None,
            f"{TOLD}1 at 0.0001, 2 at 0.0003, no finite number at 0.0009; all of them diverge: look at the data first",
        ),
    ],
)
def test_what_is_said_and_when_a_third_is_better(check: RateCheck, lower: float | None, sentence: str) -> None:
    assert check.lower == lower
    assert check.sentence == sentence


def test_each_rate_begins_with_the_same_weights(found: Found, monkeypatch: pytest.MonkeyPatch) -> None:
    kept: dict[float, list[float | None]] = {}
    plain = learning_rates._losses

    def keeping(*given: Any, factor: float, **more: Any) -> list[float | None]:
        kept[factor] = plain(*given, factor=factor, **more)
        return kept[factor]

    monkeypatch.setattr(learning_rates, "_losses", keeping)
    check = checked(found, train__learning_rate=0.03)
    assert isinstance(check, RateCheck)
    # Four epochs of five batches.
    assert (check.rate, check.steps) == (0.03, 20)
    assert [len(losses) for losses in kept.values()] == [20] * 3
    assert len({losses[0] for losses in kept.values()}) == 1
    assert len({losses[-1] for losses in kept.values()}) == 3
    assert check.begun == pytest.approx(log(2), abs=0.1)
    assert check.ended[1.0] is not None
    assert check.ended[1.0] < check.begun
    assert check.lower is None


def test_a_rate_that_diverges(found: Found) -> None:
    check = checked(found, train__learning_rate=1e30)
    assert isinstance(check, RateCheck)
    assert check.lower is None
    assert "look at the data first" in check.sentence


def test_machines_that_train_together_do_not_look(found: Found) -> None:
    assert checked(found, train__strategy="multi_worker") == (
        "no look at learning rates: each machine might find another one"
    )


@pytest.mark.parametrize(("steps", "enough"), [(5.9, False), (6.1, True)])
def test_as_many_steps_as_there_is_time_for(found: Found, steps: float, enough: bool) -> None:
    each = made_plan(found, made_corpus()).costs.seconds_per_epoch / 5
    check = checked(found, seconds=3 * steps * each)
    if enough:
        assert isinstance(check, RateCheck)
        assert check.steps == 6
    else:
        assert check == ("no look at learning rates: there is time, and there are batches, for 5 steps each, too few")
