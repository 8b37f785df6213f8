"""
A real Apache with mod_wsgi for the tests, on a loopback port, with the shipped configuration.

It is set in the worst of surroundings: everything around the stored files runs scripts,
obeys `.htaccess` and decodes by extension. `/naive` shows what becomes of the same files
there. Started by root, Apache's own processes and the service run as two different users.
"""

import contextlib
import os
import shutil
import signal
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

import uploadsvc
from clients import upload
from servers import family, free_port, stop, wait_until_answering
from waiting import eventually

DEPLOY = Path(__file__).resolve().parent.parent / "deploy"
MODULES = Path("/usr/lib/apache2/modules")
STORAGE_PATH = "/uploadfile/wsgi/Storage"
APACHE_USER, SERVICE_USER, SERVICE_GROUP = "www-data", "nobody", "nogroup"

_MODULES = (
    "mpm_event authz_core alias mime dir setenvif headers expires wsgi "
    "include cgid actions asis negotiation autoindex filter deflate speling proxy proxy_fcgi "
    "reqtimeout"
)

_CONFIGURATION = """
ServerRoot {folder}
DefaultRuntimeDir {folder}/run
PidFile {folder}/run/httpd.pid
ServerName 127.0.0.1
Listen 127.0.0.1:{port}
{modules}
{user}
TypesConfig /etc/mime.types
ErrorLog {folder}/error.log
WSGISocketPrefix {folder}/run/wsgi
ScriptSock {folder}/run/cgid
GracefulShutdownTimeout 10

# The worst of surroundings.
<Directory />
    Options All MultiViews
    AllowOverride All
    ModMimeUsePathInfo On
    Require all granted
</Directory>
<FilesMatch "^\\.ht">
    Require all denied
</FilesMatch>
<Location />
    ModMimeUsePathInfo On
</Location>
AddHandler cgi-script .cgi .pl .py .sh
AddHandler type-map .var
AddHandler send-as-is .asis
<FilesMatch "\\.(php|phtml|phar)">
    SetHandler x-interpreted
</FilesMatch>
Action x-interpreted /interpreter
ScriptAlias /interpreter {folder}/interpreter
AddType text/html .shtml .jsp
AddOutputFilter INCLUDES .shtml .html
AddOutputFilterByType DEFLATE text/plain text/html
AddEncoding gzip .gz .svgz
AddCharset UTF-7 .utf7
CheckSpelling On
ExpiresActive On
ExpiresByType image/jpeg "access plus 1 year"

<VirtualHost *:{port}>
    {defined}
    Define UPLOADSVC_VENV {python_home}
    Define UPLOADSVC_SCRIPTS {scripts}
    Define UPLOADSVC_DATA {folder}/data
    Define UPLOADSVC_USER {service_user}
    Define UPLOADSVC_GROUP {service_group}
    Define UPLOADSVC_LOG {folder}/access.log
    Define UPLOADSVC_PAGE
    Include {scripts}/uploadsvc.conf
    ProxyPassMatch "^/(.*\\.fcgi)$" "fcgi://127.0.0.1:9/$1"
    Alias /naive {folder}/naive
</VirtualHost>
"""


@dataclass
class Apache:
    url: str
    folder: Path
    python: Path
    process: subprocess.Popen

    @property
    def port(self) -> int:
        return int(self.url.rpartition(":")[2])

    @property
    def storage(self) -> Path:
        return self.folder / "data/Storage"

    @property
    def sized(self) -> Path:
        return self.folder / "data/Sized"

    @property
    def log(self) -> str:
        return (self.folder / "access.log").read_text()

    def store(self, data: bytes, filename: str, **fields: str) -> str:
        """Upload a file and return its link."""
        answer = upload(self.url, data, filename=filename, **fields)
        assert answer.status == 201, answer
        return answer.json["link"]

    def path(self, link: str) -> Path:
        """Where the file of a link is, for a name that needs no percent-encoding."""
        return self.storage / link.partition(f"{STORAGE_PATH}/")[2]

    def command(self, *arguments: str) -> subprocess.CompletedProcess:
        """Run an `uploadsvc` command with the service's settings, as the service's user."""
        config = str(self.folder / "uploadsvc.toml")
        return run_as_service(self.python, "-m", "uploadsvc", "--config", config, *arguments)

    def processes(self) -> list[int]:
        while True:
            # Threads that end while they are listed take their lists of children along.
            with contextlib.suppress(FileNotFoundError, ProcessLookupError):
                return family(self.process.pid)

    def stop_service(self) -> None:
        """End the service for good: Apache starts its process anew, which finds no settings."""
        (self.folder / "uploadsvc.toml").unlink()
        [process] = self.service_processes()
        os.kill(process, signal.SIGKILL)
        if not eventually(lambda: self.is_replaced(process)):
            raise TimeoutError("Apache has not started the process of the service anew")

    def is_replaced(self, service_process: int) -> bool:
        """Whether another process runs the service now."""
        now = self.service_processes()
        return bool(now) and service_process not in now

    def service_processes(self) -> list[int]:
        """The processes that run the service; there is one, or none for a moment."""
        return [pid for pid in self.processes() if "(wsgi:uploadsvc)" in command_line(pid)]


@contextlib.contextmanager
def running_apache(
    program: str, *, defined: dict[str, object] | None = None, **settings: object
) -> Iterator[Apache]:
    """
    Run Apache with the service in it, in a folder of its own that all users may enter.

    `defined` is for the shipped configuration: `{"XSENDFILE": ""}` is
    `Define UPLOADSVC_XSENDFILE`.
    """
    check_interpreter()
    folder = Path(tempfile.mkdtemp(prefix="uploadsvc-apache-"))
    try:
        folder.chmod(0o755)
        python_home = find_python_home(folder)
        port = free_port()
        _configure(folder, port, python_home, settings, defined or {})
        with (folder / "start.log").open("wb") as errors:
            process = subprocess.Popen(
                [program, "-d", folder, "-f", folder / "httpd.conf", "-DFOREGROUND"],
                env={
                    "PATH": os.environ["PATH"],
                    "UPLOADSVC_CONFIG": str(folder / "uploadsvc.toml"),
                },
                cwd=folder,
                stderr=errors,
                start_new_session=True,
            )
        try:
            wait_until_answering(port)
            yield Apache(f"http://127.0.0.1:{port}", folder, python_home / "bin/python", process)
        finally:
            stop(process)
    finally:
        shutil.rmtree(folder)


def run_as_service(python: Path, *arguments: str) -> subprocess.CompletedProcess:
    """Run Python as the service's user, or as ourselves when we may not change that."""
    return subprocess.run(
        [python, *arguments],
        env={"PATH": os.environ["PATH"], "LC_ALL": "C.UTF-8"},
        cwd="/",
        capture_output=True,
        text=True,
        timeout=60,
        **({"user": SERVICE_USER, "group": SERVICE_GROUP, "extra_groups": []} if is_root() else {}),
    )


def command_line(pid: int) -> str:
    """How a process was started; empty when it has ended."""
    with contextlib.suppress(OSError):
        return Path(f"/proc/{pid}/cmdline").read_text()
    return ""


def check_interpreter() -> None:
    """Skip, saying why, unless mod_wsgi is there and linked to the Python of these tests."""
    module = MODULES / "mod_wsgi.so"
    if not module.exists():
        pytest.skip("libapache2-mod-wsgi-py3 is not installed (make test installs it where it may)")
    linked = subprocess.run(["ldd", module], capture_output=True, text=True).stdout
    version = f"{sys.version_info.major}.{sys.version_info.minor}"
    if sys.base_prefix != "/usr" or f"libpython{version}.so" not in linked:
        pytest.skip(f"mod_wsgi is linked to another Python than that in {sys.base_prefix}")


def find_python_home(folder: Path) -> Path:
    """Return an environment with the service in it that the service's user can read."""
    home = Path(sys.prefix)
    # PermissionError: a folder above it is closed to that user, as root's home is.
    with contextlib.suppress(PermissionError):
        if run_as_service(home / "bin/python", "-c", "import uploadsvc.app").returncode == 0:
            return home
    ours = {"pip", "playwright", "ruff", "mypy", "mypyc", "hypothesis", "__pycache__"}
    copy = folder / "venv"
    shutil.copytree(home, copy, symlinks=True, ignore=lambda _, names: ours & set(names))
    [packages] = copy.glob("lib/python3*/site-packages")
    if not (packages / "uploadsvc").exists():
        shutil.copytree(Path(uploadsvc.__file__).parent, packages / "uploadsvc")
    return copy


def _configure(
    folder: Path,
    port: int,
    python_home: Path,
    settings: dict[str, object],
    defined: dict[str, object],
) -> None:
    (folder / "run").mkdir()
    shutil.copytree(DEPLOY / "apache", folder / "scripts")
    data = folder / "data"
    data.mkdir()
    # Another way to the same files, of which the shipped configuration knows nothing.
    (folder / "naive").symlink_to(data / "Storage")
    lines = [f'{name} = "{value}"' for name, value in settings.items()]
    (folder / "uploadsvc.toml").write_text("\n".join([f'data_dir = "{data}"', *lines]))
    interpreter = folder / "interpreter"
    interpreter.write_text("#!/bin/sh\nprintf 'Content-Type: text/html\\n\\nEXECUTED'\n")
    interpreter.chmod(0o755)
    modules = "\n".join(
        f"LoadModule {name}_module {MODULES}/mod_{name}.so" for name in modules_for(defined)
    )
    user = ""
    if is_root():
        shutil.chown(data, SERVICE_USER, SERVICE_GROUP)
        user = f"User {APACHE_USER}\nGroup {APACHE_USER}"
    configuration = _CONFIGURATION.format(
        folder=folder,
        port=port,
        modules=modules,
        user=user,
        defined="\n    ".join(f"Define UPLOADSVC_{name} {to}" for name, to in defined.items()),
        python_home=python_home,
        scripts=folder / "scripts",
        service_user=SERVICE_USER if is_root() else f"#{os.geteuid()}",
        service_group=SERVICE_GROUP if is_root() else f"#{os.getegid()}",
    )
    (folder / "httpd.conf").write_text(configuration)


def modules_for(defined: dict[str, object]) -> list[str]:
    """The modules that Apache loads; those that not everybody needs only where they are."""
    needed = {"XSENDFILE": "xsendfile", "IMAGES": "rewrite"}
    return [*_MODULES.split(), *(needed[name] for name in needed if name in defined)]


def is_root() -> bool:
    return os.geteuid() == 0
