"""google-genai, over the HTTP library that BENCH_TRANSPORT names: `httpx`, its own, or `aiohttp`, which it prefers where installed.

Imported before google-genai is, by all that are written by hand: an environment without aiohttp is what most have.
"""

import os
import sys

if os.environ.get("BENCH_TRANSPORT", "httpx") == "httpx":
    sys.modules["aiohttp"] = None  # type: ignore[assignment]  # as if it were not installed

from google import genai
from google.genai import types

if sys.modules.get("aiohttp", sys) is None:
    del sys.modules["aiohttp"]  # google-genai has looked; whoever else is in this process may need it

__all__ = ["connected", "genai", "types"]


def connected() -> genai.Client:
    """A client of the simulator that the environment names."""
    options = types.HttpOptions(base_url=os.environ["GOOGLE_GEMINI_BASE_URL"], api_version="v1")
    return genai.Client(api_key=os.environ["GEMINI_API_KEY"], http_options=options)
