"""A program behind a real pseudo-terminal: what it sends, when, and what it costs."""

from __future__ import annotations

import fcntl
import os
import pty
import signal
import struct
import subprocess
import termios
import threading
import time
from collections.abc import Mapping, Sequence
from types import TracebackType


class Terminal:
    """A running program and everything that it has written, with the time of each piece."""

    def __init__(self, argv: Sequence[str], *, size: tuple[int, int], env: Mapping[str, str]) -> None:
        self.controller, user_end = pty.openpty()
        columns, lines = size
        fcntl.ioctl(user_end, termios.TIOCSWINSZ, struct.pack("HHHH", lines, columns, 0, 0))
        self.settings = termios.tcgetattr(user_end)
        self.started = time.perf_counter()
        self.process = subprocess.Popen(
            argv, stdin=user_end, stdout=user_end, stderr=user_end, env=dict(env), start_new_session=True
        )
        self._user_end = user_end
        self._pieces: list[tuple[float, bytes]] = []
        self._arrived = threading.Condition()
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()

    def __enter__(self) -> Terminal:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        if self.process.poll() is None:
            self.process.kill()
        self.process.wait()
        os.close(self._user_end)
        self._reader.join(5)
        os.close(self.controller)

    def send(self, keys: str) -> float:
        """Type `keys`; return when."""
        at = time.perf_counter()
        os.write(self.controller, keys.encode())
        return at

    def wait_for(self, text: str, *, since: float = 0.0, timeout_s: float = 10.0) -> float:
        """Return when `text` had arrived whole after `since`. Raises TimeoutError with what arrived instead."""
        wanted, deadline = text.encode(), time.perf_counter() + timeout_s
        with self._arrived:
            while True:
                seen = b""
                for at, piece in self._pieces:
                    if at >= since:
                        seen += piece
                        if wanted in seen[-len(piece) - len(wanted) :]:
                            return at
                if time.perf_counter() > deadline:
                    raise TimeoutError(f"{text!r} did not arrive; the last bytes were {seen[-500:]!r}")
                self._arrived.wait(0.1)

    def received(self, since: float = 0.0) -> bytes:
        """Return what has arrived after `since`."""
        with self._arrived:
            return b"".join(piece for at, piece in self._pieces if at >= since)

    def forget(self) -> None:
        """Forget what has arrived so far: a program that is watched for hours sends more than is of use."""
        with self._arrived:
            self._pieces.clear()

    def cpu_s(self) -> float:
        """Return the CPU seconds that the program has used so far."""
        with open(f"/proc/{self.process.pid}/stat") as file:
            fields = file.read().rpartition(")")[2].split()
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")

    def rss_mb(self) -> float:
        """Return the program's resident memory (MiB)."""
        with open(f"/proc/{self.process.pid}/statm") as file:
            return int(file.read().split()[1]) * os.sysconf("SC_PAGE_SIZE") / (1 << 20)

    def signal(self, number: signal.Signals) -> None:
        """Send a signal to the program."""
        self.process.send_signal(number)

    def is_restored(self) -> bool:
        """True where the terminal's settings are what they were before the program."""
        return termios.tcgetattr(self._user_end)[:4] == self.settings[:4]

    def _read(self) -> None:
        while True:
            try:
                piece = os.read(self.controller, 1 << 16)
            except OSError:  # the last user of the other end is gone
                return
            if not piece:
                return
            with self._arrived:
                self._pieces.append((time.perf_counter(), piece))
                self._arrived.notify_all()
