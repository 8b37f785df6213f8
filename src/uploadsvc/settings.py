"""
Every setting, with its default and its one sentence.

Values come from one TOML file first, then from `UPLOADSVC_*` environment variables, and
are then checked; an unknown or bad one is named and stops the start. Only composition and
the entry points know this module: components get plain arguments.
"""

import os
import tomllib
from collections.abc import Container, Mapping
from datetime import timedelta
from pathlib import Path
from typing import Annotated, Any, Literal, Self

from pydantic import BaseModel, ByteSize, ConfigDict, Field, ValidationError

from uploadsvc.errors import BadSettings
from uploadsvc.kinds import Duration, Folder, Mode, NamedSizes, Names, Secrets, Size, Time
from uploadsvc.observe import LogFormat

PREFIX = "UPLOADSVC_"
CONFIG_VARIABLE = f"{PREFIX}CONFIG"

_PATH = r"^(/[A-Za-z0-9_~-][A-Za-z0-9._~-]*)+$"


class Settings(BaseModel):
    """
    All settings. Made directly, bad values raise pydantic's `ValidationError`; `load` and
    `changed` raise `BadSettings`, which names them in one sentence.
    """

    model_config = ConfigDict(extra="forbid", frozen=True, use_attribute_docstrings=True)

    # Where things are
    data_dir: Folder = Path("data")
    """The folder that holds `Storage/`, `Previews/` and what else is kept."""
    public_url: str = ""
    """Base of the links that are handed out; empty: taken from the request."""
    storage_path: str = Field("/uploadfile/wsgi/Storage", pattern=_PATH)
    """URL path of stored files."""
    own_hosts: Names = ()
    """More hosts (`host` or `host:port`) whose storage addresses lead to this service."""
    page: bool = True
    """Whether the upload page is shown at `/`."""
    tus_path: str = Field("/files", pattern=_PATH)
    """URL path of resumable uploads."""
    cors_origins: Names = ()
    """Origins, like `https://chat.example`, whose pages may upload here too; `*`: all."""

    # How long, how much
    keep: Time = timedelta(days=1)
    """Age at which files and previews go."""
    keep_partial: Time = timedelta(days=1)
    """Time after its last change at which an unfinished upload goes."""
    max_upload: Size = Field(ByteSize(100_000_000), ge=1)
    """Largest file that is taken."""
    max_stored: Size = ByteSize(0)
    """Bytes of files in all; beyond, uploads are refused; 0 for no limit."""
    uploads_per_minute: int = Field(0, ge=0)
    """Uploads that one address may begin in a minute; 0 for any number."""
    disk_floor: Literal["auto"] | Size = "auto"
    """Bytes of the disk that stay free; "auto": 1 GB or 5 %, whichever is less; 0: none."""
    file_mode: Mode = 0o644
    """Mode of stored files, octal; a web server of another user must be able to read them."""
    dir_mode: Mode = 0o755
    """Mode of the folders they are in, octal."""

    # Previews
    max_side: int = Field(2048, ge=1, le=9999)
    """Largest side of a preview, in pixels."""
    max_pixels: int = Field(50_000_000, ge=1)
    """Largest picture that is decoded, in pixels."""
    decoders: int = Field(0, ge=0)
    """Processes that decode pictures; 0: as many as there are cores."""
    decode_memory: Size = Field(ByteSize(300_000_000), ge=64_000_000)
    """Memory that one of them may use."""
    decode_seconds: Time = timedelta(seconds=20)
    """Time that one picture may take to decode."""
    decoder_queue: int = Field(100, ge=1)
    """Pictures that may wait for a decoder; one more is refused for the moment."""
    max_frames: int = Field(200, ge=1)
    """Frames up to which a picture that moves is shown moving."""
    linear_light: bool = False
    """Whether light is averaged where pictures are made smaller, not the numbers for it."""
    avif: bool = False
    """Whether clients that accept AVIF get it: smaller than WebP, for several times the work."""
    jpeg_quality: int = Field(85, ge=1, le=100)
    """Quality of previews in JPEG, from 1 to 100."""
    webp_quality: int = Field(80, ge=1, le=100)
    """Quality of previews in WebP, from 1 to 100."""
    avif_quality: int = Field(70, ge=1, le=100)
    """Quality of previews in AVIF, from 1 to 100."""
    cache_max: Size = ByteSize(5_000_000_000)
    """Bytes that all previews together may take of the disk; 0 for no limit."""
    cache_keep: Time = timedelta(days=90)
    """Time since a sized picture was last used, after which it goes."""

    # Uploads that are watched
    upload_keys: Secrets = ()
    """Secrets of 32 characters or more that sign the identifiers of `/upload`; empty: unsigned."""

    # Pictures by ID
    image_uploads: bool = False
    """Whether anybody may save pictures with `POST /o/`."""
    named_sizes: NamedSizes = ()
    """More sizes with a name, each like `name=640x480`, or `name=75x75!` to fill it."""
    open_sizes: Names = ()
    """Sizes without a name, such as `320x240`, that need no signature; `all`: any size."""
    sizes_per_picture: int = Field(50, ge=1)
    """Sizes that one picture may have because `open_sizes` opens them."""
    signing_keys: Secrets = ()
    """Secrets of 32 characters or more for all other sizes and links to delete; the first signs."""
    image_alt: str = ""
    """What is added to the text of every `<img>` tag."""

    # Remote pictures
    fetch_allow: Names = ()
    """Hosts, `host:port`s or networks that may be fetched though they are not public."""
    fetch_block: Names = ()
    """Hosts or networks that may not be fetched though they are public."""
    fetch_max: Size = ByteSize(20_000_000)
    """Largest remote picture."""
    fetch_timeout: Time = timedelta(seconds=10)
    """Time that one remote picture may take in all."""
    fetch_connect_timeout: Time = timedelta(seconds=5)
    """Time that connecting to its host may take."""
    fetch_redirects: int = Field(3, ge=0, le=20)
    """Redirects that are followed, each checked anew."""

    # Serving
    host: str = "127.0.0.1"
    """Address that `uploadsvc serve` listens on."""
    port: int = Field(8080, ge=0, le=65535)
    """Port that it listens on; 0 for a free one."""
    threads: int = Field(1700, ge=8)
    """Requests that are answered at the same time; a thread is started when one is needed."""
    uploads_at_once: int = Field(0, ge=0)
    """Uploads that are taken at the same time; 0: 30 % of `threads`."""
    downloads_at_once: int = Field(0, ge=0)
    """Stored files that are sent at the same time; 0: 30 % of `threads`."""
    previews_at_once: int = Field(0, ge=0)
    """Requests that may wait for a new preview at the same time; 0: 20 % of `threads`."""
    fetches_at_once: int = Field(0, ge=0)
    """Remote pictures that are fetched at the same time; 0: 12 % of `threads`."""
    stall_timeout: Annotated[Time, Field(le=timedelta(days=1))] = timedelta(seconds=30)
    """Time in which a client must send 4 KB of a body; it has four times that for an answer."""
    send_files: Literal["python", "x-sendfile", "x-accel-redirect"] = "python"
    """Who sends stored files: the service, or the server in front, told by that header."""
    stop_grace: Duration = timedelta(seconds=60)
    """Time that running uploads have to end after SIGTERM."""
    trusted_proxies: Names = ()
    """Addresses and networks, or `unix`, whose forwarded headers are believed."""
    log_format: LogFormat = "plain"
    """How log lines are written."""

    @classmethod
    def load(cls, config: Path | None, environ: Mapping[str, str] = os.environ) -> Self:
        """
        Return the settings of a TOML file, with those of the environment over them.

        Without `config`, the file that `UPLOADSVC_CONFIG` names, or none. Raise
        `BadSettings`, naming the key, for what is unknown, bad or not there.
        """
        named = config or (Path(environ[CONFIG_VARIABLE]) if CONFIG_VARIABLE in environ else None)
        values = _read_file(named) if named else {}
        values |= _read_environment(environ, known=cls.model_fields.keys())
        try:
            return cls.model_validate(values)
        except ValidationError as error:
            raise BadSettings(_explain(error)) from error

    def changed(self, **changes: object) -> Self:
        """Return these settings with others in their place; raise `BadSettings` if bad."""
        try:
            return self.model_validate(self.model_dump() | changes)
        except ValidationError as error:
            raise BadSettings(_explain(error)) from error


def _read_file(path: Path) -> dict[str, Any]:
    try:
        return tomllib.loads(path.read_text("utf-8"))
    except OSError as error:
        raise BadSettings(f"configuration file {path}: {error.strerror}") from error
    except ValueError as error:
        raise BadSettings(f"configuration file {path}: {error}") from error


def _read_environment(environ: Mapping[str, str], *, known: Container[str]) -> dict[str, str]:
    values = {}
    for variable, value in environ.items():
        if not variable.startswith(PREFIX) or variable == CONFIG_VARIABLE:
            continue
        key = variable.removeprefix(PREFIX).lower()
        if key not in known:
            raise BadSettings(f"{variable}: there is no such setting")
        values[key] = value
    return values


def _explain(error: ValidationError) -> str:
    problems = []
    for problem in error.errors(include_url=False):
        key = ".".join(str(part) for part in problem["loc"])
        if problem["type"] == "extra_forbidden":
            problems.append(f"{key}: there is no such setting")
        else:
            problems.append(f"{key}: {problem['msg'].removeprefix('Value error, ')}")
    return "; ".join(problems)
