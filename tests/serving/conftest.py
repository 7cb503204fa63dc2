"""Where the cases of the REST API's conformance are read from."""

from __future__ import annotations

import pytest


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--cases", help="a file of cases of the REST API; see tests/serving/test_rest_conformance.py")
