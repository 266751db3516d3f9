"""How pictures of an item go into a request: as parts of a chat message, and as inputs of a moderation endpoint.

Decides their order (part by part as the prompt's ``media`` says, then as the item lists them), that a frame's time is
said before it, and that an item of which a picture cannot be read is not asked: what was judged would be another item.
What is a picture and how it is read is decided in ``files.pictures``.

Source: platform.openai.com/docs/guides/images-vision (content parts ``text`` and ``image_url``).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from harness.errors import FileError
from harness.files.pictures import Named, Picture, PictureFolder, pictures_of
from harness.records import Item


@dataclass(frozen=True, slots=True)
class PictureParts:
    """Makes the content parts of an item's pictures.

    Attributes:
        media: ``images`` and the names of modalities, in the order in which they are sent.
        detail: How closely the model looks, in the word of OpenAI's ``image_url.detail``; None says nothing.
    """

    media: tuple[str, ...]
    folder: PictureFolder
    detail: str | None = None

    def named(self, item: Item) -> list[Named]:
        """The pictures of an item that are sent."""
        return list(pictures_of(item, self.media))

    def read(self, named: Sequence[Named]) -> list[Picture]:
        """Their bytes.

        Raises:
            FileError: One of them cannot be read.
        """
        return [self.folder.read(one.name) for one in named]

    def parts(self, named: Sequence[Named]) -> list[dict[str, Any]]:
        """Content parts, a frame's time before the frame.

        Raises:
            FileError: One of them cannot be read.
        """
        found: list[dict[str, Any]] = []
        for one in named:
            if one.time is not None:
                found.append({"type": "text", "text": f"[{one.part} at {one.time:g} s]"})
            found.append({"type": "image_url", "image_url": self._image(one)})
        return found

    def _image(self, one: Named) -> dict[str, Any]:
        image = {"url": self.folder.read(one.name).data_url}
        return image if self.detail is None else {**image, "detail": self.detail}


def with_parts(messages: Sequence[dict[str, Any]], parts: Sequence[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """Messages with parts behind the text of the last message of the user, or in a message of their own.

    >>> with_parts([{"role": "user", "content": "Judge."}], [{"type": "image_url", "image_url": {"url": "data:,"}}])
    ... # doctest: +NORMALIZE_WHITESPACE
    [{'role': 'user', 'content': [{'type': 'text', 'text': 'Judge.'},
                                  {'type': 'image_url', 'image_url': {'url': 'data:,'}}]}]
    """
    at = max((at for at, message in enumerate(messages) if message["role"] == "user"), default=None)
    if at is None:
        return [*messages, {"role": "user", "content": list(parts)}]
    text = messages[at]["content"]
    words = [{"type": "text", "text": text}] if text.strip() else []
    return [*messages[:at], {**messages[at], "content": [*words, *parts]}, *messages[at + 1 :]]


def unread(error: FileError) -> str:
    """Why an item was not asked, in the words of its row."""
    return f"image {error.path} {error.found}"


def nothing_to_send(pictures: PictureParts | None, *, shows_text: bool) -> str:
    """Why an item is an abstention: it has nothing of what would be sent.

    >>> nothing_to_send(None, shows_text=True)
    'the item has no text'
    """
    media = () if pictures is None else pictures.media
    return "the item has no " + " and no ".join(["text"] * (shows_text or not media) + list(media))
