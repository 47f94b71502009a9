"""House style of figures: the only module that reads the journal presets."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import TYPE_CHECKING, Any

import yaml

from small_evidence import ReviewError
from small_evidence.wording import p_value, per_cent

if TYPE_CHECKING:
    import pandas as pd

MM = 72 / 25.4  # points in a millimetre


@dataclass(frozen=True)
class Style:
    """One preset; the defaults are the preset `screen`. Lengths in points unless the name says otherwise."""

    name: str = "screen"
    label: str = "Screen and report"
    width_mm: float = 190
    height_mm: float = 277
    wider_mm: tuple[float, ...] = ()
    font: tuple[str, ...] = ("DejaVu Sans",)
    size: float = 7.5
    small: float = 6.5
    title: bool = True
    interval: str = "brackets"
    leading_zero: bool = True
    line: float = 0.6
    dpi: int = 300
    png_dpi: int = 200
    formats: tuple[str, ...] = ("svg", "pdf", "png")
    svg_text: str = "text"
    colours: dict[str, str] = field(
        default_factory=lambda: {
            "ink": "#1A1A1A",
            "quiet": "#595959",
            "rule": "#8C8C8C",
            "grid": "#D9D9D9",
            "band": "#F6F7F9",
            "study": "#0072B2",
            "pooled": "#00314F",
            "subgroup": "#56B4E9",
            "prediction": "#E69F00",
            "crude": "#FFFFFF",
            "without": "#D6E9F5",
            "shade": "#E8EEF3",
            "best": "#003B5C",
            "least": "#D9EAF4",
            "low": "#FED98E",
            "some": "#FE9929",
            "high": "#D95F0E",
            "critical": "#993404",
            "unknown": "#FFFFFF",
            "apart": "#CCCCCC",
        }
    )
    source: str = (
        "own choice, A4 with margins of 10 mm; colours from the colour-blind safe palette of Okabe and Ito "
        "(jfly.uni-koeln.de/color)"
    )
    confidence: str = "high"

    @property
    def width(self) -> float:
        """Width of the figure in points."""
        return self.width_mm * MM

    @property
    def height(self) -> float:
        """Most height of a figure on one page in points."""
        return self.height_mm * MM

    def percent_interval(self, lower: float, upper: float) -> str:
        """Interval of two proportions as per cent, in the journal's brackets.

        >>> Style().percent_interval(0.351, 1), Style(interval="parentheses").percent_interval(0.351, 1)
        ('[35.1, 100.0]', '(35.1–100.0)')
        """
        if self.interval == "parentheses":
            return f"({per_cent(lower)}–{per_cent(upper)})"
        return f"[{per_cent(lower)}, {per_cent(upper)}]"

    def p_value(self, p: float) -> str:
        """P value with its sign.

        >>> Style().p_value(0.0423), Style(leading_zero=False).p_value(0.0004)
        ('= 0.042', '< .001')
        """
        words = p_value(p)
        words = words.replace("<", "< ") if words.startswith("<") else f"= {words}"
        return words if self.leading_zero else words.replace(" 0.", " .")

    def ratio_test(self, test: Mapping[Any, Any] | pd.Series[Any]) -> str:
        """A likelihood-ratio test, a row of the table of heterogeneity, with the distribution that P is of.

        >>> Style().ratio_test({"chi2": 5.307, "df": 1, "ddf": 4, "p": 0.0756})
        'likelihood ratio 5.31, P = 0.076 (F with 1 and 4 df)'
        """
        p = self.p_value(test["p"])
        return f"likelihood ratio {test['chi2']:.2f}, P {p} (F with {test['df']:.0f} and {test['ddf']:.0f} df)"


SCREEN = Style()


def read_style(path: str | Path, name: str) -> Style:
    """Read a preset from `journal_figures.yaml`: "bmj" at its own width, "bmj/single" at another that it offers.

    Raises
    ------
    ReviewError: no such preset or width, or a field that no figure knows; the message lists what there is
    """
    return named_style(yaml.safe_load(Path(path).read_text(encoding="utf-8"))["presets"], name)


def named_style(presets: Mapping[str, Any], name: str) -> Style:
    """A style among presets, "bmj" or "bmj/single"; see `read_style`."""
    path = "journal_figures.yaml"
    name, _, width = name.partition("/")
    if name not in presets:
        raise ReviewError(f"{path}: no figure preset {name!r}; there are {', '.join(presets)}")
    chain: list[tuple[str, dict[str, Any]]] = []
    while name:
        chain.insert(0, (name, presets[name]))
        name = presets[name].get("inherits", "")
    values: dict[str, Any] = {}
    for preset_name, preset in chain:
        colours = {**values.get("colours", {}), **preset.get("colours", {})}
        values = {**values, **preset, "name": preset_name, "colours": colours}
    values.pop("inherits", None)
    widths, usual = values.pop("widths_mm"), values.pop("width")
    if width and width not in widths:
        raise ReviewError(f"{path}: preset {values['name']} has no width {width!r}; it has {', '.join(widths)}")
    values["width_mm"] = widths[width or usual]
    values["wider_mm"] = tuple(sorted(offered for offered in widths.values() if offered > values["width_mm"]))
    unknown = set(values) - {item.name for item in fields(Style)}
    if unknown:
        raise ReviewError(f"{path}: preset {values['name']} has unknown fields: {', '.join(sorted(unknown))}")
    values = {key: tuple(value) if isinstance(value, list) else value for key, value in values.items()}
    return Style(**values)


def luminance(colour: str) -> float:
    """Relative luminance of a colour such as #0072B2, 0 to 1 (WCAG 2.2)."""
    levels = [int(colour[place : place + 2], 16) / 255 for place in (1, 3, 5)]
    parts = [value / 12.92 if value <= 0.04045 else ((value + 0.055) / 1.055) ** 2.4 for value in levels]
    return 0.2126 * parts[0] + 0.7152 * parts[1] + 0.0722 * parts[2]


def contrast(one: str, other: str) -> float:
    """Contrast ratio of two colours, 1 to 21 (WCAG 2.2; text wants 4.5, shapes 3)."""
    dark, light = sorted([luminance(one), luminance(other)])
    return (light + 0.05) / (dark + 0.05)
