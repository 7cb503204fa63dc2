"""Sockets that cannot be had are told in a line; TLS is spoken; a server that stops answers what it has begun."""

from __future__ import annotations

import http.client
import ssl
import subprocess
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import pytest
from certificates import Authority, Pair, authority, pair
from rest_fakes import Told, ask_for_key, eventually, fake_models, read_all, request, signature, status, talking

from tfclassify.errors import UsageError
from tfclassify.serving.rest import transport
from tfclassify.serving.rest.application import application
from tfclassify.serving.rest.options import RestOptions
from tfclassify.serving.rest.transport import RestServer, Tls, listen, start, tls_context

GOOD = b'{"instances": ["good"]}'


def test_a_port_in_use() -> None:
    with listen("127.0.0.1", 0) as taken:
        port = taken.getsockname()[1]
        with pytest.raises(UsageError) as caught:
            listen("127.0.0.1", port)
    assert str(caught.value) == (
        f"cannot listen on 127.0.0.1:{port}: Address already in use; give another host or port"
    )


@pytest.mark.parametrize("host", ["203.0.113.1", "no.such.host.invalid"])
def test_hosts_that_are_elsewhere_or_nowhere(host: str) -> None:
    with pytest.raises(UsageError, match=rf"^cannot listen on {host}:0: .*; give another host or port$"):
        listen(host, 0)


@pytest.mark.parametrize("port", [-1, 70_000])
def test_ports_that_there_are_not(port: int) -> None:
    with pytest.raises(UsageError) as caught:
        listen("127.0.0.1", port)
    assert str(caught.value) == f"cannot listen on port {port}; expected 0 (any that is free) to 65535"


@pytest.fixture(scope="module")
def tls(tmp_path_factory: pytest.TempPathFactory) -> Tls:
    folder = tmp_path_factory.mktemp("tls")
    made = Tls(folder / "certificate.pem", folder / "key.pem")
    subprocess.run(
        ["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2", "-subj", "/CN=localhost",
         "-addext", "subjectAltName=IP:127.0.0.1", "-keyout", str(made.key), "-out", str(made.certificate)],
        check=True, capture_output=True,
    )  # fmt: skip
    return made


@contextmanager
def secured(tls: Tls) -> Iterator[RestServer]:
    models, options = fake_models(), RestOptions()
    app = application(models, options, guard=ask_for_key, telemetry=Told())
    server = start(app, listen("127.0.0.1", 0), options, tls=tls)
    try:
        yield server
    finally:
        server.stop(1.0)
        models.pool.shutdown()


def asked(server: RestServer, context: ssl.SSLContext) -> tuple[int, int]:
    """Makes a request; returns its status and the serial number of the server's certificate."""
    connection = http.client.HTTPSConnection("127.0.0.1", server.port, context=context, timeout=10)
    try:
        connection.request("POST", "/v1/models/texts:predict", GOOD)
        answered = connection.getresponse().status
        return answered, int(connection.sock.getpeercert()["serialNumber"], 16)
    finally:
        connection.close()


def test_tls(tls: Tls) -> None:
    with secured(tls) as server:
        assert asked(server, ssl.create_default_context(cafile=tls.certificate))[0] == 200
    assert server.ended.is_set()
    assert tls_context(tls).minimum_version is ssl.TLSVersion.TLSv1_2


def written(folder: Path, name: str, made: Pair) -> tuple[Path, Path]:
    """Writes certificate and key, each at once."""
    paths = folder / f"{name}.pem", folder / f"{name}.key"
    for path, content in zip(paths, (made.certificate, made.key), strict=True):
        path.with_suffix(".aside").write_bytes(content)
        path.with_suffix(".aside").replace(path)
    return paths


def trusting(by: Authority) -> ssl.SSLContext:
    return ssl.create_default_context(cadata=by.certificate.decode())


def test_certificates_of_clients(tmp_path: Path) -> None:
    ours, theirs = authority(), authority()
    (tmp_path / "authority.pem").write_bytes(ours.certificate)
    known, stranger = trusting(ours), trusting(ours)
    known.load_cert_chain(*written(tmp_path, "known", pair(ours, "client")))
    stranger.load_cert_chain(*written(tmp_path, "stranger", pair(theirs, "client")))
    with secured(Tls(*written(tmp_path, "server", pair(ours, "server")), tmp_path / "authority.pem")) as server:
        assert asked(server, known)[0] == 200
        for refused in (trusting(ours), stranger):
            with pytest.raises((ssl.SSLError, ConnectionError)):
                asked(server, refused)
        assert asked(server, known)[0] == 200


def test_certificates_are_renewed_while_the_server_runs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(transport, "_LOOK_AT_CERTIFICATE_SECONDS", 0.02)
    ours = authority()
    certificate, key = written(tmp_path, "server", pair(ours, "server"))
    with secured(Tls(certificate, key)) as server:
        _, first = asked(server, trusting(ours))
        renewed = pair(ours, "server")
        # One half, then no certificate at all, and what was there is used on.
        for half in (renewed.certificate, b"nothing"):
            certificate.write_bytes(half)
            time.sleep(0.2)
            assert asked(server, trusting(ours)) == (200, first)
        certificate.unlink()
        time.sleep(0.1)
        assert asked(server, trusting(ours)) == (200, first)
        written(tmp_path, "server", renewed)
        assert eventually(lambda: asked(server, trusting(ours))[1] != first)
        assert asked(server, trusting(ours))[0] == 200


def test_tls_of_files_that_are_none(tls: Tls, tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=r"No such file or directory; expected PEM files that belong together$"):
        tls_context(Tls(tmp_path / "none.pem", tls.key))
    (tmp_path / "empty.pem").write_text("")
    with pytest.raises(UsageError, match=r"expected PEM files that belong together$"):
        tls_context(Tls(tmp_path / "empty.pem", tls.key))


def test_what_is_begun_is_finished_when_the_server_stops() -> None:
    release = threading.Event()

    def held(inputs: dict) -> dict:
        release.wait(10)
        return {"out": np.float32([1])}

    models = fake_models()
    models.models["held"] = (signature({"x": 1}, {"out": 1}), held)
    with talking(RestOptions(), models=models) as talk:
        with talk.connect() as connection:
            connection.sendall(request(b"POST", b"/v1/models/held:predict", body=b'{"instances": [1.0]}'))
            time.sleep(0.1)
            stopping = threading.Thread(target=talk.server.stop, args=(10.0,))
            stopping.start()
            time.sleep(0.4)
            assert not talk.server.ended.is_set()
            with pytest.raises(ConnectionError):
                talk.connect().close()
            release.set()
            answer = connection.recv(65536)
            assert status(answer) == 200
            assert b"connection: close" in answer
        stopping.join(10)
        assert talk.server.ended.is_set()


def test_what_takes_longer_than_the_server_has_is_told_so(caplog: pytest.LogCaptureFixture) -> None:
    with talking(RestOptions()) as talk, talk.connect() as connection:
        connection.sendall(request(b"POST", b"/v1/models/slow:predict", body=b'{"instances": [1.0]}'))
        time.sleep(0.1)
        talk.server.stop(0.3)
        answer = read_all(connection)
    assert status(answer) == 503
    assert b"retry-after: 1" in answer
    assert not [record for record in caplog.records if record.exc_info]


def test_idle_and_stubborn_connections_do_not_hold_up_the_end() -> None:
    with talking(RestOptions()) as talk, talk.connect(), talk.connect() as half:
        half.sendall(b"POST /v1/models/texts:predict HTTP/1.1\r\nContent-Length: 10\r\n\r\n")
        time.sleep(0.1)
        began = time.monotonic()
        talk.server.stop(0.5)
        assert talk.server.ended.is_set()
        assert time.monotonic() - began < 3
