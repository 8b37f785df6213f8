"""
The gunicorn arbiter: always one worker that takes new requests, beside those that are ending.

gunicorn would count a worker that only ends after a reload as the one that is there, and
wait for it; here it has all the time that it needs, and nobody waits.
"""

from typing import Any

from gunicorn.arbiter import Arbiter


class GracefulArbiter(Arbiter):  # type: ignore[misc]  # gunicorn has no types
    """`app.stop_grace` is how many seconds running requests have when all of it ends."""

    _oldest = 0
    """Age of the oldest worker that takes new requests; gunicorn counts them up."""

    def reload(self) -> None:
        """Called at SIGHUP."""
        self._oldest = self.worker_age + 1
        super().reload()

    def manage_workers(self) -> None:
        """Called when a worker has ended, among others."""
        if not any(worker.age >= self._oldest for worker in self.WORKERS.values()):
            self.spawn_worker()
        super().manage_workers()

    def stop(self, graceful: bool = True) -> Any:
        """Called at SIGTERM, and with `graceful` off at SIGINT and SIGQUIT."""
        if graceful:
            self.cfg.set("graceful_timeout", self.app.stop_grace)
        return super().stop(graceful)
