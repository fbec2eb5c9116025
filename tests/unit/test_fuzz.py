"""The fuzzer: no damage of an artefact goes unseen; and it would find some, if the readers did not look.

``make test-fuzz`` runs 100,000 cases, or as many as ``AISI_FUZZ`` says, and continues where it stopped.
"""

import os
import signal
import time

import pytest

import fuzz
from aisi.formats import masks, seal
from fuzz import DAMAGES, EXAMPLES, NETWORKS, Fuzzer, choose, faults, run_range, summary

SECONDS = 6
"""For each half of the formats, in a run of all tests. At least 40 cases are run, however slow the machine is."""


@pytest.mark.parametrize("kinds", [set(EXAMPLES) - NETWORKS, NETWORKS], ids=["files", "networks"])
def test_damage_is_never_unseen(tmp_path, kinds):
    fuzzer, found, end = Fuzzer(tmp_path / "fuzz", kinds), [], time.monotonic() + SECONDS
    seeds = (seed for seed in range(10**6) if choose(seed)[0] in kinds)
    while len(found) < 40 or time.monotonic() < end:
        found += fuzzer.run([next(seeds)])
    assert not faults(found)
    assert {"named", "equal"} >= {result[3] for result in found} and any(result[3] == "named" for result in found)


def test_without_the_checks_damage_goes_unseen(tmp_path, monkeypatch):
    """So the fuzzer can see what it looks for."""
    monkeypatch.setattr(seal, "_check", lambda file, path: None)
    monkeypatch.setattr(masks, "_check_chunks", lambda content: None)
    fuzzer = Fuzzer(tmp_path / "fuzz", {"images", "tags", "scores", "graph", "labels", "coco"})
    seeds = [seed for seed in range(2000) if choose(seed)[0] in fuzzer.originals][:300]
    found = fuzzer._fork(seeds)
    silent = {kind for _, kind, _, outcome, _ in found if outcome == "silent"}
    assert {"images", "tags"} <= silent


def test_hangs_and_crashes_are_seen(tmp_path, monkeypatch):
    monkeypatch.setattr(fuzz, "TIME_LIMIT", 1.0)
    fuzzer = Fuzzer(tmp_path / "fuzz", {"metrics"})
    fuzzer.originals |= dict.fromkeys(EXAMPLES, fuzzer.originals["metrics"])
    seeds = [seed for seed in range(500) if choose(seed)[0] == "metrics"][:3]
    monkeypatch.setitem(EXAMPLES, "metrics", (None, lambda path: os.kill(os.getpid(), signal.SIGKILL), ".csv"))
    assert [result[3] for result in fuzzer.run(seeds)] == ["crash"] * 3
    monkeypatch.setitem(EXAMPLES, "metrics", (None, lambda path: time.sleep(60), ".csv"))
    assert [result[3] for result in fuzzer.run(seeds[:1])] == ["hang"]
    monkeypatch.setitem(EXAMPLES, "metrics", (None, lambda path: {}[0], ".csv"))
    assert [result[3:] for result in fuzzer.run(seeds[:1])] == [("unnamed", "KeyError: 0")]


def test_a_stopped_run_continues(tmp_path):
    path = tmp_path / "cases.csv"
    run_range(0, 6, path, group=2)
    first = path.read_text()
    run_range(0, 9, path, group=2)
    assert path.read_text().startswith(first)
    assert sorted(int(line.split(",")[0]) for line in path.read_text().splitlines()) == list(range(9))
    table = summary(path)
    assert table.splitlines()[-1].startswith("| all | 9 |")
    assert len(table.splitlines()) <= len(DAMAGES) + 3
