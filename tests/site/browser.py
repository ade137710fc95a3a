# Copyright: todo.cloud maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Opens the site in Chromium with Playwright: contents, search, a module's page. Nobody else is asked; no script fails.

Runs in the environment of tests/site/requirements.txt; the argument is the site's folder.
"""

from __future__ import annotations

import shutil
import sys
import threading
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer

from playwright.sync_api import expect, sync_playwright  # type: ignore[import-not-found]  # not in the tests' environment

CONTENTS = [
    "Start in five minutes", "Your own services", "Environments", "When something is down", "Pipeline", "DigitalOcean",
    "Security", "Architecture", "Comparison", "Reference",
]  # fmt: skip


class _Quiet(SimpleHTTPRequestHandler):
    def log_message(self, *_: object) -> None:
        pass


server = ThreadingHTTPServer(("127.0.0.1", 0), partial(_Quiet, directory=sys.argv[1]))
threading.Thread(target=server.serve_forever, daemon=True).start()
here = f"http://127.0.0.1:{server.server_port}/"
wrong: list[str] = []
with sync_playwright() as playwright:
    browser = playwright.chromium.launch(
        executable_path=shutil.which("chromium"), args=["--no-sandbox", "--no-proxy-server"]
    )
    page = browser.new_page()
    page.on(
        "console", lambda said: wrong.append(f"console: {said.text}") if said.type in ("error", "warning") else None
    )
    page.on("pageerror", lambda error: wrong.append(f"script: {error}"))
    page.on(
        "request", lambda asked: None if asked.url.startswith((here, "data:")) else wrong.append(f"asked: {asked.url}")
    )
    page.on("response", lambda got: wrong.append(f"{got.status}: {got.url}") if got.status >= 400 else None)

    page.goto(here)
    expect(page.locator("article h1")).to_contain_text("todo.cloud")
    assert page.locator(".sidebar-tree .caption-text").all_text_contents() == CONTENTS

    page.get_by_placeholder("Search").fill("dead letters")
    page.keyboard.press("Enter")
    results = page.locator("ul.search li a")
    expect(results.first).to_be_visible(timeout=60_000)
    assert any(
        "broker" in link or "dead_letters" in link for link in results.evaluate_all("all => all.map(a => a.href)")
    )

    page.goto(f"{here}collections/release_apply_module.html")
    expect(page.locator("article h1")).to_contain_text("todo.cloud.release_apply module")
    expect(page.locator("td:has(#parameter-waves)")).to_be_visible()
    expect(page.locator("section#examples h2")).to_be_visible()

    assert page.get_by_text("ERROR:").count() == 0  # as the theme shows what it does not like

    for name in ("collections/release_apply_module", "reference", "failure-codes"):
        page.goto(f"{here}{name}.html")
        tables = page.locator(".table-wrapper")
        cut = tables.evaluate_all("all => all.filter(one => one.scrollWidth > one.clientWidth + 3).length")
        assert cut == 0, f"{cut} tables of {name} are wider than the page"

    for name in ("index", "architecture", "output", "report"):
        page.goto(f"{here}{name}.html")
        shown = page.locator("article img").evaluate_all("all => all.map(i => i.complete && i.naturalWidth > 100)")
        assert shown, name
        assert all(shown), name
    browser.close()
server.shutdown()
if wrong:
    sys.exit("\n".join(wrong))
print("start page, search, a module and the picture of the flow: no error in the browser, and nothing asked elsewhere")
