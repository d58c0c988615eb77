"""What kind of project is this repository, as far as its files say? Pure: from sources to a guess with its reasons.

Two shapes are known. The autoresearch layout is train.py, prepare.py and program.md in one folder: agents change
train.py, prepare.py holds the evaluation, the metric is printed at the end. Else one training script is looked for.
Whatever is only likely is not `certain`: a person is asked, or has said it by a flag.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import PurePosixPath
from typing import Literal

Layout = Literal["autoresearch", "script", "unknown"]

AUTORESEARCH = ("train.py", "prepare.py", "program.md")
_HELD_OUT = frozenset({"val", "valid", "validation", "test", "eval", "dev", "heldout", "final", "best"})
_LOWER = frozenset({
    "bpb", "bpc", "loss", "nll", "ppl", "perplexity", "err", "error", "rmse", "mse", "mae", "wer", "cer", "fid", "kl",
    "xent", "ce", "crossentropy", "time", "latency",
})  # fmt: skip
_HIGHER = frozenset({
    "acc", "accuracy", "f1", "auc", "auroc", "bleu", "rouge", "reward", "return", "score", "r2", "iou", "map",
    "precision", "recall", "psnr", "ssim", "mfu", "throughput", "quality", "fps", "elo", "winrate",
})  # fmt: skip
_ASIDE = frozenset({
    "train", "time", "sec", "secs", "seconds", "s", "ms", "lr", "step", "steps", "epoch", "epochs", "mem", "memory",
    "vram", "mb", "gb", "mfu", "params", "tokens", "tok", "iter", "depth", "total", "peak", "num", "rate", "flops",
    "seed", "batch",
})  # fmt: skip
"""Words of numbers that are printed and are not what is wanted."""
_SPENT = frozenset({"sec", "secs", "seconds", "ms", "mem", "memory", "vram", "mb", "gb", "params", "flops"})
"""Of those, what is spent: less is better, unless so much is done in it (tokens per second)."""
_BUDGETS = re.compile(r"^(?:\w+_)?(?:TIME_BUDGET|TIME_LIMIT|MAX_SECONDS|BUDGET_S)(?:_S)?\s*=\s*(\d[\d._]*)", re.M)
_SEED_VARIABLE = re.compile(r"""(?:environ(?:\.get\(|\[)|getenv\()\s*["'](\w*SEED)["']""")
_NO_TRAINING = re.compile(r"(?:^|/)(?:tests?|docs|\.[^/]*)/|(?:^|/)(?:test_[^/]*|conftest|setup|__init__)\.py$")
_NUMBER = "\0"
"""Stands for a number in the template of what is printed."""
_LABELLED = re.compile(
    r"((?:(?:train|val|valid|validation|test|eval|dev|best|final) +)?[A-Za-z_][\w./-]*)(\s*[:=]\s*|\s+)\0(\S?)"
)


@dataclass(frozen=True)
class Printed:
    """A number that a script prints behind a name, and the pattern that finds it in the output."""

    name: str
    pattern: str
    path: str
    line: int
    in_loop: bool
    """True where it is printed again and again: the last one counts."""


@dataclass(frozen=True)
class Recognised:
    """A guess at each of the answers that a lab.toml needs; what could not be guessed is empty or None."""

    layout: Layout
    script: str = ""
    scripts: tuple[str, ...] = ()
    """All that might be meant, best first."""
    frozen: tuple[str, ...] = ()
    program: str = ""
    """The researcher's own instructions to agents."""
    printed: tuple[Printed, ...] = ()
    """What the script prints, the likeliest metric first."""
    metric: str = ""
    lower_is_better: bool | None = None
    budget_s: float | None = None
    """The training's own clock."""
    seed_flag: bool = False
    """True where the script takes --seed."""
    seed_variable: str = ""
    """The environment variable in which it looks for its seed."""
    results: str = ""
    """A results.tsv of runs that were done before."""
    certain: frozenset[str] = frozenset()
    """Names of the answers that need no question."""
    why: tuple[str, ...] = ()
    """What was found and by what, a line each."""


def recognise(sources: Mapping[str, str], names: Collection[str], folder: str = "", script: str = "") -> Recognised:
    """Look at a repository's Python `sources` {path: text} and the `names` of all its files, below `folder`.

    `script`: the training script, where a person has named it.
    """
    place = PurePosixPath(folder)
    inside = {path: text for path, text in sources.items() if PurePosixPath(path).is_relative_to(place)}
    train, prepare, program = (str(place / name) for name in AUTORESEARCH)
    if {train, prepare, program} <= set(names) and script in ("", train):
        why = f"autoresearch layout: {train}, {prepare}, {program}"
        found = _told(_about(train, (prepare,), inside), why, {"train", "edit", "frozen"})
        return replace(found, layout="autoresearch", program=program, results=_results(place, names))
    scripts = [(0, script)] if script in inside else _scripts(inside)
    program, results = program if program in names else "", _results(place, names)
    if not scripts:
        return Recognised("unknown", program=program, results=results, why=("no training script was found",))
    paths = tuple(path for _, path in scripts)
    is_clear = len(scripts) == 1 or scripts[0][0] >= scripts[1][0] + 2
    why = f"training script {paths[0]}" + (f"; also possible: {', '.join(paths[1:4])}" if paths[1:] else "")
    about = _about(paths[0], _imported(paths[0], inside), inside)
    found = _told(about, why, {"train", "edit", "frozen"} if is_clear else set())
    return replace(found, layout="script", scripts=paths, program=program, results=results)


def _results(place: PurePosixPath, names: Collection[str]) -> str:
    path = str(place / "results.tsv")
    return path if path in names else ""


@dataclass(frozen=True)
class _About:
    """What one script says of itself and of the files beside it."""

    script: str
    frozen: tuple[str, ...]
    printed: tuple[Printed, ...] = ()
    budget: tuple[float, str] | None = None
    seed_flag: bool = False
    seed_variable: str = ""


def _about(script: str, frozen: tuple[str, ...], sources: Mapping[str, str]) -> _About:
    source = sources.get(script, "")
    budgets = (
        (float(match[1]), path) for path in (script, *frozen) for match in _BUDGETS.finditer(sources.get(path, ""))
    )
    variable = _SEED_VARIABLE.search(source)
    return _About(
        script,
        frozen,
        tuple(sorted(printed(source, script), key=_likelihood, reverse=True)),
        next(budgets, None),
        bool(re.search(r"""add_argument\(\s*["']--seed["']""", source)),
        variable[1] if variable else "",
    )


def _told(about: _About, why: str, certain: set[str]) -> Recognised:
    said = [why]
    metric, lower = "", None
    if about.printed and _likelihood(about.printed[0])[0] > 0:
        first = about.printed[0]
        metric, lower = first.name, direction(first.name)
        said.append(f"metric {metric}: printed in {first.path}, line {first.line}")
        rivals = [each for each in about.printed[1:] if _likelihood(each)[0] >= _likelihood(first)[0]]
        if _likelihood(first)[0] >= _SURE and not rivals:
            certain |= {"metric", "pattern"} | ({"direction"} if lower is not None else set())
    if about.budget:
        certain |= {"wall"}
        said.append(f"its own clock: {about.budget[0]:g} s ({about.budget[1]})")
    return Recognised(
        layout="script",
        script=about.script,
        scripts=(about.script,) if about.script else (),
        frozen=about.frozen,
        printed=about.printed,
        metric=metric,
        lower_is_better=lower,
        budget_s=about.budget[0] if about.budget else None,
        seed_flag=about.seed_flag,
        seed_variable=about.seed_variable,
        certain=frozenset(certain),
        why=tuple(said),
    )


_LIKELY, _SURE = 5, 7
"""Likelihood of a metric from which a script counts as one that trains, and (a held-out quality) nobody is asked."""


def _likelihood(one: Printed) -> tuple[int, int]:
    words = _words(one.name)
    points = 4 * bool(words & _HELD_OUT) + 3 * bool(words & (_LOWER | _HIGHER)) + 2 * (not one.in_loop)
    return points - 6 * bool(words & _ASIDE), one.line


def direction(name: str) -> bool | None:
    """Return True for a metric of which less is better, False for one of which more is, None where nobody knows."""
    words = _words(name)
    if "per" in words:
        return None if words & _LOWER else False
    if words & (_LOWER | _SPENT):
        return True
    return False if words & _HIGHER else None


def _words(name: str) -> set[str]:
    return {word for word in re.split(r"[^a-z0-9]+", re.sub(r"([a-z])([A-Z])", r"\1_\2", name).lower()) if word}


def printed(source: str, path: str) -> tuple[Printed, ...]:
    """Return the named numbers that a source prints, each once: where no loop repeats it, or at its last place."""
    found: dict[str, Printed] = {}
    for each in sorted(_calls(_tree(source), path, in_loop=False), key=lambda each: (not each.in_loop, each.line)):
        found[each.name] = each
    return tuple(found.values())


def _tree(source: str) -> ast.AST:
    try:
        return ast.parse(source)
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return ast.Module([], [])


def _calls(node: ast.AST, path: str, *, in_loop: bool) -> Iterator[Printed]:
    for child in ast.iter_child_nodes(node):
        if isinstance(child, ast.Call):
            called = child.func.attr if isinstance(child.func, ast.Attribute) else getattr(child.func, "id", "")
            if called in ("print", "info", "write", "log", "warning"):
                yield from _labelled(
                    _template(child), path, child.lineno, in_loop, is_bare=called in ("print", "write")
                )
        looped = in_loop or isinstance(child, ast.For | ast.While | ast.AsyncFor)
        yield from _calls(child, path, in_loop=looped)


def _labelled(template: str, path: str, line: int, in_loop: bool, *, is_bare: bool) -> Iterator[Printed]:
    for row in re.split(r"[\r\n]", template):
        for match in _LABELLED.finditer(row):
            label, between, following = match.groups()
            start = "^" if is_bare and match.start() == 0 else r"(?<![\w./-])"
            sign = between.strip()
            gap = rf"{sign}\s*" if sign == ":" else rf"\s*{sign}\s*" if sign else r"\s+"
            value = r"([^\s,;|)\]%]+)" if following and following != _NUMBER else r"(\S+)"
            words = r" +".join(map(re.escape, label.split()))
            yield Printed("_".join(label.split()), f"{start}{words}{gap}{value}", path, line, in_loop)


def _template(call: ast.Call) -> str:
    """Return what a call prints with `_NUMBER` in place of what is not known before it runs."""
    return " ".join(_text(argument) for argument in call.args)


def _text(node: ast.expr) -> str:
    match node:
        case ast.Constant(value=str(text)):
            return text
        case ast.JoinedStr(values=parts):
            return "".join(str(part.value) if isinstance(part, ast.Constant) else _NUMBER for part in parts)
        case ast.BinOp(left=ast.Constant(value=str(text)), op=ast.Mod()):
            return re.sub(r"%[-+#0 ]*\d*(?:\.\d+)?[a-zA-Z]", _NUMBER, text)
        case ast.Call(func=ast.Attribute(value=ast.Constant(value=str(text)), attr="format")):
            return re.sub(r"\{[^{}]*\}", _NUMBER, text)
    return _NUMBER


def _scripts(sources: Mapping[str, str]) -> list[tuple[int, str]]:
    """Return what may be the training script, as (points, path), best first."""
    rated = []
    for path, source in sources.items():
        if _NO_TRAINING.search(path):
            continue
        stem = PurePosixPath(path).stem.lower()
        points = 4 * stem.startswith("train") + 2 * (stem in ("main", "run", "experiment"))
        points += 2 * bool(re.search(r"""__name__\s*==\s*["']__main__""", source))
        points += bool(re.search(r"^\s*import argparse|ArgumentParser", source, re.M))
        points += bool(re.search(r"\.backward\(|\.fit\(|optimi[sz]er|epoch", source))
        points += 2 * any(_likelihood(each)[0] >= _LIKELY for each in printed(source, path))
        points -= len(PurePosixPath(path).parts) - 1
        if points >= 3:
            rated.append((points, path))
    return sorted(rated, key=lambda each: (-each[0], each[1]))


def _imported(script: str, sources: Mapping[str, str]) -> tuple[str, ...]:
    """Return the repository's own modules that a script imports: they stay as they are unless somebody says else."""
    folder = PurePosixPath(script).parent
    names: set[str] = set()
    for node in ast.walk(_tree(sources.get(script, ""))):
        if isinstance(node, ast.Import):
            names |= {each.name for each in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module:
            names |= {node.module, *(f"{node.module}.{each.name}" for each in node.names)}
    paths = (str(root / f"{name.replace('.', '/')}.py") for name in names for root in (folder, PurePosixPath()))
    return tuple(sorted({path for path in paths if path in sources and path != script}))
