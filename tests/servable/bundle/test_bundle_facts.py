"""Facts that no server would load are refused in words."""

from __future__ import annotations

import pytest
from made_bundles import facts

from tfclassify.errors import UsageError


@pytest.mark.parametrize(
    ("sizes", "given"), [((), "none"), ((0, 1), "0, 1"), ((4, 2), "4, 2"), ((2, 2), "2, 2"), ((-1,), "-1")]
)
def test_batch_sizes_rise_from_one(sizes: tuple[int, ...], given: str) -> None:
    with pytest.raises(UsageError) as caught:
        facts(batch_sizes=sizes)
    expected = f"batch sizes {given}: expected whole numbers from 1 up, each greater than the one before"
    assert str(caught.value) == expected


def test_a_version_is_a_number_from_one_up() -> None:
    with pytest.raises(UsageError, match=r"^version 0: expected a whole number from 1 up$"):
        facts(version=0)


def test_inputs_are_those_of_the_examples_texts_first() -> None:
    assert facts(examples=()).inputs == ("text",)
    assert facts(examples=(), pairs=True).inputs == ("text", "text_b")
    example = {"inputs": {"price": 2.5, "text": "a", "text_b": "b"}, "outputs": {}}
    assert facts(examples=(example,), pairs=True).inputs == ("text", "text_b", "price")
