"""What is wrong with settings, in one line: what was given, what was expected, the nearest right name."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, get_args

from pydantic import BaseModel, ValidationError
from pydantic_core import ErrorDetails

from tfclassify.errors import closest

WANTED = {
    "bool_parsing": "true or false",
    "bool_type": "true or false",
    "dict_type": "keys and values",
    "finite_number": "a finite number",
    "float_parsing": "a number",
    "float_type": "a number",
    "greater_than": "a number above {gt}",
    "greater_than_equal": "a number of at least {ge}",
    "int_from_float": "a whole number",
    "int_parsing": "a whole number",
    "int_parsing_size": "a whole number of fewer digits",
    "int_type": "a whole number",
    "less_than": "a number below {lt}",
    "less_than_equal": "a number of at most {le}",
    "literal_error": "{expected}",
    "missing": "one value more",
    "string_too_long": "no more characters than {max_length}",
    "string_too_short": "no fewer characters than {min_length}",
    "string_type": "a string",
    "too_long": "no more values than {max_length}",
    "too_short": "no fewer values than {min_length}",
    "tuple_type": "a list, such as [a, b]",
}


def keys(tree: type[BaseModel]) -> list[str]:
    """Returns every key of a settings tree, dotted."""
    found = []
    for name, field in tree.model_fields.items():
        section = _section_of(field.annotation)
        found += [name] if section is None else [f"{name}.{key}" for key in keys(section)]
    return found


def explain(error: ValidationError, values: Mapping[str, Any], tree: type[BaseModel]) -> str:
    """Says in one line what is wrong, and what would be right.

    Args:
        error: what pydantic found wrong with the values.
        values: nested.
        tree: the model that was to be filled.
    """
    problems = error.errors(include_url=False)
    for problem in problems:
        if problem["type"] == "extra_forbidden":
            return _unknown([str(part) for part in problem["loc"]], tree)
    places = [_place(problem["loc"], values) for problem in problems]
    # A value may be of several kinds; the kind that it comes nearest to is the one whose trouble lies deepest.
    deepest = max(places, key=len)
    mine = [problem for problem, place in zip(problems, places, strict=True) if place == deepest]
    if not deepest:
        name = ".".join(str(part) for part in mine[0]["loc"])
        return f"{name} is missing; give it as {name}=..."
    # Of the kinds of a value one will do; of fields that are missing none.
    between = " and " if all(problem["type"] == "missing" for problem in mine) else " or "
    wanted = between.join(dict.fromkeys(_wanted(problem, deepest, tree) for problem in mine))
    return f"{'.'.join(deepest)} is {shown(mine[0]['input'])}; expected {wanted}"


def shown(value: Any) -> str:
    """Returns a value as it goes into a message: on one line, and cut where it is long."""
    text = str(value).lower() if isinstance(value, bool) else "null" if value is None else repr(value)
    return text if len(text) <= 80 else f"{text[:77]}..."


def _section_of(annotation: Any) -> type[BaseModel] | None:
    return annotation if isinstance(annotation, type) and issubclass(annotation, BaseModel) else None


def _section(names: Sequence[str], tree: type[BaseModel]) -> type[BaseModel]:
    for name in names:
        # The place in a list is the name of no field.
        if name in tree.model_fields:
            annotation = tree.model_fields[name].annotation
            tree = _section_of(annotation) or _section_of(next(iter(get_args(annotation)), None)) or tree
    return tree


def _place(location: Sequence[str | int], values: Any) -> list[str]:
    """Returns the keys of a pydantic location, between which stand the branches of a union."""
    place = []
    for part in location:
        here = isinstance(values, Mapping) and part in values
        if here or (isinstance(values, list | tuple) and isinstance(part, int) and part < len(values)):
            place.append(str(part))
            values = values[part]
    return place


def _wanted(problem: ErrorDetails, place: Sequence[str], tree: type[BaseModel]) -> str:
    if problem["type"] == "model_type" and place[-1].isdigit():
        return f"keys and values, of: {', '.join(_section(place, tree).model_fields)}"
    if problem["type"] == "model_type":
        return f"{'.'.join(place)}.FIELD=..., with a field of: {', '.join(_section(place, tree).model_fields)}"
    if problem["type"] == "missing" and isinstance(problem["loc"][-1], str):
        return f"a value for {problem['loc'][-1]}"
    known = WANTED.get(problem["type"])
    limits = {
        name: f"{limit:g}" if isinstance(limit, float) else limit for name, limit in problem.get("ctx", {}).items()
    }
    wanted = known.format(**limits) if known else problem["msg"][:1].lower() + problem["msg"][1:]
    quotable = problem["type"] == "string_type" and isinstance(problem["input"], int | float)
    return f"{wanted} (put it in quotes)" if quotable else wanted


def _unknown(names: Sequence[str], tree: type[BaseModel]) -> str:
    fields = _section(names[:-1], tree).model_fields
    match = _elsewhere(names[-1], tree, exactly=True) or closest(names[-1], fields)
    match = match or _elsewhere(names[-1], tree, exactly=False)
    place, known = ".".join(names[:-1]) or "the settings", f"fields: {', '.join(fields)}"
    # The list may be long, and the one that was meant would be lost behind it.
    more = f"did you mean '{match}'? ({known})" if match else known
    return f"no field {names[-1]!r} in {place}; {more}"


def _elsewhere(name: str, tree: type[BaseModel], *, exactly: bool) -> str | None:
    """Returns the dotted key that ends in this name, or in one like it."""
    by_end = {key.rpartition(".")[2]: key for key in reversed(keys(tree))}
    return by_end.get(name if exactly else closest(name, by_end) or "")
