"""Preparing data: splits that stay, hashes that are checked, downloads that are resumed; rows that lose no token."""

from __future__ import annotations

import hashlib
import http.server
import itertools
import json
import shutil
import sys
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest

from tests.nanochat.runs import NANOCHAT, Result, call


@pytest.fixture
def prepare(tmp_path: Path) -> Callable[..., Result]:
    """Run prepare.py as a process into tmp_path/data."""

    def start(**changes: str) -> Result:
        names = {
            "NIGHTLAB_DATA_ROOT": str(tmp_path / "data"),
            "NANOCHAT_VOCABULARY": "300",
            "NANOCHAT_LENGTH": "32",
            "NANOCHAT_RETRY_S": "0",
        }
        return call("prepare.py", NANOCHAT, tmp_path, **{**names, **changes})

    return start


def test_the_embedded_corpus_has_three_disjoint_splits_of_fixed_hash(prepare, tmp_path):
    """The default corpus needs no network, and its splits are the same bytes everywhere."""
    done = prepare(NANOCHAT_CORPUS="kjv", NANOCHAT_VOCABULARY="1024", NANOCHAT_LENGTH="")
    metas = {
        split: json.loads((tmp_path / f"data/{split}/meta.json").read_text())
        for split in ("train", "validation", "holdout")
    }
    assert done.code == 0, done.stderr
    assert [meta["text_bytes"] for meta in metas.values()] == [3_351_520, 395_522, 396_026]
    assert metas["validation"]["files"]["tokens.bin"][1].startswith("05673e505cf83ea0")
    assert all(meta["files"]["tokens.bin"][1][:16] in done.stdout for meta in metas.values())
    assert len({meta["tokenizer"] for meta in metas.values()}) == 1


def test_preparing_again_keeps_what_is_intact_and_rebuilds_what_is_not(prepare, story, tmp_path):
    """A second call changes nothing; after damage, or half a build, everything is made again with the same hashes."""
    first = prepare(NANOCHAT_CORPUS=str(story))
    tokens = tmp_path / "data/validation/tokens.bin"
    right = tokens.read_bytes()
    second = prepare(NANOCHAT_CORPUS=str(story))
    tokens.write_bytes(b"\0\0" + right[2:])
    third = prepare(NANOCHAT_CORPUS=str(story))
    assert (first.code, second.code, third.code) == (0, 0, 0)
    assert "is complete and unchanged" in second.stdout
    assert "is complete and unchanged" not in third.stdout
    assert tokens.read_bytes() == right
    (tmp_path / "data/manifest.json").unlink()  # a build that was killed before its end has no manifest
    assert "is complete and unchanged" not in prepare(NANOCHAT_CORPUS=str(story)).stdout


@pytest.mark.parametrize(
    ("files", "settings", "says"),
    [
        ({}, {}, "has no .txt, .md or .parquet file"),
        ({"a.txt": b""}, {}, "the corpus is too small or empty"),
        ({"a.txt": b"only a line\n"}, {}, "the corpus is too small or empty"),
        ({"a.txt": b"caf\xe9 " * 999}, {}, "is not UTF-8 text (byte 3)"),
        ({"a.txt": b"x"}, {"NANOCHAT_VOCABULARY": "70000"}, "NANOCHAT_VOCABULARY 70000 must be 257 to 65535"),
        ({"a.txt": b"x"}, {"NANOCHAT_CORPUS": "bible"}, "'bible' is neither kjv, climbmix, tinystories nor a folder"),
    ],
)
def test_a_bad_corpus_is_one_line(prepare, tmp_path, files, settings, says):
    """An empty, tiny, unreadable or unknown corpus ends with one line and leaves no data behind."""
    (tmp_path / "text").mkdir()
    for name, content in files.items():
        (tmp_path / "text" / name).write_bytes(content)
    done = prepare(**{"NANOCHAT_CORPUS": str(tmp_path / "text"), **settings})
    assert (done.code, says in done.first_error, "Traceback" in done.stderr) == (1, True, False)
    assert not (tmp_path / "data/manifest.json").exists()
    assert not (tmp_path / "data/building").exists()


def test_tokens_give_the_text_back(corpus):
    """Decoding a split yields documents of the source, byte for byte, and byte lengths add up."""
    import base64

    meta = json.loads((corpus / "holdout/meta.json").read_text())
    words = [base64.b64decode(t) for t in json.loads((corpus / "holdout/tokenizer.json").read_text())["tokens"]]
    tokens = np.fromfile(corpus / "holdout/tokens.bin", dtype=np.uint16)
    text = b"".join(b"" if token == meta["mark"] else words[token] for token in tokens)
    source = (corpus.parent / "story/story.txt").read_bytes()
    assert len(text) == meta["text_bytes"]
    assert all(line in source for line in text.splitlines())


def test_packing_uses_every_token_as_a_target_once_an_epoch(tmp_path):
    """Rows of made-up documents hold each target equally often, and the seed alone sets their order."""
    import data

    dice = np.random.default_rng(3)
    starts = np.cumsum([0, *dice.integers(2, 90, size=1200)])
    corpus = data.Corpus(tmp_path, {}, np.arange(starts[-1], dtype=np.uint16), starts)

    def rows(seed: int, count: int) -> list[list[int]]:
        return [row.tolist() for row in itertools.islice(data.packed_rows(corpus, 15, seed), count)]

    epochs = 12
    many = rows(1, epochs * starts[-1] // 15)
    targets = [b for row in many for a, b in itertools.pairwise(row) if b == a + 1]
    inside = np.delete(np.arange(starts[-1]), starts[:-1])
    counts = np.bincount(targets, minlength=starts[-1])[inside]
    assert all(len(row) == 16 for row in many)
    assert abs(counts.mean() - epochs) < 1
    assert np.percentile(counts, 1) >= epochs - 3
    assert np.percentile(counts, 99) <= epochs + 3
    assert rows(1, 50) == many[:50] != rows(2, 50)


# --- Downloads, from a real server on loopback ---


class Server(http.server.BaseHTTPRequestHandler):
    """Serves files with ranges and announced checksums, like the hub; misbehaves as its `plan` says."""

    files: dict[str, bytes]
    plan: dict[str, list[str]]
    asked: list[tuple[str, str]]
    protocol_version = "HTTP/1.0"

    def do_GET(self) -> None:
        name = self.path.rpartition("/")[2]
        whole = self.files.get(name)
        steps = self.plan.get(name, [])
        step = steps.pop(0) if steps else ""
        self.asked.append((name, self.headers.get("Range", "")))
        if whole is None or step == "503":
            self.send_error(503 if whole else 404)
            return
        if step == "redirect":
            self.send_response(302)
            self.send_header("Location", f"/elsewhere/{name}")
            self.send_header("X-Linked-Etag", f'"{hashlib.sha256(whole).hexdigest()}"')
            self.send_header("X-Linked-Size", str(len(whole)))
            self.end_headers()
            return
        first = int(self.headers.get("Range", "bytes=0-")[6:-1])
        body = whole[first:]
        self.send_response(206 if first else 200)
        self.send_header("Content-Length", str(len(body)))
        digest = hashlib.sha256(b"something else" if step == "wrong" else whole).hexdigest()
        if "/elsewhere/" not in self.path:
            self.send_header("ETag", f'"{digest}"')
        self.end_headers()
        self.wfile.write(body[: len(body) // 2] if step == "cut" else body)

    def log_message(self, *_: object) -> None:
        """Say nothing on stderr."""


@pytest.fixture
def server() -> Iterator[tuple[str, type[Server]]]:
    class Fresh(Server):
        files: dict[str, bytes] = {}
        plan: dict[str, list[str]] = {}
        asked: list[tuple[str, str]] = []

    listener = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Fresh)
    thread = threading.Thread(target=listener.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    yield f"http://127.0.0.1:{listener.server_port}/files", Fresh
    listener.shutdown()
    thread.join()
    listener.server_close()


@pytest.fixture
def fetch(server, tmp_path, monkeypatch) -> Callable[[list[str]], list[Path]]:
    monkeypatch.setenv("NANOCHAT_RETRY_S", "0")
    import prepare

    return lambda names: prepare.download(server[0], names, tmp_path / "downloads")


def test_many_files_are_fetched_once_and_kept(server, fetch):
    """Files arrive whole under their names; a second call asks the server nothing."""
    server[1].files.update({f"f{i}": bytes([i]) * (100_000 + i) for i in range(20)})
    first = fetch(list(server[1].files))
    asked = len(server[1].asked)
    fetch(list(server[1].files))
    assert [path.read_bytes() for path in first] == list(server[1].files.values())
    assert (asked, len(server[1].asked)) == (20, 20)


def test_a_cut_download_goes_on_where_it_ended(server, fetch):
    """After a lost connection only the rest is asked for, also through a redirect and a busy server."""
    server[1].files["f"] = bytes(range(256)) * 4000
    server[1].plan["f"] = ["redirect", "cut", "503", "redirect"]
    (path,) = fetch(["f"])
    assert path.read_bytes() == server[1].files["f"]
    assert [asked for _, asked in server[1].asked] == ["", "", *["bytes=512000-"] * 3]


def test_a_half_file_of_a_killed_download_is_resumed_and_a_wrong_one_is_not_trusted(server, fetch, tmp_path):
    """A .part is continued; when the result has a wrong checksum it is thrown away and fetched whole."""
    server[1].files["f"] = bytes(range(256)) * 400
    (tmp_path / "downloads").mkdir()
    (tmp_path / "downloads/f.part").write_bytes(b"not the beginning of f")
    (path,) = fetch(["f"])
    assert path.read_bytes() == server[1].files["f"]
    assert [asked for _, asked in server[1].asked] == ["bytes=22-", ""]


def test_a_file_that_changed_on_disk_is_fetched_again(server, fetch):
    """What is there already is kept only with the checksum that it arrived with."""
    server[1].files["f"] = b"right" * 1000
    (path,) = fetch(["f"])
    path.write_bytes(b"wrong" * 1000)
    assert fetch(["f"])[0].read_bytes() == server[1].files["f"]


def test_a_checksum_that_never_agrees_and_a_missing_file_are_failures(server, fetch):
    """Both end with the address and the cause; no file of that name is left."""
    import data

    server[1].files["f"] = b"text" * 1000
    server[1].plan["f"] = ["wrong"] * 9
    with pytest.raises(data.Failure, match=r"/f: wrong checksum .* the server announced .*run prepare.py again"):
        fetch(["f"])
    with pytest.raises(data.Failure, match=r"/g: HTTP 404"):
        fetch(["g"])


def test_tinystories_are_prepared_from_downloaded_text(server, prepare, story, tmp_path):
    """The whole script, against the server: documents between marks, validation from the file of that name."""
    lines = (story / "story.txt").read_text().splitlines()
    text = "\n<|endoftext|>\n".join(lines).encode()
    server[1].files.update({"TinyStoriesV2-GPT4-train.txt": text, "TinyStoriesV2-GPT4-valid.txt": text[:20_000]})
    done = prepare(NANOCHAT_CORPUS="tinystories", NANOCHAT_BASE_URL=server[0])
    assert done.code == 0, done.stderr
    assert json.loads((tmp_path / "data/train/meta.json").read_text())["documents"] == len(lines)
    assert "2/2 files" in done.stdout


def test_climbmix_is_prepared_from_parquet_shards(server, prepare, story, tmp_path):
    """Training shards by number, the corpus's last shard for validation and hold-out; a cut shard is one line."""
    pyarrow = pytest.importorskip("pyarrow")
    parquet = pytest.importorskip("pyarrow.parquet")
    lines = (story / "story.txt").read_text().splitlines()
    parquet.write_table(pyarrow.table({"text": lines}), tmp_path / "shard", row_group_size=50)
    shard = (tmp_path / "shard").read_bytes()
    server[1].files.update({"shard_00000.parquet": shard, "shard_00001.parquet": shard, "shard_06542.parquet": shard})
    done = prepare(NANOCHAT_CORPUS="climbmix", NANOCHAT_BASE_URL=server[0], NANOCHAT_SHARDS="2")
    assert done.code == 0, done.stderr
    documents = [
        json.loads((tmp_path / f"data/{split}/meta.json").read_text())["documents"]
        for split in ("train", "validation", "holdout")
    ]
    assert documents == [2 * len(lines), len(lines) // 2, len(lines) // 2]
    shutil.rmtree(tmp_path / "data")
    server[1].files["shard_00001.parquet"] = shard[:-9]
    cut = prepare(NANOCHAT_CORPUS="climbmix", NANOCHAT_BASE_URL=server[0], NANOCHAT_SHARDS="2")
    assert (cut.code, "shard_00001.parquet is not a readable parquet file" in cut.first_error) == (1, True)


def test_nothing_of_the_corpus_package_is_imported(prepare):
    """The text is read out of the package's file: importing it would run 36 MB of Python."""
    code = (
        "import sys, prepare; prepare.kjv(); "
        "assert not [m for m in sys.modules if m.startswith('pythonbible')], 'imported'"
    )
    import subprocess

    subprocess.run([sys.executable, "-c", code], cwd=NANOCHAT, check=True)
