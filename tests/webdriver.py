"""As much of a WebDriver client as the review page's tests and benchmark need, over Debian's chromium-driver."""

import base64
import json
import shutil
import socket
import subprocess
import time
import urllib.error
import urllib.request
from pathlib import Path

OPTIONS = [
    *("--headless=new", "--no-sandbox", "--disable-gpu", "--no-first-run", "--disable-background-networking"),
    *("--disable-component-update", "--disable-sync", "--disable-quic", "--disable-dev-shm-usage"),
]
KEYS = {"Enter": "\ue007", "Escape": "\ue00c", "Backspace": "\ue003", "Tab": "\ue004", "Control": "\ue009"}
KEYS |= {"Shift": "\ue008", "PageDown": "\ue00f", "End": "\ue010", "Home": "\ue011", "Up": "\ue013", "Down": "\ue015"}


def missing():
    """What this machine lacks to run a browser; empty if nothing."""
    return [name for name in ("chromium", "chromedriver") if not shutil.which(name)]


class Browser:
    """Headless Chromium with an empty profile in ``folder``; downloads go to ``folder/downloads``."""

    def __init__(self, folder):
        self.downloads = Path(folder) / "downloads"
        self.downloads.mkdir(parents=True)
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            port = free.getsockname()[1]
        self._driver = subprocess.Popen(["chromedriver", f"--port={port}"], stdout=subprocess.DEVNULL)
        self._url = f"http://127.0.0.1:{port}"
        chrome = {"binary": shutil.which("chromium"), "args": [*OPTIONS, f"--user-data-dir={folder}/profile"]}
        wanted = {"browserName": "chrome", "pageLoadStrategy": "normal", "goog:chromeOptions": chrome}
        try:
            self._wait_for_driver()
            found = self._ask("POST", "/session", {"capabilities": {"alwaysMatch": wanted}})
            self._url += f"/session/{found['sessionId']}"
            self.cdp("Browser.setDownloadBehavior", behavior="allow", downloadPath=str(self.downloads))
        except BaseException:
            self._driver.kill()
            raise

    def _wait_for_driver(self):
        for _ in range(600):
            try:
                if self._ask("GET", "/status")["ready"]:
                    return
            except OSError:
                time.sleep(0.1)
        raise RuntimeError("chromedriver does not answer within a minute.")

    def _ask(self, method, path, body=None):
        data = None if body is None else json.dumps(body).encode()
        request = urllib.request.Request(self._url + path, data, {"Content-Type": "application/json"}, method=method)
        try:
            with urllib.request.urlopen(request, timeout=120) as answer:
                return json.load(answer)["value"]
        except urllib.error.HTTPError as error:
            raise RuntimeError(json.load(error)["value"]["message"]) from None

    def close(self):
        """End the browser and its driver."""
        try:
            self._ask("DELETE", "")
        finally:
            self._driver.terminate()
            self._driver.wait()

    def cdp(self, command, **parameters):
        """Send a command of the Chrome DevTools Protocol."""
        return self._ask("POST", "/goog/cdp/execute", {"cmd": command, "params": parameters})

    def open(self, path):
        """Open a file from disk, and wait until its scripts ran."""
        self._ask("POST", "/url", {"url": Path(path).absolute().as_uri()})

    def run(self, script, *arguments):
        """Value of a script's ``return``."""
        return self._ask("POST", "/execute/sync", {"script": script, "args": list(arguments)})

    def press(self, *keys):
        """Press keys one after the other: letters, names of ``KEYS``, or combinations like ``Control+s``."""
        actions = []
        for key in keys:
            parts = [KEYS.get(part, part) for part in (key.split("+") if len(key) > 1 else [key])]
            actions += [{"type": "keyDown", "value": part} for part in parts]
            actions += [{"type": "keyUp", "value": part} for part in reversed(parts)]
        self._ask("POST", "/actions", {"actions": [{"type": "key", "id": "keyboard", "actions": actions}]})

    def until(self, script, *arguments, seconds=30):
        """Wait until a script returns something true, and return it."""
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            if value := self.run(script, *arguments):
                return value
            time.sleep(0.05)
        raise AssertionError(f"Not within {seconds} s: {script}")

    def downloaded(self, name, seconds=30):
        """Bytes of a finished download, which is taken away."""
        path, end = self.downloads / name, time.monotonic() + seconds
        while not path.is_file() or list(self.downloads.glob("*.crdownload")):
            if time.monotonic() > end:
                raise AssertionError(f"No download {name} within {seconds} s.")
            time.sleep(0.05)
        content = path.read_bytes()
        path.unlink()
        return content

    def look(self, width, height, dark=False):
        """Set the size of the page in pixels, and whether the user prefers dark pages."""
        self.cdp("Emulation.setDeviceMetricsOverride", width=width, height=height, deviceScaleFactor=1, mobile=False)
        feature = {"name": "prefers-color-scheme", "value": "dark" if dark else "light"}
        self.cdp("Emulation.setEmulatedMedia", features=[feature])

    def screenshot(self, path):
        """Write what is seen as PNG."""
        Path(path).write_bytes(base64.b64decode(self._ask("GET", "/screenshot")))
