"""What is made when a database is needed that is not there yet."""

from pathlib import Path

from worker.ready_database import open_ready_database
from worker.settings import Settings


def test_the_folder_of_a_new_database_is_its_owners_alone(tmp_path: Path) -> None:
    """One that was there stays as it is."""
    there = tmp_path / "there"
    there.mkdir(mode=0o755)
    for home, mode in ((tmp_path / "new", 0o700), (there, 0o755)):
        open_ready_database(Settings.model_validate({"home": home})).close()
        assert home.stat().st_mode & 0o777 == mode
