"""
What the numbers were measured on, in one sentence: they hold for nothing else.
"""

import os
import platform
from importlib.metadata import version

from benchmarks import peers

_OURS = ("gunicorn", "multipart", "webob", "pillow")
_PEERS = (
    *("python-multipart", "werkzeug", "thumbor", "copyparty", "pillow"),
    *("sharp", "pyvips", "pyvips-binary", "ipx", "@tus/server", "@tus/file-store"),
)


def describe() -> str:
    """Return what this machine is, and the versions of all that is compared."""
    gigabytes = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 10**9
    kernel = ".".join(platform.release().split(".")[:2])
    pinned = peers.pinned()
    return (
        f"{os.cpu_count()} cores, {gigabytes:.0f} GB of memory, {platform.system()} "
        f"{kernel}, {platform.python_implementation()} {platform.python_version()}; "
        f"{', '.join(f'{name} {version(name)}' for name in _OURS)}; "
        f"the peers' own: {', '.join(f'{name} {pinned[name]}' for name in _PEERS)}.\n"
    )
