"""The runtime lock holds all that the program imports; the tests' own environment would hide what is missing."""

import json
import re
import subprocess
import sys
from importlib.metadata import packages_distributions
from pathlib import Path

ROOT = Path(__file__).resolve().parents[3]

TAKEN_WHERE_FOUND = {"django", "psutil", "pyyaml"}
"""What a library imports if it is there, and does without if not."""

IMPORTS = """
import json, sys
import worker.broker, worker.isolated, worker.doctor, cli.main, cli.run, cli.submit, simulator.run, simulator.server
import kombu.transport.redis, kombu.transport.pyamqp, celery.backends.redis, celery.concurrency.thread
import api.server, cli.serve, celery.bin.worker, celery.apps.worker, google.genai, psycopg, media.pixels, media.decode, pysubs2
print(json.dumps(sorted({name.partition(".")[0] for name in sys.modules})))
"""


def test_whatever_is_imported_at_run_time_is_in_the_runtime_lock() -> None:
    done = subprocess.run([sys.executable, "-c", IMPORTS], cwd=ROOT, capture_output=True, text=True, check=True)
    owners = packages_distributions()
    needed = {_normal(owner) for module in json.loads(done.stdout) for owner in owners.get(module, [])}
    locked = {
        _normal(name)
        for name in re.findall(r"^([A-Za-z0-9._-]+)==", (ROOT / "requirements.lock").read_text(), re.MULTILINE)
    }
    assert "packaging" in needed, "the Redis transport imports it"
    assert needed - locked - TAKEN_WHERE_FOUND - {"mediascribe"} == set()


def _normal(name: str) -> str:
    return re.sub(r"[-_.]+", "-", name).lower()
