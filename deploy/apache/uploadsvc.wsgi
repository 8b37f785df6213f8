"""The whole service, its page and /healthz too, for Apache with mod_wsgi. See docs/operating.md."""

import os
from pathlib import Path

import mod_wsgi

from uploadsvc import Settings, make_app
from uploadsvc.observe import configure

# Apache's SetEnv does not reach os.environ; what started Apache, /etc/apache2/envvars, does.
CONFIG = os.environ.get("UPLOADSVC_CONFIG", "/etc/uploadsvc/uploadsvc.toml")

# How many requests there are at a time is Apache's to say: UPLOADSVC_THREADS.
settings = Settings.load(Path(CONFIG)).changed(threads=mod_wsgi.threads_per_process)
configure(settings.log_format)
application = make_app(settings)
