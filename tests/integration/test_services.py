"""The servers that other tests rely on are real, apart from each other, and can be killed and brought back."""

import signal
from pathlib import Path

import psutil
import psycopg
import pytest
import redis as redis_py

from tests.services.postgres import PostgresServer, postgres_server
from tests.services.process import ServerFailedError
from tests.services.redis import RedisServer, redis_server


def connect(url: str) -> psycopg.Connection:
    return psycopg.connect(url.replace("postgresql+psycopg://", "postgresql://"), autocommit=True)


def test_a_test_gets_an_empty_postgresql_of_its_own_over_tcp(postgres: PostgresServer, postgres_url: str) -> None:
    other_url = postgres.create_database()
    with connect(postgres_url) as mine, connect(other_url) as other:
        mine.execute("CREATE TABLE seen ()")
        assert other.execute("SELECT to_regclass('seen')").fetchone() == (None,)
        assert other.execute("SELECT inet_server_addr()::text").fetchone() == ("127.0.0.1/32",)
    postgres.drop_database(other_url)


def test_a_database_can_be_copied_from_a_template(postgres: PostgresServer, postgres_url: str) -> None:
    with connect(postgres_url) as original:
        original.execute("CREATE TABLE photos AS SELECT 7 AS number")
    copy_url = postgres.create_database(template=postgres_url)
    with connect(copy_url) as copy:
        assert copy.execute("SELECT number FROM photos").fetchone() == (7,)
    postgres.drop_database(copy_url)


def test_dropping_a_database_cuts_whoever_is_connected(postgres: PostgresServer) -> None:
    url = postgres.create_database()
    with connect(url) as connection:
        postgres.drop_database(url)
        with pytest.raises(psycopg.OperationalError):
            connection.execute("SELECT 1")


def test_postgresql_keeps_what_was_committed_when_it_is_killed_at_work() -> None:
    with postgres_server() as server:
        url = server.create_database()
        first_pid = server.pid
        with connect(url) as connection:
            connection.execute("CREATE TABLE photos AS SELECT 7 AS number")
            server.kill()
            assert not psutil.pid_exists(first_pid)
            with pytest.raises(psycopg.OperationalError):
                connection.execute("SELECT 1")
        server.start()
        assert server.pid != first_pid
        with connect(url) as connection:
            assert connection.execute("SELECT number FROM photos").fetchone() == (7,)


def test_postgresql_takes_settings() -> None:
    with postgres_server({"fsync": "on"}) as server, connect(server.url) as connection:
        assert connection.execute("SHOW fsync").fetchone() == ("on",)


@pytest.mark.long
def test_postgresql_leaves_no_process_and_no_file_behind() -> None:
    with postgres_server() as server, connect(server.url) as connection:
        row = connection.execute("SHOW data_directory").fetchone()
        assert row is not None
        data = Path(row[0])
        pid = server.pid
        assert data.is_dir()
    assert not psutil.pid_exists(pid)
    assert not data.parent.exists()


def test_a_test_gets_an_empty_redis_database_of_its_own(redis: RedisServer, redis_url: str) -> None:
    with redis_py.Redis.from_url(redis_url) as mine, redis_py.Redis.from_url(redis.url) as other:
        assert mine.keys() == []
        mine.set("photo", "7")
        assert other.get("photo") is None


def test_a_redis_database_that_comes_round_again_is_empty(redis: RedisServer, redis_url: str) -> None:
    number = int(redis_url.rpartition("/")[2])
    with redis_py.Redis.from_url(redis_url) as client:
        client.set("photo", "7")
        redis.empty_database(number)
        assert client.get("photo") is None


def test_redis_comes_back_empty_on_the_same_port_with_another_process_when_it_was_killed() -> None:
    with redis_server() as server, redis_py.Redis.from_url(server.url) as client:
        first_pid, port = server.pid, server.port
        client.set("photo", "7")
        server.kill()
        assert not psutil.pid_exists(first_pid)
        with pytest.raises(redis_py.ConnectionError):
            client.ping()
        server.start()
        assert (server.port, server.pid != first_pid) == (port, True)
        assert client.get("photo") is None


def test_redis_keeps_its_data_over_a_stop_when_its_config_says_so() -> None:
    with redis_server(config={"appendonly": "yes"}) as server, redis_py.Redis.from_url(server.url) as client:
        client.set("photo", "7")
        server.stop()
        server.start()
        assert client.get("photo") == b"7"


def test_every_redis_database_can_be_emptied_at_once() -> None:
    with redis_server() as server, redis_py.Redis.from_url(server.database_url(3)) as client:
        client.set("photo", "7")
        server.flushall()
        assert client.get("photo") is None


def test_a_paused_server_answers_nothing_until_it_is_resumed() -> None:
    with redis_server() as server, redis_py.Redis.from_url(server.url, socket_timeout=0.2, retry=None) as client:
        server.pause()
        with pytest.raises(redis_py.TimeoutError):
            client.ping()
        server.resume()
        assert client.ping()


def test_a_paused_server_can_be_stopped() -> None:
    with redis_server() as server:
        pid = server.pid
        server.pause()
        server.stop()
        assert not psutil.pid_exists(pid)


def test_a_server_that_does_not_start_shows_the_end_of_its_log(redis: RedisServer) -> None:
    with pytest.raises(ServerFailedError, match="Address already in use"), redis_server(port=redis.port):
        pass


def test_a_server_that_died_by_itself_can_be_started_again() -> None:
    with redis_server() as server:
        process = psutil.Process(server.pid)
        process.send_signal(signal.SIGKILL)
        process.wait(10)
        assert not server.is_running
        server.start()
        assert server.is_running
