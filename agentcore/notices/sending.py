"""How is one notice sent by every way that is set, and what came back?"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from pathlib import Path

from agentcore.brief.scrub import Scrubber
from agentcore.notices import Notice, NotSent, command, webhook
from agentcore.notices.settings import Notify, SettingsError, notify, read
from agentcore.notices.webhook import WAITS_S, Waits

TEST = "This is what a notice of nightlab looks like."


async def send(
    notice: Notice, settings: Notify, root: Path, environment: Mapping[str, str], waits_s: Waits = WAITS_S
) -> tuple[list[str], list[str]]:
    """Return what came back of the ways that took it, and of the others. `root`: the lab's folder."""
    ways = []
    if settings.command:
        ways.append(command.run(settings.argv, command.line(notice, root), root, environment))
    if settings.url:
        ways.append(_post(notice, settings, environment, waits_s))
    clean = Scrubber([environment.get(settings.token_env, ""), settings.url]).clean
    said, missed = [], []
    for came in await asyncio.gather(*ways, return_exceptions=True):
        if isinstance(came, NotSent):
            missed.append(clean(str(came)))
        elif isinstance(came, Exception):  # whatever it is, no night ends for a notice
            missed.append(clean(f"{type(came).__name__}: {came}"))
        elif isinstance(came, BaseException):
            raise came
        else:
            said.append(clean(came))
    return said, missed


async def test(name: str, root: Path, at: float, file: Path, environment: Mapping[str, str]) -> list[str]:
    """Send one that tells of nothing, by the settings in `file`, once; return what came back. Raises NotSent."""
    try:
        settings = notify(read(file), str(file))
    except SettingsError as error:
        raise NotSent(str(error)) from error
    if not settings.is_set:
        raise NotSent(f"nothing is set: write command or url under [notify] in {file}")
    notice = Notice(name, at, "report", f"{name}: a test", TEST)
    said, missed = await send(notice, settings, root, environment, waits_s=())
    if missed:
        raise NotSent("; ".join([*missed, *said]))
    return said


async def _post(notice: Notice, settings: Notify, environment: Mapping[str, str], waits_s: Waits) -> str:
    """Raises NotSent."""
    token, name = "", settings.token_env
    if name and not (token := environment.get(name, "").strip()):
        raise NotSent(f"${name} is not set: export it, then nightlab stop && nightlab start")
    return await webhook.post(notice, settings.url, token, waits_s=waits_s)
