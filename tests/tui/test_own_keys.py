"""Keys and settings of one's own: what is taken, and which sentence answers what cannot be."""

from __future__ import annotations

from argparse import Namespace
from pathlib import Path

import pytest

from agentcore import events as ev
from tests.tui.driving import sitting_at
from tests.tui.labs import small_lab
from tui import bindings
from tui.bindings import KeymapError, remap
from tui.cli import main
from tui.options import ViewOptions, chosen
from tui.settings import Settings, SettingsError, location, parse

FLAGS = Namespace(theme=None, ascii=False, readonly=False, mouse=False, slow=False)

DOCUMENT = Path(__file__).parents[2] / "docs" / "keys.md"


def test_the_document_of_keys_is_current(capsys: pytest.CaptureFixture[str]) -> None:
    """docs/keys.md is what `nightlab keys --markdown` prints."""
    assert 0 == main(["keys", "--markdown"])
    assert DOCUMENT.read_text() == capsys.readouterr().out, "nightlab keys --markdown > docs/keys.md"


async def test_an_own_key_acts_and_stands_in_the_key_line(tmp_path: Path) -> None:
    """With `merge = "B"` B merges, the key line says so, and m has no meaning any more."""
    options = ViewOptions(table=remap({"merge": ("B",)}))
    async with sitting_at(small_lab(tmp_path), options=options) as person:
        assert "B:merge" in person.rows[-1]
        await person.press("B")
        assert person.strip.startswith("nothing to merge yet")
        await person.press("m")
        assert "m does nothing here; ? lists the keys" == person.strip


async def test_sentences_name_ones_own_keys(tmp_path: Path) -> None:
    """In the strip, in an answer, in a pane's title and in what a sheet says of undo."""
    own = {"attend": ("Z",), "help": ("H",), "events": ("Y",), "undo": ("z",), "pause-all": ("B",)}
    lab = small_lab(tmp_path)
    lab.tell(ev.WarningRaised("disk", "2 GB free"))
    async with sitting_at(lab, options=ViewOptions(table=remap(own))) as person:
        assert person.strip.endswith("Z:go")
        assert "Y:all" in person.row("events")
        await person.press("u")
        assert "u does nothing here; H lists the keys" == person.strip
        await person.press("B")
        assert "z, or B again" in person.row("undo ")


def test_a_list_gives_an_action_several_keys() -> None:
    """Each key of the list does it, people's names of keys included."""
    table = remap(parse('[keys]\nattend = ["a", "B", "pgup", "space"]\nmark = "*"\npage-up = "D"', "x").keymap)
    own = next(each for each in table if each.id == "attend")
    assert ("a", "B", "pageup", " ") == own.keys


@pytest.mark.parametrize(
    ("own", "said"),
    [
        ({"mege": ("M",)}, "there is no action 'mege'; did you mean 'merge'?"),
        ({"merge": ("q",)}, "merge = 'q': on screen lab 'q' is 'detach'"),
        ({"help": ("j",)}, "help = 'j': on every screen 'j' is 'down'"),
        ({"merge": ("ctrl+s",)}, "tmux, screen or the terminal takes this key"),
        ({"merge": ("pagdown",)}, "is no key; did you mean 'pagedown'?"),
    ],
)
def test_a_keymap_that_cannot_be_used_is_one_sentence(own: dict[str, tuple[str, ...]], said: str) -> None:
    """The nearest action, the other action that has the key, or the nearest key is named."""
    with pytest.raises(KeymapError) as caught:
        remap(own)
    assert said in str(caught.value)


def test_two_actions_may_change_their_keys_with_each_other() -> None:
    """What counts is the keymap as a whole."""
    assert [] == bindings.conflicts(remap({"merge": ("v",), "verify": ("m",)}))


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ('them = "mono"', "own.toml: unknown key 'them'; did you mean 'theme'?"),
        ("[ui]\nhint = true", "own.toml [ui]: unknown key 'hint'; did you mean 'hints'?"),
        ('[notify]\ncomand = "x"', "own.toml [notify]: unknown key 'comand'; did you mean 'command'?"),
        ('[notify]\nbell = "no"', "own.toml [notify]: Expected `bool`, got `str` - at `$.bell`"),
        ("notify = 1", "own.toml [notify]: "),
        ('[notify]\ncommand = "mail \'me"', "own.toml [notify]: No closing quotation"),
        ('[notify]\ncommand = " "', "own.toml [notify]: command names no program"),
        ('[notify]\nurl = "ntfy.sh/secret-topic"', "own.toml [notify]: url is no address such as https://"),
        ('[notify]\nurl = "ftp://ntfy.sh/secret-topic"', "own.toml [notify]: url is no address such as https://"),
        ('[notify]\nurl = "https://me:pw@ntfy.sh/x"', "own.toml [notify]: url holds a name or a password"),
        ('[notify]\nurl = "http://ntfy.sh/x"\ntoken_env = "T"', "own.toml [notify]: a token goes over https only"),
        ('[ui]\nmouse = "yes"', "own.toml: Expected `bool`, got `str` - at `$.ui.mouse`"),
        ("[ui]\nrefresh = 0.01", "own.toml [ui]: refresh = 0.01 is not between 0.2 and 60 seconds"),
        ("[ui", "own.toml: "),
    ],
)
def test_settings_that_cannot_be_used_are_one_sentence(text: str, said: str) -> None:
    """The file, the key and what is known are named."""
    with pytest.raises(SettingsError) as caught:
        parse(text, "own.toml")
    assert str(caught.value).startswith(said) and "secret-topic" not in str(caught.value)


def test_a_flag_comes_before_the_environment_and_that_before_the_file() -> None:
    """For the theme all three speak; for the rest the file holds where nothing else was said."""
    own = parse('theme = "mono"\n[ui]\nrefresh = 2\nhints = false\n[notify]\nosc9 = true', "own.toml")
    env = {"NIGHTLAB_THEME": "ansi", "NIGHTLAB_ASCII": "1"}
    flag = Namespace(**{**vars(FLAGS), "theme": "contrast"})
    assert ["contrast", "ansi", "mono"] == [
        chosen(flag, env, own).theme,
        chosen(FLAGS, env, own).theme,
        chosen(FLAGS, {}, own).theme,
    ]
    options = chosen(FLAGS, env, own)
    assert (True, 2.0, False, True) == (options.ascii, options.refresh_s, options.hints, options.osc9)


def test_slow_paints_rarely_and_without_plots() -> None:
    """`--slow` is five seconds, whatever the file says."""
    options = chosen(Namespace(**{**vars(FLAGS), "slow": True}), {}, Settings())
    assert (5.0, False) == (options.refresh_s, options.plots)


def test_the_file_lies_where_the_system_keeps_such_files() -> None:
    """$NIGHTLAB_CONFIG, $XDG_CONFIG_HOME, else ~/.config; a relative XDG path counts as none."""
    home = {"HOME": "/home/me"}
    found = [
        location({**home, "NIGHTLAB_CONFIG": "/x/own.toml"}),
        location({**home, "XDG_CONFIG_HOME": "/x"}),
        location({**home, "XDG_CONFIG_HOME": "x"}),
    ]
    own = ["/x/own.toml", "/x/nightlab/config.toml", "/home/me/.config/nightlab/config.toml"]
    assert own == [str(path) for path in found]


def test_check_says_whether_ones_keys_can_be_used(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Exit code 0 and a sentence, or 2 with the file, the action and the other action."""
    file = tmp_path / "own.toml"
    monkeypatch.setenv("NIGHTLAB_CONFIG", str(file))
    file.write_text('[keys]\nmerge = "B"')
    assert 0 == main(["keys", "--check"])
    assert "1 of your own: no key has two meanings" in capsys.readouterr().out
    file.write_text('[keys]\nmerge = "q"')
    assert 2 == main(["keys", "--check"])
    assert f"nightlab: {file} [keys]: merge = 'q': on screen lab 'q' is 'detach'" in capsys.readouterr().err
