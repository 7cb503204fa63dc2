"""The training job's manifests: by the schemas of Kubernetes, confined, and of one piece."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
import yaml

FOLDER = Path(__file__).parents[2] / "deploy" / "kubernetes"
BASE = FOLDER / "base"
KINDS = {"Job", "NetworkPolicy", "PersistentVolumeClaim", "Service", "ServiceAccount"}
OLDEST = "1.30"


def documents() -> dict[str, dict[str, Any]]:
    paths = [path for path in BASE.glob("*.yaml") if path.name != "kustomization.yaml"]
    read = [yaml.safe_load(path.read_text("utf-8")) for path in paths]
    return {document["kind"]: document for document in read}


def job() -> dict[str, Any]:
    return documents()["Job"]["spec"]


def pod() -> dict[str, Any]:
    return job()["template"]["spec"]


def container() -> dict[str, Any]:
    (one,) = pod()["containers"]
    return one


def environment() -> dict[str, str]:
    return {entry["name"]: entry["value"] for entry in container()["env"]}


def validate(document: dict[str, Any]) -> None:
    schemas = pytest.importorskip("kubernetes_validate")
    for version in (OLDEST, schemas.latest_version().rpartition(".")[0]):
        schemas.validate(document, version, strict=True)


def test_manifests_are_of_their_schemas() -> None:
    assert set(documents()) == KINDS
    for document in documents().values():
        validate(document)


def test_the_schemas_do_refuse() -> None:
    schemas = pytest.importorskip("kubernetes_validate")
    document = documents()["Job"]
    document["spec"]["podFailurePolicy"]["rule"] = []
    with pytest.raises(schemas.ValidationError):
        validate(document)


def test_a_folder_is_applied_whole() -> None:
    read = yaml.safe_load((BASE / "kustomization.yaml").read_text("utf-8"))
    assert set(read["resources"]) == {path.name for path in BASE.glob("*.yaml")} - {"kustomization.yaml"}
    (entry,) = read["configMapGenerator"]
    assert entry == {"name": "training-entry", "files": ["worker.py"]}
    (image,) = read["images"]
    assert f"{image['name']}:{image['newTag']}" == container()["image"]


def test_on_gpus() -> None:
    read = yaml.safe_load((FOLDER / "gpu" / "kustomization.yaml").read_text("utf-8"))
    assert read["resources"] == ["../base"]
    (change,) = read["patches"]
    (step,) = yaml.safe_load(change["patch"])
    assert (step["op"], step["path"]) == ("add", "/spec/template/spec/containers/0/resources/limits/nvidia.com~1gpu")
    document = documents()[change["target"]["kind"]]
    document["spec"]["template"]["spec"]["containers"][0]["resources"]["limits"]["nvidia.com/gpu"] = step["value"]
    validate(document)


def test_there_are_as_many_pods_as_workers() -> None:
    spec = job()
    assert spec["completionMode"] == "Indexed"
    assert spec["completions"] == spec["parallelism"] == int(environment()["WORKERS"])


def test_a_pod_is_found_by_the_name_that_the_entry_makes() -> None:
    """JOB-N.SERVICE: the pod's name in an indexed job, and its subdomain, which a headless service has to have."""
    service, read = documents()["Service"], environment()
    assert read["JOB"] == documents()["Job"]["metadata"]["name"]
    assert read["SERVICE"] == service["metadata"]["name"] == pod()["subdomain"]
    assert service["spec"]["clusterIP"] == "None"
    assert service["spec"]["publishNotReadyAddresses"] is True
    (port,) = container()["ports"]
    assert str(port["containerPort"]) == read["PORT"] == str(service["spec"]["ports"][0]["port"])


def test_what_selects_finds_the_pods() -> None:
    labels = job()["template"]["metadata"]["labels"]
    policy = documents()["NetworkPolicy"]["spec"]
    selectors = [
        documents()["Service"]["spec"]["selector"],
        policy["podSelector"]["matchLabels"],
        policy["ingress"][0]["from"][0]["podSelector"]["matchLabels"],
    ]
    assert all(selector and selector.items() <= labels.items() for selector in selectors)
    assert pod()["serviceAccountName"] == documents()["ServiceAccount"]["metadata"]["name"]
    claims = [
        volume["persistentVolumeClaim"]["claimName"] for volume in pod()["volumes"] if "persistentVolumeClaim" in volume
    ]
    assert claims == [documents()["PersistentVolumeClaim"]["metadata"]["name"]]


def test_only_workers_reach_workers() -> None:
    policy = documents()["NetworkPolicy"]["spec"]
    assert policy["policyTypes"] == ["Ingress"]
    ((peer,),) = ([*rule["from"]] for rule in policy["ingress"])
    assert peer["podSelector"]["matchLabels"]


def rule_for(status: int) -> str | None:
    """Returns what is done with a pod that ends with a status: by the first rule that is about it."""
    for rule in job()["podFailurePolicy"]["rules"]:
        codes = rule.get("onExitCodes")
        if codes and codes["operator"] == "In" and status in codes["values"]:
            assert codes["containerName"] == container()["name"]
            return rule["action"]
    return None


def test_what_is_done_with_a_pod_that_ends() -> None:
    # Stopped with all saved: goes on in a new pod, which counts against nothing. Wrong settings: no use.
    assert (rule_for(75), rule_for(2), rule_for(1), rule_for(137)) == ("Ignore", "FailJob", None, None)
    disrupted = [rule for rule in job()["podFailurePolicy"]["rules"] if "onPodConditions" in rule]
    assert [(rule["action"], rule["onPodConditions"]) for rule in disrupted] == [
        ("Ignore", [{"type": "DisruptionTarget", "status": "True"}])
    ]
    # Policies of failure need it; and a pod that was restarted in place would not be counted.
    assert pod()["restartPolicy"] == "Never"
    assert job()["backoffLimit"] >= 10
    assert pod()["terminationGracePeriodSeconds"] >= 60


def test_a_pod_may_do_nothing_but_train() -> None:
    assert pod()["automountServiceAccountToken"] is False
    security = pod()["securityContext"]
    assert (security["runAsNonRoot"], security["runAsUser"]) == (True, 65534)
    assert security["seccompProfile"] == {"type": "RuntimeDefault"}
    assert container()["securityContext"] == {
        "allowPrivilegeEscalation": False,
        "readOnlyRootFilesystem": True,
        "capabilities": {"drop": ["ALL"]},
    }


def test_where_it_may_write() -> None:
    mounts = container()["volumeMounts"]
    written = {mount["mountPath"] for mount in mounts if not mount.get("readOnly")}
    assert written == {"/runs", "/scratch"}
    read = environment()
    assert all(read[name].startswith("/scratch") for name in ("HOME", "TMPDIR", "TFCLASSIFY_CACHE"))
    run, *_ = container()["args"]
    assert run.startswith("run=/runs/")
    assert {mount["name"] for mount in mounts} == {volume["name"] for volume in pod()["volumes"]}
    assert container()["command"] == ["python", "/entry/worker.py"]


def test_its_settings_are_settings() -> None:
    from tfclassify.settings import Settings, read

    settings = read([*container()["args"], "train.strategy=multi_worker"], Settings)
    assert json.loads(settings.model_dump_json())["run"] == "/runs/reviews"


def test_the_image_has_the_same_user() -> None:
    lines = (FOLDER.parent / "Dockerfile").read_text("utf-8").splitlines()
    assert f"USER {pod()['securityContext']['runAsUser']}:{pod()['securityContext']['runAsGroup']}" in lines
    assert "WORKDIR /scratch" in lines
