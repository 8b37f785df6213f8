"""
What signs, built from the settings: with the operator's keys, or with the service's own secret.
"""

from uploadsvc.settings import Settings
from uploadsvc.signing import Signer
from uploadsvc.storage.datadir import DataDir
from uploadsvc.storage.secret import make_secret, new_secret, read_secret
from uploadsvc.tokens import Tokens


def prepare_secret(settings: Settings, data: DataDir) -> None:
    """Make the service's own secret if one is needed and there is none."""
    if not settings.signing_keys:
        make_secret(data.secret, locks=data.state)


def build_size_signer(settings: Settings) -> Signer | None:
    """Build what signs sizes; None without keys, since URLs outlive a secret that is lost."""
    keys = _keys(settings)
    return Signer(keys, purpose="size") if keys else None


def build_delete_tokens(settings: Settings, data: DataDir) -> Tokens:
    """Build the tokens that allow to delete a file. Raise `BadSettings` for bad keys."""
    if keys := _keys(settings):
        return Tokens(Signer(keys, purpose="delete"))
    # Where nothing is made yet nothing is handed out either.
    own = read_secret(data.secret) or new_secret()
    return Tokens(Signer([own], purpose="delete", setting=str(data.secret)))


def build_no_tokens() -> Tokens:
    """Build tokens for whoever hands none out: nobody else ever takes them."""
    return Tokens(Signer([new_secret()], purpose="delete"))


def _keys(settings: Settings) -> list[str]:
    return [key.get_secret_value() for key in settings.signing_keys]
