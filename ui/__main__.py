"""`python -m ui`: looks at the settings, then becomes Streamlit with the pages of `ui/app.py`."""

import os
import sys
from pathlib import Path
from typing import NoReturn

from pydantic import ValidationError

from adapters.telemetry import configure_logging, log_faults
from core.errors import REFUSED
from ui.settings import UiSettings

APP = Path(__file__).with_name("app.py")

OPTIONS = {
    "runner.magicEnabled": "false",
    "server.headless": "true",
    "server.fileWatcherType": "none",
    "server.maxUploadSize": "16",
    "browser.gatherUsageStats": "false",
    "client.toolbarMode": "minimal",
    "client.showErrorDetails": "none",
    "client.showErrorLinks": "false",
    "theme.base": "light",
    "theme.primaryColor": "#0b5cad",
    "theme.backgroundColor": "#ffffff",
    "theme.secondaryBackgroundColor": "#f2f5f9",
    "theme.textColor": "#0b1118",
    "theme.linkColor": "#0b5cad",
    "theme.baseRadius": "0.4rem",
    "theme.showWidgetBorder": "true",
}
"""How Streamlit is run: nothing watched, nothing reported to anybody, and colours with enough contrast."""


def main() -> NoReturn:
    """Serves until it is told to stop; exits with REFUSED where a setting is wrong."""
    configure_logging("ui")
    try:
        settings = UiSettings()
    except ValidationError as error:
        log_faults(error)
        sys.exit(REFUSED)
    options = {**OPTIONS, "server.address": settings.host, "server.port": str(settings.port)}
    flags = [part for name, value in options.items() for part in (f"--{name}", value)]
    os.execv(sys.executable, [sys.executable, "-m", "streamlit", "run", str(APP), *flags])  # noqa: S606  # this very process goes on as it


if __name__ == "__main__":
    main()
