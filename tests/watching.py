"""Applications in the upload middleware, and their clients, for the tests."""

import io
import json

from webtest import TestApp

from clients import file_form
from uploadsvc.tracking import TrackedUploads
from uploadsvc.web.watched import upload_middleware

KEY = "Yq4tV6wZ1rN8mXc2bK5jHg7fDs3aPo9i"
MANAGERS = ["uploadsvc.manager", "infrae.fileupload.manager"]
UPLOADS = ["uploadsvc.upload", "infrae.fileupload.current"]


def environ_of(content, *, chunked=False, body=None, **more):
    """The environ of an upload, for a call without a client; `body` is read in its place."""
    kind, data = content
    length = (
        {"HTTP_TRANSFER_ENCODING": "chunked"} if chunked else {"CONTENT_LENGTH": str(len(data))}
    )
    return (
        {
            "REQUEST_METHOD": "POST",
            "PATH_INFO": "/upload",
            "QUERY_STRING": "X-Progress-ID=id",
            "CONTENT_TYPE": kind,
            "wsgi.input": body or io.BytesIO(data),
        }
        | length
        | more
    )


def call(app, environ):
    """Call an application without a client; return its status line and its body."""
    told = []
    body = b"".join(app(environ, lambda status, headers, *_: told.append(status)))
    return told[0], body


class Inner:
    """An application that says in JSON what reached it, and keeps the environ."""

    def __init__(self):
        self.environ = None

    def __call__(self, environ, start_response):
        self.environ = environ
        body = environ["wsgi.input"].read(int(environ.get("CONTENT_LENGTH") or 0))
        told = {
            "method": environ["REQUEST_METHOD"],
            "type": environ.get("CONTENT_TYPE", ""),
            "body": body.decode("latin-1"),
        }
        start_response("200 OK", [("Content-Type", "application/json")])
        return [json.dumps(told).encode()]


class Watched:
    """An application in the middleware, on a folder of its own, and a client of it."""

    def __init__(self, root, *, app=None, keys=(), upload_url=None, uploads=None, **options):
        root.mkdir(exist_ok=True)
        self.root = root
        self.inner = app or Inner()
        self.uploads = uploads or TrackedUploads(root, keys=keys, upload_url=upload_url)
        self.app = upload_middleware(self.inner, self.uploads, **options)
        self.client = TestApp(self.app)

    def post(self, data=b"pixels", *, id="id", path="/upload", query="", status=200, headers=()):
        """Upload a file; or send `data` as it is when it is a content type and a body."""
        kind, body = data if isinstance(data, tuple) else file_form(data)
        return self.client.post(
            f"{path}?X-Progress-ID={id}{query}",
            body,
            headers={"Content-Type": kind} | dict(headers),
            status=status,
        )

    def status(self, id="id", **options):
        return self.client.get(f"/upload/status?X-Progress-ID={id}", **options).json

    def kept(self):
        """How many files of data there are, whole or not."""
        return len([path for path in self.root.iterdir() if path.suffix != ".json"])
