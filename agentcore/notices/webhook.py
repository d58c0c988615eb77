"""How does a notice go to the address of a topic, as ntfy has it?

One POST: the text is the body, title, priority and tags are headers. It is tried again only where the server said that
it did not take it, or could not be reached at all: a request without an answer may have arrived, and nothing is told
twice. A redirect is not followed, the token is for the server that was named. Proxies are those of the environment.
"""

from __future__ import annotations

import asyncio
import base64
from collections.abc import Awaitable, Callable
from http import HTTPStatus
from urllib.parse import urlsplit

from agentcore.notices import Notice, NotSent
from worktrees.text import printable

Waits = tuple[float, ...]
WAITS_S: Waits = (2.0, 8.0, 30.0)
"""Before the second attempt, the third and the last."""
CONNECT_S, ANSWER_S = 10.0, 20.0
LATER = (429, 500, 502, 503)
"""Answers of a server that did not take it, and may soon."""
BODY = 3900
"""Bytes; of more than 4096 ntfy makes a file."""

Sleep = Callable[[float], Awaitable[None]]


class _Later(Exception):
    """It was surely not taken: try again. Holds why."""


async def post(notice: Notice, url: str, token: str, *, waits_s: Waits = WAITS_S, sleep: Sleep = asyncio.sleep) -> str:
    """Post it and say what came back. Raises NotSent. Neither the topic nor the token is in any text."""
    server = urlsplit(url).hostname or ""
    if not (token.isascii() and token.isprintable()):
        raise NotSent("the token holds what no request can: letters, digits and signs of ASCII only")
    for wait_s in (*waits_s, None):
        try:
            return await _try(notice, url, token, server)
        except _Later as later:
            if wait_s is None:
                raise NotSent(f"{later}, {len(waits_s) + 1} times" if waits_s else str(later)) from None
            await sleep(wait_s)
    raise AssertionError("the last attempt returns or raises")


def headers(notice: Notice, token: str) -> dict[str, str]:
    """Return what is sent beside the text."""
    found = {"Title": _header(notice.title), "Priority": str(notice.priority), "Tags": notice.tag}
    return {**found, "Authorization": f"Bearer {token}"} if token else found


async def _try(notice: Notice, url: str, token: str, server: str) -> str:
    """Raises _Later, NotSent."""
    import httpx2  # here: 0.1 s that an engine which posts nothing does not pay

    body = notice.text.encode("utf-8", "replace")[:BODY].decode("utf-8", "ignore").encode()
    try:
        async with (
            asyncio.timeout(CONNECT_S + ANSWER_S),
            httpx2.AsyncClient(timeout=httpx2.Timeout(ANSWER_S, connect=CONNECT_S)) as client,
            client.stream("POST", url, content=body, headers=headers(notice, token)) as response,
        ):
            code = response.status_code  # what it says besides is not read: it could go on for ever
    except (httpx2.ConnectError, httpx2.ConnectTimeout, httpx2.ProxyError) as error:
        raise _Later(f"{server} cannot be reached ({type(error).__name__})") from None
    except (httpx2.TransportError, TimeoutError):
        raise NotSent(f"{server} gave no answer: it may have arrived, so it is not sent again") from None
    except (httpx2.InvalidURL, UnicodeError, ValueError):
        raise NotSent(f"{server} cannot be asked: [notify] url holds what no request can") from None
    if code in LATER:
        raise _Later(f"{server} answered {_named(code)}")
    if 300 <= code < 400:
        raise NotSent(f"{server} answered {_named(code)}, which is not followed: name the address itself")
    if not 200 <= code < 300:
        raise NotSent(f"{server} answered {_named(code)}")
    return f"{server} answered {_named(code)}"


def _named(code: int) -> str:
    try:
        return f"{code} {HTTPStatus(code).phrase}"
    except ValueError:
        return str(code)


def _header(text: str) -> str:
    """Return text for a header: on one line, and as RFC 2047 has it where it is no ASCII."""
    text = " ".join(printable(text).split())
    if text.isascii():
        return text
    return f"=?UTF-8?B?{base64.b64encode(text.encode()).decode()}?="
