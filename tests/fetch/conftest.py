import ssl
import subprocess

import pytest

from fetch.servers import Canary


@pytest.fixture
def canary():
    with Canary(80, 443, 22, 110, 6379) as listening:
        yield listening


@pytest.fixture(scope="session")
def certificate(program, tmp_path_factory):
    """A certificate for `pictures.test`, signed by itself: where it is, and its key."""
    folder = tmp_path_factory.mktemp("tls")
    subprocess.run(
        [
            *(program("openssl"), "req", "-x509", "-nodes", "-days", "2", "-newkey", "ec"),
            *("-pkeyopt", "ec_paramgen_curve:prime256v1", "-subj", "/CN=pictures.test"),
            *("-addext", "subjectAltName=DNS:pictures.test"),
            *("-keyout", "key.pem", "-out", "cert.pem"),
        ],
        cwd=folder,
        check=True,
        capture_output=True,
    )
    return folder / "cert.pem", folder / "key.pem"


@pytest.fixture
def server_tls(certificate):
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.load_cert_chain(*certificate)
    return context


@pytest.fixture
def trust(certificate):
    return lambda: ssl.create_default_context(cafile=certificate[0])
