"""Opens the Next.js page in Chromium with Playwright; the argument is its URL."""

from __future__ import annotations

import shutil
import sys

from playwright.sync_api import expect, sync_playwright  # type: ignore[import-not-found]  # in the Python that PLAYWRIGHT names

with sync_playwright() as playwright:
    browser = playwright.chromium.launch(
        executable_path=shutil.which("chromium"), args=["--no-sandbox", "--no-proxy-server"]
    )
    page = browser.new_page()
    errors: list[str] = []
    page.on("pageerror", lambda error: errors.append(str(error)))
    page.goto(sys.argv[1])
    expect(page.locator("h1")).to_have_text("Shop")
    button = page.locator("button")
    button.click()
    expect(button).to_have_text("In the basket: 1")
    version = page.locator("#version").text_content()
    browser.close()
    if errors:
        sys.exit("\n".join(errors))
    print(f"the page of version {version} is there in Chromium, and its script runs")
