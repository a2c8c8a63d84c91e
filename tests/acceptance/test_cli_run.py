"""`mediascribe run` from outside: what it writes, what it pays for, and that leaving early loses nothing."""

import csv
import json
import signal
from decimal import Decimal
from pathlib import Path

import pytest
from PIL import Image

from tests.acceptance.conftest import ROOT, Shell, ended, lines_of


def slowly(calls: float = 1.0) -> dict[str, object]:
    """Every answer comes that many seconds late."""
    return {"fault": {"kind": "late", "seconds": calls}}


def test_pictures_and_recordings_become_results_and_sidecars(shell: Shell) -> None:
    photos = shell.pictures(3)
    talk = shell.recording("photos/talk.wav")
    ran = shell("run", photos, "--out", "results.jsonl", "--sidecars")
    assert ran.code == 0, ran.err
    assert ran.out == ""
    jobs = lines_of(shell.folder / "results.jsonl")
    assert [job["source"] for job in jobs] == sorted(job["source"] for job in jobs)
    assert [job["kind"] for job in jobs] == ["caption"] * 3 + ["transcribe"]
    assert {job["state"] for job in jobs} == {"succeeded"}
    assert (photos / "000.jpg.txt").read_text().startswith(jobs[0]["output"]["caption"])
    assert "00:00:00" in talk.with_name("talk.wav.srt").read_text()
    assert jobs[3]["output"]["segments"][0]["text"] in talk.with_name("talk.wav.txt").read_text()
    assert "4 succeeded" in ran.err
    assert "cost: $" in ran.err


@pytest.mark.long
def test_xmp_sidecars_are_written_and_those_of_other_programs_left_alone(shell: Shell) -> None:
    photos = shell.pictures(2)
    shell.recording("photos/talk.wav")
    theirs = photos / "001.jpg.xmp"
    theirs.write_text("<x:xmpmeta xmlns:x='adobe:ns:meta/'/>")
    ran = shell("run", photos, "--xmp", "--out", "results.jsonl")
    assert ran.code == 1, ran.err
    assert f"could not write {theirs}: it is not as mediascribe wrote it" in ran.err
    assert theirs.read_text() == "<x:xmpmeta xmlns:x='adobe:ns:meta/'/>"
    assert sorted(path.name for path in photos.iterdir()) == [
        "000.jpg", "000.jpg.xmp", "001.jpg", "001.jpg.xmp", "talk.wav",
    ]  # fmt: skip
    first, second, _ = lines_of(shell.folder / "results.jsonl")
    assert shell("results", first["id"], "--format", "xmp").out == (photos / "000.jpg.xmp").read_text()
    assert shell("results", second["id"], "--format", "xmp", "--out", theirs).code == 6


def test_a_second_run_pays_nothing_and_says_so(shell: Shell) -> None:
    photos = shell.pictures(3)
    shell("run", photos, "--sidecars", "--out", photos / "results.jsonl")
    before = len(shell.gemini.ledger())
    again = shell("run", photos, "--json")
    assert again.code == 0, again.err
    assert again.json["already_done"] == 3
    assert again.json["usage"]["calls"] == 0
    assert "3 already done, nothing was paid for them" in again.err
    assert len(shell.gemini.ledger()) == before


@pytest.mark.long
def test_a_changed_file_is_done_anew_and_force_does_all_anew(shell: Shell) -> None:
    photos = shell.pictures(3)
    shell("run", photos)
    Image.new("RGB", (90, 30), "red").save(photos / "001.jpg")
    assert shell("run", photos, "--json").json["usage"]["calls"] == 1
    assert shell("run", photos, "--json", "--force").json["usage"]["calls"] == 3


def test_the_same_bytes_are_paid_for_once(shell: Shell) -> None:
    photos = shell.pictures(1)
    shell("run", photos)
    (photos / "copy.jpg").write_bytes((photos / "000.jpg").read_bytes())
    ran = shell("run", photos, "--json")
    assert (ran.json["reused"], ran.json["usage"]["calls"], ran.json["total"]) == (1, 0, 2)


def test_without_outputs_a_table_of_results_is_printed(shell: Shell) -> None:
    ran = shell("run", shell.pictures(2))
    assert ran.code == 0
    heading, *rows = ran.out.splitlines()
    assert heading.split("\t") == ["source", "state", "result"]
    assert [row.split("\t")[1] for row in rows] == ["succeeded"] * 2


def test_csv_has_one_record_a_job(shell: Shell) -> None:
    assert shell("run", shell.pictures(2), "--out", "results.csv").code == 0
    with (shell.folder / "results.csv").open(newline="") as file:
        records = list(csv.DictReader(file))
    assert [record["state"] for record in records] == ["succeeded"] * 2
    assert all(record["caption"] for record in records)


def test_a_dry_run_counts_estimates_and_calls_nothing(shell: Shell) -> None:
    photos = shell.pictures(2)
    shell.recording("photos/talk.wav", seconds=4.0)
    before = len(shell.gemini.ledger())
    ran = shell("run", photos, "--dry-run", "--json", GEMINI_API_KEY="")
    assert ran.code == 0, ran.err
    assert ran.json["by_kind"] == {"caption": 2, "transcribe": 1}
    assert ran.json["sound_seconds"] == 4.0
    assert ran.json["input_tokens"] > 2 * 560 + 4 * 32
    assert float(ran.json["cost_usd"]) > 0
    assert len(shell.gemini.ledger()) == before
    assert not (shell.folder / ".mediascribe").exists()


def test_bad_files_fail_alone_and_the_exit_code_says_so(shell: Shell) -> None:
    photos = shell.pictures(2)
    whole = (ROOT / "examples" / "media" / "house.jpg").read_bytes()
    (photos / "cut.jpg").write_bytes(whole[: len(whole) // 2])
    (photos / "empty.wav").write_bytes(b"")
    (photos / "notes.txt").write_text("no media at all")
    ran = shell("run", photos, "--out", "results.jsonl")
    assert ran.code == 3
    jobs = {Path(job["source"]).name: job for job in lines_of(shell.folder / "results.jsonl")}
    assert jobs["empty.wav"]["error"]["code"] == "media_empty"
    assert jobs["cut.jpg"]["error"]["code"] == "media_corrupt"
    assert "media_corrupt: 1" in ran.err
    assert "cut.jpg" in ran.err
    assert "skipped 1 file (no media, but text): notes.txt" in ran.err
    assert sum(job["state"] == "succeeded" for job in jobs.values()) == 2


def test_ctrl_c_stops_cleanly_and_the_same_command_goes_on(shell: Shell) -> None:
    photos = shell.pictures(12)
    arguments = ("run", photos, "--out", "results.jsonl", "--concurrency", "2")
    shell.gemini.set_faults([slowly(0.5)])
    before = len(shell.gemini.ledger())
    process = shell.start(*arguments)
    shell.wait_for_calls_in_flight(2)
    first = ended(process, signal.SIGINT)
    assert first.code == 130, first.err
    assert "press Ctrl-C again" in first.err
    assert "run the same command again to go on" in first.err
    done = [job for job in lines_of(shell.folder / "results.jsonl") if job["state"] == "succeeded"]
    assert 2 <= len(done) < 12
    shell.gemini.set_faults()
    second = shell(*arguments)
    assert second.code == 0, second.err
    assert f"{len(done)} already done" in second.err
    assert {job["state"] for job in lines_of(shell.folder / "results.jsonl")} == {"succeeded"}
    assert len(shell.gemini.ledger()) - before == 12  # no picture was paid for twice


@pytest.mark.long
def test_a_second_ctrl_c_does_not_wait_for_calls_and_loses_nothing(shell: Shell) -> None:
    photos = shell.pictures(3)
    shell.gemini.set_faults([{"fault": {"kind": "hang"}}])
    process = shell.start("run", photos)
    shell.wait_for_calls_in_flight(3)
    assert ended(process, signal.SIGINT, signal.SIGINT).code == 130
    shell.gemini.set_faults()
    assert shell("run", photos).code == 0


@pytest.mark.long
def test_sigterm_is_taken_as_ctrl_c(shell: Shell) -> None:
    photos = shell.pictures(2)
    shell.gemini.set_faults([slowly(0.3)])
    process = shell.start("run", photos)
    shell.wait_for_calls_in_flight(2)
    assert ended(process, signal.SIGTERM).code == 130


@pytest.mark.long
def test_a_killed_run_goes_on_without_paying_twice_for_what_was_stored(shell: Shell) -> None:
    photos = shell.pictures(4)
    shell.gemini.set_faults([{"match": {"nth": [3, 4]}, "fault": {"kind": "hang"}}])
    process = shell.start("run", photos)
    shell.wait_for_calls_in_flight(2)
    assert ended(process, signal.SIGKILL).code == -signal.SIGKILL
    shell.gemini.set_faults()
    again = shell("run", photos, "--json")
    assert again.code == 0, again.err
    assert again.json["states"]["succeeded"] == 4


def test_a_wrong_key_stops_the_run_and_the_right_one_goes_on(shell: Shell) -> None:
    photos = shell.pictures(3)
    wrong = shell("run", photos, GEMINI_API_KEY="invalid")
    assert wrong.code == 4, wrong.err
    assert "GEMINI_API_KEY" in wrong.err or "key" in wrong.err
    assert "run the same command again to go on" in wrong.err
    right = shell("run", photos)
    assert right.code == 0, right.err
    assert "3 succeeded" in right.err


@pytest.mark.long
def test_without_a_key_the_jobs_are_accepted_and_wait(shell: Shell) -> None:
    photos = shell.pictures(2)
    ran = shell("run", photos, GEMINI_API_KEY="")
    assert ran.code == 4
    assert "GEMINI_API_KEY" in ran.err
    assert shell("status", "--json").json["states"]["queued"] == 2
    assert shell("run", photos).code == 0


@pytest.mark.long
def test_a_model_that_does_not_exist_stops_the_run(shell: Shell) -> None:
    ran = shell("run", shell.pictures(1), "--model", "gemini-0-none", "--allow-unknown-price")
    assert ran.code == 4, ran.err
    assert "gemini-0-none" in ran.err


def test_spent_quota_is_waited_for_and_shown(shell: Shell) -> None:
    photos = shell.pictures(2)
    shell.gemini.set_faults([{"match": {"nth": [1]}, "fault": {"kind": "429_minute", "retry_after_seconds": 2}}])
    ran = shell("run", photos)
    assert ran.code == 0, ran.err
    assert "waiting for quota until" in ran.err


@pytest.mark.long
def test_what_failed_in_passing_is_tried_again_by_the_next_run(shell: Shell) -> None:
    photos = shell.pictures(1)
    shell.gemini.set_faults([{"fault": {"kind": "503"}}])
    assert shell("run", photos, MEDIASCRIBE_MAX_ATTEMPTS="1").code == 3
    shell.gemini.set_faults()
    again = shell("run", photos, "--json")
    assert again.code == 0, again.err
    assert again.json["retried"] == 1


def test_a_price_that_nobody_knows_is_said(shell: Shell) -> None:
    ran = shell("run", shell.pictures(1), "--model", "gemini-9-unpriced", "--dry-run")
    assert "unknown: no price is known" in ran.out


def test_a_model_whose_price_nobody_knows_is_refused_before_anything_is_stored_or_sent(shell: Shell) -> None:
    photos, before = shell.pictures(1), len(shell.gemini.ledger())
    for command in ("run", "submit"):
        ran = shell(command, photos, "--model", "gemini-9-unpriced")
        assert ran.code == 2, ran.err
        assert "'gemini-9-unpriced' has no known price" in ran.err
        assert "--allow-unknown-price" in ran.err
    assert shell("submit", photos, "--model", "gemini-9-unpriced", "--allow-unknown-price").code == 0
    assert len(shell.gemini.ledger()) == before


@pytest.mark.long
def test_a_price_file_s_row_prices_the_run_and_a_mistake_in_it_ends_every_command(shell: Shell) -> None:
    photos, own = shell.pictures(1), shell.folder / "prices.toml"
    row = (
        '[[price]]\nmodel = "gemini-3.8-flash"\nvalid_from = 2026-01-01\ninput = { default = 1000 }\n'
        'cached = {}\noutput = 1000\nsource = "ours"\n'
    )
    own.write_text(row)
    given = {"MEDIASCRIBE_PRICES_FILE": str(own)}
    usage = shell("run", photos, "--json", **given).json["usage"]
    tokens = usage["input_tokens"] + usage["output_tokens"] + usage["thinking_tokens"]
    assert float(usage["cost_usd"]) == pytest.approx(tokens / 1_000)
    own.write_text(row.replace("output = 1000", "output = -1"))
    for words in (["run", photos], ["run", photos, "--dry-run"], ["submit", photos], ["doctor"]):
        ran = shell(*words, **given)
        assert ran.code == 2, ran.err
        assert f"{own}: row 1: output: " in ran.err + ran.out


@pytest.mark.long
def test_hidden_files_and_links_in_circles_are_left_out(shell: Shell) -> None:
    photos = shell.pictures(1)
    (photos / ".hidden.jpg").write_bytes((photos / "000.jpg").read_bytes())
    (photos / "circle").symlink_to(photos)
    assert json.loads(shell("run", photos, "--json").out)["total"] == 1


@pytest.mark.long
def test_a_run_in_flex_costs_half_and_its_results_say_in_which_tier_they_were_asked_for(shell: Shell) -> None:
    photos = shell.pictures(1)
    ran = shell("run", photos, "--tier", "flex", "--json", "--out", "results.jsonl")
    assert ran.code == 0, ran.err
    (job,) = lines_of(shell.folder / "results.jsonl")
    assert job["service_tier"] == "flex"
    (call,) = shell("jobs", "show", job["id"], "--json").json["calls"]
    (paid,) = (each for each in shell.gemini.ledger() if each["labels"].get("job") == job["id"])
    assert (call["lane"], paid["tier"]) == (f"{job['model']}:flex", "flex")
    assert Decimal(call["cost_usd"]) == Decimal(paid["cost_usd"]) == Decimal(ran.json["usage"]["cost_usd"])


@pytest.mark.parametrize("words", [["run"], ["run", "--dry-run"], ["submit"]])
def test_a_tier_that_cannot_be_had_is_refused_and_named(words: list[str], shell: Shell) -> None:
    shell.pictures(1)
    calls = len(shell.gemini.ledger())
    transcriber = ["--kind", "transcribe", "--model", "gemini-3.5-transcribe"]
    never = shell(*words, shell.recording("photos/talk.wav"), "--tier", "flex", *transcriber)
    assert (never.code, "service_tier flex is not offered" in never.err) == (2, True)
    assert len(shell.gemini.ledger()) == calls
