"""Where everything stands on the figures changes only on purpose: sums of places, by figure and kind of item.

After a change that is meant, write the file again and look at the figures: `python -m tests.test_figures_places`
"""

from pathlib import Path

import pandas as pd

from small_evidence.figures import WHOLE, review_figure
from small_evidence.figures.comparison import comparison_plot
from small_evidence.figures.drawing import Line, Shape, Text
from tests.drawn import bundled_review
from tests.test_arm_comparisons import drawn_review

PLACES = Path(__file__).parent / "reference/places_on_figures.csv"
OF_ONE = ("forest", "leave_one_out", "cumulative", "methods", "posterior", "arm_sizes")
ROUNDED = 0.11  # points; a unit of the last digit written


def places():
    """A row for each figure and kind of item: how many, and the sums of their places in points."""
    drawn = {
        name: review_figure(bundled_review(), name) for name in (*WHOLE, *(f"{kind}_diltiazem" for kind in OF_ONE))
    }
    drawn["comparison"] = comparison_plot(drawn_review(), "drug-placebo")
    rows = []
    for name, drawing in drawn.items():
        points = {
            "texts": [(item.x, item.y) for item in drawing.items if isinstance(item, Text)],
            "bold texts": [(item.x, item.y) for item in drawing.items if isinstance(item, Text) and item.bold],
            "lines": [(item.x0 + item.x1, item.y0 + item.y1) for item in drawing.items if isinstance(item, Line)],
            "shapes": [point for item in drawing.items if isinstance(item, Shape) for point in item.points],
            "page": [(drawing.width, drawing.height)],
        }
        rows += [
            (name, kind, len(of), *(round(sum(side), 1) for side in zip(*of, strict=True)))
            for kind, of in points.items()
            if of
        ]
    return pd.DataFrame(rows, columns=["figure", "kind", "number", "x", "y"])


def test_everything_stands_where_it_did():
    before, now = pd.read_csv(PLACES), places()
    assert (
        before[["figure", "kind", "number"]].to_numpy().tolist()
        == now[["figure", "kind", "number"]].to_numpy().tolist()
    )
    moved = ((before[["x", "y"]] - now[["x", "y"]]).abs() > ROUNDED).any(axis=1)
    assert now.loc[moved, ["figure", "kind"]].to_numpy().tolist() == []


if __name__ == "__main__":
    places().to_csv(PLACES, index=False, lineterminator="\n")
