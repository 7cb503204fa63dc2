"""The pod of a server: what it may do, how it is asked for its health, what it gets."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from tfclassify.servable.bundle.facts import PORTS
from tfclassify.servable.bundle.servers import NOBODY, Server, flags
from tfclassify.servable.bundle.sizes import MEBIBYTE, Needs

STARTUP_PERIOD_SECONDS, STARTUP_TRIES = 5, 120
SPREAD_OVER = ("topology.kubernetes.io/zone", "kubernetes.io/hostname")


def pod(needs: Needs, server: Server, *, served: str, account: str, labels: Mapping[str, str]) -> dict[str, Any]:
    """Returns the spec of a pod.

    Args:
        needs: of one server.
        server: which one.
        served: the name that requests use.
        account: name of the ServiceAccount.
        labels: that the pods of this Deployment have, and no others.
    """
    return {
        "serviceAccountName": account,
        "automountServiceAccountToken": False,
        "enableServiceLinks": False,
        "terminationGracePeriodSeconds": server.grace_seconds,
        "securityContext": {
            "runAsNonRoot": True,
            "runAsUser": NOBODY,
            "runAsGroup": NOBODY,
            "seccompProfile": {"type": "RuntimeDefault"},
        },
        "topologySpreadConstraints": [_spread(key, labels) for key in SPREAD_OVER],
        "containers": [_container(needs, server, served)],
        "volumes": [{"name": "scratch", "emptyDir": {"medium": "Memory", "sizeLimit": "64Mi"}}],
    }


def _container(needs: Needs, server: Server, served: str) -> dict[str, Any]:
    return {
        "name": "server",
        "image": server.image,
        "imagePullPolicy": "IfNotPresent",
        "command": list(server.command),
        "args": flags(served, needs),
        "ports": [{"name": name, "containerPort": port, "protocol": "TCP"} for name, port in PORTS.items()],
        "resources": _resources(needs),
        **_probes(server),
        "lifecycle": {"preStop": {"sleep": {"seconds": server.stop_seconds}}},
        "securityContext": {
            "allowPrivilegeEscalation": False,
            "readOnlyRootFilesystem": True,
            "capabilities": {"drop": ["ALL"]},
        },
        "volumeMounts": [{"name": "scratch", "mountPath": "/tmp"}],  # noqa: S108 -- in the container
    }


def _resources(needs: Needs) -> dict[str, Any]:
    # Memory given out is not taken back, so all of it is asked for; a limit of cores would only make it wait.
    memory = f"{needs.memory_bytes // MEBIBYTE}Mi"
    return {"requests": {"cpu": str(needs.cores), "memory": memory}, "limits": {"memory": memory}}


def _probes(server: Server) -> dict[str, Any]:
    ready = {"httpGet": {"path": server.ready_path, "port": "rest"}, "timeoutSeconds": 3}
    return {
        "startupProbe": {**ready, "periodSeconds": STARTUP_PERIOD_SECONDS, "failureThreshold": STARTUP_TRIES},
        "readinessProbe": {**ready, "periodSeconds": 5, "failureThreshold": 3},
        "livenessProbe": {**server.live, "timeoutSeconds": 3, "periodSeconds": 10, "failureThreshold": 6},
    }


def _spread(key: str, labels: Mapping[str, str]) -> dict[str, Any]:
    return {
        "maxSkew": 1,
        "topologyKey": key,
        "whenUnsatisfiable": "ScheduleAnyway",
        "labelSelector": {"matchLabels": dict(labels)},
    }
