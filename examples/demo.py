"""`make demo`: the main job on `examples/media/`, its results in `demo-output/`.

With GEMINI_API_KEY (or GOOGLE_API_KEY, or Vertex) set, Gemini answers; without, the local simulator does.
"""

import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from dotenv import dotenv_values

ROOT = Path(__file__).resolve().parents[1]
MEDIA = ROOT / "examples" / "media"
OUTPUT = ROOT / "demo-output"
MEDIASCRIBE = [sys.executable, "-m", "cli.main"]
CREDENTIALS = ("GEMINI_API_KEY", "GOOGLE_API_KEY", "GOOGLE_GENAI_USE_VERTEXAI")


def main() -> int:
    """Run the demo; its exit code is that of `mediascribe run`."""
    copies = OUTPUT / "media"  # the sidecars land beside them, and not among the sources
    copies.mkdir(parents=True, exist_ok=True)
    for source in sorted(MEDIA.iterdir()):
        if source.suffix != ".md":
            shutil.copy2(source, copies / source.name)
    with answers() as environment:
        command = [*MEDIASCRIBE, "run", str(copies), "--out", str(OUTPUT / "results.jsonl"), "--sidecars"]
        code = subprocess.run(command, cwd=ROOT, env=environment, check=False).returncode
    print(f"See {OUTPUT.name}/results.jsonl, and the .txt and .srt files beside the media in {OUTPUT.name}/media/.")
    return code


@contextmanager
def answers() -> Iterator[dict[str, str]]:
    """The environment in which somebody answers: Gemini, or a simulator of our own."""
    dotenv = dotenv_values(ROOT / ".env") if (ROOT / ".env").is_file() else {}
    real = any(os.environ.get(name) or dotenv.get(name) for name in CREDENTIALS)
    home = OUTPUT / (".mediascribe" if real else ".mediascribe-simulated")  # made-up answers are never reused as real
    environment = os.environ | {"MEDIASCRIBE_HOME": str(home), "PYTHONPATH": str(ROOT)}
    if real:
        print("Gemini answers, and bills your key.")
        yield environment
        return
    print("No GEMINI_API_KEY is set: the answers come from the local simulator, not from Gemini.", flush=True)
    with subprocess.Popen(
        [*MEDIASCRIBE, "simulate", "--port", "0"], cwd=ROOT, env=environment, stdout=subprocess.PIPE, text=True
    ) as simulator:
        try:
            assert simulator.stdout is not None
            address = simulator.stdout.readline().partition("listening on ")[2].split()[0]
            yield environment | {"GEMINI_API_KEY": "simulated", "GOOGLE_GEMINI_BASE_URL": address}
        finally:
            simulator.terminate()


if __name__ == "__main__":
    sys.exit(main())
