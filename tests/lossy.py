"""
A bad network: a proxy on a loopback port, which throttles, cuts and stalls as it is told.

Faults strike one after the other. Each counts the bytes that have passed in its direction,
over all connections, since the last one struck, lets so many through, and strikes the
connection on which more come. What it let through has been handed on before.
"""

import asyncio
import contextlib
import fcntl
import socket
import struct
import sys
import termios
import threading
from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass
from enum import Enum, auto
from pathlib import Path

_PIECE = 1 << 16
_STEPS = 20  # a second, of a throttled connection
_RESET = struct.pack("ii", 1, 0)  # SO_LINGER: no time at all, so that RST is sent and not FIN


class Way(Enum):
    UP = auto()
    """From the client to the server."""
    DOWN = auto()


class Deed(Enum):
    RESET = auto()
    """Both sides get RST."""
    CLOSE = auto()
    """Both sides get FIN."""
    STALL = auto()
    """Nothing passes any more, and nobody is told that the other one is gone."""


@dataclass(frozen=True)
class Fault:
    after: int
    """Bytes that still pass; one more makes it strike."""
    deed: Deed = Deed.RESET
    way: Way = Way.UP


class Network:
    """`rate` is in bytes a second for each connection upwards; 0 is as fast as it goes."""

    def __init__(self, port: int, *, rate: int = 0) -> None:
        self.rate = rate
        self.struck = 0
        """How many faults have struck; the server has been sent what they let through."""
        self.port = 0
        self._server_port = port
        self._lock = threading.Lock()
        self._faults: deque[Fault] = deque()
        self._passed = dict.fromkeys(Way, 0)
        self._listening = threading.Event()
        self._thread = threading.Thread(target=lambda: asyncio.run(self._serve()))

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def expect(self, *faults: Fault) -> None:
        """Let these faults strike next; those that have not struck yet are forgotten."""
        with self._lock:
            self._faults = deque(faults)
            self._passed = dict.fromkeys(Way, 0)

    def lead_to(self, port: int) -> None:
        """Take new connections to another port."""
        self._server_port = port

    def start(self) -> None:
        self._thread.start()
        assert self._listening.wait(timeout=10)

    def stop(self) -> None:
        """End all connections, stalled ones too."""
        self._loop.call_soon_threadsafe(self._stopping.set)
        self._thread.join(timeout=10)

    async def _serve(self) -> None:
        self._loop = asyncio.get_running_loop()
        self._stopping = asyncio.Event()
        self._tasks: set[asyncio.Task] = set()
        server = await asyncio.start_server(self._relay, "127.0.0.1", 0, backlog=1000)
        self.port = server.sockets[0].getsockname()[1]
        self._listening.set()
        await self._stopping.wait()
        server.close()
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    async def _relay(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._tasks.add(task)
        ends = [writer]
        try:
            server_side = await asyncio.open_connection("127.0.0.1", self._server_port)
            ends.append(server_side[1])
            deed = await self._both_ways((reader, writer), server_side)
            if deed is Deed.STALL:
                await self._stopping.wait()
            if deed is Deed.RESET:
                for end in ends:
                    raw = end.get_extra_info("socket")
                    raw.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _RESET)
                    end.transport.abort()
        except (OSError, asyncio.CancelledError):
            pass  # one of the two sides is gone, or all is over
        finally:
            for end in ends:
                end.close()
            self._tasks.discard(task)

    async def _both_ways(self, client: tuple, server: tuple) -> Deed | None:
        """Hand on until both have ended, or a fault strikes: then return what it does."""
        pumps = {
            asyncio.create_task(self._pump(client[0], server[1], Way.UP)),
            asyncio.create_task(self._pump(server[0], client[1], Way.DOWN)),
        }
        try:
            while pumps:
                done, pumps = await asyncio.wait(pumps, return_when=asyncio.FIRST_COMPLETED)
                for pump in done:
                    if deed := pump.result():
                        return deed
            return None
        finally:
            for pump in pumps:
                pump.cancel()
            await asyncio.gather(*pumps, return_exceptions=True)

    async def _pump(
        self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, way: Way
    ) -> Deed | None:
        writer.transport.set_write_buffer_limits(high=0)  # so that drained is handed on
        while True:
            rate = self.rate if way is Way.UP else 0
            piece = await reader.read(max(1, rate // _STEPS) if rate else _PIECE)
            if not piece:
                writer.write_eof()
                return None
            passes, deed = self._judge(way, len(piece))
            writer.write(piece[:passes])
            await writer.drain()
            if deed:
                while _unsent(writer):
                    await asyncio.sleep(0.001)
                self.struck += 1
                return deed
            if rate:
                await asyncio.sleep(1 / _STEPS)

    def _judge(self, way: Way, size: int) -> tuple[int, Deed | None]:
        with self._lock:
            if self._faults and self._faults[0].way is way:
                room = self._faults[0].after - self._passed[way]
                if size > room:
                    self._passed = dict.fromkeys(Way, 0)
                    return max(0, room), self._faults.popleft().deed
            self._passed[way] += size
            return size, None


def has_read_all(port: int) -> bool:
    """Whether the server on that port has taken all bytes that have come for it so far."""
    rows = [row.split() for row in Path("/proc/net/tcp").read_text().splitlines()[1:]]
    # The local address is ADDRESS:PORT, the fifth column SENT:UNREAD, all hexadecimal.
    return all(row[4].endswith(":00000000") for row in rows if row[1].endswith(f":{port:04X}"))


def _unsent(writer: asyncio.StreamWriter) -> int:
    """How many bytes the kernel holds that the other side does not have: RST would drop them."""
    left = fcntl.ioctl(writer.get_extra_info("socket").fileno(), termios.TIOCOUTQ, bytes(4))
    return int.from_bytes(left, sys.byteorder)


@contextlib.contextmanager
def lossy(port: int, *, rate: int = 0) -> Iterator[Network]:
    """Run such a network in front of a server on a loopback port."""
    network = Network(port, rate=rate)
    network.start()
    try:
        yield network
    finally:
        network.stop()
