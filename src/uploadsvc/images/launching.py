"""
Starts decoder processes: fresh interpreters that know nothing of the program around them.

Forking a server that has threads and locked files is asking for trouble, so each process
is spawned. The standard library's way of doing so runs the program's main script again in
every child, which for a server means loading all of it, and for somebody else's script
may mean anything. Here the child gets the module search path and nothing more.
"""

import os
import sys
from io import BytesIO
from multiprocessing import popen_spawn_posix, process, reduction, resource_tracker, spawn, util
from multiprocessing.context import SpawnContext, SpawnProcess, set_spawning_popen
from multiprocessing.process import BaseProcess


class _Popen(popen_spawn_posix.Popen):
    """As the standard one, but for what the child is told."""

    _fds: list[int]

    def _launch(self, process_obj: BaseProcess) -> None:
        tracker = resource_tracker.getfd()
        self._fds.append(tracker)  # type: ignore[arg-type] # it was started, so it has one
        message = BytesIO()
        set_spawning_popen(self)
        try:
            reduction.dump(_preparation(process_obj), message)
            reduction.dump(process_obj, message)
        finally:
            set_spawning_popen(None)

        # The parent's ends of both pipes stay open as long as it lives: each side learns
        # from its own pipe that the other one is gone.
        parent_r, child_w = os.pipe()
        child_r, parent_w = os.pipe()
        self.finalizer = util.Finalize(self, _close, (parent_r, parent_w))
        try:
            command = spawn.get_command_line(tracker_fd=tracker, pipe_handle=child_r)
            self._fds.extend([child_r, child_w])
            self.pid = util.spawnv_passfds(os.fsencode(spawn.get_executable()), command, self._fds)
            self.sentinel = parent_r
            with open(parent_w, "wb", closefd=False) as pipe:
                pipe.write(message.getbuffer())
        finally:
            os.close(child_r)
            os.close(child_w)


def _close(*pipes: int) -> None:
    for pipe in pipes:
        os.close(pipe)


def _preparation(process_obj: BaseProcess) -> dict[str, object]:
    return {
        "name": process_obj.name,
        "authkey": process.current_process().authkey,
        "sys_path": sys.path.copy(),
        "start_method": "spawn",
    }


class _Process(SpawnProcess):
    @staticmethod
    def _Popen(process_obj: BaseProcess) -> _Popen:  # noqa: N802 - multiprocessing's own name
        return _Popen(process_obj)


class DecoderContext(SpawnContext):
    """A multiprocessing context for a process pool."""

    Process = _Process
