"""A server that answers like TensorFlow Serving's REST, from examples, on a port of this machine's own."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any


@dataclass
class Fake:
    """Where it listens, what it was asked, and what it refuses with before it answers."""

    model: str
    examples: Sequence[dict[str, Any]]
    refusals: list[int] = field(default_factory=list)
    asked: list[tuple[str, str, dict[str, str], Any]] = field(default_factory=list)
    port: int = 0

    @property
    def address(self) -> str:
        return f"http://127.0.0.1:{self.port}"


@contextmanager
def serving(fake: Fake) -> Iterator[Fake]:
    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            known = self.path in (f"/v1/models/{fake.model}", f"/v1/models/{fake.model}/metadata", "/v2/health/ready")
            fake.asked.append(("GET", self.path, dict(self.headers), None))
            self.answer(200 if known else 404, {})

        def do_POST(self) -> None:
            body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
            fake.asked.append(("POST", self.path, dict(self.headers), body))
            if fake.refusals:
                self.answer(fake.refusals.pop(0), {"error": "not now"})
            elif not self.path.startswith(f"/v1/models/{fake.model}") or not self.path.endswith(":predict"):
                self.answer(404, {"error": "Servable not found"})
            else:
                self.answer(200, answers(fake, body))

        def answer(self, status: int, value: Any) -> None:
            body = json.dumps(value).encode()
            self.send_response(status)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: Any) -> None:
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        fake.port = server.server_address[1]
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
        thread.start()
        try:
            yield fake
        finally:
            server.shutdown()
            thread.join()


def answers(fake: Fake, body: dict[str, Any]) -> dict[str, Any]:
    if "inputs" in body:
        return {"outputs": {"label": ["?"] * len(body["inputs"]["text"])}}
    known = {json.dumps(example["inputs"]): example["outputs"] for example in fake.examples}
    unknown = {"label": "?", "score": 0.0}
    return {"predictions": [known.get(json.dumps(row), unknown) for row in body["instances"]]}
