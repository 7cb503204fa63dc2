"""Training beside its peers: speed as ratios within rounds, and test accuracy of planned runs and of the configs.

python benchmarks/training.py speed --data DIR --peers peers/bin/python
python benchmarks/training.py accuracy --data DIR
python benchmarks/training.py configs
python benchmarks/training.py table
"""

from __future__ import annotations

import argparse
import json
import sys
import tempfile
from pathlib import Path
from statistics import mean, median
from typing import Any

from measured import is_kept, keep, pieces, printed_by

HERE = Path(__file__).parent
RESULTS = HERE / "results" / "training.jsonl"
BATCH, RECIPE_STEPS = 32, 60

# Learning rate and rounds of the comparison of speed: the same weights, batch size and rate on all sides, one epoch.
SPEED = {"trec6": (1e-4, 2), "sst2_sentences": (1e-4, 2)}
ACCURACY: dict[str, dict[str, Any]] = {
    "trec6": {"seeds": (0, 1, 2)},
    "sst2_sentences": {"seeds": (0,)},
    "banking77": {"seeds": (0,)},
    "clinc150": {"seeds": (0,), "data.out_of_scope_label": "oos"},
    "ag_news_subset": {"seeds": (0,)},
    "goemotions": {"seeds": (0,)},
    "sms_spam": {"seeds": (0,)},
    "financial_phrasebank": {"seeds": (0,)},
    "mrpc": {"seeds": (0,)},
    "imdb_small": {"seeds": (0,)},
    "movie_reviews_long": {"seeds": (0,)},
    "chnsenticorp": {"seeds": (0,)},
}
CONFIGS = {"support": (0, 1, 2)}


def main() -> None:
    """Runs what is asked for."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("what", choices=("speed", "accuracy", "configs", "table"))
    parser.add_argument("--data", type=Path, help="folder with one sub-folder per data set")
    parser.add_argument("--peers", help="the Python of an environment with PyTorch")
    parser.add_argument("--only", nargs="*", help="data sets, by default all")
    asked = parser.parse_args()
    {"speed": speed, "accuracy": accuracy, "configs": configs, "table": table}[asked.what](asked)


def speed(asked: argparse.Namespace) -> None:
    """Trains one epoch with each side in turn, several rounds."""
    for name, (rate, rounds) in SPEED.items():
        if asked.only and name not in asked.only:
            continue
        data = asked.data / name
        for number in range(rounds):
            piece = {"piece": "speed", "data": name, "round": number}
            if is_kept(RESULTS, piece):
                continue
            sides = {
                "tfclassify": _ours(data, {"train.epochs": 1, "train.learning_rate": rate, "train.batch_size": BATCH}),
                "recipe": _recipe(data, rate),
                **{f"pytorch {kind}": _pytorch(asked.peers, data, rate, kind) for kind in ("fp32", "bf16")},
            }
            ours = sides["tfclassify"]
            ratios = {
                f"against {side}": round(ours / other, 3) for side, other in sides.items() if side != "tfclassify"
            }
            keep(RESULTS, {**piece, "examples_per_second": {k: round(v, 1) for k, v in sides.items()}, **ratios})


def accuracy(asked: argparse.Namespace) -> None:
    """Trains with every key planned, to the end."""
    for name, options in ACCURACY.items():
        if asked.only and name not in asked.only:
            continue
        for seed in options["seeds"]:
            piece = {"piece": "accuracy", "data": name, "seed": seed}
            if is_kept(RESULTS, piece):
                continue
            keys = {"seed": seed, **{key: value for key, value in options.items() if key != "seeds"}}
            keep(RESULTS, {**piece, **_figures(_train(_splits(asked.data / name), keys))})


def configs(asked: argparse.Namespace) -> None:
    """Trains what is ready in configs/, on the embedded samples."""
    for name, seeds in CONFIGS.items():
        if asked.only and name not in asked.only:
            continue
        for seed in seeds:
            piece = {"piece": "config", "data": name, "seed": seed}
            if not is_kept(RESULTS, piece):
                file = HERE.parent / "configs" / f"{name}.yaml"
                keep(RESULTS, {**piece, **_figures(_train([str(file)], {"seed": seed}))})


def table(asked: argparse.Namespace) -> None:
    """Prints what has been measured: medians of the ratios, means over the seeds."""
    print("| data set | against the recipe | against PyTorch fp32 | against PyTorch bf16 |\n|---|---|---|---|")
    for name in SPEED:
        mine = [piece for piece in pieces(RESULTS, "speed") if piece["data"] == name]
        keys = ("against recipe", "against pytorch fp32", "against pytorch bf16")
        if mine:
            print(f"| {name} | " + " | ".join(f"{median(piece[key] for piece in mine):.2f}x" for key in keys) + " |")
    print(
        "\n| data set | test accuracy | micro-F1 | baseline | above it, of seed 0 | seeds | epochs | minutes |"
        "\n|---|---|---|---|---|---|---|---|"
    )
    for name in (*ACCURACY, *CONFIGS):
        mine = [
            piece for piece in pieces(RESULTS) if piece["piece"] in ("accuracy", "config") and piece["data"] == name
        ]
        if mine:
            keys = ("accuracy", "micro_f1", "baseline_accuracy")
            cells = [f"{mean(piece[key] for piece in mine):.4f}" for key in keys]
            minutes = f"{mean(piece['seconds'] for piece in mine) / 60:.1f}"
            above = "{:+.4f} [{:+.4f}, {:+.4f}]".format(*mine[0]["difference"])
            print(f"| {name} | " + " | ".join([*cells, above, str(len(mine)), str(mine[0]["epochs"]), minutes]) + " |")


def _ours(data: Path, keys: dict[str, Any]) -> float:
    return float(_train(_splits(data), keys)["report"]["speed"]["train_examples_per_second"])


def _splits(data: Path) -> list[str]:
    files = {split: data / f"{split}.csv" for split in ("train", "validation", "test")}
    return [f"data.{split}={path}" for split, path in files.items() if path.is_file()]


def _train(given: list[str], keys: dict[str, Any]) -> dict[str, Any]:
    """Runs the verb as people do, and returns what it prints with its settings."""
    with tempfile.TemporaryDirectory() as folder:
        words = [*given, *(f"{key}={value}" for key, value in {**keys, "run": f"{folder}/run"}.items())]
        printed = printed_by([sys.executable, "-m", "tfclassify.train", *words, "--json"])
        shown = json.loads(printed)
        shown["history"] = (Path(folder) / "run" / "metrics.jsonl").read_text(encoding="utf-8").splitlines()
    return shown


def _figures(shown: dict[str, Any]) -> dict[str, Any]:
    report = shown["report"]
    split = "test" if "test" in report["splits"] else "validation"
    figures, baseline = report["splits"][split], report["baseline"]
    return {
        "split": split,
        "rows": figures["rows"],
        "accuracy": round(figures["accuracy"], 4),
        "micro_f1": round(figures["micro_f1"], 4),
        "macro_f1": round(figures["macro_f1"], 4),
        "baseline_accuracy": round(baseline[split]["accuracy"], 4),
        "baseline_micro_f1": round(baseline[split]["micro_f1"], 4),
        "difference": [round(value, 4) for value in baseline["difference"]],
        "scope": figures.get("scope"),
        "epochs": len(shown["history"]),
        "seconds": round(json.loads(shown["history"][-1])["seconds"], 1),
        "plan": report["plan"],
        "rows_account": report["rows"],
    }


def _recipe(data: Path, rate: float) -> float:
    script = HERE / "peers" / "copied_recipe.py"
    words = [sys.executable, str(script), str(data / "train.csv"), str(rate), str(BATCH), str(RECIPE_STEPS)]
    return float(json.loads(printed_by(words))["examples_per_second"])


def _pytorch(python: str, data: Path, rate: float, kind: str) -> float:
    from tfclassify.model.weights import find

    folder = find("minilm", cache=Path("unused")).folder
    script = HERE / "peers" / "pytorch_trainer.py"
    words = [python, str(script), str(folder), str(data), "1", str(rate), str(BATCH), kind]
    return float(json.loads(printed_by(words))["examples_per_second"])


if __name__ == "__main__":
    main()
