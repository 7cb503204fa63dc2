"""Messages that no package brings are declared, and places in a file are found."""

from __future__ import annotations

import pytest

from tfclassify.serving.text_protos import MESSAGES, line_of, message_class


@pytest.mark.parametrize("name", MESSAGES)
def test_declared_messages(name: str) -> None:
    message = message_class(name)()
    assert message.DESCRIPTOR.full_name == f"tensorflow.serving.{name}"
    assert [field.name for field in message.DESCRIPTOR.fields] == list(MESSAGES[name])
    assert message_class(name).FromString(message.SerializeToString()) == message


def test_lines_of_values() -> None:
    text = "name: 'a'\nname : \"b\"\nother_name: 'c'\nname: 'a'"
    assert line_of(text, "name", "a") == ":1"
    assert line_of(text, "name", "a", last=True) == ":4"
    assert line_of(text, "name", "b") == ":2"
    assert line_of(text, "name", "c") == ""
