"""A tripwire of the proxy stops, cuts or tells of exactly the bytes that it was laid for."""

import threading
import time
from collections.abc import Iterator
from contextlib import closing

import psycopg
import pytest

from tests.integration.bare_sockets import SOCKET_SECONDS, Bare, bare_sockets, hears_nothing, is_reset, passes, read
from tests.services.embedded import eventually
from tests.services.postgres import PostgresServer
from tests.services.proxy import proxy


@pytest.fixture
def bare() -> Iterator[Bare]:
    with bare_sockets() as bare:
        yield bare


@pytest.fixture
def photos_url(postgres_url: str) -> str:
    """Address of a database with one empty table."""
    with connect(postgres_url) as connection:
        connection.execute("CREATE TABLE photos (number int)")
    return postgres_url


def connect(url: str) -> psycopg.Connection:
    return psycopg.connect(url.replace("postgresql+psycopg://", "postgresql://"))


def number(url: str, statement: str) -> int:
    with connect(url) as connection:
        row = connection.execute(statement.encode()).fetchone()
    assert row is not None
    return int(row[0])


def photos(url: str) -> int:
    return number(url, "SELECT count(*) FROM photos")


def others(url: str) -> int:
    """Connections to that database but for the one that asks."""
    return number(url, "SELECT count(*) - 1 FROM pg_stat_activity WHERE datname = current_database()")


# Commits


def test_a_held_commit_is_seen_by_nobody_until_it_is_released(postgres: PostgresServer, photos_url: str) -> None:
    with proxy(postgres.port) as way, connect(way.url(photos_url)) as writer:
        writer.execute("INSERT INTO photos VALUES (7)")
        trip = way.trip(b"COMMIT")
        thread = threading.Thread(target=writer.commit)
        thread.start()
        trip.wait()
        assert photos(photos_url) == 0
        assert thread.is_alive()
        trip.release()
        thread.join(SOCKET_SECONDS)
        assert photos(photos_url) == 1


def test_a_commit_that_is_cut_has_not_happened(postgres: PostgresServer, photos_url: str) -> None:
    with proxy(postgres.port) as way, closing(connect(way.url(photos_url))) as writer:
        trip = way.trip(b"COMMIT", then="cut")
        writer.execute("INSERT INTO photos VALUES (7)")
        with pytest.raises(psycopg.OperationalError):
            writer.commit()
        trip.wait()
        eventually(lambda: others(photos_url) == 0, "the server has given up the connection")
        assert photos(photos_url) == 0


def test_a_commit_that_is_cut_after_has_happened_and_its_client_cannot_know(
    postgres: PostgresServer, photos_url: str
) -> None:
    with proxy(postgres.port) as way, closing(connect(way.url(photos_url))) as writer:
        trip = way.trip(b"COMMIT", then="cut_after")
        writer.execute("INSERT INTO photos VALUES (7)")
        with pytest.raises(psycopg.OperationalError):
            writer.commit()
        trip.wait()
        assert photos(photos_url) == 1
        eventually(lambda: others(photos_url) == 0, "the server has given up the connection")


# What is done


def test_what_a_tripwire_holds_passes_neither_up_nor_down_until_its_release(bare: Bare) -> None:
    trip = bare.way.trip(b"stop")
    bare.client.sendall(b"stop")
    trip.wait()
    bare.client.sendall(b", and more")
    bare.peer.sendall(b"answer")
    assert hears_nothing(bare.peer)
    assert hears_nothing(bare.client)
    with bare.another() as (client, peer):
        assert passes(client, peer, b"stop"), "other connections go on"
    trip.release()
    assert read(bare.peer, 14) == b"stop, and more"
    assert read(bare.client, 6) == b"answer"


def test_a_held_connection_is_not_healed_with_the_way_but_can_be_cut(bare: Bare) -> None:
    trip = bare.way.trip(b"stop")
    bare.client.sendall(b"stop")
    trip.wait()
    bare.way.heal()
    assert hears_nothing(bare.peer)
    bare.way.cut()
    assert is_reset(bare.client)
    trip.release()


def test_a_cut_by_a_tripwire_loses_the_chunk_and_harms_no_other_connection(bare: Bare) -> None:
    with bare.another() as (client, peer):
        trip = bare.way.trip(b"photo", then="cut")
        bare.client.sendall(b"photo")
        trip.wait()
        assert trip.fired
        assert is_reset(bare.client)
        assert is_reset(bare.peer)
        assert passes(client, peer)


def test_what_is_cut_after_is_answered_but_the_sender_hears_only_a_reset(bare: Bare) -> None:
    trip = bare.way.trip(b"photo", then="cut_after")
    bare.client.sendall(b"photo")
    assert read(bare.peer, 5) == b"photo"
    bare.peer.sendall(b"answer")
    trip.wait()
    assert is_reset(bare.client)


def test_what_is_cut_after_reaches_even_a_server_that_does_not_answer_for_half_a_second(bare: Bare) -> None:
    trip = bare.way.trip(b"photo", then="cut_after")
    began = time.monotonic()
    bare.client.sendall(b"photo")
    assert is_reset(bare.client)
    assert time.monotonic() - began >= 0.5
    trip.wait()
    assert read(bare.peer, 5) == b"photo"
    assert bare.peer.recv(1) == b""


def test_what_is_dropped_is_lost_and_all_else_passes(bare: Bare) -> None:
    trip = bare.way.trip(b"photo", then="drop")
    bare.client.sendall(b"photo")
    trip.wait()
    assert passes(bare.client, bare.peer, b"sound")
    assert passes(bare.peer, bare.client)


def test_a_tripwire_can_tell_and_do_nothing(bare: Bare) -> None:
    trip = bare.way.trip(b"photo", then="pass")
    assert passes(bare.client, bare.peer)
    trip.wait()
    assert passes(bare.peer, bare.client)


# What trips


def test_a_tripwire_sees_a_pattern_that_comes_in_two_chunks(bare: Bare) -> None:
    trip = bare.way.trip(b"COMMIT", then="cut")
    assert passes(bare.client, bare.peer, b"; COM")
    assert not trip.fired
    bare.client.sendall(b"MIT;")
    trip.wait()
    assert is_reset(bare.peer)


def test_a_tripwire_trips_at_the_nth_time_over_all_connections_and_only_once(bare: Bare) -> None:
    trip = bare.way.trip(b"x", nth=4, then="drop")
    with bare.another() as (client, peer):
        assert passes(bare.client, bare.peer, b"xx")
        assert passes(client, peer, b"x-")
        assert passes(client, peer, b"-")
        assert not trip.fired
        bare.client.sendall(b"x is lost")
        trip.wait()
        assert passes(bare.client, bare.peer, b"x again")
        assert passes(client, peer, b"x")


def test_a_tripwire_can_watch_what_the_server_says(bare: Bare) -> None:
    trip = bare.way.trip(b"OK", direction="down", then="cut")
    assert passes(bare.client, bare.peer, b"OK")
    assert passes(bare.peer, bare.client, b"photo")
    bare.peer.sendall(b"OK")
    trip.wait()
    assert is_reset(bare.client)
    assert is_reset(bare.peer)


def test_of_two_tripwires_the_one_that_was_laid_first_acts_and_both_tell(bare: Bare) -> None:
    first = bare.way.trip(b"photo", then="drop")
    second = bare.way.trip(b"photo", then="cut")
    bare.client.sendall(b"photo")
    first.wait()
    second.wait()
    assert passes(bare.client, bare.peer, b"sound")


def test_nothing_passes_a_blackhole_to_a_tripwire(bare: Bare) -> None:
    trip = bare.way.trip(b"photo", then="cut")
    bare.way.blackhole()
    bare.client.sendall(b"photo")
    assert hears_nothing(bare.peer)
    assert not trip.fired
    bare.way.heal(reset=False)
    trip.wait()


def test_a_tripwire_that_was_taken_away_trips_nobody(bare: Bare) -> None:
    trip = bare.way.trip(b"photo", then="cut")
    trip.release()
    assert passes(bare.client, bare.peer)
    with pytest.raises(AssertionError, match=r"b'photo' was not seen on its way up"):
        trip.wait(0.01)
