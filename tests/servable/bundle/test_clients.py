"""The clients run as they are: over REST against a fake of the server, over gRPC against one in this process."""

from __future__ import annotations

import ast
import importlib.util
import json
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from fake_server import Fake, serving
from made_bundles import EXAMPLES, HOSTILE, bundle

from tfclassify.servable.bundle.names import served_name

PAIRS = (
    {"inputs": {"text": "a\tb", "text_b": "c", "price": 2.5}, "outputs": {"labels": ["x", "y"], "scores": [0.7, 0.3]}},
)


def run(clients: Path, address: str, words: list[str], *, key: str = "", typed: str = "") -> Any:
    known = {"PATH": os.environ["PATH"], "MODEL_SERVER": address, "API_KEY": key, "PYTHONIOENCODING": "utf-8"}
    return subprocess.run(
        words, cwd=clients, env=known, input=typed, capture_output=True, text=True, check=False, timeout=60
    )


def python(clients: Path, address: str, *words: str, **more: str) -> Any:
    return run(clients, address, [sys.executable, "-W", "error", "rest_client.py", *words], **more)


@pytest.fixture
def fake() -> Iterator[Fake]:
    with serving(Fake("support", EXAMPLES)) as running:
        yield running


@pytest.fixture
def clients(tmp_path: Path) -> Path:
    return bundle(tmp_path / "support") / "serving" / "clients"


# REST


def test_the_check_passes_on_the_answers_of_the_export(clients: Path, fake: Fake) -> None:
    done = python(clients, fake.address, "--check")
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "3 of 3 examples as exported\n")
    bodies = [body["instances"] for _, _, _, body in fake.asked]
    assert bodies == [[EXAMPLES[0]["inputs"], EXAMPLES[1]["inputs"]], [EXAMPLES[2]["inputs"]]]  # batches of at most 2


@pytest.mark.parametrize("change", [{"label": "lost"}, {"score": 0.7502}])
def test_the_check_fails_on_others_and_says_which(clients: Path, change: dict[str, Any]) -> None:
    other = [{**EXAMPLES[0], "outputs": EXAMPLES[0]["outputs"] | change}, *EXAMPLES[1:]]
    with serving(Fake("support", other)) as fake:
        done = python(clients, fake.address, "--check")
    assert done.returncode == 1
    assert json.loads(done.stdout)["differ"] == list(change)
    assert done.stderr == "2 of 3 examples as exported\n"


def test_the_check_lets_the_last_digits_be(clients: Path) -> None:
    near = [{**EXAMPLES[0], "outputs": EXAMPLES[0]["outputs"] | {"score": 0.75005}}, *EXAMPLES[1:]]
    with serving(Fake("support", near)) as fake:
        assert python(clients, fake.address, "--check").returncode == 0


def test_texts_are_words_or_lines(clients: Path, fake: Fake) -> None:
    said = python(clients, fake.address, "gone", "новое 😀")
    assert said.returncode == 0, said.stderr
    answers = [json.loads(line) for line in said.stdout.splitlines()]
    assert answers == [EXAMPLES[1]["outputs"], {"label": "?", "score": 0.0}]
    assert fake.asked[-1][3] == {"instances": [{"text": "gone"}, {"text": "новое 😀"}]}
    assert python(clients, fake.address, typed="gone\nnew\n").stdout == said.stdout


def test_a_full_server_is_asked_again(clients: Path, fake: Fake) -> None:
    fake.refusals += [503, 429]
    done = python(clients, fake.address, "gone")
    assert (done.returncode, len(fake.asked)) == (0, 3), done.stderr


def test_a_refusal_is_told_with_the_words_of_the_server(clients: Path, fake: Fake) -> None:
    fake.refusals += [400]
    done = python(clients, fake.address, "gone")
    assert done.returncode == 1
    assert done.stderr.endswith(f'400 from {fake.address}/v1/models/support:predict: {{"error": "not now"}}\n')
    assert len(fake.asked) == 1


@pytest.mark.parametrize("program", ["requests.sh", "rest_client.py"])
def test_a_key_is_sent_and_no_key_is_not(clients: Path, fake: Fake, program: str) -> None:
    words = ["bash", program] if program.endswith(".sh") else [sys.executable, program, "gone"]
    assert run(clients, fake.address, words, key="secret").returncode == 0
    assert {headers.get("Authorization") for _, _, headers, _ in fake.asked} == {"Bearer secret"}
    fake.asked.clear()
    assert run(clients, fake.address, words).returncode == 0
    assert {headers.get("Authorization") for _, _, headers, _ in fake.asked} == {None}


def test_pairs_and_other_inputs_are_parted_by_tabs(tmp_path: Path) -> None:
    clients = bundle(tmp_path / "support", pairs=True, examples=PAIRS) / "serving" / "clients"
    with serving(Fake("support", PAIRS)) as fake:
        assert python(clients, fake.address, "--check").returncode == 0
        assert python(clients, fake.address, "a\tb\tc").returncode == 0
        assert fake.asked[-1][3] == {"instances": [{"text": "a", "text_b": "b", "price": "c"}]}
        wrong = python(clients, fake.address, "a\tb")
    assert (wrong.returncode, wrong.stderr) == (1, "expected text, text_b, price parted by tabs\n")


@pytest.mark.parametrize("name", HOSTILE)
def test_any_name_is_asked_by_both(tmp_path: Path, name: str) -> None:
    clients = bundle(tmp_path / "model", name=name) / "serving" / "clients"
    with serving(Fake(served_name(name), EXAMPLES)) as fake:
        for done in (python(clients, fake.address, "--check"), run(clients, fake.address, ["bash", "requests.sh"])):
            assert done.returncode == 0, done.stderr


def test_curl_asks_everything_the_server_answers(clients: Path, fake: Fake) -> None:
    done = run(clients.parent, fake.address, ["clients/requests.sh"])  # from elsewhere, by its own right to run
    assert done.returncode == 0, done.stderr
    paths = [path for _, path, _, _ in fake.asked]
    model = "/v1/models/support"
    rows = [f"{model}:predict", f"{model}/versions/3:predict", f"{model}/labels/stable:predict"]
    assert paths == [f"{model}/metadata", model, rows[0], *rows]
    assert [json.loads(line) for line in done.stdout.splitlines()][2]["predictions"][0] == EXAMPLES[0]["outputs"]


def test_curl_stops_where_it_is_refused(clients: Path, fake: Fake) -> None:
    fake.refusals += [404]
    done = run(clients, fake.address, ["bash", "requests.sh"])
    assert done.returncode == 22
    assert json.loads(done.stdout.splitlines()[-1]) == {"error": "not now"}


@pytest.mark.parametrize("name", ["support", HOSTILE[0]])
def test_shells_are_written_as_shellcheck_likes_them(tmp_path: Path, name: str) -> None:
    if shutil.which("shellcheck") is None:
        pytest.skip("no shellcheck on this machine (Debian package shellcheck)")
    serving_folder = bundle(tmp_path / "model", name=name) / "serving"
    scripts = [serving_folder / "health.sh", serving_folder / "clients" / "requests.sh"]
    done = subprocess.run(["shellcheck", *scripts], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout


def test_the_rest_client_needs_nothing_but_python(clients: Path) -> None:
    tree = ast.parse((clients / "rest_client.py").read_text(encoding="utf-8"), feature_version=(3, 9))
    modules = {
        alias.name.split(".")[0] for node in ast.walk(tree) if isinstance(node, ast.Import) for alias in node.names
    }
    modules |= {str(node.module).split(".")[0] for node in ast.walk(tree) if isinstance(node, ast.ImportFrom)}
    assert modules <= set(sys.stdlib_module_names)


# gRPC


@contextmanager
def answering() -> Iterator[tuple[str, list[Any]]]:
    """Runs a PredictionService that answers with how long each text is, and notes what it was asked."""
    grpc = pytest.importorskip("grpc")
    apis = pytest.importorskip("tensorflow_serving.apis.prediction_service_pb2_grpc")
    from tensorflow import make_ndarray, make_tensor_proto
    from tensorflow_serving.apis import predict_pb2

    asked = []

    class Service(apis.PredictionServiceServicer):
        def Predict(self, request: Any, context: Any) -> Any:  # noqa: N802 -- the name of the method in the proto
            asked.append((request, dict(context.invocation_metadata())))
            texts = make_ndarray(request.inputs["text"]).tolist()
            response = predict_pb2.PredictResponse()
            response.outputs["label"].CopyFrom(make_tensor_proto(texts))
            response.outputs["scores"].CopyFrom(make_tensor_proto([[len(text), 0.5] for text in texts]))
            return response

    server = grpc.server(ThreadPoolExecutor(1))
    apis.add_PredictionServiceServicer_to_server(Service(), server)
    port = server.add_insecure_port("127.0.0.1:0")
    server.start()
    try:
        yield f"127.0.0.1:{port}", asked
    finally:
        server.stop(0).wait()


def test_the_grpc_client_asks_in_parts_and_answers_in_rows(clients: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with answering() as (address, asked):
        monkeypatch.setenv("API_KEY", "secret")
        specification = importlib.util.spec_from_file_location("grpc_client", clients / "grpc_client.py")
        assert specification is not None
        assert specification.loader is not None
        client = importlib.util.module_from_spec(specification)
        specification.loader.exec_module(client)
        answers = client.predict([{"text": text} for text in ("a", "😀", "")], server=address)
    assert [answer["label"] for answer in answers] == ["a", "😀", ""]
    assert [answer["scores"] for answer in answers] == [[1.0, 0.5], [4.0, 0.5], [0.0, 0.5]]
    assert len(asked) == 2
    request, metadata = asked[0]
    assert (request.model_spec.name, request.model_spec.signature_name) == ("support", "serving_default")
    assert metadata["authorization"] == "Bearer secret"


@pytest.mark.parametrize("name", HOSTILE)
def test_the_grpc_client_names_any_model(tmp_path: Path, name: str) -> None:
    source = (bundle(tmp_path / "model", name=name) / "serving" / "clients" / "grpc_client.py").read_text("utf-8")
    values = {
        node.targets[0].id: ast.literal_eval(node.value)  # type: ignore[attr-defined]
        for node in ast.parse(source).body
        if isinstance(node, ast.Assign) and isinstance(node.value, ast.Constant | ast.Tuple)
    }
    assert values == {"MODEL": served_name(name), "INPUTS": ("text",), "MAX_ROWS": 2}
