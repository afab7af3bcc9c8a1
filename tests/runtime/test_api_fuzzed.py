"""The API's own description, believed by a stranger: whatever fits it, or nearly fits it, gets an answer that fits it too."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from typing import Any

import pytest
import requests
import schemathesis
from hypothesis import HealthCheck, Phase, given, settings
from schemathesis.checks import (
    content_type_conformance,
    load_all_checks,
    not_a_server_error,
    response_schema_conformance,
    status_code_conformance,
)

from engine.runtime.api.application import description
from tests.runtime.api_server import Place, place

load_all_checks()
WANTED: Any = [not_a_server_error, status_code_conformance, content_type_conformance, response_schema_conformance]
BOUNDED = settings(
    max_examples=4, derandomize=True, deadline=None, database=None, phases=[Phase.generate],
    suppress_health_check=list(HealthCheck),
)  # fmt: skip


@pytest.fixture(scope="module")
def fuzzed(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Place]:
    with place(tmp_path_factory.mktemp("fuzzed"), trades=20) as made:
        yield made


@pytest.mark.parametrize("mode", list(schemathesis.GenerationMode), ids=lambda mode: mode.value)
def test_no_request_breaks_it_and_every_answer_is_as_described(fuzzed: Place, mode: Any) -> None:
    schema = schemathesis.openapi.from_dict(description(fuzzed.app))
    tried = Counter[str]()
    with requests.Session() as session:
        session.headers["Authorization"] = f"Bearer {fuzzed.tokens['command']}"

        def through(operation: Any) -> None:
            @BOUNDED
            @given(case=operation.as_strategy(generation_mode=mode))
            def ask(case: Any) -> None:
                if isinstance(case.body, dict) and "wait" in case.body:
                    case.body["wait"] = 0  # nobody answers here
                answer = case.call(base_url=fuzzed.url, session=session)
                case.validate_response(answer, checks=WANTED)
                tried[operation.label] += 1

            ask()

        for found in schema.get_all_operations():
            operation: Any = found.ok()
            if mode is schemathesis.GenerationMode.POSITIVE or operation.body or len(list(operation.iter_parameters())):
                through(operation)
    assert len(tried) >= 10
    assert fuzzed.get("/api/status").json()["run"] == "test-data"
