"""Webhook endpoints and deliveries over HTTP."""

from collections.abc import Iterator
from typing import Any

import pytest
from pydantic import TypeAdapter

from api.webhook_events import BatchFinished, JobFinished, WebhookTest
from models.store import admin
from models.store.webhooks.endpoints import MOST_ENDPOINTS
from tests.services.api import Site, item, site
from tests.services.databases import migrated

ENDPOINTS, DELIVERIES = "/v1/webhook-endpoints", "/v1/webhook-deliveries"


@pytest.fixture(scope="module", params=["sqlite", "postgresql"])
def shared(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    """The API; jobs of earlier tests may be in it."""
    folder = tmp_path_factory.mktemp("webhooks")
    postgres: Any = request.getfixturevalue("postgres") if request.param == "postgresql" else None
    url = postgres.create_database() if postgres else f"sqlite:///{folder}/jobs.db"
    database = migrated(url)
    with site(database, folder) as running:
        yield running
    database.close()
    if postgres:
        postgres.drop_database(url)


@pytest.fixture
def api(shared: Site) -> Site:
    """The API, where nobody wants to be told of anything."""
    for known in shared.client.get(ENDPOINTS).json()["webhook_endpoints"]:
        assert shared.client.delete(f"{ENDPOINTS}/{known['id']}").status_code == 204
    return shared


def create(api: Site, **fields: Any) -> Any:
    """A new endpoint, with its secret."""
    answer = api.client.post(ENDPOINTS, json={"url": "https://x.test/hook", **fields})
    assert answer.status_code == 201, answer.text
    return answer.json()


def test_a_secret_is_shown_when_it_is_made_and_never_again(api: Site) -> None:
    made = create(api)
    url = f"{ENDPOINTS}/{made['id']}"
    rotated = api.client.post(f"{url}/rotate-secret").json()
    assert made["secret"] != rotated["secret"]
    assert rotated["former_secret_until"] is not None
    test = api.client.post(f"{url}/test")
    pages = [api.client.get(path).text for path in (url, ENDPOINTS, DELIVERIES)]
    pages += [test.text, api.client.patch(url, json={"enabled": False}).text]
    assert not [page for page in pages if "whsec_" in page]


def test_an_endpoint_is_changed_in_part_disabled_and_enabled_again(api: Site) -> None:
    made = create(api)
    assert (made["event_types"], made["state"]) == (["batch.finished"], "active")
    url = f"{ENDPOINTS}/{made['id']}"
    changed = api.client.patch(url, json={"event_types": ["job.finished"]}).json()
    assert (changed["event_types"], changed["url"]) == (["job.finished"], made["url"])
    disabled = api.client.patch(url, json={"enabled": False}).json()
    assert (disabled["state"], disabled["disabled_reason"]) == ("disabled", "disabled by its owner")
    assert api.client.patch(url, json={"enabled": True}).json()["disabled_reason"] is None
    assert api.client.delete(url).status_code == 204
    assert api.client.get(url).status_code == 404


def test_a_url_that_leads_inside_and_an_endpoint_too_many_are_refused(api: Site) -> None:
    for url in ("http://x.test/", "https://10.0.0.1/", "https://[::1]/", "nonsense"):
        answer = api.client.post(ENDPOINTS, json={"url": url})
        assert (answer.status_code, answer.json()["errors"][0]["field"]) == (422, "url")
        assert api.client.patch(f"{ENDPOINTS}/{create(api)['id']}", json={"url": url}).status_code == 422
    while len(api.client.get(ENDPOINTS).json()["webhook_endpoints"]) < MOST_ENDPOINTS:
        create(api)
    assert api.client.post(ENDPOINTS, json={"url": "https://x.test/"}).json()["code"] == "conflict"


def test_deliveries_are_listed_page_by_page_found_and_sent_again(api: Site) -> None:
    made, other = create(api, event_types=["batch.finished", "job.finished"]), create(api)
    job = api.submit()
    admin.cancel(api.database, [job["id"]])
    query = f"{DELIVERIES}?endpoint={made['id']}&state=pending&limit=1"
    first = api.client.get(query)
    second = api.client.get(first.headers["Link"].partition(">")[0][1:])
    (newer,), (older,) = (page.json()["webhook_deliveries"] for page in (first, second))
    assert second.json()["next_cursor"] is None
    assert {newer["event_type"], older["event_type"]} == {"batch.finished", "job.finished"}
    again = api.client.post(f"{DELIVERIES}/{older['id']}/redeliver")
    assert (again.status_code, again.json()["event_id"]) == (202, older["event_id"])
    api.client.patch(f"{ENDPOINTS}/{made['id']}", json={"enabled": False})
    assert api.client.get(f"{DELIVERIES}/{older['id']}").json()["state"] == "cancelled"
    assert len(api.client.get(f"{DELIVERIES}?endpoint={other['id']}").json()["webhook_deliveries"]) == 1


def test_what_is_sent_is_what_the_document_describes(api: Site) -> None:
    made = create(api, event_types=["batch.finished", "job.finished"])
    admin.cancel(api.database, [api.submit()["id"]])
    api.client.post(f"{ENDPOINTS}/{made['id']}/test")
    shapes = TypeAdapter(BatchFinished | JobFinished | WebhookTest)
    events = [each["event"] for each in api.client.get(DELIVERIES).json()["webhook_deliveries"]]
    assert {type(shapes.validate_python(event)) for event in events} == {BatchFinished, JobFinished, WebhookTest}
    assert set(api.app.openapi()["webhooks"]) == {event["type"] for event in events}


def test_a_stream_may_end_when_all_of_it_has_come(api: Site) -> None:
    create(api)
    batch = api.stream([item(number) for number in range(3)]).json()["batch"]
    admin.cancel_batch(api.database, batch["id"])
    (delivery,) = api.client.get(DELIVERIES).json()["webhook_deliveries"]
    assert delivery["event"]["data"]["total"] == 3
