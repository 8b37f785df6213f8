"""
Many slow uploads at once, half of them resumable and half watched, and their pages that ask.

One thread for all connections, so that it costs little beside what it besieges. Each upload
comes at a kilobyte a second until the crowd is told to hurry; what is left then goes at full
speed. Each page asks once a second, over a connection of its own, how far its upload is.
"""

import asyncio
import json
import random
import resource
import socket
import threading
import time
from collections import Counter
from dataclasses import dataclass, field
from types import TracebackType
from typing import Any, Self

from clients import file_form
from tus_by_hand import BYTES, VERSION

_RATE = 1024  # bytes a second of each upload
_TIMEOUT = 120


@dataclass
class Slow:
    """One upload of the crowd."""

    number: int
    data: bytes = field(repr=False)
    is_resumable: bool
    address: str = ""
    """Where its page asks."""
    link: str = ""
    """Path of what has become of it."""
    outcome: str = "not ended"


@dataclass
class UploadingCrowd:
    """
    A context manager: all uploads are under way inside of the `with`, and have ended after it.
    """

    port: int
    number: int
    seconds: int
    """How long an upload would take if nobody hurried it."""

    def __post_init__(self) -> None:
        chance = random.Random(self.number)
        size = self.seconds * _RATE
        self.uploads = [
            Slow(number, chance.randbytes(size), is_resumable=number % 2 == 0)
            for number in range(self.number)
        ]

    @property
    def outcomes(self) -> Counter[str]:
        return Counter(each.outcome for each in self.uploads)

    def __enter__(self) -> Self:
        _allow_open_files(2 * self.number + 200)
        self._loop = asyncio.new_event_loop()
        self._hurry = asyncio.Event()
        self._begun = threading.Semaphore(0)
        self._thread = threading.Thread(target=self._loop.run_until_complete, args=(self._run(),))
        self._thread.start()
        for _ in self.uploads:
            assert self._begun.acquire(timeout=_TIMEOUT), self.outcomes
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._loop.call_soon_threadsafe(self._hurry.set)
        self._thread.join()
        self._loop.close()

    def ask(self, *, seconds: int) -> tuple[list[float], list[dict[str, Any]]]:
        """
        Let each page ask once a second for so long; return the seconds each answer took, and
        all that was told. Raise `OSError` or `ValueError` if one is not answered.
        """
        asking = asyncio.run_coroutine_threadsafe(self._ask(seconds), self._loop)
        asked = asking.result(timeout=seconds + _TIMEOUT)
        taken = [each for page, _ in asked for each in page]
        told = [each for _, page in asked for each in page]
        return taken, told

    async def _run(self) -> None:
        await asyncio.gather(*map(self._upload, self.uploads))

    async def _upload(self, slow: Slow) -> None:
        send = self._resumable if slow.is_resumable else self._watched
        try:
            slow.outcome = await asyncio.wait_for(send(slow), timeout=_TIMEOUT + self.seconds)
        except (OSError, EOFError, ValueError, KeyError, TimeoutError) as error:
            slow.outcome = repr(error)
            self._begun.release()

    async def _resumable(self, slow: Slow) -> str:
        size = str(len(slow.data))
        async with _Connection(self.port) as connection:
            status, headers, _ = await connection.ask(
                "POST /files/", VERSION | {"Upload-Length": size, "Content-Length": "0"}
            )
        if status != 201:
            return f"creation {status}"
        slow.link = f"/files/{headers['location'].rpartition('/')[2]}"
        slow.address = f"{slow.link}/info"
        fields = VERSION | BYTES | {"Upload-Offset": "0", "Content-Length": size}
        async with _Connection(self.port) as connection:
            await connection.begin(f"PATCH {slow.link}", fields)
            await self._crawl(connection, slow.data)
            status, headers, _ = await connection.answer()
        return "whole" if (status, headers.get("upload-offset")) == (204, size) else str(status)

    async def _watched(self, slow: Slow) -> str:
        kind, body = file_form(slow.data, filename=f"{slow.number}.bin")
        query = f"X-Progress-ID=crowd-{slow.number}"
        slow.address = f"/upload/status?{query}"
        fields = {"Content-Type": kind, "Content-Length": str(len(body))}
        async with _Connection(self.port) as connection:
            await connection.begin(f"POST /upload?{query}", fields | {"Accept": "application/json"})
            await self._crawl(connection, body)
            status, _, answer = await connection.answer()
        if status != 201:
            return f"{status} {answer[:200]!r}"
        slow.link = "/" + json.loads(answer)["link"].split("/", 3)[3]
        return "whole"

    async def _crawl(self, connection: "_Connection", body: bytes) -> None:
        for begin in range(0, len(body), _RATE):
            await connection.send(body[begin : begin + _RATE])
            if begin == 0:
                self._begun.release()
            if not self._hurry.is_set():
                await asyncio.sleep(1)

    async def _ask(self, seconds: int) -> list[tuple[list[float], list[dict[str, Any]]]]:
        return await asyncio.gather(*(self._page(slow, seconds) for slow in self.uploads))

    async def _page(self, slow: Slow, seconds: int) -> tuple[list[float], list[dict[str, Any]]]:
        taken, told = [], []
        # Pages are not opened all at the same moment.
        await asyncio.sleep(slow.number / self.number)
        async with _Connection(self.port) as connection:
            for _ in range(seconds):
                began = time.perf_counter()
                status, _, body = await connection.ask(f"GET {slow.address}", {})
                taken.append(time.perf_counter() - began)
                if status != 200:
                    raise ValueError(f"{slow}: {status} {body!r}")
                told.append(json.loads(body))
                await asyncio.sleep(max(0, 1 - taken[-1]))
        return taken, told


class _Connection:
    def __init__(self, port: int) -> None:
        self._port = port

    async def __aenter__(self) -> Self:
        opening = asyncio.open_connection("127.0.0.1", self._port)
        self._reader, self._writer = await asyncio.wait_for(opening, timeout=_TIMEOUT)
        self._writer.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 4096)
        return self

    async def __aexit__(self, *error: object) -> None:
        self._writer.close()

    async def ask(self, request: str, headers: dict[str, str]) -> tuple[int, dict[str, str], bytes]:
        await self.begin(request, headers)
        return await self.answer()

    async def begin(self, request: str, headers: dict[str, str]) -> None:
        lines = [f"{request} HTTP/1.1", f"Host: 127.0.0.1:{self._port}"]
        lines += [f"{name}: {value}" for name, value in headers.items()]
        await self.send("\r\n".join([*lines, "", ""]).encode())

    async def send(self, data: bytes) -> None:
        self._writer.write(data)
        await asyncio.wait_for(self._writer.drain(), timeout=_TIMEOUT)

    async def answer(self) -> tuple[int, dict[str, str], bytes]:
        return await asyncio.wait_for(self._answer(), timeout=_TIMEOUT)

    async def _answer(self) -> tuple[int, dict[str, str], bytes]:
        head = (await self._reader.readuntil(b"\r\n\r\n")).decode("latin-1")
        first, *lines = head.rstrip().split("\r\n")
        headers = {name.lower(): value for name, _, value in (x.partition(": ") for x in lines)}
        body = await self._reader.readexactly(int(headers.get("content-length", "0")))
        return int(first.split()[1]), headers, body


def _allow_open_files(number: int) -> None:
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft < number:
        resource.setrlimit(resource.RLIMIT_NOFILE, (min(number, hard), hard))
