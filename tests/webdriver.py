"""Headless Chromium for the tests and the benchmark of pages: Selenium with Debian's chromium and chromium-driver."""

import shutil
from pathlib import Path

from selenium.webdriver import ActionChains, Chrome, ChromeOptions, ChromeService, Keys
from selenium.webdriver.support.wait import WebDriverWait

OPTIONS = [
    *("--headless=new", "--no-sandbox", "--disable-gpu", "--no-first-run", "--disable-background-networking"),
    *("--disable-component-update", "--disable-sync", "--disable-quic", "--disable-dev-shm-usage"),
]


def missing():
    """What this machine lacks to run a browser; empty if nothing."""
    return [name for name in ("chromium", "chromedriver") if not shutil.which(name)]


class Browser(Chrome):
    """Headless Chromium with an empty profile in ``folder``; downloads go to ``folder/downloads``."""

    def __init__(self, folder):
        self.downloads = Path(folder) / "downloads"
        self.downloads.mkdir(parents=True)
        options = ChromeOptions()
        options.binary_location = shutil.which("chromium")
        for argument in (*OPTIONS, f"--user-data-dir={folder}/profile"):
            options.add_argument(argument)
        options.add_experimental_option("prefs", {"download.default_directory": str(self.downloads)})
        options.set_capability("goog:loggingPrefs", {"browser": "ALL"})
        super().__init__(options, ChromeService(shutil.which("chromedriver")))

    def open(self, path):
        """Open a file from disk, and wait until its scripts ran."""
        self.get(Path(path).absolute().as_uri())

    def press(self, *keys):
        """Press keys one after the other: letters, names of Selenium's ``Keys``, or combinations like ``Control+s``."""
        actions = ActionChains(self, duration=0)
        for key in keys:
            parts = [getattr(Keys, part.upper(), part) for part in (key.split("+") if len(key) > 1 else [key])]
            for part in parts:
                actions.key_down(part)
            for part in reversed(parts):
                actions.key_up(part)
        actions.perform()

    def until(self, script, seconds=30):
        """Wait until a script returns something true, and return it."""
        return WebDriverWait(self, seconds, 0.05).until(lambda _: self.execute_script(script), script)

    def downloaded(self, name, seconds=30):
        """Bytes of a finished download, which is deleted."""
        path = self.downloads / name
        WebDriverWait(self, seconds, 0.05).until(
            lambda _: path.is_file() and not list(self.downloads.glob("*.crdownload")), f"No download {name}."
        )
        content = path.read_bytes()
        path.unlink()
        return content

    def look(self, width, height, dark=False):
        """Set the size of the page in pixels, and whether the user prefers dark pages."""
        size = {"width": width, "height": height, "deviceScaleFactor": 1, "mobile": False}
        self.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", size)
        feature = {"name": "prefers-color-scheme", "value": "dark" if dark else "light"}
        self.execute_cdp_cmd("Emulation.setEmulatedMedia", {"features": [feature]})
