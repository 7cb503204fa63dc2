"""PyTorch's ``Trainer`` with dynamic padding and ``group_by_length``; prints examples per second and test accuracy.

pytorch_trainer.py FOLDER DATA_FOLDER EPOCHS RATE BATCH fp32|bf16 LENGTH STEPS

STEPS, unless 0, end it before, without a test.
"""

from __future__ import annotations

import json
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import torch
import transformers
from labelled_rows import Rows, read_rows
from transformers import (
    AutoTokenizer,
    BertForSequenceClassification,
    DataCollatorWithPadding,
    Trainer,
    TrainingArguments,
    set_seed,
)


class Encoded(torch.utils.data.Dataset):
    """Rows as the trainer takes them."""

    def __init__(self, rows: Rows, tokenizer: Any, labels: list[str], length: int) -> None:
        """Tokenises the rows."""
        ids = tokenizer([text for text, _ in rows], truncation=True, max_length=length)["input_ids"]
        self.rows = [{"input_ids": a, "labels": labels.index(b)} for a, (_, b) in zip(ids, rows, strict=True)]

    def __len__(self) -> int:
        return len(self.rows)

    def __getitem__(self, place: int) -> dict[str, Any]:
        return self.rows[place]


def main(
    model_folder: str, data: Path, *, epochs: float, rate: float, batch: int, bf16: bool, length: int, steps: int
) -> None:
    """Trains and tests once."""
    train, test = read_rows(data / "train.csv"), read_rows(data / "test.csv")
    labels = sorted({label for _, label in train})
    set_seed(0)
    tokenizer = AutoTokenizer.from_pretrained(model_folder)
    model = BertForSequenceClassification.from_pretrained(model_folder, num_labels=len(labels))
    rows, rows_test = (Encoded(split, tokenizer, labels, length) for split in (train, test))
    with tempfile.TemporaryDirectory() as folder:
        arguments = TrainingArguments(
            folder,
            num_train_epochs=epochs,
            max_steps=steps or -1,
            learning_rate=rate,
            per_device_train_batch_size=batch,
            per_device_eval_batch_size=64,
            group_by_length=True,
            warmup_ratio=0.1,
            weight_decay=0.01,
            report_to=[],
            save_strategy="no",
            logging_steps=1000,
            disable_tqdm=True,
            use_cpu=True,
            bf16=bf16,
        )
        trainer = Trainer(model, arguments, train_dataset=rows, data_collator=DataCollatorWithPadding(tokenizer))
        begun = time.perf_counter()
        trainer.train()
        seconds = time.perf_counter() - begun
        done = _seen(len(rows), batch, steps) if steps else len(rows) * epochs
        accuracy = None if steps else _accuracy(trainer, rows_test)
    result = {
        "examples_per_second": done / seconds,
        "test_accuracy": accuracy,
        "torch": torch.__version__,
        "transformers": transformers.__version__,
    }
    sys.stdout.write(json.dumps(result) + "\n")


def _seen(rows: int, batch: int, steps: int) -> int:
    """Returns how many rows so many steps see; the last batch of an epoch may be smaller."""
    epochs, more = divmod(steps, -(-rows // batch))
    return epochs * rows + min(rows, more * batch)


def _accuracy(trainer: Trainer, rows: Encoded) -> float:
    answers = trainer.predict(rows)
    return float((answers.predictions.argmax(-1) == answers.label_ids).mean())


if __name__ == "__main__":
    main(
        sys.argv[1],
        Path(sys.argv[2]),
        epochs=float(sys.argv[3]),
        rate=float(sys.argv[4]),
        batch=int(sys.argv[5]),
        bf16=sys.argv[6] == "bf16",
        length=int(sys.argv[7]),
        steps=int(sys.argv[8]),
    )
