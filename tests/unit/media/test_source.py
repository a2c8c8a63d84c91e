"""Only regular, bounded, unchanging files on this machine come in."""

import hashlib
import os
import pwd
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from media.source import LocalFile, check_unchanged, open_local
from models.failures import FailureCode, FailureError
from tests.unit.media.pictures import encoded, scene


@pytest.fixture
def picture(tmp_path: Path) -> Path:
    path = tmp_path / "a picture ü.txt"
    path.write_bytes(encoded(scene(), "PNG"))
    return path


def refused(source: object, max_bytes: int = 10**6) -> FailureError:
    with pytest.raises(FailureError) as raised:
        open_local(str(source), max_bytes=max_bytes)
    return raised.value


def code_of(source: object, max_bytes: int = 10**6) -> FailureCode:
    return refused(source, max_bytes).failure.code


def test_path_and_url_give_size_hash_and_type(picture: Path) -> None:
    data = picture.read_bytes()
    by_path, by_url = (open_local(name, max_bytes=10**6) for name in (str(picture), picture.as_uri()))
    assert by_path == by_url
    assert isinstance(by_path, LocalFile)
    assert by_path.path == picture
    assert by_path.size_bytes == len(data)
    assert by_path.sha256 == hashlib.sha256(data).hexdigest()
    assert by_path.media_type.name == "png"


def test_hash_covers_files_of_many_reads(tmp_path: Path) -> None:
    data = encoded(scene(), "PNG") + os.urandom(2_500_000)
    (tmp_path / "a.png").write_bytes(data)
    assert open_local(str(tmp_path / "a.png"), max_bytes=10**7).sha256 == hashlib.sha256(data).hexdigest()


@pytest.mark.parametrize("name", ["missing.jpg", "missing/a.jpg", "a\0b.jpg", "x" * 5000])
def test_missing_files_are_not_found(tmp_path: Path, name: str) -> None:
    assert code_of(f"{tmp_path}/{name}") == FailureCode.SOURCE_NOT_FOUND


def test_folders_pipes_and_devices_are_forbidden(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    for name in (tmp_path, tmp_path / "pipe", "/dev/zero"):
        assert code_of(name) == FailureCode.SOURCE_FORBIDDEN


@contextmanager
def nobody_special() -> Iterator[None]:
    """Without the superuser's right to read everything, where the tests run as such."""
    if os.geteuid() != 0:
        yield
        return
    os.seteuid(pwd.getpwnam("nobody").pw_uid)
    try:
        yield
    finally:
        os.seteuid(0)


def test_unreadable_file_is_forbidden(picture: Path) -> None:
    picture.chmod(0)
    with nobody_special():
        assert code_of(picture) == FailureCode.SOURCE_FORBIDDEN


@pytest.mark.parametrize("url", ["https://u:secret@host/a.jpg?sig=secret", "file://host/a"])
def test_remote_sources_are_forbidden_without_telling_secrets(url: str) -> None:
    error = refused(url)
    assert error.failure.code == FailureCode.SOURCE_FORBIDDEN
    assert "not on this machine" in error.failure.message
    assert "secret" not in error.failure.message


def test_empty_and_large_files_are_refused(tmp_path: Path, picture: Path) -> None:
    (tmp_path / "empty.jpg").touch()
    assert code_of(tmp_path / "empty.jpg") == FailureCode.MEDIA_EMPTY
    size_bytes = picture.stat().st_size
    assert code_of(picture, size_bytes - 1) == FailureCode.MEDIA_TOO_LARGE
    assert open_local(str(picture), max_bytes=size_bytes).size_bytes == size_bytes


def test_what_is_no_media_is_named(tmp_path: Path) -> None:
    path = tmp_path / "photo.jpg"
    path.write_bytes(b"<html><body>404</body></html>")
    error = refused(path)
    assert error.failure.code == FailureCode.MEDIA_UNSUPPORTED
    assert "photo.jpg" in error.failure.message
    assert "an HTML page" in error.failure.message


@pytest.mark.parametrize("change", ["grows", "shrinks", "is rewritten"])
def test_file_that_changes_while_read_is_refused(picture: Path, change: str, monkeypatch: pytest.MonkeyPatch) -> None:
    real = hashlib.sha256
    data = picture.read_bytes()

    def change_then_hash() -> object:
        picture.write_bytes({"grows": data + b"more", "shrinks": data[:-9], "is rewritten": data[::-1]}[change])
        os.utime(picture, ns=(1, 1))
        return real()

    monkeypatch.setattr(hashlib, "sha256", change_then_hash)
    assert code_of(picture) == FailureCode.SOURCE_CHANGED


def test_a_file_that_was_replaced_since_it_was_read_is_told(picture: Path) -> None:
    file = open_local(str(picture), max_bytes=1_000_000)
    check_unchanged(file)
    os.utime(picture, ns=(1, 1))
    with pytest.raises(FailureError) as raised:
        check_unchanged(file)
    assert raised.value.failure.code is FailureCode.SOURCE_CHANGED
    picture.unlink()
    with pytest.raises(FailureError) as raised:
        check_unchanged(file)
    assert raised.value.failure.code is FailureCode.SOURCE_NOT_FOUND
