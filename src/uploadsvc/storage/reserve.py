"""
Room on the disk for what is about to come: found at once, in one piece, or missing now.

Python's `os.posix_fallocate` would make the file longer, and write zeros where the file system
cannot reserve; so the system's own call is made (fallocate(2), FALLOC_FL_KEEP_SIZE).
"""

import ctypes
import errno
import os

_KEEP_SIZE = 1
_CANNOT = frozenset({errno.EOPNOTSUPP, errno.ENOSYS, errno.EINVAL, errno.ENODEV})

_libc = ctypes.CDLL(None, use_errno=True)


def reserve(fd: int, offset: int, size: int) -> None:
    """
    Reserve `size` bytes of the file from `offset` on; its length stays as it is.

    What is not written goes back when the file is truncated. Where the file system cannot do
    it, nothing is done. Raise OSError when there is no room.
    """
    if size <= 0 or not hasattr(_libc, "fallocate"):
        return
    call = _libc.fallocate
    call.argtypes = [ctypes.c_int, ctypes.c_int, ctypes.c_int64, ctypes.c_int64]
    while call(fd, _KEEP_SIZE, offset, size) != 0:
        problem = ctypes.get_errno()
        if problem in _CANNOT:
            return
        if problem != errno.EINTR:
            raise OSError(problem, os.strerror(problem))
