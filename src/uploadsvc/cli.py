"""
The command line: `uploadsvc serve | clean | check | delete | import`.

Exit codes: 0 done; 1 something could not be done; 2 bad settings or arguments; 3 the clock
jumped, nothing was cleaned; 4 another cleaner is at work; 130 interrupted. Each command
imports what it needs when it runs, so that the cleaner, which cron starts every hour, starts
quickly.
"""

import argparse
import os
import sys
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path

from uploadsvc import __version__, errors
from uploadsvc.settings import Settings
from uploadsvc.storage.datadir import DataDir

_FAILED, _BAD_SETTINGS, _CLOCK_JUMPED, _ALREADY_CLEANING = 1, 2, 3, 4
_INTERRUPTED = 130
"""What a shell says of a command that SIGINT ended."""


def main(arguments: Sequence[str] | None = None) -> None:
    """Run the command that the arguments name; ends the process with its exit code."""
    options = _parser().parse_args(arguments)
    try:
        settings = Settings.load(options.config)
        sys.exit(options.run(settings, options))
    except errors.BadSettings as error:
        _complain(error)
        sys.exit(_BAD_SETTINGS)
    except (errors.UploadsvcError, OSError) as error:
        _complain(error)
        sys.exit(_FAILED)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="uploadsvc",
        description="Takes files, hands out links and previews, and forgets them in time.",
    )
    parser.add_argument("--version", action="version", version=f"uploadsvc {__version__}")
    parser.add_argument(
        "--config", type=Path, metavar="FILE", help="TOML file of settings (or UPLOADSVC_CONFIG)"
    )
    commands = parser.add_subparsers(title="commands", required=True, metavar="COMMAND")

    serve = commands.add_parser("serve", help="serve until told to stop")
    serve.add_argument("--host", help="address to listen on")
    serve.add_argument("--port", type=int, metavar="N", help="port to listen on; 0: a free one")
    serve.set_defaults(run=_serve)

    clean = commands.add_parser("clean", help="remove what is old; for cron, every hour")
    clean.add_argument("--dry-run", action="store_true", help="only say what would go")
    clean.add_argument(
        "--adopt", action="store_true", help="accept data_dir as ours, and remove nothing yet"
    )
    clean.set_defaults(run=_clean)

    check = commands.add_parser("check", help="show the settings and prove the installation")
    check.set_defaults(run=_check)

    delete = commands.add_parser("delete", help="take files and their previews down now")
    delete.add_argument(
        "links", nargs="+", metavar="LINK", help="a link, FOLDER/NAME of one, or a picture's ID"
    )
    delete.set_defaults(run=_delete)

    imports = commands.add_parser("import", help="save files and whole folders as pictures")
    imports.add_argument("paths", nargs="+", type=Path, metavar="PATH", help="a file or a folder")
    imports.set_defaults(run=_import)
    return parser


def _serve(settings: Settings, options: argparse.Namespace) -> int:
    from uploadsvc.serve import serve

    asked = {"host": options.host, "port": options.port}
    changes = {key: value for key, value in asked.items() if value is not None}
    serve(lambda: Settings.load(options.config).changed(**changes))
    return 0


def _clean(settings: Settings, options: argparse.Namespace) -> int:
    from uploadsvc import cleaner
    from uploadsvc.limits import build_cache, build_rate, build_room

    data = DataDir(settings.data_dir)
    _check_user(data)
    if options.adopt:
        if not data.storage.is_dir():
            raise errors.BadSettings(f"data_dir {data.path}: there is no Storage folder in it")
        data.prepare(dir_mode=settings.dir_mode)
        print(f"adopted {data.path}")
        return 0
    _check_ours(data)
    data.prepare(dir_mode=settings.dir_mode)
    try:
        for line in cleaner.clean(
            data,
            keep=settings.keep,
            now=datetime.now(UTC),
            dry_run=options.dry_run,
            rate=build_rate(settings, data),
            room=build_room(settings, data),
            cache=build_cache(settings, data),
            keep_unused=settings.cache_keep,
            keep_partial=settings.keep_partial,
        ):
            print(line)
    except cleaner.ClockJumped as error:
        _complain(error)
        return _CLOCK_JUMPED
    except cleaner.AlreadyCleaning as error:
        _complain(error)
        return _ALREADY_CLEANING
    return 0


def _check(settings: Settings, options: argparse.Namespace) -> int:
    from uploadsvc.check import check

    failed = False
    for line in check(settings):
        print(line.text)
        failed = failed or line.is_problem
    return _FAILED if failed else 0


def _delete(settings: Settings, options: argparse.Namespace) -> int:
    from uploadsvc.parts import build
    from uploadsvc.removal import remove
    from uploadsvc.sized import is_id
    from uploadsvc.storage.local import LocalStorage

    parts = build(settings)
    _check_ours(parts.data)
    # One that does not care for lives: what is over and not swept yet goes too.
    storage = LocalStorage(parts.data.storage, room=parts.room)
    failed = False
    for link in options.links:
        try:
            if is_id(link):
                parts.images.delete_image(link)
                print(f"removed {link}")
                continue
            key = parts.links.key_of_link(link)
            for gone in remove(storage, key, previews=parts.data.previews):
                print(f"removed {gone}")
        except errors.UploadsvcError as error:
            _complain(f"{link}: {error}")
            failed = True
    return _FAILED if failed else 0


def _import(settings: Settings, options: argparse.Namespace) -> int:
    from uploadsvc.importing import Refused, find_files, printable, save_files
    from uploadsvc.parts import prepare
    from uploadsvc.progress import Progress

    _check_user(DataDir(settings.data_dir))
    parts = prepare(settings)
    files = list(find_files(options.paths))
    saved, refused, failed = 0, [], 0
    try:
        with Progress(sys.stderr, total=len(files)) as progress:
            for each in save_files(parts.images, files):
                if isinstance(each, Refused):
                    refused.append(each)
                else:
                    saved += 1
                    progress.clear()
                    print(f"{each.image}\t{printable(each.path)}", flush=True)
                progress.step()
    except KeyboardInterrupt:
        _complain(f"interrupted; {saved} of {len(files)} files were saved")
        failed = _INTERRUPTED
    except errors.NoRoom as error:
        _complain(f"{error}; {saved} of {len(files)} files were saved")
        failed = _FAILED
    finally:
        parts.decoders.close()
    if refused:
        _complain(f"{len(refused)} of {len(files)} files were not saved:")
        for each in refused:
            print(f"  {printable(each.path)}: {each.reason}", file=sys.stderr)
    return failed or (_FAILED if refused else 0)


def _check_ours(data: DataDir) -> None:
    if not data.is_marked:
        raise errors.BadSettings(
            f"data_dir {data.path}: not a folder of uploadsvc; `serve` makes one, "
            "`clean --adopt` accepts one that is there"
        )


def _check_user(data: DataDir) -> None:
    # What root writes there, the service could not write again.
    if os.geteuid() == 0 and data.storage.is_dir() and (owner := data.storage.stat().st_uid):
        raise errors.BadSettings(
            f"data_dir {data.path} belongs to user {owner}: run this as that user"
        )


def _complain(error: object) -> None:
    print(f"uploadsvc: {error}", file=sys.stderr)
