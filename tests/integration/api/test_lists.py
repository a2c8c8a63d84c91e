"""Lists, cursors, parameters, ETags, results and waits."""

import base64
import time
from datetime import datetime, timedelta

from sqlalchemy import update

from api.counting import QUICK_SECONDS, keep_seconds
from api.remembered import Remembered
from models.job import Job
from models.store import admin
from models.store.queries import JobFilter, iterate_jobs
from tests.services.api import Site, item


def test_pages_follow_each_other_without_gap_or_repetition(api: Site) -> None:
    api.stream([item(number) for number in range(7)])
    seen: list[str] = []
    url = "/v1/jobs?limit=3&kind=caption"
    while url:
        page = api.client.get(url)
        seen += [job["source"] for job in page.json()["jobs"]]
        url = page.headers["Link"].partition(">")[0][1:] if "Link" in page.headers else ""
        api.submit(99)  # what comes meanwhile shifts no page
    assert seen == [f"/media/{number}.jpg" for number in reversed(range(7))]


def test_a_cursor_belongs_to_its_list_and_its_filter(api: Site) -> None:
    api.stream([item(number) for number in range(3)])
    cursor = api.client.get("/v1/jobs?limit=1").json()["next_cursor"]
    assert api.client.get(f"/v1/jobs?cursor={cursor}").status_code == 200
    for url in (f"/v1/jobs?cursor={cursor}&state=queued", f"/v1/batches?cursor={cursor}"):
        assert api.client.get(url).json()["code"] == "bad_cursor"


MADE_UP = ["", "a", "job_" + "0" * 32, "bat_" + "0" * 32 + ".x", "é", "\0", "x" * 90]


def test_a_made_up_cursor_is_refused(api: Site) -> None:
    for text in MADE_UP:
        forged = base64.urlsafe_b64encode(text.encode()).decode()
        for cursor in (forged, forged.rstrip("="), text):
            answer = api.client.get("/v1/jobs", params={"cursor": cursor})
            assert (answer.status_code, answer.json()["code"]) == (400, "bad_cursor")


WRONG = [
    "stat=failed",
    "limit=0",
    "limit=201",
    "limit=x",
    "state=done",
    "kind=x",
    "since=yesterday",
    "error=x",
    "search=%00",
    "since=0001-01-01T00:00:00%2B14:00",
    "batch=%00",
    "batch=",
    "wait=5",
]


def test_a_parameter_that_is_none_is_named(api: Site) -> None:
    for query in WRONG:
        answer = api.client.get(f"/v1/jobs?{query}")
        assert (answer.status_code, answer.json()["code"]) == (422, "invalid_request")
        assert answer.json()["errors"][0]["field"] == query.partition("=")[0]


def test_a_route_without_parameters_refuses_them_too(api: Site) -> None:
    assert api.client.get("/v1/lanes?x=1").status_code == 422
    assert api.client.post("/v1/jobs?dry_run=true", json=item()).status_code == 422


def test_what_has_not_changed_is_not_sent_again(api: Site) -> None:
    job = api.submit()
    first = api.client.get(f"/v1/jobs/{job['id']}")
    known = {"If-None-Match": first.headers["ETag"]}
    assert api.client.get(f"/v1/jobs/{job['id']}", headers=known).status_code == 304
    admin.cancel(api.database, [job["id"]])
    assert api.client.get(f"/v1/jobs/{job['id']}", headers=known).json()["state"] == "cancelled"


def test_a_wait_ends_with_its_time_or_with_the_job(api: Site) -> None:
    job = api.submit()
    began = time.monotonic()
    assert api.client.get(f"/v1/jobs/{job['id']}?wait=0.3").json()["state"] == "queued"
    assert 0.3 <= time.monotonic() - began < 5
    admin.cancel(api.database, [job["id"]])
    began = time.monotonic()
    assert api.client.get(f"/v1/jobs/{job['id']}?wait=60").json()["state"] == "cancelled"
    assert time.monotonic() - began < 5


def test_a_job_without_a_result_says_so(api: Site) -> None:
    job = api.submit()
    soon = api.client.get(f"/v1/jobs/{job['id']}/result")
    assert (soon.status_code, soon.json()["code"], soon.json()["retryable"]) == (409, "no_result", True)
    admin.cancel(api.database, [job["id"]])
    never = api.client.get(f"/v1/jobs/{job['id']}/result")
    assert (never.json()["code"], never.json()["retryable"]) == ("no_result", False)


def test_lanes_are_paused_and_resumed(api: Site) -> None:
    (lane,) = api.client.get("/v1/lanes").json()["lanes"]
    url = f"/v1/lanes/{lane['name']}"
    paused = api.client.post(f"{url}/pause", json={"reason": "moving", "seconds": 600}).json()
    assert (paused["state"], paused["reason"]) == ("paused", "paused by hand: moving")
    assert api.client.post(f"{url}/resume").json()["state"] == "open"
    assert api.client.post("/v1/lanes/none/pause", json={}).status_code == 404


def test_what_a_route_describes_is_what_the_command_line_shows(api: Site) -> None:
    """A job's shape has exactly the fields that the document names."""
    job = api.submit()
    described = api.app.openapi()["components"]["schemas"]["JobShape"]["properties"]
    assert list(described) == list(job)
    assert [view.id for view in iterate_jobs(api.database, JobFilter())] == [job["id"]]


def test_sums_that_take_long_are_told_again_with_their_age_and_quick_ones_are_exact(api: Site) -> None:
    now = [0.0]

    def asked(path: str, *, took: float) -> tuple[int, str | None]:
        """The total, and its age."""
        api.app.state.totals = Remembered(lambda _: keep_seconds(took), clock=lambda: now[0])
        api.submit(0)
        before = api.client.get(path)
        api.submit(1)
        now[0] += 5.0
        after = api.client.get(path)
        return after.json()["total"] - before.json()["total"], after.headers.get("Age")

    assert asked("/v1/stats", took=QUICK_SECONDS / 2) == (1, None)
    assert asked("/v1/stats", took=1.0) == (0, "5")
    assert asked("/v1/stats", took=0.4) == (1, None)
    assert api.client.get("/v1/stats?kind=transcribe").json()["total"] == 0


def test_jobs_since_a_moment_are_found_though_the_clock_of_who_made_them_was_hours_behind(api: Site) -> None:
    """Identifiers come from that clock; the moment is one of the database's."""
    made = datetime.fromisoformat(api.submit(0)["created_at"])
    with api.database.write() as connection:
        connection.execute(update(Job).values(created_at=made + timedelta(hours=20)))
    for hours, found in ((-1, 1), (19, 1), (21, 0)):
        answer = api.client.get("/v1/jobs", params={"since": (made + timedelta(hours=hours)).isoformat()})
        assert len(answer.json()["jobs"]) == found
    for edge in ("0001-01-01T00:00:00Z", "9999-12-31T23:59:59Z"):
        assert api.client.get("/v1/jobs", params={"since": edge}).status_code == 200
