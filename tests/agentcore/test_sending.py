"""A notice reaches a real program and a real server, or says in a sentence why not, and never with the token in it."""

from __future__ import annotations

import asyncio
import json
import os
import sys
from dataclasses import replace
from pathlib import Path

import pytest

from agentcore import events as ev
from agentcore.brief.scrub import take_secrets
from agentcore.engine.commands import Desk as Counter
from agentcore.engine.control import Command
from agentcore.notices import Notice, NotSent, command, webhook
from agentcore.notices.courier import Courier
from agentcore.notices.settings import Notify
from tests.agentcore.labs import Desk, desk
from tests.agentcore.topic import Posted, listening
from tests.engines import end_lab, nightlab, spawn, wait_for
from tests.toy import LAB, make
from worktrees import processes

NOTICE = Notice("toy", 1_800_000_000.0, "urgent", "toy: σ is 3", 'wt0 asks: "why?"\nwt1 is parked', "r.md")
TOKEN = "tk_0123456789abcdef"

KEEPS = "import sys; open('told', 'a').write(sys.stdin.read())"
"""A program that keeps what it is told in the lab's folder."""


FULL = "\n[limits]\ndisk_floor_gb = 9000000\n"
"""Of a lab whose disk counts as full."""


async def run(tmp_path: Path, script: str, wall_s: float = 20.0) -> str:
    """Hand the notice to a Python program."""
    argv = [sys.executable, "-S", "-c", script]
    return await command.run(argv, command.line(NOTICE, tmp_path), tmp_path, {**os.environ, "OWN": "mine"}, wall_s)


async def test_a_program_is_given_one_line_of_json(tmp_path: Path) -> None:
    """With its own environment, in the lab's folder; what it prints comes back, its first line of it."""
    said = await run(tmp_path, f"{KEEPS}; import os; print(os.environ['OWN']); print('x' * 100_000)")
    assert f"{sys.executable} ended with code 0: mine" == said
    (line,) = (tmp_path / "told").read_text().splitlines()
    expected = {
        "schema": "nightlab.notice/1",
        "at": "2027-01-15T08:00:00Z",
        "lab": "toy",
        "root": str(tmp_path),
        "level": "urgent",
        "title": "toy: σ is 3",
        "text": 'wt0 asks: "why?"\nwt1 is parked',
        "priority": 4,
        "tags": ["warning"],
        "report": "r.md",
    }
    assert expected == json.loads(line)


@pytest.mark.parametrize(
    ("script", "wall_s", "why"),
    [
        ("import sys; sys.exit('no such\\x1b[2J topic')", 20.0, "ended with code 1: no such topic"),
        ("import time; time.sleep(600)", 0.2, "did not end within 0.2 s and was ended"),
    ],
)
async def test_a_program_that_fails_says_how(tmp_path: Path, script: str, wall_s: float, why: str) -> None:
    """In what it prints first, or that it was ended."""
    with pytest.raises(NotSent) as caught:
        await run(tmp_path, script, wall_s)
    assert f"{sys.executable} {why}" == str(caught.value)


async def test_a_program_may_leave_something_running(tmp_path: Path) -> None:
    """What holds its output open is not waited for."""
    child = f"import subprocess, sys; subprocess.Popen([{sys.executable!r}, '-S', '-c', 'import time; time.sleep(2)'])"
    assert "ended with code 0" in await run(tmp_path, child)


async def test_a_program_that_is_not_there_says_so(tmp_path: Path) -> None:
    """And which setting names it."""
    with pytest.raises(NotSent, match=r"no-such cannot be started: .*mend \[notify\] command"):
        await command.run(["no-such"], b"", tmp_path, {})


async def no_wait(seconds: float) -> None:
    """Let no time pass."""


async def test_a_topic_gets_text_and_headers() -> None:
    """As ntfy reads them, whatever letters are in them."""
    with listening() as topic:
        assert "127.0.0.1 answered 200 OK" == await webhook.post(NOTICE, topic.url, TOKEN)
    headers = ("toy: σ is 3", "4", "warning", f"Bearer {TOKEN}")
    assert [Posted("/a-secret-topic", *headers, NOTICE.text)] == topic.posted


async def test_a_title_brings_no_header_of_its_own() -> None:
    """Whatever the lab is called."""
    with listening() as topic:
        await webhook.post(replace(NOTICE, title="toy\r\nPriority: 5\x00"), topic.url, "")
    assert [("toy Priority: 5", "4")] == [(each.title, each.priority) for each in topic.posted]


async def test_a_long_text_stays_a_message() -> None:
    """Of more than 4096 bytes ntfy makes a file."""
    with listening() as topic:
        await webhook.post(replace(NOTICE, text="漢" * 3000), topic.url, "")
    assert ["漢" * 1300] == [each.text for each in topic.posted]


@pytest.mark.parametrize(
    ("answers", "requests", "why"),
    [
        ((503, 429, 200), 3, ""),
        ((500, 502, 503, 429), 4, "127.0.0.1 answered 429 Too Many Requests, 4 times"),
        ((403,), 1, "127.0.0.1 answered 403 Forbidden"),
        ((302,), 1, "127.0.0.1 answered 302 Found, which is not followed: name the address itself"),
        ((599,), 1, "127.0.0.1 answered 599"),
        ((0,), 1, "127.0.0.1 gave no answer: it may have arrived, so it is not sent again"),
    ],
)
async def test_it_is_sent_again_only_where_it_was_not_taken(answers: tuple[int, ...], requests: int, why: str) -> None:
    """A redirect is not followed, and what may have arrived is not told twice."""
    with listening(*answers) as topic:
        try:
            await webhook.post(NOTICE, topic.url, TOKEN, sleep=no_wait)
            found = ""
        except NotSent as error:
            found = str(error)
    assert (requests, why) == (len(topic.posted), found)


@pytest.mark.parametrize(
    ("url", "token", "why"),
    [
        ("http://127.0.0.1:9/secret", TOKEN, "127.0.0.1 cannot be reached (ConnectError), 4 times"),
        ("http://127.0.0.1:9/secret", "a\nb", "the token holds what no request can"),
        ("http://127.0.0.1:9/secret", "a漢", "the token holds what no request can"),
    ],
)
async def test_what_cannot_be_sent_says_why_without_a_secret(url: str, token: str, why: str) -> None:
    """Neither topic nor token is in a message."""
    with pytest.raises(NotSent) as caught:
        await webhook.post(NOTICE, url, token, sleep=no_wait)
    assert str(caught.value).startswith(why) and "secret" not in str(caught.value) and token not in str(caught.value)


# The engine


def courier(at: Desk, folder: Path, settings: str, **environment: str) -> Courier:
    """Return who tells a person of this lab."""
    file = folder / "own.toml"
    file.write_text(f"[notify]\n{settings}\n")
    return Courier(at.lab, file, {**os.environ, **environment})


async def test_what_is_given_is_written_before_it_is_sent(tmp_path: Path) -> None:
    """So an engine that is killed in between leaves nothing that the next one would tell again."""
    async with desk(tmp_path / "lab") as at:
        with listening() as topic:
            tells = courier(at, tmp_path, f'url = "{topic.url}"')
            at.lab.record(ev.WarningRaised("disk", "3G free"))
            tells.look()
            assert [ev.NoticeGiven(at.lab.state.seq - 1, "stopped", ("3G free",))] == at.told(ev.NoticeGiven)
            Courier(at.lab, tells.file).look()
            await tells.finish()
            assert [("toy: 3G free", "5", "3G free")] == [
                (each.title, each.priority, each.text) for each in topic.posted
            ]
        assert 1 == len(at.told(ev.NoticeGiven))


async def test_what_does_not_arrive_is_one_warning(tmp_path: Path) -> None:
    """Said once, with no secret in it; it calls nobody, and goes when the next one arrives."""
    async with desk(tmp_path / "lab") as at:
        with listening(403, 403) as topic:
            tells = courier(at, tmp_path, f'url = "{topic.url}"\ntoken_env = "MY_TOPIC"', MY_TOPIC=TOKEN)
            warnings = []
            for text in ("3G free", "2G free", "1G free"):
                at.lab.record(ev.WarningRaised("disk", text))
                await tells.finish()
                warnings.append(at.lab.state.warnings.get("notify", ""))
        why = "a notice did not arrive: 127.0.0.1 answered 403 Forbidden. Try it: nightlab notify --test"
        assert [why, why, ""] == warnings
        assert [why] == [each.message for each in at.told(ev.WarningRaised) if getattr(each, "topic", "") == "notify"]
        assert 3 == len(topic.posted)


async def test_whatever_goes_wrong_in_sending_ends_no_night(tmp_path: Path) -> None:
    """It is a warning as any other: here a file of certificates that is not there, which no request expects."""
    async with desk(tmp_path / "lab") as at:
        tells = courier(at, tmp_path, 'url = "https://127.0.0.1:9/a-secret-topic"')
        with pytest.MonkeyPatch.context() as patch:
            patch.setenv("SSL_CERT_FILE", str(tmp_path / "none"))
            at.lab.record(ev.WarningRaised("disk", "3G free"))
            await tells.finish()
            tells.look()
        warning = at.lab.state.warnings["notify"]
        assert warning.startswith("a notice did not arrive: ") and "secret" not in warning


async def test_what_is_on_its_way_is_given_up_with_the_engine(tmp_path: Path) -> None:
    """A program that does not end is ended, and nothing is written into a journal that is closed."""
    async with desk(tmp_path / "lab") as at:
        script = "import os, time; open('pid', 'w').write(str(os.getpid())); time.sleep(600)"
        tells = courier(at, tmp_path, f"command = {json.dumps([sys.executable, '-S', '-c', script])}")
        at.lab.record(ev.WarningRaised("disk", "3G free"))
        tells.look()
        file = at.lab.paths.root / "pid"
        async with asyncio.timeout(20):
            while not (file.exists() and file.read_text()):
                await asyncio.sleep(0.01)
            await tells.close()
        assert None is processes.stat(int(file.read_text()))
        assert "notify" not in at.lab.state.warnings


async def test_a_file_that_cannot_be_used_is_one_warning(tmp_path: Path) -> None:
    """The engine goes on, and so does what it was told after the file is mended."""
    async with desk(tmp_path / "lab") as at:
        tells = courier(at, tmp_path, "url = 1")
        for text in ("3G free", "2G free"):
            at.lab.record(ev.WarningRaised("disk", text))
            await tells.finish()
        assert at.lab.state.warnings["notify"].startswith(f"nothing can be told: {tells.file} [notify]: Expected")
        assert [] == at.told(ev.NoticeGiven)


async def test_the_report_is_the_text_of_the_last_notice(tmp_path: Path) -> None:
    """Its ten lines, and the file for a program."""
    async with desk(tmp_path / "lab") as at:
        at.lab.paths.reports.mkdir()
        lines = [{"question": f"q{n}?", "text": f"answer {n}"} for n in range(10)]
        (at.lab.paths.reports / "r.json").write_text(json.dumps({"answers": lines}))
        argv = json.dumps([sys.executable, "-S", "-c", KEEPS])
        tells = courier(at, tmp_path, f"command = {argv}")
        at.lab.record(ev.AwayStarted(101.0, None, "none", "park", "ada", "stopped"))
        at.lab.record(ev.AwayLimitReached("until", "it is 08:00"))
        at.lab.record(ev.ReportWritten(100.0, ".lab/reports/r.md"))
        await tells.finish()
        body = json.loads((at.lab.paths.root / "told").read_text())
    ten = [f"q{n}? answer {n}" for n in range(10)]
    assert ("report", ten, ".lab/reports/r.md") == (body["level"], body["text"].splitlines(), body["report"])
    assert body["title"].startswith("toy: report since ")


async def test_a_lab_where_nothing_is_set_tells_nobody(tmp_path: Path) -> None:
    """And writes nothing about it."""
    async with desk(tmp_path / "lab") as at:
        tells = courier(at, tmp_path, "bell = false")
        at.lab.record(ev.WarningRaised("disk", "3G free"))
        await tells.finish()
        assert [] == at.told(ev.NoticeGiven)


async def test_a_test_is_sent_by_the_engine_and_says_what_came_back(tmp_path: Path) -> None:
    """Every way that is set; the exit code is 1 where one of them failed."""
    async with desk(tmp_path / "lab") as at:
        with listening(200, 401) as topic:
            argv = json.dumps([sys.executable, "-S", "-c", KEEPS])
            settings = f'command = {argv}\nurl = "{topic.url}"\ntoken_env = "MY_TOPIC"'
            counter = Counter(at.lab, lambda reason, now: None, courier=courier(at, tmp_path, settings, MY_TOPIC=TOKEN))
            came = [await counter.handle(Command("notify")) for _ in range(2)]
            unset = courier(at, tmp_path, settings)
            bare = await Counter(at.lab, lambda reason, now: None, courier=unset).handle(Command("notify"))
    done = f"{sys.executable} ended with code 0"
    expected = [(0, f"{done}; 127.0.0.1 answered 200 OK"), (1, f"127.0.0.1 answered 401 Unauthorized; {done}")]
    assert expected == [(each.code, each.message) for each in came]
    assert (1, True) == (bare.code, bare.message.startswith("$MY_TOPIC is not set"))
    assert [] == at.told(ev.NoticeGiven)


def test_the_token_is_taken_out_of_the_engines_environment() -> None:
    """Whatever its name: nothing that the engine starts inherits it."""
    environment = {"MY_TOPIC": TOKEN, "PATH": "/bin"}
    assert ({"MY_TOPIC": TOKEN}, {"PATH": "/bin"}) == (take_secrets(environment, also="MY_TOPIC"), environment)


def test_a_list_and_a_line_name_the_same_program() -> None:
    """Words are split as a shell splits them, and no shell sees them."""
    assert ["ntfy", "publish", "my lab; rm"] == Notify(command="ntfy publish 'my lab; rm'").argv
    assert ["ntfy", "my lab"] == Notify(command=["ntfy", "my lab"]).argv


def test_an_engine_that_is_killed_and_comes_back_tells_nothing_twice(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A real engine, killed by SIGKILL after it told; the next one tells only what is new: that, and its own end."""
    lab = make(tmp_path / "lab", lab=LAB + FULL)
    own = tmp_path / "own.toml"
    monkeypatch.setenv("NIGHTLAB_CONFIG", str(own))
    engine = None
    with listening() as topic:
        own.write_text(f'[notify]\nurl = "{topic.url}"\n')
        try:
            engine = spawn(lab)
            wait_for(lab, lambda state: bool(topic.posted), "a notice")
            engine.kill()
            engine.wait()
            engine = spawn(lab)
            wait_for(lab, lambda state: bool(state.engine and state.engine.pid == engine.pid), "the next engine")
            assert 0 == nightlab("notify", "--test", lab=lab.root).returncode
            engine.terminate()
            engine.wait()
        finally:
            end_lab(lab, engine)
    lines = [line for each in topic.posted if each.title != "toy: a test" for line in each.text.splitlines()]
    full = "under 9e+06 GB are free on the disk of .lab: no new runs until there is room"
    killed = f"the engine was killed; process {engine.pid} goes on in its place"
    assert (full, sorted([full, killed, "the lab has stopped: SIGTERM received"])) == (lines[0], sorted(lines))
    assert "toy: a test" in [each.title for each in topic.posted]
