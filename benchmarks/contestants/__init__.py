"""The four that are measured, each a process of its own that does the same: check and strip a picture, ask, store.

`bare` and `usual` are written without mediascribe, as one would; `embedded` and `server` are mediascribe.
"""
