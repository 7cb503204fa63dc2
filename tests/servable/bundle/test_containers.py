"""Images and compose: by the published schema, confined, and of files that are there."""

from __future__ import annotations

import json
import shlex
import subprocess
from importlib import resources
from pathlib import Path
from typing import Any

import pytest
import yaml
from fake_server import Fake, serving
from made_bundles import HOSTILE, bundle

from tfclassify.servable.bundle.names import dns_name, served_name

DOCKERFILES = ["Dockerfile", "Dockerfile.tfclassify"]


def compose(model: Path) -> dict[str, Any]:
    return yaml.safe_load((model / "serving" / "compose.yaml").read_text(encoding="utf-8"))


def instructions(path: Path) -> list[tuple[str, str]]:
    lines = [line for line in path.read_text(encoding="utf-8").splitlines() if line and not line.startswith("#")]
    return [(word, rest) for word, _, rest in (line.partition(" ") for line in lines)]


@pytest.mark.parametrize("name", ["support", *HOSTILE])
def test_compose_is_of_its_schema(tmp_path: Path, name: str) -> None:
    schemas = pytest.importorskip("check_jsonschema.builtin_schemas")
    jsonschema = pytest.importorskip("jsonschema")
    text = resources.files(schemas).joinpath("vendor", "compose-spec.json").read_text(encoding="utf-8")
    validator = jsonschema.validators.validator_for(json.loads(text))(json.loads(text))
    read = compose(bundle(tmp_path / "model", name=name))
    assert [str(error) for error in validator.iter_errors(read)] == []
    assert read["name"] == dns_name(name)
    assert list(validator.iter_errors({**read, "sevices": {}})) != []  # the schema does refuse


def test_compose_confines_the_server(tmp_path: Path) -> None:
    (server,) = compose(bundle(tmp_path / "support"))["services"].values()
    assert server["user"] == "65534:65534"
    assert server["read_only"] is True
    assert server["cap_drop"] == ["ALL"]
    assert server["security_opt"] == ["no-new-privileges:true"]
    assert server["ports"] == ["127.0.0.1:8500:8500", "127.0.0.1:8501:8501"]
    assert server["volumes"] == [{"type": "bind", "source": "..", "target": "/models/support", "read_only": True}]
    assert int(server["deploy"]["resources"]["limits"]["memory"]) >= 640 * 2**20


@pytest.mark.parametrize(
    ("target", "image"), [("2.20", "tensorflow/serving:2.20.0"), ("2.12.1", "tensorflow/serving:2.12.1")]
)
def test_the_stock_image_is_that_of_the_target(tmp_path: Path, target: str, image: str) -> None:
    model = bundle(tmp_path / "support", target_server=target)
    (server,) = compose(model)["services"].values()
    assert server["image"] == f"${{SERVING_IMAGE:-{image}}}"
    assert instructions(model / "serving" / "Dockerfile")[:2] == [
        ("ARG", f"SERVING_IMAGE={image}"),
        ("FROM", "${SERVING_IMAGE}"),
    ]


@pytest.mark.parametrize("file", DOCKERFILES)
@pytest.mark.parametrize("name", ["support", *HOSTILE])
def test_an_image_is_made_of_files_that_are_there(tmp_path: Path, file: str, name: str) -> None:
    model = bundle(tmp_path / "model", before=(1, 2), name=name)
    known = {"ARG", "FROM", "COPY", "RUN", "ENV", "USER", "EXPOSE", "HEALTHCHECK", "ENTRYPOINT", "CMD"}
    steps = instructions(model / "serving" / file)
    assert {word for word, _ in steps} <= known
    copied = [shlex.split(rest) for word, rest in steps if word == "COPY"]
    assert [source for *sources, _ in copied for source in sources if not (model / source).exists()] == []
    assert [words[0] for words in copied[1:]] == ["2", "3"]
    assert {target for *_, target in copied} == {
        f"/models/{served_name(name)}/{part}" for part in ("serving/", "2", "3")
    }


@pytest.mark.parametrize("file", DOCKERFILES)
def test_an_image_runs_as_nobody_and_is_started_without_a_shell(tmp_path: Path, file: str) -> None:
    model = bundle(tmp_path / "support")
    steps = dict(instructions(model / "serving" / file))
    assert steps["USER"] == "65534:65534"
    (server,) = compose(model)["services"].values()
    assert json.loads(steps["CMD"]) == server["command"]
    if file == "Dockerfile":
        assert json.loads(steps["ENTRYPOINT"]) == server["entrypoint"]
    health = json.loads(steps["HEALTHCHECK"].partition(" CMD ")[2])
    assert health[:2] == ["bash", "/models/support/serving/health.sh"]


def test_every_file_that_the_flags_name_is_in_the_bundle(tmp_path: Path) -> None:
    model = bundle(tmp_path / "support")
    (server,) = compose(model)["services"].values()
    named = [flag.partition("=")[2] for flag in server["command"] if "=/models/" in flag]
    assert len(named) == 3
    assert [path for path in named if not (model / path.removeprefix("/models/support/")).is_file()] == []


@pytest.mark.parametrize(
    ("model_served", "path", "healthy"),
    [("support", [], True), ("other", [], False), ("other", ["/v2/health/ready"], True), ("support", ["/x"], False)],
)
def test_health_is_whether_the_path_answers_200(
    tmp_path: Path, model_served: str, path: list[str], healthy: bool
) -> None:
    script = bundle(tmp_path / "support") / "serving" / "health.sh"
    with serving(Fake(model_served, ())) as fake:
        asked = path or ["/v1/models/support/metadata"]
        done = subprocess.run(["bash", script, *asked, str(fake.port)], capture_output=True, check=False, timeout=20)
    assert (done.returncode == 0) is healthy


def test_health_without_a_server_is_none(tmp_path: Path) -> None:
    script = bundle(tmp_path / "support") / "serving" / "health.sh"
    with serving(Fake("support", ())) as fake:
        pass
    done = subprocess.run(["bash", script, "/", str(fake.port)], capture_output=True, check=False, timeout=20)
    assert done.returncode != 0
