"""A run's ``huggingface`` folder asked by ONNX Runtime, float32 or dynamic int8, in a loop over texts sorted by length.

onnx_prediction.py FOLDER CSV LABELS_CSV MAX_LENGTH fp32|int8 MODELS_FOLDER

MODELS_FOLDER keeps what is exported; what is there is not exported again.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import onnxruntime
import torch
from asked_rows import Answer, measured, sorted_batches
from onnxruntime.quantization import QuantType, quantize_dynamic
from transformers import AutoConfig, AutoModelForSequenceClassification, AutoTokenizer

SIZES = (8, 16, 32, 64, 128)
INPUTS = ("input_ids", "attention_mask", "token_type_ids")
OPSET = 18


def main(folder: str, file: Path, output: Path, max_length: int, mode: str, models: Path) -> None:
    """Answers the file on all cores."""
    model = exported(folder, models)
    answer = by_loop(folder, quantized(model) if mode == "int8" else model, max_length)
    measured(answer, file, output, sizes=SIZES, onnxruntime=onnxruntime.__version__, torch=torch.__version__)


def exported(folder: str, models: Path) -> Path:
    """Exports the network with PyTorch.

    Sessions fuse attention, layer norms and GELU of it by themselves; fused beforehand by ``onnxruntime.transformers``
    it was no faster, and its int8 slower.
    """
    file = models / "fp32.onnx"
    if file.is_file():
        return file
    model = AutoModelForSequenceClassification.from_pretrained(folder, attn_implementation="eager").eval()
    # Attention is found in the graphs of this exporter.
    torch.onnx.export(
        model,
        tuple(torch.ones(2, 16, dtype=torch.int64) for _ in INPUTS),
        str(file),
        input_names=list(INPUTS),
        output_names=["logits"],
        dynamic_axes={name: {0: "rows", 1: "length"} for name in INPUTS},
        opset_version=OPSET,
        dynamo=False,
    )
    return file


def quantized(model: Path) -> Path:
    """Quantises weights to int8; activations follow as they come."""
    file = model.with_name("int8.onnx")
    if not file.is_file():
        quantize_dynamic(str(model), str(file), weight_type=QuantType.QInt8)
    return file


def by_loop(folder: str, model: Path, max_length: int) -> Answer:
    """Returns a loop that tokenises all texts at once and pads batches of like length."""
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = os.cpu_count() or 1
    session = onnxruntime.InferenceSession(str(model), options, providers=["CPUExecutionProvider"])
    tokenizer, names = AutoTokenizer.from_pretrained(folder), AutoConfig.from_pretrained(folder).id2label

    def answer(texts: Sequence[str], size: int) -> list[str]:
        ids = tokenizer(list(texts), truncation=True, max_length=max_length)["input_ids"]
        best = np.zeros(len(ids), np.int64)
        for places, padded, mask in sorted_batches(ids, size):
            given = dict(zip(INPUTS, (padded, mask, np.zeros_like(padded)), strict=True))
            (logits,) = session.run(["logits"], given)
            best[places] = logits.argmax(-1)
        return [names[int(number)] for number in best]

    return answer


if __name__ == "__main__":
    main(sys.argv[1], Path(sys.argv[2]), Path(sys.argv[3]), int(sys.argv[4]), sys.argv[5], Path(sys.argv[6]))
