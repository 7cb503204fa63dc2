"""More clients than a server can answer, texts that break a batch, and models that want more memory than there is."""

from __future__ import annotations

import asyncio
import json
import time
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import grpc
import psutil
import pytest
from process_models import ALL_MEMORY, EXHAUSTED, save_numbers
from rest_fakes import body_of, request, status
from server_process import Answer, ServerProcess, running
from tensorflow_serving.apis import predict_pb2, prediction_service_pb2_grpc

pytestmark = pytest.mark.slow

CLIENTS, ROUNDS = 1000, 3
QUEUE_ROWS, BATCH_ROWS, BATCH_SECONDS = 64, 32, 0.1
WAITING_SECONDS = 30.0
# All that may wait, behind what runs, as batches that sleep; and as much again, for a machine that has other work.
SLOWEST_SECONDS = 2 * (QUEUE_ROWS / BATCH_ROWS + 1) * BATCH_SECONDS
GREATEST_GROWTH_BYTES = 200 * 2**20
PREDICT = b"/v1/models/numbers:predict"


@pytest.fixture(scope="module")
def small(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ServerProcess]:
    """A server with a small queue, whose model takes the time it is told."""
    folder = tmp_path_factory.mktemp("small")
    save_numbers(folder / "numbers" / "1")
    limits = (f"batching.queue_rows={QUEUE_ROWS}", f"batching.rows={BATCH_ROWS}", "limits.connections=2000")
    with running(folder / "said", {"numbers": folder / "numbers"}, *limits, "log_level=warning") as server:
        yield server
        assert server.end() == 0
        assert not server.said()[1:], server.said()


async def one(port: int, text: str) -> tuple[bytes, float]:
    """Returns what a client of its own gets, and after how many seconds."""
    begun = time.monotonic()
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    body = json.dumps({"instances": [text]}).encode()
    writer.write(request(b"POST", PREDICT, b"Connection: close", body=body))
    answer = await asyncio.wait_for(reader.read(), WAITING_SECONDS)
    writer.close()
    return answer, time.monotonic() - begun


async def many(port: int, text: str) -> list[tuple[bytes, float]]:
    return await asyncio.gather(*(one(port, text) for _ in range(CLIENTS)))


def numbers(server: ServerProcess, *texts: str) -> Answer:
    return server.post("numbers", {"instances": list(texts)})


def test_s37_a_thousand_clients_at_once(small: ServerProcess) -> None:
    process = psutil.Process(small.process.pid)
    pause = round(BATCH_SECONDS * 1000)
    accepted: list[list[float]] = []
    memory = []
    for _ in range(ROUNDS):
        answers = asyncio.run(many(small.rest_port, str(pause)))
        counted = Counter(status(answer) for answer, _ in answers)
        assert set(counted) == {200, 503}
        assert counted[200] >= QUEUE_ROWS
        for answer, _ in answers:
            if status(answer) == 200:
                assert json.loads(body_of(answer)) == {"predictions": [pause]}
            else:
                assert json.loads(body_of(answer)) == {"error": "The server is full"}
                assert b"\r\nretry-after: " in answer
        accepted.append(sorted(seconds for answer, seconds in answers if status(answer) == 200))
        memory.append(process.memory_info().rss)
        assert numbers(small, "1").document == {"predictions": [1]}
    late = [each[int(0.99 * len(each))] for each in accepted]
    # Connecting a thousand clients takes its time as well; what the queue adds is bounded, and does not rise.
    assert late[-1] < 2 * late[0] + SLOWEST_SECONDS
    assert memory[-1] - memory[0] < GREATEST_GROWTH_BYTES


def test_s37_a_request_that_is_larger_than_the_queue(small: ServerProcess) -> None:
    answer = numbers(small, *["1"] * (QUEUE_ROWS + 1))
    assert (answer.status, answer.document) == (
        400,
        {"error": f"A request of {QUEUE_ROWS + 1} texts; at most {QUEUE_ROWS} are taken at a time"},
    )


@pytest.mark.parametrize(("bad", "expected"), [("poison", 400), (str(EXHAUSTED), 429)])
def test_s38_s44_one_bad_text_among_others_in_a_batch(small: ServerProcess, bad: str, expected: int) -> None:
    good = [[str(10 * client + row) for row in range(2)] for client in range(8)]
    before = batches(small)
    with ThreadPoolExecutor(len(good) + 2) as pool:
        # What comes while this runs waits, and then runs together.
        holding = pool.submit(numbers, small, "500")
        time.sleep(0.2)
        failing = pool.submit(numbers, small, "3", bad)
        others = [pool.submit(numbers, small, *texts) for texts in good]
        assert holding.result().document == {"predictions": [500]}
        assert [each.result().document for each in others] == [
            {"predictions": [int(text) for text in texts]} for texts in good
        ]
        assert failing.result().status == expected
        assert list(failing.result().document) == ["error"]
    rows, runs = (now - then for now, then in zip(batches(small), before, strict=True))
    assert rows == 1 + 2 * len(good) + 2
    # They did share: the bad one, and those beside it.
    assert runs < len(good)
    assert numbers(small, "7").document == {"predictions": [7]}


def batches(server: ServerProcess) -> tuple[int, int]:
    """Returns how many rows have been run in how many batches."""
    text = server.get("/monitoring/prometheus/metrics").body.decode()
    found = dict(line.rsplit(" ", 1) for line in text.splitlines() if line.startswith("tfclassify_batch_size_"))
    label = '{model="numbers"}'
    return tuple(int(float(found.get(f"tfclassify_batch_size_{kind}{label}", 0))) for kind in ("sum", "count"))  # type: ignore[return-value]


@pytest.mark.parametrize(
    ("bad", "code", "words"),
    [
        ("poison", "INVALID_ARGUMENT", "could not correctly convert string"),
        (str(EXHAUSTED), "RESOURCE_EXHAUSTED", "memory limit"),
        (str(ALL_MEMORY), "RESOURCE_EXHAUSTED", "OOM when allocating tensor"),
    ],
)
def test_s38_s44_over_grpc(small: ServerProcess, bad: str, code: str, words: str) -> None:
    asked = predict_pb2.PredictRequest()
    asked.model_spec.name = "numbers"
    with grpc.insecure_channel(f"127.0.0.1:{small.grpc_port}") as channel:
        predict = prediction_service_pb2_grpc.PredictionServiceStub(channel).Predict
        asked.inputs["text"].dtype = 7
        asked.inputs["text"].tensor_shape.dim.add().size = 1
        asked.inputs["text"].string_val.append(bad.encode())
        with pytest.raises(grpc.RpcError) as caught:
            predict(asked, timeout=WAITING_SECONDS)
        assert caught.value.code().name == code
        assert words in caught.value.details()
        assert "{{" not in caught.value.details()
        asked.inputs["text"].string_val[0] = b"5"
        assert list(predict(asked, timeout=WAITING_SECONDS).outputs["number"].int64_val) == [5]


@pytest.mark.parametrize(("bad", "expected"), [("poison", 400), (str(EXHAUSTED), 429)])
def test_s38_s44_the_server_lives(hostile_server: ServerProcess, bad: str, expected: int) -> None:
    for _ in range(20):
        assert numbers(hostile_server, bad).status == expected
    assert numbers(hostile_server, "7").document == {"predictions": [7]}
