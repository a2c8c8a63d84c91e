"""How much is measured: in full for figures to keep, or short (SIZE=short), to see that all works."""

import os


def size(name: str, *, full: float, short: float) -> float:
    """What the environment says under that name, else the size of a full or a short run."""
    return float(os.environ.get(name) or (short if os.environ.get("SIZE") == "short" else full))
