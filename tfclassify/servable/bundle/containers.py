"""Images with the model in them, and the stock server by compose."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

from tfclassify.servable.bundle.facts import PORTS, BundleFacts
from tfclassify.servable.bundle.servers import NOBODY, Server, flags, stock_image
from tfclassify.servable.bundle.sizes import Needs
from tfclassify.servable.bundle.templating import rendered
from tfclassify.servable.bundle.yaml_text import yaml_text

COMPOSE_HEAD = """\
docker compose -f serving/compose.yaml up, in the model's folder; new versions are seen without a new start.
The server runs as nobody, sees the models read-only and can be reached from this machine only."""


def container_files(
    facts: BundleFacts, needs: Needs, *, served: str, dns: str, versions: Sequence[int], both: tuple[Server, Server]
) -> dict[str, str]:
    """Writes the files that build and run images, by name; each is used in the model's folder."""
    own, stock = both
    known = {
        "served": served,
        "versions": versions,
        "user": NOBODY,
        "flags": json.dumps(flags(served, needs)),
        "package_version": facts.package_version,
        "stock_image": stock_image(facts.target_server),
    }
    return {
        "Dockerfile": rendered("Dockerfile.jinja", **known, server=stock, command=json.dumps(stock.command)),
        "Dockerfile.tfclassify": rendered(
            "Dockerfile.tfclassify.jinja", **known, server=own, command=json.dumps(own.command)
        ),
        "health.sh": rendered("health.sh.jinja", served=served),
        "compose.yaml": yaml_text(_compose(facts, needs, served=served, dns=dns, stock=stock), head=COMPOSE_HEAD),
    }


def _compose(facts: BundleFacts, needs: Needs, *, served: str, dns: str, stock: Server) -> dict[str, Any]:
    folder = f"/models/{served}"
    server = {
        "image": f"${{SERVING_IMAGE:-{stock_image(facts.target_server)}}}",
        "entrypoint": list(stock.command),
        "command": flags(served, needs),
        "ports": [f"127.0.0.1:{port}:{port}" for port in PORTS.values()],
        "volumes": [{"type": "bind", "source": "..", "target": folder, "read_only": True}],
        "healthcheck": {
            "test": ["CMD", "bash", f"{folder}/serving/health.sh", stock.ready_path],
            "interval": "10s",
            "timeout": "5s",
            "retries": 3,
            "start_period": "5m",
        },
        "restart": "unless-stopped",
        # The server as process 1 would not hear the signal to stop.
        "init": True,
        "stop_grace_period": "10s",
        **_confined(),
        "deploy": {"resources": {"limits": {"memory": f"{needs.memory_bytes}"}}},
    }
    return {"name": dns, "services": {stock.name: server}}


def _confined() -> dict[str, Any]:
    return {
        "user": f"{NOBODY}:{NOBODY}",
        "read_only": True,
        "tmpfs": ["/tmp"],  # noqa: S108 -- in the container
        "cap_drop": ["ALL"],
        "security_opt": ["no-new-privileges:true"],
    }
