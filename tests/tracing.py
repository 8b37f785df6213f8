"""System calls of a service, as strace tells them, and what they prove."""

import re
from pathlib import Path

RESUMED = re.compile(r"<\.\.\. \w+ resumed>,? ?")
CALLS = "trace=fsync,fdatasync,rename,renameat,renameat2,sendto,write,mkdir,unlink,unlinkat,rmdir"


class Calls:
    """The system calls of a trace, each a line, in the order in which they ended."""

    def __init__(self, text):
        self.lines = []
        begun = {}
        for line in text.splitlines():
            process, _, call = line.partition(" ")
            call = call.strip()
            if call.endswith("<unfinished ...>"):
                # Another thread's call came in between.
                begun[process] = call.removesuffix("<unfinished ...>").rstrip()
            elif rest := RESUMED.match(call):
                self.lines.append(begun.pop(process, "") + call[rest.end() :])
            elif call:
                self.lines.append(call)

    def answers(self):
        return [n for n, line in enumerate(self.lines) if re.search(r'"HTTP/1\.1 20[01] ', line)]

    def before(self, answer):
        """What was called since the answer before this one."""
        earlier = [n for n in self.answers() if n < answer]
        return self.lines[(earlier[-1] + 1 if earlier else 0) : answer]


def is_durable(calls, kind):
    """
    Whether a file was fsynced, then renamed, and every changed folder fsynced after that.

    `kind` is "upload", whose folder is renamed with the file in it, or "preview".
    """
    synced = [(n, m[1]) for n, line in enumerate(calls) if (m := SYNC.match(line))]
    renamed = [(n, m[1], m[2]) for n, line in enumerate(calls) if (m := RENAME.search(line))]
    for moment, source, target in renamed:
        before = {Path(path) for n, path in synced if n < moment}
        after = {Path(path).name for n, path in synced if n > moment}
        aside = Path(source).name
        if kind == "upload":
            file_synced = any(path.parent.name == aside for path in before)
            folder_synced = any(path.name == aside for path in before)
            if file_synced and folder_synced and "Storage" in after and "/" not in target[-8:]:
                return True
        elif any(path.name == aside for path in before) and "Previews" in after:
            return True
    return False


SYNC = re.compile(r"f(?:data)?sync\(\d+<([^>]+)>\)\s+= 0")
RENAME = re.compile(r'rename(?:at2?)?\((?:\d+<[^>]*>, )?"([^"]+)", (?:\d+<[^>]*>, )?"([^"]+)".*= 0')
