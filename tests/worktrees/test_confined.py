"""A command of an agent ends, by itself or by a limit, and nothing that it started is left."""

from __future__ import annotations

import asyncio
import os
import sys
import textwrap
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path

import pytest

from tests.worktrees.running import wait_for
from worktrees import confined, processes
from worktrees.confined import CannotStart, Command, Finished
from worktrees.sandbox import Policy


@dataclass(frozen=True)
class Place:
    """A folder for commands, and where they print."""

    folder: Path
    scratch: Path

    @property
    def output(self) -> Path:
        """What the command printed."""
        return self.scratch / "output.txt"

    def command(
        self, *argv: str, wall_s: float = 20.0, output_bytes: int = 1 << 20, extra: Mapping[str, str] | None = None
    ) -> Command:
        """Return a command that runs here."""
        environment = confined.environment(self.folder, self.scratch, extra)
        return Command(argv, self.folder, environment, wall_s, output_bytes, Policy(), "none")

    async def run(self, *argv: str, wall_s: float = 20.0, output_bytes: int = 1 << 20) -> Finished:
        """Run a command to its end."""
        return await confined.run(self.command(*argv, wall_s=wall_s, output_bytes=output_bytes), self.output)

    async def shell(self, script: str, wall_s: float = 20.0, output_bytes: int = 1 << 20) -> Finished:
        """Run a shell script to its end."""
        return await self.run("bash", "-c", script, wall_s=wall_s, output_bytes=output_bytes)

    def left(self) -> list[int]:
        """Return the processes that still live, of those that wrote their number into the folder."""
        pids = [int(path.suffix[1:]) for path in self.folder.glob("pid.*")]
        assert pids, "the command has started something"
        return [pid for pid in pids if processes.stat(pid) is not None]


@pytest.fixture
def place(tmp_path: Path) -> Place:
    """An empty folder and an empty scratch."""
    (tmp_path / "worktree").mkdir()
    (tmp_path / "scratch").mkdir()
    return Place(tmp_path / "worktree", tmp_path / "scratch")


async def until(condition: Callable[[], object]) -> None:
    """Return as soon as the condition holds, without holding the loop up."""
    await asyncio.to_thread(wait_for, condition)


# --- How it ends ---


@pytest.mark.parametrize(
    ("script", "code"), [("true", 0), ("exit 7", 7), ("kill -9 $$", -9), ("exec kill -TERM $$", -15)]
)
async def test_a_command_ends_by_itself(place: Place, script: str, code: int) -> None:
    """Its exit code is told, a signal as its negative number."""
    finished = await place.shell(script)
    assert ("exit", code) == (finished.ended_by, finished.code)


async def test_both_streams_are_kept_in_order(place: Place) -> None:
    """As on a terminal."""
    await place.shell("echo one; echo two >&2; echo three")
    assert "one\ntwo\nthree\n" == place.output.read_text()


async def test_a_command_that_prints_nothing_has_an_empty_output(place: Place) -> None:
    """There is a file all the same."""
    finished = await place.shell("true")
    assert (0, b"") == (finished.output_bytes, place.output.read_bytes())


async def test_it_reads_nothing(place: Place) -> None:
    """A question on its input would wait for ever."""
    finished = await place.shell("read -r line || echo nobody")
    assert (0, "nobody\n") == (finished.code, place.output.read_text())


async def test_it_starts_in_its_folder(place: Place) -> None:
    """Relative paths are those of the worktree."""
    await place.shell("pwd")
    assert f"{place.folder}\n" == place.output.read_text()


async def test_time_ends_it(place: Place) -> None:
    """No exit code is made up."""
    finished = await place.shell("sleep 600", wall_s=0.1)
    assert ("time", None, True) == (finished.ended_by, finished.code, finished.wall_s < 10)


async def test_sigterm_is_no_shelter(place: Place) -> None:
    """Who ignores it is killed a moment later."""
    finished = await place.shell("trap '' TERM; echo $$ > pid.$$; while :; do sleep 1; done", wall_s=0.3)
    assert ("time", []) == (finished.ended_by, place.left())


async def test_a_stopped_command_ends_too(place: Place) -> None:
    """It takes no SIGTERM, but the kill."""
    finished = await place.shell("touch pid.$$; kill -STOP $$", wall_s=0.2)
    assert ("time", []) == (finished.ended_by, place.left())


async def test_printing_without_end_ends_it(place: Place) -> None:
    """Its end is not waited for."""
    finished = await place.shell("while echo words; do :; done", output_bytes=1000)
    assert ("output", None, True) == (finished.ended_by, finished.code, finished.output_bytes > 1000)


async def test_much_output_that_is_allowed_is_kept(place: Place) -> None:
    """To the last byte, though nobody reads it meanwhile: no pipe fills up."""
    finished = await place.shell("head -c 2000000 /dev/zero", output_bytes=1 << 30)
    assert ("exit", 2_000_000) == (finished.ended_by, place.output.stat().st_size)


@pytest.mark.parametrize(
    "argv", [("no-such-program",), ("bash", "-c", "echo \0"), ("bash", "-c", "echo \ud800"), ("bash", "x" * (1 << 20))]
)
async def test_what_cannot_be_started_is_said(place: Place, argv: tuple[str, ...]) -> None:
    """Whatever a model wrote: a program that is not there, a NUL, half a character, an argument of a megabyte."""
    with pytest.raises(CannotStart, match="cannot be started"):
        await place.run(*argv)


async def test_a_program_without_permission_is_said(place: Place) -> None:
    """It is there and not executable."""
    (place.folder / "program").write_text("#!/bin/sh\n")
    with pytest.raises(CannotStart, match="Permission denied"):
        await place.run(str(place.folder / "program"))


async def test_a_folder_that_is_gone_is_said(place: Place) -> None:
    """An agent may have removed it."""
    place.folder.rmdir()
    with pytest.raises(CannotStart, match="worktree"):
        await place.shell("true")


# --- What it leaves ---

LINGER = "import os,sys,time; open(f'pid.{os.getpid()}', 'w').close(); time.sleep(600)"
DOUBLE_FORK = f"""
import os
if os.fork() == 0:
    os.setsid()
    if os.fork() == 0:
        exec({LINGER!r})
    os._exit(0)
os.wait()
"""
WAIT = "until ls pid.* 2>/dev/null; do sleep 0.01; done"


@pytest.mark.parametrize(
    ("start", "program"),
    [
        pytest.param("{} &", LINGER, id="background"),
        pytest.param("nohup {} &", LINGER, id="nohup"),
        pytest.param("setsid {} &", LINGER, id="setsid"),
        pytest.param("setsid -f {}", LINGER, id="setsid and fork"),
        pytest.param("({} & disown) ", LINGER, id="disown"),
        pytest.param("trap '' TERM HUP; {} &", LINGER, id="deaf"),
        pytest.param("{}", DOUBLE_FORK, id="double fork"),
        pytest.param("(setsid {} &) ; (setsid {} &)", LINGER, id="two of them"),
    ],
)
async def test_what_it_leaves_running_ends_with_it(place: Place, start: str, program: str) -> None:
    """The command itself has ended well; no process of it is there any more."""
    (place.scratch / "linger.py").write_text(textwrap.dedent(program))
    script = start.replace("{}", f"{sys.executable} -S {place.scratch}/linger.py >/dev/null 2>&1")
    finished = await place.shell(f"{script}\n{WAIT} >/dev/null")
    assert ("exit", 0, []) == (finished.ended_by, finished.code, place.left())


async def test_children_that_hold_its_output_do_not_hold_it_up(place: Place) -> None:
    """Its end is the end of its first process."""
    finished = await place.shell("sleep 600 & echo done")
    assert ("exit", True) == (finished.ended_by, finished.wall_s < 10)


async def test_a_cancelled_command_is_ended(place: Place) -> None:
    """Also what left its session before."""
    script = f'setsid {sys.executable} -S -c "{LINGER}" & touch pid.$$; sleep 600'
    running = asyncio.create_task(place.shell(script))
    await until(lambda: len(list(place.folder.glob("pid.*"))) == 2)
    running.cancel()
    with pytest.raises(asyncio.CancelledError):
        await running
    assert [] == place.left()


@pytest.mark.parametrize("steps", [0, 1, 2, 3, 6])
async def test_a_command_that_is_cancelled_while_it_starts_is_ended(place: Place, steps: int) -> None:
    """Wherever in the start that falls."""
    running = asyncio.create_task(place.shell("setsid sleep 600 & setsid sleep 600 & sleep 600"))
    for _ in range(steps):
        await asyncio.sleep(0)
    running.cancel()
    with pytest.raises(asyncio.CancelledError):
        await running
    assert [] == processes.tagged(str(place.folder))


async def test_a_command_that_is_cancelled_twice_is_ended(place: Place) -> None:
    """An impatient engine does not save it."""
    running = asyncio.create_task(place.shell("touch pid.$$; sleep 600"))
    await until(lambda: list(place.folder.glob("pid.*")))
    for _ in range(2):
        running.cancel()
        await asyncio.sleep(0)
    with pytest.raises(asyncio.CancelledError):
        await running
    assert [] == place.left()


async def test_another_folders_commands_go_on(place: Place, tmp_path: Path) -> None:
    """Ending one agent's command ends nobody else's."""
    (tmp_path / "worktree1").mkdir()
    other = Place(tmp_path / "worktree1", place.scratch)
    running = asyncio.create_task(
        confined.run(other.command("bash", "-c", "touch pid.$$; sleep 600"), place.scratch / "other.txt")
    )
    await until(lambda: list(other.folder.glob("pid.*")))
    await place.shell("true")
    assert 1 == len(other.left())
    running.cancel()
    with pytest.raises(asyncio.CancelledError):
        await running


async def test_what_a_killed_engine_left_is_found(place: Place) -> None:
    """By the folder that the process carries in its environment; it is counted."""
    process = await asyncio.create_subprocess_exec(
        "sleep", "600", env={**os.environ, processes.TAG: str(place.folder)}, start_new_session=True
    )
    await until(lambda: processes.tagged(str(place.folder)))  # the kernel shows it a moment after the start
    assert 1 == await confined.end_all(place.folder)
    await process.wait()


async def test_a_command_may_remove_what_it_has_printed(place: Place) -> None:
    """`rm -rf $TMPDIR` is no reason to lose an agent's work: what it printed is there again afterwards."""
    finished = await place.shell('echo before; rm -rf "$TMPDIR"; sleep 0.1; echo after')
    assert ("exit", "before\nafter\n") == (finished.ended_by, place.output.read_text())


@pytest.mark.parametrize("instead", ["mkfifo", "mkdir", "ln -s /dev/zero"])
async def test_a_command_may_not_put_something_else_in_its_outputs_place(place: Place, instead: str) -> None:
    """Whoever reads it would wait for ever."""
    await place.shell(f'echo mine; cd "$TMPDIR"; rm output.txt; {instead} output.txt')
    assert (True, b"mine\n") == (place.output.is_file() and not place.output.is_symlink(), place.output.read_bytes())


@pytest.mark.parametrize("instead", ['ln -s "$PWD"', "touch"])
async def test_a_scratch_that_became_something_else_is_made_again(place: Place, instead: str) -> None:
    """Nothing is written behind a link."""
    await place.shell(f'echo mine; rm -rf "$TMPDIR"; {instead} "$TMPDIR"')
    assert ("mine\n", []) == (place.output.read_text(), list(place.folder.iterdir()))


# --- What it knows ---


async def test_the_researchers_variables_are_not_handed_on(place: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing is inherited but the path; the rest is given."""
    monkeypatch.setenv("RESEARCHER_SECRET", "a-key")
    monkeypatch.setenv("HTTPS_PROXY", "http://proxy")
    await place.shell("env -0 | cut -z -d= -f1 | tr '\\0' '\\n'")
    given = {*confined.environment(place.folder, place.scratch), processes.TAG, "_", "SHLVL"}
    assert set(place.output.read_text().split()) <= given


async def test_it_finds_the_interpreter_that_runs_the_lab(place: Place) -> None:
    """`python` is the one with the project's packages."""
    await place.shell("command -v python")
    assert f"{Path(sys.executable).parent / 'python'}\n" == place.output.read_text()


async def test_its_home_and_its_temporary_files_are_scratch(place: Place) -> None:
    """A cache that it writes does not end up with the researcher."""
    await place.shell('echo "$HOME $TMPDIR"')
    assert f"{place.scratch} {place.scratch}\n" == place.output.read_text()


async def test_it_sees_no_gpu(place: Place) -> None:
    """Unless it is told so: the GPU belongs to the run that is measured."""
    assert "" == confined.environment(place.folder, place.scratch)["CUDA_VISIBLE_DEVICES"]


async def test_extra_variables_are_handed_on(place: Place) -> None:
    """What lab.toml names."""
    command = place.command("bash", "-c", 'echo "$NAMED"', extra={"NAMED": "value"})
    await confined.run(command, place.output)
    assert "value\n" == place.output.read_text()


async def test_the_tag_cannot_be_given_away(place: Place) -> None:
    """A variable of that name from elsewhere would hide the command's processes."""
    command = place.command("bash", "-c", f'echo "${processes.TAG}"', extra={processes.TAG: "elsewhere"})
    await confined.run(command, place.output)
    assert f"{place.folder}\n" == place.output.read_text()


async def test_a_link_in_the_place_of_the_output_leads_nowhere(place: Place, tmp_path: Path) -> None:
    """An earlier command left it; what it leads to stays as it is."""
    precious = tmp_path / "precious"
    precious.write_text("kept")
    place.output.symlink_to(precious)
    await place.shell("echo x")
    assert ("kept", "x\n") == (precious.read_text(), place.output.read_text())


async def test_a_link_that_is_made_meanwhile_leads_nowhere(place: Place, tmp_path: Path) -> None:
    """Nor does one that the command itself puts there."""
    precious = tmp_path / "precious"
    precious.write_text("kept")
    await place.shell(f"echo x; rm {place.output}; ln -s {precious} {place.output}")
    assert ("kept", "x\n") == (precious.read_text(), place.output.read_text())


async def test_a_command_that_holds_too_much_memory_is_ended(place: Place) -> None:
    """All its processes together."""
    work = """
    import os, time
    held = bytearray(b"x") * (80 << 20)
    os.fork()
    held[::4096] = b"y" * len(held[::4096])
    time.sleep(600)
    """
    script = textwrap.dedent(work)
    command = replace(place.command(sys.executable, "-S", "-c", script), memory_mb=120)
    assert "memory" == (await confined.run(command, place.output)).ended_by
