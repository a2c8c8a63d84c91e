"""Who is let in."""

import json
from collections.abc import Callable

from fastapi.testclient import TestClient

from models.store import keys
from tests.services.api import Site


def status(api: Site, **headers: str) -> int:
    code: int = api.client.get("/v1/jobs", headers=headers).status_code
    return code


def test_everybody_on_this_machine_is_let_in_until_a_key_is_made(api: Site) -> None:
    assert status(api) == 200
    api.key()
    api.app.middleware_stack = None  # begin anew, so that nothing is remembered
    with TestClient(api.app, base_url="http://localhost") as fresh:
        assert fresh.get("/v1/jobs").status_code == 401


def test_a_revoked_key_does_not_open_the_door_to_everybody(api: Site) -> None:
    api.key()
    (view,) = keys.list_keys(api.database)
    assert keys.revoke_key(api.database, view.id)
    assert status(api) == 401
    assert not keys.has_keys(api.database)


FOREIGN = [
    {"Host": "evil.example"},
    {"Origin": "https://evil.example"},
    {"Origin": "null"},
    {"Host": "localhost.evil.example"},
]


def test_without_keys_no_page_of_another_site_is_served(api: Site) -> None:
    for headers in FOREIGN:
        assert status(api, **headers) == 403


CHANGES: list[Callable[[str], str]] = [str.upper, lambda key: key[:-1], lambda key: key + "a", lambda key: key[3:]]


def test_a_key_that_is_nearly_right_is_wrong(api: Site) -> None:
    right = api.key()["Authorization"].removeprefix("Bearer ")
    assert status(api, Authorization=f"Bearer {right}") == 200
    for change in CHANGES:
        assert status(api, Authorization=f"Bearer {change(right)}") == 401
    assert status(api, Authorization=f"Basic {right}") == 401


NO_KEYS = ["ms_", "ms__", "ms_\x00_x", "ms_é_x", "", "ms_" + "a" * 10_000, "ms_a'--_x"]


def test_no_text_for_a_key_makes_trouble(api: Site) -> None:
    for given in NO_KEYS:
        assert keys.find_key(api.database, given) is None


def test_a_key_ends_at_its_time_and_stores_no_secret(api: Site) -> None:
    key, _ = keys.create_key(api.database, owner="ada", scopes=(), expires_in_seconds=-1.0)
    assert keys.find_key(api.database, key) is None
    with api.database.read() as connection:
        stored = connection.exec_driver_sql("SELECT * FROM api_key").all()
    assert key.rpartition("_")[2] not in repr(stored)


def test_a_key_has_its_requests_a_minute_and_is_told_so(api: Site) -> None:
    busy, other = api.key("ada", requests_per_minute=2), api.key("ada")
    answers = [api.client.get("/v1/jobs", headers=busy) for _ in range(3)]
    assert [answer.status_code for answer in answers] == [200, 200, 429]
    assert answers[0].headers["RateLimit-Policy"] == '"requests";q=2;w=60'
    assert answers[0].headers["RateLimit"].startswith('"requests";r=1;t=')
    assert 1 <= int(answers[2].headers["Retry-After"]) <= 30
    assert answers[2].json()["retryable"] is True
    assert api.client.get("/v1/jobs", headers=other).status_code == 200


def test_health_and_the_document_are_open_to_all(api: Site) -> None:
    api.key()
    for path in ("/livez", "/readyz", "/openapi.json"):
        assert api.client.get(path).status_code == 200


def test_every_refusal_is_a_problem_document(api: Site) -> None:
    """Those of the framework too; and each names its request."""
    large = b" " * (api.parts.settings.api_max_body_bytes + 1)
    as_json = {"Content-Type": "application/json"}
    refusals = {
        404: api.client.get("/v1/nothing"),
        405: api.client.delete("/v1/jobs"),
        413: api.client.post("/v1/jobs", content=large, headers=as_json),
        415: api.client.post("/v1/jobs", content=b"kind=caption", headers={"Content-Type": "application/x-www-form-urlencoded"}),
        400: api.client.post("/v1/jobs", content=b"{", headers=as_json),
        422: api.client.post("/v1/jobs", json={"kind": "caption"}),
    }  # fmt: skip
    for code, answer in refusals.items():
        assert answer.status_code == code
        assert answer.headers["Content-Type"] == "application/problem+json"
        problem = answer.json()
        assert problem["status"] == code
        assert problem["request_id"] == answer.headers["X-Request-Id"]
    assert refusals[405].headers["Allow"] == "GET, POST"
    assert json.loads(refusals[422].text)["errors"][0]["field"] == "source"


def test_a_request_id_is_taken_over_if_it_is_one(api: Site) -> None:
    assert api.client.get("/livez", headers={"X-Request-Id": "a-1"}).headers["X-Request-Id"] == "a-1"
    assert api.client.get("/livez", headers={"X-Request-Id": "a b\t"}).headers["X-Request-Id"].startswith("req_")
