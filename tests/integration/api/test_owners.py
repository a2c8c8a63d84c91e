"""Owners see nothing of each other, on any route that the document has."""

import json
from collections.abc import Iterator
from typing import Any

from models.api_key import KeyScope
from tests.services.api import EVERYTHING, Site, item

SHARED = {"/livez", "/readyz", "/v1/lanes", "/v1/workers", "/v1/lanes/{lane}/pause", "/v1/lanes/{lane}/resume"}
"""What all owners share: it takes the scope admin, or tells nothing."""
BODIES: dict[str, Any] = {
    "/v1/jobs": item(9), "/v1/batches": {"items": [item(9)]}, "/v1/lanes/{lane}/pause": {"seconds": 60},
    "/v1/bulk-actions": {"action": "cancel", "filter": {"kind": "caption"}},
    "/v1/webhook-endpoints": {"url": "https://bob.test/"}, "/v1/webhook-endpoints/{endpoint_id}": {"enabled": False},
}  # fmt: skip


def routes(api: Site) -> Iterator[tuple[str, str]]:
    """Method and path of every route."""
    for path, operations in api.app.openapi()["paths"].items():
        for method in operations:
            yield method.upper(), path


def test_no_route_shows_or_changes_what_is_anothers(api: Site) -> None:
    """Everything of Ada's is asked for with Bob's key: a single thing is not found, and no list or sum counts it."""
    ada, bob = api.key("ada"), api.key("bob", EVERYTHING - {KeyScope.ADMIN})
    job = api.submit(1, ada, client_ref="secret-ref", metadata={"note": "hidden-note"})
    wanted = {"action": "cancel", "ids": [job["id"]], "reason": "hidden-reason"}
    bulk = api.client.post("/v1/bulk-actions", json=wanted, headers=ada).json()
    assert api.client.post("/v1/bulk-actions", json=wanted, headers=bob).status_code == 422
    hook = api.client.post("/v1/webhook-endpoints", headers=ada, json={"url": "https://secret.test/"}).json()
    sent = api.client.post(f"/v1/webhook-endpoints/{hook['id']}/test", headers=ada).json()
    known = {
        "job_id": job["id"], "batch_id": job["batch_id"], "bulk_action_id": bulk["id"], "endpoint_id": hook["id"],
        "delivery_id": sent["id"],
    }  # fmt: skip
    single = (f"jobs/{job['id']}", f"bulk-actions/{bulk['id']}", f"webhook-endpoints/{hook['id']}")
    pages = [f"/v1/{page}" for page in (*single, "webhook-deliveries")]
    before = [api.client.get(page, headers=ada).json() for page in pages]
    asked = 0
    for method, path in routes(api):
        url = path.format(**known, lane=job["model"])
        answer = api.client.request(method, url, headers=bob, json=BODIES.get(path))
        hidden = (*known.values(), hook["secret"], "secret-ref", "secret.test", "hidden-", "/media/1.jpg", '"ada"')
        said = answer.text if answer.status_code < 400 else ""  # a refusal names what was asked for
        assert not [piece for piece in hidden if piece in said], f"{method} {path} shows {said}"
        if "{" in path and path not in SHARED:
            assert answer.status_code == 404, f"{method} {path} answers {answer.status_code}"
        asked += 1
    assert asked >= 33
    assert [api.client.get(page, headers=ada).json() for page in pages] == before


def test_an_answer_about_anothers_job_is_that_about_one_that_never_was(api: Site) -> None:
    ada, bob = api.key("ada"), api.key("bob")
    job = api.submit(1, ada)

    def said(job_id: str) -> str:
        answer = api.client.get(f"/v1/jobs/{job_id}", headers={**bob, "X-Request-Id": "same"}).json()
        return json.dumps(answer).replace(job_id, "ID")

    assert said(job["id"]) == said("job_" + "0" * 32)


def test_sums_lists_and_filters_count_ones_own_alone(api: Site) -> None:
    ada, bob = api.key("ada"), api.key("bob")
    first, _, _ = (api.submit(number, ada) for number in range(3))
    api.submit(9, bob)
    assert api.client.get("/v1/stats", headers=bob).json()["total"] == 1
    assert [job["owner"] for job in api.client.get("/v1/jobs", headers=bob).json()["jobs"]] == ["bob"]
    assert len(api.client.get("/v1/batches", headers=bob).json()["batches"]) == 1
    assert api.client.get(f"/v1/jobs?batch={first['batch_id']}", headers=bob).status_code == 404


def test_an_idempotency_key_belongs_to_its_owner(api: Site) -> None:
    made = [api.submit(1, {**api.key(owner), "Idempotency-Key": "k"})["id"] for owner in ("ada", "bob")]
    assert len(set(made)) == 2


RIGHTS = (
    ({KeyScope.READ}, "POST", "/v1/jobs", 403),
    ({KeyScope.WRITE}, "GET", "/v1/jobs", 403),
    ({KeyScope.READ, KeyScope.WRITE}, "GET", "/v1/lanes", 403),
    ({KeyScope.READ}, "POST", "/v1/webhook-endpoints", 403),
    ({KeyScope.READ, KeyScope.WRITE}, "POST", "/v1/jobs", 422),
    ({KeyScope.WRITE, KeyScope.FILES}, "POST", "/v1/jobs", 202),
    ({KeyScope.ADMIN}, "GET", "/v1/workers", 200),
)


def test_a_key_may_do_what_its_scopes_say(api: Site) -> None:
    """Naming a file of the workers' machines takes a scope of its own."""
    for scopes, method, path, status in RIGHTS:
        answer = api.client.request(method, path, headers=api.key("ada", scopes), json=BODIES.get(path))
        assert answer.status_code == status, answer.text
