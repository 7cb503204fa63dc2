"""Reads a run's ``huggingface`` folder with PyTorch and prints the logits of texts, one JSON list per line."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import torch
from transformers import AutoModelForSequenceClassification, AutoTokenizer


def main(folder: str, texts: Path, max_length: int) -> None:
    """Answers the texts of a JSON file, one at a time."""
    tokenizer = AutoTokenizer.from_pretrained(folder)
    model = AutoModelForSequenceClassification.from_pretrained(folder).eval()
    for text in json.loads(texts.read_text(encoding="utf-8")):
        pair = text if isinstance(text, list) else [text]
        with torch.no_grad():
            inputs = tokenizer(*pair, truncation=True, max_length=max_length, return_tensors="pt")
            sys.stdout.write(json.dumps(model(**inputs).logits[0].tolist()) + "\n")


if __name__ == "__main__":
    main(sys.argv[1], Path(sys.argv[2]), int(sys.argv[3]))
