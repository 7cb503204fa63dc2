"""A text-classification pipeline of PyTorch behind FastAPI, as most people serve one; all scores are given.

pytorch_server.py FOLDER PORT MAX_LENGTH threads|serial
"""

from __future__ import annotations

import sys
from typing import Any

import uvicorn
from fastapi import FastAPI
from pydantic import BaseModel
from transformers import pipeline


class Asked(BaseModel):
    """The body of a request."""

    instances: list[dict[str, str]]


def main(folder: str, port: int, max_length: int, mode: str) -> None:
    """Serves on the loopback address."""
    classify = pipeline("text-classification", model=folder, tokenizer=folder, device=-1, top_k=None)
    classify(["warm up"])
    app = FastAPI()

    def predicted(asked: Asked) -> dict[str, Any]:
        texts = [each["text"] for each in asked.instances]
        return {"predictions": classify(texts, truncation=True, max_length=max_length)}

    async def one_at_a_time(asked: Asked) -> dict[str, Any]:
        return predicted(asked)

    # A plain function runs in FastAPI's pool of threads; a coroutine that does not wait runs alone.
    app.post("/v1/models/peer:predict")(predicted if mode == "threads" else one_at_a_time)
    app.get("/v2/health/ready")(lambda: {"ready": True})
    uvicorn.run(app, host="127.0.0.1", port=port, log_level="warning")


if __name__ == "__main__":
    main(sys.argv[1], int(sys.argv[2]), int(sys.argv[3]), sys.argv[4])
