"""What does the model's server say, asked just now? The checks of `nightlab doctor --online`.

The list of models is asked for, which costs nothing; only a server without one is sent a message, of one token. Not
covered: credit and rate limits, which a server tells when it is made to work, and a server whose list needs no key.
"""

from __future__ import annotations

import asyncio
import difflib
from collections.abc import Callable, Iterator, Mapping
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from agentcore.agents.connection import BASE_URL, HEADERS, KEY, TOKEN, Connection, client, connection
from agentcore.brief.scrub import Scrubber
from agentcore.project.checkup import Check, Level
from worktrees.project import Agents, ModelSettings

if TYPE_CHECKING:
    from anthropic import AsyncAnthropic

PATIENCE_S = 30.0
PAGE, MODELS = 100, 1000
"""Models asked for at a time, and how many are listened to: a server may send the same page for ever."""
SHOWN = 40
"""Names that are printed."""
UNKNOWN_ROUTE = (400, 404, 405, 501)
"""What servers answer that speak of messages only."""
RESTART = "then nightlab stop && nightlab start"


class Trouble(Exception):
    """The server cannot be used. Carries the check that says so."""

    def __init__(self, level: Level, topic: str, text: str, remedy: str) -> None:
        super().__init__(text)
        self.check = Check(level, topic, text, remedy)


async def ask(
    agents: Agents, environment: Mapping[str, str], clock: Callable[[], float], *, patience_s: float = PATIENCE_S
) -> list[Check]:
    """Ask the server about the key and the model; `clock` is in seconds.

    Trouble is `todo` where an agent of the lab needs the model. The key is in no text, whatever the server says back.
    """
    level: Level = "todo" if "anthropic" in (agents.backend, *agents.worktree.values()) else "warn"
    if not (environment.get(KEY) or environment.get(TOKEN)):
        text = f"not asked: neither {KEY} nor {TOKEN} is set"
        return [Check(level, "key", text, f"export one of them, and {BASE_URL} for a server of your own")]
    to = connection(environment, environment)
    where = _where(to.base_url)
    try:
        async with asyncio.timeout(patience_s):
            checks = await _ask(agents.anthropic, to, where, level, clock)
    except Trouble as trouble:
        checks = [trouble.check]
    except TimeoutError:
        checks = [Check(level, "server", f"{where} gave no answer within {patience_s:g} s", "try again")]
    clean = Scrubber(_secrets(to)).clean
    return [Check(each.level, each.topic, clean(each.text), each.remedy) for each in checks]


async def _ask(
    settings: ModelSettings, to: Connection, where: str, level: Level, clock: Callable[[], float]
) -> list[Check]:
    """Ask for the list, else for a token. Raises Trouble, TimeoutError."""
    import anthropic  # here: it costs 1.4 s of CPU, which doctor without --online does not pay
    import httpx2

    try:
        async with client(to, PATIENCE_S) as server:
            began = clock()
            models = await _models(server)
            took = f"{clock() - began:.1f} s"
            if not models:
                return [await _one_token(server, settings, where, level, clock)]
            text = f"{where} answers in {took}, {len(models)} models: {_some(models)}"
            return [Check("ok", "server", text), *await _model(server, settings, models, level)]
    except anthropic.APIStatusError as error:
        raise _refused(error, where, level) from error
    except (anthropic.APIConnectionError, httpx2.TransportError) as error:
        raise _unreachable(error, where, level) from error
    except httpx2.InvalidURL as error:
        raise Trouble(level, "server", f"{where} is no address of a server", f"mend {BASE_URL}") from error


async def _models(server: AsyncAnthropic) -> dict[str, Any]:
    """Return the server's models by name, over all pages; none where it has no such list."""
    import anthropic

    found: dict[str, Any] = {}
    count = 0
    try:
        async for each in server.models.list(limit=PAGE):
            if isinstance(name := getattr(each, "id", None), str):
                found[name] = each
            count += 1
            if count >= MODELS:
                break
    except anthropic.APIStatusError as error:
        if error.status_code not in UNKNOWN_ROUTE:
            raise
    except (ValueError, AttributeError):  # a web page, or JSON of another kind: the SDK checks no shapes
        return {}
    return found


async def _model(
    server: AsyncAnthropic, settings: ModelSettings, models: Mapping[str, Any], level: Level
) -> list[Check]:
    """Say whether the configured model is among them, by its name or an alias, and fits the settings."""
    name = settings.model
    model = models.get(name) or await _alias(server, name)
    if model is None:
        near = difflib.get_close_matches(name, models, n=3)
        nearest = f"nearest: {', '.join(near)}" if near else "nothing like it"
        text = f"{name} is not among them ({nearest})"
        return [Check(level, "model", text, f"mend [agents.anthropic] model in lab.toml, {RESTART}")]
    life, reads, writes = (getattr(model, each, None) for each in ("lifecycle", "max_input_tokens", "max_tokens"))
    if life == "retired":
        return [Check(level, "model", f"{name} is retired: it answers no more", "choose another one in lab.toml")]
    alias = "" if model.id == name else f", an alias of {model.id}"
    known = [f"{verb} {size:,} tokens" for verb, size in (("reads", reads), ("writes", writes)) if size]
    text = ", ".join([f"{name} is among them{alias}", *known])
    if life == "deprecated":
        ends = getattr(model, "retires_at", None)
        text += f"; deprecated, {f'it retires on {ends:%Y-%m-%d}' if ends else 'it will be retired'}"
    checks = [Check("warn" if life == "deprecated" else "ok", "model", text)]
    return checks + list(_limits(settings, reads, writes, level))


def _limits(settings: ModelSettings, reads: int | None, writes: int | None, level: Level) -> Iterator[Check]:
    """Compare what lab.toml asks for with what the model can."""
    if writes and settings.max_tokens > writes:
        text = f"it writes at most {writes:,} tokens, lab.toml asks for {settings.max_tokens:,}"
        yield Check(level, "model", text, f"set [agents.anthropic] max_tokens = {writes}")
    if reads and settings.context_tokens + settings.max_tokens > reads:
        text = f"it reads at most {reads:,} tokens, lab.toml lets a conversation grow to {settings.context_tokens:,}"
        yield Check("warn", "model", text, f"set [agents.anthropic] context_tokens below {reads - settings.max_tokens}")


async def _alias(server: AsyncAnthropic, name: str) -> Any:
    """Return the model that the server knows under that name though it does not list it, or None."""
    import anthropic

    try:
        model = await server.models.retrieve(name)
    except anthropic.APIStatusError as error:
        if error.status_code not in UNKNOWN_ROUTE:
            raise
        return None
    except (ValueError, AttributeError):
        return None
    return model if isinstance(getattr(model, "id", None), str) else None


async def _one_token(
    server: AsyncAnthropic, settings: ModelSettings, where: str, level: Level, clock: Callable[[], float]
) -> Check:
    """Ask a server without a list for the shortest message. Raises Trouble where none comes."""
    began = clock()
    try:
        message: Any = await server.messages.create(
            model=settings.model, max_tokens=1, messages=[{"role": "user", "content": "Say yes."}]
        )
    except (ValueError, AttributeError):
        message = None
    if getattr(message, "usage", None) is None:
        text = f"{where} answers, but neither with a list of models nor with a message"
        raise Trouble(level, "server", text, f"mend {BASE_URL}: the part before /v1")
    text = f"{settings.model} answers at {where} in {clock() - began:.1f} s; the server has no list of models"
    return Check("ok", "model", text)


def _refused(error: Any, where: str, level: Level) -> Trouble:
    """Say what an error of the server means for the person."""
    status, kind = int(error.status_code), str(error.type or "")
    words = f"{status} {kind or type(error).__name__}: {str(error.api_message or error.message)[:300]}"
    if status in (401, 403):
        return Trouble(level, "key", f"{where} refuses the key: {words}", f"export a valid {KEY} or {TOKEN}, {RESTART}")
    if status == 404:
        remedy = f"mend [agents.anthropic] model in lab.toml, or {BASE_URL}: the part before /v1"
        return Trouble(level, "model", f"{where} has no list of models, and no such model: {words}", remedy)
    if status in (408, 409, 429) or status >= 500:
        return Trouble("warn", "server", f"{where} cannot answer now: {words}", "try again; agents wait by themselves")
    return Trouble(level, "server", f"{where} rejects the question: {words}", "see what it says")


def _unreachable(error: Exception, where: str, level: Level) -> Trouble:
    """Say why there is no connection; never in the words for a bad header, which quote it: it may be the key."""
    import httpx2

    cause = error.__cause__ or error
    if isinstance(cause, httpx2.LocalProtocolError):
        text = "nothing was sent: the key or a header holds a character that no header can carry, such as a line's end"
        return Trouble(level, "key", text, f"export {KEY}, {TOKEN} or {HEADERS} again")
    why = str(cause) or type(cause).__name__
    return Trouble(level, "server", f"no connection to {where}: {why}", f"check the network, a proxy, {BASE_URL}")


def _where(base_url: str | None) -> str:
    """Return the server's address without the name and the password that it may hold."""
    try:
        parts = urlsplit(base_url or "https://api.anthropic.com")
    except ValueError:
        return BASE_URL
    return parts._replace(netloc=parts.netloc.rpartition("@")[2], query="", fragment="").geturl()


def _secrets(connection: Connection) -> Iterator[str]:
    for secret in (connection.api_key, connection.auth_token, *connection.headers.values()):
        yield from (secret, secret.strip()) if secret else ()


def _some(names: Mapping[str, Any]) -> str:
    shown = ", ".join(list(names)[:SHOWN])
    return shown if len(names) <= SHOWN else f"{shown} and {len(names) - SHOWN} more"
