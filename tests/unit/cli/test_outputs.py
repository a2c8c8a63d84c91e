import csv
import io
import json

import pysubs2
import pytest

from models.state import JobState
from tests.unit.cli.jobs import CAPTION, segment, transcript, view
from worker.outputs import CSV_COLUMNS, csv_lines, json_pieces, jsonl_lines
from worker.plain_text import txt
from worker.subtitles import srt, vtt


def records(*views: object) -> list[dict[str, str]]:
    return list(csv.DictReader(io.StringIO("".join(csv_lines(views)), newline="")))  # type: ignore[arg-type]


def test_jsonl_is_one_job_a_line_whatever_it_says() -> None:
    hostile = view(output=CAPTION | {"caption": "two\nlines\u2028and more"})
    lines = list(jsonl_lines([view(), hostile]))
    assert [json.loads(line)["output"]["caption"] for line in lines] == ["A red house.", "two\nlines\u2028and more"]
    assert all(line.count("\n") == 1 for line in lines)


@pytest.mark.parametrize("count", [0, 1, 3])
def test_json_is_one_document(count: int) -> None:
    assert len(json.loads("".join(json_pieces([view()] * count)))["jobs"]) == count


def test_csv_flattens_captions_transcripts_and_failures() -> None:
    failed = view(state=JobState.FAILED, error_code="media_empty", error_message="x is empty", output=None)
    caption, talk, failure = records(view(), transcript(segment(0, 1, "Hello.")), failed)
    assert tuple(caption) == CSV_COLUMNS
    assert (caption["caption"], caption["tags"], caption["width"]) == ("A red house.", "house, red", "480")
    assert (talk["text"], talk["duration"]) == ("Hello.", "9.0")
    assert (failure["error_code"], failure["caption"]) == ("media_empty", "")


@pytest.mark.parametrize("text", ["=HYPERLINK(1)", "+1", "-1", "@x", "\tx"])
def test_a_spreadsheet_runs_no_cell(text: str) -> None:
    (record,) = records(view(output=CAPTION | {"caption": text}))
    assert record["caption"].startswith("'")


def test_a_caption_as_text_begins_with_the_caption() -> None:
    assert txt(view()) == "A red house.\n\nNo. 7\n"
    assert txt(view(output=CAPTION | {"text": ""})) == "A red house.\n"
    assert txt(view(output=None)) == ""


def test_speakers_are_named_where_there_are_several() -> None:
    one = transcript(segment(0, 1, "Hello.", "Speaker 1"), segment(1, 2, "Bye.", "Speaker 1"))
    two = transcript(segment(0, 1, "Hello.", "Speaker 1"), segment(1, 2, "Bye.", "Speaker 2"))
    assert txt(one) == "Hello. Bye.\n"
    assert txt(two) == "Speaker 1: Hello.\n\nSpeaker 2: Bye.\n"
    assert "Speaker 2: Bye." in srt(two)


def test_a_transcript_has_a_paragraph_for_each_turn_of_a_speaker_and_behind_each_pause() -> None:
    talk = transcript(
        segment(0, 1, "One.", "Anna"), segment(1, 2, "Two.", "Anna"), segment(2, 3, "Three.", "Ben"),
        segment(5, 6, "Four.", "Ben"), segment(6, 7, "五。", None), segment(7, 8, "六。", None),
    )  # fmt: skip
    assert txt(talk) == "Anna: One. Two.\n\nBen: Three.\n\nBen: Four.\n\n五。六。\n"


def test_a_paragraph_of_a_long_talk_ends_at_some_time() -> None:
    talk = transcript(*(segment(at, at + 1, "word " * 20) for at in range(40)))
    assert max(map(len, txt(talk).split("\n\n"))) < 1_000
    assert txt(talk).split() == ["word"] * 800


def test_missing_stretches_are_told() -> None:
    partial = transcript(segment(0, 1, "Hello."), missing=({"start": 5.0, "end": 9.0, "code": "gemini_blocked"},))
    assert txt(partial) == "Hello.\n\n[missing: 0:00:05 to 0:00:09, gemini_blocked]\n"


def test_subtitles_read_back_with_their_times() -> None:
    talk = transcript(segment(0.3, 1.25, "Hello."), segment(61.0, 61.0, "Bye."))
    for name, text in (("srt", srt(talk)), ("vtt", vtt(talk))):
        back = pysubs2.SSAFile.from_string(text, format_=name)
        assert [(event.start, event.plaintext) for event in back] == [(300, "Hello."), (61_000, "Bye.")]
        assert all(event.end > event.start for event in back)


def test_what_is_said_cannot_command_a_player() -> None:
    talk = transcript(segment(0, 1, r"{\an8}<b>up</b> 7 --> 8 \N\x1b[2J" + "\x1b[2J\nnext"))
    (event,) = pysubs2.SSAFile.from_string(srt(talk), format_="srt")
    assert not set("{}\\<>\x1b\n") & set(event.text)


def test_an_ampersand_is_written_as_webvtt_asks_for_it() -> None:
    talk = transcript(segment(0, 1, "Marks & Spencer &lt;b&gt;"))
    assert "Marks &amp; Spencer &amp;lt;b&amp;gt;" in vtt(talk)
    assert "Marks & Spencer &lt;b&gt;" in srt(talk)


def test_webvtt_notes_what_is_missing_and_subrip_has_the_cues_alone() -> None:
    gap = {"start": 720.4, "end": 4_260.0, "code": "gemini_blocked"}
    partial = transcript(segment(0, 1, "Hello."), missing=(gap,))
    assert vtt(partial).startswith("WEBVTT\n\nNOTE missing: 0:12:00 to 1:11:00, gemini_blocked\n\n1\n00:00:00.000 -->")
    assert "missing" not in srt(partial)
    assert len(pysubs2.SSAFile.from_string(vtt(partial), format_="vtt")) == 1


def test_the_times_of_words_pass_through() -> None:
    words = [{"start": 0.1, "end": 0.4, "word": "Hello."}]
    talk = transcript(segment(0, 1, "Hello.") | {"words": words})
    (line,) = jsonl_lines([talk])
    assert json.loads(line)["output"]["segments"][0]["words"] == words


def test_csv_says_whether_a_picture_moves_and_how_much_of_a_recording_is_missing() -> None:
    gap = {"start": 5.0, "end": 9.0, "code": "gemini_blocked"}
    moving = view(output=CAPTION | {"animated": True, "frames": 12})
    still, animation, talk = records(view(), moving, transcript(missing=(gap,)))
    assert (animation["animated"], animation["frames"], animation["missing"]) == ("True", "12", "")
    assert (talk["channels"], talk["missing"], talk["frames"]) == ("1", "1", "")
    assert (still["animated"], still["frames"]) == ("", "")


def test_subtitles_of_silence_are_empty_but_valid() -> None:
    assert srt(transcript()) == ""
    assert vtt(transcript()).startswith("WEBVTT")
