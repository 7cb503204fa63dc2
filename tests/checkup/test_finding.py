"""Findings: how severe a share is, and in which order they are told."""

from __future__ import annotations

from tfclassify.checkup.finding import Finding, by_severity, graded


def test_shares_are_graded() -> None:
    assert [graded(share, warning=0.01, serious=0.1) for share in (0.0, 0.0099, 0.01, 0.0999, 0.1, 1.0)] == [
        "note", "note", "warning", "warning", "serious", "serious",
    ]  # fmt: skip


def test_serious_ones_come_first_and_others_keep_their_order() -> None:
    made = [
        Finding(name, severity, f"{name}.", "costs", "do")
        for name, severity in (("a", "note"), ("b", "warning"), ("c", "serious"), ("d", "warning"), ("e", "serious"))
    ]
    assert [finding.name for finding in by_severity(made)] == ["c", "e", "b", "d", "a"]
