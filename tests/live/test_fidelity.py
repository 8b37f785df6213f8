"""How true previews are, told by the score tool beside the project: closeness and coverage."""

import csv
import json
import os
import subprocess
import sys
from io import BytesIO

import pytest
from PIL import Image

from conftest import ROOT, SHARED
from uploadsvc.errors import UploadsvcError
from uploadsvc.images import Recipe, Size, Variant, draw_preview

pytestmark = pytest.mark.live

BOX = Size(320, 240)
# References take long to make and never change; `make clean` removes them.
REFERENCES = ROOT / "tests-out" / "references"


@pytest.fixture(scope="module")
def tool():
    """The program that scores a folder of thumbnails; skips where it cannot run."""
    pytest.importorskip("numpy", reason="the score tool needs numpy")
    path = SHARED / "tools" / "fidelity" / "score.py"
    if not path.exists():
        pytest.skip("the score tool is not beside the project")
    return path


@pytest.fixture(scope="module")
def score(tool, corpus, tmp_path_factory):
    """`score(thumbs, light)` is what the tool says of a folder of thumbnails of the corpus."""

    def score(thumbs, light):
        out = tmp_path_factory.mktemp("scores") / "scores.json"
        command = [
            sys.executable, "-B", tool, "--thumbs", thumbs, "--sources", corpus("pictures"),
            "--json", out, "--light", light, "--cache", REFERENCES,
            "--jobs", str(os.cpu_count()), "--quiet",
        ]  # fmt: skip
        subprocess.run(command, check=True, timeout=600)
        return json.loads(out.read_text())

    return score


@pytest.fixture(scope="module")
def wanted(corpus):
    """The rows of the manifest that expect a thumbnail."""
    with (corpus("pictures") / "manifest.tsv").open(newline="") as file:
        rows = csv.DictReader(file, delimiter="\t", quoting=csv.QUOTE_NONE)
        return [row for row in rows if row["expect"] == "thumb"]


def draw_all(corpus, into, format, *, linear=False):
    """Draw a preview of each file of the corpus that has one; return the pictures by name."""
    pictures = {}
    for file in sorted(corpus("pictures").iterdir()):
        try:
            with file.open("rb") as opened:
                picture = draw_preview(opened, Variant(BOX, format), Recipe(linear=linear))
        except UploadsvcError:
            continue
        (into / f"{file.name}.{picture.extension}").write_bytes(picture.data)
        pictures[file.name] = picture
    return pictures


@pytest.fixture(scope="module")
def gamma(corpus, score, tmp_path_factory):
    """The scores of previews as they are shipped, lossless."""
    thumbs = tmp_path_factory.mktemp("gamma")
    draw_all(corpus, thumbs, "png")
    return score(thumbs, "srgb")


def test_previews_are_closer_to_perfect_ones_than_those_of_any_peer(gamma, figure):
    summary = gamma["summary"]

    figure(
        "fidelity: mean SSIM and PSNR of lossless 320×240",
        "≥ .9980 and ≥ 49.0 dB, above the best peer (.9978 and 48.5)",
        f"{summary['ssim_mean']:.4f} and {summary['psnr_mean']:.1f} dB,"
        f" of {summary['scored']} pictures",
    )
    assert summary["scored"] >= 50
    assert summary["ssim_mean"] >= 0.9980
    assert summary["psnr_mean"] >= 49.0


def test_in_linear_light_too(corpus, score, tmp_path, figure):
    draw_all(corpus, tmp_path, "png", linear=True)
    summary = score(tmp_path, "linear")["summary"]

    figure(
        "the same in linear light, with the mean colour difference",
        "≥ .9961, ≥ 48.6 dB and ΔE ≤ .39, as the best peer",
        f"{summary['ssim_mean']:.4f}, {summary['psnr_mean']:.1f} dB and {summary['de00_mean']:.2f}",
    )
    assert summary["scored"] >= 50
    assert summary["ssim_mean"] >= 0.9961
    assert summary["psnr_mean"] >= 48.6
    assert summary["de00_mean"] <= 0.39


def faults(row):
    """What is wrong with a preview, by its scores; nothing if all is right."""
    wrong = [] if row["verdict"] == "ok" else [row["verdict"]]
    if row.get("de00", 99) > 2:
        wrong.append("colours")
    return wrong


def test_every_picture_is_covered(corpus, wanted, gamma, tmp_path, figure):
    """Upright, in its colours, transparent and moving as it was."""
    rows = {row["source"]: row for row in gamma["files"]}
    moving = draw_all(corpus, tmp_path, "webp")
    wrong = {}
    for name in (row["name"] for row in wanted):
        found = faults(rows[name])
        frames = rows[name]["reference"].get("frames", 1)
        shown = getattr(Image.open(BytesIO(moving[name].data)), "n_frames", 1)
        if shown != frames or moving[name].animated != (frames > 1):
            found.append(f"{shown} of {frames} frames")
        if found:
            wrong[name] = found
    animations = sum(rows[row["name"]]["reference"].get("frames", 1) > 1 for row in wanted)

    figure(
        "coverage: raster pictures of `corpus/pictures` that shall have a thumbnail",
        "all upright, in their colours, transparent, moving",
        f"{len(wanted) - len(wrong)} of {len(wanted)} ({animations} of them move, all frames kept)",
    )
    assert len(wanted) >= 50
    assert animations >= 5
    assert wrong == {}


def test_plain_thumbnails_would_not_be_right(corpus, score, tmp_path):
    """The same check, of what Pillow makes by itself."""
    names = ["orient_6.jpg", "cmyk_swop_flyer.jpg", "alpha_flower.png"]
    for name in names:
        with Image.open(corpus("pictures") / name) as image:
            image.thumbnail((320, 240))
            image.convert("RGB").save(tmp_path / f"{name}.png")

    rows = {row["source"]: row for row in score(tmp_path, "srgb")["files"]}
    assert faults(rows["orient_6.jpg"])
    assert faults(rows["cmyk_swop_flyer.jpg"]) == ["colours"]
    assert faults(rows["alpha_flower.png"])
