"""What a training step and an answer spend their time on: by kind of work, beside what the machine can do at most.

    python benchmarks/profile.py --model minilm --rows 32 --lengths 16 32 128
    python benchmarks/profile.py --model minilm --lengths 32 --ops 20          # and the operations that take longest
    python benchmarks/profile.py --model minilm --lengths 32 --before          # what there was before any change

Times are of operations, added up over the threads that ran them, by TensorFlow's own profiler; weights are random, the
step is that of a training: dropout, gradients, clipping and the optimizer. The least time is that of the products at
the measured peak of this machine in float32.
"""

from __future__ import annotations

import argparse
import json
import os
import re
import statistics
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
from accelerator import network
from changes import FLOAT32, step

WARM, PICOSECONDS = 4, 1e12
# The first that fits names the kind of an operation: by its type, and by the name of its node.
KINDS: tuple[tuple[str, str, str], ...] = (
    (
        "optimizer",
        r"ResourceApply|ResourceScatter|ResourceStridedSlice",
        r"^Adam|/AdamW|adam_w|clip_by_global|global_norm",
    ),
    ("dropout", r"Stateless|RandomUniform", r"dropout"),
    ("products", r"MatMul|Einsum|Contraction", r"$^"),
    ("softmax of attention", r"Softmax", r"softmax|Softmax"),
    ("layer norm", r"LayerNorm|FusedBatchNorm|Rsqrt|SquaredDifference", r"LayerNorm|layer_norm|batchnorm|moments"),
    ("GELU", r"Gelu|Erf", r"Gelu|gelu|Erf|erf"),
    ("look-ups", r"Gather|UnsortedSegment|SparseSegment|Unique", r"embeddings"),
    ("bias", r"BiasAdd", r"BiasAdd"),
    ("change of format", r"^_?(?:Mkl)?Cast$", r"$^"),
    ("moves", r"Transpose|Reshape|Concat|Split|Slice|Pack|Tile|Pad|ExpandDims", r"$^"),
    ("variables read", r"ReadVariable|VarHandle|Identity", r"$^"),
)
OTHER = "the rest"


def main() -> None:
    """Profiles each length, and prints tables."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--model", default="minilm")
    parser.add_argument("--rows", type=int, default=32)
    parser.add_argument("--lengths", type=int, nargs="+", default=[16, 32, 128])
    parser.add_argument("--steps", type=int, default=8)
    parser.add_argument("--precision", choices=("float32", "bfloat16"), default="bfloat16")
    parser.add_argument("--before", action="store_true", help="Keras's layers and AdamW, in float32")
    parser.add_argument("--ops", type=int, default=0, help="how many single operations are shown")
    asked = parser.parse_args()
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    from tfclassify.hardware import measure_matmul
    from tfclassify.learning.strategies import set_precision

    set_precision(FLOAT32 if asked.before else asked.precision)
    peak = measure_matmul()
    for length in asked.lengths:
        for work, run in (("a training step", trained(asked, length)), ("an answer", answered(asked, length))):
            shown(
                f"{work}{', before' if asked.before else ''}, {asked.rows} x {length}",
                profiled(run, asked.steps),
                asked,
                length,
                peak=peak,
            )


def trained(asked: argparse.Namespace, length: int) -> Callable[[], object]:
    """Returns a training step of a batch that fills its shape."""
    made = partial(step, asked.model, asked.rows, length)
    return made()[-1] if asked.before else made(own_adamw=True, precision=asked.precision, layers=False)[-1]


def answered(asked: argparse.Namespace, length: int) -> Callable[[], object]:
    """Returns a pass that answers a batch that fills its shape."""
    import tensorflow as tf

    from tfclassify.learning.prediction import forward
    from tfclassify.model.classifier import answering

    run = (forward if asked.before else answering)(network(asked.model, None, row_wise=True))
    ids = tf.random.uniform([asked.rows, length], 1000, 20000, tf.int32, seed=0)
    return lambda: run(ids, tf.ones_like(ids), tf.zeros_like(ids))


def profiled(run: Callable[[], object], steps: int) -> dict[str, Any]:
    """Runs it some times without the profiler, and some with it; returns seconds of a run, and of its operations."""
    import tensorflow as tf

    for _ in range(WARM):
        run()
    seconds = []
    for _ in range(steps):
        begun = time.perf_counter()
        tf.nest.map_structure(np.asarray, run())
        seconds.append(time.perf_counter() - begun)
    with tempfile.TemporaryDirectory() as folder:
        tf.profiler.experimental.start(folder)
        for _ in range(steps):
            tf.nest.map_structure(np.asarray, run())
        tf.profiler.experimental.stop()
        found: Counter[tuple[str, str]] = Counter()
        for name, op, spent in operations(Path(folder)):
            found[name, op] += spent / steps
    return {"seconds": statistics.median(seconds), "operations": found}


def operations(folder: Path) -> Iterator[tuple[str, str, float]]:
    """Gives the node, the type and the seconds of each operation that was traced."""
    from tensorflow.tsl.profiler.protobuf.xplane_pb2 import XSpace

    space = XSpace()
    (file,) = folder.rglob("*.xplane.pb")
    space.ParseFromString(file.read_bytes())
    for plane in space.planes:
        for line in plane.lines:
            for event in line.events:
                told = plane.event_metadata[event.metadata_id]
                # An operation's event is named `node:Type`, and shown as its type.
                if told.display_name and told.name.endswith(f":{told.display_name}"):
                    node = told.name.removesuffix(f":{told.display_name}")
                    yield node, told.display_name, event.duration_ps / PICOSECONDS


def kind_of(node: str, op: str) -> str:
    """Returns what an operation is there for."""
    for kind, ops, nodes in KINDS:
        if re.search(ops, op) or re.search(nodes, node):
            return kind
    return OTHER


def shown(title: str, found: dict[str, Any], asked: argparse.Namespace, length: int, *, peak: float) -> None:
    """Prints where the time goes, and the least that the products need."""
    from tfclassify.planning.calibration import TRAINING_PASSES, step_flops
    from tfclassify.planning.presets import PRESETS

    by_kind: Counter[str] = Counter()
    for (node, op), seconds in found["operations"].items():
        by_kind[kind_of(node, op)] += seconds
    whole = sum(by_kind.values())
    print(f"\n| {title} | ms | share |\n|---|---|---|")
    for kind, seconds in by_kind.most_common():
        print(f"| {kind} | {1000 * seconds:.1f} | {seconds / whole:.1%} |")
    for (node, op), seconds in found["operations"].most_common(asked.ops):
        print(f"| `{op}` {node[-80:]} | {1000 * seconds:.2f} | {seconds / whole:.1%} |")
    passes = 1 if title.startswith("a training") else TRAINING_PASSES
    flops = step_flops(PRESETS[asked.model].size, asked.rows, length) / passes
    told = {"wall_ms": 1000 * found["seconds"], "operations_ms": 1000 * whole, "least_ms": 1000 * flops / peak}
    print(json.dumps({key: round(value, 1) for key, value in told.items()} | {"gflops": round(flops / 1e9, 1)}))


if __name__ == "__main__":
    main()
