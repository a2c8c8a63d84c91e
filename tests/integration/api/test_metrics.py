"""What monitoring reads is what SQL says, is not counted at every look, and tells nothing of single owners."""

from typing import Any

import pytest
from prometheus_client.openmetrics.parser import text_string_to_metric_families as openmetrics_families
from prometheus_client.parser import text_string_to_metric_families as plain_families

from api.figures import FIGURES, FRESH_SECONDS, MOST_LANES, OTHER_LANES, Facts, Figures, keep_seconds
from models.api_key import KeyScope
from models.database import DatabaseUnavailableError
from models.moves import Record, failed, succeeded
from models.store import admin
from models.store.lane_views import LaneFacts
from models.store.lanes import pause_by_hand
from models.store.queries import JobFilter
from models.store.record import record
from models.store.reports import totals
from tests.contracts.jobs import PERMANENT, claim_one, new_call, new_worker
from tests.services.api import Site
from worker.quota.terms import Limits

Sample = tuple[str, frozenset[tuple[str, str]]]


def read(text: str, families: Any = plain_families) -> dict[Sample, float]:
    """Every sample by its name and labels."""
    return {
        (each.name, frozenset(each.labels.items())): each.value for family in families(text) for each in family.samples
    }


def of(samples: dict[Sample, float], name: str, **labels: str) -> float:
    return samples[f"mediascribe_{name}", frozenset(labels.items())]


def test_the_figures_are_those_of_sql(api: Site) -> None:
    worker = new_worker(api.database, slots=7)
    done, bad = (claim_one(api.database, lane="m") for _ in range(2))
    record(api.database, [
        Record(job=done, calls=(new_call(),), ending=succeeded({"caption": "A cat"}, question_hash=None, model_version=None)),
        Record(job=bad, calls=(new_call(cost=None),), ending=failed(PERMANENT)),
    ])  # fmt: skip
    admin.cancel(api.database, [api.submit(1)["id"]])
    api.submit(2)
    pause_by_hand(api.database, "m", reason="by hand", seconds=None)
    found = read(api.client.get("/metrics").text)
    for state, jobs in totals(api.database, JobFilter()).by_state.items():
        assert of(found, "jobs", kind="caption", state=state) == jobs
    assert of(found, "jobs_failed", state="failed", code="media_corrupt") == 1
    assert of(found, "attempts", outcome="fail", code="media_corrupt") == 1
    assert (of(found, "calls_total", lane="m"), of(found, "unpriced_calls_total", lane="m")) == (2, 1)
    assert (of(found, "input_tokens_total", lane="m"), of(found, "thinking_tokens_total", lane="m")) == (528, 14)
    assert of(found, "cost_usd_total", lane="m") == pytest.approx(0.000412)
    assert (of(found, "lane_paused", lane="m"), of(found, "lane_calls_today", lane="m")) == (1, 2)
    assert of(found, "lane_jobs", lane=api.parts.settings.model, state="queued") == 1
    assert 0 < of(found, "oldest_queued_seconds") < 60
    assert (of(found, "workers"), of(found, "worker_slots")) == (1, 7), worker
    assert of(found, "database_up") == 1


def test_requests_are_counted_by_route_and_never_by_what_is_asked_for(api: Site) -> None:
    job = api.submit()
    for path in (f"/v1/jobs/{job['id']}", "/v1/jobs/job_1", "/wp-admin", "/.env"):
        api.client.get(path)
    api.client.request("BREW", "/livez")
    answer = api.client.get("/metrics", headers={"Accept": "application/openmetrics-text; version=1.0.0"})
    assert answer.headers["Content-Type"].startswith("application/openmetrics-text")
    found = read(answer.text, openmetrics_families)
    assert of(found, "http_requests_total", method="POST", route="/v1/jobs", status="202") == 1
    assert of(found, "http_requests_total", method="GET", route="/v1/jobs/{job_id}", status="200") == 1
    assert of(found, "http_requests_total", method="GET", route="(none)", status="404") == 2
    assert of(found, "http_requests_total", method="OTHER", route="/livez", status="405") == 1
    assert of(found, "http_request_duration_seconds_count", method="POST", route="/v1/jobs") == 1
    assert of(found, "http_requests_in_progress") == 1  # this one
    assert job["id"] not in answer.text


def test_metrics_take_a_scope_and_that_scope_opens_nothing_else(api: Site) -> None:
    wanted = {KeyScope.METRICS: (200, 403, 403), KeyScope.ADMIN: (200, 403, 200), KeyScope.READ: (403, 200, 403)}
    for scope, statuses in wanted.items():
        key = api.key("ada", {scope})
        assert (
            tuple(api.client.get(path, headers=key).status_code for path in ("/metrics", "/v1/jobs", "/v1/lanes"))
            == statuses
        )
    assert api.client.get("/metrics").status_code == 401


EMPTY: dict[str, Any] = {"jobs": (), "attempts": (), "used": {}, "workers": (), "limits": Limits()}


def test_the_database_is_counted_seldom_and_the_longer_it_takes_the_seldomer() -> None:
    now, counted = [100.0], []

    def count() -> Facts:
        now[0] += 2.0
        counted.append(now[0])
        return Facts(**EMPTY, lanes=())

    figures = Figures(count, clock=lambda: now[0])
    for passed in (0.0, 60.0, 39.0, 2.0):
        now[0] += passed
        ages = [family.samples[0].value for family in figures.collect() if family.name.endswith("age_seconds")]
        assert ages == [now[0] - counted[-1]]
    assert counted == [102.0, 205.0]
    assert keep_seconds(0.001) == FRESH_SECONDS


def test_without_the_database_it_is_said_and_the_rest_is_told() -> None:
    def away() -> Facts:
        raise DatabaseUnavailableError("away")

    (family,) = Figures(away).collect()
    assert [(each.name, each.value) for each in family.samples] == [("mediascribe_database_up", 0)]


def test_lanes_beyond_a_number_are_told_together() -> None:
    """A lane is named by whoever submits."""
    lanes = [LaneFacts(name=f"m{number}", calls_today=1) for number in range(MOST_LANES + 20)]
    (today,) = (figure for figure in FIGURES if figure.name == "mediascribe_lane_calls_today")
    samples = list(today.samples(Facts(**EMPTY, lanes=lanes)))
    assert len(samples) == MOST_LANES + 1
    assert samples[-1] == ((OTHER_LANES,), 20)
