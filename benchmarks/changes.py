"""What each change brought: the same texts, learnt and answered as the copied recipe does, then with one change more.

    python benchmarks/changes.py --model minilm --lengths 16 32
    python benchmarks/changes.py --model bert-tiny --lengths 8 --rows 4 --rounds 1          # a small one

All ways of one kind of work take turns in one process, several rounds; weights are random. A way is named by what it
has beyond the one before it, and its ratios are texts per second within a round: to the way before, and to the first.
"""

from __future__ import annotations

import argparse
import os
import time
from collections.abc import Callable, Iterator
from statistics import median
from typing import Any

from accelerator import material, network
from trainers import RECIPE_BATCH, RECIPE_LENGTH

WARM = 3
FLOAT32, BFLOAT16 = "float32", "bfloat16"

# How many texts a run does, in which number format, and the run itself.
Way = tuple[int, str, Callable[[], object]]


def main() -> None:
    """Measures both kinds of work at each length, and prints a table of each."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--model", default="minilm")
    parser.add_argument("--lengths", type=int, nargs="+", default=[16, 32], help="tokens of each text")
    parser.add_argument("--rows", type=int, default=32, help="texts of a batch, but for the recipe's")
    parser.add_argument("--rounds", type=int, default=9)
    asked = parser.parse_args()
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    for length in asked.lengths:
        for work, ways in (("training", training(asked, length)), ("answers", answers(asked, length))):
            shown(f"{work}, texts of {length} tokens", in_turn(dict(ways), asked.rounds))


def training(asked: argparse.Namespace, length: int) -> Iterator[tuple[str, Way]]:
    """Gives ways to make a training step."""
    yield (
        f"the recipe: {RECIPE_BATCH} texts, padded to {RECIPE_LENGTH}, Keras's layers and AdamW, float32",
        step(asked.model, RECIPE_BATCH, length, padded=RECIPE_LENGTH),
    )
    yield "padded to their own length", step(asked.model, asked.rows, length)
    yield (
        "an AdamW that touches the rows of words that are there",
        step(asked.model, asked.rows, length, own_adamw=True),
    )
    yield "products in bfloat16", step(asked.model, asked.rows, length, own_adamw=True, precision=BFLOAT16)
    yield (
        "a pass and gradients of our own",
        step(asked.model, asked.rows, length, own_adamw=True, precision=BFLOAT16, layers=False),
    )


def step(
    model: str,
    rows: int,
    length: int,
    *,
    padded: int | None = None,
    own_adamw: bool = False,
    precision: str = FLOAT32,
    layers: bool = True,
) -> Way:
    """Returns a training step on texts of some tokens, in a shape as long as they are or longer."""
    import tensorflow as tf
    import tf_keras as keras

    from tfclassify.data.batches import training_batches
    from tfclassify.learning.strategies import set_precision

    set_precision(precision)
    made = network(model, None, row_wise=True, layers=layers)
    if not own_adamw:
        made.optimizer = keras.optimizers.AdamW(1e-5, weight_decay=0.01, global_clipnorm=1.0)
        made.optimizer.build(made.trainable_variables)
    shape = (rows, padded or length)
    (batch,) = training_batches(material(rows, length), (shape,), seed=0, epochs=1).take(1)
    learn = made.make_train_function()
    return rows, precision, warmed(lambda: float(learn(iter(tf.data.Dataset.from_tensors(batch)))["loss"]))


def answers(asked: argparse.Namespace, length: int) -> Iterator[tuple[str, Way]]:
    """Gives ways to answer."""
    from tfclassify.learning.prediction import LEAST_TOKENS, forward
    from tfclassify.model.classifier import answering

    made = network(asked.model, None, row_wise=True)
    layers, own = forward(made), answering(made)
    yield (
        f"the recipe: {asked.rows} texts, padded to {RECIPE_LENGTH}, Keras's layers, float32",
        answer(layers, asked.rows, length, padded=RECIPE_LENGTH),
    )
    yield "padded to their own length", answer(layers, asked.rows, length)
    yield "a pass of our own, of the last layer only what is read", answer(own, asked.rows, length)
    yield "products in bfloat16", answer(answering(made), asked.rows, length, precision=BFLOAT16)
    yield "weights as constants", answer(constant(answering(made)), asked.rows, length, precision=BFLOAT16)
    rows = max(asked.rows, LEAST_TOKENS // length)
    yield f"{rows} texts", answer(constant(answering(made)), rows, length, precision=BFLOAT16)


def constant(run: Any) -> Callable[..., Any]:
    """Returns a pass whose weights are constants, as a server has it."""
    from tensorflow.python.framework.convert_to_constants import convert_variables_to_constants_v2

    fixed = convert_variables_to_constants_v2(run.get_concrete_function(), lower_control_flow=True)
    return lambda *tokens: fixed(*tokens)[0]


def answer(
    run: Callable[..., Any], rows: int, length: int, *, padded: int | None = None, precision: str = FLOAT32
) -> Way:
    """Returns a pass over texts of some tokens, in a shape as long as they are or longer."""
    import tensorflow as tf

    from tfclassify.learning.strategies import set_precision

    set_precision(precision)
    ids = tf.random.uniform([rows, length], 1000, 20000, tf.int32, seed=0)
    wide = [[0, 0], [0, (padded or length) - length]]
    tokens = [tf.pad(each, wide) for each in (ids, tf.ones_like(ids), tf.zeros_like(ids))]
    return rows, precision, warmed(lambda: run(*tokens).numpy())


def warmed(run: Callable[[], object]) -> Callable[[], object]:
    """Runs it until all that is made once is there."""
    for _ in range(WARM):
        run()
    return run


def in_turn(ways: dict[str, Way], rounds: int) -> dict[str, list[float]]:
    """Returns texts per second of each way in each round."""
    from tfclassify.learning.strategies import set_precision

    speeds: dict[str, list[float]] = {name: [] for name in ways}
    for _ in range(rounds):
        for name, (texts, precision, run) in ways.items():
            # It is the number format at the time of a call that counts, for graphs that are there already too.
            set_precision(precision)
            begun = time.perf_counter()
            run()
            speeds[name].append(texts / (time.perf_counter() - begun))
    return speeds


def shown(title: str, speeds: dict[str, list[float]]) -> None:
    """Prints the medians over the rounds."""
    print(f"\n| {title} | texts a second | than before | than the recipe |\n|---|---|---|---|")
    first = before = next(iter(speeds.values()))
    for name, each in speeds.items():
        ratios = [median(a / b for a, b in zip(each, other, strict=True)) for other in (before, first)]
        print(f"| {name} | {median(each):.1f} | {ratios[0]:.2f}x | {ratios[1]:.2f}x |", flush=True)
        before = each


if __name__ == "__main__":
    main()
