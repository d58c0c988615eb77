"""Asking the model's server: what a person learns about the key, the model and the address, from real servers."""

from __future__ import annotations

import json
import socket
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import replace
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest

from agentcore.project.checkup import Check
from agentcore.project.online import ask
from tests.model_server import ModelServer
from worktrees.project import Agents, ModelSettings

KEY = "key-that-nobody-may-read"
CODING = Agents(backend="anthropic")
OWN = "a-model-of-our-own"

Answer = tuple[int, Any]
"""Status, and what is sent: text as a web page, anything else as JSON."""


@contextmanager
def serving(answers: Mapping[str, Answer | Callable[[str], Answer]]) -> Iterator[tuple[str, list[str]]]:
    """Serve fixed answers by path; yield the address, and the list of paths as they are asked for."""
    asked: list[str] = []

    class Handler(BaseHTTPRequestHandler):
        def _answer(self) -> None:
            self.rfile.read(int(self.headers.get("content-length", 0)))
            asked.append(self.path)
            found = answers.get(self.path.partition("?")[0], (404, {"error": {"message": "no such route"}}))
            status, content = found(self.path) if callable(found) else found
            body = content if isinstance(content, str) else json.dumps(content)
            self.send_response(status)
            self.send_header("content-type", "text/html" if isinstance(content, str) else "application/json")
            self.send_header("content-length", str(len(body.encode())))
            self.end_headers()
            self.wfile.write(body.encode())

        def do_GET(self) -> None:
            self._answer()

        def do_POST(self) -> None:
            self._answer()

        def log_message(self, *words: Any) -> None:
            """Say nothing."""

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.01,))
        thread.start()
        try:
            yield f"http://127.0.0.1:{server.server_port}", asked
        finally:
            server.shutdown()
            thread.join()


def models(*names: str, more: bool = False, **fields: Any) -> dict[str, Any]:
    """Return a page of a list of models."""
    page = [{"id": name, "type": "model", "display_name": name, **fields} for name in names]
    return {"data": page, "has_more": more, "first_id": names[0], "last_id": names[-1]}


MESSAGE = {
    "id": "msg_1",
    "type": "message",
    "role": "assistant",
    "model": OWN,
    "content": [{"type": "text", "text": "Yes"}],
    "stop_reason": "max_tokens",
    "usage": {"input_tokens": 10, "output_tokens": 1},
}


async def asking(url: str, agents: Agents = CODING, key: str = KEY, **more: Any) -> list[Check]:
    """Ask the server at `url` as doctor does."""
    return await ask(agents, {"ANTHROPIC_API_KEY": key, "ANTHROPIC_BASE_URL": url}, time.monotonic, **more)


def own(**changes: Any) -> Agents:
    """Return a lab whose coding agent asks OWN."""
    return Agents(backend="anthropic", anthropic=replace(ModelSettings(model=OWN), **changes))


def said(checks: list[Check]) -> tuple[list[tuple[str, str]], str]:
    """Return level and topic of each check, and all of their text."""
    return [(each.level, each.topic) for each in checks], "\n".join(f"{each.text} → {each.remedy}" for each in checks)


async def test_a_good_key_and_a_model_that_is_there() -> None:
    """The server's models are listed, and how much the configured one reads and writes."""
    with ModelServer() as server:
        levels, text = said(await asking(server.url))
    assert ([("ok", "server"), ("ok", "model")], True, True) == (
        levels,
        "3 models: claude-opus-5-5, claude-sonnet-5-5, claude-haiku-5-5" in text,
        "claude-sonnet-5-5 is among them, reads 1,000,000 tokens, writes 128,000 tokens" in text,
    )


async def test_a_misspelt_model_is_told_the_nearest() -> None:
    """It is to do, before a night in which nobody works."""
    with ModelServer() as server:
        agents = replace(CODING, anthropic=ModelSettings(model="claude-sonet-5-5"))
        levels, text = said(await asking(server.url, agents))
    assert ([("ok", "server"), ("todo", "model")], True) == (
        levels,
        "claude-sonet-5-5 is not among them (nearest: claude-sonnet-5-5" in text,
    )


async def test_a_refused_key_is_said_to_be_refused() -> None:
    """With what the server says, and what to export."""
    with ModelServer(["bad_key"]) as server:
        levels, text = said(await asking(server.url))
    assert ([("todo", "key")], True, True) == (
        levels,
        "refuses the key: 401 authentication_error: invalid x-api-key" in text,
        "ANTHROPIC_API_KEY" in text,
    )


async def test_trouble_of_a_model_that_no_agent_asks_is_a_warning() -> None:
    """A lab of search agents can start with a key that is refused."""
    with ModelServer(["bad_key"]) as server:
        levels, _ = said(await asking(server.url, Agents(backend="search")))
    assert [("warn", "key")] == levels


@pytest.mark.parametrize(
    ("agents", "level"),
    [(CODING, "todo"), (Agents(worktree={"wt1": "anthropic"}), "todo"), (Agents(backend="search"), "warn")],
)
async def test_without_a_key_nothing_is_asked(agents: Agents, level: str) -> None:
    """It says which variables there are; it is to do only where an agent needs it."""
    levels, text = said(await ask(agents, {}, time.monotonic))
    assert ([(level, "key")], True) == (levels, "ANTHROPIC_API_KEY nor ANTHROPIC_AUTH_TOKEN" in text)


async def test_an_address_where_nobody_answers_is_named() -> None:
    """So that a forgotten base URL is seen."""
    with socket.create_server(("127.0.0.1", 0)) as free:
        url = f"http://127.0.0.1:{free.getsockname()[1]}"
    levels, text = said(await asking(url))
    assert ([("todo", "server")], True) == (levels, f"no connection to {url}" in text)


@pytest.mark.parametrize("url", ["http://[::1", "nonsense", "http://127.0.0.1:port"])
async def test_what_is_no_address_is_no_traceback(url: str) -> None:
    """A base URL that cannot be read is one line."""
    levels, _ = said(await asking(url))
    assert [("todo", "server")] == levels


async def test_a_server_that_is_silent_does_not_hold_the_doctor() -> None:
    """After the patience it is said."""
    with socket.create_server(("127.0.0.1", 0)) as silent:
        url = f"http://127.0.0.1:{silent.getsockname()[1]}"
        levels, text = said(await asking(url, patience_s=0.3))
    assert ([("todo", "server")], True) == (levels, f"{url} gave no answer within 0.3 s" in text)


async def test_every_page_of_the_list_is_read() -> None:
    """A model on the second page is there."""

    def pages(path: str) -> Answer:
        return 200, models(OWN) if "after_id=first" in path else models("first", more=True)

    with serving({"/v1/models": pages}) as (url, _):
        levels, text = said(await asking(url, own()))
    assert ([("ok", "server"), ("ok", "model")], True) == (levels, f"2 models: first, {OWN}" in text)


async def test_a_server_that_sends_one_page_for_ever_is_left() -> None:
    """A list has an end, even where the server knows none."""
    page = models(OWN, *(f"model-{number}" for number in range(99)), more=True)
    with serving({"/v1/models": (200, page)}) as (url, asked):
        levels, _ = said(await asking(url, own()))
    assert ([("ok", "server"), ("ok", "model")], 10) == (levels, len(asked))


async def test_an_alias_counts_although_it_is_not_listed() -> None:
    """The server lists dated names and answers to short ones."""
    listed = {"id": f"{OWN}-20260901", "type": "model", "display_name": "own", "lifecycle": "active"}
    with serving({"/v1/models": (200, models(listed["id"])), f"/v1/models/{OWN}": (200, listed)}) as (url, _):
        levels, text = said(await asking(url, own()))
    assert ([("ok", "server"), ("ok", "model")], True) == (levels, f"an alias of {OWN}-20260901" in text)


@pytest.mark.parametrize(
    "answer",
    [
        (404, {"detail": "Not Found"}),
        (405, "<h1>405</h1>"),
        (200, "<h1>hello</h1>"),
        (200, [1, 2]),
        (200, {"data": []}),
    ],
)
async def test_a_server_without_a_list_is_asked_for_one_token(answer: Answer) -> None:
    """Servers of one's own often speak of messages only."""
    with serving({"/v1/models": answer, "/v1/messages": (200, MESSAGE)}) as (url, asked):
        levels, text = said(await asking(url, own()))
    assert ([("ok", "model")], True, "/v1/messages") == (levels, f"{OWN} answers at {url}" in text, asked[-1])


@pytest.mark.parametrize(
    ("answer", "expected", "words"),
    [
        ((404, {"error": {"type": "not_found_error", "message": "model: own"}}), ("todo", "model"), "no such model"),
        ((401, {"error": {"type": "authentication_error", "message": "no"}}), ("todo", "key"), "refuses the key"),
        ((529, {"error": {"type": "overloaded_error", "message": "busy"}}), ("warn", "server"), "cannot answer now"),
        ((400, {"error": {"type": "invalid_request_error", "message": "credit"}}), ("todo", "server"), "credit"),
        ((200, "<h1>hello</h1>"), ("todo", "server"), "neither with a list of models nor with a message"),
    ],
)
async def test_what_comes_instead_of_one_token_is_said(answer: Answer, expected: tuple[str, str], words: str) -> None:
    """Each kind of refusal by its cause."""
    with serving({"/v1/messages": answer}) as (url, _):
        levels, text = said(await asking(url, own()))
    assert ([expected], True) == (levels, words in text)


@pytest.mark.parametrize(
    ("fields", "changes", "level", "words"),
    [
        ({"lifecycle": "retired"}, {}, "todo", "is retired"),
        ({"lifecycle": "deprecated", "retires_at": "2027-01-31T00:00:00Z"}, {}, "warn", "retires on 2027-01-31"),
        ({"max_tokens": 8192}, {}, "todo", "max_tokens = 8192"),
        ({"max_input_tokens": 100_000}, {"context_tokens": 90_000}, "warn", "context_tokens below 84000"),
    ],
)
async def test_a_model_that_cannot_do_as_configured_is_said(
    fields: dict[str, Any], changes: dict[str, Any], level: str, words: str
) -> None:
    """Its end, and its limits below those of lab.toml."""
    with serving({"/v1/models": (200, models(OWN, **fields))}) as (url, _):
        levels, text = said(await asking(url, own(**changes)))
    assert ((level, "model"), True) == (levels[-1], words in text)


@pytest.mark.parametrize(
    "echo",
    [(401, {"error": {"type": "authentication_error", "message": f"{KEY} is wrong"}}), (500, f"<h1>{KEY}</h1>")],
)
async def test_the_key_is_in_no_text(echo: Answer) -> None:
    """Not even where the server sends it back."""
    with serving({"/v1/models": echo}) as (url, _):
        _, text = said(await asking(url))
    assert KEY not in text


async def test_a_key_with_a_lines_end_is_not_quoted() -> None:
    """The transport's own words would quote it, escaped so that no search finds it."""
    with serving({}) as (url, _):
        levels, text = said(await asking(url, key=f"{KEY}\nand-more"))
    assert ([("todo", "key")], False, False) == (levels, KEY in text, "and-more" in text)


async def test_a_password_in_the_address_is_not_printed() -> None:
    """Only the host is named."""
    with socket.create_server(("127.0.0.1", 0)) as free:
        host = f"127.0.0.1:{free.getsockname()[1]}"
    _, text = said(await asking(f"http://me:{KEY}@{host}"))
    assert (True, False) == (f"http://{host}" in text, KEY in text)


async def test_a_name_from_the_server_cannot_write_to_the_terminal() -> None:
    """Control characters are left out."""
    with serving({"/v1/models": (200, models("\x1b[2Jowned"))}) as (url, _):
        _, text = said(await asking(url))
    assert "\x1b" not in text
