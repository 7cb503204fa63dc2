"""Rules: the first that matches wins, its label has score 1 and is in scope, and a bad pattern is told in one line."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import tensorflow as tf
from scipy.special import expit, logsumexp, softmax

from tfclassify.errors import UsageError
from tfclassify.model.rules import certain, check_patterns, first_matching, rule_of, ruled
from tfclassify.settings import Rule


def rule(name: str, pattern: str, label: str = "a", column: Any = "text") -> Rule:
    return Rule(name=name, pattern=pattern, label=label, column=column)


RULES = (
    rule("R1", "(?i)refund"),
    rule("R2", r"^ok$"),
    rule("R3", r"refund|\bnot?\b", column="text_b"),
    rule("R4", "über"),
)


def found(texts: list[str | bytes], texts_b: list[str] | None = None) -> list[int]:
    given = {"text": tf.constant(texts), "text_b": tf.constant(texts_b or [""] * len(texts))}
    return first_matching(RULES, given).numpy().tolist()


def test_a_pattern_is_looked_for_anywhere() -> None:
    assert found(["a REFUND\nplease", "ok", "not ok", "okay", "gar nicht übel", "drüber"]) == [0, 1, 4, 4, 4, 3]


def test_the_first_rule_wins_whatever_the_column() -> None:
    assert found(["refund", "x", "ok", "x"], ["no", "no", "refund", "nothing"]) == [0, 2, 1, 4]


def test_texts_need_not_be_sound() -> None:
    assert found([b"\xff\xfe refund \xc3", b"\xff", b"", "\ufffd\nRefund\u2028"]) == [0, 4, 4, 0]


@pytest.mark.parametrize("threshold", [None, -3.0, 2.0, 500.0])
@pytest.mark.parametrize("temperature", [0.05, 1.0, 20.0])
def test_a_rule_is_certain_and_in_scope(temperature: float, threshold: float | None) -> None:
    made = certain(1, 3, multilabel=False, temperature=temperature, scope_threshold=threshold)
    logits = np.array(made, np.float32)
    divided = logits / np.float32(temperature)
    assert softmax(divided).tolist() == pytest.approx([0, 1, 0], abs=1e-15)
    assert np.float32(softmax(divided)[1]) == 1.0
    assert threshold is None or temperature * logsumexp(divided) >= threshold


def test_of_several_labels_it_gives_one() -> None:
    logits = np.array(certain(2, 3, multilabel=True, temperature=2.0, scope_threshold=None)) / 2.0
    assert expit(logits).round(12).tolist() == [0, 0, 1]


def test_routes_name_the_rule() -> None:
    routed, settled = ruled(RULES[:2], [[1.0, 0.0], [0.0, 1.0]])({"text": tf.constant(["ok", "x", "refund"])})
    assert settled.numpy().tolist() == [True, False, True]
    assert routed.route.numpy().tolist() == [b"rule:R2", b"", b"rule:R1"]
    assert routed.logits.numpy().tolist() == [[0, 1], [0, 0], [1, 0]]
    routes = tf.constant(["rule:R2", "full", "exit@3", "rule:a.b", "windows 2/9"])
    assert rule_of(routes).numpy().tolist() == [b"R2", b"", b"", b"a.b", b""]


@pytest.mark.parametrize(
    ("pattern", "said"), [("(?<=a)b", "invalid perl operator: (?<"), ("(ok", "missing )"), ("a)(b", "unexpected )")]
)
def test_a_pattern_that_is_none(pattern: str, said: str, capfd: pytest.CaptureFixture[str]) -> None:
    check_patterns(RULES)
    with pytest.raises(UsageError) as caught:
        check_patterns([*RULES, rule("R9", pattern)])
    assert str(caught.value) == (
        f"answer.rules: the pattern of R9 is '{pattern}' ({said}); expected a regular expression in RE2's syntax"
    )
    # RE2 would also tell the terminal, in words of its own.
    assert capfd.readouterr() == ("", "")


def test_a_pattern_that_is_none_among_parentheses() -> None:
    pattern = r"\Qa"
    with pytest.raises(UsageError) as caught:
        check_patterns([*RULES, rule("R9", pattern)])
    assert str(caught.value).startswith(f"answer.rules: the pattern of R9 is '{pattern}' (")
    assert str(caught.value).endswith("); expected a regular expression in RE2's syntax")
    assert "\n" not in str(caught.value)
