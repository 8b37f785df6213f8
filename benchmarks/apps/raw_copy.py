"""
The limit of uploads: copies what comes from a socket into a file, fsyncs it, and answers.

No form is parsed: the body of the request is the file. One connection at a time.
"""

import socket
import sys
from pathlib import Path

from benchmarks.apps.places import flush, new_place

_PIECE = 64 * 1024


def main(port: int) -> None:
    with socket.create_server(("127.0.0.1", port)) as listener:
        while True:
            connection, _ = listener.accept()
            with connection:
                _take(connection, new_place())


def _take(connection: socket.socket, place: Path) -> None:
    received = connection.recv(_PIECE)
    head, _, body = received.partition(b"\r\n\r\n")
    if not head:
        return  # somebody looked whether we listen
    [length] = [line for line in head.lower().split(b"\r\n") if line.startswith(b"content-length:")]
    left = int(length.partition(b":")[2]) - len(body)
    with place.open("wb", buffering=0) as file:
        file.write(body)
        while left and (piece := connection.recv(_PIECE)):
            left -= file.write(piece)
        flush(file)
    connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\nok\n")


if __name__ == "__main__":
    main(int(sys.argv[1]))
