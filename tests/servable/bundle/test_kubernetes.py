"""Manifests: by the schemas of Kubernetes, confined, and of one piece."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
import yaml
from made_bundles import HOSTILE, bundle

SERVERS = ["tfclassify", "tensorflow-serving"]
KINDS = {
    "Deployment",
    "Service",
    "ServiceAccount",
    "HorizontalPodAutoscaler",
    "PodDisruptionBudget",
    "NetworkPolicy",
}
OLDEST = "1.30"  # preStop.sleep


def documents(model: Path, server: str) -> dict[str, dict[str, Any]]:
    folder = model / "serving" / "kubernetes" / server
    read = [yaml.safe_load(path.read_text("utf-8")) for path in folder.iterdir() if path.name != "kustomization.yaml"]
    return {document["kind"]: document for document in read}


def kustomization(model: Path, folder: str) -> dict[str, Any]:
    return yaml.safe_load((model / "serving" / "kubernetes" / folder / "kustomization.yaml").read_text("utf-8"))


def validate(document: dict[str, Any]) -> None:
    schemas = pytest.importorskip("kubernetes_validate")
    for version in (OLDEST, schemas.latest_version().rpartition(".")[0]):
        schemas.validate(document, version, strict=True)


def pod(model: Path, server: str) -> dict[str, Any]:
    return documents(model, server)["Deployment"]["spec"]["template"]["spec"]


@pytest.mark.parametrize("name", ["support", *HOSTILE[:6]])
@pytest.mark.parametrize("server", SERVERS)
def test_manifests_are_of_their_schemas(tmp_path: Path, server: str, name: str) -> None:
    read = documents(bundle(tmp_path / "model", name=name), server)
    assert set(read) == KINDS
    for document in read.values():
        validate(document)


def test_the_schemas_do_refuse(tmp_path: Path) -> None:
    schemas = pytest.importorskip("kubernetes_validate")
    read = documents(bundle(tmp_path / "support"), "tfclassify")["Deployment"]
    read["spec"]["template"]["spec"]["container"] = []
    with pytest.raises(schemas.ValidationError):
        validate(read)


@pytest.mark.parametrize("server", SERVERS)
def test_a_folder_is_applied_whole(tmp_path: Path, server: str) -> None:
    model = bundle(tmp_path / "support")
    read = kustomization(model, server)
    files = {path.name for path in (model / "serving" / "kubernetes" / server).iterdir()} - {"kustomization.yaml"}
    assert set(read["resources"]) == files
    (image,) = read["images"]
    assert f"{image['name']}:{image['newTag']}" == pod(model, server)["containers"][0]["image"] == f"support-{server}:3"


def test_one_can_scale_on_requests_in_flight(tmp_path: Path) -> None:
    model = bundle(tmp_path / "support")
    read = kustomization(model, "tfclassify-in-flight")
    assert read["resources"] == ["../tfclassify"]
    (change,) = read["patches"]
    (step,) = json.loads(change["patch"])
    assert (step["op"], step["path"]) == ("add", "/spec/metrics/-")
    scaler = documents(model, "tfclassify")[change["target"]["kind"]]
    scaler["spec"]["metrics"].append(step["value"])
    validate(scaler)


@pytest.mark.parametrize("server", SERVERS)
def test_a_pod_may_do_nothing_but_serve(tmp_path: Path, server: str) -> None:
    read = pod(bundle(tmp_path / "support"), server)
    assert read["automountServiceAccountToken"] is False
    assert read["securityContext"] == {
        "runAsNonRoot": True,
        "runAsUser": 65534,
        "runAsGroup": 65534,
        "seccompProfile": {"type": "RuntimeDefault"},
    }
    (container,) = read["containers"]
    assert container["securityContext"] == {
        "allowPrivilegeEscalation": False,
        "readOnlyRootFilesystem": True,
        "capabilities": {"drop": ["ALL"]},
    }


@pytest.mark.parametrize("server", SERVERS)
def test_a_pod_reaches_nothing_and_is_reached_on_its_ports_only(tmp_path: Path, server: str) -> None:
    policy = documents(bundle(tmp_path / "support"), server)["NetworkPolicy"]["spec"]
    assert (policy["policyTypes"], policy["egress"]) == (["Ingress", "Egress"], [])
    ports = [[entry["port"] for entry in rule["ports"]] for rule in policy["ingress"]]
    assert ports == [[8500, 8501], [8501]]
    assert all(rule["from"] for rule in policy["ingress"])  # an empty one would let in everybody


@pytest.mark.parametrize(
    ("server", "ready", "live"),
    [
        ("tfclassify", "/v2/health/ready", {"httpGet": {"path": "/v2/health/live", "port": "rest"}}),
        ("tensorflow-serving", "/v1/models/support/metadata", {"tcpSocket": {"port": "grpc"}}),
    ],
)
def test_health_is_asked_as_the_server_answers_it(tmp_path: Path, server: str, ready: str, live: dict) -> None:
    (container,) = pod(bundle(tmp_path / "support"), server)["containers"]
    for probe in ("startupProbe", "readinessProbe"):
        assert container[probe]["httpGet"] == {"path": ready, "port": "rest"}
    assert live.items() <= container["livenessProbe"].items()
    startup = container["startupProbe"]
    assert startup["periodSeconds"] * startup["failureThreshold"] >= 300


def test_a_pod_has_time_to_stop(tmp_path: Path) -> None:
    model = bundle(tmp_path / "support")
    drain, finish = 10, 20  # of our own server
    read = pod(model, "tfclassify")
    asleep = read["containers"][0]["lifecycle"]["preStop"]["sleep"]["seconds"]
    assert read["terminationGracePeriodSeconds"] > asleep + drain + finish
    stock = pod(model, "tensorflow-serving")
    assert stock["terminationGracePeriodSeconds"] > stock["containers"][0]["lifecycle"]["preStop"]["sleep"]["seconds"]


def test_a_pod_gets_what_the_model_needs(tmp_path: Path) -> None:
    small, large = (
        pod(bundle(tmp_path / str(size), size_bytes=size, parameters=size // 4), "tfclassify")["containers"][0]
        for size in (4 * 10**7, 14 * 10**8)
    )
    amounts = [int(each["resources"]["requests"]["memory"].removesuffix("Mi")) for each in (small, large)]
    assert amounts[1] - amounts[0] >= 2.5 * 1.36e9 / 2**20 - 128
    assert [each["resources"]["requests"]["cpu"] for each in (small, large)] == ["1", "4"]
    assert "--tensorflow_intra_op_parallelism=4" in large["args"]
    for each in (small, large):
        assert each["resources"]["limits"] == {"memory": each["resources"]["requests"]["memory"]}


@pytest.mark.parametrize("name", ["support", "x" * 300, HOSTILE[2]])
@pytest.mark.parametrize("server", SERVERS)
def test_selectors_find_the_pods_and_names_fit(tmp_path: Path, server: str, name: str) -> None:
    read = documents(bundle(tmp_path / "model", name=name), server)
    labels = read["Deployment"]["spec"]["template"]["metadata"]["labels"]
    selectors = [
        read["Deployment"]["spec"]["selector"]["matchLabels"],
        read["Service"]["spec"]["selector"],
        read["PodDisruptionBudget"]["spec"]["selector"]["matchLabels"],
        read["NetworkPolicy"]["spec"]["podSelector"]["matchLabels"],
    ]
    assert all(selector and selector.items() <= labels.items() for selector in selectors)
    names = {document["metadata"]["name"] for document in read.values()}
    assert len(names) == 1
    assert all(len(each) <= 63 for each in names | set(labels.values()))
    assert read["HorizontalPodAutoscaler"]["spec"]["scaleTargetRef"]["name"] in names
    assert read["Deployment"]["spec"]["template"]["spec"]["serviceAccountName"] in names


@pytest.mark.parametrize("server", SERVERS)
def test_replicas_are_the_autoscalers(tmp_path: Path, server: str) -> None:
    read = documents(bundle(tmp_path / "support"), server)
    assert "replicas" not in read["Deployment"]["spec"]
    scaler, budget = read["HorizontalPodAutoscaler"]["spec"], read["PodDisruptionBudget"]["spec"]
    assert scaler["minReplicas"] > budget["minAvailable"] == 1
    ports = {
        port["name"]: port["containerPort"] for port in pod(tmp_path / "support", server)["containers"][0]["ports"]
    }
    assert {port["targetPort"] for port in read["Service"]["spec"]["ports"]} == set(ports) == {"grpc", "rest"}
