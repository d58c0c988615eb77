"""Which colour and which glyph stands for what?

Four hues and grey, chosen for red-green colour blindness and measured (WCAG contrast at least 6.7 on the dark ground,
smallest distance between two roles 26 in Lab under protanopia). Colour never stands alone: every state has its word
and its glyph, and `mono` tells the same by bold, underline and reverse. A *role* is what a piece of text is for
("run", "bad", "frame"); only this module knows what a role looks like.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from difflib import get_close_matches
from functools import lru_cache

from rich.style import Style

from tui.bindings import names


@dataclass(frozen=True, eq=False)  # compared by identity: it is a key of the caches that painting lives on
class Theme:
    """What roles look like, and whether the terminal can show more than ASCII."""

    name: str
    ascii: bool
    roles: tuple[tuple[str, str], ...]
    """(role, rich style definition); the role "text" is the ground of all others."""
    keys: Mapping[str, str] = field(default_factory=names)
    """{action: its key}, for sentences that name one: people choose keys of their own."""

    def style(self, role: str) -> Style:
        """Return the style of `role`; words after the first ("run bold", "text selected") are laid over it."""
        return _style(self, role)

    def keyed(self, text: str) -> str:
        """Return a sentence of ours with the key in the place of each action: `{undo}: …`."""
        return text.format_map(self.keys)

    @property
    def ground(self) -> str:
        """The background as a colour for Textual's own blank areas; empty for the terminal's own."""
        colour = self.style("text").bgcolor
        return colour.triplet.hex if colour and colour.triplet else ""


@lru_cache(maxsize=4096)
def _style(theme: Theme, role: str) -> Style:
    table = dict(theme.roles)
    style = Style.parse(table["text"])
    for word in role.split():
        style += Style.parse(table[word])
    return style


_DARK = {
    "text": "#d4d4d4 on #121212",
    "run": "#56b4e9",
    "good": "#2cc295",
    "bad": "#f0793a",
    "you": "#f0e442",
    "grey": "#9a9a9a",
    "wait": "#9a9a9a",
    "frame": "#5f5f5f",
    "focus": "#d4d4d4",
    "title": "bold #ffffff",
    "key": "bold #ffffff",
    "bold": "bold",
    "blink": "reverse",
    "selected": "bold on #303030",
    "sheet": "on #1c1c1c",
    "add": "#d9eeff on #0b3a5b",
    "remove": "#ffe3c7 on #5a2e00",
    "add-changed": "bold #ffffff on #14588a",
    "remove-changed": "bold #ffffff on #864600",
    "hunk": "#9a9a9a",
    "keyword": "bold",
    "literal": "#c9b68c",
    "comment": "#969696 italic",
}

# Dark enough to be read on white is nearly the same for colour-blind eyes, so these differ in how dark they are.
_LIGHT = {
    **_DARK,
    "text": "#262626 on #fafafa",
    "run": "#2850dd",
    "good": "#195238",
    "bad": "#a2410a",
    "you": "bold #543f16",
    "grey": "#5e5f64",
    "wait": "#5e5f64",
    "frame": "#a8a8a8",
    "focus": "#262626",
    "title": "bold #000000",
    "key": "bold #000000",
    "selected": "bold on #dcdcdc",
    "sheet": "on #ffffff",
    "add": "#00304d on #cfe6f7",
    "remove": "#4d2600 on #ffe0bf",
    "add-changed": "bold #00304d on #9fcdf0",
    "remove-changed": "bold #4d2600 on #ffbf80",
    "hunk": "#5f5f5f",
    "literal": "#6b4f00",
    "comment": "#5f5f5f italic",
}

# SSH does not forward COLORTERM and tmux 3.3a then gets 256 colours: these indices were measured too.
_DARK_256 = {
    **_DARK,
    "text": "color(252) on color(233)",
    "run": "color(75)",
    "good": "color(43)",
    "bad": "color(209)",
    "you": "color(227)",
    "grey": "color(247)",
    "wait": "color(247)",
    "frame": "color(240)",
    "focus": "color(252)",
    "title": "bold color(231)",
    "key": "bold color(231)",
    "selected": "bold on color(236)",
    "sheet": "on color(234)",
    "add": "color(231) on color(24)",
    "remove": "color(231) on color(94)",
    "add-changed": "bold color(231) on color(25)",
    "remove-changed": "bold color(231) on color(130)",
    "hunk": "color(247)",
    "literal": "color(180)",
    "comment": "color(247)",
}

# On white no two indices of the palette are as far apart as the 24-bit colours; good and bad are 41 under protanopia.
_LIGHT_256 = {
    **_LIGHT,
    "text": "color(235) on color(231)",
    "run": "color(24)",
    "good": "color(23)",
    "bad": "color(124)",
    "you": "bold color(58)",
    "grey": "color(59)",
    "wait": "color(59)",
    "frame": "color(248)",
    "focus": "color(235)",
    "title": "bold color(16)",
    "key": "bold color(16)",
    "selected": "bold on color(253)",
    "sheet": "on color(255)",
    "add": "color(17) on color(153)",
    "remove": "color(52) on color(223)",
    "add-changed": "bold color(17) on color(117)",
    "remove-changed": "bold color(52) on color(216)",
    "hunk": "color(59)",
    "literal": "color(58)",
    "comment": "color(59)",
}

# For bad light and weak eyes: every role has a contrast of 10 or more on black, what is selected is reverse.
_CONTRAST = {
    **_DARK,
    "text": "#ffffff on #000000",
    "run": "#8fd3ff",
    "good": "#3cf5bb",
    "bad": "#ff9a5c",
    "you": "bold #fff200",
    "grey": "#d0d0d0",
    "wait": "#d0d0d0",
    "frame": "#d0d0d0",
    "focus": "bold #ffffff",
    "selected": "bold reverse",
    "sheet": "on #000000",
    "add": "#ffffff on #00467f",
    "remove": "#ffffff on #7a3a00",
    "add-changed": "bold #000000 on #8fd3ff",
    "remove-changed": "bold #000000 on #ffb884",
    "hunk": "#d0d0d0",
    "literal": "#ffe0a0",
    "comment": "#d0d0d0 italic",
}

_CONTRAST_256 = {
    **_CONTRAST,
    "text": "color(231) on color(16)",
    "run": "color(117)",
    "good": "color(43)",
    "bad": "color(215)",
    "you": "bold color(226)",
    "grey": "color(252)",
    "wait": "color(252)",
    "frame": "color(252)",
    "focus": "bold color(231)",
    "title": "bold color(231)",
    "key": "bold color(231)",
    "sheet": "on color(16)",
    "add": "color(231) on color(24)",
    "remove": "color(231) on color(94)",
    "add-changed": "bold color(16) on color(117)",
    "remove-changed": "bold color(16) on color(216)",
    "hunk": "color(252)",
    "literal": "color(223)",
    "comment": "color(252)",
}

# Never "bright black": several 16-colour palettes make it the background.
_ANSI = {
    **_DARK,
    "text": "none",
    "run": "cyan",
    "good": "green",
    "bad": "red",
    "you": "yellow reverse",
    "grey": "none",
    "wait": "underline",
    "frame": "none",
    "focus": "bold",
    "title": "bold",
    "key": "bold",
    "selected": "bold reverse",
    "sheet": "none",
    "add": "cyan",
    "remove": "yellow",
    "add-changed": "cyan reverse",
    "remove-changed": "yellow reverse",
    "hunk": "bold",
    "literal": "none",
    "comment": "none",
}

_MONO = {
    **_ANSI,
    "run": "none",
    "good": "none",
    "bad": "bold",
    "you": "reverse",
    "add": "bold",
    "remove": "none",
    "add-changed": "bold reverse",
    "remove-changed": "reverse",
}

NAMES = ("cb-dark", "cb-light", "ansi", "mono", "contrast")

DUMB = "this is no terminal that a view can be drawn on; use: nightlab status"


def choose(name: str, *, env: Mapping[str, str], ascii_only: bool) -> Theme:
    """Return the theme called `name`, or with an empty name the one that the terminal described by `env` can show.

    `NO_COLOR` (set and not empty) makes it mono; no sign of 256 colours makes it the terminal's own 16. Raises
    ValueError for an unknown name, and for a terminal that obeys no sequence at all.

    `env` must be read before Textual's App is made: it removes `NO_COLOR`.
    """
    if env.get("TERM", "dumb") == "dumb":
        raise ValueError(DUMB)
    if name and name not in NAMES:
        near = get_close_matches(name, NAMES, n=1, cutoff=0.4)
        hint = f"; did you mean {near[0]!r}?" if near else ""
        raise ValueError(f"no theme {name!r}; there are: {', '.join(NAMES)}{hint}")
    depth = 24 if env.get("COLORTERM") in ("truecolor", "24bit") else 8 if "256" in env.get("TERM", "") else 4
    if not name:
        name = "mono" if env.get("NO_COLOR") else "cb-dark" if depth > 4 else "ansi"
    whole = depth == 24
    tables = {
        "cb-dark": _DARK if whole else _DARK_256,
        "cb-light": _LIGHT if whole else _LIGHT_256,
        "contrast": _CONTRAST if whole else _CONTRAST_256,
        "ansi": _ANSI,
        "mono": _MONO,
    }
    table = tables[name]
    return Theme(name, ascii_only or not _is_utf8(env), tuple(table.items()))


def _is_utf8(env: Mapping[str, str]) -> bool:
    locale = env.get("LC_ALL") or env.get("LC_CTYPE") or env.get("LANG") or "C"
    return "utf8" in locale.lower().replace("-", "")


STATES: Mapping[str, tuple[str, str, str]] = {
    "IDLE": ("·", "grey", "its agent has no task"),
    "WAIT": ("·", "grey", "a proposal is ready and waits for the slot"),
    "THINK": ("◇", "run", "its agent was asked for an edit"),
    "EDIT": ("±", "run", "its agent is writing the edit"),
    "WARM": ("◌", "run", "the training has started, no step yet"),
    "TRAIN": ("▸", "run", "steps arrive"),
    "BASE": ("▸", "run", "trunk is trained for its own number"),
    "CONFIRM": ("▸", "run", "a candidate is trained with a fresh seed"),
    "EVAL": ("◆", "run", "trained, the evaluation measures it"),
    "RETEST": ("▸", "run", "trunk trains at the larger size"),
    "PAUSE": ("=", "wait", "no new experiment starts; p resumes"),
    "LIMIT": ("#", "wait", "the model's provider said wait, or lets nobody in"),
    "CUT": ("#", "wait", "a reply reached its limit of tokens; its agent goes on"),
    "REFUSED": ("!", "bad", "the model declined; its agent is asked again"),
    "FULL": ("#", "wait", "the model's context is full; room is made"),
    "ASK": ("!", "you", "its agent asked a question"),
    "STALL": ("?", "you", "no output and an idle device"),
    "LOST": ("x", "you", "the process is gone without a result"),
    "CRASH": ("x", "bad", "the run ended with an error"),
    "NAN": ("~", "bad", "the loss stopped being finite"),
}
"""Word of a worktree's state: its glyph, its role, what it means."""

OUTCOMES: Mapping[str, tuple[str, str, str]] = {
    "keep": ("+", "good", "passed the screen, becomes a candidate"),
    "drop": ("·", "grey", "not enough better than trunk"),
    "crash": ("x", "bad", "ended with an error"),
    "nan": ("~", "bad", "the loss stopped being finite"),
    "timeout": ("-", "bad", "killed at the wall limit"),
    "invalid": ("!", "bad", "broke a rule, not counted"),
    "contended": ("%", "you", "its device was shared, not counted"),
    "duplicate": ("=", "grey", "the same tree was tried before"),
    "cancelled": ("-", "grey", "stopped by a person"),
    "returned": ("<", "grey", "its base moved and it does not fit there: back to its agent"),
}
"""Outcome of an experiment: its glyph, its role, what it means."""

CANDIDATES: Mapping[str, tuple[str, str]] = {
    "NEW": ("text", "kept, not yet looked at by the queue"),
    "CONFIRM": ("run", "fresh seeds of the rebased tree train now"),
    "READY": ("good", "confirmed on today's trunk: m merges it"),
    "MERGING": ("run", "trunk is being moved to it"),
    "STALE": ("wait", "trunk moved; it is rebased and confirmed again"),
    "CONFLICT": ("bad", "does not rebase on trunk"),
    "HELD": ("wait", "left alone until a person lets it go on"),
    "NOISE": ("grey", "the gain is inside the noise: a near miss"),
    "REJECTED": ("grey", "fresh seeds do not confirm it"),
    "MERGED": ("good", "in trunk"),
    "UNDONE": ("grey", "was in trunk, taken back by a person"),
    "CANCELLED": ("grey", "taken out by a person"),
    "BLOCKED": ("bad", "too good to be true, until somebody has read its diff"),
    "PROVEN": ("good", "the gain holds at the larger size"),
    "FADED": ("grey", "at the larger size the gain is noise"),
    "REVERTED": ("bad", "taken out of trunk again"),
}
"""State of a candidate: its role, what it means."""

RETESTS: Mapping[str, tuple[str, str, str]] = {
    "PROVEN": ("+", "good", "PROVEN"),
    "FADED": ("·", "grey", "FADED"),
    "REVERTED": ("-", "bad", "REVERTED"),
    "LEFT": ("!", "you", "SHORT"),
    "FAILED": ("!", "you", "FAILED"),
    "DROPPED": ("-", "grey", "DROPPED"),
}
"""How a retest ended: its glyph, its role, the word for it."""

SPEEDS: Mapping[str, tuple[str, str]] = {
    "FASTER": ("+", "good"),
    "BEYOND": ("+", "good"),
    "SLOWER": ("·", "grey"),
    "FLAT": ("·", "grey"),
    "FAILED": ("!", "you"),
}
"""What came of measuring a speed-up: its glyph, its role."""

_ASCII = str.maketrans(
    {
        **dict(zip("┌┐└┘├┤┬┴┼┏┓┗┛", "+" * 13, strict=True)),
        **dict(zip("─━│┃", "-=||", strict=True)),
        **dict(zip("▁▂▃▄▅▆▇█", "__..::##", strict=True)),
        **dict(zip("·◇±◌▸◆●≈…σ×≥▲▼", ".o+w>e*~~s>>^v", strict=True)),
    }
)


def to_ascii(text: str) -> str:
    """Return `text` with every glyph of ours replaced by its ASCII stand-in and everything else beyond ASCII by `?`."""
    return text if text.isascii() else text.translate(_ASCII).encode("ascii", "replace").decode()
