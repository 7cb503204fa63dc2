"""Alerts that fire and stay silent, a dashboard of metrics that exist."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest
import yaml
from made_bundles import HOSTILE, bundle

# What our server exposes, and what the stock one does.
COUNTED = {
    "tfclassify_requests_total",
    "tfclassify_rejected_total",
    "tfclassify_truncated_inputs_total",
    "tfclassify_predictions_total",
    "tfclassify_answers_total",
    "tfclassify_in_flight_requests",
    "tfclassify_queue_depth",
    "tfclassify_drift_score",
    "tfclassify_model_last_reload_successful",
    "tfclassify_model_last_reload_success_timestamp_seconds",
    "tfclassify_build_info",
    "process_resident_memory_bytes",
    "process_cpu_seconds_total",
    "process_start_time_seconds",
    "process_open_fds",
    "up",
    ":tensorflow:serving:request_count",
}
HISTOGRAMS = {
    "tfclassify_request_duration_seconds",
    "tfclassify_inference_duration_seconds",
    "tfclassify_queue_duration_seconds",
    "tfclassify_batch_size",
    "tfclassify_input_tokens",
    "tfclassify_prediction_confidence",
    "tfclassify_model_load_duration_seconds",
    ":tensorflow:serving:request_latency",
    ":tensorflow:serving:runtime_latency",
}
METRICS = COUNTED | {f"{name}_{part}" for name in HISTOGRAMS for part in ("bucket", "sum", "count")}
WORDS = {"or", "and", "unless", "by", "without", "on", "ignoring", "bool", "e"}


def metrics(expression: str) -> set[str]:
    """Returns the names of the metrics in an expression: what is left without labels, ranges and functions."""
    bare = re.sub(r"\b(?:by|without|on|ignoring)\s*\([^)]*\)", "", expression)
    bare = re.sub(r'\{(?:[^"{}]|"[^"]*")*\}|\[[^\]]*\]', "", bare)
    return set(re.findall(r"(?<![\w.:])[a-zA-Z_:][\w:]*(?![\w:]*\s*\()", bare)) - WORDS


def monitoring(tmp_path: Path, **changes: Any) -> Path:
    return bundle(tmp_path / "model", **changes) / "serving" / "monitoring"


def rules(folder: Path) -> list[dict[str, Any]]:
    read = yaml.safe_load((folder / "alerts.yaml").read_text(encoding="utf-8"))
    return [rule for group in read["groups"] for rule in group["rules"]]


def run(program: str, *words: str, folder: Path) -> str:
    if shutil.which(program) is None:
        package = {"promtool": "prometheus", "amtool": "prometheus-alertmanager"}[program]
        pytest.skip(f"no {program} on this machine (Debian package {package})")
    done = subprocess.run([program, *words], cwd=folder, capture_output=True, text=True, check=False, timeout=60)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def test_metrics_are_found_in_an_expression() -> None:
    text = 'sum by (le, model) (rate(a_bucket{x="y}(z"}[5m])) / on(job) :b:c{q=~"1|2"} or vector(0) > 1e+06'
    assert metrics(text) == {"a_bucket", ":b:c"}


def test_alerts_ask_for_metrics_that_exist(tmp_path: Path) -> None:
    found = [metrics(rule["expr"]) for rule in rules(monitoring(tmp_path))]
    assert all(found)
    assert set().union(*found) - METRICS == set()


@pytest.mark.parametrize(
    "changes",
    [
        {},
        {"seconds_per_batch": {1: 0.001, 2: 0.0012}},
        {"seconds_per_batch": {1: 4.0, 2: 30.0}},
        *({"name": name} for name in HOSTILE[:3]),
    ],
)
def test_alerts_fire_when_they_should_and_only_then(tmp_path: Path, changes: dict[str, Any]) -> None:
    folder = monitoring(tmp_path, **changes)
    run("promtool", "check", "rules", "alerts.yaml", folder=folder)
    run("promtool", "test", "rules", "alerts_test.yaml", folder=folder)


def test_the_tests_of_the_alerts_can_fail(tmp_path: Path) -> None:
    folder = monitoring(tmp_path)
    text = (folder / "alerts.yaml").read_text(encoding="utf-8")
    (folder / "alerts.yaml").write_text(text.replace("> 0.01", "> 0.9"), encoding="utf-8")
    with pytest.raises(AssertionError, match="TfclassifyHighErrorRate"):
        run("promtool", "test", "rules", "alerts_test.yaml", folder=folder)


def test_every_alert_has_a_test_both_ways_and_says_what_to_do(tmp_path: Path) -> None:
    folder = monitoring(tmp_path)
    tests = yaml.safe_load((folder / "alerts_test.yaml").read_text(encoding="utf-8"))["tests"]
    expected = [check for test in tests for check in test["alert_rule_test"]]
    names = [rule["alert"] for rule in rules(folder)]
    assert len(set(names)) == len(names)
    assert [check["alertname"] for check in expected if check["exp_alerts"]] == names
    assert [check["alertname"] for check in expected if not check["exp_alerts"]] == names
    for rule in rules(folder):
        assert rule["labels"]["severity"] in ("page", "ticket")
        assert set(rule["annotations"]) == {"summary", "description"}


def test_alertmanager_takes_the_example(tmp_path: Path) -> None:
    run("amtool", "check-config", "alertmanager.yaml", folder=monitoring(tmp_path))


def test_prometheus_takes_the_scraping(tmp_path: Path) -> None:
    folder = monitoring(tmp_path)
    text = (folder / "prometheus.yaml").read_text(encoding="utf-8")
    read = yaml.safe_load(text)
    # Debian builds Prometheus without the finding of pods.
    for job in read["scrape_configs"]:
        assert job.pop("kubernetes_sd_configs") == [{"role": "pod"}]
        job["static_configs"] = [{"targets": ["127.0.0.1:8501"]}]
    (folder / "static.yaml").write_text(yaml.safe_dump(read), encoding="utf-8")
    run("promtool", "check", "config", "static.yaml", folder=folder)


def test_jobs_are_called_alike_by_scraping_alerts_and_manifests(tmp_path: Path) -> None:
    folder = monitoring(tmp_path)
    read = yaml.safe_load((folder / "prometheus.yaml").read_text(encoding="utf-8"))
    jobs = {job["job_name"] for job in read["scrape_configs"]}
    asked = {job for rule in rules(folder) for job in re.findall(r'job="([^"]*)"', rule["expr"])}
    deployments = (folder.parent / "kubernetes").glob("*/deployment.yaml")
    assert jobs == asked == {yaml.safe_load(path.read_text("utf-8"))["metadata"]["name"] for path in deployments}


# The dashboard


def board(tmp_path: Path, **changes: Any) -> dict[str, Any]:
    return json.loads((monitoring(tmp_path, **changes) / "dashboard.json").read_text(encoding="utf-8"))


def test_the_dashboard_asks_for_metrics_that_exist(tmp_path: Path) -> None:
    read = board(tmp_path)
    targets = [target["expr"] for panel in read["panels"] for target in panel.get("targets", ())]
    found = [metrics(expression) for expression in [*targets, read["annotations"]["list"][0]["expr"]]]
    assert all(found)
    assert set().union(*found) - METRICS == set()
    for variable in read["templating"]["list"][1:]:
        metric = re.fullmatch(r"label_values\(([\w:]+)(\{.*\})?, \w+\)", variable["query"]["query"])
        assert metric is not None
        assert metric.group(1) in METRICS


def test_the_dashboard_shows_what_a_server_is_watched_for(tmp_path: Path) -> None:
    text = json.dumps(board(tmp_path))
    wanted = (
        "requests_total request_duration_seconds queue_duration_seconds queue_depth batch_size predictions_total "
        "prediction_confidence drift_score model_last_reload_successful rejected_total in_flight_requests"
    )
    assert [name for name in wanted.split() if f"tfclassify_{name}" not in text] == []


def test_panels_have_numbers_of_their_own_and_do_not_overlap(tmp_path: Path) -> None:
    panels = board(tmp_path)["panels"]
    assert len({panel["id"] for panel in panels}) == len(panels)
    taken = set()
    for panel in panels:
        place = panel["gridPos"]
        assert place["x"] + place["w"] <= 24
        cells = {(place["x"] + right, place["y"] + down) for right in range(place["w"]) for down in range(place["h"])}
        assert not cells & taken
        taken |= cells


def test_every_variable_that_is_used_is_there(tmp_path: Path) -> None:
    read = board(tmp_path)
    used = set(re.findall(r"\$\{?([a-z_]+)", json.dumps(read["panels"]))) - {"__rate_interval"}
    assert used == {variable["name"] for variable in read["templating"]["list"]}


def test_targets_of_a_panel_have_letters_of_their_own(tmp_path: Path) -> None:
    for panel in board(tmp_path)["panels"]:
        letters = [target["refId"] for target in panel.get("targets", ())]
        assert letters == list("ABCD")[: len(letters)]


@pytest.mark.parametrize("name", HOSTILE)
def test_the_dashboard_of_any_name_has_an_address(tmp_path: Path, name: str) -> None:
    assert re.fullmatch(r"[a-z0-9-]{1,40}", board(tmp_path, name=name)["uid"])
