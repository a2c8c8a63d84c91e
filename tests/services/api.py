"""The HTTP API in this process, on a database of its own: what its tests ask, and with which key."""

import json
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from fastapi import FastAPI
from fastapi.testclient import TestClient

from api.app import create_app
from api.parts import Parts
from gemini.price_files import load_prices
from models.api_key import KeyScope
from models.database import Database
from models.store.keys import create_key
from worker.environment import load_settings
from worker.source_settings import make_storage

NDJSON = "application/x-ndjson"
EVERYTHING = frozenset(KeyScope)


@dataclass(frozen=True, kw_only=True)
class Site:
    """The API and its database."""

    app: FastAPI
    parts: Parts
    client: TestClient

    @property
    def database(self) -> Database:
        return self.parts.database

    def key(self, owner: str = "default", scopes: Iterable[KeyScope] = EVERYTHING, **more: Any) -> dict[str, str]:
        """The headers of somebody with a new key."""
        key, _ = create_key(self.database, owner=owner, scopes=scopes, **more)
        return {"Authorization": f"Bearer {key}"}

    def submit(self, number: int = 0, headers: Mapping[str, str] | None = None, **fields: Any) -> Any:
        """The job that was submitted."""
        answer = self.client.post("/v1/jobs", json=item(number, **fields), headers=headers)
        assert answer.status_code == 202, answer.text
        return answer.json()

    def stream(self, lines: Iterable[Any], headers: Mapping[str, str] | None = None, query: str = "") -> Any:
        """The answer to a stream of items."""
        body = b"\n".join(line if isinstance(line, bytes) else json.dumps(line).encode() for line in lines)
        return self.client.post(
            f"/v1/batches{query}", content=body, headers={"Content-Type": NDJSON, **(headers or {})}
        )


def item(number: int = 0, **fields: Any) -> dict[str, Any]:
    """An item that differs from the others by its source."""
    return {"kind": "caption", "source": f"/media/{number}.jpg", **fields}


@contextmanager
def site(database: Database, folder: Path, **settings: Any) -> Iterator[Site]:
    """The API, reachable from this machine alone, as long as the block lasts."""
    loaded = load_settings(flags={"home": folder, **settings}, environment={}, dotenv=folder / "none")
    parts = Parts(
        settings=loaded.settings, database=database, prices=load_prices(None), storage=make_storage(loaded.settings),
        submitted=lambda: None, is_loopback=True,
    )  # fmt: skip
    app = create_app(parts)
    with TestClient(app, base_url="http://localhost", raise_server_exceptions=True) as client:
        yield Site(app=app, parts=parts, client=client)
