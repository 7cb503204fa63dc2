"""Rules: texts that a pattern settles have a label before anything is computed; the first rule that matches wins."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import pyarrow as pa
import pyarrow.compute as pc
import tensorflow as tf

from tfclassify.errors import UsageError
from tfclassify.model.routes import First, Routed
from tfclassify.settings import Rule

PREFIX = "rule:"
# Its name scope in the graph.
SCOPE = "rules"
# A softmax, or a sigmoid, of 40 is 1 in float32, and what is left for other labels is below 1e-17.
CERTAIN = 40.0

Logits = list[float]


def check_patterns(rules: Sequence[Rule]) -> None:
    """Raises UsageError where a pattern is none that the graph's own regular expressions take."""
    for rule in rules:
        try:
            # As it is: around the middle of a pattern, parentheses may close what they never opened. TensorFlow's own
            # RE2 writes what is wrong to the terminal, too.
            pc.match_substring_regex(pa.array([""]), rule.pattern)
            _matches(rule, tf.constant([""]))
        except (pa.ArrowInvalid, tf.errors.InvalidArgumentError) as error:
            raise UsageError(
                f"answer.rules: the pattern of {rule.name} is '{rule.pattern}' ({_said(error, rule.pattern)}); "
                "expected a regular expression in RE2's syntax"
            ) from error


def _said(error: Exception, pattern: str) -> str:
    """Returns what RE2 says is wrong, without what either library puts around it."""
    said = str(error).removeprefix("Invalid regular expression: ").partition(" [Op:")[0]
    return (said.partition("error: ")[2] or said).removesuffix(f": {pattern}")


def first_matching(rules: Sequence[Rule], texts: Mapping[str, tf.Tensor]) -> tf.Tensor:
    """Returns int32[B]: the place of the first rule that matches a text, or the number of rules where none does.

    Args:
        rules: R of them, at least one.
        texts: string[B] by column, as the maps left them.
    """
    hits = tf.stack([_matches(rule, texts[rule.column]) for rule in rules], axis=1)
    first = tf.argmax(tf.cast(hits, tf.int32), axis=1, output_type=tf.int32)
    return tf.where(tf.reduce_any(hits, axis=1), first, len(rules))


def certain(label: int, classes: int, *, multilabel: bool, temperature: float, scope_threshold: float | None) -> Logits:
    """Returns C logits that stand for a label of score 1, in scope.

    Args:
        label: its number.
        classes: C.
        multilabel: labels are independent of each other.
        temperature: that logits will be divided by.
        scope_threshold: that scope scores will be held against.
    """
    high = CERTAIN * temperature
    if multilabel:
        return [high if number == label else -high for number in range(classes)]
    lift = 0.0 if scope_threshold is None else max(0.0, scope_threshold - high + abs(scope_threshold) * 1e-3)
    return [lift + (high if number == label else 0.0) for number in range(classes)]


def ruled(rules: Sequence[Rule], logits: Sequence[Logits]) -> First:
    """Returns what settles the texts that a rule matches.

    Args:
        rules: R of them, at least one.
        logits: C logits for each rule, as :func:`certain` makes them.
    """
    rows = tf.constant([*logits, [0.0] * len(logits[0])], tf.float32)
    routes = tf.constant([*(f"{PREFIX}{rule.name}" for rule in rules), ""])

    def run(given: Mapping[str, tf.Tensor]) -> tuple[Routed, tf.Tensor]:
        with tf.name_scope(SCOPE):
            found = first_matching(rules, given)
            return Routed(tf.gather(rows, found), tf.gather(routes, found)), found < len(rules)

    return run


def rule_of(routes: tf.Tensor) -> tf.Tensor:
    """Returns string[B]: the names of the rules that settled texts, "" of those that none did."""
    by_rule = tf.strings.regex_full_match(routes, f"{PREFIX}.*")
    return tf.where(by_rule, tf.strings.regex_replace(routes, f"^{PREFIX}", ""), "")


def _matches(rule: Rule, texts: tf.Tensor) -> tf.Tensor:
    # \C is any byte: a text need not be sound UTF-8 to be looked at.
    return tf.strings.regex_full_match(texts, rf"\C*(?:{rule.pattern})\C*")
