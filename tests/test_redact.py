from __future__ import annotations

import pytest

from openclaw_wizard.redact import redact

SECRETS = [
    "sk-mock-0123456789abcdef",
    "123456789:AAmock_token_for_the_lab_0123456789ab",
    "a58ff3980223baed6cfd4f322d0dffe9882d84d6c910206f",
    "ghp_0123456789abcdefghij0123456789abcdef",
    "xoxb-1234567890-abcdefghij",
    "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxMjM0NTY3ODkwIn0.abc",
]


@pytest.mark.parametrize("secret", SECRETS)
@pytest.mark.parametrize("around", ["{}", "key {} there", '"apiKey": "{}"', "OPENAI_API_KEY={}", "[{}]"])
def test_a_secret_is_taken_out(secret: str, around: str) -> None:
    assert secret not in redact(around.format(secret))


@pytest.mark.parametrize(
    ("text", "secret"),
    [
        ("password: hunter2-and-more", "hunter2-and-more"),
        ("Authorization: Bearer abcdefghijk", "abcdefghijk"),
        ("http://user:pa55word@host/x", "pa55word"),
        ("http://127.0.0.1:1/#token=abcdef012345", "abcdef012345"),
    ],
)
def test_named_secrets(text: str, secret: str) -> None:
    assert secret not in redact(text)


@pytest.mark.parametrize(
    "text",
    [
        "1,234 messages in 17 sessions",
        "5feceb66ffc86f38d952786c6d696c79c2dbc239dd4e91b46729d73a27fb57e9",
        "/home/alice/.openclaw/agents/main",
        "SHA256:uNiVztksCsDhcc0u9e8BrZXr2wFsZ7dC4Qv1g4bW2cA",
    ],
)
def test_what_is_no_secret_stays(text: str) -> None:
    assert redact(text) == text
