"""The backend `anthropic`: a coding agent on the Messages API, or on any server that speaks it.

A loop of model turns over five tools. Every proposal starts a fresh conversation from its brief. Trouble on the way is
the provider's (the turn is asked for again, however long that takes), the model's (it is told, and gets another turn),
or a person's (a refused key: nobody can work); none of it ends the lab's night.
"""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

from agentcore.agents import Asked, NoProposal, Proposal
from agentcore.agents.connection import Connection, client
from agentcore.agents.conversation import CACHED, Conversation, result, text
from agentcore.agents.editor import ToolError
from agentcore.agents.pacing import Pacing
from agentcore.agents.tools import SCHEMAS, Tools
from agentcore.agents.turn import Block, Busy, ContextFull, Reply, take
from agentcore.brief.privacy import is_loopback
from agentcore.brief.text import Brief
from agentcore.worktree.workspace import Workspace
from worktrees.project import ModelSettings

if TYPE_CHECKING:
    from anthropic import AsyncAnthropic

CUTS = NUDGES = 3
"""How often a reply may be cut, or come without a tool call, before the proposal is given up."""
LAST_TURNS = 3
"""The model is told when so many turns are left."""


class CodingAgent:
    """One for all worktrees: they share the client, its connections and its pacing."""

    def __init__(self, settings: ModelSettings, connection: Connection, pacing: Pacing) -> None:
        self.name = "anthropic"
        self.is_local = is_loopback(connection.base_url)
        """True where its model's server is on this machine: what it reads stays here."""
        self._settings = settings
        self._connection = connection
        self._pacing = pacing
        self._client: AsyncAnthropic | None = None
        self._connecting = asyncio.Lock()

    async def propose(self, brief: Brief, workspace: Workspace) -> Proposal:
        """Let the model edit the worktree until it submits. Raises NoProposal, Asked, Barred, OutOfBudget."""
        tools = Tools(brief, workspace, self._settings.command_s)
        talk = Conversation(workspace.clean(brief.text))
        system = [{"type": "text", "text": workspace.clean(brief.rules), "cache_control": CACHED}]
        patience = _Patience(workspace)
        while True:
            patience.count()
            reply = await self._turn(talk, system, workspace, patience)
            talk.reply(_kept(reply))
            if reply.stop_reason != "max_tokens":
                workspace.tell("THINK")
            if reply.stop_reason == "pause_turn":  # the server wants the same conversation once more
                continue
            results = [await self._use(tools, block, reply, workspace) for block in _tool_uses(reply)]
            if tools.proposal:
                return tools.proposal
            if tools.question:
                raise Asked(tools.question)
            talk.answer([*results, *(text(words) for words in patience.words(reply))])

    async def close(self) -> None:
        """Let go of the connections."""
        if self._client is not None:
            await self._client.close()

    async def _turn(
        self, talk: Conversation, system: list[dict[str, Any]], workspace: Workspace, patience: _Patience
    ) -> Reply:
        """Ask for one turn until there is a whole reply that can be worked with."""
        server = await self._connect()
        while True:
            workspace.check_budget()
            request = self._request(talk, system)
            began = workspace.now
            async with self._pacing.turn(lambda why, until: workspace.tell("LIMIT", why, until)):
                workspace.go_on()
                patience.waited_s += workspace.now - began
                asked = workspace.now
                try:
                    async with asyncio.timeout(patience.left_s()):
                        reply = await self._take(server, request, workspace, talk)
                except Busy as busy:
                    self._pacing.failed(asked, workspace.clean(str(busy)), busy.retry_after_s)
                    continue
                except ContextFull as full:
                    patience.full(talk, str(full))
                    continue
                except TimeoutError:
                    raise NoProposal(patience.late()) from None
            self._pacing.succeeded(asked)
            if reply.stop_reason == "refusal":
                workspace.tell("REFUSED", reply.explanation)
                raise NoProposal(f"the model refused: {reply.explanation or 'it did not say why'}")
            if reply.stop_reason != "model_context_window_exceeded":
                return reply
            patience.full(talk, "the conversation reached the model's context")

    async def _take(
        self, server: AsyncAnthropic, request: dict[str, Any], workspace: Workspace, talk: Conversation
    ) -> Reply:
        read = 0

        def spent(usage: Any) -> None:
            nonlocal read
            read = usage.tokens - usage.output
            workspace.spend(self._settings.model, usage)

        reply = await take(
            server,
            request,
            stall_s=self._settings.stall_s,
            spent=spent,
            said=lambda block: _write_down(workspace, block),
        )
        if read > self._settings.context_tokens:
            talk.shorten()
        return reply

    def _request(self, talk: Conversation, system: list[dict[str, Any]]) -> dict[str, Any]:
        effort = {"output_config": {"effort": self._settings.effort}} if self._settings.effort else {}
        return {
            "model": self._settings.model,
            "max_tokens": self._settings.max_tokens,
            "system": system,
            "tools": SCHEMAS,
            "messages": talk.messages(),
            **effort,
        }

    async def _use(self, tools: Tools, block: Block, reply: Reply, workspace: Workspace) -> Block:
        """Carry one tool call out; whatever is wrong with it becomes an error that the model reads."""
        name = str(block.get("name"))
        try:
            if (given := reply.malformed.get(block["id"])) is not None:
                raise ToolError(f"the arguments are no JSON object: {given[:200]}")
            words, is_error = await tools.use(name, block["input"]), False
        except ToolError as error:
            words, is_error = str(error), True
        words = workspace.clean(words)
        workspace.transcript.write("result", tool=name, ok=not is_error, text=words)
        return result(block["id"], words, is_error=is_error)

    async def _connect(self) -> AsyncAnthropic:
        async with self._connecting:
            if self._client is None:
                self._client = await asyncio.to_thread(client, self._connection, self._settings.stall_s)
            return self._client


class _Patience:
    """How much longer one proposal may take, and what the model is told when that runs out."""

    def __init__(self, workspace: Workspace) -> None:
        self._workspace = workspace
        self._began = workspace.now
        self._turns = self._cuts = self._nudges = self._full = 0
        self.waited_s = 0.0
        """Seconds of waiting for the provider, which are not the model's."""

    def count(self) -> None:
        """Begin another turn. Raises NoProposal where there may be none."""
        if self._turns >= self._workspace.limits.turns:
            raise NoProposal(f"no proposal in {self._turns} turns ([limits] turns)")
        if self.left_s() <= 0:
            raise NoProposal(self.late())
        self._turns += 1

    def left_s(self) -> float:
        """Return the seconds that are left."""
        return self._workspace.limits.seconds - (self._workspace.now - self._began - self.waited_s)

    def late(self) -> str:
        """Return the reason for a proposal that took too long."""
        return f"no proposal within {self._workspace.limits.seconds:g} s ([limits] seconds)"

    def full(self, talk: Conversation, why: str) -> None:
        """Make room in the conversation. Raises NoProposal where that was done already, or nothing can be left out."""
        self._workspace.tell("FULL", why)
        self._full += 1
        if self._full > 2 or not talk.shorten(keep=2 if self._full == 1 else 0):
            raise NoProposal(f"the model's context is full: {why}")

    def words(self, reply: Reply) -> list[str]:
        """Return what the model is told beside its tools' results. Raises NoProposal where telling has not helped."""
        words = [f"The researcher says: {each}" for each in self._workspace.messages()]
        if reply.stop_reason == "max_tokens":
            self._cuts += 1
            self._workspace.tell("CUT", f"reply {self._turns} reached its limit of tokens")
            if self._cuts > CUTS:
                raise NoProposal(f"{self._cuts} replies reached their limit of tokens ([agents.anthropic] max_tokens)")
            words.append("Your reply was cut at its limit of tokens; its tool calls were not carried out. Write less.")
        elif not any(block["type"] == "tool_use" for block in reply.content):
            self._nudges += 1
            if self._nudges > NUDGES:
                raise NoProposal(f"{self._nudges} replies without a tool call: it talks and does not submit")
            words.append("Use a tool: edit the file, then call submit.")
        left = self._workspace.limits.turns - self._turns
        if left <= LAST_TURNS:
            words.append(f"{left} turns are left: submit now." if left > 1 else "This is the last turn: submit now.")
        return words


def _kept(reply: Reply) -> list[Block]:
    """Return what of a reply goes into the history: all of it, but of a cut one only whole text."""
    if reply.stop_reason != "max_tokens":
        return list(reply.content) or [text("(no answer)")]
    words = [block for block in reply.content if block["type"] == "text" and block.get("text", "").strip()]
    return words or [text("(the reply was cut)")]


def _tool_uses(reply: Reply) -> list[Block]:
    """Return the tool calls that are carried out; the last one of a cut reply may be half a call, so none."""
    return [] if reply.stop_reason == "max_tokens" else [each for each in reply.content if each["type"] == "tool_use"]


def _write_down(workspace: Workspace, block: Block) -> None:
    match block.get("type"):
        case "text":
            workspace.transcript.write("text", text=block.get("text", ""))
        case "thinking":
            workspace.transcript.write("thought", text=block.get("thinking", ""))
        case "tool_use":
            workspace.transcript.write("tool", name=block.get("name"), input=block.get("input"))
