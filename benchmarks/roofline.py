"""What accelerators could do with a training step, by what XLA makes of it, without having one.

    python benchmarks/roofline.py [--model bert-base] [--rows 32] [--length 128]

The step is compiled by XLA for the processor, in static shape, and its program is read: the operations of its
products, and the bytes that each instruction reads and writes. In bfloat16 the products are checked before XLA
optimises, as it widens them for the processor; bytes are counted in the float32 program with floats between layers
half as wide. Peaks and bandwidths are those of tfclassify/planning/chips.py, with their sources.

The limit takes products and memory at the same time, each at its peak; the expected rate takes one instruction after
the other, each by the slower of the two, which no fusion beyond XLA's for the processor shortens. Both leave out the
start of kernels, the host, and the wires between devices.
"""

from __future__ import annotations

import argparse
import json
import os
import tempfile
from pathlib import Path
from typing import Any

PEERS = {"T4": 1, "A100": 1, "H100": 1, "TPU v2 core": 8, "TPU v5e": 1}


def main() -> None:
    """Compiles, reads and prints."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--model", default="bert-base")
    parser.add_argument("--rows", type=int, default=32, help="of each device")
    parser.add_argument("--length", type=int, default=128)
    asked = parser.parse_args()
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    from tfclassify.planning.calibration import activations, step_flops
    from tfclassify.planning.presets import PRESETS

    shape, size = (asked.rows, asked.length), PRESETS[asked.model].size
    wide = compiled(asked.model, shape, "float32", optimise=True)
    narrow = compiled(asked.model, shape, "mixed_bfloat16", optimise=False)
    found = {
        "model": asked.model,
        "shape": shape,
        "programs": programs(wide, narrow),
        "flops_by_formula": step_flops(size, *shape),
        "activation_values": activations(size, *shape),
        "parameters": size.parameters,
    }
    print(json.dumps(found))
    for line in table(wide, asked.rows):
        print(line)


def compiled(name: str, shape: tuple[int, int], policy: str, *, optimise: bool) -> Any:
    """Compiles the step of a model with random weights."""
    import tensorflow as tf
    import tf_keras as keras

    from tfclassify.learning.compiling import compiled_step
    from tfclassify.learning.objectives import cross_entropy
    from tfclassify.learning.optimizers import AdamW
    from tfclassify.learning.step import training_step
    from tfclassify.model.classifier import build
    from tfclassify.planning.presets import PRESETS

    keras.mixed_precision.set_global_policy(policy)
    with tempfile.TemporaryDirectory() as folder:
        model = build(_random(PRESETS[name].size, Path(folder)), labels=list("abcd"), multilabel=False, dropout=0.1)
    optimizer, step = AdamW(1e-5, row_wise=False), training_step([(1.0, cross_entropy)], layers=True)
    model.compile(optimizer=optimizer, step=step)
    optimizer.build(model.trainable_variables)
    tokens, rows = tf.TensorSpec([None, None], tf.int32), tf.TensorSpec([None], tf.int32)
    spec = dict.fromkeys(("input_ids", "attention_mask", "token_type_ids"), tokens)
    spec |= {"labels": rows, "weights": tf.TensorSpec([None], tf.float32)}
    return compiled_step(model, step, shape, spec, optimise=optimise)


def programs(wide: Any, narrow: Any) -> dict[str, Any]:
    """Says what was found in the programs."""
    from tfclassify.learning.hlo import all_products, bytes_moved, dynamic_shapes, host_calls, run

    kinds = [kind for kind, _ in all_products(narrow.given)]
    return {
        "flops": sum(operations for _, operations in all_products(wide.optimised)),
        "bytes_float32": sum(bytes_moved(each, named) for each, named in run(wide.optimised)),
        "bytes_bfloat16": sum(bytes_moved(each, named, activation_bytes=2) for each, named in run(wide.optimised)),
        "products": len(kinds),
        "products_in_bfloat16": sum(kind == "bf16" for kind in kinds),
        "host_calls": len(host_calls(wide.optimised)),
        "dynamic_shapes": len(dynamic_shapes(wide.optimised)),
    }


def table(wide: Any, rows: int) -> list[str]:
    """Returns a line for each accelerator and number format."""
    from tfclassify.planning.chips import CHIPS

    lines = [
        "| device | format | limit, examples/s | expected, examples/s | utilisation | bound by |",
        "|---|---|---|---|---|---|",
    ]
    for name, chip in CHIPS.items():
        for precision in chip.flops_per_second:
            if precision == "float16" and "bfloat16" in chip.flops_per_second:
                continue
            found, number = _times(wide, chip, precision), PEERS[name]
            bound = "memory" if found["memory"] > found["products"] else "products"
            share = max(found["memory"], found["products"]) / found["expected"]
            lines.append(
                f"| {f'{number} x ' if number > 1 else ''}{name} | {precision} | {number * rows / found['limit']:.0f} "
                f"| {number * rows / found['expected']:.0f} | {found['at_peak'] / found['expected']:.0%} "
                f"| {bound}, {share:.0%} of the time |"
            )
    return lines


def _times(wide: Any, chip: Any, precision: str) -> dict[str, float]:
    """Returns seconds of a step: at the limit, expected, and of that what waits for memory or for products."""
    from tfclassify.learning.hlo import bytes_moved, products, run
    from tfclassify.planning.chips import peak

    width = 4 if precision == "float32" else 2
    flops = memory = waited = multiplied = 0.0
    for each, named in run(wide.optimised):
        own = sum(operations for _, operations in products(wide.optimised, each, named)) / peak(chip, precision)
        moving = bytes_moved(each, named, activation_bytes=width) / chip.bytes_per_second
        flops, memory = flops + own, memory + moving
        if own > moving:
            multiplied += own
        else:
            waited += moving
    return {
        "limit": max(flops, memory),
        "expected": waited + multiplied,
        "memory": waited,
        "products": multiplied,
        "at_peak": flops,
    }


def _random(size: Any, folder: Path) -> Any:
    """Makes the files of a model of this size, without weights."""
    from tfclassify.model.weights import SIZE_KEYS, Found

    config = {"model_type": "bert", **{key: getattr(size, name) for name, key in SIZE_KEYS.items()}}
    (folder / "config.json").write_text(json.dumps(config), encoding="utf-8")
    return Found("random", folder, "generated", None)


if __name__ == "__main__":
    main()
