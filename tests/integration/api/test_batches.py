"""Batches: item by item in, line by line out, and followed to their end."""

import json

from models.store import admin
from tests.services.api import NDJSON, Site, item

BAD = [
    b"oops",
    {"kind": "dance", "source": "/a.jpg"},
    {**item(), "options": {"zoom": 1}},
    {**item(), "source": "a.jpg"},
]
BAD_FIELDS = ["", "kind", "zoom", "source"]


def test_each_item_of_a_stream_is_accepted_or_refused_by_itself(api: Site) -> None:
    answer = api.stream([item(0), *BAD, b"", {**item(1), "client_ref": "r"}], query="?name=s&budget_usd=2.50")
    assert answer.status_code == 202
    made = answer.json()
    assert (made["accepted"], made["refused"], made["batch"]["name"]) == (2, 4, "s")
    assert [(each["index"], each["field"]) for each in made["refusals"]] == list(
        zip(range(1, 5), BAD_FIELDS, strict=True)
    )
    jobs = api.client.get(f"/v1/jobs?batch={made['batch']['id']}").json()["jobs"]
    assert [(job["source"], job["client_ref"]) for job in jobs] == [("/media/1.jpg", "r"), ("/media/0.jpg", None)]


def test_a_list_names_the_job_of_each_item(api: Site) -> None:
    items = [item(0), *BAD[1:], item(1)]
    made = api.client.post("/v1/batches", json={"name": "l", "items": items}).json()
    assert [each is not None for each in made["job_ids"]] == [True, False, False, False, True]
    assert [each["index"] for each in made["refusals"]] == [1, 2, 3]


def test_who_wants_every_outcome_gets_a_line_for_each(api: Site) -> None:
    answer = api.stream([item(0), b"oops", item(1)], {"Accept": NDJSON})
    *lines, last = map(json.loads, answer.text.splitlines())
    assert sorted(line["index"] for line in lines) == [0, 1, 2]
    assert [line["index"] for line in lines if "error" in line] == [1]
    assert last["summary"]["accepted"] == 2


def test_a_stream_without_a_good_item_makes_no_batch(api: Site) -> None:
    for lines in ([], BAD):
        answer = api.stream(lines)
        assert answer.status_code == 422
        assert len(answer.json()["errors"]) == len(lines)
    assert api.client.get("/v1/batches").json()["batches"] == []


def test_a_stream_that_is_refused_midway_is_cancelled(api: Site) -> None:
    """Two groups are stored when the line comes that is too long; whoever sends it all again must not pay twice."""
    too_long = b'{"kind":"' + b"x" * api.parts.settings.api_max_body_bytes
    answer = api.stream([*(item(number) for number in range(4_100)), too_long])
    assert (answer.status_code, answer.json()["code"]) == (413, "too_large")
    states = api.client.get("/v1/stats").json()["states"]
    assert (states["queued"], states["cancelled"]) == (0, 4_000)


def test_the_results_of_a_batch_are_its_jobs_line_by_line(api: Site) -> None:
    made = api.stream([item(number) for number in range(3)]).json()
    answer = api.client.get(f"/v1/batches/{made['batch']['id']}/results")
    assert answer.headers["Content-Type"].startswith(NDJSON)
    assert [json.loads(line)["source"] for line in answer.text.splitlines()] == [f"/media/{n}.jpg" for n in range(3)]
    table = api.client.get(f"/v1/batches/{made['batch']['id']}/results?format=csv").text
    assert len(table.splitlines()) == 4


def test_the_events_of_a_batch_go_on_where_the_client_was(api: Site) -> None:
    """Whoever has seen the end is told that there is nothing more; whoever was away is told the end once."""
    made = api.client.post("/v1/batches", json={"items": [item(0), item(1)]}).json()
    url = f"/v1/batches/{made['batch']['id']}/events"
    api.parts.leaving.set()  # so that a stream ends after it has begun
    assert api.client.get(url).text == ""
    api.parts.leaving.clear()
    admin.cancel(api.database, made["job_ids"])
    seen = api.client.get(url).text
    assert [line for line in seen.splitlines() if line.startswith("event:")] == ["event: done"]
    last = next(line.removeprefix("id: ") for line in seen.splitlines() if line.startswith("id: "))
    assert api.client.get(url, headers={"Last-Event-ID": last}).status_code == 204
    assert "event: done" in api.client.get(url, headers={"Last-Event-ID": "1-0123456789abcdef"}).text


def test_a_batch_is_cancelled_whole(api: Site) -> None:
    made = api.stream([item(number) for number in range(2_500)]).json()
    url = f"/v1/batches/{made['batch']['id']}"
    assert api.client.post(f"{url}/cancel").json() == {"changed": 2_500}
    report = api.client.get(url).json()
    assert (report["done"], report["states"]["cancelled"]) == (2_500, 2_500)
