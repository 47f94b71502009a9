"""Draw the pictures of docs/gallery.md and of the README again from the results of the bundled review.

`make pictures` runs the review and then this.
"""

from dataclasses import replace
from pathlib import Path
from shutil import which

from PIL import Image
from playwright.sync_api import sync_playwright

from small_evidence.figures import review_figure
from small_evidence.figures.forest import forest_plot
from small_evidence.figures.render import save_figure
from small_evidence.figures.style import read_style
from small_evidence.review import read_review

PROJECT = Path(__file__).parents[1]
GALLERY = PROJECT / "docs/gallery"
PRESETS = PROJECT / "workflow/standards/journal_figures.yaml"
DPI, COLOURS = 110, 128  # fewer than a run writes: small files that still read well on a screen
SCREEN = (
    "summary_forest", "forest_diltiazem", "leave_one_out_diltiazem", "cumulative_diltiazem", "methods_diltiazem",
    "posterior_diltiazem", "evidence_map", "adverse_events", "prisma_flow",
)  # fmt: skip


def save(drawing, path: Path) -> None:
    """Write a small PNG."""
    save_figure(drawing, path)
    shrink(path)


def shrink(path: Path) -> None:
    """Write a PNG again with few colours."""
    with Image.open(path) as picture:
        small = picture.convert("RGB").quantize(COLOURS)
    small.save(path, optimize=True)


def photograph(page: Path, path: Path, width: int = 1180, height: int = 860) -> None:
    """Write what the first screen of a page shows, so many pixels wide and high; needs a browser."""
    browser = which("chromium") or which("chromium-browser") or which("google-chrome")
    with sync_playwright() as running:
        chromium = running.chromium.launch(executable_path=browser, args=["--no-sandbox"])
        tab = chromium.new_page(viewport={"width": width, "height": height})
        tab.goto(page.as_uri())
        tab.screenshot(path=path)
        chromium.close()
    shrink(path)


def main() -> None:
    """Draw them all."""
    review = read_review(PROJECT)

    def style_of(preset: str):
        return replace(read_style(PRESETS, preset), png_dpi=DPI)

    screen = style_of("screen")
    for name in SCREEN:
        save(review_figure(review, name, screen), GALLERY / f"{name}.png")
    for preset in ("jama", "bmj/single"):
        style = style_of(preset)
        name = f"forest_{preset.replace('/', '_')}.png"
        save(review_figure(review, "forest_diltiazem", style), GALLERY / name)
    figure = forest_plot(review, "diltiazem", screen, subgroups="disease")
    save(figure, GALLERY / "forest_subgroups.png")
    photograph(PROJECT / "results/report.html", GALLERY / "report.png")
    photograph(PROJECT / "results/tables/table_iv.html", GALLERY / "table_iv.png", width=1640, height=620)


if __name__ == "__main__":
    main()
