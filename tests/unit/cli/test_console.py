import json

import pytest

from cli.console import as_json, emit_table, one_line, plain


@pytest.mark.parametrize("hostile", ["\x1b[2J", "\x9b2J", "\x07", "a\rb", "\u202egpj.exe"])
def test_nothing_printed_commands_the_terminal(hostile: str) -> None:
    assert not set(plain(hostile)) & set("\x1b\x9b\x07\r\u202e")


def test_text_is_left_as_it_is() -> None:
    assert plain("Grüße,\n\t東京 🚲") == "Grüße,\n\t東京 🚲"


def test_what_cannot_be_encoded_is_shown_all_the_same() -> None:
    assert plain("caf\udce9").encode()


def test_json_is_safe_to_print_and_reads_back() -> None:
    value = {"a": "\x1b[2J\x9b\x7f\u2028é"}
    text = as_json(value)
    assert text.isprintable()
    assert json.loads(text) == value


def test_long_text_is_cut_to_one_line() -> None:
    assert one_line("a  b\nc") == "a b c"
    assert one_line("x" * 50, width=10) == "x" * 9 + "…"


def test_a_table_is_tab_separated_where_nobody_looks(capsys: pytest.CaptureFixture[str]) -> None:
    emit_table(["a", "b"], [(1, "[red]x[/red]\ty")])
    assert capsys.readouterr().out == "a\tb\n1\t[red]x[/red] y\n"
