"""How is the model's server reached? By the variables that its SDK knows, held by the engine and handed to nobody."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from anthropic import AsyncAnthropic

KEY, TOKEN, BASE_URL, HEADERS = (
    "ANTHROPIC_API_KEY",
    "ANTHROPIC_AUTH_TOKEN",
    "ANTHROPIC_BASE_URL",
    "ANTHROPIC_CUSTOM_HEADERS",
)

CONNECT_S = 15.0


@dataclass(frozen=True)
class Connection:
    """The server's address and what we identify ourselves with."""

    api_key: str | None
    auth_token: str | None
    base_url: str | None
    headers: Mapping[str, str]


def connection(secrets: Mapping[str, str], environment: Mapping[str, str]) -> Connection:
    """Return how the server is reached. A key wins over a token, as in the SDK; white space around them is no part."""
    key = secrets.get(KEY, "").strip() or None
    lines = (line.partition(":") for line in secrets.get(HEADERS, "").splitlines())
    return Connection(
        api_key=key,
        auth_token=None if key else secrets.get(TOKEN, "").strip() or None,
        base_url=environment.get(BASE_URL) or None,
        headers={name.strip(): value.strip() for name, colon, value in lines if colon and name.strip()},
    )


def client(to: Connection, read_s: float) -> AsyncAnthropic:
    """Make the SDK's client; `read_s` is the longest silence. Costs 1.4 s of CPU the first time.

    Its own retries are off: it does not know that eight agents share one limit.
    """
    import httpx2
    from anthropic import AsyncAnthropic

    return AsyncAnthropic(
        api_key=to.api_key,
        auth_token=to.auth_token,
        base_url=to.base_url,
        default_headers=to.headers,
        max_retries=0,
        timeout=httpx2.Timeout(read_s, connect=CONNECT_S),
    )
