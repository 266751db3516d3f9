"""Digests of pictures that are kept between commands."""

import hashlib
import os

import orjson
import pytest

from harness.files import picture_digests
from harness.files.picture_digests import PictureDigests


@pytest.fixture
def folder(tmp_path, monkeypatch):
    """Two pictures that have long been there, as far as the digests can tell."""
    monkeypatch.setattr(picture_digests, "WORTH_BYTES", 1)
    monkeypatch.setattr(picture_digests, "SETTLED_NS", -(10**12))
    (tmp_path / "set").mkdir()
    for name in ("a.png", "b.png"):
        (tmp_path / "set" / name).write_bytes(name.encode() * 100)
    return tmp_path / "set"


def digests(folder, names=("a.png", "b.png")):
    kept = PictureDigests(folder, folder.parent / "cache")
    found = [kept.of(folder / name) for name in names]
    kept.keep()
    return found


def read(folder, names=("a.png", "b.png")):
    return [hashlib.sha256((folder / name).read_bytes()).digest() for name in names]


def unread(*_):
    raise AssertionError("the picture was read again")


def test_a_picture_is_read_once(folder, monkeypatch):
    """Pictures of 400 MB cost seconds at each load of their set."""
    assert digests(folder) == read(folder)
    with monkeypatch.context() as patch:
        patch.setattr(hashlib, "file_digest", unread)
        assert digests(folder) == read(folder)
        assert digests(folder) == read(folder)  # what was known stays known


def test_other_bytes_of_the_same_size_and_time_are_seen(folder):
    digests(folder)
    path = folder / "a.png"
    before = path.stat()
    path.write_bytes(b"x" * before.st_size)
    os.utime(path, ns=(before.st_atime_ns, before.st_mtime_ns))
    assert digests(folder) == read(folder)
    (folder / "b.png").replace(path)
    assert digests(folder, ["a.png"]) == read(folder, ["a.png"])


def test_what_was_changed_a_moment_ago_is_read_again(folder, monkeypatch):
    monkeypatch.setattr(picture_digests, "SETTLED_NS", 10**12)
    digests(folder)
    (kept,) = (folder.parent / "cache" / "pictures").iterdir()
    assert orjson.loads(kept.read_bytes()) == {}


@pytest.mark.parametrize("content", [b"", b"[]", b"{", b"\xff", b'{"%s": 1}', b'{"%s": [[], "ff"]}', b'{"%s": ["zz"]}'])
def test_a_damaged_cache_costs_time_alone(folder, content):
    digests(folder)
    (kept,) = (folder.parent / "cache" / "pictures").iterdir()
    kept.write_bytes(content.replace(b"%s", str(folder / "a.png").encode()))
    assert digests(folder) == read(folder)


@pytest.mark.parametrize("digest", ["ff", "zz", "", None])
def test_a_damaged_digest_is_not_taken(folder, digest):
    digests(folder)
    (kept,) = (folder.parent / "cache" / "pictures").iterdir()
    entries = {path: [stamp, digest] for path, (stamp, _) in orjson.loads(kept.read_bytes()).items()}
    kept.write_bytes(orjson.dumps(entries))
    assert digests(folder) == read(folder)


def test_a_cache_that_takes_no_file_is_done_without(folder):
    (folder.parent / "cache").write_text("a file where the folder would be")
    assert digests(folder) == read(folder)


def test_little_is_not_written_down(folder, monkeypatch):
    monkeypatch.setattr(picture_digests, "WORTH_BYTES", 10**6)
    assert digests(folder) == read(folder)
    assert not (folder.parent / "cache").exists()
