"""Texts of errors, cut as the stock server cuts them."""

from __future__ import annotations

import grpc
from hypothesis import given
from hypothesis import strategies as st

from tfclassify.serving.grpc_calls import STATUS, client_details
from tfclassify.serving.status import Code


@given(st.text(max_size=3000) | st.text("é𝄞", max_size=1500))
def test_a_text_is_whole_or_marked_as_cut(text: str) -> None:
    found = client_details(text)
    if len(text.encode(errors="replace")) <= 1024:
        assert found == text
    else:
        kept = found.removesuffix("...TRUNCATED")
        assert kept != found
        assert len(kept.encode()) <= 1024
        assert text.encode(errors="replace").startswith(kept.encode())


def test_half_a_surrogate_pair_can_be_sent() -> None:
    assert client_details("a\ud800b") == "a?b"


def test_codes_are_grpc_s() -> None:
    assert {code.name: STATUS[int(code)] for code in Code} == {status.name: status for status in grpc.StatusCode}
