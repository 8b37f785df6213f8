"""
Which quality each format deserves: how true previews are for the bytes that they take.

The opaque pictures of the corpus, drawn as stills into a box of 320x240 in each format at
several qualities, and compared with perfect ones (see `scoring`).
"""

import time
from collections.abc import Iterable
from pathlib import Path
from statistics import mean

from benchmarks import peers, scoring
from benchmarks.plan import Plan
from benchmarks.scoring import BOX, SRGB, Score
from benchmarks.tables import Table
from uploadsvc.errors import UploadsvcError
from uploadsvc.images import Format, Picture, Recipe, Size, Variant, draw_preview

_TITLE = "Quality: opaque pictures of the corpus, 320x240"
_QUALITIES: dict[Format, tuple[int, ...]] = {
    "jpeg": (75, 80, 85, 90),
    "webp": (70, 75, 80, 85, 90),
    "avif": (60, 65, 70, 75, 80),
}
_DEFAULTS: dict[Format, int] = {
    "jpeg": Recipe().jpeg_quality,
    "webp": Recipe().webp_quality,
    "avif": Recipe().avif_quality,
}


def measure(plan: Plan) -> Table:
    """Draw the corpus at each quality; score and weigh it."""
    peers.install(plan.say)
    columns = ("format", "quality", "bytes", "mean SSIM", "mean PSNR, dB", "mean ΔE", "CPU, ms")
    if lacking := scoring.lacking():
        return Table(_TITLE, columns, rows=[], notes=lacking)
    opaque = [path for path in scoring.corpus() if _is_opaque(path)]
    rows = []
    for wanted, qualities in _QUALITIES.items():
        for quality in qualities if plan.full else [_DEFAULTS[wanted]]:
            plan.say(f"  {wanted}, quality {quality}")
            rows.append(_row(plan, opaque, wanted, quality))
    notes = ["The defaults are printed bold. CPU is that of the whole way, decoding too."]
    return Table(_TITLE, columns, rows=rows, notes=notes)


def _row(plan: Plan, paths: list[Path], wanted: Format, quality: int) -> tuple[str, ...]:
    folder = plan.place(f"{wanted}-{quality}")
    recipe = Recipe(jpeg_quality=quality, webp_quality=quality, avif_quality=quality)
    weights = []
    began = time.process_time()
    for path in paths:
        picture = _draw(path, wanted, recipe)
        weights.append(len(picture.data))
        (folder / f"{path.name}.{picture.extension}").write_bytes(picture.data)
    took = time.process_time() - began
    scores = scoring.score(folder, SRGB, references=plan.folder / "references")
    name = f"**{wanted}**" if quality == _DEFAULTS[wanted] else wanted
    return (
        name,
        str(quality),
        f"{mean(weights):.0f}",
        f"{_mean(scores.values(), 'ssim'):.4f}",
        f"{_mean(scores.values(), 'psnr'):.2f}",
        f"{_mean(scores.values(), 'de00'):.2f}",
        f"{took / len(paths) * 1000:.1f}",
    )


def _mean(scores: Iterable[Score], what: str) -> float:
    found: list[float | None] = [getattr(score, what) for score in scores]
    return mean(value for value in found if value is not None)


def _is_opaque(path: Path) -> bool:
    try:
        return _draw(path, "auto", Recipe()).media_type == "image/jpeg"
    except UploadsvcError:
        return False


def _draw(path: Path, wanted: Format, recipe: Recipe) -> Picture:
    with path.open("rb") as file:
        return draw_preview(file, Variant(Size(*BOX), wanted, still=True), recipe)
