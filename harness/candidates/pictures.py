"""An item's pictures as they are sent to an endpoint.

Decides where a picture's bytes come from (beside the items file, or a data URL in the row), which formats are known by
their first bytes, and how large one may be. The bytes stand in the request, so that the journal's key covers them. An
address on the web is not fetched: what stands there tomorrow may be another picture.
"""

from __future__ import annotations

import base64
import binascii
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

MOST_BYTES = 20 * 1024**2
"""Of one picture: what OpenAI's moderation endpoint and most chat endpoints take."""
_SIGNATURES = (
    (b"\x89PNG\r\n\x1a\n", "image/png"),
    (b"\xff\xd8\xff", "image/jpeg"),
    (b"GIF87a", "image/gif"),
    (b"GIF89a", "image/gif"),
    (b"BM", "image/bmp"),
)


class PictureError(ValueError):
    """A picture cannot be sent; the message never shows where it is on this machine."""


@dataclass(frozen=True, slots=True)
class Picture:
    """A picture's media type and its bytes in base64."""

    media_type: str
    base64: str

    @property
    def data_url(self) -> str:
        """The picture as a data URL."""
        return f"data:{self.media_type};base64,{self.base64}"


def read_pictures(folder: Path | None, names: Sequence[str]) -> list[Picture]:
    """The pictures of an item, in order.

    Raises:
        PictureError: One is not there, is too large, or is in no known format.
    """
    return [_picture(folder, name) for name in names]


def media_type_of(data: bytes) -> str | None:
    r"""The format that a picture's first bytes show.

    >>> media_type_of(b"RIFF\x00\x00\x00\x00WEBPVP8 "), media_type_of(b"<svg/>") is None
    ('image/webp', True)
    """
    if data[:4] == b"RIFF" and data[8:12] == b"WEBP":
        return "image/webp"
    return next((media_type for signature, media_type in _SIGNATURES if data.startswith(signature)), None)


def _picture(folder: Path | None, name: str) -> Picture:
    shown = name.rpartition("/")[2][:60] if not name.startswith("data:") else "a data URL"
    data = _from_data_url(name) if name.startswith("data:") else _from_file(folder, name, shown)
    if len(data) > MOST_BYTES:
        raise PictureError(f"the image {shown} has {len(data) / 1024**2:.1f} MB; an endpoint takes at most 20 MB")
    media_type = media_type_of(data)
    if media_type is None:
        raise PictureError(f"the image {shown} is no PNG, JPEG, GIF, WebP or BMP")
    return Picture(media_type, base64.b64encode(data).decode())


def _from_data_url(url: str) -> bytes:
    head, comma, body = url.partition(",")
    if not comma or not head.endswith(";base64"):
        raise PictureError("the image is a data URL without base64")
    try:
        return base64.b64decode(body, validate=True)
    except binascii.Error:
        raise PictureError("the image is a data URL with broken base64") from None


def _from_file(folder: Path | None, name: str, shown: str) -> bytes:
    if "://" in name:
        raise PictureError("the image is an address on the web, and is not fetched: save it beside the items file")
    if folder is None:
        raise PictureError(f"the image {shown} is named without a folder: the items are no file")
    try:
        path = folder / name
        if path.stat().st_size > MOST_BYTES:
            raise PictureError(f"the image {shown} has more than 20 MB, the most an endpoint takes")
        return path.read_bytes()
    except PictureError:
        raise
    except (OSError, ValueError):
        raise PictureError(f"there is no image {shown} beside the items file") from None
