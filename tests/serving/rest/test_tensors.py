"""Rows and columns become tensors by stock's rules, and what breaks a rule is told in stock's words."""

from __future__ import annotations

import json
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tfclassify.serving.rest.json_text import parse
from tfclassify.serving.rest.json_writing import echo, echo_nothing
from tfclassify.serving.rest.tensors import Asked, asked, signature_name
from tfclassify.serving.signatures import Signature, TensorInfo
from tfclassify.serving.status import Refusal

DTYPES = {"float": 1, "double": 2, "int32": 3, "uint8": 4, "int16": 5, "int8": 6, "string": 7, "int64": 9, "bool": 10}
DTYPES |= {"half": 19, "uint32": 22, "uint64": 23}


def read(document: Any, **inputs: str) -> Asked:
    """Reads a request to a signature of inputs of unknown rank."""
    text = document if isinstance(document, str) else json.dumps(document)
    taken = {name: TensorInfo(f"{name}:0", DTYPES[dtype], None) for name, dtype in inputs.items()}
    parsed = parse(text.encode(), max_depth=64, max_members=1000)
    return asked(parsed, Signature(taken, {}, ""), name="serving_default", echo=echo)


def tensor(document: Any, dtype: str) -> np.ndarray:
    return read(document, x=dtype).tensors["x"]


def refusal(document: Any, **inputs: str) -> Refusal:
    with pytest.raises(Refusal) as caught:
        read(document, **inputs)
    return caught.value


@pytest.mark.parametrize(
    ("body", "dtype", "values"),
    [
        ('{"instances": [3, 2.5, 1e2]}', "float", np.array([3, 2.5, 100], np.float32)),
        (
            '{"instances": [16777217, 1e308, -1e308, 1e-60]}',
            "float",
            np.array([16777216, np.inf, -np.inf, 0], np.float32),
        ),
        ('{"instances": [[1, 2], [3, 4]]}', "int32", np.array([[1, 2], [3, 4]], np.int32)),
        ('{"instances": [-9223372036854775808]}', "int64", np.array([-(2**63)])),
        ('{"instances": [18446744073709551615]}', "uint64", np.array([2**64 - 1], np.uint64)),
        ('{"instances": [300, -1]}', "uint8", np.array([44, 255], np.uint8)),
        ('{"instances": [true, false]}', "bool", np.array([True, False])),
        ('{"instances": [[]]}', "float", np.zeros((1, 0), np.float32)),
        ('{"instances": [[[], []]]}', "double", np.zeros((1, 2, 0))),
        ('{"inputs": []}', "float", np.zeros(0, np.float32)),
        ('{"inputs": 2.5}', "float", np.float32(2.5).reshape(())),
        ('{"inputs": {"x": [[1.5]]}}', "double", np.array([[1.5]])),
        ('{"instances": [{"x": [1.5]}, {"x": [2.5]}]}', "double", np.array([[1.5], [2.5]])),
    ],
)
def test_numbers(body: str, dtype: str, values: np.ndarray) -> None:
    found = tensor(body, dtype)
    assert found.dtype == values.dtype
    np.testing.assert_array_equal(found, values)


@pytest.mark.parametrize(
    ("body", "values"),
    [
        ('{"instances": ["a", ""]}', [b"a", b""]),
        ('{"instances": [["é"], ["\\u0000"]]}', [["é".encode()], [b"\0"]]),
        ('{"instances": [{"b64": "cmFpbg=="}, "snow"]}', [b"rain", b"snow"]),
        ('{"instances": [[{"b64": "cmFpbg"}, "snow"]]}', [[b"rain", b"snow"]]),
        ('{"instances": [{"x": {"b64": "/w=="}}]}', [b"\xff"]),
        ('{"instances": [{"b64": ""}]}', [b""]),
    ],
)
def test_strings(body: str, values: list[Any]) -> None:
    assert tensor(body, "string").tolist() == values


def test_a_bare_object_of_base64_is_a_scalar() -> None:
    assert tensor('{"inputs": {"b64": "c3Vubnk="}}', "string").tolist() == b"sunny"


def test_columns_of_several_inputs_may_have_more_names_and_their_own_first_dimensions() -> None:
    found = read({"inputs": {"ints": [1, 2], "words": "a", "zzz": [None]}}, ints="int32", words="string")
    assert not found.rows
    assert {name: value.tolist() for name, value in found.tensors.items()} == {"ints": [1, 2], "words": b"a"}


def test_rows_of_several_inputs() -> None:
    rows = [{"ints": [[1], [2]], "words": "a"}, {"words": "b", "ints": [[3], [4]]}]
    found = read({"instances": rows}, ints="int32", words="string")
    assert found.rows
    assert found.tensors["ints"].tolist() == [[[1], [2]], [[3], [4]]]
    assert found.tensors["words"].tolist() == [b"a", b"b"]


@pytest.mark.parametrize(
    ("value", "kind", "dtype"),
    [
        ("5", "Number", "string"),
        ("null", "Null", "string"),
        ("true", "True", "string"),
        ("false", "False", "float"),
        ('"1.5"', "String", "float"),
        ("1.0", "Number", "int32"),
        ("1e0", "Number", "int64"),
        ("2147483648", "Number", "int8"),
        ("-1", "Number", "uint32"),
        ("4294967296", "Number", "uint32"),
        ("9223372036854775808", "Number", "int64"),
        ("1", "Number", "bool"),
        ("null", "Null", "float"),
    ],
)
def test_values_of_another_type(value: str, kind: str, dtype: str) -> None:
    shown = "1.0" if value == "1e0" else value
    words = f"JSON Value: {shown} Type: {kind} is not of expected type: {dtype}"
    assert refusal(f'{{"inputs": [{value}]}}', x=dtype).message == words
    place = "Failed to process element: 0 of 'instances' list. Error: INVALID_ARGUMENT: "
    assert refusal(f'{{"instances": [{value}]}}', x=dtype).message == place + words


ROW = "Failed to process element: {} of 'instances' list. Error: INVALID_ARGUMENT: "
KEY = "Failed to process element: {} key: {} of 'instances' list. Error: INVALID_ARGUMENT: "


@pytest.mark.parametrize(
    ("instances", "words"),
    [
        ([[1, 2], [3, 4], [5, 6, 7]], ROW.format(2) + "Expecting tensor size: 2 but got: 3"),
        ([[1, 2], [[5, 6]]], ROW.format(1) + "Expecting shape [2] but got: [1,2]"),
        ([1, [1]], ROW.format(1) + "Expecting shape [] but got: [1]"),
        ([[[1, 2], [3]]], ROW.format(0) + "Encountered list at unexpected size: 1 at level: 1 expected size: 2"),
        ([[1, [2]]], ROW.format(0) + "Encountered list at unexpected level: 1 expected < 1"),
        (
            [[[1], 2]],
            ROW.format(0) + "JSON Value: 2 found at incorrect level: 2 in the JSON DOM. Expected at level: 2",
        ),
        ([[1], {"x": [1]}], "Expecting value/list but got object at item 1 of input list"),
        ([{"x": 1}, 2], "Expecting object but got list at item 1 of input list"),
        ([{"y": 1}], KEY.format(0, "y") + "JSON object: does not have named input: y"),
        ([{"x": 1}, {"x": [1]}], KEY.format(1, "x") + "Expecting shape [] but got: [1]"),
        ([{"x": 1}, {"x": "a"}], KEY.format(1, "x") + 'JSON Value: "a" Type: String is not of expected type: int32'),
        (
            [{}],
            "Failed to process element: 0 of 'instances' list. JSON object: {} keys must be equal to: x",
        ),
        (
            [{"b64": "AAAA"}],
            ROW.format(0) + 'JSON Value: {\n    "b64": "AAAA"\n} Type: Object is not of expected type: int32',
        ),
    ],
)
def test_rows_that_do_not_fit(instances: Any, words: str) -> None:
    assert refusal({"instances": instances}, x="int32").message == words


def test_rows_of_base64_fill_the_first_of_several_inputs() -> None:
    found = read({"instances": [{"b64": "cmFpbg=="}]}, b="string", a="string")
    assert {name: value.tolist() for name, value in found.tensors.items()} == {"a": [b"rain"]}


def test_rows_of_several_inputs_that_do_not_fit() -> None:
    two = {"ints": "int32", "words": "string"}
    assert refusal({"instances": [1, 2]}, **two).message == (
        "instances is a plain list, but expecting list of objects as multiple input tensors required as per "
        "tensorinfo_map"
    )
    assert refusal({"instances": [{"ints": 1}]}, **two).message.endswith("keys must be equal to: ints,words")
    assert refusal({"inputs": [1]}, **two).message == (
        "inputs is a plain value/list, but expecting an object as multiple input tensors required as per tensorinfo_map"
    )
    assert refusal({"inputs": {"ints": 1}}, **two).message == "Missing named input: words in 'inputs' object."


@pytest.mark.parametrize(
    ("document", "words"),
    [
        ({}, "Missing 'inputs' or 'instances' key"),
        ({"instances": []}, "No values in 'instances' array"),
        ({"instances": {}}, "Excepting 'instances' to be an list/array"),
        ({"instances": None}, "Excepting 'instances' to be an list/array"),
        ({"instances": "x"}, "Excepting 'instances' to be an list/array"),
        ({"instances": [1], "inputs": [1]}, "expecting only one of 'inputs' or 'instances' keys to exist "),
        ({"inputs": {}}, "Missing named input: x in 'inputs' object."),
    ],
)
def test_forms(document: Any, words: str) -> None:
    assert refusal(document, x="int32").message.endswith(words)


@pytest.mark.parametrize("text", ["!!!!", "cmFpbg=", "cmFpb", "cm=pbg==", "cmFp===="])
def test_what_is_no_base64(text: str) -> None:
    assert refusal({"inputs": [{"b64": text}]}, x="string").message == "Unable to base64 decode"


def test_base64_has_one_key_and_a_string() -> None:
    for value in ({"b64": "AAAA", "k": 1}, {"b64": 5}, {}):
        words = refusal({"inputs": [value]}, x="string").message
        assert words == f"JSON Value: {json.dumps(value, indent=4)} not formatted correctly for base64 data"


def test_types_that_json_has_no_form_for() -> None:
    columns = refusal({"inputs": [1.5]}, x="half")
    assert (columns.http_status, columns.message) == (501, "Conversion of JSON Value: 1.5 to type: half")
    rows = refusal({"instances": [1.5]}, x="half")
    assert rows.http_status == 400
    assert rows.message.endswith("Error: UNIMPLEMENTED: Conversion of JSON Value: 1.5 to type: half")


def test_names_of_signatures() -> None:
    assert signature_name({}, echo=echo) == signature_name({"signature_name": ""}, echo=echo) == "serving_default"
    assert signature_name({"signature_name": "other"}, echo=echo) == "other"
    with pytest.raises(Refusal, match=r"'signature_name' key must be a string value\.$"):
        signature_name({"signature_name": None}, echo=echo)
    with pytest.raises(Refusal, match=r"^JSON Value: \(not shown\) Is not object$"):
        signature_name(["secret"], echo=echo_nothing)


@st.composite
def arrays(draw: st.DrawFn) -> np.ndarray:
    shape = draw(st.lists(st.integers(1, 4), min_size=1, max_size=3))
    numbers = st.integers(-(2**31), 2**31 - 1)
    size = int(np.prod(shape))
    return np.array(draw(st.lists(numbers, min_size=size, max_size=size)), np.int32).reshape(shape)


@given(arrays())
def test_any_tensor_goes_through_in_either_form(values: np.ndarray) -> None:
    for document in ({"instances": values.tolist()}, {"inputs": values.tolist()}):
        np.testing.assert_array_equal(tensor(document, "int32"), values)
        np.testing.assert_array_equal(tensor(document, "double"), values)
