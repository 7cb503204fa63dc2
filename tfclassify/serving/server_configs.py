"""TensorFlow Serving's configuration files: models, batching, monitoring and TLS."""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import Any

from tensorflow_serving.config import model_server_config_pb2

from tfclassify.errors import UsageError
from tfclassify.serving.text_protos import line_of, message_class, parse, read_text
from tfclassify.serving.versions import All, Latest, ModelConfig, Policy, Specific

PLATFORM = "tensorflow"
DEFAULT_METRICS_PATH = "/monitoring/prometheus/metrics"
# Those of the stock server, which it takes where a file leaves them out.
DEFAULT_BATCH_SIZE = 1000
DEFAULT_ENQUEUED_BATCHES = 10

Place = Callable[[str, str], str]


@dataclass(frozen=True)
class BatchingParameters:
    """What a batching file says.

    Attributes:
        max_batch_size: rows of a batch.
        batch_timeout_micros: to wait for more rows.
        max_enqueued_batches: that may wait.
        num_batch_threads: batches that run at once; None where it is not said: as many as there are cores.
        allowed_batch_sizes: that a batch is filled up to, rising; empty: any.
        pad_variable_length_inputs: fill shorter rows of a batch up.
        max_execution_batch_size: rows that run at once of a request that is split; None: requests are not split.
    """

    max_batch_size: int = DEFAULT_BATCH_SIZE
    batch_timeout_micros: int = 0
    max_enqueued_batches: int = DEFAULT_ENQUEUED_BATCHES
    num_batch_threads: int | None = None
    allowed_batch_sizes: tuple[int, ...] = ()
    pad_variable_length_inputs: bool = False
    max_execution_batch_size: int | None = None


@dataclass(frozen=True)
class MonitoringConfig:
    """Whether metrics are served for Prometheus, and at which path of the REST server."""

    enabled: bool = False
    path: str = DEFAULT_METRICS_PATH


@dataclass(frozen=True)
class TlsConfig:
    """Key and certificate of the server as PEM, the authorities whose clients it knows, and whether it demands one."""

    server_key: bytes
    server_cert: bytes
    custom_ca: bytes | None = None
    client_verify: bool = False

    def __repr__(self) -> str:
        """Shows no key."""
        return f"TlsConfig(client_verify={self.client_verify})"


def read_models(path: Path) -> tuple[ModelConfig, ...]:
    """Reads a ``models.config`` (``ModelServerConfig``).

    Raises:
        UsageError: it cannot be read, or a model in it cannot be served as it says.
    """
    text = read_text(path, holds="a model_config_list")
    message = parse(text, model_server_config_pb2.ModelServerConfig, path=path)
    return model_configs(
        message,
        lambda field, value: f"{path}{line_of(text, field, value, last=True)}: ",
    )


def changed_models(path: Path) -> Callable[[], tuple[ModelConfig, ...] | None]:
    """Returns a function that reads a ``models.config`` again when the file has changed, and gives None else.

    The function raises UsageError, once for each change, where the file cannot be used.
    """
    seen = [_stamp(path)]

    def changed() -> tuple[ModelConfig, ...] | None:
        now = _stamp(path)
        if now is None or now == seen[0]:
            return None
        seen[0] = now
        return read_models(path)

    return changed


def model_configs(message: Any, place: Place = lambda field, value: "") -> tuple[ModelConfig, ...]:
    """Returns the models of a ``ModelServerConfig``.

    Args:
        message: from a file or from a client.
        place: returns what an error begins with, given a field and its value.

    Raises:
        UsageError: it has no list of models, or one cannot be served as it says.
    """
    if message.WhichOneof("config") == "custom_model_config":
        raise UsageError(f"{place('', '')}custom_model_config is not served; expected a model_config_list")
    configs = message.model_config_list.config
    for name, count in Counter(config.name for config in configs).items():
        if count > 1:
            raise UsageError(f"{place('name', name)}two models are named '{name}'; expected a name of its own for each")
    return tuple(_model(config, place) for config in configs)


def read_batching(path: Path) -> BatchingParameters:
    """Reads a ``batching_parameters.txt`` (``BatchingParameters``).

    Raises:
        UsageError: it cannot be read, or its numbers do not fit each other.
    """
    text = read_text(path, holds="BatchingParameters")
    message = parse(text, message_class("BatchingParameters"), path=path)
    said = {name: getattr(message, name).value for name in _wrapped(message) if message.HasField(name)}
    splitting = said.pop("enable_large_batch_splitting", False)
    said.pop("thread_pool_name", None)
    execution = said.pop("max_execution_batch_size", None)
    parameters = BatchingParameters(
        **said,
        allowed_batch_sizes=tuple(message.allowed_batch_sizes),
        pad_variable_length_inputs=message.pad_variable_length_inputs,
        max_execution_batch_size=(execution or said.get("max_batch_size", DEFAULT_BATCH_SIZE)) if splitting else None,
    )
    _check_numbers(parameters, path)
    _check_sizes(parameters, path)
    return parameters


def read_monitoring(path: Path) -> MonitoringConfig:
    """Reads a ``monitoring_config.txt`` (``MonitoringConfig``).

    Raises:
        UsageError: it cannot be read, or the path for the metrics is none.
    """
    text = read_text(path, holds="a prometheus_config")
    said = parse(text, message_class("MonitoringConfig"), path=path).prometheus_config
    if said.path and not said.path.startswith("/"):
        place = f"{path}{line_of(text, 'path', said.path)}"
        raise UsageError(f"{place}: path '{said.path}'; expected one that begins with '/'")
    return MonitoringConfig(said.enable, said.path or DEFAULT_METRICS_PATH)


def read_tls(path: Path) -> TlsConfig:
    """Reads an ``ssl.config`` (``SSLConfig``); no error repeats anything of it.

    Raises:
        UsageError: it cannot be read, or lacks what it needs.
    """
    text = read_text(path, holds="an SSLConfig")
    said = parse(text, message_class("SSLConfig"), path=path, secret=True)
    for name in ("server_key", "server_cert", "custom_ca"):
        value = getattr(said, name)
        if (value or name != "custom_ca") and "-----BEGIN " not in value:
            raise UsageError(f"{path}: {name} is not PEM; expected the text from -----BEGIN to -----END itself")
    if said.client_verify and not said.custom_ca:
        raise UsageError(
            f"{path}: client_verify without custom_ca; expected the certificates of the clients' authority"
        )
    ca = said.custom_ca.encode() or None
    return TlsConfig(said.server_key.encode(), said.server_cert.encode(), ca, said.client_verify)


def changed_tls(path: Path) -> Callable[[], TlsConfig | None]:
    """Returns a function that reads an ``ssl.config`` again when the file has changed.

    It gives None where the file is as before, and where it cannot be used: a certificate is renewed while the server
    runs, and a file that is half written must not end that.
    """
    lock, seen = threading.Lock(), [_stamp(path)]

    def changed() -> TlsConfig | None:
        with lock:
            now = _stamp(path)
            if now is None or now == seen[0]:
                return None
            with suppress(UsageError):
                found = read_tls(path)
                seen[0] = now
                return found
            return None

    return changed


def _stamp(path: Path) -> tuple[int, int, int] | None:
    try:
        status = path.stat()
    except OSError:
        return None
    return status.st_mtime_ns, status.st_size, status.st_ino


def _model(config: Any, place: Place) -> ModelConfig:
    name, base_path = config.name, config.base_path
    if not name:
        raise UsageError(f"{place('base_path', base_path)}a model has no name; expected name: 'NAME'")
    at = place("name", name)
    platform = config.model_platform or (PLATFORM if config.model_type else "")
    if platform != PLATFORM:
        given = f"model_platform: '{platform}'" if platform else "no model_platform"
        raise UsageError(f"{at}model '{name}' has {given}; expected model_platform: '{PLATFORM}'")
    if not Path(base_path).is_absolute():
        at = place("base_path", base_path) if base_path else at
        raise UsageError(f"{at}model '{name}' has base_path: '{base_path}'; expected an absolute folder")
    policy = _policy(config.model_version_policy, name, at)
    return ModelConfig(name, Path(base_path), policy, dict(config.version_labels))


def _policy(message: Any, name: str, at: str) -> Policy:
    kind = message.WhichOneof("policy_choice")
    if kind == "all":
        return All()
    if kind != "specific":
        # 0 is what a message says that does not say it.
        return Latest(message.latest.num_versions or 1)
    versions = tuple(sorted(set(message.specific.versions)))
    if not versions or versions[0] < 0:
        raise UsageError(f"{at}model '{name}' has specific versions {list(versions)}; expected numbers from 0")
    return Specific(versions)


def _wrapped(message: Any) -> list[str]:
    return [field.name for field in message.DESCRIPTOR.fields if field.message_type is not None]


def _check_numbers(parameters: BatchingParameters, path: Path) -> None:
    least = {"max_batch_size": 1, "batch_timeout_micros": 0, "max_enqueued_batches": 1, "num_batch_threads": 1}
    for name, lowest in least.items():
        value = getattr(parameters, name)
        if value is not None and value < lowest:
            raise UsageError(f"{path}: {name} {value}; expected {lowest} or more")


def _check_sizes(parameters: BatchingParameters, path: Path) -> None:
    execution, largest = parameters.max_execution_batch_size, parameters.max_batch_size
    if execution is not None and not 1 <= execution <= largest:
        raise UsageError(f"{path}: max_execution_batch_size {execution}; expected 1 to max_batch_size ({largest})")
    sizes = parameters.allowed_batch_sizes
    if any(low >= high for low, high in pairwise((0, *sizes))):
        raise UsageError(f"{path}: allowed_batch_sizes {list(sizes)}; expected rising numbers from 1")
    name, limit = ("max_batch_size", largest) if execution is None else ("max_execution_batch_size", execution)
    if sizes and sizes[-1] != limit:
        raise UsageError(f"{path}: last of allowed_batch_sizes {sizes[-1]}; expected {name} ({limit})")
