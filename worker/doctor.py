"""Is everything there that the work needs? Each check looks at the real thing, is bounded in time, and says what to do.

Nothing is changed and nothing is paid for: the database is only read, the broker only connected to, Gemini only asked
for the list of its models. The codecs are tried by decoding small files in a real decoding process.
"""

import asyncio
import shutil
import tempfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Any

from models.failures import FailureError
from worker.environment import LoadedSettings
from worker.settings import Settings

if TYPE_CHECKING:
    from concurrent.futures import Future

LEAST_FREE_BYTES = 1 << 30
MOST_CLOCK_SECONDS = 5.0
BROKER_SECONDS = 3.0
CODEC_SECONDS = 30.0


class Trouble(StrEnum):
    """What kind of thing is wrong; decides the exit code."""

    SETTING = "setting"
    AWAY = "away"
    NOT_ALLOWED = "not_allowed"
    MACHINE = "machine"


@dataclass(frozen=True, kw_only=True, slots=True)
class Finding:
    """What one check found."""

    name: str
    words: str
    """What is there, or what to do."""
    trouble: Trouble | None = None


def examine(loaded: LoadedSettings) -> Iterator[Finding]:
    """Every check, one after the other, each as soon as it is done; none raises."""
    settings = loaded.settings
    checks: list[tuple[str, Callable[[], Finding]]] = [
        ("database", lambda: check_database(settings)),
        ("broker", lambda: check_broker(settings)),
        ("gemini", lambda: check_gemini(loaded)),
        ("prices", lambda: check_prices(settings)),
        ("codecs", lambda: check_codecs(settings)),
        ("disk", lambda: check_disk(settings)),
        ("clock", lambda: check_clock(settings)),
    ]
    for name, check in checks:
        try:
            yield check()
        except Exception as error:  # noqa: BLE001 - the doctor examines whatever is broken
            yield Finding(name=name, words=f"{type(error).__name__}: {error}", trouble=Trouble.MACHINE)


def check_database(settings: Settings) -> Finding:
    """Does it answer, and has it our tables?"""
    import migrations
    from models.database import DatabaseUnavailableError, DatabaseUrlError, open_database, sqlite_path

    try:
        url = settings.resolved_database_url()
        path, needed = sqlite_path(url), migrations.newest_revision()
        if path is not None and not path.exists():
            return Finding(name="database", words=f"{path} does not exist yet; the first command that stores makes it")
        database = open_database(url, pool_size=1)
        try:
            stored = migrations.stored_revision(database)
        finally:
            database.close()
    except DatabaseUrlError as error:
        return Finding(name="database", words=str(error), trouble=Trouble.SETTING)
    except DatabaseUnavailableError as error:
        return Finding(name="database", words=f"{error}; start it, or correct the address", trouble=Trouble.AWAY)
    if stored == needed:
        return Finding(name="database", words=f"{database.dialect}, revision {stored}")
    words = f"revision {stored or 'none'}, but {needed} is needed; run: mediascribe db upgrade"
    return Finding(name="database", words=words, trouble=Trouble.AWAY)


def check_broker(settings: Settings) -> Finding:
    """Does it take a connection?"""
    if settings.embedded:
        return Finding(name="broker", words="none set: embedded mode")
    from worker.broker_app import build_app
    from worker.eviction import eviction_policy

    try:
        with build_app(settings).connection_for_write(connect_timeout=BROKER_SECONDS) as connection:
            connection.ensure_connection(max_retries=1, interval_start=0, timeout=BROKER_SECONDS)
    except Exception as error:  # noqa: BLE001 - every transport has errors of its own
        words = f"does not answer ({error}); start it, or correct MEDIASCRIBE_BROKER_URL"
        return Finding(name="broker", words=words, trouble=Trouble.AWAY)
    policy = eviction_policy(settings.broker_url.get_secret_value())
    if policy is not None:
        words = (
            f"evicts keys when its memory is full ({policy}), producers' messages too; set maxmemory-policy noeviction"
        )
        return Finding(name="broker", words=words, trouble=Trouble.SETTING)
    return Finding(name="broker", words="answers")


def check_gemini(loaded: LoadedSettings) -> Finding:
    """Does Gemini take our key? Costs nothing."""
    from gemini.client import GeminiClient, connection_from_environment

    async def ask() -> Any:
        client = GeminiClient(connection_from_environment(loaded.gemini))
        try:
            return await client.check()
        finally:
            await client.aclose()

    try:
        failure = asyncio.run(ask())
    except FailureError as error:
        failure = error.failure
    except ValueError as error:
        return Finding(name="gemini", words=str(error), trouble=Trouble.SETTING)
    if failure is None:
        where = loaded.gemini.get("GOOGLE_GEMINI_BASE_URL")
        return Finding(name="gemini", words="the key is accepted" + (f" at {where}" if where else ""))
    trouble = Trouble.NOT_ALLOWED if failure.pauses_lane else Trouble.AWAY
    return Finding(name="gemini", words=failure.message, trouble=trouble)


def check_prices(settings: Settings) -> Finding:
    """Can the price tables be read, and do they know the model?"""
    from gemini.price_files import PriceFileError, load_prices

    try:
        prices = load_prices(settings.prices_file)
    except PriceFileError as error:
        return Finding(name="prices", words=str(error), trouble=Trouble.SETTING)
    models = len({row.model for row in prices.prices})
    words = f"of {models} models" + (f", with those of {settings.prices_file}" if settings.prices_file else "")
    if prices.knows(settings.model, datetime.now(UTC).date()):
        return Finding(name="prices", words=f"{words}; {settings.model} is known")
    words += f"; that of {settings.model} is not known: "
    if settings.allow_unknown_prices:
        return Finding(name="prices", words=f"{words}what it costs is not counted")
    words += "add a row to a price file (MEDIASCRIBE_PRICES_FILE), or set MEDIASCRIBE_ALLOW_UNKNOWN_PRICES=true"
    return Finding(name="prices", words=words, trouble=Trouble.SETTING)


def check_codecs(settings: Settings) -> Finding:
    """Which formats are read here, and do the common ones decode, in a decoding process as it is used at work?"""
    from media.formats import readable_formats
    from media.sandbox import Sandbox, SandboxLimits
    from tasks.base import MediaLimits, Preparation, read_options
    from tasks.registry import KINDS
    from worker.doctor_formats import format_words
    from worker.doctor_samples import samples

    sandbox = Sandbox(1, SandboxLimits(max_memory_bytes=settings.decoder_memory_bytes))
    listed = sandbox.submit(readable_formats, timeout_seconds=CODEC_SECONDS)
    with tempfile.TemporaryDirectory() as folder:
        begun: dict[str, Future[Any]] = {}
        for (kind, name), data in samples().items():
            path = Path(folder) / name
            path.write_bytes(data)
            how = Preparation(limits=MediaLimits(), options=read_options(KINDS[kind], {}), model=settings.model)
            arguments = (str(path), folder, how)
            begun[name] = sandbox.submit(KINDS[kind].prepare, *arguments, timeout_seconds=CODEC_SECONDS)
        failed = [f"{name}: {error}" for name, future in begun.items() if (error := future.exception()) is not None]
        sandbox.close()
    formats = format_words(listed.result())
    if failed or formats.missing:
        broken = f"{'; '.join(failed)}; install the locked versions again (make venv)" if failed else formats.missing
        return Finding(name="codecs", words=broken, trouble=Trouble.MACHINE)
    return Finding(name="codecs", words=formats.readable)


def check_disk(settings: Settings) -> Finding:
    """Is there room for the data of the embedded mode and for clips?"""
    place = settings.home.absolute()
    while not place.exists():
        place = place.parent
    free = min(shutil.disk_usage(place).free, shutil.disk_usage(tempfile.gettempdir()).free)
    words = f"{free / (1 << 30):.1f} GiB free"
    if free < LEAST_FREE_BYTES:
        words = f"only {words} in {place} and {tempfile.gettempdir()}; make room"
        return Finding(name="disk", words=words, trouble=Trouble.MACHINE)
    return Finding(name="disk", words=words)


def check_clock(settings: Settings) -> Finding:
    """Does this machine agree with the database about the time? Leases do not depend on it, people who read logs do."""
    from models.database import DatabaseUnavailableError, open_database, sqlite_path

    url = settings.resolved_database_url()
    if sqlite_path(url) is not None:
        return Finding(name="clock", words="SQLite uses this machine's own")
    database = open_database(url, pool_size=1)
    try:
        with database.read() as connection:
            theirs: datetime = connection.exec_driver_sql("SELECT clock_timestamp()").scalar_one()
    except DatabaseUnavailableError:
        return Finding(name="clock", words="unknown: the database does not answer", trouble=Trouble.AWAY)
    finally:
        database.close()
    apart = abs((datetime.now(UTC) - theirs).total_seconds())
    if apart > MOST_CLOCK_SECONDS:
        words = f"{apart:.0f} s apart from the database's; set this machine's clock by NTP"
        return Finding(name="clock", words=words, trouble=Trouble.MACHINE)
    return Finding(name="clock", words=f"{apart:.1f} s apart from the database's")
