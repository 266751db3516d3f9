"""``harness view`` in process: what it answers, and to whom."""

from __future__ import annotations

import html
import re
from dataclasses import replace

import pytest
from hostile import ATTACKS
from stored import store_run
from synthetic import synthetic_source

from harness.jobs.report import load_source
from harness.report.parts.assets import sha256_source
from harness.report.viewer import Viewer

HOST = {"Host": "127.0.0.1:8765"}


@pytest.fixture(scope="module")
def viewer(tmp_path_factory):
    home = tmp_path_factory.mktemp("view")
    (home / "reports" / "old").mkdir(parents=True)
    (home / "reports" / "old" / "report.html").write_text("<!doctype html><title>old</title>", encoding="utf-8")
    (home / "reports" / "old" / "secret.html").write_text("secret", encoding="utf-8")
    (home / "secret.html").write_text("secret", encoding="utf-8")
    store_run(synthetic_source(60, 3, 3), home / "runs")
    return Viewer(
        str(home / "runs"), home / "reports", home / "work", 8765, load_source, lambda: "now", "0.1.0", "none"
    )


def get(viewer, target, **headers):
    return viewer.respond("GET", target, HOST | headers)


def test_listing_names_runs_and_saved_reports(viewer):
    answer = get(viewer, "/")
    page = answer.body.decode()
    assert answer.status == 200
    assert 'href="/run/community-0123456789ab/"' in page
    assert 'href="/saved/old/report.html"' in page
    assert "secret" not in page
    assert answer.headers["X-Frame-Options"] == "DENY"


@pytest.mark.parametrize("host", ["evil.example", "127.0.0.1", "127.0.0.1:1", "localhost.evil.example:8765", ""])
def test_another_host_is_refused(viewer, host):
    assert viewer.respond("GET", "/", {"Host": host}).status == 403


@pytest.mark.parametrize("method", ["POST", "PUT", "DELETE", "PATCH", "OPTIONS", "TRACE"])
def test_only_reading_is_answered(viewer, method):
    assert viewer.respond(method, "/", HOST).status == 405


def test_run_opens_as_its_report(viewer):
    answer = get(viewer, "/run/community-0123456789ab/")
    assert answer.status == 200
    assert "v2, v3 against v1" in answer.body.decode()


def test_any_two_candidates_are_compared(viewer):
    values = re.findall(r'<option value="(\w+)"', get(viewer, "/").body.decode())[:3]
    answer = get(viewer, f"/compare?baseline={values[2]}&candidate={values[1]}")
    assert answer.status == 303
    page = get(viewer, answer.location)
    assert "v2 against v3" in page.body.decode()


@pytest.mark.parametrize("query", ["", "?baseline=x&candidate=y", "?baseline=%3Cscript%3E"])
def test_a_wrong_choice_is_said_on_the_page(viewer, query):
    answer = get(viewer, f"/compare{query}")
    assert answer.status == 400
    assert "there is no such baseline" in html.unescape(answer.body.decode())


def test_the_same_twice_is_refused(viewer):
    value = re.search(r'<option value="(\w+)"', get(viewer, "/").body.decode())[1]
    assert get(viewer, f"/compare?baseline={value}&candidate={value}").status == 400


@pytest.mark.parametrize(
    "target",
    [
        "/saved/../secret.html",
        "/saved/%2e%2e/secret.html",
        "/saved/old/secret.html",
        "/saved//etc/passwd",
        "/run/community-0123456789ab/../../../secret.html",
        "/run/..%2f..%2fsecret.html",
        "/pair/../secret.html",
        "/pair/x/../../secret.html",
        "/run/nobody/",
        "/nowhere",
        "/run/community-0123456789ab/%00",
        *(f"/run/{attack}/" for attack in ATTACKS[:6]),
    ],
)
def test_nothing_else_is_served(viewer, target):
    answer = get(viewer, target)
    assert answer.status == 404
    assert b"secret" not in answer.body


def test_saved_report_is_served(viewer):
    assert b"old" in get(viewer, "/saved/old/report.html").body


def test_a_planted_report_runs_no_script(viewer):
    """It ran whatever stood in a report.html of the reports folder."""
    folder = viewer.reports_dir / "planted"
    (folder / "report_data").mkdir(parents=True, exist_ok=True)
    (folder / "report.html").write_text("<script>alert(1)</script><script src=report_data/x.js></script>")
    (folder / "report_data" / "x.js").write_text("alert(2)")
    (folder / "report_data" / "y.js").write_text('harnessBlock("items-0","QUJD");\n')
    policy = get(viewer, "/saved/planted/report.html").headers["Content-Security-Policy"]
    scripts = next(part for part in policy.split("; ") if part.startswith("script-src"))
    assert "unsafe" not in scripts
    assert sha256_source("alert(1)") not in scripts
    assert get(viewer, "/saved/planted/report_data/x.js").status == 404
    assert get(viewer, "/saved/planted/report_data/y.js").status == 200


def test_the_pages_of_this_version_keep_their_scripts(viewer):
    answer = get(viewer, "/run/community-0123456789ab/")
    own = re.findall(r"<script>(.*?)</script>", answer.body.decode(), re.DOTALL)
    assert own
    for script in own:
        assert sha256_source(html.unescape(script)) in answer.headers["Content-Security-Policy"]


def test_a_folder_of_runs_that_cannot_be_read_is_one_message(viewer):
    broken = replace(viewer, runs_dir="http://a..b/runs")
    assert broken.respond("GET", "/", HOST).status == 400
