"""Error replies in Google's shape, and the catalogue of those that can be scripted.

Every error is `{"error": {"code", "message", "status", "details"}}`. The texts follow what users of the real
API have reported; where no report is known the text is the simulator's own.
"""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from enum import Enum
from typing import Any

JSON_TYPE = "application/json; charset=UTF-8"
HTML_TYPE = "text/html; charset=UTF-8"

_RPC = "type.googleapis.com/google.rpc."
_API_DOMAIN = "generativelanguage.googleapis.com"
_HTML = "<!DOCTYPE html>\n<html lang=en><title>Error {code}</title><p><b>{code}.</b> That's an error. {text}\n"


@dataclass(frozen=True, kw_only=True, slots=True)
class Reply:
    """What goes back over the wire: an HTTP status, a content type, further headers and the whole body."""

    status: int
    body: bytes
    content_type: str = JSON_TYPE
    headers: Mapping[str, str] = field(default_factory=dict)


class RefusedError(Exception):
    """The request is refused with this reply."""

    def __init__(self, reply: Reply) -> None:
        super().__init__(reply.status)
        self.reply = reply


def json_reply(value: object, status: int = 200) -> Reply:
    """A reply whose body is that value as JSON (ASCII, so that any text can be echoed)."""
    return Reply(status=status, body=json.dumps(value, separators=(",", ":")).encode())


def html_reply(status: int, text: str) -> Reply:
    """A reply as a proxy or a load balancer in front of the API would give it."""
    return Reply(status=status, body=_HTML.format(code=status, text=text).encode(), content_type=HTML_TYPE)


def error_reply(code: int, status: str, message: str, details: list[dict[str, Any]] | None = None) -> Reply:
    """An error in Google's JSON shape; `details` is left out where there are none."""
    error: dict[str, Any] = {"code": code, "message": message, "status": status}
    if details:
        error["details"] = details
    return json_reply({"error": error}, code)


def invalid_argument(message: str, details: list[dict[str, Any]] | None = None) -> RefusedError:
    """400 INVALID_ARGUMENT with that message."""
    return RefusedError(error_reply(400, "INVALID_ARGUMENT", message, details))


def invalid_payload(violations: list[tuple[str, str]]) -> RefusedError:
    """400 INVALID_ARGUMENT that names each (field path, what is wrong with it)."""
    listed = [{"field": path, "description": text} for path, text in violations]
    message = "\n".join(text for _, text in violations)
    return invalid_argument(message, [{"@type": _RPC + "BadRequest", "fieldViolations": listed}])


def api_key_invalid() -> Reply:
    """The answer to a missing or a wrong key."""
    message = "API key not valid. Please pass a valid API key."
    return error_reply(400, "INVALID_ARGUMENT", message, [_error_info("API_KEY_INVALID")])


def model_not_found(model: str, version: str = "v1", method: str = "generateContent") -> Reply:
    """The answer to a model that does not exist, or does not offer that method."""
    message = (
        f"models/{model} is not found for API version {version}, or is not supported for {method}. "
        "Call ListModels to see the list of available models and their supported methods."
    )
    return error_reply(404, "NOT_FOUND", message)


def _model_retired(model: str) -> Reply:
    message = f"This model models/{model} is no longer available. Please update your code to use a newer model."
    return error_reply(404, "NOT_FOUND", message)


class QuotaName(Enum):
    """The quotas of one project and model: (quotaMetric, quotaId)."""

    REQUESTS_PER_MINUTE = ("generate_content_paid_tier_requests", "GenerateRequestsPerMinutePerProjectPerModel")
    INPUT_TOKENS_PER_MINUTE = (
        "generate_content_paid_tier_input_token_count",
        "GenerateContentPaidTierInputTokensPerModelPerMinute",
    )
    REQUESTS_PER_DAY = ("generate_content_free_tier_requests", "GenerateRequestsPerDayPerProjectPerModel-FreeTier")
    FREE_REQUESTS_PER_MINUTE = (
        "generate_content_free_tier_requests",
        "GenerateRequestsPerMinutePerProjectPerModel-FreeTier",
    )
    FREE_INPUT_TOKENS_PER_MINUTE = (
        "generate_content_free_tier_input_token_count",
        "GenerateContentInputTokensPerModelPerMinute-FreeTier",
    )
    FILE_STORAGE = ("file_storage_bytes", "FileStorageBytesPerProject")


def quota_exceeded(model: str, exceeded: Sequence[tuple[QuotaName, int]], retry_delay: str | None) -> Reply:
    """429 that names each quota with its limit, and how long to wait; None: no word of it, as waiting does not help."""
    message = "You exceeded your current quota, please check your plan and billing details."
    details = [
        _help(),
        {"@type": _RPC + "QuotaFailure", "violations": [_violation(name, model, limit) for name, limit in exceeded]},
    ]
    if retry_delay is not None:
        message = f"{message} Please retry in {retry_delay}."
        details.append({"@type": _RPC + "RetryInfo", "retryDelay": retry_delay})
    return error_reply(429, "RESOURCE_EXHAUSTED", message, details)


def _violation(name: QuotaName, model: str, limit: int) -> dict[str, Any]:
    metric, quota_id = name.value
    return {
        "quotaMetric": f"{_API_DOMAIN}/{metric}",
        "quotaId": quota_id,
        "quotaDimensions": {"location": "global", "model": model},
        "quotaValue": str(limit),
    }


def _error_info(reason: str) -> dict[str, Any]:
    return {
        "@type": _RPC + "ErrorInfo",
        "reason": reason,
        "domain": "googleapis.com",
        "metadata": {"service": _API_DOMAIN},
    }


def _help() -> dict[str, Any]:
    link = {
        "description": "Learn more about Gemini API quotas",
        "url": "https://ai.google.dev/gemini-api/docs/rate-limits",
    }
    return {"@type": _RPC + "Help", "links": [link]}


def _per_minute(model: str, seconds: float | None) -> Reply:
    wait = f"{34.074824224 if seconds is None else seconds:.9f}".rstrip("0").rstrip(".")
    return quota_exceeded(model, [(QuotaName.REQUESTS_PER_MINUTE, 1000)], f"{wait}s")


def _per_day(model: str, seconds: float | None) -> Reply:
    # The real API sends a short, useless wait with a daily limit.
    return quota_exceeded(model, [(QuotaName.REQUESTS_PER_DAY, 250)], f"{22 if seconds is None else seconds:g}s")


def _several_quotas(model: str, seconds: float | None) -> Reply:
    exceeded = [
        (QuotaName.REQUESTS_PER_DAY, 250),
        (QuotaName.FREE_REQUESTS_PER_MINUTE, 10),
        (QuotaName.FREE_INPUT_TOKENS_PER_MINUTE, 250_000),
    ]
    return quota_exceeded(model, exceeded, f"{22 if seconds is None else seconds:g}s")


def _hours_quota(model: str, _seconds: float | None) -> Reply:
    return quota_exceeded(model, [(QuotaName.REQUESTS_PER_MINUTE, 1000)], "65205s")


def _bare_quota(_model: str, _seconds: float | None) -> Reply:
    return error_reply(429, "RESOURCE_EXHAUSTED", "Resource has been exhausted (e.g. check quota).")


def _help_only_quota(_model: str, _seconds: float | None) -> Reply:
    message = "You exceeded your current quota, please check your plan and billing details."
    return error_reply(429, "RESOURCE_EXHAUSTED", message, [_help()])


def _absurd_quota(model: str, _seconds: float | None) -> Reply:
    return quota_exceeded(model, [(QuotaName.FILE_STORAGE, 21474836480)], "9223372036854775807s")


def storage_full(limit_bytes: int) -> RefusedError:
    """The answer to a file for which the project has no room left."""
    return RefusedError(quota_exceeded("", [(QuotaName.FILE_STORAGE, limit_bytes)], None))


def _spend_limit(_model: str, _seconds: float | None) -> Reply:
    # The real body has not been seen; so the text is all there is to tell it from other limits.
    message = (
        "Your project has exceeded its monthly spending cap. Please go to AI Studio to manage your project spend cap."
    )
    return error_reply(429, "RESOURCE_EXHAUSTED", message)


def _rolling_spend(_model: str, _seconds: float | None) -> Reply:
    return error_reply(429, "RESOURCE_EXHAUSTED", "Your project has exceeded its spending limit over 10 minutes.")


def _no_credits(_model: str, _seconds: float | None) -> Reply:
    message = "Your prepayment credits are depleted. Please go to AI Studio to manage your project and billing."
    return error_reply(429, "RESOURCE_EXHAUSTED", message)


def _not_in_plan(model: str, _seconds: float | None) -> Reply:
    """A model that the free tier does not have: a limit of nothing, which proto-JSON leaves out, and a useless wait."""
    metric, quota_id = QuotaName.REQUESTS_PER_DAY.value
    message = (
        "You exceeded your current quota, please check your plan and billing details. "
        f"* Quota exceeded for metric: {_API_DOMAIN}/{metric}, limit: 0, model: {model} Please retry in 42.5s."
    )
    violation = {"quotaMetric": f"{_API_DOMAIN}/{metric}", "quotaId": quota_id}
    details = [
        _help(),
        {"@type": _RPC + "QuotaFailure", "violations": [violation]},
        {"@type": _RPC + "RetryInfo", "retryDelay": "42.5s"},
    ]
    return error_reply(429, "RESOURCE_EXHAUSTED", message, details)


def _fixed(code: int, status: str, message: str, reason: str | None = None) -> Reply:
    return error_reply(code, status, message, [_error_info(reason)] if reason else None)


_QUOTAS = {
    "429_minute": _per_minute,
    "429_day": _per_day,
    "429_several": _several_quotas,
    "429_hours": _hours_quota,
    "429_bare": _bare_quota,
    "429_help": _help_only_quota,
    "429_absurd": _absurd_quota,
    "429_spend": _spend_limit,
    "429_rolling": _rolling_spend,
    "429_credits": _no_credits,
    "429_plan": _not_in_plan,
}

_FIXED: Mapping[str, Reply] = {
    "400_invalid": _fixed(400, "INVALID_ARGUMENT", "Request contains an invalid argument."),
    "400_key": api_key_invalid(),
    "400_precondition": _fixed(
        400, "FAILED_PRECONDITION", "Gemini API free tier is not available in your country. Please enable billing."
    ),
    "400_billing": _fixed(
        400, "FAILED_PRECONDITION", "Billing is not active for this project. Please set up billing in Google AI Studio."
    ),
    "401": _fixed(401, "UNAUTHENTICATED", "Request had invalid authentication credentials.", "ACCESS_TOKEN_EXPIRED"),
    "403": _fixed(
        403, "PERMISSION_DENIED", "Your project has been denied access. Please contact support.", "CONSUMER_SUSPENDED"
    ),
    "403_billing": _fixed(
        403,
        "PERMISSION_DENIED",
        "This API method requires billing to be enabled. Please enable billing on the project, then retry.",
        "BILLING_DISABLED",
    ),
    "413": html_reply(413, "Your client issued a request that was too large."),
    "500": _fixed(500, "INTERNAL", "An internal error has occurred. Please retry."),
    "503": _fixed(503, "UNAVAILABLE", "The model is overloaded. Please try again later."),
    "503_html": html_reply(503, "The service is temporarily unavailable. Please try again in 30 seconds."),
    "504": _fixed(504, "DEADLINE_EXCEEDED", "Deadline expired before operation could complete."),
}

CATALOGUE: frozenset[str] = frozenset({*_QUOTAS, *_FIXED, "404_model", "404_retired"})
"""The names of the error replies that a script can ask for."""


def catalogue_reply(name: str, *, model: str, retry_after_seconds: float | None = None) -> Reply:
    """The error reply of that name; `retry_after_seconds` replaces the usual wait of 429_minute, 429_day, 429_several."""
    if name == "404_model":
        return model_not_found(model)
    if name == "404_retired":
        return _model_retired(model)
    if name in _QUOTAS:
        return _QUOTAS[name](model, retry_after_seconds)
    return _FIXED[name]
