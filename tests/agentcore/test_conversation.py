"""The history that a model sees: whole, well-formed, and shortened from its oldest end."""

from __future__ import annotations

import json
from typing import Any

import pytest

from agentcore.agents.conversation import CACHED, FRESH, Conversation, result, text

LONG = "x" * 1000


def talked(turns: int, words: str = LONG) -> Conversation:
    """Return a conversation in which a tool was used so often."""
    talk = Conversation("the brief")
    for number in range(turns):
        talk.reply([{"type": "tool_use", "id": f"u{number}", "name": "bash", "input": {}}])
        talk.answer([result(f"u{number}", words, is_error=False)])
    return talk


def shown(talk: Conversation) -> list[str]:
    """Return what is left of each tool result: whole, cut or short."""
    blocks = [block for message in talk.messages() for block in message["content"] if block["type"] == "tool_result"]
    return ["cut" if "left out" in block["content"] else "whole" for block in blocks]


def marked(talk: Conversation) -> list[tuple[int, int]]:
    """Return where the cache breakpoints are: message and block."""
    return [
        (at, index)
        for at, message in enumerate(talk.messages())
        for index, block in enumerate(message["content"])
        if "cache_control" in block
    ]


def test_it_begins_with_the_brief() -> None:
    """One message of the user's."""
    assert [{"role": "user", "content": [{**text("the brief"), "cache_control": CACHED}]}] == Conversation(
        "the brief"
    ).messages()


def test_turns_alternate() -> None:
    """As a server wants them."""
    assert ["user", "assistant", "user", "assistant", "user"] == [each["role"] for each in talked(2).messages()]


def test_what_the_model_said_goes_back_as_it_came() -> None:
    """Every field of every block: signatures of thoughts are checked."""
    blocks: list[dict[str, Any]] = [
        {"type": "thinking", "thinking": "hm", "signature": "abc=="},
        {"type": "redacted_thinking", "data": "xyz"},
        {"type": "tool_use", "id": "u1", "name": "bash", "input": {"command": "ls"}, "new_field": None},
    ]
    talk = Conversation("the brief")
    talk.reply(blocks)
    assert blocks == talk.messages()[1]["content"]


def test_results_come_before_words() -> None:
    """A server refuses them in the other order; among themselves they stay in order."""
    talk = talked(1)
    talk.answer([text("a"), result("u1", "1", is_error=False), text("b"), result("u2", "2", is_error=True)])
    assert ["u1", "u2", "a", "b"] == [
        block.get("tool_use_id") or block["text"] for block in talk.messages()[-1]["content"]
    ]


@pytest.mark.parametrize(("words", "content"), [("", "(nothing)"), ("x", "x")])
def test_a_result_is_never_empty(words: str, content: str) -> None:
    """An empty block is refused."""
    assert content == result("u1", words, is_error=True)["content"]


# --- Cache breakpoints ---


@pytest.mark.parametrize(("turns", "where"), [(0, [(0, 0)]), (1, [(0, 0), (2, 0)]), (5, [(0, 0), (10, 0)])])
def test_the_brief_and_the_newest_message_are_marked(turns: int, where: list[tuple[int, int]]) -> None:
    """Two breakpoints at most, however often the messages are asked for: a fifth of all would be refused."""
    talk = talked(turns)
    talk.messages()
    assert where == marked(talk)


def test_the_last_block_is_the_marked_one() -> None:
    """So that all of the message is cached."""
    talk = talked(1)
    talk.answer([text("a"), result("u1", "1", is_error=False)])
    assert (3, 1) == marked(talk)[-1]


def test_a_message_of_the_models_is_not_marked() -> None:
    """When its turn goes on, it is the last one."""
    talk = talked(1)
    talk.reply([{"type": "thinking", "thinking": "hm", "signature": "abc"}])
    assert [(0, 0)] == marked(talk)


def test_what_was_returned_is_a_copy() -> None:
    """A request that is changed on its way changes no history."""
    talk = talked(1)
    sent = talk.messages()
    sent[2]["content"].append(text("x"))
    sent.pop()
    assert (3, 1) == (len(talk.messages()), len(talk.messages()[2]["content"]))


# --- Shortening ---


@pytest.mark.parametrize(
    ("turns", "keep", "left"),
    [
        (0, FRESH, []),
        (1, FRESH, ["whole"]),
        (2, FRESH, ["whole", "whole"]),
        (3, FRESH, ["cut", "whole", "whole"]),
        (3, 2, ["cut", "cut", "whole"]),
        (3, 0, ["cut", "cut", "cut"]),
        (3, 5, ["whole", "whole", "whole"]),
        (2, 6, ["whole", "whole"]),
        (3, 100, ["whole", "whole", "whole"]),
    ],
)
def test_the_oldest_results_are_left_out(turns: int, keep: int, left: list[str]) -> None:
    """All but those of the newest messages."""
    talk = talked(turns)
    talk.shorten(keep)
    assert left == shown(talk)


def test_what_was_saved_is_counted_once() -> None:
    """The second time there is nothing to save: the caller gives up then."""
    talk = talked(4)
    assert (2 * len(LONG), 0) == (talk.shorten(), talk.shorten())


def test_a_short_result_is_not_worth_it() -> None:
    """Its replacement would be as long."""
    talk = talked(4, "short")
    assert (0, ["whole"] * 4) == (talk.shorten(0), shown(talk))


def test_a_shortened_result_still_answers_its_call() -> None:
    """Without it a server refuses the request; an error stays one."""
    talk = Conversation("the brief")
    talk.reply([{"type": "tool_use", "id": "u1", "name": "bash", "input": {}}])
    talk.answer([result("u1", LONG, is_error=True)])
    talk.shorten(0)
    block = talk.messages()[-1]["content"][0]
    assert ("tool_result", "u1", True) == (block["type"], block["tool_use_id"], block["is_error"])


def test_brief_words_and_calls_stay() -> None:
    """What the model did and was told, however old."""
    talk = Conversation(LONG)
    talk.reply([text(LONG), {"type": "tool_use", "id": "u1", "name": "bash", "input": {"command": LONG}}])
    talk.answer([result("u1", LONG, is_error=False), text(LONG)])
    talk.shorten(0)
    assert 4 == json.dumps(talk.messages()).count(LONG)
