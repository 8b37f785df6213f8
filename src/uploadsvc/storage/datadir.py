"""
The folder that holds everything: where each thing lies in it, and the marker that it is ours.

Nothing is written outside it. The marker keeps the cleaner from a folder named by mistake.
"""

from dataclasses import dataclass
from pathlib import Path

from uploadsvc.errors import BadSettings
from uploadsvc.storage.folders import sync_folder

_MARKER = ".uploadsvc"
_MARKER_TEXT = "This folder belongs to uploadsvc; its cleaner removes old files from it.\n"


@dataclass(frozen=True)
class DataDir:
    path: Path

    @property
    def storage(self) -> Path:
        return self.path / "Storage"

    @property
    def previews(self) -> Path:
        return self.path / "Previews"

    @property
    def originals(self) -> Path:
        """Pictures that are kept under their IDs, until they are deleted."""
        return self.path / "Originals"

    @property
    def sized(self) -> Path:
        """These pictures at the sizes that were asked for; made again when they are lost."""
        return self.path / "Sized"

    @property
    def uploads(self) -> Path:
        """Resumable uploads that are not finished, and what is known of finished ones."""
        return self.path / "Uploads"

    @property
    def progress(self) -> Path:
        """Uploads that somebody watches: how far they are."""
        return self.path / "Progress"

    @property
    def state(self) -> Path:
        """Stamps, counts and locks; nothing that is missed when it is lost."""
        return self.path / "State"

    @property
    def secret(self) -> Path:
        """What the service signs with where it has no keys of its operator's."""
        return self.path / "secret"

    @property
    def marker(self) -> Path:
        """What says that the folder is ours; the cleaner's lock too."""
        return self.path / _MARKER

    @property
    def is_marked(self) -> bool:
        return self.marker.is_file()

    def prepare(self, *, dir_mode: int) -> None:
        """Make what is missing, the marker too; raise `BadSettings` when that fails."""
        if self.path.resolve() in (Path("/"), Path.home()):
            raise BadSettings(f"data_dir {self.path}: the cleaner must have a folder of its own")
        try:
            for folder in (self.path, *self._folders):
                if not folder.is_dir():
                    folder.mkdir(parents=True)
                    # Whoever knows the name of an upload may change it.
                    is_private = folder in (self.uploads, self.progress)
                    folder.chmod(0o700 if is_private else dir_mode)
            if not self.is_marked:
                self.marker.write_text(_MARKER_TEXT)
                sync_folder(self.path)
        except OSError as error:
            raise BadSettings(f"data_dir {self.path}: {error.strerror}") from error

    @property
    def _folders(self) -> list[Path]:
        shown = [self.storage, self.previews, self.originals, self.sized]
        return [*shown, self.uploads, self.progress, self.state]
