"""Guards against getting slower: ratios to the copied recipe, on this machine and now, in under two minutes.

    python benchmarks/guard.py [--model minilm|random-tiny]

Needs no network and no data but the embedded sample. By default the network is MiniLM where its weights are to be had,
and else the tiny one with random weights, whose ratios say less: most of its time passes outside the network. A line of
JSON is printed for each ratio; the exit status is 1 where one is under its floor.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
import tempfile
from pathlib import Path
from typing import Any

# Before anything looks for the model's files.
os.environ.setdefault("HF_HUB_OFFLINE", "1")

from measured import printed_by

HERE = Path(__file__).parent
SAMPLE = HERE.parent / "tfclassify" / "data" / "samples" / "support"
RATE, BATCH = 1e-4, 32
# Steps of the recipe, and texts that it answers: MiniLM takes seconds for a step of 32 texts of 128 tokens.
RECIPE = {"minilm": (6, 128), "random-tiny": (36, 1024)}
# Other work on a machine can halve a ratio; what makes us slower for good (padding to one length, a dense optimizer, a
# graph that is traced for every shape, answers in the order of the file) costs more. So a floor of MiniLM is half of
# the least that this script printed, 14.6 and 6.1; of the tiny network it only says that we are not the slower ones.
FLOORS = {
    "minilm": {"training": 7.0, "answers": 3.0},
    "random-tiny": {"training": 1.0, "answers": 1.0},
}


def main() -> int:
    """Measures, prints, and returns the exit status."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--model", choices=tuple(FLOORS), help="by default MiniLM, if it is there")
    name = parser.parse_args().model or _model()
    ours, recipe = _ours(name), _recipe(name)
    held = [_held(name, what, ours[what], recipe[what]) for what in FLOORS[name]]
    return 0 if all(held) else 1


def _model() -> str:
    from tfclassify.model.weights import is_to_be_had

    return "minilm" if is_to_be_had("minilm") else "random-tiny"


def _held(name: str, what: str, ours: float, recipe: float) -> bool:
    """Prints a ratio, and says whether it is over its floor."""
    ratio, floor = ours / recipe, FLOORS[name][what]
    told: dict[str, Any] = {"guard": what, "model": name, "ours_per_second": round(ours, 1)}
    told |= {"recipe_per_second": round(recipe, 1), "ratio": round(ratio, 2), "floor": floor, "held": ratio >= floor}
    print(json.dumps(told), flush=True)
    return ratio >= floor


def _ours(name: str) -> dict[str, float]:
    """Trains an epoch of the sample and answers its test rows, as the verbs do."""
    with tempfile.TemporaryDirectory() as folder:
        keys = {"model.name": name, "train.epochs": 1, "train.batch_size": BATCH, "train.learning_rate": RATE}
        words = [f"{key}={value}" for key, value in {**keys, "answer.stack": "none", "run": f"{folder}/run"}.items()]
        report = json.loads(printed_by([sys.executable, "-m", "tfclassify.train", *words, "--json"]))["report"]
        script = str(HERE / "peers" / "own_prediction.py")
        asked = ["run", f"{folder}/run", str(SAMPLE / "test.csv"), f"{folder}/labels.csv", "float32"]
        answers = json.loads(printed_by([sys.executable, script, *asked]))["texts_per_second"]
    return {"training": report["speed"]["train_examples_per_second"], "answers": answers}


def _recipe(name: str) -> dict[str, float]:
    steps, answers = RECIPE[name]
    words = [str(SAMPLE / "train.csv"), str(RATE), str(BATCH), str(steps), name, str(answers)]
    printed = json.loads(printed_by([sys.executable, str(HERE / "peers" / "copied_recipe.py"), *words]))
    return {"training": printed["examples_per_second"], "answers": printed["answers_per_second"]}


if __name__ == "__main__":
    sys.exit(main())
