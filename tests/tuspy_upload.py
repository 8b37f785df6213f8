"""
Uploads one file with tuspy as it is, as a program would that is started again when it fails.

The job comes as JSON in the first argument: `endpoint`, `file`, `store` (where it notes the
address, so that the next process can go on) and `options` for the uploader. Prints the
address of the upload as JSON.
"""

import json
import sys
from contextlib import closing

from tusclient.client import TusClient
from tusclient.storage.filestorage import FileStorage

job = json.loads(sys.argv[1])
with closing(FileStorage(job["store"])) as store:
    uploader = TusClient(job["endpoint"]).uploader(
        job["file"],
        store_url=True,
        url_storage=store,
        retry_delay=0,
        metadata={"filename": "some.bin"},
        **job["options"],
    )
    uploader.upload()
sys.stdout.write(json.dumps({"url": uploader.url}))
