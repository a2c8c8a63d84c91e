"""Schemathesis over every route of the document: no 500, and every answer is one that the document declares."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import pytest
import schemathesis
from hypothesis import HealthCheck, Phase, given, seed, settings
from hypothesis import strategies as st
from schemathesis import GenerationMode
from schemathesis.checks import CHECKS, load_all_checks

from tests.services.api import Site, item, site
from tests.services.databases import migrated

load_all_checks()
NAMES = (
    "not_a_server_error", "status_code_conformance", "content_type_conformance", "response_headers_conformance",
    "response_schema_conformance", "negative_data_rejection",
)  # fmt: skip
MODES = (GenerationMode.POSITIVE, GenerationMode.NEGATIVE)


@pytest.fixture(scope="module", params=[pytest.param("sqlite", marks=pytest.mark.long), "postgresql"])
def crowded(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    """The API with some jobs in it, one for all routes."""
    folder = tmp_path_factory.mktemp("specification")
    postgres: Any = request.getfixturevalue("postgres") if request.param == "postgresql" else None
    url = postgres.create_database() if postgres else f"sqlite:///{folder}/jobs.db"
    database = migrated(url)
    with site(database, folder) as running:
        assert running.stream([item(number) for number in range(5)]).status_code == 202
        yield running
    database.close()
    if postgres:
        postgres.drop_database(url)


@pytest.mark.parametrize("examples", [6, pytest.param(60, marks=pytest.mark.long)])
def test_every_answer_is_declared(crowded: Site, examples: int) -> None:
    """Half of the path ids are those of jobs and batches that exist."""
    schema = schemathesis.openapi.from_asgi("/openapi.json", crowded.app)
    key = crowded.key()
    crowded.client.headers.update(key)
    job, done = crowded.submit(0), crowded.submit(1)
    crowded.client.post(f"/v1/jobs/{done['id']}/cancel")  # or its events would have no end
    wanted = {"action": "cancel", "ids": [job["id"]]}
    bulk = crowded.client.post("/v1/bulk-actions", json=wanted).json()
    hook = crowded.client.post("/v1/webhook-endpoints", json={"url": "https://x.test/"}).json()["id"]
    sent = crowded.client.post(f"/v1/webhook-endpoints/{hook}/test").json()["id"]
    known = {
        "job_id": job["id"], "batch_id": done["batch_id"], "lane": job["model"], "bulk_action_id": bulk["id"],
        "endpoint_id": hook, "delivery_id": sent,
    }  # fmt: skip
    checks = CHECKS.get_by_names(NAMES)
    asked: set[str] = set()
    for found in schema.get_all_operations():
        operation: Any = found.ok()  # type: ignore[union-attr]  # a route that is none fails the test
        for mode in MODES:
            _try(_Trial(operation, mode, known, key, examples), checks, asked)
    assert len(asked) == sum(map(len, crowded.app.openapi()["paths"].values()))


@dataclass(frozen=True)
class _Trial:
    """One route, tried with good or with bad data."""

    operation: Any
    mode: GenerationMode
    known: dict[str, str]
    key: dict[str, str]
    examples: int


def _try(trial: _Trial, checks: Any, asked: set[str]) -> None:
    operation, mode = trial.operation, trial.mode
    raw = operation.definition.raw
    can_be_wrong = "requestBody" in raw or any(each["in"] == "query" for each in raw.get("parameters", ()))
    if mode is GenerationMode.NEGATIVE and not can_be_wrong:
        return

    @seed(7)
    @settings(
        max_examples=trial.examples,
        phases=[Phase.generate],
        deadline=None,
        database=None,
        suppress_health_check=list(HealthCheck),
    )
    @given(case=operation.as_strategy(generation_mode=mode), is_known=st.booleans())
    def ask(case: Any, is_known: bool) -> None:  # noqa: FBT001 - hypothesis gives it
        if is_known and case.method != "DELETE":  # the routes that follow need it
            case.path_parameters = {name: trial.known[name] for name in case.path_parameters or {}}
        if case.query and "wait" in case.query:
            case.query["wait"] = 0 if mode is GenerationMode.POSITIVE else "long"
        asked.add(f"{case.method} {operation.path}")
        is_form = case.media_type == "multipart/form-data"  # where every value is text, so that a wrong type is none
        asked_of = [each for each in checks if not is_form or each.__name__ != "negative_data_rejection"]
        case.call_and_validate(headers=trial.key, checks=asked_of)

    ask()
