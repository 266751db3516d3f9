"""The review in a real browser: two blind reviewers by keyboard, a kill -9 in between, adjudication, release."""

from __future__ import annotations

import http.server
import os
import signal
import subprocess
import sys
import threading
from contextlib import contextmanager

import pytest
from click.testing import CliRunner

from harness.cli import main
from harness.goldens.decisions import DecisionLog, log_path, settle
from tests.goldens.small_set import load, write_set
from tests.report.conftest import CHROMIUM, FLAGS

pytest.importorskip("playwright.sync_api", reason="needs the Python package playwright")
pytestmark = pytest.mark.browser

N = 50
CATEGORIES = ("hate", "spam")


def _items():
    return [
        {"id": f"i{at:02}", "text": f"text {at} <b>not bold</b> ‮", "labels": {"hate": 0, "threat": 0, "spam": 0},
         "meta": {"lang": "en"}}
        for at in range(N)
    ]  # fmt: skip


@contextmanager
def _review(card, *options):
    """The command as its users start it; yields the links it prints, and the process."""
    code = "import sys; from harness.cli import main; sys.argv = ['harness', *sys.argv[1:]]; main()"
    command = [sys.executable, "-c", code, "review", str(card), *options]
    n_links = max(1, options.count("--reviewer"))
    with subprocess.Popen(
        command, stdout=subprocess.PIPE, text=True, env={**os.environ, "PYTHONUNBUFFERED": "1"}
    ) as process:
        try:
            yield [process.stdout.readline().strip().split(": ")[-1] for _ in range(n_links)], process
        finally:
            process.kill()


def _open(browser, link, **options):
    page = browser.new_page(**options)
    page.set_default_timeout(60_000)
    page.faults = []
    page.on("console", lambda said: said.type == "error" and "409" not in said.text and page.faults.append(said.text))
    page.on("pageerror", lambda error: page.faults.append(str(error)))
    page.goto(link)
    page.wait_for_selector("body[data-ready]")
    return page


def _decide(page, first, last, keys):
    """Press the keys of each item from ``first`` to ``last``, waiting for the page to follow."""
    for at in range(first, last):
        page.wait_for_selector(f"body[data-at='{at}']")
        for key in keys(at):
            page.keyboard.press(key)
        if at + 1 < N:
            page.wait_for_selector(f"body[data-at='{at + 1}']")


def _ana(at):
    return ["1" if at % 5 == 0 else "0", "0"]


def _ben(at):
    return ["e" if at == 7 else "1" if at % 10 == 0 else "0", "0"]


def test_two_reviewers_a_kill_an_adjudication_and_a_release(browser, tmp_path):
    card = write_set(tmp_path, _items())
    options = [part for name in CATEGORIES for part in ("--category", name)]
    options += ["--reviewer", "ana", "--reviewer", "ben"]
    with _review(card, *options) as (links, process):
        ana, ben = _open(browser, links[0]), _open(browser, links[1])
        _decide(ana, 0, 20, _ana)
        _decide(ben, 0, 9, _ben)
        os.kill(process.pid, signal.SIGKILL)
        process.wait()
        ana.keyboard.press("1")
        ana.wait_for_selector("#banner:not([hidden])")
        ana.close()
        ben.close()
    kept = DecisionLog(log_path(card)).read()
    assert [one.author for one in kept].count("ana") == 40
    assert [one.author for one in kept].count("ben") == 18
    with _review(card, *options) as (links, _):
        ana, ben = _open(browser, links[0]), _open(browser, links[1])
        assert ana.text_content("#count") == "20 of 50"
        _decide(ana, 20, N, _ana)
        ana.wait_for_selector("#done:not([hidden])")
        _decide(ben, 9, N, _ben)
        ben.wait_for_selector("#done:not([hidden])")
        assert (ana.faults, ben.faults) == ([], [])
        ana.close()
        ben.close()
    settled, still_open = settle(DecisionLog(log_path(card)).read())
    assert (len(settled), len(still_open)) == (2 * N - 6, 6)  # 5, 15, 25, 35, 45 apart, and 7 escalated
    with _review(card, "--adjudicate", "--author", "lead") as (links, _):
        lead = _open(browser, links[0])
        assert "Reviewer 1" in lead.text_content("#categories")
        assert "ana" not in lead.text_content("body")
        for at in range(6):
            lead.wait_for_selector(f"body[data-at='{at}']")
            lead.keyboard.press("1")
        lead.wait_for_selector("#done:not([hidden])")
        assert lead.faults == []
        lead.close()
    result = CliRunner().invoke(main, ["golden", "release", str(card), "--author", "lead"])
    assert result.exit_code == 0, result.output
    new, _ = load(card.with_name("demo_v2.yaml"))
    flagged = [item.id for item in new.items() if item.labels["hate"] == 1]
    assert flagged == sorted([f"i{at:02}" for at in range(0, N, 5)] + ["i07"])
    assert all(item.labels["spam"] == 0 for item in new.items())


def test_a_second_window_is_told_and_overwrites_nothing(browser, tmp_path):
    card = write_set(tmp_path, _items())
    with _review(card, "--category", "hate") as (links, _):
        first, second = _open(browser, links[0]), _open(browser, links[0])
        first.keyboard.press("1")
        first.wait_for_selector("body[data-at='1']")
        second.keyboard.press("0")
        second.wait_for_selector("#banner:not([hidden])")
        assert "another window" in second.text_content("#banner")
        assert second.get_attribute("[data-category=hate] [data-key='1']", "aria-pressed") == "true"
        first.close()
        second.close()
    assert [one.label for one in DecisionLog(log_path(card)).read()] == [1]


def test_text_is_hidden_until_asked_for_and_cannot_act(browser, tmp_path):
    card = write_set(tmp_path, _items())
    with _review(card, "--category", "hate") as (links, _):
        page = _open(browser, links[0])
        assert "text 0" not in page.content()
        page.keyboard.press("Space")
        page.wait_for_selector("#text:not(.masked)")
        assert page.text_content("#text") == "text 0 <b>not bold</b> ‮"
        page.keyboard.press("r")
        page.keyboard.type("it says 1")
        page.keyboard.press("Enter")
        page.keyboard.press("1")
        page.wait_for_selector("body[data-at='1']")
        assert "text 1" not in page.content()
        page.keyboard.press("u")
        page.wait_for_selector("body[data-at='0']")
        assert page.faults == []
        page.close()
    said = DecisionLog(log_path(card)).read()
    assert [(one.action, one.label, one.reason) for one in said] == [("label", 1, "it says 1"), ("undo", None, "")]


def test_a_page_of_another_origin_cannot_post(browser, tmp_path):
    card = write_set(tmp_path, _items())
    page_of_another = (
        "<script>const f = (u, o) => fetch(u, o).then(() => 'sent', () => 'refused');"
        "const b = JSON.stringify({at: 0, category: 'hate', action: 'label', label: 1, seen: null});"
        "const go = async (u) => [await f(u, {method: 'POST', body: b, mode: 'no-cors'}),"
        " await f(u, {method: 'POST', body: b, headers: {'Content-Type': 'application/json', 'X-Review': '1'}})];"
        "</script>"
    )

    class Other(http.server.BaseHTTPRequestHandler):
        def do_GET(self):
            self.send_response(200)
            self.send_header("Content-Type", "text/html")
            self.end_headers()
            self.wfile.write(page_of_another.encode())

        def log_message(self, *_):
            pass

    other = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Other)
    threading.Thread(target=other.serve_forever, daemon=True).start()
    with _review(card, "--category", "hate") as (links, _):
        page = browser.new_page()
        page.goto(f"http://127.0.0.1:{other.server_address[1]}/")
        page.evaluate("(link) => go(link + 'decide')", links[0])
        page.close()
    other.shutdown()
    other.server_close()
    assert DecisionLog(log_path(card)).read() == []


def test_a_rebound_host_name_gets_nothing_and_cannot_post(browser, tmp_path):
    """The page of a name that is made to mean 127.0.0.1 is of the review's own origin to the browser."""
    card = write_set(tmp_path, _items())
    rebinding = browser.browser_type.launch(
        executable_path=CHROMIUM, args=[*FLAGS.split(), "--host-resolver-rules=MAP evil.test 127.0.0.1"]
    )
    post = (
        "(link) => fetch(link + 'decide', {method: 'POST',"
        " headers: {'Content-Type': 'application/json', 'X-Review': '1'},"
        " body: JSON.stringify({at: 0, category: 'hate', action: 'label', label: 1, seen: null})})"
        ".then((answer) => answer.status)"
    )
    with _review(card, "--category", "hate") as (links, _):
        page = rebinding.new_page()
        rebound = links[0].replace("127.0.0.1", "evil.test")
        answer = page.goto(rebound)
        assert (answer.status, "data-ready" in page.content()) == (403, False)
        assert page.evaluate("() => location.hostname") == "evil.test"
        assert page.evaluate(post, rebound) == 403
        assert page.evaluate("(link) => fetch(link + 'content/0').then((r) => r.status)", rebound) == 403
        rebinding.close()
    assert DecisionLog(log_path(card)).read() == []


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", [1440, 390])
def test_axe_finds_nothing_and_nothing_overflows(browser, axe, tmp_path, scheme, width):
    card = write_set(tmp_path, _items())
    with _review(card) as (links, _):
        context = browser.new_context(color_scheme=scheme, viewport={"width": width, "height": 900}, bypass_csp=True)
        page = _open(context, links[0])
        page.keyboard.press("Space")
        page.wait_for_selector("#text:not(.masked)")
        page.add_script_tag(content=axe)
        found = page.evaluate("axe.run().then((done) => done.violations.map((v) => [v.impact, v.id, v.nodes[0].html]))")
        assert found == []
        assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")
        context.close()
