"""Outputs of a model as the body of an answer: rows under ``predictions``, columns under ``outputs``."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from numpy.typing import NDArray

from tfclassify.serving.rest.json_faults import invalid_argument
from tfclassify.serving.rest.json_writing import nested, quoted, to_bytes, tokens

Outputs = Mapping[str, NDArray[Any]]


def row_answer(outputs: Outputs) -> bytes:
    """Returns one value per row; of several outputs an object, of one output only its value.

    Args:
        outputs: by name, each ``[N, ...]``.

    Raises:
        Refusal: 400, an output has no first axis, or not the others' size of it, or a type without a form in JSON.
    """
    count = _rows_of(outputs)
    columns = {name: _elements(name, values, keep=1) for name, values in outputs.items()}
    if len(columns) == 1:
        ((_, items),) = columns.items()
        return to_bytes(f'{{\n    "predictions": [{", ".join(items)}\n    ]\n}}')
    members = [[f"            {quoted(name)}: {item}" for item in items] for name, items in columns.items()]
    rows = ["\n        {\n" + ",\n".join(column[row] for column in members) + "\n        }" for row in range(count)]
    return to_bytes(f'{{\n    "predictions": [{",".join(rows)}\n    ]\n}}')


def column_answer(outputs: Outputs) -> bytes:
    """Returns whole tensors; of several outputs an object, of one output only its values.

    Raises:
        Refusal: 400, there is no output, or one of a type without a form in JSON.
    """
    _refuse_none(outputs)
    columns = {name: _elements(name, values, keep=0)[0] for name, values in outputs.items()}
    if len(columns) == 1:
        ((_, content),) = columns.items()
        return to_bytes(f'{{\n    "outputs": {content}\n}}')
    members = ",\n".join(f"        {quoted(name)}: {content}" for name, content in columns.items())
    return to_bytes(f'{{\n    "outputs": {{\n{members}\n    }}\n}}')


def _elements(name: str, values: NDArray[Any], *, keep: int) -> list[str]:
    return nested(tokens(values, as_bytes=name.endswith("_bytes")), values.shape, keep=keep)


def _rows_of(outputs: Outputs) -> int:
    _refuse_none(outputs)
    count = None
    for name, values in outputs.items():
        if not values.ndim:
            raise invalid_argument(f"Tensor name: {name} has no shape information ")
        if count is not None and count != len(values):
            raise invalid_argument(f"Tensor name: {name} has inconsistent batch size: {len(values)} expecting: {count}")
        count = len(values)
    return count or 0


def _refuse_none(outputs: Outputs) -> None:
    if not outputs:
        raise invalid_argument("Cannot convert empty tensor map to JSON")
