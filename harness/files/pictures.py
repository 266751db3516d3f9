"""Pictures of items: which parts of an item name them, and their bytes.

Decides what is a picture (PNG, JPEG, WebP, GIF by content, whatever its name says), how large one may be, and that none
is read from outside the folder of the set. Images and the frames of a video are pictures alike; a frame is a file name,
or a mapping with ``file`` and the ``time`` it stands for in seconds.
"""

from __future__ import annotations

import base64
import binascii
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from harness.errors import FileError
from harness.files.golden.stamp import Stamp, stamp_of
from harness.files.picture_digests import PictureDigests
from harness.files.text import shortened

if TYPE_CHECKING:
    from hashlib import _Hash

    from harness.records import Item

IMAGES = "images"
DATA_URL = "data:"
MOST_BYTES = 20 * 1024 * 1024
"""Most of one picture; platform.openai.com/docs/guides/images-vision and .../guides/moderation name 20 MB."""
RECENT_BYTES = 3 * MOST_BYTES
"""Of the pictures that were read last."""
MEDIA_TYPES = {"PNG": "image/png", "JPEG": "image/jpeg", "WEBP": "image/webp", "GIF": "image/gif", "MPO": "image/jpeg"}
_NAME = re.compile(r"[^\n\r]{1,500}\.(?:png|jpe?g|jfif|webp|gif)", re.IGNORECASE)
_SPACE = re.compile(r"\s")


@dataclass(frozen=True, slots=True)
class Named:
    """A picture that an item names.

    Attributes:
        part: ``images``, or the modality it stands in.
        name: File name beside the items, or a data URL.
        time: Seconds into the video, where it is said.
    """

    part: str
    name: str
    time: float | None = None


@dataclass(frozen=True, slots=True)
class Picture:
    """The bytes of a picture, and what they are."""

    media_type: str
    data: bytes

    @property
    def base64(self) -> str:
        """The bytes in base64."""
        return base64.b64encode(self.data).decode()

    @property
    def data_url(self) -> str:
        """As chat and moderation requests carry it."""
        return f"data:{self.media_type};base64,{self.base64}"


def pictures_of(item: Item, parts: Sequence[str] | None = None) -> Iterator[Named]:
    """The pictures an item names, part by part; of all parts by default.

    >>> from harness.records import Item
    >>> clip = Item("c1", None, {}, images=("cover.png",), modalities={"frames": [{"file": "f2.jpg", "time": 2}]})
    >>> [(one.part, one.name, one.time) for one in pictures_of(clip)]
    [('images', 'cover.png', None), ('frames', 'f2.jpg', 2.0)]
    """
    for part in (IMAGES, *item.modalities) if parts is None else parts:
        if part == IMAGES:
            yield from (Named(IMAGES, name) for name in item.images)
        else:
            yield from named_in(part, item.modalities.get(part))


def named_in(part: str, value: Any) -> Iterator[Named]:
    """The pictures among the entries of a modality: texts and words with times are none.

    What has spaces is a name only in a list of nothing but names: a text may end in one.

    >>> [one.name for one in named_in("frames", ["shot 1.png", "shot 2.png"])]
    ['shot 1.png', 'shot 2.png']
    >>> list(named_in("transcript", "I sent you a.png")), list(named_in("transcript", ["Hello", "I sent you a.png"]))
    ([], [])
    """
    entries = value if isinstance(value, list | tuple) else (value,)
    is_of_names = entries is value and all(not isinstance(one, str) or _NAME.fullmatch(one) for one in entries)
    for entry in entries:
        if isinstance(entry, str) and _NAME.fullmatch(entry) and (is_of_names or not _SPACE.search(entry)):
            yield Named(part, entry)
        elif isinstance(entry, dict) and isinstance(entry.get("file"), str):
            time = entry.get("time")
            at = float(time) if isinstance(time, int | float) and not isinstance(time, bool) else None
            yield Named(part, entry["file"], at)


def is_address(name: str) -> bool:
    """Whether a name is an address on the net; such a picture is never fetched and never sent."""
    return "://" in name


def leaves_folder(name: str) -> bool:
    """Whether a name leads out of the folder of the set."""
    is_absolute = name.startswith(("/", "\\")) or re.match(r"[A-Za-z]:[\\/]", name) is not None
    return not is_address(name) and (is_absolute or ".." in name.replace("\\", "/").split("/"))


class PictureFolder:
    """Reads the pictures of a golden set.

    Args:
        folder: Where its items are; None for a set that has no folder (a hub data set).
    """

    def __init__(self, folder: Path | None) -> None:
        self._folder = None if folder is None else folder.resolve()
        self._recent: dict[str, tuple[Stamp, Picture]] = {}
        self._n_recent = 0

    @classmethod
    def of(cls, items_path: Path | None) -> PictureFolder:
        """Of a set, by the file of its items."""
        return cls(None if items_path is None else items_path.parent)

    def path(self, name: str) -> Path:
        """Where a picture is.

        Raises:
            FileError: It is not there, lies outside the folder, or is an address.
        """
        if is_address(name):
            found = "is an address: what stands there may be another image tomorrow"
            raise FileError(name, found, next_step="save the image beside the items, and name the file")
        if self._folder is None:
            raise FileError(name, "is named by a set that has no folder", next_step="keep the items in a file")
        try:
            path = (self._folder / name).resolve()
            is_there = path.is_file()
        except (OSError, ValueError):  # a NUL, or longer than the file system takes
            raise FileError(shortened(name), "is no file name", next_step="correct the name") from None
        if leaves_folder(name) or not path.is_relative_to(self._folder):
            raise FileError(name, "leaves the folder of the set", next_step="move the image beside the items")
        if not is_there:
            raise FileError(name, "cannot be found", next_step="add the image or correct the name")
        return path

    def read(self, name: str) -> Picture:
        """The bytes of a picture and their type by content; what was read last is at hand for repeats of its item.

        Raises:
            FileError: It cannot be read, is too large, or is no picture that models take.
        """
        if name.startswith(DATA_URL):
            return _from_data_url(name)
        path = self.path(name)
        try:
            stamp = stamp_of(path)
            if name in self._recent and self._recent[name][0] == stamp:
                return self._recent[name][1]
            size = stamp.size
            data = path.read_bytes() if 0 < size <= MOST_BYTES else b""
        except OSError as error:
            raise FileError(name, f"cannot be read: {error.strerror}", next_step="check its permissions") from error
        if not data:
            found = "is empty" if size == 0 else f"has {size / 1e6:.0f} MB"
            hint = "save it again" if size == 0 else "scale the image down"
            raise FileError(name, found, allowed="1 byte to 20 MB", next_step=hint)
        picture = Picture(_media_type(name, data), data)
        self._keep(name, stamp, picture)
        return picture

    def _keep(self, name: str, stamp: Stamp, picture: Picture) -> None:
        dropped = self._recent.pop(name, None)
        self._recent[name] = stamp, picture
        self._n_recent += len(picture.data) - (len(dropped[1].data) if dropped else 0)
        while self._n_recent > RECENT_BYTES:
            self._n_recent -= len(self._recent.pop(next(iter(self._recent)))[1].data)


def _from_data_url(url: str) -> Picture:
    head, comma, body = url.partition(",")
    name, written = "a data URL", "data:image/png;base64,..."
    if not comma or not head.endswith(";base64"):
        raise FileError(name, "is not in base64", allowed=written, next_step="save the image beside the items")
    try:
        data = base64.b64decode(body, validate=True)
    except binascii.Error:
        raise FileError(
            name, "has broken base64", allowed=written, next_step="save the image beside the items"
        ) from None
    if not 0 < len(data) <= MOST_BYTES:
        raise FileError(name, f"has {len(data) / 1e6:.0f} MB", allowed="1 byte to 20 MB", next_step="scale it down")
    return Picture(_media_type(name, data), data)


def _media_type(name: str, data: bytes) -> str:
    import io
    import warnings

    from PIL import Image, UnidentifiedImageError  # as late: most sets have no picture

    try:
        with warnings.catch_warnings():
            warnings.simplefilter("error", Image.DecompressionBombWarning)
            with Image.open(io.BytesIO(data)) as image:
                known = MEDIA_TYPES.get(image.format or "")
                image.verify()
    except UnidentifiedImageError:
        known = None
    except (Image.DecompressionBombError, Image.DecompressionBombWarning):
        raise FileError(name, "has too many pixels to be unpacked", next_step="scale the image down") from None
    except Exception as error:  # Pillow's decoders raise whatever they meet
        found = f"is a damaged image: {shortened(str(error))}"
        raise FileError(name, found, next_step="save it again") from error
    if known is None:
        allowed = "PNG, JPEG, WebP or GIF"
        raise FileError(name, "is no image that models take", allowed=allowed, next_step="convert it")
    return known


def add_pictures(hasher: _Hash, names: Sequence[str], folder: Path | None, cache_dir: Path | None = None) -> None:
    """Add the bytes of a set's pictures to its hash; one that is missing adds its name alone."""
    pictures = PictureFolder(folder)
    digests = PictureDigests(folder or Path(), cache_dir)
    for name in sorted(set(names)):
        hasher.update(name.encode("utf-8", "surrogatepass"))
        if not is_address(name):
            try:
                hasher.update(digests.of(pictures.path(name)))
            except (FileError, OSError, ValueError):
                hasher.update(b"\0missing")
    digests.keep()
