"""
Asks the system's resolver for a name, and does not wait longer than the deadline.

A question cannot be cancelled once the system has it. It is asked in a thread of its own
that nobody waits for when it is late, the end of the process included. Such threads end
when the system gives up, after half a minute or so.
"""

import queue
import socket
import threading
from collections.abc import Callable, Sequence

from uploadsvc.errors import SourceFailed, SourceTooSlow
from uploadsvc.fetch.addresses import IPAddress, parse_address
from uploadsvc.fetch.deadline import Deadline

Resolve = Callable[[str, int], Sequence[str]]
"""From host and port to IP addresses as text; raises `OSError` when there are none."""


def ask_system(host: str, port: int) -> list[str]:
    """Return every address that the system knows for the name, in its order."""
    answers = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    return list(dict.fromkeys(str(answer[4][0]) for answer in answers))


def resolve_in_time(
    resolve: Resolve, host: str, port: int, deadline: Deadline
) -> tuple[IPAddress, ...]:
    """Raise `SourceFailed` for no or odd answers, `SourceTooSlow` for late ones."""
    answers: queue.SimpleQueue[Sequence[str] | BaseException] = queue.SimpleQueue()

    def ask() -> None:
        try:
            answers.put(resolve(host, port))
        except BaseException as error:  # handed to the thread that waits
            answers.put(error)

    threading.Thread(target=ask, name="uploadsvc-resolve", daemon=True).start()
    try:
        answer = answers.get(timeout=deadline.remaining())
    except queue.Empty as error:
        raise SourceTooSlow("looking up the host of the address took too long") from error
    if isinstance(answer, OSError | UnicodeError):
        raise SourceFailed("the host of the address was not found") from answer
    if isinstance(answer, BaseException):
        raise answer
    found = [parse_address(text) for text in answer]
    addresses = tuple(address for address in found if address is not None)
    if not addresses or len(addresses) < len(found):
        raise SourceFailed("the host of the address was not found")
    return addresses
