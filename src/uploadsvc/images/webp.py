"""
Still WebP pictures, decoded no larger than needed by libwebp itself.

Pillow decodes every WebP as an animation: whole, and twice in memory. The library that it
brings can do better: it scales while it decodes, row by row. It is called here through the
very file that Pillow has loaded, so that there is nothing to install; where that cannot be
done, or a picture moves, Pillow's own way is left to do it. The container is that of
RFC 9649.
"""

import ctypes
from functools import cache
from typing import Any

from PIL import Image, ImageFile

_ABI = 0x0209
"""Of the structures below: libwebp 0.5 and later, which refuses another major number."""

_RGBX = 1  # WEBP_CSP_MODE: MODE_RGBA


class _Features(ctypes.Structure):
    _fields_ = (
        ("width", ctypes.c_int),
        ("height", ctypes.c_int),
        ("has_alpha", ctypes.c_int),
        ("has_animation", ctypes.c_int),
        ("format", ctypes.c_int),
        ("pad", ctypes.c_uint32 * 5),
    )


class _Output(ctypes.Structure):
    _fields_ = (
        ("colorspace", ctypes.c_int),
        ("width", ctypes.c_int),
        ("height", ctypes.c_int),
        ("is_external_memory", ctypes.c_int),
        ("rgba", ctypes.c_void_p),
        ("stride", ctypes.c_int),
        ("size", ctypes.c_size_t),
        # The same place holds eight pointers and numbers for planes.
        ("rest_of_union", ctypes.c_byte * 56),
        ("pad", ctypes.c_uint32 * 4),
        ("private_memory", ctypes.c_void_p),
    )


class _Options(ctypes.Structure):
    _fields_ = (
        ("bypass_filtering", ctypes.c_int),
        ("no_fancy_upsampling", ctypes.c_int),
        ("use_cropping", ctypes.c_int),
        ("crop", ctypes.c_int * 4),
        ("use_scaling", ctypes.c_int),
        ("scaled_width", ctypes.c_int),
        ("scaled_height", ctypes.c_int),
        ("use_threads", ctypes.c_int),
        ("dithering_strength", ctypes.c_int),
        ("flip", ctypes.c_int),
        ("alpha_dithering_strength", ctypes.c_int),
        ("pad", ctypes.c_uint32 * 5),
    )


class _Config(ctypes.Structure):
    _fields_ = (("input", _Features), ("output", _Output), ("options", _Options))


class StillWebP(ImageFile.ImageFile):
    """A WebP that does not move. `draft` makes `load` scale it down."""

    format = "STILL-WEBP"
    format_description = "WebP image that does not move"

    def _open(self) -> None:
        library = _libwebp()
        if library is None:
            raise SyntaxError("libwebp cannot be reached")
        self._data: bytes = self.fp.read()  # type: ignore[union-attr] # Pillow has opened it
        config = _Config()
        if not library.WebPInitDecoderConfigInternal(ctypes.byref(config), _ABI):
            raise SyntaxError("another libwebp than is known here")
        wrong = library.WebPGetFeaturesInternal(
            self._data, len(self._data), ctypes.byref(config.input), _ABI
        )
        if wrong or config.input.has_animation:
            raise SyntaxError("not a WebP that does not move")
        self._config = config
        self._size = config.input.width, config.input.height
        self._mode = "RGBA" if config.input.has_alpha else "RGBX"
        for chunk, key in ((b"ICCP", "icc_profile"), (b"EXIF", "exif")):
            if (value := _chunk(self._data, chunk)) is not None:
                self.info[key] = value
        self.tile = []

    def draft(self, mode: str | None, size: tuple[int, int] | None) -> None:
        """Have the picture decoded at exactly `size`, unless it is transparent or smaller."""
        # Under what is transparent there are colours; libwebp would mix them in.
        if size is None or self.mode == "RGBA" or not self._data:
            return
        if size[0] < self.width and size[1] < self.height:
            self._size = size

    def load(self) -> Any:
        """Decode; raise OSError for what is broken or cut short."""
        if self._data:
            pixels: Any = self._decode()
            self._im = Image.frombuffer(self.mode, self.size, pixels, "raw", self.mode, 0, 1).im
            self._data = b""
        return super().load()

    def _decode(self) -> ctypes.Array[ctypes.c_char]:
        library = _libwebp()
        if library is None:
            raise OSError("libwebp cannot be reached")
        width, height = self.size
        options, output = self._config.options, self._config.output
        options.use_scaling = self.size != (self._config.input.width, self._config.input.height)
        options.scaled_width, options.scaled_height = self.size
        # The smoothing between blocks cannot be seen at a fraction of the size.
        options.bypass_filtering = options.no_fancy_upsampling = options.use_scaling
        pixels = ctypes.create_string_buffer(width * height * 4)
        output.colorspace = _RGBX
        output.is_external_memory = 1
        output.rgba = ctypes.addressof(pixels)
        output.stride, output.size = width * 4, len(pixels)
        status = library.WebPDecode(self._data, len(self._data), ctypes.byref(self._config))
        if status == 1:
            raise MemoryError
        if status:
            raise OSError(f"broken WebP ({status})")
        return pixels


@cache
def _libwebp() -> ctypes.CDLL | None:
    """Return the library that Pillow has loaded; None where it cannot be called."""
    try:
        from PIL import _webp

        # Looking a name up in Pillow's module looks in what it is linked to as well.
        library = ctypes.CDLL(_webp.__file__)
        decode, features = library.WebPDecode, library.WebPGetFeaturesInternal
        begin = library.WebPInitDecoderConfigInternal
    except (ImportError, OSError, AttributeError):
        return None
    pointer, size = ctypes.c_void_p, ctypes.c_size_t
    begin.argtypes = [pointer, ctypes.c_int]
    features.argtypes = [ctypes.c_char_p, size, pointer, ctypes.c_int]
    decode.argtypes = [ctypes.c_char_p, size, pointer]
    return library


def _chunk(data: bytes, name: bytes) -> bytes | None:
    """Return the first chunk of that name (RFC 9649 2.3); None when there is none."""
    at = 12
    while at + 8 <= len(data):
        size = int.from_bytes(data[at + 4 : at + 8], "little")
        if data[at : at + 4] == name:
            return data[at + 8 : at + 8 + size]
        # Chunks are padded to even sizes.
        at += 8 + size + (size & 1)
    return None


def _accept(head: bytes) -> bool:
    return head[:4] == b"RIFF" and head[8:12] == b"WEBP"


def register() -> None:
    """Have Pillow try this before its own plug-in."""
    Image.register_open(StillWebP.format, StillWebP, _accept)
