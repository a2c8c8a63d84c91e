"""The same request makes its work once."""

import asyncio
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Any

from sqlalchemy.exc import IntegrityError

from models.store.receipts import forget_receipts
from models.store.singles import Single
from models.store.submit import NewJob
from tests.services.api import Site, item

if TYPE_CHECKING:
    from api.together import Together

KEY = {"Idempotency-Key": "k-1"}


def count(api: Site) -> int:
    total: int = api.client.get("/v1/stats").json()["total"]
    return total


def test_twenty_clients_at_once_with_one_key_make_one_job(api: Site) -> None:
    with ThreadPoolExecutor(20) as pool:
        answers = list(pool.map(lambda _: api.client.post("/v1/jobs", json=item(), headers=KEY), range(20)))
    assert {answer.status_code for answer in answers} == {202}
    assert len({answer.json()["id"] for answer in answers}) == 1
    assert sum("Idempotency-Replayed" not in answer.headers for answer in answers) == 1
    assert count(api) == 1


def test_of_twenty_clients_at_once_with_keys_of_their_own_one_bad_one_harms_no_other(api: Site) -> None:
    """One names an option that there is not, one has a key that was used for another request."""
    api.submit(99, {"Idempotency-Key": "used"})

    def ask(number: int) -> int:
        key, fields = {0: ("0", {"options": {"zoom": 1}}), 1: ("used", {})}.get(number, (str(number), {}))
        status: int = api.client.post(
            "/v1/jobs", json=item(number, **fields), headers={"Idempotency-Key": key}
        ).status_code
        return status

    with ThreadPoolExecutor(22) as pool:
        assert list(pool.map(ask, range(22))) == [422, 422, *[202] * 20]
    assert count(api) == 21


def test_a_job_that_cannot_be_stored_is_refused_without_those_that_came_with_it(api: Site) -> None:
    """None is known that gets so far: it is made by hand."""
    kinds: list[Any] = ["caption", None, "caption"]
    jobs = [NewJob(kind=kind, source="/a.jpg", model="m", lane="m", max_attempts=1) for kind in kinds]

    async def ask_together() -> list[Any]:
        together: Together = api.app.state.together
        asked = [together.ask(Single(owner="default", job=job)) for job in jobs]
        return await asyncio.gather(*asked, return_exceptions=True)

    assert api.client.portal is not None
    first, refused, last = api.client.portal.call(ask_together)
    assert isinstance(refused, IntegrityError)
    assert {job["id"] for job in api.client.get("/v1/jobs").json()["jobs"]} == {first.id, last.id}


def test_twenty_clients_at_once_with_one_key_make_one_batch(api: Site) -> None:
    body = {"items": [item(number) for number in range(3)]}
    with ThreadPoolExecutor(20) as pool:
        answers = list(pool.map(lambda _: api.client.post("/v1/batches", json=body, headers=KEY), range(20)))
    assert len({answer.text for answer in answers}) == 1
    assert count(api) == 3


def test_the_key_of_another_request_is_refused(api: Site) -> None:
    bodies = {"/v1/jobs": (item(1), item(2)), "/v1/batches": ({"items": [item(1)]}, {"items": [item(2)]})}
    for path, (first, second) in bodies.items():
        assert api.client.post(path, json=first, headers=KEY).status_code == 202
        refused = api.client.post(path, json=second, headers=KEY)
        assert (refused.status_code, refused.json()["code"]) == (422, "idempotency_key_reused")
    assert count(api) == 2


def test_what_is_refused_leaves_its_key_free(api: Site) -> None:
    assert api.client.post("/v1/jobs", json=item(options={"zoom": 1}), headers=KEY).status_code == 422
    assert api.client.post("/v1/jobs", json=item(), headers=KEY).status_code == 202


def test_a_key_may_be_quoted_and_must_be_visible(api: Site) -> None:
    ids = {api.submit(0, {"Idempotency-Key": key})["id"] for key in ("k-1", '"k-1"')}
    assert len(ids) == 1
    for key in ("", " ", "a" * 201, "a\tb"):
        assert api.client.post("/v1/jobs", json=item(), headers={"Idempotency-Key": key}).status_code == 400


def test_a_retry_with_a_key_is_done_once(api: Site) -> None:
    job = api.submit()
    assert api.client.post(f"/v1/jobs/{job['id']}/cancel").status_code == 200
    assert api.client.post(f"/v1/jobs/{job['id']}/cancel").status_code == 409
    again = [api.client.post(f"/v1/jobs/{job['id']}/retry", headers=KEY) for _ in range(2)]
    assert [answer.status_code for answer in again] == [202, 202]
    assert api.client.post(f"/v1/jobs/{job['id']}/retry").status_code == 409


def test_a_stream_sent_again_makes_what_is_missing(api: Site) -> None:
    """The first time it broke off after two items; another item at a known place is refused."""
    items = [item(number) for number in range(4)]
    first = api.stream(items[:2], KEY).json()
    whole = api.stream(items, KEY).json()
    assert (whole["batch"], whole["accepted"], count(api)) == (first["batch"], 4, 4)
    changed = api.stream([item(99), *items[1:]], KEY).json()
    assert (changed["accepted"], changed["refusals"][0]["code"]) == (3, "idempotency_key_reused")
    assert count(api) == 4


def test_receipts_are_forgotten_in_time(api: Site) -> None:
    api.submit(0, KEY)
    assert forget_receipts(api.database) == 0
    assert forget_receipts(api.database, older_than_seconds=-1.0) == 1
    api.submit(0, KEY)
    assert count(api) == 2
