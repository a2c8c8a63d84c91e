"""Accepting: all or nothing, every bad item named, and nothing from outside that a database could choke on."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from models.database import Database
from models.failures import FailureCode, FailureError
from models.store import queries
from models.store.queries import JobFilter
from models.store.submit import NewBatch, NewJob
from models.tier import ServiceTier
from tests.services.databases import migrated
from worker.environment import load_settings
from worker.submit import PRIORITIES, Item, RefusedError, accept, local_source, new_job

SETTINGS = load_settings(
    flags={"model": "the-default", "allow_unknown_prices": True}, environment={}, dotenv=Path("/nowhere/.env")
).settings


def item(**changes: Any) -> Item:
    return Item(**{"kind": "caption", "source": "/media/cat.jpg"} | changes)


def made(**changes: Any) -> NewJob:
    return new_job(item(**changes), SETTINGS, owner="default")


@pytest.fixture
def database(tmp_path: Path) -> Iterator[Database]:
    opened = migrated(f"sqlite:///{tmp_path}/jobs.db")
    yield opened
    opened.close()


def test_a_job_takes_what_its_item_does_not_say_from_the_settings() -> None:
    job = made()
    assert (job.model, job.lane, job.max_attempts) == ("the-default", "the-default", SETTINGS.max_attempts)
    assert made(model="another").lane == "another"


@pytest.mark.parametrize(
    ("named", "lane"), [("standard", "the-default"), ("flex", "the-default:flex"), (None, "the-default:flex")]
)
def test_a_job_s_lane_is_its_model_in_the_tier_that_it_or_the_settings_name(named: str | None, lane: str) -> None:
    settings = SETTINGS.model_copy(update={"service_tier": ServiceTier.FLEX})
    assert new_job(item(service_tier=named), settings, owner="default").lane == lane


def test_economy_is_refused_where_vertex_is_asked() -> None:
    environment = {"GOOGLE_GENAI_USE_VERTEXAI": "true", "GOOGLE_CLOUD_PROJECT": "p"}
    settings = load_settings(environment=environment, dotenv=Path("/nowhere/.env")).settings
    with pytest.raises(FailureError, match="service_tier economy is not offered with Vertex AI"):
        new_job(item(service_tier="economy"), settings, owner="default")


@pytest.mark.parametrize(
    ("changes", "field", "words"),
    [
        ({"service_tier": "cheap"}, "service_tier", "must be standard or flex or economy, not 'cheap'"),
        ({"service_tier": ""}, "service_tier", "must be standard"),
        ({"service_tier": "FLEX"}, "service_tier", "must be standard"),
        ({"service_tier": "priority"}, "service_tier", "must be standard"),
        (
            {"service_tier": "economy", "model": "gemini-3.5-transcribe", "kind": "transcribe"},
            "service_tier",
            "economy is not offered for gemini-3.5-transcribe; it has standard",
        ),
        (
            {"service_tier": "flex", "model": "gemini-3.5-transcribe", "kind": "transcribe"},
            "service_tier",
            "flex is not offered for gemini-3.5-transcribe; it has standard",
        ),
        ({"model": "gemini-3.8-flash:flex"}, "model", "ends with the name of a service tier"),
    ],
)
def test_a_tier_that_cannot_be_is_refused_with_the_field_named(changes: dict[str, Any], field: str, words: str) -> None:
    with pytest.raises(FailureError, match=words) as caught:
        made(**changes)
    assert caught.value.failure.code is FailureCode.INVALID_OPTIONS
    assert caught.value.failure.detail["field"] == field


def test_the_tier_is_no_part_of_what_is_asked() -> None:
    assert made(service_tier="flex").options == made().options


def test_options_are_stored_as_they_differ_from_the_defaults() -> None:
    assert made(options={"max_tags": 10, "language": "de"}).options == {"language": "de"}


@pytest.mark.parametrize(
    ("changes", "field"),
    [
        ({"kind": "summarise"}, "kind"),
        ({"source": ""}, "source"),
        ({"source": "a\x00b"}, "source"),
        ({"source": "caf\udce9.jpg"}, "source"),
        ({"source": "ftp://example.com/cat.jpg"}, "source"),
        ({"source": "https://example.com:22/cat.jpg"}, "source"),
        ({"source": "http://169.254.169.254/latest/meta-data"}, "source"),
        ({"source": "http://localhost/cat.jpg"}, "source"),
        ({"source": "http://2130706433/cat.jpg"}, "source"),
        ({"source": "https://example.com/" + "c" * 9_000}, "source"),
        ({"source": "s3://b/"}, "source"),
        ({"source": "s3://bucket/a/../b.jpg"}, "source"),
        ({"source": "HTTP://[::1/cat.jpg"}, "source"),
        ({"options": {"max_tags": 99}}, "max_tags"),
        ({"options": {"tags": 1}}, "tags"),
        ({"model": "m" * 201}, "model"),
        ({"client_ref": "c" * 201}, "client_ref"),
        ({"priority": PRIORITIES.stop}, "priority"),
        ({"priority": PRIORITIES.start - 1}, "priority"),
    ],
)
def test_what_cannot_be_accepted_is_refused_and_the_field_is_named(changes: dict[str, Any], field: str) -> None:
    with pytest.raises(FailureError) as caught:
        made(**changes)
    assert caught.value.failure.code is FailureCode.INVALID_OPTIONS
    assert caught.value.failure.detail["field"] == field
    assert not caught.value.failure.retryable


@pytest.mark.parametrize(
    ("changes", "field"),
    [
        ({"model": "m\x00"}, "model"),
        ({"client_ref": "c\x00"}, "client_ref"),
        ({"client_ref": "c\ud83d"}, "client_ref"),
        ({"options": {"prompt": "a\x00b"}}, "prompt"),
        ({"metadata": {"note": "a\ud83d"}}, "metadata"),
        ({"idempotency_key": "k\x00"}, "idempotency_key"),
        ({"idempotency_key": "k" * 251}, "idempotency_key"),
    ],
)
def test_text_that_no_database_stores_is_refused_and_the_field_is_named(changes: dict[str, Any], field: str) -> None:
    with pytest.raises(FailureError) as caught:
        made(**changes)
    assert caught.value.failure.detail["field"] == field


@pytest.mark.parametrize(
    "source",
    [
        "https://example.com/cat.jpg?X-Amz-Signature=s",
        "http://user:pw@example.com:8080/a b.jpg",
        "s3://a-bucket/2026/cat?#1.jpg",
        "gs://a_bucket/cat.jpg",
        "az://container/cat.jpg",
    ],
)
def test_addresses_are_accepted_as_they_are_and_nobody_is_asked_about_them(source: str) -> None:
    assert made(source=source).source == source


def test_what_an_address_may_be_follows_the_settings_and_the_owner() -> None:
    settings = SETTINGS.model_copy(
        update={"allowed_hosts": "ours=10.0.0.0/8", "allowed_buckets": "ours=s3://a-bucket/in/", "outbound_ports": "81"}
    )
    for source in ("http://10.1.2.3:81/a.jpg", "s3://a-bucket/in/a.jpg"):
        assert new_job(item(source=source), settings, owner="ours").source == source
        with pytest.raises(FailureError, match="MEDIASCRIBE_ALLOWED_"):
            new_job(item(source=source), settings, owner="theirs")
    with pytest.raises(FailureError, match="MEDIASCRIBE_OUTBOUND_PORTS"):
        new_job(item(source="https://example.com/a.jpg"), settings, owner="ours")


@pytest.mark.parametrize(
    "source", ["/a/b.jpg", "file:///a/b.jpg", "a folder/photo #1?.jpg", "caf\u00e9.jpg", "C:/a.jpg", "a/b://c.jpg", "-"]
)
def test_paths_of_all_kinds_are_accepted(source: str) -> None:
    assert made(source=source).source == source


def test_one_bad_item_refuses_all_and_every_bad_one_is_named(database: Database) -> None:
    items = [item(), item(source=""), item(), item(kind="none")]
    with pytest.raises(RefusedError, match=r"^2 items .*\n  item 2: source .*\n  item 4: .*kind") as caught:
        accept(database, SETTINGS, NewBatch(name="b"), items)
    assert list(caught.value.problems) == [1, 3]
    assert caught.value.problems[3].detail["field"] == "kind"
    assert queries.list_jobs(database, JobFilter(), limit=10) == []


def test_what_is_wrong_with_many_items_alike_is_said_once(database: Database) -> None:
    items = [item(kind="transcribe", options={"words": True}) for _ in range(8)]
    with pytest.raises(RefusedError) as caught:
        accept(database, SETTINGS, NewBatch(name="b"), items)
    assert str(caught.value).count("gemini-3.5-transcribe") == 1
    assert str(caught.value).startswith("items 1, 2, 3, 4, 5 and 3 more: ")


def test_good_items_become_jobs_in_their_order(database: Database) -> None:
    items = [item(source=f"/{number}.jpg", metadata={"n": number}, client_ref=str(number)) for number in range(5)]
    submission = accept(database, SETTINGS, NewBatch(owner="o"), items)
    found = queries.get_jobs(database, submission.job_ids)
    jobs = [found[job_id] for job_id in submission.job_ids]
    assert [(job.source, job.metadata, job.client_ref, job.owner) for job in jobs] == [
        (f"/{number}.jpg", {"n": number}, str(number), "o") for number in range(5)
    ]


def test_a_path_is_stored_so_that_it_means_the_same_elsewhere(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("HOME", str(tmp_path / "somebody"))
    assert local_source("a/b.jpg") == f"{tmp_path}/a/b.jpg"
    assert local_source("~/b.jpg") == f"{tmp_path}/somebody/b.jpg"


def test_a_model_whose_price_nobody_knows_is_refused_with_both_ways_out(database: Database, tmp_path: Path) -> None:
    settings = SETTINGS.model_copy(update={"allow_unknown_prices": False})
    with pytest.raises(RefusedError, match=r"'gemini-9'.*MEDIASCRIBE_PRICES_FILE.*--allow-unknown-price") as caught:
        accept(database, settings, NewBatch(), [item(model="gemini-3.8-flash"), item(model="gemini-9")])
    assert {n: f.detail["field"] for n, f in caught.value.problems.items()} == {1: "model"}
    assert not queries.list_jobs(database, JobFilter(), limit=5)
    own = tmp_path / "prices.toml"
    own.write_text(
        '[[price]]\nmodel = "gemini-9"\nvalid_from = 2026-01-01\ninput = { default = 1.0 }\ncached = {}\n'
        'output = 1.0\nsource = "ours"\n'
    )
    known = settings.model_copy(update={"prices_file": own})
    assert accept(database, known, NewBatch(), [item(model="gemini-9")]).new
    assert accept(database, SETTINGS, NewBatch(), [item(model="gemini-9")]).new
