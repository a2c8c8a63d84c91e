"""The sound track that was meant is the one that is heard."""

from pathlib import Path

import pytest
from av.stream import Disposition

from media.audio import Recording, RecordingLimits, SoundWish, prepare_recording
from media.language_codes import same_language
from models.failures import FailureCode, FailureError
from tests.unit.media.sounds import SoundTrack, heard, loudness, silence, tone, write_tracks

GERMAN = SoundTrack(samples=tone(3), codec="flac", language="ger")
ENGLISH = SoundTrack(samples=silence(1) + tone(2), codec="flac", language="eng", disposition=Disposition.default)


def film(folder: Path, *tracks: SoundTrack) -> Path:
    return write_tracks(folder / "a.mkv", "matroska", *tracks)


def prepared(path: Path, track: int | str | None = None) -> Recording:
    return prepare_recording(str(path), str(path.parent), RecordingLimits(), SoundWish(track=track))


def test_the_default_track_is_heard(tmp_path: Path) -> None:
    recording = prepared(film(tmp_path, GERMAN, ENGLISH))
    assert (recording.track, recording.tracks, recording.track_language) == (2, 2, "eng")
    assert loudness(heard(recording.clips[0].path)[:4_000]) == 0


@pytest.mark.parametrize("wish", [1, "ger", "deu", "de", "DE", "de-AT"])
def test_a_track_is_chosen_by_number_or_language(tmp_path: Path, wish: int | str) -> None:
    recording = prepared(film(tmp_path, GERMAN, ENGLISH), wish)
    assert (recording.track, recording.tracks, recording.track_language) == (1, 2, "ger")
    assert loudness(heard(recording.clips[0].path)[:4_000]) > 1_000


@pytest.mark.parametrize("wish", [0, 3, -1, "fr", ""])
def test_a_track_that_is_not_there_is_refused_with_those_that_are(tmp_path: Path, wish: int | str) -> None:
    with pytest.raises(FailureError, match=r"1 \(ger\), 2 \(eng\)") as raised:
        prepared(film(tmp_path, GERMAN, ENGLISH), wish)
    assert raised.value.failure.code == FailureCode.INVALID_OPTIONS


@pytest.mark.parametrize("kind", [Disposition.comment, Disposition.visual_impaired, Disposition.hearing_impaired])
def test_a_commentary_is_not_taken_for_the_film(tmp_path: Path, kind: Disposition) -> None:
    comment = SoundTrack(samples=tone(3), codec="flac", disposition=kind | Disposition.default)
    assert prepared(film(tmp_path, comment, GERMAN)).track == 2
    assert prepared(film(tmp_path, comment)).track == 1


def test_a_track_that_can_be_decoded_is_preferred(tmp_path: Path) -> None:
    path = film(tmp_path, SoundTrack(samples=tone(3), codec="pcm_s16le"), SoundTrack(samples=tone(3), codec="flac"))
    path.write_bytes(path.read_bytes().replace(b"A_PCM/INT/LIT", b"A_NONE/INT/LIT"[:13]))
    assert prepared(path).track == 2


def test_too_many_tracks_are_refused(tmp_path: Path) -> None:
    path = film(tmp_path, GERMAN, ENGLISH)
    with pytest.raises(FailureError) as raised:
        prepare_recording(str(path), str(tmp_path), RecordingLimits(max_tracks=1))
    assert raised.value.failure.code == FailureCode.MEDIA_UNSUPPORTED


@pytest.mark.parametrize(("one", "other"), [("de", "ger"), ("zh", "chi"), ("zh-Hant", "zho"), ("fr_CA", "fre"), ("cy", "wel"), ("xxx", "xxx")])  # fmt: skip
def test_marks_of_one_language_are_the_same(one: str, other: str) -> None:
    assert same_language(one, other)
    assert same_language(other, one)


@pytest.mark.parametrize(("one", "other"), [("de", "eng"), ("de", None), ("da", "dan2"), ("und", None)])
def test_marks_of_other_languages_are_not(one: str, other: str | None) -> None:
    assert not same_language(one, other)
