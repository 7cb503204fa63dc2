"""SetFit on a few rows of each label; prints the texts that it embeds and learns from in a second, and test accuracy.

setfit_trainer.py FOLDER DATA_FOLDER RATE BATCH LENGTH STEPS SHOTS

A step takes BATCH pairs of texts, both of which count. The head, a logistic regression, is fitted after STEPS steps,
which is not timed. SetFit is for a few rows of each label: SHOTS are taken of each, the first ones of the file.
"""

from __future__ import annotations

import json
import sys
import tempfile
import time
from pathlib import Path

import setfit
import torch
import transformers
from datasets import Dataset
from labelled_rows import Rows, read_rows
from setfit import SetFitModel, Trainer, TrainingArguments


def main(folder: str, data: Path, *, rate: float, batch: int, length: int, steps: int, shots: int) -> None:
    """Trains and tests once."""
    train, test = few(read_rows(data / "train.csv"), shots), read_rows(data / "test.csv")
    labels = sorted({label for _, label in train})
    model = SetFitModel.from_pretrained(folder, labels=labels)
    model.model_body.max_seq_length = length
    with tempfile.TemporaryDirectory() as output:
        arguments = TrainingArguments(
            output,
            batch_size=batch,
            body_learning_rate=rate,
            max_steps=steps,
            report_to="none",
            save_strategy="no",
            show_progress_bar=False,
            seed=0,
        )
        rows = Dataset.from_dict({"text": [text for text, _ in train], "label": [label for _, label in train]})
        trainer = Trainer(model, arguments, train_dataset=rows)
        given = trainer.dataset_to_parameters(rows)
        begun = time.perf_counter()
        trainer.train_embeddings(*given, args=arguments)
        seconds = time.perf_counter() - begun
        trainer.train_classifier(*given, args=arguments)
    made = trainer.st_trainer.state.global_step
    answers = model.predict([text for text, _ in test], show_progress_bar=False)
    result = {
        "examples_per_second": 2 * batch * made / seconds,
        "steps": made,
        "rows": len(train),
        "test_accuracy": sum(str(a) == b for a, (_, b) in zip(answers, test, strict=True)) / len(test),
        "setfit": setfit.__version__,
        "torch": torch.__version__,
        "transformers": transformers.__version__,
    }
    sys.stdout.write(json.dumps(result) + "\n")


def few(rows: Rows, shots: int) -> Rows:
    """Takes the first rows of each label."""
    taken: dict[str, Rows] = {}
    for row in rows:
        mine = taken.setdefault(row[1], [])
        if len(mine) < shots:
            mine.append(row)
    return [row for mine in taken.values() for row in mine]


if __name__ == "__main__":
    main(
        sys.argv[1],
        Path(sys.argv[2]),
        rate=float(sys.argv[3]),
        batch=int(sys.argv[4]),
        length=int(sys.argv[5]),
        steps=int(sys.argv[6]),
        shots=int(sys.argv[7]),
    )
