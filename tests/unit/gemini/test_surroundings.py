"""The client does the same wherever it runs: other libraries and variables change nothing, importing costs nothing."""

import os
import subprocess
import sys
from pathlib import Path

from tests.unit.gemini.scripted import ANSWER_TEXT, answer, http, scripted_gemini

_AIODNS_TRAP = '''
"""Stands in for an installed aiodns, which aiohttp would look names up with."""

class DNSResolver:
    def __init__(self, *_, **__):
        raise SystemExit("another resolver was used")
    def getaddrinfo(self):
        raise NotImplementedError
'''

_ASK_ONCE = """
import asyncio, sys
from gemini.client import GeminiClient, connection_from_environment
from gemini.question import Question

async def main():
    client = GeminiClient(connection_from_environment({"GEMINI_API_KEY": "k", "GOOGLE_GEMINI_BASE_URL": sys.argv[1]}))
    call = await client.ask(Question(
        model="m", system="", prompt="p", answer_schema={}, max_output_tokens=9, timeout_seconds=20))
    await client.aclose()
    print(call.text)

asyncio.run(main())
"""


def test_the_environment_changes_nothing(tmp_path: Path) -> None:
    (tmp_path / "aiodns.py").write_text(_AIODNS_TRAP, "utf-8")
    root = Path(__file__).parents[3]
    misleading = {
        "PYTHONPATH": f"{tmp_path}{os.pathsep}{root}",
        "GOOGLE_API_KEY": "another",
        "GOOGLE_GENAI_USE_VERTEXAI": "true",
        "GOOGLE_CLOUD_PROJECT": "elsewhere",
        "GOOGLE_CLOUD_LOCATION": "mars",
        "GOOGLE_GENAI_API_VERSION": "v9",
        "GOOGLE_GEMINI_BASE_URL": "http://127.0.0.1:9",
    }
    with scripted_gemini(http(200, answer())) as gemini:
        done = subprocess.run(
            [sys.executable, "-c", _ASK_ONCE, gemini.url],
            env={"PATH": os.environ["PATH"], **misleading},
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )
    assert done.stdout.strip() == ANSWER_TEXT, done.stderr
    (request,) = gemini.requests
    assert request.path == "/v1/models/m:generateContent"
    assert request.headers["x-goog-api-key"] == "k"


def test_importing_the_client_does_not_load_the_sdk() -> None:
    program = "import sys, gemini.client, gemini.failures; print([m for m in ('google.genai', 'httpx2', 'aiohttp') if m in sys.modules])"
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, timeout=60, check=True)
    assert done.stdout.strip() == "[]"
