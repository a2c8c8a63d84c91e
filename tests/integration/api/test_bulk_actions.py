"""Bulk actions over HTTP."""

from typing import Any

import pytest

from models.api_key import KeyScope
from models.store.bulk_actions import work_on_some
from tests.services.api import Site, item

URL = "/v1/bulk-actions"


def ask(api: Site, body: dict[str, Any], **headers: str) -> Any:
    return api.client.post(URL, json=body, headers=headers)


def test_a_filter_is_previewed_done_and_remembered(api: Site) -> None:
    """With who asked, for what and why; the name of the batch became its id."""
    headers = api.key("ada")
    made = api.stream([item(number) for number in range(7)], headers, query="?name=holiday").json()
    asked = {"action": "cancel", "filter": {"batch": "holiday", "since": "2026-01-01T00:00:00"}, "reason": "too many"}
    preview = ask(api, {**asked, "preview": True}, **headers)
    assert (preview.status_code, preview.json()["total"], len(preview.json()["examples"])) == (200, 7, 5)
    answer = ask(api, asked, **headers)
    action, url = answer.json(), answer.headers["Location"]
    assert (answer.status_code, action["state"], action["total"], action["reason"]) == (202, "pending", 7, "too many")
    assert action["filter"] == {"batch": made["batch"]["id"], "since": "2026-01-01T00:00:00+00:00"}
    assert action["key_id"] in headers["Authorization"]
    known = {"If-None-Match": api.client.get(url, headers=headers).headers["ETag"]}
    assert api.client.get(url, headers=headers | known).status_code == 304
    assert work_on_some(api.database)
    done = api.client.get(url, headers=headers | known).json()
    assert (done["state"], done["changed"], done["skipped"]) == ("succeeded", 7, 0)
    assert api.client.post(f"{url}/abort", headers=headers).json()["code"] == "conflict"
    assert api.client.get(URL, headers=headers).json() == {"bulk_actions": [done], "next_cursor": None}


def test_an_action_with_a_key_is_made_once_and_can_be_aborted(api: Site) -> None:
    job = api.submit()
    asked = {"action": "cancel", "ids": [job["id"]]}
    first, again = (ask(api, asked, **{"Idempotency-Key": "k"}) for _ in range(2))
    assert (again.json(), again.headers["Idempotency-Replayed"]) == (first.json(), "true")
    reused = ask(api, {**asked, "reason": "another"}, **{"Idempotency-Key": "k"})
    assert reused.json()["code"] == "idempotency_key_reused"
    url = first.headers["Location"]
    assert api.client.post(f"{url}/abort").json()["state"] == "aborted"
    assert not work_on_some(api.database)
    assert api.client.get(f"/v1/jobs/{job['id']}").json()["state"] == "queued"


WRONG: list[tuple[dict[str, Any], int, str]] = [
    ({"filter": {"kind": "caption"}}, 422, "action"),
    ({"action": "delete", "filter": {"kind": "caption"}}, 422, "action"),
    ({"action": "cancel"}, 422, ""),
    ({"action": "cancel", "filter": {}}, 422, ""),
    ({"action": "cancel", "filter": {"kind": "caption"}, "ids": ["job_" + "0" * 32]}, 422, ""),
    ({"action": "cancel", "filter": {"owner": "bob"}}, 422, "filter.owner"),
    ({"action": "cancel", "filter": {"since": "0001-01-01T00:00:00+14:00"}}, 422, "filter.since"),
    ({"action": "cancel", "filter": {"search": "\0"}}, 422, "filter.search"),
    ({"action": "cancel", "ids": []}, 422, "ids"),
    ({"action": "cancel", "ids": ["job_1"]}, 422, "ids.0"),
    ({"action": "cancel", "ids": ["job_" + "0" * 32]}, 422, "ids"),
]


@pytest.mark.parametrize("api", ["sqlite"], indirect=True)
def test_an_action_that_is_none_is_refused(api: Site) -> None:
    for body, status, field in WRONG:
        answer = ask(api, body)
        assert (answer.status_code, answer.json()["errors"][0]["field"]) == (status, field), body
    assert ask(api, {"action": "cancel", "filter": {"batch": "none"}}).status_code == 404
    reader = api.key("ada", {KeyScope.READ})
    assert ask(api, {"action": "cancel", "filter": {"kind": "caption"}}, **reader).status_code == 403
