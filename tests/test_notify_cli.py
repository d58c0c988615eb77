"""`nightlab notify` says by which ways a person is told, and tries them; `away` takes what they want to hear."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from agentcore import events as ev
from tests.agentcore.topic import listening
from tests.tui.labs import small_lab
from tui.cli import main

TOKEN = "tk_0123456789abcdef"


@pytest.fixture
def own(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The person's own file, in a folder without a lab."""
    file = tmp_path / "own.toml"
    monkeypatch.setenv("NIGHTLAB_CONFIG", str(file))
    monkeypatch.setenv("MY_TOPIC", TOKEN)
    monkeypatch.chdir(tmp_path)
    return file


def test_the_ways_are_named_without_what_is_as_good_as_a_password(
    own: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Neither topic nor token is printed."""
    assert 0 == main(["notify"])
    assert f"nobody is told: write command or url under [notify] in {own}\n" == capsys.readouterr().out
    own.write_text('[notify]\ncommand = "mail me"\nurl = "https://ntfy.sh/secret"\ntoken_env = "MY_TOPIC"\n')
    assert 0 == main(["notify"])
    assert "command  mail\nurl      ntfy.sh, with the token in $MY_TOPIC\n" == capsys.readouterr().out


def test_a_test_is_sent_from_here_where_no_engine_runs(own: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """It says what came back; exit code 1 and one line where it was not taken, 1 too where nothing is set."""
    assert 1 == main(["notify", "--test"])
    assert f"nightlab: nothing is set: write command or url under [notify] in {own}\n" == capsys.readouterr().err
    with listening(200, 403) as topic:
        own.write_text(f'[notify]\nurl = "{topic.url}"\ntoken_env = "MY_TOPIC"\n')
        assert 0 == main(["notify", "--test"])
        assert "sent by this command, no engine runs\n127.0.0.1 answered 200 OK\n" == capsys.readouterr().out
        assert 1 == main(["notify", "--test"])
        assert "nightlab: 127.0.0.1 answered 403 Forbidden\n" == capsys.readouterr().err
    assert {f"Bearer {TOKEN}"} == {each.token for each in topic.posted}


def test_status_says_what_holds_while_one_is_away(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Limits, who merges, what one is told; and after the hour what lets the lab go on."""
    lab = small_lab(tmp_path)
    lab.tell(ev.AwayStarted(lab.now + 7200, 25.0, "gate", "park", "you", "stopped"))
    assert 0 == main(["status", "--lab", str(tmp_path)])
    words = "$0.00 of $25.00 used, merges by the gate. Tell me: only if all agents stop; report at the end"
    assert words in capsys.readouterr().out
    assert 0 == main(["status", "--lab", str(tmp_path), "--json"])
    found = json.loads(capsys.readouterr().out)["away"]
    assert (25.0, "gate", "stopped", "") == (found["usd"], found["merge"], found["tell"], found["over"])
    lab.tell(ev.AwayLimitReached("until", "it is over"))
    assert 9 == main(["status", "--lab", str(tmp_path), "--needs-you"])
    assert "nothing new starts. A or nightlab back" in capsys.readouterr().out


@pytest.mark.parametrize(("words", "tell"), [((), "stopped"), (("--tell", "urgent"), "urgent")])
def test_away_takes_what_one_wants_to_hear(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], words: tuple[str, ...], tell: str
) -> None:
    """Only that all agents stopped, unless one says otherwise."""
    small_lab(tmp_path)
    assert 0 == main(["away", "--lab", str(tmp_path), "--until", "2h", "--dry-run", "--json", *words])
    assert tell == json.loads(capsys.readouterr().out)["tell"]
