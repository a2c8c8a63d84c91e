"""The other commands from outside, on jobs that a real run made."""

import json
import shutil
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from tests.acceptance.conftest import ROOT, Shell, ended, quick_shell
from tests.services.process import free_port
from tests.services.simulator import Simulator


@pytest.fixture(scope="module")
def worked_once(shared_simulator: Simulator, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder in whose database are two captions, a transcript and a failure."""
    shared_simulator.set_faults()
    shell = quick_shell(tmp_path_factory.mktemp("worked"), shared_simulator)
    photos = shell.pictures(2)
    shell.recording("photos/talk.wav")
    (photos / "empty.wav").write_bytes(b"")
    assert shell("run", photos).code == 3
    return shell.folder


@pytest.fixture
def worked(shell: Shell, worked_once: Path) -> Shell:
    """A shell in a copy of that folder."""
    shutil.copytree(worked_once, shell.folder, dirs_exist_ok=True)
    return shell


def only_batch(shell: Shell) -> str:
    return str(shell("status", "--json").json["latest_batches"][0]["id"])


def test_submit_stores_and_says_that_nobody_works_on_it(shell: Shell) -> None:
    photos = shell.pictures(2)
    ran = shell("submit", photos / "000.jpg", "-", "--batch", "mine", "--json", stdin=f"{photos / '001.jpg'}\n\n")
    assert ran.code == 0, ran.err
    assert len(ran.json["jobs"]) == 2
    assert "--wait" in ran.err
    assert shell("status", "mine", "--json").json["states"]["queued"] == 2


def test_submit_waits_for_the_batch(shell: Shell) -> None:
    photos = shell.pictures(2)
    shell("submit", photos / "000.jpg", "--batch", "mine")
    ran = shell("submit", photos / "001.jpg", "--batch", "mine", "--wait")
    assert ran.code == 0, ran.err
    assert "2 succeeded" in ran.err
    assert ran.out.startswith("job_")


def test_submit_stops_waiting_in_time_and_the_job_stays(shell: Shell) -> None:
    shell.gemini.set_faults([{"fault": {"kind": "hang"}}])
    ran = shell("submit", shell.pictures(1) / "000.jpg", "--wait", "--timeout", "0.5", MEDIASCRIBE_GRACE_SECONDS="0")
    assert ran.code == 124, ran.err
    assert shell("status", "--json").json["states"]["queued"] == 1


def test_waiting_without_a_worker_is_told_and_ends_in_time(shell: Shell, redis_url: str) -> None:
    picture = shell.pictures(1) / "000.jpg"
    ran = shell("submit", picture, "--wait", "--timeout", "0.3", MEDIASCRIBE_BROKER_URL=redis_url)
    assert ran.code == 124
    assert "no worker is live" in ran.err


def test_submit_takes_the_media_of_a_folder(shell: Shell) -> None:
    photos = shell.pictures(2)
    (photos / "notes.txt").write_text("words")
    ran = shell("submit", photos, "--json")
    assert (ran.code, len(ran.json["jobs"])) == (0, 2)
    assert "notes.txt" in ran.err


def test_submit_accepts_all_or_nothing(shell: Shell) -> None:
    picture = shell.pictures(1) / "000.jpg"
    assert shell("submit", picture, "none.jpg").code == 5
    refused = shell("submit", picture, "https://example.org/a.jpg", "--priority", "900")
    assert refused.code == 2
    assert "items 1, 2: priority" in refused.err
    assert shell("status", "--json").json["total"] == 0


@pytest.mark.long
def test_an_idempotency_key_makes_no_second_job_and_fits_one_source(shell: Shell) -> None:
    photos = shell.pictures(2)
    first = shell("submit", photos / "000.jpg", "--idempotency-key", "k")
    assert shell("submit", photos / "000.jpg", "--idempotency-key", "k").out == first.out
    other = shell("submit", photos / "001.jpg", "--idempotency-key", "k")
    assert other.code == 6
    assert "take another key" in other.err


def test_jobs_are_listed_newest_first_in_pages(worked: Shell) -> None:
    first = worked("jobs", "list", "--limit", "3", "--json").json
    rest = worked("jobs", "list", "--limit", "3", "--cursor", first["next_cursor"], "--json").json
    ids = [job["id"] for job in first["jobs"] + rest["jobs"]]
    assert ids == sorted(ids, reverse=True)
    assert (len(ids), rest["next_cursor"]) == (4, None)
    lines = worked("jobs", "list", "--state", "failed", "--jsonl").out.splitlines()
    assert [json.loads(line)["error"]["code"] for line in lines] == ["media_empty"]
    assert worked("jobs", "list", "--since", "1h", "--search", "talk", "--json").json["jobs"][0]["kind"] == "transcribe"


def test_a_job_is_shown_with_its_attempts_and_calls(worked: Shell) -> None:
    job_id = worked("jobs", "list", "--kind", "caption", "--json").json["jobs"][0]["id"]
    shown = worked("jobs", "show", job_id, "--json").json
    assert shown["job"]["output"]["caption"]
    assert [attempt["outcome"] for attempt in shown["attempts"]] == ["succeed"]
    assert shown["calls"][0]["http_status"] == 200
    assert "caption" in worked("jobs", "show", job_id).out


@pytest.mark.parametrize("arguments", [["jobs", "show"], ["jobs", "cancel"], ["results"]])
def test_an_unknown_job_is_not_found(shell: Shell, arguments: list[str]) -> None:
    ran = shell(*arguments, "job_" + "0" * 32)
    assert ran.code == 5
    assert "job_000" in ran.err


def test_an_unknown_batch_is_not_found(shell: Shell) -> None:
    assert shell("status", "none").code == 5
    assert shell("results", "bat_none").code == 5


def test_cancel_and_retry_change_what_can_change(shell: Shell) -> None:
    job_id = shell("submit", shell.pictures(1) / "000.jpg").out.strip()
    assert shell("jobs", "cancel", job_id).out == "1 cancelled\n"
    assert shell("jobs", "cancel", job_id).code == 6
    assert shell("jobs", "retry", job_id, "--json").json == {"changed": 1}
    assert shell("status", "--json").json["states"]["queued"] == 1


def test_changes_by_filter_need_a_yes_where_nobody_can_be_asked(shell: Shell) -> None:
    photos = shell.pictures(2)
    shell("submit", photos / "000.jpg", photos / "001.jpg", "--batch", "mine")
    assert shell("jobs", "cancel").code == 2
    unsure = shell("jobs", "cancel", "--batch", "mine")
    assert unsure.code == 2
    assert "2 jobs" in unsure.err
    assert "would cancel 2 jobs" in shell("jobs", "cancel", "--batch", "mine", "--dry-run").out
    assert shell("status", "mine", "--json").json["states"]["queued"] == 2
    assert shell("jobs", "cancel", "--batch", "mine", "--yes").out == "2 cancelled\n"


@pytest.mark.long
def test_results_come_in_every_format(worked: Shell) -> None:
    batch = only_batch(worked)
    assert len(worked("results", batch).out.splitlines()) == 4
    assert len(worked("results", batch, "--format", "json").json["jobs"]) == 4
    assert len(worked("results", batch, "--format", "csv").out.splitlines()) == 5
    talk = worked("jobs", "list", "--kind", "transcribe", "--state", "succeeded", "--json").json["jobs"][0]["id"]
    assert "-->" in worked("results", talk, "--format", "srt").out
    assert worked("results", talk, "--format", "vtt").out.startswith("WEBVTT")
    assert worked("results", talk).json["output"]["segments"]
    assert worked("results", batch, "--format", "srt").code == 2
    worked("results", batch, "--out", "all.jsonl")
    assert len((worked.folder / "all.jsonl").read_text().splitlines()) == 4


def test_the_result_of_a_failed_job_says_why_there_is_none(worked: Shell) -> None:
    failed = worked("jobs", "list", "--state", "failed", "--json").json["jobs"][0]["id"]
    ran = worked("results", failed, "--format", "txt")
    assert ran.code == 3
    assert "empty" in ran.err


def test_errors_are_grouped_with_an_example(worked: Shell) -> None:
    groups = worked("errors", "--json").json["errors"]
    assert [(group["code"], group["count"]) for group in groups] == [("media_empty", 1)]
    assert groups[0]["example_job_id"] in worked("errors").out


def test_status_tells_counts_cost_and_batches(worked: Shell) -> None:
    status = worked("status", only_batch(worked), "--json").json
    assert (status["total"], status["states"]["succeeded"], status["states"]["failed"]) == (4, 3, 1)
    assert float(status["usage"]["cost_usd"]) > 0
    assert "3 succeeded, 1 failed" in worked("status").out
    assert worked("status", only_batch(worked), "--watch").code == 0


def test_a_stopped_worker_is_listed_as_gone(worked: Shell) -> None:
    assert worked("workers", "--json").json["workers"] == []
    assert len(worked("workers", "--all", "--json").json["workers"]) == 1


def test_purge_deletes_only_what_is_old_and_only_after_a_yes(worked: Shell) -> None:
    assert worked("purge", "--older-than", "1h", "--yes", "--json").json == {"purged": 0}
    assert worked("purge", "--older-than", "0s", "--dry-run", "--json").json == {"would_purge": 4}
    assert worked("purge", "--older-than", "0s").code == 2
    assert worked("purge", "--older-than", "soon").code == 2
    assert worked("purge", "--older-than", "0s", "--yes", "--json").json == {"purged": 4}
    assert worked("status", "--json").json["total"] == 0


def test_config_show_names_sources_and_masks_secrets(shell: Shell) -> None:
    (shell.folder / ".env").write_text("MEDIASCRIBE_MODEL=gemini-2.5-pro\n")
    url = "postgresql://ada:hunter2@db.example.org/jobs"
    ran = shell("config", "show", "--json", MEDIASCRIBE_DATABASE_URL=url, GEMINI_API_KEY="AIza-very-secret")
    settings = {setting["name"]: setting for setting in ran.json["settings"]}
    assert (settings["MEDIASCRIBE_MODEL"]["value"], settings["MEDIASCRIBE_MODEL"]["source"]) == (
        "gemini-2.5-pro",
        ".env",
    )
    assert settings["MEDIASCRIBE_DATABASE_URL"]["source"] == "environment"
    assert "db.example.org" in settings["MEDIASCRIBE_DATABASE_URL"]["value"]
    assert settings["MEDIASCRIBE_LEASE_SECONDS"]["source"] == "default"
    assert "hunter2" not in ran.out
    assert "very-secret" not in ran.out


def test_doctor_finds_all_well(worked: Shell) -> None:
    ran = worked("doctor", "--json")
    assert ran.code == 0, ran.out
    assert [check["name"] for check in ran.json["checks"] if check["ok"]] == [
        "database", "broker", "gemini", "prices", "codecs", "disk", "clock",
    ]  # fmt: skip
    (codecs,) = [check["words"] for check in ran.json["checks"] if check["name"] == "codecs"]
    assert all(name in codecs for name in ("pictures: ", "HEIC", "recordings: ", "AMR", "Windows Media"))


@pytest.mark.long
def test_doctor_says_what_is_wrong(shell: Shell) -> None:
    assert shell("doctor", GEMINI_API_KEY="invalid").code == 4
    ran = shell("doctor", MEDIASCRIBE_BROKER_URL=f"redis://127.0.0.1:{free_port()}/0")
    assert ran.code == 7
    assert "!!  broker" in ran.out
    assert "ok  gemini" in ran.out


def test_the_simulator_command_serves_until_it_is_told_to_leave(shell: Shell) -> None:
    process = shell.start("simulate", "--port", "0")
    assert process.stdout is not None
    address = process.stdout.readline().partition("listening on ")[2].split()[0]
    assert shell("doctor", GOOGLE_GEMINI_BASE_URL=address).code == 0
    assert ended(process, signal.SIGTERM).code == 0


@pytest.mark.long
def test_a_server_worker_does_what_a_run_submits(shell: Shell, postgres_url: str, redis_url: str) -> None:
    server = {"MEDIASCRIBE_DATABASE_URL": postgres_url, "MEDIASCRIBE_BROKER_URL": redis_url}
    assert shell("db", "upgrade", **server).code == 0
    process = shell.start("worker", "--concurrency", "4", **server)
    try:
        ran = shell("run", shell.pictures(3), "--json", **server)
        assert ran.code == 0, ran.err
        assert ran.json["states"]["succeeded"] == 3
        assert [worker["alive"] for worker in shell("workers", "--json", **server).json["workers"]] == [True]
    finally:
        process.send_signal(signal.SIGTERM)
        process.communicate(timeout=60)
    assert process.returncode == 0


def test_the_demo_runs_twice_and_says_who_answers(tmp_path: Path) -> None:
    """On a copy of what it needs, so that the checkout's own demo-output stays as it is."""
    (tmp_path / "examples").mkdir()
    (tmp_path / "examples" / "demo.py").write_bytes((ROOT / "examples" / "demo.py").read_bytes())
    for name in ("cli", "models", "media", "gemini", "tasks", "worker", "simulator", "migrations", "examples/media"):
        (tmp_path / name).symlink_to(ROOT / name)
    first, second = (demo(tmp_path) for _ in range(2))
    assert "8 succeeded" in first
    assert "8 already done" in second
    assert len((tmp_path / "demo-output" / "results.jsonl").read_text().splitlines()) == 8
    assert (tmp_path / "demo-output" / "media" / "order.mp3.srt").is_file()


def demo(folder: Path) -> str:
    """What the demo says on stderr."""
    done = subprocess.run(
        [sys.executable, "examples/demo.py"], cwd=folder, capture_output=True, text=True, timeout=60, check=False
    )
    assert done.returncode == 0, done.stderr
    assert "from the local simulator, not from Gemini" in done.stdout
    return done.stderr
