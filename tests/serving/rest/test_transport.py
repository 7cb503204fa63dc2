"""Sockets that cannot be had are told in a line; TLS is spoken; a server that stops answers what it has begun."""

from __future__ import annotations

import http.client
import ssl
import subprocess
import threading
import time
from pathlib import Path

import numpy as np
import pytest
from rest_fakes import Told, ask_for_key, fake_models, read_all, request, signature, status, talking

from tfclassify.errors import UsageError
from tfclassify.serving.rest.application import application
from tfclassify.serving.rest.options import RestOptions
from tfclassify.serving.rest.transport import Tls, listen, start, tls_context

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


def test_tls(tls: Tls) -> None:
    models, options = fake_models(), RestOptions()
    app = application(models, options, guard=ask_for_key, telemetry=Told())
    server = start(app, listen("127.0.0.1", 0), options, tls=tls)
    context = ssl.create_default_context(cafile=tls.certificate)
    connection = http.client.HTTPSConnection("127.0.0.1", server.port, context=context, timeout=10)
    connection.request("POST", "/v1/models/texts:predict", GOOD)
    assert connection.getresponse().status == 200
    connection.close()
    server.stop(1.0)
    assert server.ended.is_set()
    models.pool.shutdown()


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
