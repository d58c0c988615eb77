"""How does the engine send what a person is to be told, and what becomes of what does not arrive?

It is looked at with every plan and sent beside the engine's work, one notice at a time; what comes meanwhile goes into
the next. What does not arrive is a warning, said once, and is not sent again.
"""

from __future__ import annotations

import asyncio
import os
from collections.abc import Mapping
from pathlib import Path

import msgspec

from agentcore import events as ev
from agentcore.engine.lab import Lab
from agentcore.notices import Notice, sending
from agentcore.notices.due import OWN, Due, due
from agentcore.notices.settings import Notify, SettingsError, notify, read
from agentcore.notices.words import words

LAST_S = 8.0
"""How long an engine that leaves waits for its last notice."""
TITLE = 120
"""Characters; the text has the sentence in full."""


class Courier:
    """Tells a person what concerns them, by the settings in `file`, with the environment that the engine was given."""

    def __init__(self, lab: Lab, file: Path, environment: Mapping[str, str] = os.environ) -> None:
        self.file = file
        self._lab, self._environment = lab, environment
        self._seen = 0
        """The newest event that was looked at, where nothing older waits to be told."""
        self._sending: asyncio.Task[None] | None = None

    @property
    def environment(self) -> dict[str, str]:
        """What the engine was started with; it has put aside what is secret."""
        return {**self._environment, **self._lab.secrets}

    def look(self, *, last: bool = False) -> None:
        """Give the notice that is due, if one is. Raises JournalError."""
        if self._sending is not None:
            if not self._sending.done():
                return
            sent, self._sending = self._sending, None
            sent.result()  # a full disk ends the engine, as it does everywhere
        state = self._lab.state
        if state.seq == self._seen:
            return
        now, settings = self._lab.clock(), None
        found = due(state, self._seen, now, news=True, last=last)
        if found and (settings := self._settings()):  # the file is read only where there is something to tell
            found = found if settings.news else due(state, self._seen, now, news=False, last=last)
        if settings is None or found is None:
            self._seen = self._lab.state.seq
        elif not found.waits:
            notice = self._notice(found)
            self._lab.record(ev.NoticeGiven(state.seq, found.level, found.texts), durable=True)
            self._seen = self._lab.state.seq
            self._sending = asyncio.ensure_future(self._send(notice, settings))

    async def finish(self) -> None:
        """Give what is still due, and wait a little for what is on its way. Raises JournalError."""
        end = asyncio.get_running_loop().time() + LAST_S
        await self._wait(end)  # for what is on its way, which what is still due had to wait for
        self.look(last=True)
        await self._wait(end)

    async def close(self) -> None:
        """Give up what is still on its way: the journal is closed next."""
        if self._sending is not None:
            self._sending.cancel()
            await asyncio.gather(self._sending, return_exceptions=True)

    async def _wait(self, end: float) -> None:
        if self._sending is not None:
            await asyncio.wait({self._sending}, timeout=max(0.0, end - asyncio.get_running_loop().time()))

    def _settings(self) -> Notify | None:
        """Return what the file says now; None where nothing is set, or it cannot be used, which is said once."""
        try:
            settings = notify(read(self.file), str(self.file))
        except SettingsError as error:
            self._lab.say(OWN, f"nothing can be told: {error}")
            return None
        return settings if settings.is_set else None

    async def _send(self, notice: Notice, settings: Notify) -> None:
        lab = self._lab
        _, missed = await sending.send(notice, settings, lab.paths.root, self.environment)
        why = lab.scrubber.clean("; ".join(missed))
        lab.say(OWN, f"a notice did not arrive: {why}. Try it: nightlab notify --test" if missed else "")

    def _notice(self, found: Due) -> Notice:
        """Return the message: a sentence for each thing, and a report's ten lines in place of its own."""
        lab = self._lab
        name = lab.state.config.name if lab.state.config else lab.paths.root.name
        first, others, body = found.texts[0], len(found.texts) - 1, list(found.texts)
        if found.report is not None:
            body.remove(words(found.report, lab.state))
            others = max(0, len(body) - 1)
            body += self._ten(found.report)
        first = first if len(first) <= TITLE else f"{first[: TITLE - 1]}…"
        title = lab.scrubber.clean(f"{name}: {first}{f' and {others} more' if others else ''}")
        text = lab.scrubber.clean("\n".join(body))
        path = found.report.path if found.report else ""
        return Notice(name, lab.clock(), found.level, " ".join(title.split()), text, path)

    def _ten(self, written: ev.ReportWritten) -> list[str]:
        """Return the ten lines from the report's file, or why there are none."""
        if not written.path:
            return [written.reason]
        try:
            body = (self._lab.paths.root / written.path).with_suffix(".json").read_bytes()
            return [f"{each['question']} {each['text']}" for each in msgspec.json.decode(body)["answers"]]
        except (OSError, msgspec.DecodeError, LookupError, TypeError) as error:
            return [f"the report cannot be read: {error}"]
