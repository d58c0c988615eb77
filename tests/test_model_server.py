"""The scripted model speaks to the real SDK as the real API does, and fails as it does."""

from __future__ import annotations

import ast
import asyncio
import re
import signal
import ssl
import subprocess
import sys
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import anthropic
import httpx2
import pytest

from tests import toy
from tests.model_server import SCENARIOS, ModelServer

NANOCHAT = (Path(__file__).parents[1] / "nanochat" / "train.py").read_text(encoding="utf-8")
SOURCES = {"toy": toy.TRAIN, "nanochat": NANOCHAT}
EDIT = "str_replace_based_edit_tool"
TLS = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
"""One for all clients: each would take 40 ms to load certificates that loopback has no use for."""
TOOLS = [{"name": name, "input_schema": {"type": "object"}} for name in ("bash", EDIT, "note", "submit")]

Json = dict[str, Any]


def brief(source: str = toy.TRAIN, history: str = "Nothing has been tried yet.") -> str:
    """Return a brief like those that agents get."""
    return f"You work in worktree wt0 of a lab.\n\n{history}\n\n### train.py\n\n```python\n{source}```\n"


@contextmanager
def serving(*scenarios: str, **options: float) -> Iterator[ModelServer]:
    """Serve scenarios."""
    with ModelServer(scenarios, **options) as server:
        yield server


class Talk:
    """One conversation by the real SDK, whose tools work on a file in memory."""

    def __init__(self, server: ModelServer, text: str = "", source: str = toy.TRAIN, **options: Any) -> None:
        http = httpx2.AsyncClient(verify=TLS)
        fields = {"base_url": server.url, "api_key": "any", "max_retries": 0, "timeout": 10.0, "http_client": http}
        self.client = anthropic.AsyncAnthropic(**fields | options)
        self.source = source
        self.messages: list[Json] = [{"role": "user", "content": text or brief(source)}]
        self.rejections = 0
        """Submissions still to be rejected."""

    async def __aenter__(self) -> Talk:
        return self

    async def __aexit__(self, *error: object) -> None:
        await self.client.close()

    def request(self, **more: Any) -> Json:
        """Return the arguments of the next request."""
        fields = {"model": "claude-sonnet-5-5", "max_tokens": 1000, "tools": TOOLS, "messages": self.messages}
        return fields | more

    async def events(self, **more: Any) -> AsyncIterator[Any]:
        """Yield the events of the next turn."""
        async with await self.client.messages.create(**self.request(stream=True, **more)) as stream:
            async for event in stream:
                yield event

    async def ask(self, **more: Any) -> Any:
        """Return the next turn, which is not yet part of the history."""
        async with self.client.messages.stream(**self.request(**more)) as stream:
            return await stream.get_final_message()

    def answer(self, message: Any) -> list[Json]:
        """Add a turn and the results of its tool calls to the history; return the results."""
        content = [block.to_dict() for block in message.content]
        for block in content:
            block.pop("parsed_output", None)  # the helper's, and no field of the API
        results = [self.result(block) for block in content if block["type"] == "tool_use"]
        self.messages.append({"role": "assistant", "content": content})
        if results or message.stop_reason != "pause_turn":
            self.messages.append({"role": "user", "content": results or "Go on."})
        return results

    def result(self, block: Json) -> Json:
        """Run a tool call on the file in memory."""
        error = self.error(block["name"], block["input"])
        found = {"type": "tool_result", "tool_use_id": block["id"], "content": error or "Done."}
        return found | ({"is_error": True} if error else {})

    def error(self, name: str, given: Json) -> str:
        """Do what a tool call says; return what is wrong with it, or nothing."""
        if name not in {tool["name"] for tool in TOOLS}:
            return "no such tool"
        if name == "submit" and self.rejections:
            self.rejections -= 1
            return "smoke check failed"
        if name == EDIT and given.get("path") != "train.py":
            return "not editable"
        if name == EDIT and given["command"] == "str_replace":
            if self.source.count(given.get("old_str") or "\0") != 1:
                return "old_str must occur once"
            self.source = self.source.replace(given["old_str"], given["new_str"])
        if name == EDIT and given["command"] == "create":
            self.source = given["file_text"]
        return ""

    async def finish(self) -> list[Json]:
        """Go on until a submission is accepted or nothing more is called; return all calls."""
        calls: list[Json] = []
        while True:
            message = await self.ask()
            said = [{"name": block.name, **block.input} for block in message.content if block.type == "tool_use"]
            calls += said
            results = self.answer(message)
            if not said or (said[-1]["name"] == "submit" and "is_error" not in results[-1]):
                return calls


async def conversation(server: ModelServer, source: str = toy.TRAIN, **options: Any) -> Talk:
    """Return a conversation that has come to its end."""
    async with Talk(server, source=source, **options) as talk:
        await talk.finish()
        return talk


# --- The good researcher ---


@pytest.mark.parametrize("source", SOURCES.values(), ids=SOURCES)
async def test_a_researcher_looks_edits_and_submits(source: str) -> None:
    """The first conversation has three turns."""
    with serving("good") as server:
        async with Talk(server, source=source) as talk:
            calls = await talk.finish()
    assert [(EDIT, "view"), (EDIT, "str_replace"), ("submit", None)] == [
        (call["name"], call.get("command")) for call in calls
    ]


@pytest.mark.parametrize("source", SOURCES.values(), ids=SOURCES)
async def test_successive_researchers_make_different_edits_that_compile(source: str) -> None:
    """Eight conversations leave eight different files, all of them Python, none the one they began with."""
    with serving("good") as server:
        left = [(await conversation(server, source)).source for _ in range(8)]
    assert (8, True) == (len({ast.dump(ast.parse(each)) for each in left}), source not in left)


@pytest.mark.parametrize("source", SOURCES.values(), ids=SOURCES)
async def test_an_edit_changes_one_line(source: str) -> None:
    """Whatever context it quotes."""
    with serving("good") as server:
        for left in [(await conversation(server, source)).source for _ in range(9)]:
            pairs = zip(source.splitlines(), left.splitlines(), strict=True)
            assert 1 == sum(old != new for old, new in pairs)


async def test_a_hypothesis_names_its_change() -> None:
    """The constant, from and to."""
    with serving("good") as server:
        async with Talk(server) as talk:
            hypothesis = (await talk.finish())[-1]["hypothesis"]
    name, old, new = re.match(r"(\w+) from (\S+) to (\S+):", hypothesis).groups()
    assert (True, True) == (f"{name} = {old}\n" in toy.TRAIN, f"{name} = {new}\n" in talk.source)


async def test_other_researchers_check_and_take_notes() -> None:
    """bash in every second conversation, note in every third."""
    with serving("good") as server:
        names = []
        for _ in range(3):
            async with Talk(server) as talk:
                names.append([call["name"] for call in await talk.finish()][2:])
    assert [["submit"], ["bash", "submit"], ["note", "submit"]] == names


async def test_the_source_is_read_from_the_view_when_the_brief_has_none() -> None:
    """With or without line numbers."""
    numbered = "\n".join(f"{index:6}\t{line}" for index, line in enumerate(toy.TRAIN.splitlines(), 1)) + "\n"
    with serving("good") as server:
        async with Talk(server, "Improve train.py.") as talk:
            talk.answer(await talk.ask())
            talk.messages[-1]["content"][0]["content"] = numbered
            await talk.finish()
    assert toy.TRAIN != talk.source


async def test_after_a_rejected_submission_another_idea_is_submitted() -> None:
    """The first edit is taken back before."""
    with serving("good") as server:
        first = (await conversation(server)).source
        server.conversations.clear()
        async with Talk(server) as talk:
            talk.rejections = 1
            calls = await talk.finish()
    assert (2, True) == (
        len([call for call in calls if call["name"] == "submit"]),
        talk.source not in (first, toy.TRAIN),
    )


async def test_a_researcher_gives_up_after_three_rejections() -> None:
    """And leaves the file as it was."""
    with serving("good") as server:
        async with Talk(server, source=NANOCHAT) as talk:
            talk.rejections = 9
            calls = await talk.finish()
    assert (3, NANOCHAT) == (len([call for call in calls if call["name"] == "submit"]), talk.source)


# --- What it looks like on the wire ---


async def test_texts_and_arguments_come_in_pieces() -> None:
    """Several deltas of each kind in the turn that edits."""
    with serving("good") as server:
        async with Talk(server) as talk:
            talk.answer(await talk.ask())
            kinds = [event.delta.type async for event in talk.events() if event.type == "content_block_delta"]
    assert {"thinking_delta": True, "signature_delta": False, "text_delta": True, "input_json_delta": True} == {
        kind: kinds.count(kind) > 1 for kind in kinds
    }


async def test_a_stream_begins_and_ends_as_it_should() -> None:
    """message_start first; message_delta and message_stop last."""
    with serving("good") as server:
        async with Talk(server) as talk:
            kinds = [event.type async for event in talk.events()]
    assert ("message_start", ["message_delta", "message_stop"]) == (kinds[0], kinds[-2:])


async def test_an_answer_need_not_be_streamed() -> None:
    """The same message comes at once."""
    with serving("good") as server:
        async with Talk(server) as talk:
            streamed, whole = await talk.ask(), await talk.client.messages.create(**talk.request())
    assert streamed.content[1].to_dict() == whole.content[1].to_dict()


async def test_a_prefix_is_written_to_the_cache_once_and_read_later() -> None:
    """With a cache_control at the top level."""
    cache = {"cache_control": {"type": "ephemeral"}}
    with serving("good") as server:
        async with Talk(server) as talk:
            first = await talk.ask(**cache)
            talk.answer(first)
            second = await talk.ask(**cache)
    assert (0, first.usage.cache_creation_input_tokens) == (
        first.usage.cache_read_input_tokens,
        second.usage.cache_read_input_tokens,
    )


async def test_without_a_mark_all_input_is_paid_for() -> None:
    """Nothing is cached that was not asked for."""
    with serving("good") as server:
        async with Talk(server) as talk:
            usage = (await talk.ask()).usage
    assert (0, True, True) == (
        usage.cache_creation_input_tokens,
        usage.input_tokens > len(brief()) // 4,
        usage.output_tokens > 1,
    )


async def test_thinking_may_be_hidden() -> None:
    """In every second conversation it is a signature without a text, and still comes back."""
    with serving("good") as server:
        await conversation(server)
        async with Talk(server) as talk:
            talk.answer(await talk.ask())
            block = (await talk.ask()).content[0]
    assert ("thinking", "", True) == (block.type, block.thinking, bool(block.signature))


async def test_models_are_listed_in_pages() -> None:
    """Two pages of two."""
    with serving("good") as server:
        async with Talk(server) as talk:
            names = [model.id async for model in talk.client.models.list(limit=2)]
    assert ["claude-opus-5-5", "claude-sonnet-5-5", "claude-haiku-5-5"] == names


async def test_a_model_is_looked_up() -> None:
    """With its window."""
    with serving("good") as server:
        async with Talk(server) as talk:
            assert 1_000_000 == (await talk.client.models.retrieve("claude-haiku-5-5")).max_input_tokens


async def test_an_unknown_model_is_not_found() -> None:
    """As the real API says it."""
    with serving("good") as server:
        async with Talk(server) as talk:
            with pytest.raises(anthropic.NotFoundError):
                await talk.client.models.retrieve("claude-wild")


async def test_thinking_takes_time() -> None:
    """think_s is a whole conversation's; one turn takes a quarter."""
    with serving("good", think_s=0.4) as server:
        async with Talk(server) as talk:
            start = time.monotonic()
            await talk.ask()
    assert time.monotonic() - start >= 0.1


# --- Faults ---


@pytest.mark.parametrize(
    ("scenario", "failure", "times"),
    [
        ("limit", anthropic.RateLimitError, 1),
        ("overload", anthropic.OverloadedError, 3),
        ("error500", anthropic.InternalServerError, 2),
        ("unavailable", anthropic.ServiceUnavailableError, 1),
        ("stream_error", anthropic.APIStatusError, 1),
        ("reset", httpx2.ReadError, 1),
        ("reset_early", anthropic.APIConnectionError, 1),
        ("half", httpx2.RemoteProtocolError, 1),
        ("too_long", anthropic.BadRequestError, 1),
    ],
)
async def test_a_passing_fault_ends_and_the_turn_can_be_sent_again(
    scenario: str, failure: type[Exception], times: int
) -> None:
    """The SDK raises so many times; then the conversation goes on to its submission."""
    failed = 0
    with serving(scenario) as server:
        async with Talk(server) as talk:
            calls: list[Json] = []
            while not calls:
                try:
                    calls = await talk.finish()
                except failure:
                    failed += 1
    assert (times, "submit", {scenario: times}, 1) == (
        failed,
        calls[-1]["name"],
        server.failures,
        len(server.conversations),
    )


@pytest.mark.parametrize(
    ("scenario", "failure"),
    [
        ("limit_long", anthropic.RateLimitError),
        ("bad_key", anthropic.AuthenticationError),
        ("no_credit", anthropic.PaymentRequiredError),
        ("no_credit_400", anthropic.BadRequestError),
        ("no_model", anthropic.NotFoundError),
        ("bad_request", anthropic.BadRequestError),
    ],
)
async def test_a_lasting_fault_lasts(scenario: str, failure: type[Exception]) -> None:
    """However often it is tried."""
    with serving(scenario) as server:
        async with Talk(server) as talk:
            for _ in range(3):
                with pytest.raises(failure):
                    await talk.ask()


@pytest.mark.parametrize(("scenario", "seconds"), [("limit", "1"), ("limit_long", "3600")])
async def test_a_limit_says_when_to_come_again(scenario: str, seconds: str) -> None:
    """In its header."""
    with serving(scenario) as server:
        async with Talk(server) as talk:
            with pytest.raises(anthropic.RateLimitError) as caught:
                await talk.ask()
    assert seconds == caught.value.response.headers["retry-after"]


async def test_an_error_inside_a_stream_has_status_200() -> None:
    """Only its type tells."""
    with serving("stream_error") as server:
        async with Talk(server) as talk:
            talk.answer(await talk.ask())
            with pytest.raises(anthropic.APIStatusError) as caught:
                await talk.ask()
    assert (200, "overloaded_error") == (caught.value.status_code, caught.value.type)


async def test_a_reset_comes_in_mid_stream() -> None:
    """After message_start and some deltas."""
    seen = []
    with serving("reset") as server:
        async with Talk(server) as talk:
            talk.answer(await talk.ask())
            try:
                async for event in talk.events():
                    seen.append(event.type)
            except httpx2.ReadError:
                seen.append("reset")
    assert ["message_start", "content_block_delta", "reset"] == [seen[0], *seen[-2:]]


async def test_a_clean_cut_looks_like_success() -> None:
    """The SDK returns it; only the missing stop_reason tells. The same turn can be asked again."""
    with serving("clean_cut") as server:
        async with Talk(server) as talk:
            talk.answer(await talk.ask())
            assert [None, "tool_use"] == [(await talk.ask()).stop_reason, (await talk.ask()).stop_reason]


async def test_a_stall_runs_into_the_read_timeout() -> None:
    """No ping comes meanwhile, and the server does not wait for its end when it stops."""
    with serving("stall", stall_s=60.0) as server:
        async with Talk(server, timeout=anthropic.Timeout(10.0, read=0.2)) as talk:
            talk.answer(await talk.ask())
            with pytest.raises(httpx2.ReadTimeout):
                await talk.ask()


@pytest.mark.parametrize(("scenario", "pings"), [("stall", 1), ("ping_stall", 2)])
async def test_a_stall_ends(scenario: str, pings: int) -> None:
    """With a ping in it or without; the one that begins a stream is always there."""
    with serving(scenario, stall_s=0.05) as server:
        async with Talk(server) as talk:
            talk.answer(await talk.ask())
            streaming = talk.client.messages.with_streaming_response
            async with streaming.create(**talk.request(stream=True)) as response:
                lines = [line async for line in response.iter_lines()]
    assert (pings, 1) == (lines.count("event: ping"), lines.count("event: message_stop"))


@pytest.mark.parametrize(
    ("scenario", "reasons"),
    [
        ("max_tokens", ["tool_use", "max_tokens", "tool_use", "tool_use"]),
        ("pause", ["tool_use", "pause_turn", "tool_use", "tool_use"]),
        ("context_full", ["tool_use", "tool_use", "model_context_window_exceeded", "tool_use"]),
        ("refusal", ["tool_use", "refusal", "refusal"]),
        ("talker", ["end_turn", "end_turn"]),
    ],
)
async def test_a_turn_can_stop_for_other_reasons(scenario: str, reasons: list[str]) -> None:
    """And the conversation goes on behind it."""
    seen = []
    with serving(scenario) as server:
        async with Talk(server) as talk:
            for _ in reasons:
                message = await talk.ask()
                seen.append(message.stop_reason)
                talk.answer(message)
    assert (reasons, []) == (seen, server.complaints)


async def test_a_call_cut_by_max_tokens_is_half_of_its_json() -> None:
    """The SDK's helper hands out what it could read."""
    with serving("max_tokens") as server:
        async with Talk(server) as talk:
            talk.answer(await talk.ask())
            call = (await talk.ask()).content[-1]
    assert {"command": "str_replace", "path": "train.py"} == call.input


async def test_arguments_that_are_no_json_break_the_helper() -> None:
    """ValueError, no error of the SDK's; the turn can be asked again."""
    with serving("bad_json") as server:
        async with Talk(server) as talk:
            talk.answer(await talk.ask())
            with pytest.raises(ValueError, match="Unable to parse tool parameter JSON"):
                await talk.ask()
            await talk.finish()
    assert toy.TRAIN != talk.source


async def test_arguments_that_are_no_json_can_be_answered_with_an_error() -> None:
    """As a client does that reads the events itself: the researcher then edits."""
    with serving("bad_json") as server:
        async with Talk(server) as talk:
            talk.answer(await talk.ask())
            events = [event async for event in talk.events()]
            call = next(event.content_block for event in events if getattr(event, "index", 0) == 1)
            block = {"type": "tool_use", "id": call.id, "name": call.name, "input": {}}
            talk.messages.append({"role": "assistant", "content": [block]})
            result = {"type": "tool_result", "tool_use_id": call.id, "content": "no JSON", "is_error": True}
            talk.messages.append({"role": "user", "content": [result]})
            await talk.finish()
    assert toy.TRAIN != talk.source


async def test_a_stream_without_an_end_ends_at_max_tokens() -> None:
    """One delta for each."""
    with serving("endless") as server:
        async with Talk(server) as talk:
            message = await talk.ask(max_tokens=5)
    assert ("max_tokens", "and then " * 5) == (message.stop_reason, message.content[0].text)


async def test_a_stream_without_an_end_can_be_left() -> None:
    """The server does not mind."""
    with serving("endless") as server:
        async with Talk(server) as talk:
            async for _ in talk.events(max_tokens=100_000):
                break


@pytest.mark.parametrize("fault", ["reset", "half", "clean_cut", "stream_error"])
async def test_a_fault_in_mid_stream_breaks_a_whole_answer_too(fault: str) -> None:
    """Without streaming it is a connection error."""
    with serving(fault) as server:
        async with Talk(server) as talk:
            talk.answer(await talk.ask())
            with pytest.raises(anthropic.APIConnectionError):
                await talk.client.messages.create(**talk.request())


# --- Researchers who do something else ---


@pytest.mark.parametrize(
    ("scenario", "errors"), [("unknown_tool", 1), ("missing_argument", 1), ("wrong_edit", 1), ("outside", 3)]
)
async def test_a_wrong_call_is_followed_by_right_ones(scenario: str, errors: int) -> None:
    """After the errors it got, the researcher edits and submits."""
    with serving(scenario) as server:
        talk = await conversation(server)
    results = [block for message in talk.messages[1:] for block in message["content"]]
    assert (errors, True) == (sum(block.get("is_error", False) for block in results), talk.source != toy.TRAIN)


async def test_a_stranger_writes_outside_with_both_tools() -> None:
    """Above the worktree, in /tmp, and in the file that measures."""
    with serving("outside") as server:
        async with Talk(server) as talk:
            calls = await talk.finish()
    paths = [call["path"] for call in calls if call.get("command") == "create"]
    commands = [call["command"] for call in calls if call["name"] == "bash"]
    assert ["../../evil.txt", "/tmp/nightlab-evil-0.txt", "evaluate.py"] == paths
    assert [f"echo 'print(0)' >> {path}" for path in (paths[0], paths[-1])] == commands


@pytest.mark.parametrize(
    ("source", "line"),
    [(toy.TRAIN, 'BEHAVIOUR = "crash"'), (NANOCHAT, '    raise RuntimeError("mat1'), ("RATE = 1\n", "raise Runtime")],
    ids=["toy", "nanochat", "any"],
)
async def test_a_crash_is_submitted_and_fixed_when_told(source: str, line: str) -> None:
    """The line is there when the submission is accepted, and gone after one that was rejected."""
    source = source if len(source) > 99 else f"# Speed (0 to 9).\n{source}"
    with serving("crash_edit") as server:
        accepted = await conversation(server, source)
        async with Talk(server, source=source) as rejected:
            rejected.rejections = 1
            await rejected.finish()
    assert (True, False, True) == (line in accepted.source, line in rejected.source, rejected.source != source)


CRASHED = 'Your experiment #7 ("RATE from 0.1 to 0.2: because") crashed when the lab trained it: exit code 1'


@pytest.mark.parametrize("scenario", ["crash_edit", "good"])
async def test_a_crash_that_the_brief_tells_of_is_mended(scenario: str) -> None:
    """The broken file is in the worktree, the brief holds the source below it; the hypothesis is submitted again."""
    with serving(scenario) as server:
        async with Talk(server, brief(history=CRASHED)) as talk:
            talk.source = toy.TRAIN.replace('"train"\n', '"crash"\n')
            calls = await talk.finish()
    assert (toy.TRAIN, "RATE from 0.1 to 0.2: because") == (talk.source, calls[-1]["hypothesis"])


async def test_a_crash_that_is_not_understood_is_left_behind() -> None:
    """The source of the brief is restored, and another idea submitted."""
    with serving("good") as server:
        async with Talk(server, brief(history=CRASHED)) as talk:
            talk.source = "import wild\n"
            await talk.finish()
    assert (True, True) == (talk.source != toy.TRAIN, talk.source.startswith(toy.TRAIN[:99]))


@pytest.mark.parametrize(
    ("source", "crash"),
    [
        (toy.TRAIN, ('BEHAVIOUR = "train"', 'BEHAVIOUR = "crash"')),
        (
            NANOCHAT,
            (
                "WIDTH * scale\n    if",
                'WIDTH * scale\n    raise RuntimeError("mat1 and mat2 shapes cannot be multiplied")\n    if',
            ),
        ),
    ],
    ids=["toy", "nanochat"],
)
async def test_a_crash_in_the_source_is_repaired_first(source: str, crash: tuple[str, str]) -> None:
    """Whoever finds it."""
    broken = source.replace(*crash)
    with serving("good") as server:
        talk = await conversation(server, broken)
    assert (True, source) == (broken != source, talk.source)


async def test_the_same_edit_is_made_again() -> None:
    """By every conversation of its kind."""
    with serving("good", "same") as server:
        left = [(await conversation(server)).source for _ in range(4)]
    assert (True, True) == (left[1] == left[3], left[1] != toy.TRAIN)


async def test_nothing_is_submitted() -> None:
    """At once, and without an edit."""
    with serving("nothing") as server:
        async with Talk(server) as talk:
            assert ["submit"] == [call["name"] for call in await talk.finish()]


async def test_control_characters_are_submitted() -> None:
    """In the hypothesis."""
    with serving("escapes") as server:
        async with Talk(server) as talk:
            assert "\x1b[2J\x1b]0;owned\x07[bold red]" == (await talk.finish())[-1]["hypothesis"][:24]


async def test_some_never_submit() -> None:
    """They look and list, and look again."""
    with serving("never_submits") as server:
        async with Talk(server) as talk:
            names = []
            for _ in range(6):
                message = await talk.ask()
                names.append(message.content[-1].name)
                talk.answer(message)
    assert [EDIT, "bash"] * 3 == names


# --- Conversations ---


async def test_new_conversations_play_the_scenarios_in_turn() -> None:
    """Round and round; *N plays one N times."""
    with serving("good*2", "talker") as server:
        for _ in range(5):
            await conversation(server)
    assert ["good", "good", "talker", "good", "good"] == [each.scenario for each in server.conversations]
    assert {"good": 4, "talker": 1} == server.served


async def test_a_first_turn_sent_again_is_the_same_conversation() -> None:
    """As after a fault."""
    with serving("good", "talker") as server:
        async with Talk(server) as talk:
            assert (await talk.ask()).content == (await talk.ask()).content
    assert [{1: 2}] == [each.attempts for each in server.conversations]


async def test_a_first_turn_heard_before_is_new_when_the_old_conversation_went_further() -> None:
    """A client that gave up in the middle begins afresh."""
    with serving("good", "talker") as server:
        async with Talk(server) as talk:
            talk.answer(await talk.ask())
            await talk.ask()
        async with Talk(server) as again:
            await again.ask()
    assert ["good", "talker"] == [each.scenario for each in server.conversations]


async def test_conversations_at_once_do_not_mix() -> None:
    """Each brief has its own."""
    with serving("good", "overload", "reset", "good", think_s=0.2) as server:
        talks = [Talk(server, f"{index} {brief()}") for index in range(4)]

        async def finish(talk: Talk) -> str:
            while True:
                try:
                    await talk.finish()
                except (anthropic.OverloadedError, httpx2.ReadError):
                    continue
                await talk.client.close()
                return talk.source

        left = await asyncio.gather(*(finish(talk) for talk in talks))
    assert (4, False) == (len(set(left)), toy.TRAIN in left)


async def test_requests_are_recorded() -> None:
    """With headers and parsed body."""
    with serving("good") as server:
        async with Talk(server) as talk:
            await talk.ask()
    (request,) = server.requests
    assert ("POST", "/v1/messages", "Bearer any", 1000) == (
        request.method,
        request.path,
        request.headers["authorization"],
        request.body["max_tokens"],
    )


@pytest.mark.parametrize("name", sorted(SCENARIOS))
async def test_every_scenario_answers_its_first_turns(name: str) -> None:
    """With a message or an error that a client can name, and no failure of the server's own."""
    with serving(name, stall_s=0.01) as server:
        async with Talk(server) as talk:
            for _ in range(3):
                try:
                    talk.answer(await talk.ask(max_tokens=20))
                except (anthropic.APIError, httpx2.TransportError, ValueError):
                    continue
    assert [] == server.complaints


# --- What the real API refuses ---

USER: Json = {"role": "user", "content": "Hello."}
CALL: Json = {"type": "tool_use", "id": "a", "name": "bash", "input": {}}
CALLS: Json = {"role": "assistant", "content": [CALL]}
RESULT: Json = {"type": "tool_result", "tool_use_id": "a", "content": "Done."}
ANSWER: Json = {"role": "user", "content": [RESULT]}
MARK: Json = {"cache_control": {"type": "ephemeral"}}
TEXT: Json = {"type": "text", "text": "Hello."}


@pytest.mark.parametrize(
    ("body", "complaint"),
    [
        ({"model": None}, "model: Field required"),
        ({"max_tokens": None}, "max_tokens: Field required"),
        ({"messages": []}, "at least one message"),
        ({"messages": [CALLS, USER]}, "first message must use the user role"),
        ({"messages": [USER, USER]}, "roles must alternate"),
        ({"messages": [USER, {"role": "assistant", "content": "Hello."}]}, "roles must alternate"),
        ({"messages": [USER, {"role": "system", "content": "Hello."}, USER]}, "Unexpected role"),
        ({"messages": [{"role": "user", "content": []}]}, "non-empty content"),
        ({"messages": [{"role": "user", "content": [{"type": "text", "text": ""}]}]}, "must be non-empty"),
        ({"messages": [{"role": "user", "content": [TEXT | {"parsed_output": None}]}]}, "Extra inputs"),
        ({"messages": [USER | {"id": "x"}]}, "Extra inputs"),
        ({"messages": [USER, CALLS, USER]}, "without `tool_result` blocks immediately after: a"),
        ({"messages": [{"role": "user", "content": [RESULT]}]}, "unexpected `tool_use_id`"),
        ({"messages": [USER, CALLS, {"role": "user", "content": [TEXT, RESULT]}]}, "must come before other content"),
        ({"messages": [USER, CALLS, {"role": "user", "content": [RESULT, RESULT]}]}, "a single result"),
        (
            {"messages": [USER, CALLS, ANSWER, CALLS, ANSWER]},
            "ids must be unique",
        ),
        ({"messages": [USER, {"role": "assistant", "content": [CALL | {"input": "{"}]}, USER]}, "valid dictionary"),
        ({"tools": [TOOLS[0], TOOLS[0]]}, "Tool names must be unique"),
        ({"tools": [{"name": "bash"}]}, "input_schema: Field required"),
        ({"messages": [{"role": "user", "content": [TEXT | MARK] * 4}], **MARK}, "A maximum of 4 blocks"),
        (
            {"tools": [TOOLS[0] | MARK], "system": [TEXT | {"cache_control": {"type": "ephemeral", "ttl": "1h"}}]},
            "must not come after",
        ),
    ],
)
async def test_a_malformed_request_is_refused(body: Json, complaint: str) -> None:
    """With 400 and the reason, which is kept."""
    with serving("good") as server:
        async with Talk(server) as talk:
            with pytest.raises(anthropic.BadRequestError, match=re.escape(complaint)):
                await talk.client.post("/v1/messages", body=talk.request(messages=[USER]) | body, cast_to=object)
    assert [True] == [complaint in each for each in server.complaints]


@pytest.mark.parametrize("change", [{"signature": "forged"}, {"thinking": "other"}, None], ids=str)
async def test_thinking_must_come_back_unchanged(change: Json | None) -> None:
    """Neither its text nor its signature may differ, nor may it be left out."""
    with serving("good") as server:
        async with Talk(server) as talk:
            for _ in range(2):
                talk.answer(await talk.ask())
            content = talk.messages[-2]["content"]
            content[:1] = [content[0] | change] if change else []
            with pytest.raises(anthropic.BadRequestError, match="cannot be modified"):
                await talk.ask()


async def test_a_request_without_a_key_is_refused() -> None:
    """With 401."""
    with serving("good") as server:
        async with httpx2.AsyncClient(base_url=server.url) as client:
            assert 401 == (await client.post("/v1/messages", json={})).status_code


async def test_a_token_is_as_good_as_a_key() -> None:
    """As Authorization: Bearer."""
    with serving("good") as server:
        async with anthropic.AsyncAnthropic(base_url=server.url, auth_token="any", api_key=None) as client:
            assert 3 == len((await client.models.list()).data)


async def test_anything_else_is_not_found() -> None:
    """With 404."""
    with serving("good") as server:
        async with httpx2.AsyncClient(base_url=server.url) as client:
            assert 404 == (await client.get("/v1/wild")).status_code


# --- How it is started ---


def test_an_unknown_scenario_is_an_error_with_the_known_names() -> None:
    """Before anything is served."""
    with pytest.raises(ValueError, match="no scenario 'wild'; known: good, limit"):
        ModelServer(["wild"])


def test_a_port_that_is_taken_is_an_error() -> None:
    """With its number."""
    with serving("good") as server:
        port = int(server.url.rpartition(":")[2])
        with pytest.raises(OSError, match=f"port {port}"), ModelServer(["good"], port=port):
            raise AssertionError("two servers on one port")


def test_by_hand_it_prints_what_to_export_and_ends_when_told() -> None:
    """One line, and no traceback."""
    command = [sys.executable, "-m", "tests.model_server", "--scenarios", "good,limit"]
    root = Path(__file__).parents[1]
    with subprocess.Popen(command, cwd=root, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
        line = process.stdout.readline()
        url = re.search(r"ANTHROPIC_BASE_URL=(http://127\.0\.0\.1:\d+)", line)[1]
        status = httpx2.get(f"{url}/v1/models", headers={"x-api-key": "any", "anthropic-version": "any"}).status_code
        process.send_signal(signal.SIGTERM)
        rest = process.communicate(timeout=10)
    assert (200, ("", ""), 0) == (status, rest, process.returncode)
