"""Which settings hold, from a shell: their values, and the file and line, the variable or the default behind each."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests import toy
from tui.cli import main
from tui.origins import lines

OWN = """# mine
theme = "mono"
[ui]
refresh = 2.5
[keys]
merge = "B"
"""

TOML = '''"quoted key" = 1
[a]
b.c = 2   # dotted
text = """
not = "a key"
[nor.a.table]
"""
[ a . "d e" ]
x = [
  "y = 3",
]
[[many]]
one = { two = 2 }
'''


@pytest.fixture
def at(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A toy lab, with a file of one's own beside it."""
    root = toy.make(tmp_path / "lab").root
    own = tmp_path / "config.toml"
    own.write_text(OWN)
    for name in ("NIGHTLAB_THEME", "NIGHTLAB_ASCII", "NIGHTLAB_REFRESH", "NIGHTLAB_DIR"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("NIGHTLAB_CONFIG", str(own))
    monkeypatch.chdir(tmp_path)
    return root


def asked(capsys: pytest.CaptureFixture[str], root: Path, *words: str) -> tuple[int, str, str]:
    """Ask `nightlab config`; return its code, stdout and stderr."""
    code = main(["config", *words, "--lab", str(root)])
    return (code, *capsys.readouterr())


def test_every_key_has_its_line() -> None:
    """Quoted, dotted, in tables; what stands inside of a text is no key."""
    expected = {"quoted key": 1, "a.b.c": 3, "a.text": 4, "a.d e.x": 9, "many.one": 13}
    assert expected == lines(TOML)


def test_a_value_is_printed_alone_for_scripts(at: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """A text as it is, a list as JSON."""
    assert (0, "mono\n", "") == asked(capsys, at, "get", "theme")
    assert (0, '["train.py"]\n', "") == asked(capsys, at, "get", "project.edit")


def test_where_it_comes_from(at: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    """The line of lab.toml or of one's own file, the default, and the variable that comes before both."""
    number = 1 + (at / "lab.toml").read_text().splitlines().index('edit = ["train.py"]')
    assert f'["train.py"]   {at}/lab.toml:{number}\n' == asked(capsys, at, "get", "project.edit", "--where")[1]
    own = at.parent / "config.toml"
    assert f"2.5   {own}:4\n" == asked(capsys, at, "get", "ui.refresh", "--where")[1]
    assert f"B   {own}:6\n" == asked(capsys, at, "get", "keys.merge", "--where")[1]
    assert "true   default\n" == asked(capsys, at, "get", "ui.hints", "--where")[1]
    monkeypatch.setenv("NIGHTLAB_REFRESH", "5")
    assert "5   $NIGHTLAB_REFRESH\n" == asked(capsys, at, "get", "ui.refresh", "--where")[1]


def test_all_of_them_are_listed(at: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """For people as a table, for programs with the kind of the source; the gate's defaults are those of its slots."""
    _, table, _ = asked(capsys, at, "list")
    assert ["KEY", "VALUE", "FROM"] == table.splitlines()[0].split()
    body = json.loads(asked(capsys, at, "list", "--json")[1])
    kinds = {each["key"]: each["kind"] for each in body["settings"]}
    assert "nightlab.config/1" == body["schema"]
    assert ("file", "default", "file") == (kinds["theme"], kinds["notify.bell"], kinds["project.name"])
    assert {"gate.z_screen", "agents.anthropic.model", "limits.usd", "retest.scale"} <= kinds.keys()


def test_what_is_no_setting_says_which_is_near(at: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """A misspelt key, a table, no key; outside of a lab only one's own are known; a broken file is named."""
    assert (2, "did you mean 'limits.usd'?") == (
        (found := asked(capsys, at, "get", "limits.usdd"))[0],
        found[2].split("; ")[1].strip(),
    )
    assert "'ui' is a table: ui.refresh" in asked(capsys, at, "get", "ui")[2]
    assert 2 == asked(capsys, at, "get")[0]
    assert "there is no lab here" in asked(capsys, at.parent, "get", "limits.usd")[2]
    assert (0, "mono\n", "") == asked(capsys, at.parent, "get", "theme")
    (at / "lab.toml").write_text("[limit]\n")
    assert 4 == asked(capsys, at, "list")[0]
