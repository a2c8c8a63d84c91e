"""All that are measured, each a process of its own that does the same: check and strip a picture, ask, store.

`bare`, `usual`, `on_procrastinate` and `on_taskiq` are written without mediascribe, as one would; `embedded` and
`server` are mediascribe; `yardstick` prepares and asks, and does nothing else.
"""
