"""Webhooks on their way out: `signing` and `schedule` are what Standard Webhooks says, `courier` sends, `addresses` may be sent to."""
