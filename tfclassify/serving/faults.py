"""What TensorFlow raises, as a refusal: the same canonical code, and a message that is fit for a client."""

from __future__ import annotations

import re

import tensorflow as tf

from tfclassify.serving.status import Code, Refusal

# Node names, the places in Python where a node was made, and what stands around an error of ``session.run``.
NOISE = re.compile(
    r"""
      ^Graph\ execution\ error:\s*                               # first line
    | ^Detected\ at\ node.*?^Node:[^\n]*\n                       # where it was made
    | \n+Original\ stack\ trace\ for.*\Z
    | \n+Errors?\ may\ have\ originated\ from\ an\ input.*\Z
    | \n+Stack\ trace\ for\ op\ definition.*\Z
    | \n*\ *\d+\ (?:successful\ operations|derived\ errors)[^\n]*
    | \s*\[\[\{\{.*?\}\}\]\]                                     # [[{{node x}}]]
    | \{\{function_node\ [^}]*\}\}\s*
    | \s*\[Op:[^\]]*\]
    | \s+name:\s*\Z                                             # of an op of eager TensorFlow, which has none
    """,
    re.VERBOSE | re.DOTALL | re.MULTILINE,
)
# An absolute path of at least two names; what is kept is the last.
PATH = re.compile(r"(?<![\w.~/-])(?:file:/*)?/(?:[^\s/:;,'\"<>(){}\[\]]+/)+([^\s/:;,'\"<>()\[\]]*)")
LONGEST_MESSAGE = 1024
LONGEST_READ = 4096


def refused(error: Exception) -> Refusal:
    """Returns what is answered where TensorFlow, or the reading of a file, raised an error."""
    return Refusal(_code(error), client_text(_message(error)))


def client_text(text: str) -> str:
    """Returns a message without names of nodes, stack traces and folders of this machine, at most 1024 characters."""
    # What an error quotes of a request may be long, and made to keep the expressions busy.
    clean = PATH.sub(r"\1", NOISE.sub("", text[:LONGEST_READ])).strip()
    return clean if len(clean) <= LONGEST_MESSAGE else clean[: LONGEST_MESSAGE - 3] + "..."


def _code(error: Exception) -> Code:
    if isinstance(error, tf.errors.OpError):
        return Code(error.error_code)
    if isinstance(error, MemoryError):
        return Code.RESOURCE_EXHAUSTED
    if isinstance(error, PermissionError):
        return Code.PERMISSION_DENIED
    if isinstance(error, OSError):
        return Code.NOT_FOUND
    return Code.INTERNAL


def _message(error: Exception) -> str:
    text = error.message if isinstance(error, tf.errors.OpError) else str(error)
    return str(text) or type(error).__name__
