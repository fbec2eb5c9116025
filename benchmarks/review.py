"""Measure how long the review page of many instances takes to open, and how large it is.

    snakemake --cores all review
    python benchmarks/review.py results/review --instances 20000

The page's own photos and instances are repeated. Every photo has its own thumbnail. The output is CSV: the seconds
until the page reacts to keys (in headless Chromium with a new profile), the processor seconds of all its processes
for that, the longest of many jumps in the list until the rows are drawn, the seconds of a decision, and the megabytes
of the data and of the thumbnails on disk.
"""

import argparse
import sys
import tempfile
from pathlib import Path
from time import perf_counter

import psutil

ROOT = Path(__file__).parents[1]
sys.path[:0] = [str(ROOT / "workflow/scripts"), str(ROOT / "tests")]

from repeated import write_repeated  # noqa: E402
from webdriver import Browser  # noqa: E402

JUMP = """
const list = document.getElementById('list'), start = performance.now();
list.scrollTop = arguments[0] * list.scrollHeight;
return new Promise((done) => requestAnimationFrame(() => setTimeout(() => done((performance.now() - start) / 1000))));
"""
DECISION = """
const start = performance.now();
decide(NOISY);
document.body.getBoundingClientRect();
return (performance.now() - start) / 1000;
"""


def processor_time():
    """Processor seconds of the running child processes."""
    times = [child.cpu_times() for child in psutil.Process().children(recursive=True)]
    return sum(time.user + time.system for time in times)


def main():
    """Write the page to a temporary folder, open it several times, and print the figures."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("page", type=Path, help="folder of a review page")
    parser.add_argument("--instances", type=int, default=20000)
    parser.add_argument("--repetitions", type=int, default=5)
    options = parser.parse_args()
    print("instances,repetition,open_s,open_cpu_s,longest_jump_s,decision_s,data_mb,thumbnails_mb")
    with tempfile.TemporaryDirectory() as folder:
        page = write_repeated(options.page, options.instances, Path(folder) / "page")
        data = (page.parent / "data.js").stat().st_size / 1e6
        thumbnails = sum(path.stat().st_size for path in page.parent.glob("thumbnails/**/*.jpg")) / 1e6
        browser = Browser(Path(folder) / "chromium")
        try:
            browser.look(1280, 800)
            for repetition in range(options.repetitions):
                browser.open("/dev/null")
                start, cpu = perf_counter(), processor_time()
                browser.open(page)
                count = browser.execute_script("return order.length")
                seconds, cpu = perf_counter() - start, processor_time() - cpu
                jump = max(browser.execute_script(JUMP, share / 37 % 1) for share in range(0, 370, 11))
                decision = browser.execute_script(DECISION)
                print(
                    f"{count},{repetition},{seconds:.2f},{cpu:.2f},{jump:.3f},{decision:.3f},{data:.1f},{thumbnails:.1f}"
                )
        finally:
            browser.quit()


if __name__ == "__main__":
    main()
