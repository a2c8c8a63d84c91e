"""Webhooks in SQL: `endpoints` are whom owners want told, `outbox` writes what is to be told, `sending` takes and ends it, `log` shows it."""
