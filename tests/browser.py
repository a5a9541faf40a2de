"""The system's own Chromium, as a person has it who reads Spanish; no page may ask another host for anything."""

import shutil
from collections.abc import Iterator
from dataclasses import dataclass, field
from urllib.parse import urlsplit

import pytest
from playwright.sync_api import Browser, Page, Request, ViewportSize, sync_playwright

FLAGS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--no-first-run",
]

DESKTOP: ViewportSize = {"width": 1366, "height": 768}
PHONE: ViewportSize = {"width": 390, "height": 844}


@dataclass
class Visit:
    """A page, and what went wrong while it was looked at."""

    page: Page
    foreign: list[str] = field(default_factory=list)
    failed: list[str] = field(default_factory=list)

    def watch(self) -> None:
        self.page.set_default_timeout(60_000)
        self.page.on("request", self._asked)
        self.page.on("pageerror", lambda error: self.failed.append(str(error)))

    def _asked(self, request: Request) -> None:
        address = urlsplit(request.url)
        if address.scheme in ("http", "https", "ws", "wss") and address.hostname != "127.0.0.1":
            self.foreign.append(request.url)


# Not for the session: while it is there, no other test could run an event loop of its own.
@pytest.fixture(scope="module")
def chromium() -> Iterator[Browser]:
    found = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)
    assert found, "the tests of the screen need Chromium: `make browser` says how"
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=found, args=FLAGS)
        yield browser
        browser.close()


def visit(chromium: Browser, size: ViewportSize = DESKTOP, language: str = "es-CO") -> Visit:
    """A fresh page, as nobody has looked at yet."""
    context = chromium.new_context(viewport=size, locale=language, timezone_id="America/Bogota")
    found = Visit(context.new_page())
    found.watch()
    return found
