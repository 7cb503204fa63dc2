"""``models.config``, batching parameters and ``monitoring.config``: text protos that both servers read."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from tfclassify.servable.bundle.facts import METRICS_PATH, BundleFacts
from tfclassify.servable.bundle.sizes import Needs


def models_config(served: str, versions: Sequence[int], labels: Mapping[str, int]) -> str:
    """Writes a ``ModelServerConfig`` of one model.

    Args:
        served: the name that requests use; plain letters.
        versions: that are loaded, rising.
        labels: version by label.
    """
    numbers = " ".join(f"versions: {version}" for version in versions)
    named = "\n".join(f'    version_labels {{ key: "{key}" value: {value} }}' for key, value in labels.items())
    return f"""\
# Requests without a version get the highest one. Move a label, or add a version, and the server follows
# within --model_config_file_poll_wait_seconds; a version left out is unloaded.
model_config_list {{
  config {{
    name: "{served}"
    base_path: "/models/{served}"
    model_platform: "tensorflow"
    model_version_policy {{ specific {{ {numbers} }} }}
{named}
  }}
}}
"""


def batching_parameters(facts: BundleFacts, needs: Needs) -> str:
    """Writes ``BatchingParameters``, for all models of a server or for one version of one."""
    sizes = "\n".join(f"allowed_batch_sizes: {size}" for size in facts.batch_sizes)
    return f"""\
# Batches are filled up to the next of these sizes. A request of more than {facts.max_batch_size} rows is refused:
# send it in parts, as the clients do.
max_batch_size {{ value: {facts.max_batch_size} }}
{sizes}
# How long a batch waits for more rows.
batch_timeout_micros {{ value: {needs.wait_micros} }}
# When so many wait, further requests are refused (503), and a client can go elsewhere.
max_enqueued_batches {{ value: {needs.enqueued_batches} }}
# One batch per core.
num_batch_threads {{ value: {needs.cores} }}
# Not pad_variable_length_inputs: it fills up with the first token, [CLS], with attention on it. Texts need no
# filling; callers of the signature `tokens` send one length.
"""


def monitoring_config() -> str:
    """Writes a ``MonitoringConfig`` that turns metrics on."""
    return f'prometheus_config {{ enable: true path: "{METRICS_PATH}" }}\n'
