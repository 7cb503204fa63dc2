"""Kubernetes manifests, complete for each of the two servers."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from tfclassify.servable.bundle.facts import METRICS_PATH, PORTS, BundleFacts
from tfclassify.servable.bundle.pods import pod
from tfclassify.servable.bundle.servers import Server
from tfclassify.servable.bundle.sizes import Needs
from tfclassify.servable.bundle.yaml_text import yaml_text

LEAST_PODS, MOST_PODS = 2, 10
BUSY_CPU_PERCENT, BUSY_REQUESTS = 70, 8
MONITORING_NAMESPACE = "monitoring"


def kubernetes_files(
    facts: BundleFacts, needs: Needs, both: tuple[Server, Server], *, served: str, dns: str
) -> dict[str, str]:
    """Writes a folder of manifests for each server, and one that scales ours on requests in flight.

    Returns:
        The files by path. ``kubectl apply -k`` takes each folder.
    """
    own = both[0]
    written = {f"{own.name}-in-flight/kustomization.yaml": yaml_text(_in_flight(own))}
    for server in both:
        name = f"{dns}-{server.name}"
        documents = _documents(facts, needs, server, served=served, name=name)
        for file, document in documents.items():
            written[f"{server.name}/{file}"] = yaml_text(
                document, head=server.said if file == "deployment.yaml" else ""
            )
        written[f"{server.name}/kustomization.yaml"] = yaml_text(_kustomization(server, list(documents)))
    return written


def _documents(facts: BundleFacts, needs: Needs, server: Server, *, served: str, name: str) -> dict[str, Any]:
    labels = {"app.kubernetes.io/name": server.name, "app.kubernetes.io/instance": name}
    marked = {**labels, "app.kubernetes.io/version": str(facts.version)}
    return {
        "service_account.yaml": {
            **_head("v1", "ServiceAccount", name, marked),
            "automountServiceAccountToken": False,
        },
        "deployment.yaml": _deployment(needs, server, served=served, name=name, labels=labels, marked=marked),
        "service.yaml": _service(name, labels, marked),
        "horizontal_pod_autoscaler.yaml": _autoscaler(name, marked),
        "pod_disruption_budget.yaml": {
            **_head("policy/v1", "PodDisruptionBudget", name, marked),
            "spec": {
                "minAvailable": 1,
                "selector": {"matchLabels": labels},
                "unhealthyPodEvictionPolicy": "AlwaysAllow",
            },
        },
        "network_policy.yaml": _network_policy(name, labels, marked),
    }


def _head(version: str, kind: str, name: str, labels: Mapping[str, str]) -> dict[str, Any]:
    return {"apiVersion": version, "kind": kind, "metadata": {"name": name, "labels": dict(labels)}}


def _deployment(
    needs: Needs, server: Server, *, served: str, name: str, labels: Mapping[str, str], marked: Mapping[str, str]
) -> dict[str, Any]:
    scraped = {
        "prometheus.io/scrape": "true",
        "prometheus.io/port": str(PORTS["rest"]),
        "prometheus.io/path": METRICS_PATH,
    }
    return {
        **_head("apps/v1", "Deployment", name, marked),
        # No number of replicas: that is the autoscaler's, and each apply would set it back.
        "spec": {
            "selector": {"matchLabels": dict(labels)},
            "strategy": {"type": "RollingUpdate", "rollingUpdate": {"maxSurge": 1, "maxUnavailable": 0}},
            "template": {
                "metadata": {"labels": dict(marked), "annotations": scraped},
                "spec": pod(needs, server, served=served, account=name, labels=labels),
            },
        },
    }


def _service(name: str, labels: Mapping[str, str], marked: Mapping[str, str]) -> dict[str, Any]:
    ports = [
        {"name": kind, "port": port, "targetPort": kind, "protocol": "TCP", "appProtocol": protocol}
        for (kind, port), protocol in zip(PORTS.items(), ("kubernetes.io/h2c", "http"), strict=True)
    ]
    return {
        **_head("v1", "Service", name, marked),
        "spec": {"type": "ClusterIP", "selector": dict(labels), "ports": ports},
    }


def _autoscaler(name: str, labels: Mapping[str, str]) -> dict[str, Any]:
    cpu = {"name": "cpu", "target": {"type": "Utilization", "averageUtilization": BUSY_CPU_PERCENT}}
    up = {"stabilizationWindowSeconds": 0, "policies": [{"type": "Percent", "value": 100, "periodSeconds": 15}]}
    down = {"stabilizationWindowSeconds": 300, "policies": [{"type": "Percent", "value": 25, "periodSeconds": 60}]}
    return {
        **_head("autoscaling/v2", "HorizontalPodAutoscaler", name, labels),
        "spec": {
            "scaleTargetRef": {"apiVersion": "apps/v1", "kind": "Deployment", "name": name},
            "minReplicas": LEAST_PODS,
            "maxReplicas": MOST_PODS,
            "metrics": [{"type": "Resource", "resource": cpu}],
            "behavior": {"scaleUp": up, "scaleDown": down},
        },
    }


def _network_policy(name: str, labels: Mapping[str, str], marked: Mapping[str, str]) -> dict[str, Any]:
    every, metrics = list(PORTS.values()), [PORTS["rest"]]
    scraper = {"namespaceSelector": {"matchLabels": {"kubernetes.io/metadata.name": MONITORING_NAMESPACE}}}
    return {
        **_head("networking.k8s.io/v1", "NetworkPolicy", name, marked),
        "spec": {
            "podSelector": {"matchLabels": dict(labels)},
            "policyTypes": ["Ingress", "Egress"],
            "ingress": [_entry({"podSelector": {}}, every), _entry(scraper, metrics)],
            "egress": [],
        },
    }


def _entry(source: Mapping[str, Any], ports: list[int]) -> dict[str, Any]:
    return {"from": [dict(source)], "ports": [{"protocol": "TCP", "port": port} for port in ports]}


def _kustomization(server: Server, resources: list[str]) -> dict[str, Any]:
    image, _, tag = server.image.partition(":")
    return {
        "apiVersion": "kustomize.config.k8s.io/v1beta1",
        "kind": "Kustomization",
        "resources": resources,
        # `kustomize edit set image` puts the address of a registry in.
        "images": [{"name": image, "newName": image, "newTag": tag}],
    }


def _in_flight(own: Server) -> dict[str, Any]:
    """Returns an overlay whose second metric needs prometheus-adapter in the cluster."""
    busy = {"type": "AverageValue", "averageValue": str(BUSY_REQUESTS)}
    metric = {"type": "Pods", "pods": {"metric": {"name": "tfclassify_in_flight_requests"}, "target": busy}}
    patch = [{"op": "add", "path": "/spec/metrics/-", "value": metric}]
    return {
        "apiVersion": "kustomize.config.k8s.io/v1beta1",
        "kind": "Kustomization",
        "resources": [f"../{own.name}"],
        "patches": [{"target": {"kind": "HorizontalPodAutoscaler"}, "patch": json.dumps(patch)}],
    }
