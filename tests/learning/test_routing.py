"""The routes of rows in a run: rules, then the baseline, then the network for what is left; each row exactly one."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import settings as tried
from hypothesis import strategies as st
from made_ngrams import made_ngrams
from made_stores import split_of, store
from made_trained import made_trained

from tfclassify.learning.trained import Trained, answer, predict_split
from tfclassify.model.cascades import InGraphBaseline

RULES = [
    {"name": "R1", "pattern": "^ab", "label": "b"},
    {"name": "R2", "pattern": "b{3}", "label": "a"},
]
BASELINE = InGraphBaseline(made_ngrams({"a": [6, 0], "b": [0, 6]}), temperature=2.0, margin=4.0)
WHOLE = ("rule:R1", "rule:R2", "baseline", "full")
TEXTS = ["a", "b", "abb", "bbb", "ba", "ac", "cc", "", "abbb"]
# Of "ac" the baseline knows one letter of two, and that is all that there is of it for it.
ROUTES = ["baseline", "baseline", "rule:R1", "rule:R2", "full", "baseline", "full", "full", "rule:R1"]


def routed(**asked: Any) -> Trained:
    plain = made_trained("a", "b", answer__rules=RULES, **asked)
    return replace(plain, baseline=BASELINE, temperature=0.7, scope_threshold=-1.0)


def test_each_by_the_first_that_can() -> None:
    answers = answer(routed(), TEXTS)
    assert [each["route"] for each in answers] == ROUTES
    assert [each["rule"] for each in answers] == [None, None, "R1", "R2", *[None] * 4, "R1"]
    assert [each["label"] for each in answers[2:4]] == ["b", "a"]
    assert [each["score"] for each in answers[2:4]] == [1.0, 1.0]
    assert all(each["in_scope"] for each in answers)


def test_of_texts_and_of_a_split_the_same() -> None:
    split = split_of(store(TEXTS), range(1, 9), [0] * 8)
    predictions, answers = predict_split(routed(), split), answer(routed(), TEXTS)[1:]
    assert predictions.routes is not None
    assert predictions.routes.tolist() == [each["route"] for each in answers]
    assert predictions.scores[:, 0].tolist() == pytest.approx([each["scores"]["a"] for each in answers])


@tried(max_examples=15)
@given(st.lists(st.text("abc", max_size=5), min_size=1, max_size=6))
def test_a_row_has_one_route_whatever_comes_with_it(texts: list[str]) -> None:
    trained = routed()
    together = answer(trained, texts)
    assert all(each["route"] in WHOLE for each in together)
    for text, each in zip(texts, together, strict=True):
        (alone,) = answer(trained, [text])
        assert (alone["route"], alone["label"]) == (each["route"], each["label"])
        assert alone["scores"] == pytest.approx(each["scores"], abs=1e-5)


def test_the_network_sees_only_what_is_left() -> None:
    seen: list[int] = []
    trained = routed()

    def forward(ids: Any, mask: Any, types: Any) -> Any:
        seen.append(int(ids.shape[0]))
        return trained.forward(ids, mask, types)

    answer(replace(trained, forward=forward), TEXTS)
    assert sum(seen) == 3
    seen.clear()
    answer(replace(trained, forward=forward), ["a", "b", "abb"])
    assert seen == []


def test_the_baseline_is_added_where_that_was_settled() -> None:
    stacking = replace(BASELINE, margin=None, stack=(0.5, 3.0))
    trained = replace(made_trained("a", "b"), baseline=stacking)
    split = split_of(store(["a", "bc"]), range(2), [0, 1])
    # The network says twice the letters; the baseline 6 for a letter alone, halved.
    found = predict_split(trained, split).logits
    np.testing.assert_allclose(found, [[0.5 * 2 + 3 * 6 / 2, 0], [0, 0.5 * 2 + 3 * 6 / 2]], rtol=1e-6)


def test_of_pairs_rules_look_in_the_text_that_they_name() -> None:
    rules = [{"name": "B", "pattern": "x", "label": "b", "column": "text_b"}]
    trained = made_trained("a", "b", answer__rules=rules)
    answers = answer(trained, ["x", "a"], ["y", "x"])
    assert [each["route"] for each in answers] == ["full", "rule:B"]
    split = split_of(store(["x", "a"], texts_b=["y", "x"]), range(2), [0, 0])
    routes = predict_split(trained, split).routes
    assert routes is not None
    assert routes.tolist() == ["full", "rule:B"]
