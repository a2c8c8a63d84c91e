"""Real servers for tests, benchmarks and scripts, started out of wheels: no root, no Docker, nothing installed.

Each server is a context manager, listens on loopback only, keeps its data in a folder of its own that goes with it,
and ends no process but its own.
"""
