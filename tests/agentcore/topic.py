"""A server on loopback that takes notices as ntfy does, and answers what a test wants."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from email.header import decode_header
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread
from typing import NamedTuple


class Posted(NamedTuple):
    """One request: where it went, its headers as they are read, its text."""

    path: str
    title: str
    priority: str
    tags: str
    token: str
    text: str


class Topic(ThreadingHTTPServer):
    """Keeps what is posted. `answers`: the codes of the next ones, then 200; 0 hangs up without a word."""

    daemon_threads = True

    def __init__(self, *answers: int) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.posted: list[Posted] = []
        self.answers = list(answers)

    @property
    def url(self) -> str:
        """The address of the topic."""
        return f"http://127.0.0.1:{self.server_address[1]}/a-secret-topic"


class _Handler(BaseHTTPRequestHandler):
    server: Topic

    def do_POST(self) -> None:
        words, coding = decode_header(self.headers["Title"])[0]
        title = words.decode(coding or "ascii") if isinstance(words, bytes) else words
        text = self.rfile.read(int(self.headers["Content-Length"])).decode()
        rest = (self.headers[name] or "" for name in ("Priority", "Tags", "Authorization"))
        self.server.posted.append(Posted(self.path, title, *rest, text))
        code = self.server.answers.pop(0) if self.server.answers else 200
        if code == 0:
            self.close_connection = True
            return
        self.send_response(code)
        self.send_header("Location", "http://127.0.0.1:9/elsewhere")
        self.send_header("Content-Length", "0")
        self.end_headers()

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002
        """Say nothing."""


@contextmanager
def listening(*answers: int) -> Iterator[Topic]:
    """Serve a topic."""
    with Topic(*answers) as topic:
        Thread(target=topic.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True).start()
        try:
            yield topic
        finally:
            topic.shutdown()
