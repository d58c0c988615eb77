"""Set train.py's constants to another size, once, before a lab's first commit.

    python -P configure.py cuda [TRAIN.PY]

The file comes with the constants of the CPU miniature. `cuda` is the size of the field's five-minute runs on one H100
(depth 8, width 512, rows of 2,048 tokens, 2^19 tokens a step), so that scores compare with published ones.
"""

from __future__ import annotations

import ast
import sys
from pathlib import Path

PROFILES: dict[str, dict[str, object]] = {
    "cpu": {},
    "cuda": {
        "DEPTH": 8,
        "WIDTH": 512,
        "HEAD_DIM": 128,
        "VALUE_EMBEDDING_EVERY": 2,
        "X0_RESIDUAL": True,
        "WINDOWS": "SSSL",
        "SEQUENCE": 2048,
        "BATCH": 524288,
        "MICRO_BATCH": 262144,
        "MATRIX_LR": 0.04,
    },
}


def with_constants(source: str, constants: dict[str, object]) -> str:
    """Return the source with the literals of module-level constants replaced in place; nothing else moves."""
    where = {
        node.targets[0].id: node.value
        for node in ast.parse(source).body
        if isinstance(node, ast.Assign) and isinstance(node.targets[0], ast.Name)
    }
    lines = source.splitlines(keepends=True)
    for name, value in constants.items():
        old = where[name]
        line = lines[old.lineno - 1].encode()  # columns of ast count bytes
        lines[old.lineno - 1] = (line[: old.col_offset] + repr(value).encode() + line[old.end_col_offset :]).decode()
    return "".join(lines)


def main() -> None:
    """Rewrite train.py for the profile that the command line names."""
    if len(sys.argv) < 2 or sys.argv[1] not in PROFILES:
        sys.exit(f"error: name a profile: {', '.join(PROFILES)}")
    path = Path(sys.argv[2] if len(sys.argv) > 2 else Path(__file__).with_name("train.py"))
    path.write_text(with_constants(path.read_text(), PROFILES[sys.argv[1]]))
    print(f"{path.name}: " + ", ".join(f"{name} = {value!r}" for name, value in PROFILES[sys.argv[1]].items()))


if __name__ == "__main__":
    main()
