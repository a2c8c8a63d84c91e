"""The environment is read as google-genai reads it, and what is missing is said in words."""

import pytest
from pydantic import SecretStr

from gemini.connection import Connection, connection_from_environment
from models.failures import FailureCode, FailureError

KEY = SecretStr("k-1")


@pytest.mark.parametrize(
    ("env", "expected"),
    [
        ({"GEMINI_API_KEY": "k-1"}, Connection(api_key=KEY)),
        ({"GOOGLE_API_KEY": " k-1\n", "GEMINI_API_KEY": "other"}, Connection(api_key=KEY)),
        ({"GOOGLE_API_KEY": "", "GEMINI_API_KEY": "k-1"}, Connection(api_key=KEY)),
        (
            {"GEMINI_API_KEY": "k-1", "GOOGLE_GEMINI_BASE_URL": "http://127.0.0.1:8080"},
            Connection(api_key=KEY, base_url="http://127.0.0.1:8080"),
        ),
        ({"GEMINI_API_KEY": "k-1", "GOOGLE_GENAI_API_VERSION": "beta"}, Connection(api_key=KEY, api_version="v1beta")),
        ({"GEMINI_API_KEY": "k-1", "GOOGLE_GENAI_API_VERSION": "v2"}, Connection(api_key=KEY, api_version="v2")),
        (
            {"GEMINI_API_KEY": "k-1", "GOOGLE_CLOUD_PROJECT": "p", "GOOGLE_CLOUD_LOCATION": "l"},
            Connection(api_key=KEY),
        ),
        (
            {"GOOGLE_GENAI_USE_VERTEXAI": "True", "GOOGLE_CLOUD_PROJECT": "p"},
            Connection(vertexai=True, project="p", location="global", api_version="v1beta1"),
        ),
        (
            {
                "GOOGLE_GENAI_USE_VERTEXAI": "1",
                "GOOGLE_CLOUD_PROJECT": "p",
                "GOOGLE_CLOUD_LOCATION": "europe-west4",
                "GEMINI_API_KEY": "k-1",
                "GOOGLE_GEMINI_BASE_URL": "http://not-for-vertex",
                "GOOGLE_GENAI_API_VERSION": "beta",
            },
            Connection(vertexai=True, project="p", location="europe-west4", api_version="v1beta1"),
        ),
        (
            {"GOOGLE_GENAI_USE_VERTEXAI": "true", "GEMINI_API_KEY": "k-1", "GOOGLE_VERTEX_BASE_URL": "https://v.test"},
            Connection(vertexai=True, api_key=KEY, base_url="https://v.test", api_version="v1beta1"),
        ),
        (
            {"GOOGLE_GENAI_USE_ENTERPRISE": "false", "GOOGLE_GENAI_USE_VERTEXAI": "true", "GEMINI_API_KEY": "k-1"},
            Connection(api_key=KEY),
        ),
    ],
)
def test_the_environment_means_what_it_means_to_google_genai(env: dict[str, str], expected: Connection) -> None:
    assert connection_from_environment(env) == expected


@pytest.mark.parametrize(
    ("env", "advice"),
    [
        ({}, "GEMINI_API_KEY"),
        ({"GEMINI_API_KEY": "  "}, "GEMINI_API_KEY"),
        ({"GEMINI_API_KEY": "two words"}, "GEMINI_API_KEY"),
        ({"GEMINI_API_KEY": "schlüssel"}, "GEMINI_API_KEY"),
        ({"GEMINI_API_KEY": "a\nb"}, "GEMINI_API_KEY"),
        ({"GOOGLE_GENAI_USE_VERTEXAI": "true"}, "GOOGLE_CLOUD_PROJECT"),
        ({"GEMINI_API_KEY": "k", "GOOGLE_GEMINI_BASE_URL": "localhost:80"}, "GOOGLE_GEMINI_BASE_URL"),
        ({"GEMINI_API_KEY": "k", "GOOGLE_GEMINI_BASE_URL": "http://"}, "GOOGLE_GEMINI_BASE_URL"),
    ],
)
def test_what_is_missing_or_unusable_is_said_and_the_key_is_not(env: dict[str, str], advice: str) -> None:
    with pytest.raises(FailureError, match=advice) as caught:
        connection_from_environment(env)
    assert caught.value.failure.code is FailureCode.GEMINI_AUTH
    assert caught.value.failure.pauses_lane
    assert all(word not in str(caught.value) for word in ("two words", "schlüssel", "a\nb"))


def test_a_connection_can_be_shown_without_showing_the_key() -> None:
    assert "k-1" not in repr(Connection(api_key=KEY))


def test_max_connections_is_passed_on() -> None:
    assert connection_from_environment({"GEMINI_API_KEY": "k"}, max_connections=7).max_connections == 7
