"""Where the cases of the REST API's conformance are read from, and the one server that all hostile requests meet."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from server_process import ServerProcess, config_text, running


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--cases", help="a file of cases of the REST API; see tests/serving/test_rest_conformance.py")


@pytest.fixture(scope="session")
def long_running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ServerProcess]:
    """A server, of small limits of time, that has to outlive every request of every test.

    ``texts`` is what good requests go to.
    """
    from process_models import save_floats, save_lengths, save_numbers, save_tagged

    folder = tmp_path_factory.mktemp("long_running")
    tagged = ("swapped", "going", "corrupt", "copied", "emptied", "unreadable", "warm")
    for name in tagged:
        (folder / name).mkdir()
        save_tagged(folder / name / "1", 1)
    save_lengths(folder / "texts" / "3")
    save_floats(folder / "floats" / "1")
    save_numbers(folder / "numbers" / "1")
    names = (*tagged, "texts", "floats", "numbers")
    config = folder / "models.config"
    config.write_text(config_text({name: folder / name for name in names}, labels={"texts": {"stable": 3}}))
    addresses = ("host=127.0.0.1", f"model_config_file={config}", "model_config_file_poll_wait_seconds=1")
    limits = ("limits.header_seconds=1", "limits.body_seconds=1", "rest_api_timeout_in_ms=10000", "echo_errors=true")
    with running(folder / "said", {}, *addresses, *limits) as server:
        yield server
        # Whatever it was asked, it ends in order, and nothing went wrong that nobody foresaw.
        assert server.end() == 0
        assert not server.logged("internal_error")
        assert not [line for line in server.said() if "Traceback" in line or "Error" in line], server.said()


@pytest.fixture
def hostile_server(long_running: ServerProcess) -> Iterator[ServerProcess]:
    """The same server, which lives before the test, and answers a good request right after it."""
    assert long_running.is_alive(), long_running.said()
    yield long_running
    answer = long_running.post("texts", {"instances": ["good"]})
    assert (answer.status, answer.document) == (200, {"predictions": [{"label": "good", "length": 4}]})
