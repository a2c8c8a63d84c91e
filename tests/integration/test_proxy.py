"""The proxy of the fault tests carries, slows and breaks connections as it says, and leaves nothing behind."""

import contextlib
import gc
import random
import socket
import threading
import time
from collections.abc import Iterator
from contextlib import ExitStack

import psutil
import pytest
import redis as redis_py

from tests.integration.bare_sockets import (
    MOMENT_SECONDS,
    SOCKET_SECONDS,
    Bare,
    bare_sockets,
    hears_nothing,
    is_reset,
    passes,
    read,
    reset,
)
from tests.services.embedded import eventually
from tests.services.process import LOOPBACK, free_port
from tests.services.proxy import proxy
from tests.services.redis import RedisServer


@pytest.fixture
def bare() -> Iterator[Bare]:
    with bare_sockets() as bare:
        yield bare


# Carrying


def test_an_address_is_the_same_by_way_of_the_proxy_but_for_the_port() -> None:
    with proxy(6379) as way:
        assert way.url("redis://127.0.0.1:6379/3") == f"redis://127.0.0.1:{way.port}/3"
        through = f"postgresql+psycopg://me:secret@127.0.0.1:{way.port}/jobs?sslmode=disable"
        assert way.url("postgresql+psycopg://me:secret@127.0.0.1:6379/jobs?sslmode=disable") == through
        with pytest.raises(ValueError, match="does not lead to"):
            way.url("redis://127.0.0.1:6380/3")


def test_bytes_pass_unchanged_and_in_order_both_ways_at_once(bare: Bare) -> None:
    seed = random.randrange(2**32)
    print(f"seed {seed}")
    up, down = (random.Random(seed + number).randbytes(3_000_000) for number in range(2))
    received: list[bytes] = []
    threads = [
        threading.Thread(target=bare.client.sendall, args=(up,)),
        threading.Thread(target=bare.peer.sendall, args=(down,)),
        threading.Thread(target=lambda: received.append(read(bare.client, len(down)))),
    ]
    for thread in threads:
        thread.start()
    assert read(bare.peer, len(up)) == up
    for thread in threads:
        thread.join(SOCKET_SECONDS)
    assert received == [down]


def test_one_direction_can_be_closed_while_the_other_goes_on(bare: Bare) -> None:
    bare.client.shutdown(socket.SHUT_WR)
    assert bare.peer.recv(1) == b""
    assert passes(bare.peer, bare.client)
    bare.peer.close()
    assert bare.client.recv(1) == b""
    eventually(lambda: bare.way.connections == 0, "the connection is gone")


def test_a_reset_passes_as_a_reset_both_ways(bare: Bare) -> None:
    reset(bare.client)
    assert is_reset(bare.peer)
    with bare.another() as (client, peer):
        reset(peer)
        assert is_reset(client)


def test_a_client_is_reset_when_nothing_listens_behind_the_proxy() -> None:
    def call(port: int) -> None:  # the reset comes as early as it connects, or when it reads
        with socket.create_connection((LOOPBACK, port), timeout=SOCKET_SECONDS) as client:
            client.recv(1)

    with proxy(free_port()) as way, pytest.raises(ConnectionResetError):
        call(way.port)


def test_two_hundred_connections_pass_at_once(redis: RedisServer, redis_url: str) -> None:
    with proxy(redis.port) as way, ExitStack() as stack:
        clients = [redis_py.Redis.from_url(way.url(redis_url), single_connection_client=True) for _ in range(200)]
        for number, client in enumerate(clients):
            stack.enter_context(client)
            client.set(f"photo-{number}", number)
        assert way.connections == way.opened == 200
        found = [client.get(f"photo-{number}") for number, client in enumerate(clients)]
        assert found == [str(number).encode() for number in range(200)]
        stack.close()
        eventually(lambda: way.connections == 0, "all connections are gone")
        assert way.opened == 200


# Blackholes


def test_nothing_passes_a_blackhole_and_nobody_is_told(bare: Bare) -> None:
    bare.way.blackhole()
    bare.client.sendall(b"up")
    bare.peer.sendall(b"down")
    with bare.dial() as newcomer:
        newcomer.sendall(b"new")
        assert [hears_nothing(end) for end in (newcomer, bare.client, bare.peer)] == [True] * 3
        bare.server.settimeout(MOMENT_SECONDS)
        with pytest.raises(TimeoutError):
            bare.server.accept()
    assert bare.way.connections == 2


@pytest.mark.parametrize("end", [socket.socket.close, reset])
def test_the_end_of_a_client_passes_no_blackhole_until_it_is_healed(bare: Bare, end: object) -> None:
    assert callable(end)
    bare.way.blackhole()
    end(bare.client)
    assert hears_nothing(bare.peer)
    bare.way.heal(reset=False)
    assert is_reset(bare.peer) == (end is reset)


def test_a_healed_blackhole_has_reset_its_connections_and_lets_new_ones_pass(bare: Bare) -> None:
    bare.way.blackhole()
    bare.client.sendall(b"lost")
    bare.way.heal()
    assert is_reset(bare.client)
    assert is_reset(bare.peer)
    with bare.another() as (client, peer):
        assert passes(client, peer)


def test_a_blackhole_can_be_healed_so_that_what_was_held_back_flows_on(bare: Bare) -> None:
    bare.way.blackhole()
    bare.client.sendall(b"late")
    with bare.dial() as newcomer:
        newcomer.sendall(b"new")
        bare.way.heal(reset=False)
        assert read(bare.peer, 4) == b"late"
        with bare.accept() as peer:
            assert read(peer, 3) == b"new"
    assert passes(bare.peer, bare.client)


def test_a_stream_that_is_under_way_stops_in_a_blackhole(bare: Bare) -> None:
    bare.client.settimeout(MOMENT_SECONDS)
    with contextlib.suppress(TimeoutError):
        while True:  # until every buffer on the way is full
            bare.client.send(bytes(65_536))
    bare.way.blackhole()
    bare.peer.settimeout(MOMENT_SECONDS)
    with contextlib.suppress(TimeoutError):
        while bare.peer.recv(1_000_000):
            pass
    bare.peer.settimeout(SOCKET_SECONDS)
    bare.way.heal(reset=False)
    assert read(bare.peer, 1) == b"\0"


def test_a_redis_client_times_out_in_a_blackhole_and_recovers_when_it_is_healed(
    redis: RedisServer, redis_url: str
) -> None:
    with (
        proxy(redis.port) as way,
        redis_py.Redis.from_url(way.url(redis_url), socket_timeout=0.3, retry=None) as client,
    ):
        client.set("photo", "7")
        way.blackhole()
        with pytest.raises(redis_py.TimeoutError):
            client.get("photo")
        way.heal()
        assert client.get("photo") == b"7"


# Cuts, refusals and delays


def test_a_cut_resets_both_sides_of_every_connection_and_new_ones_pass(bare: Bare) -> None:
    with bare.another() as (client, peer):
        bare.way.cut()
        assert bare.way.connections == 0
        assert [is_reset(end) for end in (bare.client, bare.peer, client, peer)] == [True] * 4
    with bare.another() as (client, peer):
        assert passes(client, peer)


def test_a_cut_meets_clients_that_have_only_just_connected(bare: Bare) -> None:
    for _ in range(20):
        with bare.dial() as client:
            bare.way.cut()
            assert is_reset(client)


def test_a_refusing_way_resets_all_and_refuses_new_ones_until_it_is_healed(bare: Bare) -> None:
    for _ in range(2):
        bare.way.refuse()
        with pytest.raises(ConnectionRefusedError):
            bare.dial()
    assert is_reset(bare.client)
    assert is_reset(bare.peer)
    bare.way.heal()
    with bare.another() as (client, peer):
        assert passes(client, peer)


def test_each_chunk_of_a_slow_way_is_late(bare: Bare) -> None:
    bare.way.slow(MOMENT_SECONDS)
    began = time.monotonic()
    assert passes(bare.client, bare.peer)
    assert passes(bare.peer, bare.client)
    assert time.monotonic() - began >= 2 * MOMENT_SECONDS


def test_a_slow_way_is_quick_again_at_once_even_for_what_it_delays(bare: Bare) -> None:
    bare.way.slow(1_000)
    bare.client.sendall(b"stuck")
    assert hears_nothing(bare.peer)
    bare.way.slow(0)
    assert read(bare.peer, 5) == b"stuck"
    bare.way.slow(1_000)
    bare.way.heal()
    assert passes(bare.client, bare.peer)


# The end


def test_nothing_is_left_when_the_block_ends() -> None:
    gc.collect()
    process = psutil.Process()
    before = (process.num_fds(), threading.active_count())
    with bare_sockets() as bare, ExitStack() as others:
        ends = [end for _ in range(10) for end in others.enter_context(bare.another())]
        with proxy(bare.server.getsockname()[1]) as way:
            held = [
                others.enter_context(socket.create_connection((LOOPBACK, way.port), timeout=SOCKET_SECONDS))
                for _ in range(3)
            ]
            trip = way.trip(b"stop")
            held[0].sendall(b"stop")
            trip.wait()
            way.slow(1_000)
            way.blackhole()
            held.append(others.enter_context(socket.create_connection((LOOPBACK, way.port), timeout=SOCKET_SECONDS)))
        assert way.connections == 0
        assert all(is_reset(end) for end in held)
        with pytest.raises(ConnectionRefusedError):
            socket.create_connection((LOOPBACK, way.port))
    assert len(ends) == 20
    gc.collect()  # what was not closed complains when it is collected
    assert (process.num_fds(), threading.active_count()) == before
