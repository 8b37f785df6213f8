"""
Gets a remote picture, and nothing it must not get.

Whoever names an address decides where this service connects to. So an address is parsed
once and strictly, its host is resolved once, every answer must be public, and the
connection goes to one of the very addresses that were checked. Each redirect starts from
scratch. What comes back is bounded in bytes and in seconds, and never interpreted.
"""

from uploadsvc.fetch.fetcher import LOOP_HEADER, Fetcher
from uploadsvc.fetch.resolver import Resolve

__all__ = ["LOOP_HEADER", "Fetcher", "Resolve"]
