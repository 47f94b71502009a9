"""Draw the pictures of docs/gallery.md and of the README again from the results of the bundled review.

Run as ``python docs/draw_gallery.py`` after `make run`.
"""

from dataclasses import replace
from pathlib import Path

from PIL import Image

from evidence.figures import review_figure
from evidence.figures.forest import forest_plot
from evidence.figures.style import read_style, save_figure
from evidence.review import read_config, read_review

PROJECT = Path(__file__).parents[1]
GALLERY = PROJECT / "docs/gallery"
PRESETS = PROJECT / "workflow/standards/journal_figures.yaml"
DPI, COLOURS = 110, 128  # fewer than a run writes: small files that still read well on a screen
SCREEN = (
    "summary_forest", "forest_diltiazem", "leave_one_out_diltiazem", "cumulative_diltiazem", "methods_diltiazem",
    "posterior_diltiazem", "evidence_map", "adverse_events", "prisma_flow",
)  # fmt: skip


def save(figure, path: Path, style) -> None:
    """Write a small PNG."""
    save_figure(figure, path, style)
    with Image.open(path) as picture:
        small = picture.convert("RGB").quantize(COLOURS)
    small.save(path, optimize=True)


def main() -> None:
    """Draw them all."""
    frames, config = read_review(PROJECT), read_config(PROJECT)

    def style_of(preset: str):
        return replace(read_style(PRESETS, preset), png_dpi=DPI)

    screen = style_of("screen")
    for name in SCREEN:
        save(review_figure(name, frames, config, screen), GALLERY / f"{name}.png", screen)
    for preset in ("jama", "bmj/single"):
        style = style_of(preset)
        name = f"forest_{preset.replace('/', '_')}.png"
        save(review_figure("forest_diltiazem", frames, config, style), GALLERY / name, style)
    needed = (frames[part] for part in ("arms", "pooled", "study_levels", "studies", "therapies", "diseases"))
    more = {part: frames[part] for part in ("heterogeneity", "sensitivity")}
    figure = forest_plot("diltiazem", *needed, subgroups="disease", style=screen, **more)
    save(figure, GALLERY / "forest_subgroups.png", screen)
    (PROJECT / "docs/summary_forest.png").write_bytes((GALLERY / "summary_forest.png").read_bytes())


if __name__ == "__main__":
    main()
