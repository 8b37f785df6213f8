"""
The same question again and again, over four connections that are kept alive.
"""

import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Self

from benchmarks.servers import Server
from benchmarks.wire import BadAnswer, KeptAlive

_CONNECTIONS = 4
_QUESTIONS = 900
"""Of one connection: nginx closes it after a thousand."""


@dataclass(frozen=True)
class Served:
    each_cpu_second: float
    each_second: float


@dataclass(frozen=True)
class Repeated:
    server: Server
    path: str
    length: int
    """Bytes of the answer, which is a JPEG."""

    @classmethod
    def of(cls, server: Server, path: str) -> Self:
        """Ask twice, so that the answer is made, and then found."""
        with KeptAlive(server.port, path) as connection:
            connection.ask()
            return cls(server, path, len(connection.ask()))

    def ask(self, times: int) -> Served:
        """Ask so many times in all; raise `BadAnswer` for any other answer."""
        before = self.server.cpu_seconds()
        began = time.perf_counter()
        with ThreadPoolExecutor(_CONNECTIONS) as clients:
            asked = [
                clients.submit(self._client, times // _CONNECTIONS) for _ in range(_CONNECTIONS)
            ]
            for client in asked:
                client.result()
        took = time.perf_counter() - began
        cpu = self.server.cpu_seconds() - before
        return Served(each_cpu_second=times / cpu, each_second=times / took)

    def _client(self, times: int) -> None:
        for done in range(0, times, _QUESTIONS):
            with KeptAlive(self.server.port, self.path) as connection:
                for _ in range(min(_QUESTIONS, times - done)):
                    body = connection.ask()
                    if len(body) != self.length or not body.startswith(b"\xff\xd8"):
                        raise BadAnswer(f"{self.server.name} answered another thing than its JPEG")
