from cli.keys import ScopeChoice
from cli.serve import is_loopback
from models.api_key import KeyScope


def test_the_command_line_knows_every_scope() -> None:
    assert {choice.value for choice in ScopeChoice} == {scope.value for scope in KeyScope}


def test_only_what_no_other_machine_reaches_is_a_loopback() -> None:
    assert all(map(is_loopback, ("127.0.0.1", "127.8.8.8", "::1", "localhost")))
    assert not any(map(is_loopback, ("0.0.0.0", "::", "192.168.0.1", "", "example.org", "127.0.0.1.example.org")))  # noqa: S104 - not listened on
