"""What ``serve`` can be told. Keys without a section are TensorFlow Serving's own flags, by their names."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import BaseModel, Field, PositiveInt

from tfclassify.settings.tree import NO_FLAG, STRICT

Port = Annotated[int, Field(ge=0, le=65_535), NO_FLAG]
Count = Annotated[int, Field(ge=0), NO_FLAG]
Seconds = Annotated[float, Field(ge=0.0), NO_FLAG]


class LimitSettings(BaseModel):
    """What a request may be; more is refused with the status named."""

    model_config = STRICT

    body_bytes: PositiveInt = 10 * 2**20
    """Body of a request, as sent and as inflated (413)."""
    instances: PositiveInt = 1024
    """Rows of a request (400)."""
    text_characters: PositiveInt = 100_000
    """Characters of one text (413)."""
    depth: PositiveInt = 64
    """Lists and objects in each other (400)."""
    connections: PositiveInt = 1024
    """Connections at a time (503)."""
    header_seconds: Seconds = 10.0
    """For the head of a request to arrive (408)."""
    body_seconds: Seconds = 30.0
    """For the body of a request to arrive (408)."""


class BatchingSettings(BaseModel):
    """How requests are brought together."""

    model_config = STRICT

    rows: PositiveInt = 64
    """Rows of one batch, at most."""
    bytes: PositiveInt = 65_536
    """Rows of one batch times the bytes of its longest text, at most."""
    queue_rows: PositiveInt = 4096
    """Rows that may wait; beyond that requests get 503."""
    wait_seconds: Seconds = 0.005
    """That an idle server may wait for rows which are about to come."""
    threads: PositiveInt = 1
    """Batches that run at a time."""


class TokenSettings(BaseModel):
    """Which signed tokens (JWT) are taken."""

    model_config = STRICT

    algorithms: tuple[str, ...] = ()
    """The only ones that count, whatever a token says: all HS..., or all with public keys."""
    issuer: str | None = None
    """iss."""
    audience: str | None = None
    """aud."""
    secret_file: str | None = None
    """File with the secret of HS256, HS384, HS512."""
    public_key_file: str | None = None
    """PEM file."""
    jwks_file: str | None = None
    """JSON Web Key Set."""
    leeway_seconds: Seconds = 30.0
    """For clocks that differ."""
    scope_claim: str = "scope"
    """Claim that holds the scopes."""


class GuardSettings(BaseModel):
    """Who may ask, and how often."""

    model_config = STRICT

    keys_file: str | None = None
    """File with stored API keys, a line each."""
    keys_variable: str | None = None
    """Environment variable with stored API keys, a line each."""
    anonymous_scopes: tuple[Literal["predict", "metadata", "metrics", "admin"], ...] = ()
    """What needs no key, where the rest does."""
    requests_per_second: Annotated[float, Field(gt=0.0), NO_FLAG] | None = None
    """Of one caller (429); by default there is no limit."""
    burst: PositiveInt | None = None
    """Requests of one caller at once; by default twice those of a second."""


class TlsSettings(BaseModel):
    """TLS of the REST port; that of gRPC is in ssl_config_file, as in TensorFlow Serving."""

    model_config = STRICT

    certificate: str | None = None
    """PEM file, with the chain."""
    key: str | None = None
    """PEM file."""
    client_authority: str | None = None
    """PEM file of who signs the certificates that clients then have to show."""


class ServeRequest(BaseModel):
    """What ``serve`` can be told: models, ports, limits, who may ask."""

    model_config = STRICT

    models: str | None = None
    """NAME:DIR, several with commas between them; DIR is the folder with the numbered versions."""
    host: str | None = None
    """Address to listen on; by default 127.0.0.1, or every address where models are given by TensorFlow Serving's
    flags, as it does."""
    port: Port = 8500
    """gRPC port; 0 for none."""
    rest_api_port: Port = 8501
    """REST port; 0 for none."""
    model_name: str = "default"
    """Name of the one model of model_base_path."""
    model_base_path: str | None = None
    """Folder with the numbered versions of one model."""
    model_config_file: str | None = None
    """Text proto ModelServerConfig."""
    model_config_file_poll_wait_seconds: Count = 0
    """Between two looks at that file; 0 looks once."""
    file_system_poll_wait_seconds: Seconds = 1.0
    """Between two looks at the folders of versions; 0 looks once."""
    rest_api_timeout_in_ms: PositiveInt = 30_000
    """For an answer (504)."""
    rest_api_num_threads: Count = 0
    """Taken for TensorFlow Serving's sake: connections here need no threads."""
    rest_api_enable_cors_support: bool = False
    """Whether browsers of other origins may call."""
    enable_batching: bool = True
    """Whether texts of many requests run together."""
    batching_parameters_file: str | None = None
    """Text proto BatchingParameters; what it says goes before the section batching."""
    monitoring_config_file: str | None = None
    """Text proto MonitoringConfig: whether, and where, metrics are shown."""
    ssl_config_file: str | None = None
    """Text proto SSLConfig, for gRPC."""
    enable_model_warmup: bool = True
    """Whether versions answer the warm-up requests they bring before they are available."""
    max_num_load_retries: Count = 5
    """Of a version that cannot be loaded."""
    load_retry_interval_micros: Count = 60_000_000
    """Between two such tries."""
    allow_version_labels_for_unavailable_models: bool = False
    """Whether a new label may name a version that is not available yet."""
    enable_grpc_healthcheck_service: bool = False
    """Whether grpc.health.v1 is served."""
    tensorflow_intra_op_parallelism: Count = 0
    """Threads of one op; 0 leaves it to TensorFlow."""
    tensorflow_inter_op_parallelism: Count = 0
    """Ops at a time; 0 leaves it to TensorFlow."""
    saved_model_tags: str = "serve"
    """Tags of the graph to load, with commas between them."""
    precision: Literal["float32", "bfloat16"] = "float32"
    """Number format of the matrix products; bfloat16 is faster where the processor has it, and servable.json says
    how far its scores were off."""
    page: bool = True
    """Whether / is a page to try the models."""
    log_level: Literal["debug", "info", "warning", "error"] = "info"
    """Of the lines of JSON on standard error; a request is info."""
    echo_errors: bool = False
    """Whether errors quote the value that is wrong, as TensorFlow Serving does: it may be somebody's text."""
    drain_seconds: Seconds = 5.0
    """After SIGTERM: not ready, but answering, until balancers have noticed."""
    grace_seconds: Seconds = 20.0
    """After that: for requests in flight."""
    limits: LimitSettings = LimitSettings()
    batching: BatchingSettings = BatchingSettings()
    guard: GuardSettings = GuardSettings()
    tokens: TokenSettings = TokenSettings()
    tls: TlsSettings = TlsSettings()
