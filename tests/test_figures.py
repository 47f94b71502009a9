"""Figures: texts, positions and limits on the Figure, and `check_figure` for what could go wrong on paper."""

import math
import re
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pypdfium2
import pytest
from matplotlib.backends.backend_agg import FigureCanvasAgg
from PIL import Image

from small_evidence import ReviewError
from small_evidence.config import complete_config
from small_evidence.figures import review_figure
from small_evidence.figures.drawing import Text
from small_evidence.figures.fonts import text_width, wrap_text
from small_evidence.figures.forest import forest_plot
from small_evidence.figures.marks import square_side
from small_evidence.figures.preflight import check_figure
from small_evidence.figures.render import FORMATS, save_figure
from small_evidence.figures.style import SCREEN, luminance, read_style
from small_evidence.figures.summary import summary_forest
from small_evidence.pooling.proportions import proportion_interval
from small_evidence.review import Review
from small_evidence.synthesis.policy import ARMS
from tests.drawn import bundled_review, changed, marks, row_of, text_of, texts, whole_text

PROJECT = Path(__file__).parents[1]
PRESETS = PROJECT / "workflow/standards/journal_figures.yaml"
NAMES = ["screen", "elsevier", "jaad", "bmj", "jama", "lancet"]

DISEASES = pd.DataFrame(
    {
        "disease": ["ssc", "dm", "jdm", "ctd_mixed", "other"],
        "label": [
            "Systemic sclerosis",
            "Dermatomyositis (adult)",
            "Juvenile dermatomyositis",
            "Mixed or overlap connective tissue disease, results not split",
            "Other or not separable (includes idiopathic calcinosis, SLE, localised scleroderma)",
        ],
        "synonyms": ["SSc;scleroderma", "DM", "JDM;childhood dermatomyositis", "ACTD;CTD;overlap", ""],
    }
)
THERAPIES = pd.DataFrame(
    {"therapy": ["diltiazem"], "label": ["Diltiazem"], "therapy_class": "ccb", "display_order": "1"}
)
OUTCOMES = pd.DataFrame(
    {
        "outcome": ["response"], "label": "Response", "event_singular": "responded", "event_plural": "responded",
        "noun_singular": "responder", "noun_plural": "responders", "good": "yes", "unit": "share",
    }
)  # fmt: skip
LONG = "Bouchard-Desrochers-Villeneuve, van den Berghe and the Calcinosis Collaborative Group 2015"


def words_of(path):
    """Text of a PDF, as a reader searches it."""
    with pypdfium2.PdfDocument(path) as document:
        return "\n".join(page.get_textpage().get_text_bounded() for page in document)


def made(arms, left_out=(), awaiting=(), pooled=None, subgroups=None):
    """A hand-made review of one analysis. Arms are (label, responders, n, disease, level, year)."""
    rows = [
        {
            "analysis": "diltiazem", "scope": "therapy", "therapy": "diltiazem", "disease": "all",
            "study_id": f"s{number}", "entered": entered, "reason": reason, "detail": detail, "responders": float(x),
            "n": float(n), "arm_disease": disease, "arm_therapy": "diltiazem", "outcome": "response",
            "evidence_basis": "abstract", "year": float(year), "response_ids": f"r{number}", "label": label,
            "level": level,
        }
        for number, (entered, (reason, detail), (label, x, n, disease, level, year)) in enumerate(
            [("yes", ("", ""), arm) for arm in arms] + [("no", reason, arm) for reason, arm in left_out]
        )
    ]  # fmt: skip
    table = pd.DataFrame(rows, columns=["label", "level", *ARMS])
    counts = table[["responders", "n"]].where(table["entered"] == "yes", 0.0).to_numpy(float)
    table["ci_lb"], table["ci_ub"] = proportion_interval(*counts.T)
    more = pd.DataFrame({"study_id": [f"w{i}" for i in range(len(awaiting))], "label": list(awaiting)})
    studies = pd.concat([table[["study_id", "label"]].drop_duplicates(), more], ignore_index=True)
    levels = table[["study_id", "level"]].assign(design="case_series")
    used = table[table["entered"] == "yes"]
    results = [_result(used, "all", pooled, left_out, more)]
    for disease, values in (subgroups or {}).items():
        results.append(_result(used[used["arm_disease"] == disease], disease, values, (), more))
    responses = pd.DataFrame({"response_id": table["response_ids"], "dose": "5 mg", "follow_up": "12 months"})
    tables = {"studies": studies, "therapies": THERAPIES, "diseases": DISEASES, "outcomes": OUTCOMES}
    found = {"arms": table[ARMS], "pooled": pd.DataFrame(results), "study_levels": levels}
    config = complete_config({"synthesis": {"outcomes": ["response"]}})
    return Review(tables | {"responses": responses.assign(outcome="response", time_point_months="3")}, config, found)


def _result(used, disease, pooled, left_out, awaiting):
    k, x, n = len(used), used["responders"].sum(), used["n"].sum()
    lower, upper = proportion_interval(x, n) if n else (math.nan, math.nan)
    nothing = dict.fromkeys(
        ["estimate", "ci_lb", "ci_ub", "pi_lb", "pi_ub", "tau2", "tau2_lb", "tau2_ub", "q", "q_df", "q_p", "i2"],
        math.nan,
    )
    record = nothing | dict(pooled or {})
    reason = "" if pooled else "too_few_studies" if k else "no_large_arm"
    return {
        "analysis": "diltiazem" if disease == "all" else f"diltiazem-{disease}",
        "scope": "therapy", "therapy": "diltiazem", "disease": disease, "pooled": "yes" if pooled else "no",
        "reason": reason, "k": k, "events": x, "n": n, "crude": x / n if n else math.nan, "crude_ci_lb": lower,
        "crude_ci_ub": upper, "method": "glmm" if pooled else "", "interval": "profile" if pooled else "",
        "conf_level": 0.95, **record, "status": record.get("status", "ok") if pooled else "", "note": "",
        "direction": "across", "studies": ";".join(used["study_id"]), "k_left_out": len(left_out), "left_out": "",
        "k_awaiting": len(awaiting), "awaiting": ";".join(awaiting["study_id"]),
    }  # fmt: skip


GLMM = {
    "estimate": 0.5475, "ci_lb": 0.235, "ci_ub": 0.868, "pi_lb": 0.12, "pi_ub": 0.92, "tau2": 0.4564, "tau2_lb": 0.0,
    "tau2_ub": 6.31, "q": 8.05, "q_df": 3.0, "q_p": 0.045, "i2": 0.62,
}  # fmt: skip
FOUR = [
    ("Vayssairat 1998", 3, 12, "ssc", "IV", 1998),
    ("Palmieri 1995", 4, 4, "other", "IV", 1995),
    ("Balin 2012", 9, 17, "ctd_mixed", "IV", 2012),
    ("Unidentified cohort (clinical summary, its ref. 2)", 5, 8, "ctd_mixed", "", math.nan),
]
LEFT_OUT = [
    (("small_arm", ""), ("Jawad 2020", 0, 1, "dm", "IV", 2020)),
    (
        ("other", "stabilisation counted as success, and the diagnosis of two children not given"),
        ("Vilnius (n.d.)", 2, 2, "jdm", "IV", 2001),
    ),
]


def many(k, seed=3):
    rng = np.random.default_rng(seed)
    sizes = rng.integers(3, 79, k)
    diseases = ["ssc", "dm", "jdm", "ctd_mixed"]
    return [
        (f"{name} {1980 + i % 40}", int(rng.binomial(n, 0.5)), int(n), diseases[i % 4], "IV", 1980 + i % 40)
        for i, (n, name) in enumerate(zip(sizes, ["Abe", "Ó Súilleabháin", "Traineau-Duval", "Wu"] * 30, strict=False))
    ]


def plot(*args, style=SCREEN, order="year", grouped=None, groups=None):
    return forest_plot(made(*args, subgroups=groups), "diltiazem", style, order=order, subgroups=grouped)


class TestForestPlot:
    def test_columns_and_rows(self):
        figure = plot(FOUR, LEFT_OUT, ["Fam 2020", "Abernethy 1999"], GLMM)
        header = row_of(figure, "Study")
        assert header == ["Study", "Disease", "Level", "Responders/n", "% [95% CI]", "Patients,\u00a0%"]
        assert row_of(figure, "Vayssairat 1998") == [
            "Vayssairat 1998",
            "SSc",
            "IV",
            "3/12",
            "25.0 [5.5, 57.2]",
            "29.3",
        ]
        assert row_of(figure, "Pooled, random effects")[1:] == ["21/41", "54.8 [23.5, 86.8]", "100.0"]
        assert row_of(figure, "Prediction interval")[1:] == ["[12.0, 92.0]"]
        assert row_of(figure, "Crude, summed counts")[1:] == ["21/41", "51.2 [35.1, 67.1]"]
        words = whole_text(figure)
        assert "Heterogeneity: τ² = 0.46 (95% CI 0 to 6.31); Q = 8.05, df = 3, exact P = 0.045; I² = 62%" in words
        assert "Awaiting counts (2): Abernethy 1999, Fam 2020." in words
        assert "the model has no inverse-variance weights" in words
        assert "Level of evidence: " in words
        assert "SSc, Systemic sclerosis; DM, Dermatomyositis (adult); JDM, Juvenile dermatomyositis" in words

    def test_axis_and_marks_stand_at_their_numbers(self):
        figure = plot(FOUR, (), (), GLMM)
        assert (figure.axis.lower, figure.axis.upper) == (0, 1)
        ticks = [text for text in figure.texts if text.words in ("0", "25", "50", "75", "100")]
        assert [figure.axis.proportion(text.x) for text in ticks] == pytest.approx([0, 0.25, 0.5, 0.75, 1])
        shapes = marks(figure)
        centres = [shape[:4, 0].mean() for shape in shapes[:4]]
        assert centres == pytest.approx([100, 25, 900 / 17, 62.5])
        diamond, prediction, crude = shapes[4:]
        assert (diamond[:, 0].min(), diamond[:, 0].max()) == pytest.approx((23.5, 86.8))
        assert diamond[np.argmin(diamond[:, 1]), 0] == pytest.approx(54.75)
        assert (prediction[:, 0].min(), prediction[:, 0].max()) == pytest.approx((12, 92))
        assert (crude[:, 0].min() + crude[:, 0].max()) / 2 == pytest.approx(100 * 21 / 41)
        lines = marks(figure, "intervals")
        assert lines[1][:, 0] == pytest.approx([5.4861, 57.1858], abs=5e-5)  # Clopper-Pearson of 3/12
        assert lines[-1][:, 0] == pytest.approx([35.1342, 67.1221], abs=5e-5)

    def test_area_of_squares_is_in_proportion_to_patients(self):
        squares = marks(plot(FOUR, (), (), GLMM))[:4]
        heights = [np.ptp(square[:, 1]) for square in squares]
        areas = np.array(heights) ** 2
        assert areas / areas.max() == pytest.approx(np.array([4, 12, 17, 8]) / 17)

    def test_squares_too_small_to_see_are_said_to_be_larger(self):
        figure = plot([("Small 2001", 1, 3, "ssc", "IV", 2001), ("Large 2002", 200, 900, "ssc", "IV", 2002)])
        assert square_side(3 / 900, 13) > 13 * math.sqrt(3 / 900) * 0.72
        assert "The smallest squares are drawn larger than in proportion" in whole_text(figure)
        assert "larger than in proportion" not in whole_text(plot(FOUR))

    def test_all_and_none_responding(self):
        figure = plot([("None 2001", 0, 6, "ssc", "IV", 2001), ("All 2003", 7, 7, "jdm", "IIB", 2003)])
        assert "0.0 [0.0, 45.9]" in row_of(figure, "None 2001")
        assert "100.0 [59.0, 100.0]" in row_of(figure, "All 2003")
        lines = marks(figure, "intervals")
        assert lines[0][:, 0] == pytest.approx([0, 45.926], abs=5e-4)
        assert lines[1][:, 0] == pytest.approx([59.038, 100], abs=5e-4)
        squares = marks(figure)
        assert squares[0][:, 0].min() < 0
        assert squares[1][:, 0].max() > 100
        assert check_figure(figure) == []

    def test_not_pooled_says_why_where_the_diamond_would_be(self):
        figure = plot(FOUR[:2])
        note = text_of(figure, "Not pooled: 2 studies, 3 needed")
        assert figure.axis.left <= note.x < figure.axis.right
        assert row_of(figure, "Pooled") == ["Pooled", "Not pooled: 2 studies, 3 needed"]
        assert len(marks(figure)) == 3  # two studies and the crude proportion, no diamond
        assert "Crude, summed counts" in texts(figure)

    def test_one_study_has_no_weight_and_no_crude_row(self):
        figure = plot(FOUR[:1])
        assert "Patients,\u00a0%" not in texts(figure)
        assert "Crude, summed counts" not in texts(figure)
        assert "Not pooled: 1 study, 3 needed" in texts(figure)
        assert len(marks(figure)) == 1

    def test_no_arm_entered(self):
        figure = plot([], LEFT_OUT, ["Fam 2020"])
        assert figure.axis is None
        assert "No study arm is in the analysis: no arm of 3 or more patients" in texts(figure)
        assert row_of(figure, "Jawad 2020") == ["Jawad 2020", "DM", "IV", "0/1", "fewer than 3 patients (1)"]
        assert "Awaiting counts (1): Fam 2020." in whole_text(figure)

    def test_arms_that_did_not_enter_stand_below_the_axis(self):
        figure = plot(FOUR, LEFT_OUT, (), GLMM)
        assert text_of(figure, "Jawad 2020").y > figure.axis.bottom
        assert row_of(figure, "Jawad 2020")[-2:] == ["0/1", "fewer than 3 patients (1)"]

    def test_groupedhave_diamonds_only_where_pooled(self):
        values = GLMM | {"estimate": 0.3, "ci_lb": 0.2, "ci_ub": 0.4}
        arms = [*many(12), ("Alone 2001", 4, 9, "other", "IV", 2001)]
        figure = plot(arms, (), (), GLMM, grouped=None, groups={"ssc": values, "dm": None})
        words = texts(figure)
        assert "Disease" not in words
        assert words.count("Subgroup") == 4  # none for the disease with one arm
        assert words.index("Systemic sclerosis") < words.index("Dermatomyositis (adult)")
        diamonds = [shape for shape in marks(figure) if np.ptp(shape[:, 0]) == pytest.approx(20)]
        assert len(diamonds) == 1
        assert "Not pooled: 3 studies, 3 needed" in words

    def test_a_subgroup_pooled_from_other_arms_has_no_diamond(self):
        review = made(many(8), (), (), GLMM, {"ssc": GLMM})
        review["pooled"].loc[review["pooled"]["disease"] == "ssc", "k"] = 5
        figure = forest_plot(review, "diltiazem")
        assert "Not pooled: no analysis of these arms alone" in texts(figure)

    def test_order(self):
        def names(order):
            labels = {label for label, *_ in FOUR[:3]}
            return [text for text in texts(plot(FOUR[:3], order=order)) if text in labels]

        assert names("year") == ["Palmieri 1995", "Vayssairat 1998", "Balin 2012"]
        assert names("effect") == ["Palmieri 1995", "Balin 2012", "Vayssairat 1998"]
        assert names("n") == ["Balin 2012", "Vayssairat 1998", "Palmieri 1995"]
        with pytest.raises(ReviewError, match="order 'size' is not known; one of year, effect, n, level"):
            names("size")

    def test_levels_sort_best_first_and_none_last(self):
        arms = [(f"{level or 'none'} 2001", 2, 5, "ssc", level, 2001) for level in ("", "IV", "IIB", "III", "IB", "V")]
        shown = [text for text in texts(plot(arms, order="level")) if text.endswith(" 2001")]
        assert shown == ["IB 2001", "IIB 2001", "III 2001", "IV 2001", "V 2001", "none 2001"]

    def test_levels_of_a_numbered_scheme(self):
        review = made(FOUR[:1])
        review["study_levels"]["level"] = "4"
        assert "4" in row_of(forest_plot(review, "diltiazem"), "Vayssairat 1998")

    def test_all_responders_pooled(self):
        values = GLMM | {"estimate": 1.0, "ci_lb": 0.768, "ci_ub": 1.0, "status": "all_responders"}
        values |= dict.fromkeys(["pi_lb", "pi_ub", "tau2", "tau2_lb", "tau2_ub", "q", "q_p", "i2"], math.nan)
        figure = plot([(f"All {n}", n, n, "ssc", "IV", 2000 + n) for n in (4, 5, 6)], (), (), values)
        assert "Prediction interval" not in texts(figure)
        assert "Heterogeneity: not estimable (every patient of every study had the outcome" in whole_text(figure)
        assert marks(figure)[3][:, 0].max() == pytest.approx(100)

    @pytest.mark.parametrize(
        ("values", "words"),
        [
            (
                {"tau2": 0.0, "status": "tau2_zero", "tau2_ub": math.inf},
                "τ² = 0 (95% CI 0 to no upper bound), at the edge",
            ),
            (
                {"tau2": 1e-5, "q_p": 0.0002},
                "τ² <0.001 (95% CI 0 to 6.31); Q = 8.05, df = 3, exact P < 0.001; I² = 62%",
            ),
        ],
    )
    def test_heterogeneity_in_words(self, values, words):
        assert words in whole_text(plot(FOUR, (), (), GLMM | values))

    def test_secondary_sources_are_marked(self):
        review = made(FOUR[:2])
        review["arms"].loc[0, "evidence_basis"] = "abstract;secondary"
        figure = forest_plot(review, "diltiazem")
        assert "Vayssairat 1998\u00a0†" in texts(figure)
        assert "† Counts known from a secondary source only." in texts(figure)
        assert "Palmieri 1995" in texts(figure)

    def test_text_of_tables_is_never_mathematics(self, tmp_path):
        figure = plot([("A $x_1$ & <b> 2001", 3, 9, "ssc", "IV", 2001)])
        assert not any(item.get_parse_math() for item in figure.figure().texts)
        for ending in ("pdf", "png", "svg"):
            save_figure(figure, tmp_path / f"a.{ending}")
        assert "A $x_1$ &amp; &lt;b&gt; 2001" in (tmp_path / "a.svg").read_text(encoding="utf-8")
        assert "A $x_1$ & <b> 2001" in words_of(tmp_path / "a.pdf")

    def test_a_review_of_one_disease_has_no_column_for_it(self):
        figure = forest_plot(made(FOUR[:1]).with_tables(diseases=DISEASES[:1]), "diltiazem")
        assert row_of(figure, "Study") == ["Study", "Level", "Responders/n", "% [95% CI]"]
        assert "SSc" not in whole_text(figure)

    def test_unknown_analysis(self):
        with pytest.raises(ReviewError, match="no analysis 'warfarin' in the pooled results"):
            forest_plot(made(FOUR), "warfarin")

    def test_description_for_readers_who_cannot_see_it(self):
        words = plot(FOUR, LEFT_OUT, ["Fam 2020"], GLMM).alt_text
        assert words == (
            "Forest plot of Diltiazem. 4 study arms, 21/41 responded, 51.2 [35.1, 67.1] per cent. Pooled 54.8 [23.5, "
            "86.8] per cent. Prediction interval [12.0, 92.0] per cent. Studies with counts that are not in the "
            "analysis: 2. Studies awaiting counts: 1."
        )


def under(review, **figures):
    """The review under other choices of the section `figures`."""
    return replace(review, config={**review.config, "figures": {**review.config["figures"], **figures}})


RARE = [(f"Study {n}", x, n, "ssc", "IV", 2000 + x) for x, n in ((2, 400), (3, 250), (1, 1200), (0, 30))]


class TestAxis:
    def test_the_whole_axis_unless_the_config_says_otherwise(self):
        figure = forest_plot(made(RARE), "diltiazem")
        assert (figure.axis.lower, figure.axis.upper) == (0, 1)
        assert "The axis shows" not in whole_text(figure)

    def test_auto_reaches_all_estimates_and_says_so(self):
        figure = forest_plot(under(made(RARE), axis="auto"), "diltiazem")
        assert (figure.axis.lower, figure.axis.upper) == (0, 0.02)
        assert {"0", "0.5", "1", "1.5", "2"} <= set(texts(figure)) or figure.axis.ticks == [0, 0.5, 1, 1.5, 2]
        assert "The axis shows 0 to 2% only. An arrow points to what lies beyond it." in texts(figure)
        assert check_figure(figure) == []

    @pytest.mark.parametrize(("x", "n"), [(2, 400), (0, 30), (12, 30)])
    def test_auto_treats_none_and_all_alike(self, x, n):
        few = forest_plot(under(made([("A 2001", x, n, "ssc", "IV", 2001)]), axis="auto"), "diltiazem").axis
        most = forest_plot(under(made([("A 2001", n - x, n, "ssc", "IV", 2001)]), axis="auto"), "diltiazem").axis
        assert (few.lower, few.upper) == pytest.approx((1 - most.upper, 1 - most.lower))

    def test_a_range_of_the_config_and_what_lies_beyond(self):
        figure = forest_plot(under(made(FOUR, (), (), GLMM), axis=[20, 60]), "diltiazem")
        assert (figure.axis.lower, figure.axis.upper) == (0.2, 0.6)
        everywhere = np.vstack(marks(figure) + marks(figure, "intervals"))[:, 0]
        head = 100 * 0.4 * 0.3 * SCREEN.size / (figure.axis.right - figure.axis.left) * 1.8
        assert everywhere.min() > 20 - head
        assert everywhere.max() < 60 + head
        assert len(figure.shapes("squares")) == 2  # of 25 and 53 per cent; those of 62 and 100 lie beyond
        assert check_figure(figure) == []


def test_thousands_are_separated():
    figure = plot([("Large 2001", 867, 28708, "ssc", "IV", 2001)])
    assert "867/28,708" in row_of(figure, "Large 2001")


def test_a_large_square_does_not_hide_its_interval():
    figure = plot([("Large 2001", 4000, 8000, "ssc", "IV", 2001), ("Small 2002", 3, 9, "ssc", "IV", 2002)])
    kinds = [getattr(item, "role", "") for item in figure.items]
    assert kinds.index("intervals") > kinds.index("squares")  # painted later
    (left, _, right, _), line = figure.shapes("squares")[0].box, figure.lines("intervals")[0]
    assert left < line.x0 < line.x1 < right
    assert (line.colour, figure.lines("intervals")[1].colour) == ("#FFFFFF", SCREEN.colours["ink"])


def test_further_columns_on_request():
    review = made(FOUR)
    figure = forest_plot(review, "diltiazem", columns=["dose", "time_point"])
    assert {"Dose", "Months"} <= set(row_of(figure, "Study"))
    assert {"5 mg", "3"} <= set(row_of(figure, "Balin 2012"))
    assert "Follow-up" in texts(forest_plot(under(review, columns=["follow_up"]), "diltiazem"))
    with pytest.raises(ReviewError, match="column 'colour' is not known; one of dose, follow_up, outcome, time_point"):
        forest_plot(review, "diltiazem", columns=["colour"])


def test_words_are_those_of_the_outcome():
    stroke = OUTCOMES.assign(
        noun_plural="patients with a stroke", noun_singular="patient with a stroke", event_plural="had a stroke"
    )
    figure = forest_plot(made(FOUR).with_tables(outcomes=stroke), "diltiazem")
    assert "Patients with a stroke,\u00a0%" in texts(figure)
    assert "21/41 had a stroke" in figure.alt_text
    assert "respon" not in (whole_text(figure) + figure.alt_text).lower()


CASES = {
    "1": lambda: made(FOUR[:1], LEFT_OUT, ["Fam 2020"]),
    "3": lambda: made(FOUR[:3], (), (), GLMM),
    "14": lambda: made(many(14), LEFT_OUT, ["Fam 2020"] * 3, GLMM, {"ssc": GLMM}),
    "40": lambda: made(many(40), LEFT_OUT, ["Fam 2020"] * 12, GLMM),
    "60": lambda: made(many(60), LEFT_OUT, ["Fam 2020"] * 12, GLMM),
    "long names": lambda: made(
        [(LONG, 0, 6, "other", "IIB", 2001), (LONG.replace(" ", ""), 7, 7, "ctd_mixed", "IV", 2002), *FOUR],
        [(reason, (LONG, *arm[1:])) for reason, arm in LEFT_OUT],
        [LONG] * 4,
        GLMM,
    ),
    "no arms": lambda: made([], LEFT_OUT, ["Fam 2020"]),
    "nothing": lambda: made([], (), ["Fam 2020"]),
}


@pytest.mark.parametrize("case", CASES)
@pytest.mark.parametrize("preset", ["screen", "jama", "lancet"])
def test_nothing_is_cut_off_or_overlaps(case, preset):
    style = read_style(PRESETS, preset)
    figure = forest_plot(CASES[case](), "diltiazem", style)
    assert check_figure(figure) == []
    assert figure.width * 25.4 / 72 == pytest.approx(style.width_mm)


@pytest.mark.parametrize("subgroups", [True, False])
def test_groupedof_long_names_fit(subgroups):
    assert check_figure(plot(FOUR, LEFT_OUT, (), GLMM, grouped=subgroups)) == []


def test_height_follows_from_the_rows():
    heights = [plot(many(k), grouped=False).height for k in (1, 14, 40, 60)]
    assert heights == sorted(heights)
    assert heights[3] < 13 * 72  # points: 60 studies stay on a long page


def test_a_width_too_narrow_is_refused_with_the_width_needed():
    with pytest.raises(ReviewError, match=r"75 mm is too narrow for this figure; it needs 9[0-9] mm$"):
        plot(FOUR, (), (), GLMM, style=replace(SCREEN, width_mm=75))
    assert check_figure(plot(FOUR, (), (), GLMM, style=replace(SCREEN, width_mm=140))) == []


class TestCheckFigure:
    def faults(self, change):
        figure = plot(FOUR, (), (), GLMM)
        assert check_figure(figure) == []
        return check_figure(change(figure))

    def with_text(self, figure, x, y, words):
        return replace(figure, items=(*figure.items, Text(x, y, words)))

    def test_text_outside(self):
        found = self.faults(lambda f: self.with_text(f, 0.97 * f.width, f.height - 5, "far too long for its place"))
        assert found == ["cut off at the edge: 'far too long for its place'"]

    def test_texts_on_one_another(self):
        found = self.faults(lambda f: self.with_text(f, f.texts[-1].x, f.texts[-1].y, "again"))
        assert len(found) == 1
        assert found[0].startswith("overlap: ")
        assert found[0].endswith("'again'")

    def test_text_on_a_mark(self):
        def change(figure):
            left, top, right, bottom = figure.shapes("marks")[0].box
            return self.with_text(figure, (left + right) / 2, (top + bottom) / 2, "x")

        assert "text on a mark: 'x'" in self.faults(change)

    def test_small_type(self):
        assert self.faults(lambda f: changed(f, size=5.5)) == [
            f"type of 5.5 pt, smallest is 6: {plot(FOUR, (), (), GLMM).texts[-1].words!r}"
        ]

    def test_letters_the_font_does_not_have(self):
        found = check_figure(plot([("王 2020", 3, 9, "ssc", "IV", 2020)]))
        assert found == ["not in the font: 王 in '王 2020'"]


class TestStyle:
    def test_screen_preset_is_the_default(self):
        assert read_style(PRESETS, "screen") == SCREEN

    @pytest.mark.parametrize("name", NAMES)
    def test_every_preset_states_source_and_confidence(self, name):
        style = read_style(PRESETS, name)
        assert style.source
        assert re.match("high|medium|low", style.confidence)
        assert style.small >= 6
        assert set(style.formats) <= set(FORMATS)

    @pytest.mark.parametrize("name", NAMES)
    def test_marks_can_be_told_apart_in_grey(self, name):
        """Lightness of diamonds of different meaning differs; study and pooled differ in shape as well."""
        colours = read_style(PRESETS, name).colours
        assert abs(luminance(colours["pooled"]) - luminance(colours["subgroup"])) > 0.1

    def test_unknown_preset(self):
        with pytest.raises(ValueError, match="no figure preset 'nature'; there are screen, elsevier, jaad"):
            read_style(PRESETS, "nature")

    def test_unknown_field(self, tmp_path):
        path = tmp_path / "presets.yaml"
        path.write_text("presets: {a: {widths_mm: {x: 90}, width: x, colour: red}}", encoding="utf-8")
        with pytest.raises(ValueError, match=r"preset a has unknown fields: colour$"):
            read_style(path, "a")

    def test_wrapping_keeps_every_letter_and_the_width(self):
        lines = wrap_text(LONG, SCREEN, 7, 80)
        assert len(lines) > 3
        assert all(text_width(line, SCREEN, 7) <= 80 for line in lines)
        assert lines[0] == "Bouchard-Desrochers-"[: len(lines[0])]
        assert [line[-1] for line in lines[:3]] == ["-", "n", "e"]  # at its hyphen, then at spaces
        assert "".join(lines).replace(" ", "") == LONG.replace(" ", "")
        assert wrap_text("", SCREEN, 7, 80) == []

    def test_a_long_word_breaks_between_syllables_or_not_at_all(self):
        lines = wrap_text("Otolaryngological, Strengths", SCREEN, 7, 30)
        assert "".join(line.removesuffix("-") for line in lines) == "Otolaryngological,Strengths"
        assert all(line.endswith("-") or line in ("logical,", "Strengths") for line in lines)
        assert lines[-1] == "Strengths"  # one syllable, though it is wider

    def test_measured_width_is_the_drawn_width(self):
        drawing = plot(FOUR)
        item = max(drawing.texts, key=lambda text: len(text.words))
        figure = drawing.figure()
        same = next(text for text in figure.texts if text.get_text() == item.words)
        drawn = same.get_window_extent(FigureCanvasAgg(figure).get_renderer()).width * 72 / figure.dpi
        assert text_width(item.words, SCREEN, item.size) == pytest.approx(drawn, rel=0.02)


class TestSaveFigure:
    @pytest.mark.parametrize("ending", FORMATS)
    def test_same_figure_same_bytes(self, tmp_path, ending):
        for name in "ab":
            save_figure(plot(FOUR, LEFT_OUT, (), GLMM), tmp_path / f"{name}.{ending}")
        assert (tmp_path / f"a.{ending}").read_bytes() == (tmp_path / f"b.{ending}").read_bytes()

    def test_unknown_format(self, tmp_path):
        with pytest.raises(ValueError, match="figures are written as svg, pdf, png, eps, tiff, not 'docx'"):
            save_figure(plot(FOUR), tmp_path / "a.docx")

    def test_a_users_settings_change_nothing(self, tmp_path):
        import matplotlib

        save_figure(plot(FOUR), tmp_path / "a.eps")
        with matplotlib.rc_context({"savefig.bbox": "tight", "ps.fonttype": 3, "font.family": "serif"}):
            save_figure(plot(FOUR), tmp_path / "b.eps")
        assert (tmp_path / "a.eps").read_bytes() == (tmp_path / "b.eps").read_bytes()

    @pytest.mark.parametrize("text", ["text", "path"])
    def test_svg_has_title_and_description(self, tmp_path, text):
        save_figure(plot(FOUR, (), (), GLMM, style=replace(SCREEN, svg_text=text)), tmp_path / "a.svg")
        svg = (tmp_path / "a.svg").read_text(encoding="utf-8")
        assert "<title>Forest plot: Diltiazem</title>" in svg
        assert "<desc>Forest plot of Diltiazem. 4 study arms" in svg
        assert 'role="img"' in svg
        assert ("<text" in svg) == (text == "text")

    def test_editable_svg_keeps_the_measured_lengths(self, tmp_path):
        style = read_style(PRESETS, "lancet")
        save_figure(plot([("A & B <c> 2001", 3, 9, "ssc", "IV", 2001)], style=style), tmp_path / "a.svg")
        svg = (tmp_path / "a.svg").read_text(encoding="utf-8")
        found = re.search(r'textLength="([\d.]+)" lengthAdjust="spacingAndGlyphs">A &amp; B &lt;c&gt; 2001</text>', svg)
        assert float(found[1]) == pytest.approx(text_width("A & B <c> 2001", style, style.size), abs=0.01)
        assert svg.count("<text") == svg.count("textLength")

    def test_pdf_embeds_truetype_and_is_tagged(self, tmp_path):
        save_figure(plot(FOUR), tmp_path / "a.pdf")
        data = (tmp_path / "a.pdf").read_bytes()
        assert b"/FontFile2" in data
        assert b"/Type3" not in data
        assert b"CreationDate" not in data
        assert b"<pdfuaid:part>1</pdfuaid:part>" in data
        assert b"Forest plot of Diltiazem. 4 study arms" in data

    def test_tiff_is_rgb_with_lzw_at_the_dpi_of_the_preset(self, tmp_path):
        style = read_style(PRESETS, "elsevier")
        save_figure(plot(FOUR, style=style), tmp_path / "a.tiff")
        with Image.open(tmp_path / "a.tiff") as picture:
            assert picture.mode == "RGB"
            assert picture.info["compression"] == "tiff_lzw"
            assert picture.info["dpi"] == (1000, 1000)
            assert picture.size[0] == pytest.approx(190 / 25.4 * 1000, abs=1)

    def test_eps_has_its_box_and_no_date(self, tmp_path):
        save_figure(plot(FOUR), tmp_path / "a.eps")
        data = (tmp_path / "a.eps").read_bytes()
        assert data.startswith(b"%!PS-Adobe-3.0 EPSF-3.0")
        assert b"%%BoundingBox: 0 0 539" in data
        assert b"CreationDate" not in data


class TestBundledReview:
    @pytest.mark.parametrize("preset", NAMES)
    def test_every_figure_is_without_fault(self, preset):
        review, style = bundled_review(), read_style(PRESETS, preset)
        names = [
            "summary_forest",
            *(f"forest_{one}" for one, found in review.analyses.items() if found.disease == "all"),
        ]
        assert len(names) > 20
        faults = {name: check_figure(review_figure(review, name, style)) for name in names}
        assert {name: found for name, found in faults.items() if found} == {}

    def test_summary_has_each_treatment_once(self):
        review = bundled_review()
        figure = review_figure(review, "summary_forest")
        words = whole_text(figure)
        shown = [one for one in review.analyses.values() if one.scope == "therapy" and one.disease == "all"]
        assert len(shown) > 20
        assert all(one.label in words for one in shown)
        assert row_of(figure, "Diltiazem") == ["Diltiazem", "IV", "4", "2", "21/41", "54.8 [18.8, 93.3]"]
        assert row_of(figure, "Warfarin (low dose)")[1:3] == ["IB", "2"]
        assert "CO2 laser (IV) 17/21 lesions." in words
        assert "no other arms than Surgical excision" in texts(figure)
        assert figure.height * 25.4 / 72 < 247  # one page

    def test_pooled_and_crude_differ_without_colour(self):
        review = bundled_review()
        figure = review_figure(review, "summary_forest")
        white = [shape.face == "#FFFFFF" for shape in figure.shapes("marks")]
        assert not white[0]
        assert white[-1]
        widths = [line.width for line in figure.lines("intervals")]
        assert max(widths) == pytest.approx(4 * min(widths))
        assert text_of(figure, "Diltiazem").bold
        words = whole_text(figure)
        assert "pooled (bold), 95% CI thick, prediction interval thin" in words
        assert "not pooled: crude proportion, exact 95% CI" in words

    def test_no_column_for_awaited_counts_when_none_are(self):
        review = bundled_review()
        review = review.with_results({"pooled": review["pooled"].assign(k_awaiting=0)})
        figure = review_figure(review, "summary_forest")
        assert row_of(figure, "Diltiazem") == ["Diltiazem", "IV", "4", "21/41", "54.8 [18.8, 93.3]"]
        assert "Awaiting" not in texts(figure)

    def test_classes_stand_in_the_order_of_table_iv(self):
        words = texts(review_figure(bundled_review(), "summary_forest"))
        order = [words.index(label) for label in ("Calcium-channel blockers", "Anticoagulants", "Surgery")]
        assert order == sorted(order)

    def test_unknown_figure(self):
        with pytest.raises(ReviewError, match="no such figure; nearest is"):
            review_figure(bundled_review(), "forest_aspirin")


def test_summary_of_a_review_without_any_counts():
    review = bundled_review()
    arms = review["arms"].assign(entered="no", responders=np.nan)
    pooled = review["pooled"].assign(k=0, k_left_out=0, pooled="no", studies="")
    figure = summary_forest(review.with_results({"arms": arms, "pooled": pooled}))
    assert figure.axis is None
    assert "No treatment has usable counts" in texts(figure)
    assert check_figure(figure) == []
