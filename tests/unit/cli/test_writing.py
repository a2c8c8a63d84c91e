import signal
from collections.abc import Iterator
from pathlib import Path

import pytest

from cli.exits import CommandError
from cli.sidecars import write_sidecars
from cli.signals import Stop
from cli.writing import check_writable, write_whole
from tests.unit.cli.jobs import segment, transcript, view


def test_a_file_is_replaced_whole_or_not_at_all(tmp_path: Path) -> None:
    target = tmp_path / "results.jsonl"
    target.write_text("old")
    target.chmod(0o600)

    def broken() -> Iterator[str]:
        yield "new"
        raise RuntimeError

    with pytest.raises(RuntimeError):
        write_whole(target, broken())
    assert target.read_text() == "old"
    write_whole(target, ["new", "er"])
    assert target.read_text() == "newer"
    assert target.stat().st_mode & 0o777 == 0o600
    assert list(tmp_path.iterdir()) == [target]


def test_a_link_is_written_through(tmp_path: Path) -> None:
    (tmp_path / "link").symlink_to(tmp_path / "real")
    write_whole(tmp_path / "link", ["x"])
    assert (tmp_path / "link").is_symlink()
    assert (tmp_path / "real").read_text() == "x"


@pytest.mark.parametrize("name", ["results.txt", "results", "none/results.csv", "folder.csv"])
def test_an_output_that_cannot_be_is_refused_beforehand(tmp_path: Path, name: str) -> None:
    (tmp_path / "folder.csv").mkdir()
    with pytest.raises(CommandError, match="--out"):
        check_writable(str(tmp_path / name), endings=(".jsonl", ".csv"))


def test_a_sidecar_that_cannot_be_written_does_not_stop_the_others(tmp_path: Path) -> None:
    gone = view(source=str(tmp_path / "gone" / "a.jpg"))
    there = transcript(segment(0, 1, "Hello."))
    there = view(kind="transcribe", source=str(tmp_path / "talk.mp3"), output=there.output)
    written = write_sidecars([gone, there])
    assert written.count == 2
    assert [Path(path).name for path, _ in written.failed] == ["a.jpg.txt"]
    assert (tmp_path / "talk.mp3.txt").read_text() == "Hello.\n"


def test_signals_are_counted_and_given_back() -> None:
    before = signal.getsignal(signal.SIGINT)
    with Stop() as stop:
        assert not stop.asked
        signal.raise_signal(signal.SIGINT)
        assert (stop.asked, stop.at_once) == (True, False)
        stop.wait(60.0)
        signal.raise_signal(signal.SIGTERM)
        assert stop.at_once
    assert signal.getsignal(signal.SIGINT) is before
