"""
The threads of a worker: as many as there is work for, up to a limit or to what there is.
"""

import logging
from concurrent.futures import ThreadPoolExecutor

log = logging.getLogger(__name__)


class Threads(ThreadPoolExecutor):
    """Does with the threads that it has where the system allows no more."""

    def is_short(self) -> bool:
        """Whether there is work that no thread has taken up yet."""
        return not self._work_queue.empty()

    def _adjust_thread_count(self) -> None:
        try:
            super()._adjust_thread_count()
        except RuntimeError as error:
            if not self._threads:
                raise
            log.warning("no more threads than %d: %s", len(self._threads), error)
