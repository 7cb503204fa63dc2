"""The body of a predict request as tensors: the row form and the columnar form of TensorFlow Serving's REST API."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tfclassify.serving.loaded import Tensors
from tfclassify.serving.rest.base64_text import decoded, is_base64
from tfclassify.serving.rest.dtypes import ACCEPTED, STRING, Accepted, name_of
from tfclassify.serving.rest.json_faults import invalid_argument
from tfclassify.serving.rest.json_writing import Echo
from tfclassify.serving.signatures import Signature, TensorInfo
from tfclassify.serving.status import Code, Refusal

DEFAULT_SIGNATURE = "serving_default"
_JSON_TYPES = {
    type(None): "Null",
    dict: "Object",
    list: "Array",
    str: "String",
    int: "Number",
    float: "Number",
}
Shape = tuple[int, ...]


@dataclass(frozen=True)
class Asked:
    """What a predict request says.

    Attributes:
        tensors: inputs by name.
        rows: whether it came in the row form, and is answered in it.
    """

    tensors: Tensors
    rows: bool


def json_type(value: Any) -> str:
    """Returns the name that errors have for the type of a JSON value."""
    if isinstance(value, bool):
        return "True" if value else "False"
    return _JSON_TYPES[type(value)]


def signature_name(document: Any, *, echo: Echo) -> str:
    """Returns the signature that a request names, or the default one.

    Raises:
        Refusal: 400, the document is no object, or the name is no string.
    """
    if not isinstance(document, dict):
        raise invalid_argument(f"JSON Value: {echo(document)} Is not object")
    name = document.get("signature_name", "")
    if not isinstance(name, str):
        raise invalid_argument(
            f"JSON Value: {echo(document)} not formatted correctly. 'signature_name' key must be a string value."
        )
    return name or DEFAULT_SIGNATURE


def asked(document: Mapping[str, Any], signature: Signature, *, name: str, echo: Echo) -> Asked:
    """Reads the tensors of a predict request.

    Args:
        document: the parsed body.
        signature: that it is for.
        name: of the signature.
        echo: writes values into errors.

    Raises:
        Refusal: 400 as TensorFlow Serving words it; 501 for types without a form in JSON, in the columnar form.
    """
    if not signature.inputs:
        raise invalid_argument(
            f"Failed to get input map for signature: {'DEFAULT' if name == DEFAULT_SIGNATURE else name}"
        )
    if "instances" not in document:
        if "inputs" not in document:
            raise invalid_argument("Missing 'inputs' or 'instances' key")
        return Asked(_columns(document["inputs"], signature.inputs, echo), rows=False)
    _check_rows(document, echo)
    return Asked(_rows(document["instances"], signature.inputs, echo), rows=True)


def _check_rows(document: Mapping[str, Any], echo: Echo) -> None:
    wrong = None
    if "inputs" in document:
        wrong = "Not formatted correctly expecting only one of 'inputs' or 'instances' keys to exist "
    elif not isinstance(document["instances"], list):
        wrong = "Excepting 'instances' to be an list/array"
    elif not document["instances"]:
        wrong = "No values in 'instances' array"
    if wrong:
        raise invalid_argument(f"JSON Value: {echo(document)} {wrong}")


def _columns(value: Any, inputs: Mapping[str, TensorInfo], echo: Echo) -> Tensors:
    if isinstance(value, dict) and not is_base64(value):
        return {name: _column(value, name, info, echo) for name, info in sorted(inputs.items())}
    if len(inputs) > 1:
        raise invalid_argument(
            "inputs is a plain value/list, but expecting an object as multiple input tensors required as per "
            "tensorinfo_map"
        )
    ((name, info),) = inputs.items()
    return {name: _tensor(value, info, echo)}


def _column(value: Mapping[str, Any], name: str, info: TensorInfo, echo: Echo) -> NDArray[Any]:
    if name not in value:
        raise invalid_argument(f"Missing named input: {name} in 'inputs' object.")
    return _tensor(value[name], info, echo)


def _tensor(value: Any, info: TensorInfo, echo: Echo) -> NDArray[Any]:
    shape = _shape(value)
    filled: list[Any] = []
    _fill(value, 0, shape, info.dtype, filled, echo)
    return _array(filled, info.dtype, shape)


def _rows(instances: Sequence[Any], inputs: Mapping[str, TensorInfo], echo: Echo) -> Tensors:
    if len(inputs) > 1 and not isinstance(instances[0], dict):
        raise invalid_argument(
            "instances is a plain list, but expecting list of objects as multiple input tensors required as per "
            "tensorinfo_map"
        )
    if not _named(instances[0]):
        # Of several inputs only base64 comes so far; the model refuses it, since the others are missing.
        name = min(inputs)
        return {name: _plain_rows(instances, inputs[name], echo)}
    stacks = {name: _Stack(info.dtype, []) for name, info in inputs.items()}
    names = sorted(inputs)
    for number, element in enumerate(instances):
        _add_named(element, number, names, stacks, echo)
    return {name: stack.array(len(instances)) for name, stack in stacks.items()}


def _plain_rows(instances: Sequence[Any], info: TensorInfo, echo: Echo) -> NDArray[Any]:
    accepted = ACCEPTED.get(info.dtype)
    # All of it is scalars of the right kind: what most requests are.
    if accepted and _all_fit(instances, accepted):
        return _array(instances, info.dtype, (len(instances),))
    stack = _Stack(info.dtype, [])
    for number, element in enumerate(instances):
        if _named(element):
            raise invalid_argument(f"Expecting value/list but got object at item {number} of input list")
        stack.add(element, f"Failed to process element: {number} of 'instances' list. Error: ", echo)
    return stack.array(len(instances))


def _add_named(element: Any, number: int, names: Sequence[str], stacks: Mapping[str, _Stack], echo: Echo) -> None:
    if not _named(element):
        raise invalid_argument(f"Expecting object but got list at item {number} of input list")
    for name, value in element.items():
        place = f"Failed to process element: {number} key: {name} of 'instances' list. Error: "
        if name not in stacks:
            raise invalid_argument(f"{place}INVALID_ARGUMENT: JSON object: does not have named input: {name}")
        stacks[name].add(value, place, echo)
    if len(element) != len(names):
        raise invalid_argument(
            f"Failed to process element: {number} of 'instances' list. JSON object: {echo(element)} keys must be "
            f"equal to: {','.join(names)}"
        )


def _named(element: Any) -> bool:
    return isinstance(element, dict) and not is_base64(element)


class _Stack:
    """Elements of equal shape, one upon the other."""

    def __init__(self, dtype: int, filled: list[Any]) -> None:
        self.dtype = dtype
        self.filled = filled
        self.shape: Shape | None = None
        self.size = 0

    def add(self, value: Any, place: str, echo: Echo) -> None:
        """Puts an element on top; ``place`` begins the errors about it."""
        shape, before = _shape(value), len(self.filled)
        try:
            _fill(value, 0, shape, self.dtype, self.filled, echo)
            self._compare(shape, len(self.filled) - before)
        except Refusal as refusal:
            raise invalid_argument(f"{place}{refusal.code.name}: {refusal.message}") from None

    def _compare(self, shape: Shape, size: int) -> None:
        if self.shape is None:
            self.shape, self.size = shape, size
        elif size != self.size:
            raise invalid_argument(f"Expecting tensor size: {self.size} but got: {size}")
        elif shape != self.shape:
            raise invalid_argument(f"Expecting shape {_written(self.shape)} but got: {_written(shape)}")

    def array(self, count: int) -> NDArray[Any]:
        """Returns all of them; the first axis counts them."""
        return _array(self.filled, self.dtype, (count, *(self.shape or ())))


def _shape(value: Any) -> Shape:
    """Takes the first element at each level for all of them."""
    shape: list[int] = []
    while isinstance(value, list):
        shape.append(len(value))
        value = value[0] if value else None
    return tuple(shape)


def _written(shape: Shape) -> str:
    return f"[{','.join(map(str, shape))}]"


def _fill(value: Any, level: int, shape: Shape, dtype: int, filled: list[Any], echo: Echo) -> None:
    rank = len(shape)
    if not isinstance(value, list):
        if level != rank:
            raise invalid_argument(
                f"JSON Value: {echo(value)} found at incorrect level: {level + 1} in the JSON DOM. "
                f"Expected at level: {rank}"
            )
        filled.append(_scalar(value, dtype, echo))
        return
    if level >= rank:
        raise invalid_argument(f"Encountered list at unexpected level: {level} expected < {rank}")
    if len(value) != shape[level]:
        raise invalid_argument(
            f"Encountered list at unexpected size: {len(value)} at level: {level} expected size: {shape[level]}"
        )
    accepted = ACCEPTED.get(dtype)
    if level == rank - 1 and accepted and _all_fit(value, accepted):
        filled.extend(value)
        return
    for element in value:
        _fill(element, level + 1, shape, dtype, filled, echo)


def _all_fit(values: Sequence[Any], accepted: Accepted) -> bool:
    if not accepted.kinds.issuperset(map(type, values)):
        return False
    narrow = accepted.dtype in (np.int32, np.int64, np.uint32, np.uint64)
    return not narrow or not values or (min(values) >= accepted.low and max(values) <= accepted.high)


def _scalar(value: Any, dtype: int, echo: Echo) -> Any:
    accepted = ACCEPTED.get(dtype)
    if dtype == STRING and isinstance(value, dict):
        if not is_base64(value):
            raise invalid_argument(f"JSON Value: {echo(value)} not formatted correctly for base64 data")
        return decoded(value)
    if accepted is None and not isinstance(value, dict):
        raise Refusal(Code.UNIMPLEMENTED, f"Conversion of JSON Value: {echo(value)} to type: {name_of(dtype)}")
    if accepted is None or not _all_fit([value], accepted):
        raise invalid_argument(
            f"JSON Value: {echo(value)} Type: {json_type(value)} is not of expected type: {name_of(dtype)}"
        )
    return value


def _array(filled: Sequence[Any], dtype: int, shape: Shape) -> NDArray[Any]:
    accepted = ACCEPTED.get(dtype)
    if accepted is None:
        # Only of no elements, of which none could be refused.
        raise Refusal(Code.UNIMPLEMENTED, f"Tensors of type {name_of(dtype)} have no form in JSON")
    if dtype == STRING:
        strings = np.empty(len(filled), np.object_)
        strings[:] = [value.encode() if isinstance(value, str) else value for value in filled]
        return strings.reshape(shape)
    with np.errstate(over="ignore"):
        return np.array(filled, accepted.dtype).astype(accepted.final, copy=False).reshape(shape)
