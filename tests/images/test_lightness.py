"""A server that never draws has none of what draws."""

import subprocess
import sys

LIGHT = """
import sys, uploadsvc.images as images
images.Decoders(workers=1, memory=1, seconds=1).close()
images.Size.parse("1", "2", max_side=9)
print(*sorted({"PIL", "pebble", "multiprocessing"} & set(sys.modules)))
images.draw_preview
print("PIL" in sys.modules)
"""


def test_a_server_that_draws_nothing_loads_no_decoder():
    done = subprocess.run([sys.executable, "-c", LIGHT], capture_output=True, text=True, check=True)

    assert done.stdout.splitlines() == ["", "True"]
