"""The four panes of screen 6: the program, who works on what, the ideas, the rules."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from agentcore import format as fmt
from agentcore.overview import WorktreeRow
from agentcore.state import LabState
from agentcore.worktree.ideas import IdeaRow
from tui.lines import BLANK, Line, clip, fit, wrap
from tui.theme import Theme
from tui.widgets.keyed import KeyedList
from tui.widgets.pane import TextPane

LABEL = 11
"""Cells of a rule's subject."""

STANDINGS = {"OPEN": "run", "TRIED": "run", "KEPT": "good", "DEAD END": "grey", "DROPPED": "grey"}


class ProgramPane(TextPane):
    """The researcher's program, as all agents are told it."""

    def __init__(self, look: Theme) -> None:
        super().__init__(look, id="program", frame="rule")
        self.path: Path | None = None
        self._text: list[str] = []
        self._lines: list[Line] = []
        self._width = 0
        self._read: tuple[int, int] | None = None

    def head(self) -> tuple[str, str]:
        """Return the file's name and length."""
        return "program.md", fmt.count(len(self._text), "line")

    def follow(self, path: Path) -> None:
        """Show the file as it is now; it is read again only where it has changed."""
        self.path = path
        try:
            status = path.stat()
            stamp = (status.st_mtime_ns, status.st_size)
            if stamp == self._read:
                return
            self._text, self._read = path.read_text(encoding="utf-8", errors="replace").splitlines(), stamp
        except OSError as error:
            self._text, self._read = [f"no program of its own here ({error.strerror}): nightlab's stands in"], None
        self._width = 0

    def count(self) -> int:
        """Return the number of lines, each broken to the pane's width."""
        width = self.inner()[0]
        if width != self._width and width > 4:
            self._width = width
            self._lines = [line for text in _paragraphs(self._text) for line in _broken(text, width - 2)]
        return len(self._lines)

    def line(self, index: int, width: int) -> Line:
        """Return one line."""
        return self._lines[index]


def _paragraphs(lines: Sequence[str]) -> list[str]:
    """Join the lines that an editor broke, so that they can be broken to the pane's width instead."""
    found: list[str] = []
    for line in lines:
        begins = not line.strip() or line.lstrip().startswith(("#", "-", "*", "|", "`")) or line[:1] == "\t"
        if begins or not found or not found[-1].strip() or found[-1].startswith("#"):
            found.append(line)
        else:
            found[-1] += " " + line.strip()
    return found


def _broken(text: str, width: int) -> list[Line]:
    role = "bold" if text.startswith("#") else "text"
    return [((f" {part}", role),) for part in wrap(text, width)] if text.strip() else [BLANK]


class AssignedPane(KeyedList[WorktreeRow]):
    """Which agent works on which direction, with which version of the words."""

    def __init__(self, look: Theme) -> None:
        super().__init__(look, id="assigned", frame="rule")
        self.state = LabState()
        self.folder: Path | None = None

    def head(self) -> tuple[str, str]:
        """Return the titles."""
        return "per worktree", "directions/wt0.md fixes the one of wt0"

    def key(self, row: WorktreeRow) -> str:
        """Return the worktree's name."""
        return row.worktree

    def header(self, width: int) -> list[Line]:
        """Return the heading."""
        return [((f"  {'WT':<6}{'AGENT':<11}{'DIRECTION':<18}{'WORDS':<7}IDEA NOW", "grey"),)]

    def item(self, index: int, width: int) -> Line:
        """Return one worktree."""
        row = self.rows[index]
        own = self.folder is not None and (self.folder / f"{row.worktree}.md").is_file()
        words = version_of(self.state, row.worktree)
        direction = (row.direction or "-") + (" (fixed)" if own else "")
        text = (
            f"{row.worktree:<6}{fit(row.agent or '-', 10)} {fit(direction, 17)} "
            f"{(f'v{words}' if words else '-'):<7}{row.idea}"
        )
        return self.lit(index, ((self.sign(index, row.worktree), "bold"), (clip(text, width - 3), "text")), width)


class IdeasPane(KeyedList[IdeaRow]):
    """The ideas that wait for an agent, and what became of the others."""

    def __init__(self, look: Theme) -> None:
        super().__init__(look, id="ideas", frame="rule")

    def head(self) -> tuple[str, str]:
        """Return how many wait."""
        waiting = sum(row.standing == "OPEN" for row in self.rows)
        return f"ideas: {waiting} open of {len(self.rows)}", ""

    def key(self, row: IdeaRow) -> int:
        """Return its number."""
        return row.number

    def header(self, width: int) -> list[Line]:
        """Return the heading, or what to do where there is no idea."""
        if not self.rows:
            return [((self.look.keyed(" no idea waits for an agent; {new-idea}: write one down"), "grey"),)]
        return [((f"   {'#':>3} {'STATE':<9} {'FROM':<8} IDEA", "grey"),)]

    def item(self, index: int, width: int) -> Line:
        """Return one idea."""
        row = self.rows[index]
        became = f"   ({row.reason})" if row.reason else ""
        text = f"{row.number:>3} {row.standing:<9} {fit(row.by, 8)} {row.text}{became}"
        told = (clip(text, width - 3), STANDINGS[row.standing])
        return self.lit(index, ((self.sign(index, row.number), "bold"), told), width)


class RulesPane(TextPane):
    """What agents may do, line by line as it is enforced."""

    def __init__(self, look: Theme) -> None:
        super().__init__(look, id="rules", frame="rule")
        self._rules: Sequence[tuple[str, str]] = ()
        self._lines: list[Line] = []
        self._width = 0

    def head(self) -> tuple[str, str]:
        """Return where they are written."""
        return "rules", "lab.toml; read by the engine and its sandbox"

    def tell(self, rules: Sequence[tuple[str, str]]) -> None:
        """Show these rules."""
        if rules != self._rules:
            self._rules, self._width = rules, 0

    def count(self) -> int:
        """Return the number of lines."""
        width = self.inner()[0]
        if width != self._width and width > LABEL + 8:
            self._width, self._lines = width, []
            for subject, rule in self._rules:
                for number, part in enumerate(wrap(rule, width - LABEL - 3)):
                    label = subject if number == 0 else ""
                    self._lines.append(((f" {label:<{LABEL}} ", "grey"), (part, "text")))
        return len(self._lines)

    def line(self, index: int, width: int) -> Line:
        """Return one line."""
        return self._lines[index]


def version_of(state: LabState, worktree: str) -> int:
    """Return the version of the words that a worktree's agent works with, or worked with last; 0 for none."""
    found = state.worktrees[worktree]
    if found.thinking:
        return found.thinking.prompts
    newest = found.pending[-1] if found.pending else None
    return state.experiments[newest].prompts if newest is not None else 0
