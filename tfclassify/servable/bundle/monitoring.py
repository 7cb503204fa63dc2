"""What watches the servers: rules and their tests, where Prometheus finds them, who is told, the dashboard."""

from __future__ import annotations

import json
from typing import Any

from tfclassify.servable.bundle.alert_tests import alert_tests
from tfclassify.servable.bundle.alerts import own_alerts, rules_document, stock_alerts
from tfclassify.servable.bundle.dashboard import dashboard
from tfclassify.servable.bundle.facts import METRICS_PATH
from tfclassify.servable.bundle.servers import Server
from tfclassify.servable.bundle.sizes import Needs
from tfclassify.servable.bundle.yaml_text import yaml_text

RULES_HEAD = "promtool check rules alerts.yaml && promtool test rules alerts_test.yaml"
ALERTMANAGER_HEAD = "An example: put your own receivers in. amtool check-config alertmanager.yaml"
PROMETHEUS_HEAD = """\
Finds the pods of the manifests beside this; put it into the configuration of your Prometheus (promtool check config).
For servers on one machine: static_configs: [{targets: ["127.0.0.1:8501"]}] in a job that is named as below."""


def monitoring_files(needs: Needs, both: tuple[Server, Server], *, served: str, dns: str) -> dict[str, str]:
    """Writes the files of monitoring, by name."""
    own, stock = both
    groups = {
        f"{dns}-{own.name}": own_alerts(needs, model=served, job=f"{dns}-{own.name}"),
        f"{dns}-{stock.name}": stock_alerts(needs, model=served, job=f"{dns}-{stock.name}"),
    }
    alerts = [alert for group in groups.values() for alert in group]
    return {
        "alerts.yaml": yaml_text(rules_document(groups, served), head=RULES_HEAD),
        "alerts_test.yaml": yaml_text(alert_tests(alerts, model=served, rules="alerts.yaml")),
        "alertmanager.yaml": yaml_text(_alertmanager(), head=ALERTMANAGER_HEAD),
        "prometheus.yaml": yaml_text(_prometheus(list(groups)), head=PROMETHEUS_HEAD),
        "dashboard.json": json.dumps(dashboard(served=served, dns=dns), indent=1) + "\n",
    }


def _alertmanager() -> dict[str, Any]:
    return {
        "route": {
            "receiver": "tickets",
            "group_by": ["alertname", "model"],
            "group_wait": "30s",
            "group_interval": "5m",
            "repeat_interval": "4h",
            "routes": [{"matchers": ['severity="page"'], "receiver": "pager", "repeat_interval": "1h"}],
        },
        "receivers": [
            {"name": "pager", "webhook_configs": [{"url": "https://example.org/pager"}]},
            {"name": "tickets", "webhook_configs": [{"url": "https://example.org/tickets", "send_resolved": False}]},
        ],
        # Who is woken for a model needs no tickets about it.
        "inhibit_rules": [
            {"source_matchers": ['severity="page"'], "target_matchers": ['severity="ticket"'], "equal": ["model"]}
        ],
    }


def _prometheus(jobs: list[str]) -> dict[str, Any]:
    return {
        "global": {"scrape_interval": "15s", "evaluation_interval": "15s"},
        "rule_files": ["alerts.yaml"],
        "alerting": {"alertmanagers": [{"static_configs": [{"targets": ["127.0.0.1:9093"]}]}]},
        "scrape_configs": [_scrape(job) for job in jobs],
    }


def _scrape(job: str) -> dict[str, Any]:
    instance = "__meta_kubernetes_pod_label_app_kubernetes_io_instance"
    return {
        "job_name": job,
        "metrics_path": METRICS_PATH,
        "kubernetes_sd_configs": [{"role": "pod"}],
        "relabel_configs": [
            {"action": "keep", "source_labels": [instance], "regex": job},
            {"action": "keep", "source_labels": ["__meta_kubernetes_pod_container_port_name"], "regex": "rest"},
            {"source_labels": ["__meta_kubernetes_pod_name"], "target_label": "pod"},
        ],
    }
