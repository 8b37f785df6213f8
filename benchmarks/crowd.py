"""
A crowd of slow clients, and somebody who asks in between how long an answer takes.

The crowd is one thread for all of its connections, so that it costs little beside what it
besieges. It sends and takes a kilobyte a second on each connection until it is told to
hurry; what is left then goes at full speed, and every answer is judged.
"""

import asyncio
import math
import resource
import socket
import threading
import time
from collections import Counter
from collections.abc import Coroutine, Sequence
from dataclasses import dataclass, field
from types import TracebackType
from typing import Any, Self

RATE = 1024
"""Bytes a second of each client."""

_SMALL_BUFFER = 4096
_BOUNDARY = "of-a-slow-client"
_TIMEOUT = 120


@dataclass(frozen=True)
class Besieged:
    """Where the crowd goes."""

    port: int
    download: str
    """Path of a stored file."""
    download_size: int
    dead_source: str
    """Base of addresses that never answer."""


@dataclass
class Crowd:
    """
    Slow uploads, slow downloads and previews of a source that never answers, all at once.

    A context manager: they have all begun inside of the `with`, and ended after it. `outcomes`
    then says how each went: "upload 200", "download complete", "preview 504" and the like.
    """

    target: Besieged
    uploads: int
    downloads: int
    previews: int
    seconds: int
    """How long an upload would take if nobody hurried it."""
    outcomes: Counter[str] = field(default_factory=Counter)

    def __enter__(self) -> Self:
        _allow_open_files(2 * (self.uploads + self.downloads + self.previews) + 100)
        self._hurry = threading.Event()
        self._begun = threading.Barrier(2)
        self._thread = threading.Thread(target=lambda: asyncio.run(self._gather()))
        self._thread.start()
        self._begun.wait(timeout=_TIMEOUT)
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._hurry.set()
        self._thread.join()

    async def _gather(self) -> None:
        clients: list[tuple[str, Coroutine[Any, Any, str]]] = [
            *(("upload", self._upload()) for _ in range(self.uploads)),
            *(("download", self._download()) for _ in range(self.downloads)),
            *(("preview", self._preview(number)) for number in range(self.previews)),
        ]
        self._waiting = len(clients)
        await asyncio.gather(*(self._judge(kind, client) for kind, client in clients))

    async def _judge(self, kind: str, client: Coroutine[Any, Any, str]) -> None:
        try:
            outcome = await asyncio.wait_for(client, timeout=_TIMEOUT + self.seconds)
        except (OSError, asyncio.IncompleteReadError, TimeoutError) as error:
            outcome = type(error).__name__
        self.outcomes[f"{kind} {outcome}"] += 1

    async def _connect(self) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        connection = socket.socket()
        # What it does not take must wait at the server, not here.
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, _SMALL_BUFFER)
        connection.setblocking(False)
        await asyncio.get_running_loop().sock_connect(connection, ("127.0.0.1", self.target.port))
        return await asyncio.open_connection(sock=connection, limit=_SMALL_BUFFER)

    def _has_begun(self) -> None:
        self._waiting -= 1
        if not self._waiting:
            self._begun.wait(timeout=_TIMEOUT)

    async def _pause(self) -> None:
        if not self._hurry.is_set():
            await asyncio.sleep(1)

    async def _upload(self) -> str:
        start, body, end = form(self.seconds * RATE)
        reader, writer = await self._connect()
        length = len(start) + len(body) + len(end)
        writer.write(
            f"POST /sendfile?to=a@b.example HTTP/1.1\r\nHost: crowd.example\r\n"
            f"Content-Type: multipart/form-data; boundary={_BOUNDARY}\r\n"
            f"Content-Length: {length}\r\nConnection: close\r\n\r\n".encode()
            + start
        )
        await writer.drain()
        self._has_begun()
        for sent in range(0, len(body), RATE):
            writer.write(body[sent : sent + RATE])
            await writer.drain()
            await self._pause()
        writer.write(end)
        return await _status(reader, writer)

    async def _download(self) -> str:
        reader, writer = await self._connect()
        writer.write(f"GET {self.target.download} HTTP/1.0\r\nHost: crowd.example\r\n\r\n".encode())
        head = await reader.readuntil(b"\r\n\r\n")
        self._has_begun()
        received = 0
        while piece := await reader.read(RATE):
            received += len(piece)
            await self._pause()
        writer.close()
        if b" 200 " not in head:
            return head.split()[1].decode()
        return "complete" if received == self.target.download_size else "cut short"

    async def _preview(self, number: int) -> str:
        reader, writer = await self._connect()
        writer.write(
            f"GET /getpreview?addr={self.target.dead_source}/{number} HTTP/1.1\r\n"
            "Host: crowd.example\r\nConnection: close\r\n\r\n".encode()
        )
        await writer.drain()
        self._has_begun()
        return await _status(reader, writer)


async def _status(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> str:
    line = await reader.readuntil(b"\r\n")
    while await reader.read(RATE):
        pass
    writer.close()
    return line.split()[1].decode()


def form(size: int) -> tuple[bytes, bytes, bytes]:
    """Return what stands before a file of so many bytes in a form, the file, and the end."""
    start = (
        f"--{_BOUNDARY}\r\nContent-Disposition: form-data; "
        f'name="file1"; filename="slow.bin"\r\n\r\n'
    )
    return start.encode(), b"\x01" * size, f"\r\n--{_BOUNDARY}--\r\n".encode()


def ask(port: int, path: str, *, seconds: float) -> list[float]:
    """
    Ask for a path, at least once, each time on a new connection; return the seconds it took.

    Raise `ValueError` for an answer that is not 200.
    """
    taken: list[float] = []
    until = time.monotonic() + seconds
    while not taken or time.monotonic() < until:
        began = time.perf_counter()
        with socket.create_connection(("127.0.0.1", port), timeout=_TIMEOUT) as connection:
            head = f"GET {path} HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\n"
            connection.sendall(f"{head}Connection: close\r\n\r\n".encode())
            answer = b"".join(iter(lambda: connection.recv(1 << 16), b""))
        taken.append(time.perf_counter() - began)
        if b" 200 " not in answer[:20]:
            raise ValueError(answer[:100].decode(errors="replace"))
        time.sleep(0.01)
    return taken


def percentile(values: Sequence[float], percent: float) -> float:
    """Return the smallest of the values that so many percent of them do not exceed."""
    return sorted(values)[max(0, math.ceil(len(values) * percent / 100) - 1)]


def _allow_open_files(number: int) -> None:
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft < number:
        resource.setrlimit(resource.RLIMIT_NOFILE, (min(number, hard), hard))
