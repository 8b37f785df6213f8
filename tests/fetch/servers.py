"""Servers on loopback for the tests of the fetcher: one that counts, one that misbehaves."""

import contextlib
import selectors
import socket
import struct
import threading

from uploadsvc.fetch.backend import dial

PUBLIC = "93.184.216.34"
"""Stands for some public address; no test lets a packet out to it."""


class Canary:
    """Listens where nobody may ever connect, and counts who does."""

    def __init__(self, *ports):
        self._accepted = self._own = 0
        self._selector = selectors.DefaultSelector()
        self._ports = {}
        for host in ("127.0.0.1", "::1"):
            for port in (0, *ports):
                # A port may be taken, or not ours to take: port 0 always stands in for it.
                with contextlib.suppress(OSError):
                    self._listen(host, port)
        self._counting = threading.Thread(target=self._count, daemon=True)
        self._stopped, self._stop = socket.socketpair()
        self._selector.register(self._stopped, selectors.EVENT_READ)
        self._counting.start()

    def _listen(self, host, port):
        family = socket.AF_INET6 if ":" in host else socket.AF_INET
        listening = socket.create_server((host, port), family=family)
        self._ports[host, port] = listening.getsockname()[1]
        self._selector.register(listening, selectors.EVENT_READ)

    def _count(self):
        while True:
            for key, _ in self._selector.select():
                if key.fileobj is self._stopped:
                    return
                connection, _ = key.fileobj.accept()
                self._accepted += 1
                connection.close()

    @property
    def hits(self):
        """How many others connected until now, also those that were not accepted yet."""
        for host, port in {(host, port) for (host, _), port in self._ports.items()}:
            # Connections are accepted in their order: when ours was, all before it were.
            self._own += 1
            with socket.create_connection((host, port), timeout=5) as connection:
                connection.recv(1)
        return self._accepted - self._own

    def port(self, host="127.0.0.1", wanted=0):
        return self._ports.get((host, wanted), self._ports[host, 0])

    def dial(self, address, port, seconds):
        """Dial what is on loopback for real, and nothing else."""
        if address.is_loopback or address.is_unspecified:
            host = "127.0.0.1" if address.version == 4 else "::1"
            wanted = self.port(host, port)
            return dial(type(address)(host), wanted, seconds)
        raise ConnectionRefusedError("tests reach nothing but loopback")

    def connect(self):
        """Connect as a naive client would."""
        socket.create_connection(("127.0.0.1", self.port()), timeout=5).close()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self._stop.close()
        self._counting.join()
        for key in list(self._selector.get_map().values()):
            key.fileobj.close()
        self._selector.close()


class Upstream:
    """
    Answers each connection with the pieces that `answer(request_head, stop)` yields.

    `stop` is an event: a piece that waits does so on it, and ends with the server.
    """

    def __init__(self, answer, *, tls=None, host="127.0.0.1", reads=True, resets=False):
        self._answer, self._tls, self._reads, self._resets = answer, tls, reads, resets
        self.requests = []
        self.stop = threading.Event()
        self._threads = []
        family = socket.AF_INET6 if ":" in host else socket.AF_INET
        self._listening = socket.create_server((host, 0), family=family, backlog=100)
        self.port = self._listening.getsockname()[1]
        self.place = f"[{host}]:{self.port}" if ":" in host else f"{host}:{self.port}"
        self._accepting = threading.Thread(target=self._accept, daemon=True)
        self._accepting.start()

    def url(self, path="/"):
        return f"http://{self.place}{path}"

    def _accept(self):
        while not self.stop.is_set():
            connection, _ = self._listening.accept()
            thread = threading.Thread(target=self._serve, args=(connection,), daemon=True)
            self._threads.append(thread)
            thread.start()

    def _serve(self, connection):
        # Clients that hang up are what most tests are about.
        with connection, contextlib.suppress(OSError):
            connection.settimeout(5)
            if self._resets:
                now = struct.pack("ii", 1, 0)
                connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, now)
            if self._tls:
                connection = self._tls.wrap_socket(connection, server_side=True)
            with connection:
                head = b""
                while self._reads and not head.endswith(b"\r\n\r\n"):
                    piece = connection.recv(65536)
                    if not piece:
                        return
                    head += piece
                    if self._resets:
                        # Whatever it was, a request or a handshake: enough to break off.
                        break
                self.requests.append(head.decode("latin-1"))
                for piece in self._answer(head.decode("latin-1"), self.stop):
                    if self.stop.is_set():
                        return
                    connection.sendall(piece)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.stop.set()
        with contextlib.suppress(OSError):
            socket.create_connection(self._listening.getsockname()[:2], timeout=5).close()
        self._accepting.join()
        for thread in self._threads:
            thread.join(timeout=5)
        self._listening.close()


def answering(*pieces):
    """Make an `answer` that always sends the same."""
    return lambda _head, _stop: iter(pieces)


def ok(body, *headers):
    lines = ["HTTP/1.1 200 OK", f"Content-Length: {len(body)}", *headers, "", ""]
    return "\r\n".join(lines).encode("latin-1") + body


def redirect(location, status=302):
    head = f"HTTP/1.1 {status} Elsewhere\r\nContent-Length: 0\r\n"
    return (head + f"Location: {location}\r\n\r\n").encode("utf-8")


def names(**addresses):
    """Make a resolver that knows these names (dots written as `_`) and no others."""
    known = {name.replace("_", "."): [address] for name, address in addresses.items()}

    def resolve(host, port):
        if host not in known:
            raise socket.gaierror(socket.EAI_NONAME, "no such name")
        return known[host]

    return resolve
