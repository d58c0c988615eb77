"""Which words may follow on the command line, as bash, zsh and fish take it? Made from the parser itself.

Commands, their flags and the flags' fixed values are complete in the script; nothing is asked of a lab.
"""

from __future__ import annotations

import argparse
from collections.abc import Iterator
from dataclasses import dataclass


@dataclass(frozen=True)
class Flag:
    """One flag of a command."""

    name: str
    about: str
    takes: bool
    """Whether a value follows it."""
    values: tuple[str, ...]
    """Which, where that is a fixed choice."""


@dataclass(frozen=True)
class Word:
    """One command, with the words that may follow it."""

    name: str
    about: str
    flags: tuple[Flag, ...]
    values: tuple[str, ...]
    """What its positional words may be, where that is a fixed choice."""

    @property
    def all(self) -> str:
        """Everything that may follow, for a shell to which no more is said."""
        return " ".join(
            [*(each.name for each in self.flags), *self.values, *(v for each in self.flags for v in each.values)]
        )


def script(shell: str, parser: argparse.ArgumentParser) -> str:
    """Return the script for `shell`: bash, zsh or fish."""
    words = tuple(_words(parser))
    return {"bash": _bash, "zsh": _zsh, "fish": _fish}[shell](words)


def _words(parser: argparse.ArgumentParser) -> Iterator[Word]:
    commands = next(each for each in parser._actions if isinstance(each, argparse._SubParsersAction))
    abouts = {each.dest: each.help or "" for each in commands._choices_actions}
    for name, sub in commands.choices.items():
        flags = tuple(
            Flag(flag, each.help or "", each.nargs != 0, tuple(map(str, each.choices or ())))
            for each in sub._actions
            for flag in each.option_strings
        )
        values = tuple(str(value) for each in sub._actions if not each.option_strings for value in each.choices or ())
        yield Word(name, abouts.get(name, ""), flags, values)


def _bash(words: tuple[Word, ...]) -> str:
    cases = "\n".join(f"    {each.name}) words='{each.all}' ;;" for each in words)
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
    cases = "\n".join(f"    {each.name}) compadd -- {each.all}; _files ;;" for each in words)
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
if [[ "$funcstack[1]" == _nightlab ]]; then  # it lies in $fpath, and this is the first time that it is asked for
  _nightlab "$@"
else
  (( $+functions[compdef] )) || {{ autoload -Uz compinit && compinit }}
  compdef _nightlab nightlab
fi
"""


def _fish(words: tuple[Word, ...]) -> str:
    lines = ["# nightlab completion fish | source", "complete -c nightlab -n __fish_use_subcommand -f"]
    for each in words:
        lines.append(f"complete -c nightlab -n __fish_use_subcommand -a {each.name} -d '{_fished(each.about)}'")
        after = f"complete -c nightlab -n '__fish_seen_subcommand_from {each.name}'"
        lines += [f"{after} -{_option(flag)} -d '{_fished(flag.about)}'" for flag in each.flags]
        lines += [f"{after} -a '{' '.join(each.values)}'"] if each.values else []
    return "\n".join(lines) + "\n"


def _option(flag: Flag) -> str:
    name = f"l {flag.name[2:]}" if flag.name.startswith("--") else f"s {flag.name[1:]}"
    if flag.values:
        return f"{name} -x -a '{' '.join(flag.values)}'"
    return f"{name} -r" if flag.takes else name


def _quoted(text: str) -> str:
    """Return words as they stand between the single quotes of bash and zsh."""
    return text.replace("'", "'\\''")


def _fished(text: str) -> str:
    """Return words as they stand between fish's single quotes."""
    return text.replace("\\", "\\\\").replace("'", "\\'")
