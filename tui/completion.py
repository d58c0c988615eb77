"""Which words may follow on the command line, as bash, zsh and fish take it? Made from the parser itself.

Commands, their flags and the flags' fixed values are complete in the script; nothing is asked of a lab.
"""

from __future__ import annotations

import argparse
from collections.abc import Iterator
from dataclasses import dataclass


@dataclass(frozen=True)
class Word:
    """One command, with the words that may follow it."""

    name: str
    about: str
    flags: tuple[tuple[str, str], ...]
    """(flag, what it is for)."""
    values: tuple[str, ...]
    """What its positional words and its flags may be, where that is a fixed choice."""


def script(shell: str, parser: argparse.ArgumentParser) -> str:
    """Return the script for `shell`: bash, zsh or fish."""
    words = tuple(_words(parser))
    return {"bash": _bash, "zsh": _zsh, "fish": _fish}[shell](words)


def _words(parser: argparse.ArgumentParser) -> Iterator[Word]:
    commands = next(each for each in parser._actions if isinstance(each, argparse._SubParsersAction))
    abouts = {each.dest: each.help or "" for each in commands._choices_actions}
    for name, sub in commands.choices.items():
        flags = tuple((flag, each.help or "") for each in sub._actions for flag in each.option_strings)
        values = tuple(str(value) for each in sub._actions for value in each.choices or ())
        yield Word(name, abouts.get(name, ""), flags, values)


def _bash(words: tuple[Word, ...]) -> str:
    cases = "\n".join(
        f"    {each.name}) words='{' '.join([*(flag for flag, _ in each.flags), *each.values])}' ;;" for each in words
    )
    names = " ".join(each.name for each in words)
    return f"""# source <(nightlab completion bash)
_nightlab() {{
  local words
  if [ "$COMP_CWORD" -eq 1 ]; then
    words='{names}'
  else
    case "${{COMP_WORDS[1]}}" in
{cases}
    *) words='' ;;
    esac
  fi
  COMPREPLY=($(compgen -W "$words" -- "${{COMP_WORDS[COMP_CWORD]}}"))
}}
complete -o default -F _nightlab nightlab
"""


def _zsh(words: tuple[Word, ...]) -> str:
    names = "\n".join(f"    '{each.name}:{_quoted(each.about)}'" for each in words)
    cases = "\n".join(
        f"    {each.name}) compadd -- {' '.join([*(flag for flag, _ in each.flags), *each.values])}; _files ;;"
        for each in words
    )
    return f"""#compdef nightlab
# source <(nightlab completion zsh)
_nightlab() {{
  local -a commands
  commands=(
{names}
  )
  if (( CURRENT == 2 )); then
    _describe command commands
  else
    case "$words[2]" in
{cases}
    esac
  fi
}}
compdef _nightlab nightlab
"""


def _fish(words: tuple[Word, ...]) -> str:
    lines = ["# nightlab completion fish | source", "complete -c nightlab -n __fish_use_subcommand -f"]
    for each in words:
        lines.append(f"complete -c nightlab -n __fish_use_subcommand -a {each.name} -d '{_fished(each.about)}'")
        after = f"complete -c nightlab -n '__fish_seen_subcommand_from {each.name}'"
        lines += [f"{after} -{_option(flag)} -d '{_fished(about)}'" for flag, about in each.flags]
        lines += [f"{after} -a '{' '.join(each.values)}'"] if each.values else []
    return "\n".join(lines) + "\n"


def _option(flag: str) -> str:
    return f"l {flag[2:]}" if flag.startswith("--") else f"s {flag[1:]}"


def _quoted(text: str) -> str:
    """Return words as they stand between the single quotes of bash and zsh."""
    return text.replace("'", "'\\''")


def _fished(text: str) -> str:
    """Return words as they stand between fish's single quotes."""
    return text.replace("\\", "\\\\").replace("'", "\\'")
