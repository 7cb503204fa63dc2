"""The two servers that a bundle is for: what differs between them is here, as data."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from tfclassify.servable.bundle.facts import PORTS, BundleFacts
from tfclassify.servable.bundle.sizes import Needs

POLL_SECONDS = 60
TIMEOUT_MILLISECONDS = 30_000
NOBODY = 65534


@dataclass(frozen=True)
class Server:
    """One of the servers, for one model.

    Attributes:
        name: of its folder and in the names of what runs.
        image: with the server and the models in it, as built here.
        command: that starts it; both take the same flags behind it.
        ready_path: answers 200 once the model can be asked.
        live: a probe that does not depend on the model.
        stop_seconds: asleep before it is told to stop, so that clients have turned to others.
        grace_seconds: from then until it is ended.
        said: what whoever reads the manifest would wonder about.
    """

    name: str
    image: str
    command: tuple[str, ...]
    ready_path: str
    live: Mapping[str, Any]
    stop_seconds: int
    grace_seconds: int
    said: str = field(default="")


def servers(facts: BundleFacts, *, served: str, dns: str) -> tuple[Server, Server]:
    """Returns our own server and the stock one."""
    own = Server(
        name="tfclassify",
        image=f"{dns}-tfclassify:{facts.version}",
        command=("python", "-m", "tfclassify.serve"),
        ready_path="/v2/health/ready",
        live={"httpGet": {"path": "/v2/health/live", "port": "rest"}},
        stop_seconds=5,
        grace_seconds=45,
        said="Told to stop, it refuses readiness, serves on for 10 s, finishes what it has, and exits.",
    )
    stock = Server(
        name="tensorflow-serving",
        image=f"{dns}-tensorflow-serving:{facts.version}",
        command=("tensorflow_model_server",),
        ready_path=f"/v1/models/{served}/metadata",
        live={"tcpSocket": {"port": "grpc"}},
        stop_seconds=10,
        grace_seconds=30,
        said="It does not hear SIGTERM: after the sleep it answers what it has until the grace period ends it.",
    )
    return own, stock


def flags(served: str, needs: Needs) -> list[str]:
    """Returns the flags that both servers take, for the files of this bundle under ``/models``."""
    folder = f"/models/{served}/serving"
    return [
        f"--port={PORTS['grpc']}",
        f"--rest_api_port={PORTS['rest']}",
        f"--rest_api_timeout_in_ms={TIMEOUT_MILLISECONDS}",
        f"--model_config_file={folder}/models.config",
        f"--model_config_file_poll_wait_seconds={POLL_SECONDS}",
        "--allow_version_labels_for_unavailable_models=true",
        "--enable_batching=true",
        f"--batching_parameters_file={folder}/batching_parameters.txt",
        f"--monitoring_config_file={folder}/monitoring.config",
        f"--tensorflow_intra_op_parallelism={needs.cores}",
    ]


def stock_image(target_server: str) -> str:
    """Returns the stock image of a version; its tags have three numbers."""
    return f"tensorflow/serving:{target_server}{'.0' if target_server.count('.') == 1 else ''}"
