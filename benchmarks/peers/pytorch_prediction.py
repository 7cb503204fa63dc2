"""A run's ``huggingface`` folder asked by PyTorch: by the pipeline, or in a loop over texts sorted by length.

pytorch_prediction.py FOLDER CSV LABELS_CSV MAX_LENGTH pipeline|fp32|bf16
"""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import torch
import transformers
from asked_rows import Answer, measured, sorted_batches
from transformers import AutoModelForSequenceClassification, AutoTokenizer, pipeline

SIZES = (8, 16, 32, 64, 128)
# The pipeline pads to the longest text of a batch of unlike ones, so that few may be better than many.
PIPELINE_SIZES = (1, 2, 4, 8, 16, 32)


def main(folder: str, file: Path, output: Path, max_length: int, mode: str) -> None:
    """Answers the file on all cores."""
    torch.set_num_threads(os.cpu_count() or 1)
    answer = by_pipeline(folder, max_length) if mode == "pipeline" else by_loop(folder, max_length, bf16=mode == "bf16")
    sizes = PIPELINE_SIZES if mode == "pipeline" else SIZES
    versions = {"torch": torch.__version__, "transformers": transformers.__version__}
    measured(answer, file, output, sizes=sizes, threads=torch.get_num_threads(), **versions)


def by_pipeline(folder: str, max_length: int) -> Answer:
    """Returns what most people write."""
    classify = pipeline("text-classification", model=folder, tokenizer=folder, device=-1)

    def answer(texts: Sequence[str], size: int) -> list[str]:
        made = classify(list(texts), batch_size=size, truncation=True, max_length=max_length)
        return [each["label"] for each in made]

    return answer


def by_loop(folder: str, max_length: int, *, bf16: bool) -> Answer:
    """Returns a loop that tokenises all texts at once and pads batches of like length."""
    tokenizer = AutoTokenizer.from_pretrained(folder)
    model = AutoModelForSequenceClassification.from_pretrained(folder).eval()
    names = model.config.id2label

    def answer(texts: Sequence[str], size: int) -> list[str]:
        ids = tokenizer(list(texts), truncation=True, max_length=max_length)["input_ids"]
        best = np.zeros(len(ids), np.int64)
        with torch.inference_mode(), torch.autocast("cpu", torch.bfloat16, enabled=bf16):
            for places, padded, mask in sorted_batches(ids, size):
                logits = model(input_ids=torch.from_numpy(padded), attention_mask=torch.from_numpy(mask)).logits
                best[places] = logits.argmax(-1).numpy()
        return [names[int(number)] for number in best]

    return answer


if __name__ == "__main__":
    main(sys.argv[1], Path(sys.argv[2]), Path(sys.argv[3]), int(sys.argv[4]), sys.argv[5])
