"""How does a model read and edit files? The tool `str_replace_based_edit_tool`, which models know, on one folder.

Nothing outside of the folder is read, nothing but the editable files is written, and no link is followed.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

VIEW_CHARACTERS = 60_000

SCHEMA: dict[str, Any] = {
    "name": "str_replace_based_edit_tool",
    "description": (
        "View and edit files of the worktree. `view` shows a file with line numbers (view_range [first, last], -1 for "
        "the end) or lists a folder; `str_replace` replaces old_str, which must occur exactly once, by new_str; "
        "`insert` puts insert_text after line insert_line (0: at the top); `create` writes a whole file."
    ),
    "input_schema": {
        "type": "object",
        "properties": {
            "command": {"type": "string", "enum": ["view", "create", "str_replace", "insert"]},
            "path": {"type": "string", "description": "Relative to the worktree."},
            "view_range": {"type": "array", "items": {"type": "integer"}, "minItems": 2, "maxItems": 2},
            "old_str": {"type": "string"},
            "new_str": {"type": "string"},
            "insert_line": {"type": "integer"},
            "insert_text": {"type": "string"},
            "file_text": {"type": "string"},
        },
        "required": ["command", "path"],
    },
}


class ToolError(Exception):
    """The tool cannot do that. The message tells the model what to do instead."""


def edit(folder: Path, editable: tuple[str, ...], arguments: Mapping[str, Any], local_only: Sequence[Path] = ()) -> str:
    """Carry one call of the tool out and return what the model sees. Raises ToolError.

    `local_only`: files and folders, links resolved, of which the model is told name and size and nothing else.
    """
    command, name = text(arguments, "command"), text(arguments, "path")
    try:
        path = _inside(folder, name)
        if any(path.is_relative_to(each) for each in local_only):
            raise ToolError(_stub(path, name))
        match command:
            case "view":
                return _view(path, arguments.get("view_range"))
            case "create":
                _write(folder, editable, path, text(arguments, "file_text"))
                return f"{name} was written"
            case "str_replace":
                return _replace(folder, editable, path, arguments)
            case "insert":
                return _insert(folder, editable, path, arguments)
    except (OSError, ValueError) as error:  # a name too long, a NUL in it, half a character, no permission, a full disk
        raise ToolError(f"{command} of {name[:80]!r} is not possible: {error}") from error
    raise ToolError(f"unknown command {command!r}: view, create, str_replace or insert")


def text(arguments: Mapping[str, Any], key: str) -> str:
    """Return a required argument. Raises ToolError."""
    value = arguments.get(key)
    if not isinstance(value, str):
        raise ToolError(f"{key} is missing: it must be a string")
    return value


def _inside(folder: Path, name: str) -> Path:
    root = folder.resolve()
    path = root / name  # an absolute path stands for itself
    try:
        found = path.resolve()
    except RuntimeError as error:
        raise ToolError(f"{name!r} leads in a circle") from error
    if not found.is_relative_to(root) or ".git" in found.relative_to(root).parts:
        raise ToolError(f"{name} lies outside of the worktree; paths are relative to it, for example train.py")
    if found != path and path.is_symlink():
        raise ToolError(f"{name} is a link: links are not followed")
    return found


def _stub(path: Path, name: str) -> str:
    size = f" ({path.stat().st_size:,} bytes)" if path.is_file() else ""
    return f"{name}{size} is local only ([privacy] in lab.toml): trainings read it, its content is not shown here"


def _view(path: Path, view_range: Any) -> str:
    if path.is_dir():
        return _cut(
            "\n".join(sorted(each.name + "/" * each.is_dir() for each in path.iterdir() if each.name != ".git"))
        )
    lines = _lines(_read(path))
    first, last = 1, len(lines)
    if isinstance(view_range, list) and len(view_range) == 2 and all(isinstance(each, int) for each in view_range):
        first, last = max(1, view_range[0]), len(lines) if view_range[1] == -1 else min(len(lines), view_range[1])
        if lines and first > last:
            raise ToolError(f"there are no lines {view_range[0]} to {view_range[1]}: the file has {len(lines)}")
    shown = (f"{number:6}\t{line.rstrip(chr(10))}" for number, line in enumerate(lines[first - 1 : last], first))
    return _cut("\n".join(shown))


def _cut(shown: str) -> str:
    if len(shown) > VIEW_CHARACTERS:
        return f"{shown[:VIEW_CHARACTERS]}\n… {len(shown) - VIEW_CHARACTERS} characters left out: use view_range"
    return shown or "(empty)"


def _replace(folder: Path, editable: tuple[str, ...], path: Path, arguments: Mapping[str, Any]) -> str:
    before = _read(path)
    old = _plain(text(arguments, "old_str"), before)
    new = _plain("" if arguments.get("new_str") is None else text(arguments, "new_str"), before)
    at = before.find(old) if old else -1
    if at < 0:
        raise ToolError("old_str does not occur in the file: copy it exactly, with its indentation, from a fresh view")
    if before.find(old, at + 1) >= 0:
        raise ToolError("old_str occurs several times: give more of the lines around it")
    _write(folder, editable, path, before[:at] + new + before[at + len(old) :])
    line = before[:at].count("\n") + 1
    return f"replaced; it now reads:\n{_view(path, [line - 2, line + new.count(chr(10)) + 2])}"


def _insert(folder: Path, editable: tuple[str, ...], path: Path, arguments: Mapping[str, Any]) -> str:
    line, added = arguments.get("insert_line"), arguments.get("insert_text", arguments.get("new_str"))
    if not isinstance(line, int) or not isinstance(added, str):
        raise ToolError("insert needs insert_line (a number) and insert_text")
    before = _read(path)
    lines = _lines(before)
    if not 0 <= line <= len(lines):
        raise ToolError(f"insert_line is {line}, the file has {len(lines)} lines")
    if line and not lines[line - 1].endswith("\n"):
        lines[line - 1] += "\n"
    added = _plain(added, before)
    added = added if added.endswith("\n") else f"{added}\n"
    _write(folder, editable, path, "".join([*lines[:line], added, *lines[line:]]))
    return f"inserted; it now reads:\n{_view(path, [line - 1, line + added.count(chr(10)) + 2])}"


def _read(path: Path) -> str:
    """Return a file's text; where all its lines end as in DOS, with plain newlines, as the model sees and writes them.

    `_write` gives them their ends back.
    """
    try:
        content = _bytes(path).decode()
    except FileNotFoundError:
        raise ToolError(f"{path.name} does not exist") from None
    except UnicodeDecodeError as error:
        raise ToolError(f"{path.name} cannot be read as text: {error}") from error
    return content.replace("\r\n", "\n") if _is_dos(content) else content


def _bytes(path: Path) -> bytes:
    if path.exists() and not path.is_file():  # a pipe would be waited at for ever
        raise ToolError(f"{path.name} is no regular file")
    return path.read_bytes()


def _is_dos(content: str) -> bool:
    return 0 < content.count("\n") == content.count("\r\n")


def _plain(given: str, before: str) -> str:
    """Return what a model gave with the ends of lines of `before`, as `_read` returned it."""
    return given if "\r\n" in before else given.replace("\r\n", "\n")


def _lines(content: str) -> list[str]:
    """Split after newlines only, as Python and grep count: str.splitlines() also splits at form feeds and others."""
    return re.findall(r"[^\n]*\n|[^\n]+", content)


def _write(folder: Path, editable: tuple[str, ...], path: Path, content: str) -> None:
    name = path.relative_to(folder.resolve()).as_posix()
    if name not in editable:
        raise ToolError(f"{name} may not be changed; editable: {', '.join(editable)}")
    was_dos = path.exists() and _is_dos(_bytes(path).decode("utf-8", "replace"))
    if was_dos:
        content = content.replace("\r\n", "\n").replace("\n", "\r\n")
    path.write_bytes(content.encode())
