"""Bodies of errors as Google and the machines in front of it send them."""

from tests.unit.gemini.scripted import KEY, detail, error


def quota(*ids: str, delay: str | None = None) -> str:
    details = [
        detail("Help"),
        detail("QuotaFailure", violations=[{"quotaId": name, "quotaValue": "1000"} for name in ids]),
    ]
    if delay is not None:
        details.append(detail("RetryInfo", retryDelay=delay))
    return error(429, "RESOURCE_EXHAUSTED", "You exceeded your current quota.", *details)


KEY_INVALID = error(
    400,
    "INVALID_ARGUMENT",
    f"API key not valid. Please pass a valid API key, not {KEY}.",
    detail("ErrorInfo", reason="API_KEY_INVALID", domain="googleapis.com"),
)
UNFIT = error(400, "INVALID_ARGUMENT", "The input token count exceeds the maximum number of tokens allowed 1048576.")
NO_BILLING = error(400, "FAILED_PRECONDITION", "Gemini API free tier is not available in your country. Enable billing.")
NO_REGION = error(400, "FAILED_PRECONDITION", "User location is not supported for the API use.")
PRECONDITION = error(400, "FAILED_PRECONDITION", "Precondition check failed.")
CANNOT_FETCH = error(400, "INVALID_ARGUMENT", "Cannot fetch content from the provided URL.")
NO_MODEL = error(404, "NOT_FOUND", "models/gemini-9 is not found for API version v1.")
OVERLOADED = error(503, "UNAVAILABLE", "The model is overloaded. Please try again later.")
LATE = error(504, "DEADLINE_EXCEEDED", "Deadline expired before operation could complete.")
HTML = f"<html><title>502 Bad Gateway</title><a href='/?key={KEY}'>x</a></html>"
IN_DISGUISE = error(429, "RESOURCE_EXHAUSTED", "Resource has been exhausted (e.g. check quota).")
PER_MINUTE = "GenerateContentPaidTierInputTokensPerModelPerMinute"
PER_DAY = "GenerateRequestsPerDayPerProjectPerModel-FreeTier"
ANY = None
