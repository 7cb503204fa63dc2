"""TensorFlow Serving's files are read as it reads them, and what is wrong in one is said with file and line."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tfclassify.errors import UsageError
from tfclassify.serving.server_configs import (
    BatchingParameters,
    MonitoringConfig,
    TlsConfig,
    changed_tls,
    read_batching,
    read_models,
    read_monitoring,
    read_tls,
)
from tfclassify.serving.versions import All, Latest, ModelConfig, Specific

READERS: list[Callable[[Path], Any]] = [read_models, read_batching, read_monitoring, read_tls]


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "some.config"


def error(read: Callable[[Path], Any], file: Path, text: str) -> str:
    file.write_text(text)
    with pytest.raises(UsageError) as caught:
        read(file)
    assert "\n" not in str(caught.value)
    return str(caught.value).removeprefix(str(file))


def one_model(**changes: str) -> str:
    fields = {"name": '"m"', "base_path": '"/models/m"', "model_platform": '"tensorflow"', **changes}
    lines = "\n".join(f"    {name}: {value}" for name, value in fields.items() if value)
    return f"model_config_list {{\n  config {{\n{lines}\n  }}\n}}\n"


# Models


def test_models(file: Path) -> None:
    file.write_text(
        """
        # two models
        model_config_list {
          config {
            name: "sentiment"
            base_path: "/models/sentiment"
            model_platform: "tensorflow"
            model_version_policy { specific { versions: 43 versions: 42 } }
            version_labels { key: "stable" value: 42 }
            version_labels { key: 'canary' value: 43 }
          }
          config: { name: "a" base_path: "/models/a" model_type: TENSORFLOW model_version_policy { all {} } }
          config: <name: "b", base_path: "/models/b", model_platform: "tensorflow",
                   model_version_policy { latest { num_versions: 3 } }>
          config { name: "c" base_path: "/models/c" model_platform: "tensorflow" }
        }
        """
    )
    assert read_models(file) == (
        ModelConfig("sentiment", Path("/models/sentiment"), Specific((42, 43)), {"stable": 42, "canary": 43}),
        ModelConfig("a", Path("/models/a"), All(), {}),
        ModelConfig("b", Path("/models/b"), Latest(3), {}),
        ModelConfig("c", Path("/models/c"), Latest(1), {}),
    )


def test_no_models(file: Path) -> None:
    file.write_text("model_config_list {}")
    assert read_models(file) == ()
    file.write_text("")
    assert read_models(file) == ()


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (
            one_model(nme='"m"'),
            ":6: no field 'nme' in ModelConfig; did you mean 'name'?; expected the text form of a ModelServerConfig",
        ),
        (
            "model_config_list { config { qqqqqq: 1 } }",
            ":1: no field 'qqqqqq' in ModelConfig; fields: name, base_path, model_type, model_platform, "
            "model_version_policy, version_labels, logging_config; expected the text form of a ModelServerConfig",
        ),
        (
            one_model(name="3"),
            ":3: Expected string but found: '3'; expected the text form of a ModelServerConfig",
        ),
        ("model_config_list {", ':1: Expected "}"; expected the text form of a ModelServerConfig'),
        (one_model(model_platform=""), ":3: model 'm' has no model_platform; expected model_platform: 'tensorflow'"),
        (
            one_model(model_platform='"pytorch"'),
            ":3: model 'm' has model_platform: 'pytorch'; expected model_platform: 'tensorflow'",
        ),
        (
            one_model(base_path='"models/m"'),
            ":4: model 'm' has base_path: 'models/m'; expected an absolute folder",
        ),
        (one_model(base_path=""), ":3: model 'm' has base_path: ''; expected an absolute folder"),
        (one_model(base_path='"gs://b/m"'), ":4: model 'm' has base_path: 'gs://b/m'; expected an absolute folder"),
        (one_model(name=""), ":3: a model has no name; expected name: 'NAME'"),
        (
            one_model(model_version_policy="{ specific {} }"),
            ":3: model 'm' has specific versions []; expected numbers from 0",
        ),
        (
            one_model(model_version_policy="{ specific { versions: -1 } }"),
            ":3: model 'm' has specific versions [-1]; expected numbers from 0",
        ),
        (
            "model_config_list {\n"
            'config { name: "m" base_path: "/a" model_platform: "tensorflow" }\n'
            'config { name: "m" base_path: "/b" model_platform: "tensorflow" }\n}',
            ":3: two models are named 'm'; expected a name of its own for each",
        ),
        ("custom_model_config {}", ": custom_model_config is not served; expected a model_config_list"),
    ],
)
def test_models_that_cannot_be_served(file: Path, text: str, message: str) -> None:
    assert error(read_models, file, text) == message


# Batching


def test_batching(file: Path) -> None:
    file.write_text(
        """max_batch_size { value: 32 }
        batch_timeout_micros { value: 2000 }
        max_enqueued_batches { value: 100 }
        num_batch_threads { value: 4 }
        thread_pool_name { value: "p" }
        allowed_batch_sizes: 1  allowed_batch_sizes: 8  allowed_batch_sizes: 16
        pad_variable_length_inputs: true
        enable_large_batch_splitting { value: true } max_execution_batch_size { value: 16 }"""
    )
    assert read_batching(file) == BatchingParameters(32, 2000, 100, 4, (1, 8, 16), True, 16)


def test_batching_that_says_nothing_has_the_stock_server_s_defaults(file: Path) -> None:
    file.write_text("")
    assert read_batching(file) == BatchingParameters(1000, 0, 10, None, (), False, None)
    file.write_text("enable_large_batch_splitting { value: true } max_batch_size { value: 7 }")
    assert read_batching(file).max_execution_batch_size == 7
    file.write_text("batch_timeout_micros { value: 0 } max_execution_batch_size { value: 7 }")
    assert read_batching(file) == BatchingParameters()


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (
            "max_batch_size: 32",
            ':1: Expected "{"; expected the text form of a BatchingParameters',
        ),
        (
            "\nmax_batchsize { value: 32 }",
            ":2: no field 'max_batchsize' in BatchingParameters; did you mean 'max_batch_size'?; "
            "expected the text form of a BatchingParameters",
        ),
        ("max_batch_size { value: 0 }", ": max_batch_size 0; expected 1 or more"),
        ("batch_timeout_micros { value: -1 }", ": batch_timeout_micros -1; expected 0 or more"),
        ("num_batch_threads { value: 0 }", ": num_batch_threads 0; expected 1 or more"),
        ("max_enqueued_batches { value: 0 }", ": max_enqueued_batches 0; expected 1 or more"),
        (
            "max_batch_size { value: 32 } allowed_batch_sizes: 8",
            ": last of allowed_batch_sizes 8; expected max_batch_size (32)",
        ),
        (
            "max_batch_size { value: 8 } allowed_batch_sizes: 8 allowed_batch_sizes: 4 allowed_batch_sizes: 8",
            ": allowed_batch_sizes [8, 4, 8]; expected rising numbers from 1",
        ),
        ("allowed_batch_sizes: 0", ": allowed_batch_sizes [0]; expected rising numbers from 1"),
        (
            "max_batch_size { value: 8 } enable_large_batch_splitting { value: true } "
            "max_execution_batch_size { value: 4 } allowed_batch_sizes: 8",
            ": last of allowed_batch_sizes 8; expected max_execution_batch_size (4)",
        ),
        (
            "max_batch_size { value: 8 } enable_large_batch_splitting { value: true } "
            "max_execution_batch_size { value: 9 }",
            ": max_execution_batch_size 9; expected 1 to max_batch_size (8)",
        ),
    ],
)
def test_batching_that_does_not_fit(file: Path, text: str, message: str) -> None:
    assert error(read_batching, file, text) == message


# Monitoring


def test_monitoring(file: Path) -> None:
    file.write_text('prometheus_config { enable: true, path: "/metrics" }')
    assert read_monitoring(file) == MonitoringConfig(True, "/metrics")
    file.write_text("prometheus_config { enable: true }")
    assert read_monitoring(file) == MonitoringConfig(True, "/monitoring/prometheus/metrics")
    file.write_text("")
    assert not read_monitoring(file).enabled
    message = ":2: path 'metrics'; expected one that begins with '/'"
    assert error(read_monitoring, file, 'prometheus_config {\n path: "metrics" }') == message


# TLS

PEM = "-----BEGIN X-----\\nc2VjcmV0\\n-----END X-----\\n"


def tls(**changes: str) -> str:
    return "\n".join(
        f"{name}: {value}" for name, value in {"server_key": f'"{PEM}"', "server_cert": f'"{PEM}"', **changes}.items()
    )


def test_tls(file: Path) -> None:
    pem = PEM.replace("\\n", "\n").encode()
    file.write_text(tls())
    assert read_tls(file) == TlsConfig(pem, pem, None, False)
    file.write_text(tls(custom_ca=f'"{PEM}"', client_verify="true"))
    assert read_tls(file) == TlsConfig(pem, pem, pem, True)
    assert repr(read_tls(file)) == "TlsConfig(client_verify=True)"


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (tls(server_key='"secret"'), ": server_key is not PEM; expected the text from -----BEGIN to -----END itself"),
        (tls(server_cert='""'), ": server_cert is not PEM; expected the text from -----BEGIN to -----END itself"),
        (tls(custom_ca='"ca.pem"'), ": custom_ca is not PEM; expected the text from -----BEGIN to -----END itself"),
        (
            tls(client_verify="true"),
            ": client_verify without custom_ca; expected the certificates of the clients' authority",
        ),
        (tls(server_key='"secret'), ":1: not of that form; expected the text form of a SSLConfig"),
        (tls(secret="1"), ":3: not of that form; expected the text form of a SSLConfig"),
    ],
)
def test_tls_that_is_not_whole(file: Path, text: str, message: str) -> None:
    found = error(read_tls, file, text)
    assert found == message
    assert "secret" not in found


def test_tls_that_changes(file: Path) -> None:
    file.write_text(tls())
    changed = changed_tls(file)
    assert changed() is None
    file.write_text("server_key: ")
    assert changed() is None
    file.write_text(tls(custom_ca=f'"{PEM}"'))
    found = changed()
    assert found is not None
    assert found.custom_ca is not None
    assert changed() is None
    file.unlink()
    assert changed() is None


# Files


@pytest.mark.parametrize("read", READERS)
def test_files_that_cannot_be_read(read: Callable[[Path], Any], file: Path) -> None:
    with pytest.raises(UsageError, match=r"some\.config: No such file or directory; expected a file with "):
        read(file)
    file.mkdir()
    with pytest.raises(UsageError, match=r"some\.config: Is a directory; expected a file with "):
        read(file)
    file.rmdir()
    file.write_bytes(b"\xff")
    with pytest.raises(UsageError, match=r"some\.config: not UTF-8; expected "):
        read(file)


@given(st.sampled_from(READERS), st.text(max_size=40))
def test_any_text_is_read_or_refused(
    tmp_path_factory: pytest.TempPathFactory, read: Callable[[Path], Any], text: str
) -> None:
    file = tmp_path_factory.getbasetemp() / "any.config"
    file.write_text(text, encoding="utf-8")
    try:
        read(file)
    except UsageError as refused:
        assert str(refused).startswith(str(file))  # noqa: PT017
