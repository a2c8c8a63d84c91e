import pytest

from cli.config import MASK, without_password


@pytest.mark.parametrize(
    "url",
    [
        "postgresql://ada:hunter2@db/jobs", "redis://:hunter2@cache:6379/0", "redis://user@x:hunter2@cache/0",
        "postgresql://db/jobs?password=hunter2", "ada:hunter2@db", "redis://[hunter2",
    ],
)  # fmt: skip
def test_no_password_is_shown(url: str) -> None:
    assert "hunter2" not in without_password(url)
    assert MASK in without_password(url)


@pytest.mark.parametrize("url", ["", "sqlite:///data/jobs.db", "redis://cache:6379/0", "http://127.0.0.1:8799"])
def test_an_address_without_a_secret_is_shown(url: str) -> None:
    assert without_password(url) == url
