"""What a client reads of an error: the sentence, and nothing of this machine or of the inside of the graph."""

from __future__ import annotations

import errno

import pytest
import tensorflow as tf
from hypothesis import given
from hypothesis import strategies as st

from tfclassify.serving.faults import LONGEST_MESSAGE, client_text, refused
from tfclassify.serving.status import Code

DETECTED = """Graph execution error:

Detected at node 'RestoreV2' defined at (most recent call last):
  File "/opt/a/b.py", line 14, in <module>
    load()
Node: 'RestoreV2'
Read less bytes than requested
\t [[{{node RestoreV2}}]]

Original stack trace for 'RestoreV2':
  File "/opt/a/b.py", line 14, in <module>
"""


@pytest.mark.parametrize(
    ("text", "kept"),
    [
        (DETECTED, "Read less bytes than requested"),
        ("Type mismatch\n\t [[{{node _arg_x_0_0}}]]", "Type mismatch"),
        ("Bad [Op:MatMul] name: ", "Bad"),
        (
            "{{function_node __wrapped__IteratorGetNext_device_/job:localhost/device:CPU:0}} cut short name: ",
            "cut short",
        ),
        ("no file /opt/models/m/1/saved_model.pb; is it there?", "no file saved_model.pb; is it there?"),
        ("file:///opt/models/1 and /opt/models/m/", "1 and"),
        ("either/or, 1/2, https://example.org/a/b, node a/b/c", "either/or, 1/2, https://example.org/a/b, node a/b/c"),
        ("{{node x}} stays where it is no place", "{{node x}} stays where it is no place"),
    ],
)
def test_noise_goes_and_the_sentence_stays(text: str, kept: str) -> None:
    assert client_text(text) == kept


@given(st.text(max_size=3000))
def test_a_message_of_any_text_is_short(text: str) -> None:
    assert len(client_text(text)) <= LONGEST_MESSAGE


@pytest.mark.parametrize(
    ("error", "code", "message"),
    [
        (tf.errors.ResourceExhaustedError(None, None, "OOM"), Code.RESOURCE_EXHAUSTED, "OOM"),
        (tf.errors.DataLossError(None, None, "lost"), Code.DATA_LOSS, "lost"),
        (MemoryError(), Code.RESOURCE_EXHAUSTED, "MemoryError"),
        (
            PermissionError(errno.EACCES, "Permission denied", "/opt/m/1/x"),
            Code.PERMISSION_DENIED,
            "[Errno 13] Permission denied: 'x'",
        ),
        (
            FileNotFoundError(errno.ENOENT, "No such file", "/opt/m/1/x"),
            Code.NOT_FOUND,
            "[Errno 2] No such file: 'x'",
        ),
        (ValueError("what"), Code.INTERNAL, "what"),
    ],
)
def test_errors_keep_their_code(error: Exception, code: Code, message: str) -> None:
    found = refused(error)
    assert (found.code, found.message) == (code, message)
