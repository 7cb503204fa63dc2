"""Programs of XLA as text: products, bytes and what would keep them off a device, counted by hand."""

from __future__ import annotations

from tfclassify.learning.hlo import (
    all_products,
    bytes_moved,
    dynamic_shapes,
    host_calls,
    narrow_exponentials,
    read,
    run,
)

TEXT = """HloModule small, entry_computation_layout={(f32[4,8]{1,0})->f32[4,2]{1,0}}

%fused (p.1: f32[4,8], p.2: f32[8,2]) -> f32[4,2] {
  %p.1 = f32[4,8]{1,0} parameter(0)
  %p.2 = f32[8,2]{1,0} parameter(1)
  %dot.1 = f32[4,2]{1,0} dot(f32[4,8]{1,0} %p.1, f32[8,2]{1,0} %p.2), lhs_contracting_dims={1}, rhs_contracting_dims={0}
  ROOT %tanh = f32[4,2]{1,0} tanh(%dot.1)
}

%body (x: (s32[], bf16[4,2])) -> (s32[], bf16[4,2]) {
  %x = (s32[], bf16[4,2]{1,0}) parameter(0)
  %e = bf16[4,2]{1,0} get-tuple-element(%x), index=1
  %exp = bf16[4,2]{1,0} exponential(%e)
  %back = bf16[4,4]{1,0} dot(%exp, %exp), lhs_batch_dims={}, lhs_contracting_dims={1}, rhs_contracting_dims={1}
  ROOT %t = (s32[], bf16[4,2]{1,0}) tuple(%x, %exp)
}

%cond (y: (s32[], bf16[4,2])) -> pred[] {
  %y = (s32[], bf16[4,2]{1,0}) parameter(0)
  ROOT %true = pred[] constant(true)
}

ENTRY %main (a: f32[4,8], b: f32[8,2], table: f32[100,8]) -> f32[4,2] {
  %a = f32[4,8]{1,0} parameter(0)
  %b = f32[8,2]{1,0} parameter(1)
  %table = f32[100,8]{1,0} parameter(2)
  %few = s32[<=4]{0} iota(), iota_dimension=0
  %rows = f32[4,8]{1,0} gather(%table, %few), offset_dims={1}
  %sum = f32[4,8]{1,0} add(%a, %rows)
  %done = (f32[4,8]{1,0}, token[]) custom-call(%sum), custom_call_target="xla_python_cpu_callback"
  %loop = (s32[], bf16[4,2]{1,0}) while(%done), condition=%cond, body=%body
  ROOT %out = f32[4,2]{1,0} fusion(%sum, %b), kind=kOutput, calls=%fused
}
"""


def test_products_are_those_of_fusions_and_loops_too() -> None:
    assert sorted(all_products(read(TEXT))) == [("bf16", 2 * 4 * 4 * 2), ("f32", 2 * 4 * 2 * 8)]


def test_bytes_are_what_is_read_and_written() -> None:
    moved = {each.name: bytes_moved(each, named) for each, named in run(read(TEXT))}
    assert moved["sum"] == 3 * 4 * 8 * 4
    assert moved["out"] == (4 * 8 + 8 * 2 + 4 * 2) * 4
    # Of a table the rows that are looked up, which are also written; and the numbers of the rows.
    assert moved["rows"] == 2 * 4 * 8 * 4 + 4 * 4
    assert moved["exp"] == 2 * 4 * 2 * 2
    assert moved["a"] == moved["t"] == moved["loop"] == 0


def test_weights_stay_as_wide_as_they_are() -> None:
    moved = {each.name: bytes_moved(each, named, activation_bytes=2) for each, named in run(read(TEXT))}
    assert moved["sum"] == 4 * 8 * 4 + 2 * 4 * 8 * 2
    assert moved["out"] == 8 * 2 * 4 + (4 * 8 + 4 * 2) * 2


def test_what_keeps_a_program_off_a_device() -> None:
    program = read(TEXT)
    assert dynamic_shapes(program) == ["few"]
    assert host_calls(program) == ["done"]
    assert narrow_exponentials(program, 2) == ["exp"]
    assert narrow_exponentials(program, 3) == []
