"""Parcels: the economy tier's calls, collected on disk, sent to Gemini's Batch API together, and their answers fetched.

An attempt in the economy tier puts its questions into the `spool` and steps `aside`. A thread of its own sends what was
collected (`sending`, `creation`); another looks after what was sent, by whomever (`looking`, `harvest`). Woken jobs then find
their answers (`calls`) and go on as if they had been asked online. What is sent, and what came back, stands in SQL.
"""
