"""Settings: who wins, what is refused and in which words, and that no secret is ever shown."""

import traceback
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from worker.environment import LoadedSettings, SettingsError, load_settings
from worker.settings import PREFIX, Settings

SECRET = "hunter2"


def load(
    environment: Mapping[str, str] | None = None, *, dotenv: Path = Path("/nowhere/.env"), **flags: Any
) -> LoadedSettings:
    return load_settings(flags=flags, environment=environment or {}, dotenv=dotenv)


def refused(environment: Mapping[str, str], **flags: Any) -> SettingsError:
    with pytest.raises(SettingsError) as caught:
        load(environment, **flags)
    return caught.value


@pytest.fixture
def dotenv(tmp_path: Path) -> Path:
    path = tmp_path / ".env"
    path.write_text(f"{PREFIX}CONCURRENCY=11\n{PREFIX}MODEL=from-dotenv\nGEMINI_API_KEY=from-dotenv\nOTHER=1\n")
    return path


def test_a_flag_beats_the_environment_which_beats_the_file_which_beats_the_default(dotenv: Path) -> None:
    environment = {f"{PREFIX}CONCURRENCY": "22", f"{PREFIX}MAX_ATTEMPTS": "7"}
    loaded = load(environment, dotenv=dotenv, max_attempts=9)
    settings = loaded.settings
    assert (settings.concurrency, settings.max_attempts, settings.model) == (22, 9, "from-dotenv")
    assert settings.lease_seconds == 60.0
    names = ("concurrency", "max_attempts", "model", "lease_seconds")
    assert [loaded.sources[name] for name in names] == ["environment", "flag", ".env", "default"]


def test_every_setting_has_a_source() -> None:
    assert set(load().sources) == set(Settings.model_fields)


def test_a_flag_that_was_not_given_changes_nothing(dotenv: Path) -> None:
    loaded = load(dotenv=dotenv, concurrency=None)
    assert (loaded.settings.concurrency, loaded.sources["concurrency"]) == (11, ".env")


def test_without_a_file_the_defaults_hold(tmp_path: Path) -> None:
    assert load(dotenv=tmp_path / "none").settings == load().settings


def test_what_google_genai_reads_is_read_from_both_places_and_the_environment_wins(dotenv: Path) -> None:
    loaded = load({"GOOGLE_CLOUD_PROJECT": "p"}, dotenv=dotenv)
    assert loaded.gemini == {"GEMINI_API_KEY": "from-dotenv", "GOOGLE_CLOUD_PROJECT": "p"}
    assert loaded.gemini_sources == {"GEMINI_API_KEY": ".env", "GOOGLE_CLOUD_PROJECT": "environment"}
    assert load({"GEMINI_API_KEY": "own"}, dotenv=dotenv).gemini == {"GEMINI_API_KEY": "own"}


def test_an_empty_variable_of_google_hides_nothing(dotenv: Path) -> None:
    assert load({"GEMINI_API_KEY": ""}, dotenv=dotenv).gemini == {"GEMINI_API_KEY": "from-dotenv"}


@pytest.mark.parametrize(
    ("name", "meant"),
    [
        ("MEDIASCRIBE_CONCURENCY", "MEDIASCRIBE_CONCURRENCY"),
        ("MEDIASCRIBE_LEASE_SECOND", "MEDIASCRIBE_LEASE_SECONDS"),
        ("MEDIASCRIBE_concurrency", "MEDIASCRIBE_CONCURRENCY"),
        ("MEDIASCRIBE_DATABASE", "MEDIASCRIBE_DATABASE_URL"),
    ],
)
def test_a_misspelt_setting_is_an_error_that_names_the_nearest(name: str, meant: str) -> None:
    words = str(refused({name: "1"}))
    assert name in words
    assert f"did you mean {meant}?" in words
    assert "environment" in words


def test_a_name_that_is_near_to_none_is_an_error_that_says_where_all_are() -> None:
    assert "mediascribe config show" in str(refused({"MEDIASCRIBE_QQQQQQ": "1"}))


def test_a_misspelt_setting_in_the_file_is_said_to_be_there(tmp_path: Path) -> None:
    (tmp_path / ".env").write_text("MEDIASCRIBE_MODLE=x\n")
    with pytest.raises(SettingsError, match=r"\.env sets MEDIASCRIBE_MODLE.*MEDIASCRIBE_MODEL\?"):
        load(dotenv=tmp_path / ".env")


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("concurrency", "0"),
        ("concurrency", "many"),
        ("concurrency", "2.5"),
        ("concurrency", ""),
        ("max_attempts", "0"),
        ("model", ""),
        ("retry_base_seconds", "0"),
        ("retry_max_seconds", "-1"),
        ("call_timeout_seconds", "9"),
        ("lease_seconds", "nan"),
        ("lease_seconds", "inf"),
        ("grace_seconds", "-1"),
        ("decoder_processes", "0"),
        ("decoder_memory_bytes", "1"),
        ("decoder_timeout_seconds", "0"),
        ("max_source_bytes", "0"),
        ("max_picture_pixels", "0"),
        ("max_picture_side_pixels", "1"),
        ("max_recording_seconds", "0"),
        ("clip_seconds", "9"),
        ("clip_seconds", "601"),
        ("log_level", "loud"),
    ],
)
def test_a_value_that_cannot_be_is_an_error_that_names_the_setting_and_its_meaning(field: str, value: str) -> None:
    words = str(refused({PREFIX + field.upper(): value}))
    assert words.startswith(f"{PREFIX}{field.upper()}: ")
    assert str(Settings.model_fields[field].description) in words


def test_two_settings_that_contradict_each_other_are_both_named() -> None:
    words = str(refused({f"{PREFIX}RETRY_BASE_SECONDS": "10", f"{PREFIX}RETRY_MAX_SECONDS": "5"}))
    assert "retry_base_seconds" in words
    assert "retry_max_seconds" in words


def test_secrets_are_never_shown() -> None:
    address = f"postgresql://user:{SECRET}@host/name"
    names = ("DATABASE_URL", "CELERY_RESULT_BACKEND")
    broker = {PREFIX + "BROKER_URL": f"amqp://user:{SECRET}@host"}
    loaded = load({**{PREFIX + name: address for name in names}, **broker, "GEMINI_API_KEY": SECRET})
    assert loaded.settings.database_url.get_secret_value() == address
    for shown in (
        repr(loaded),
        str(loaded),
        repr(loaded.settings),
        str(loaded.settings),
        loaded.settings.model_dump_json(),
    ):
        assert SECRET not in shown


def test_an_error_shows_no_secret_that_was_given_beside_it() -> None:
    error = refused(
        {f"{PREFIX}DATABASE_URL": SECRET, f"{PREFIX}RETRY_BASE_SECONDS": "10", f"{PREFIX}RETRY_MAX_SECONDS": "5"}
    )
    assert SECRET not in "".join(traceback.format_exception(error))


@pytest.mark.parametrize("field", Settings.model_fields)
def test_every_setting_has_a_meaning_and_says_its_unit(field: str) -> None:
    described = Settings.model_fields[field]
    assert described.description
    if described.annotation is float:
        assert field.endswith(("_seconds", "_dbfs"))


def test_leases_are_renewed_six_times_in_their_time() -> None:
    assert load(lease_seconds=60).settings.beat_seconds == 10.0


def test_without_a_broker_the_mode_is_embedded_and_the_database_a_file_in_home(tmp_path: Path) -> None:
    settings = load(home=tmp_path).settings
    assert settings.embedded
    assert settings.resolved_database_url() == f"sqlite:///{tmp_path}/mediascribe.db"
    assert not load(broker_url="redis://host/0").settings.embedded
    assert load(database_url="sqlite:////x/y.db").settings.resolved_database_url() == "sqlite:////x/y.db"


@pytest.mark.parametrize("address", ["bogus", "http://host", "localhost:6379"])
def test_an_address_that_no_broker_has_is_refused_and_named(address: str) -> None:
    with pytest.raises(SettingsError, match=r"MEDIASCRIBE_BROKER_URL.*redis://"):
        load_settings(environment={"MEDIASCRIBE_BROKER_URL": address}, dotenv=Path("/nowhere/.env"))
