"""Programs of XLA as text: what they multiply, what they read and write, and what would keep them off a device.

Source: the operation semantics of XLA, https://openxla.org/xla/operation_semantics.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from math import prod

BYTES = {"pred": 1, "s8": 1, "u8": 1, "bf16": 2, "f16": 2, "s16": 2, "u16": 2, "f32": 4, "s32": 4, "u32": 4} | {
    "f64": 8,
    "s64": 8,
    "u64": 8,
}
# What moves nothing: names for what is there already.
FREE = ("parameter", "constant", "tuple", "get-tuple-element", "bitcast", "after-all")
# What leaves the device in the middle of a program, and calls that do.
HOST = ("infeed", "outfeed", "send", "recv", "send-done", "recv-done")
HOST_TARGETS = re.compile(r'custom_call_target="([^"]*(?:[Cc]allback|HostCompute|host)[^"]*)"')

_LINE = re.compile(r"^\s+(?:ROOT )?%?([\w.\-]+) = (.*)$")
_SHAPE = re.compile(r"\b([a-z]+\d*)\[([\d,<=]*)\]")
_OPERAND = re.compile(r"%([\w.\-]+)")
_CALLED = re.compile(r"\b(?:to_apply|calls|body|condition)=%?([\w.\-]+)|branch_computations=\{([^}]*)\}")


@dataclass(frozen=True)
class Array:
    """The type of a value: elements and how many along each axis."""

    dtype: str
    dims: tuple[int, ...]

    @property
    def bytes(self) -> int:
        """How much memory it takes."""
        return prod(self.dims) * BYTES.get(self.dtype, 0)


@dataclass(frozen=True)
class Instruction:
    """One operation: what it gives, what it takes, and the line that it stands in."""

    name: str
    arrays: tuple[Array, ...]
    operation: str
    operands: tuple[str, ...]
    line: str


@dataclass(frozen=True)
class Program:
    """Computations by name, and which of them is the first; ``text`` is what they were read from."""

    computations: Mapping[str, Sequence[Instruction]]
    entry: str
    text: str


def read(text: str) -> Program:
    """Reads a module as XLA prints it."""
    computations: dict[str, list[Instruction]] = {}
    entry, current = "", ""
    for line in text.splitlines():
        if line[:1] in ("%", "E") and line.rstrip().endswith("{"):
            words = line.split()
            current = words[words[0] == "ENTRY"].lstrip("%")
            entry = current if words[0] == "ENTRY" else entry
            computations[current] = []
        elif found := _LINE.match(line):
            computations[current].append(_instruction(*found.groups()))
    return Program(computations, entry, text)


def run(program: Program) -> Iterator[tuple[Instruction, Mapping[str, Instruction]]]:
    """Gives the instructions that a device runs one by one, with those of the same computation by name.

    What is fused into one, or applied to each element, is not apart; the body of a loop counts once.
    """
    waiting, seen = [program.entry], {program.entry}
    while waiting:
        computation = program.computations[waiting.pop()]
        named = {each.name: each for each in computation}
        for each in computation:
            yield each, named
            inner = _called(each) if each.operation in ("call", "while", "conditional") else ()
            waiting += [name for name in inner if name not in seen]
            seen.update(inner)


def products(program: Program, instruction: Instruction, named: Mapping[str, Instruction]) -> list[tuple[str, int]]:
    """Returns the matrix products of an instruction, fused ones as well: what they multiply, and their operations."""
    if instruction.operation == "dot":
        left = named[instruction.operands[0]].arrays[0]
        return [(left.dtype, 2 * prod(instruction.arrays[0].dims) * _contracted(instruction, left))]
    if instruction.operation != "fusion":
        return []
    inner = [each for name in _called(instruction) for each in program.computations[name]]
    within = {each.name: each for each in inner}
    return [found for each in inner if each.operation == "dot" for found in products(program, each, within)]


def all_products(program: Program) -> list[tuple[str, int]]:
    """Returns every matrix product: what it multiplies, and its operations."""
    return [found for each, named in run(program) for found in products(program, each, named)]


def bytes_moved(instruction: Instruction, named: Mapping[str, Instruction], *, activation_bytes: int = 4) -> int:
    """Returns what an instruction reads and writes.

    Args:
        instruction: the instruction.
        named: those of its computation.
        activation_bytes: of a float that is no weight and no part of the optimizer; a program for the CPU, which
            widens them, says 4 also where a device has 2.
    """
    if instruction.operation in FREE or instruction.operation in ("call", "while", "conditional"):
        return 0
    narrow = 1.0 if "ResourceApply" in instruction.line else activation_bytes / 4

    def size(each: Instruction) -> float:
        whole = sum(array.bytes * (narrow if array.dtype == "f32" else 1.0) for array in each.arrays)
        return whole if each.operation != "parameter" else sum(array.bytes for array in each.arrays)

    given = size(instruction)
    taken = [size(named[name]) for name in instruction.operands if name in named]
    # Of a table only those rows are touched that are looked up, or added to.
    if instruction.operation == "gather":
        taken[0] = given
    if instruction.operation in ("scatter", "dynamic-update-slice") and taken:
        taken[0] = given = taken[-1]
    return int(given + sum(taken))


def dynamic_shapes(program: Program) -> list[str]:
    """Returns the instructions that have a dimension of which only an upper bound is known."""
    return [each.name for each, _ in run(program) if re.search(r"\[[\d,]*<=", each.line.split(" = ", 1)[-1])]


def host_calls(program: Program) -> list[str]:
    """Returns the instructions that leave the device in the middle of the program."""
    return [
        each.name
        for each, _ in run(program)
        if each.operation in HOST or (each.operation == "custom-call" and HOST_TARGETS.search(each.line))
    ]


def narrow_exponentials(program: Program, width: int) -> list[str]:
    """Returns the exponentials and logarithms over arrays that end in this width and are not float32."""
    return [
        each.name
        for each, _ in run(program)
        if each.operation in ("exponential", "log", "log-plus-one", "exponential-minus-one", "logistic")
        and each.arrays[0].dtype in ("bf16", "f16")
        and each.arrays[0].dims[-1:] == (width,)
    ]


def _instruction(name: str, rest: str) -> Instruction:
    end = _end(rest) if rest.startswith("(") else rest.index(" ")
    kind, after = rest[:end], rest[end:].lstrip()
    operation, _, inner = after.partition("(")
    operands = tuple(_OPERAND.findall(inner[: _end("(" + inner) - 1]))
    arrays = tuple(Array(dtype, _dims(dims)) for dtype, dims in _SHAPE.findall(kind))
    return Instruction(name, arrays, operation.strip(), operands, f"{name} = {rest}")


def _end(text: str) -> int:
    """Returns the place behind the bracket that closes the first one."""
    depth = 0
    for place, character in enumerate(text):
        depth += (character == "(") - (character == ")")
        if depth == 0:
            return place + 1
    return len(text)


def _dims(text: str) -> tuple[int, ...]:
    return tuple(int(each.lstrip("<=")) for each in text.split(",") if each)


def _contracted(instruction: Instruction, left: Array) -> int:
    found = re.search(r"lhs_contracting_dims=\{([\d,]*)\}", instruction.line)
    return prod(left.dims[int(axis)] for axis in found.group(1).split(",") if axis) if found else 1


def _called(instruction: Instruction) -> list[str]:
    names = []
    for single, several in _CALLED.findall(instruction.line):
        names += [single] if single else [each.strip().lstrip("%") for each in several.split(",")]
    return names
