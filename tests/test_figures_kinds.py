"""Figures beside the forest plots, pages, presets and preflight: texts, positions and numbers, no image hashes."""

import itertools
import math
import re
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pypdfium2
import pytest
from colorspacious import cspace_convert, deltaE
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from small_evidence import ReviewError, figures
from small_evidence.extraction.appraisals import parts
from small_evidence.figures import WHOLE, draw_figures, figure_names, render, review_figure, save_review_figure
from small_evidence.figures.adverse_events import adverse_event_plot
from small_evidence.figures.drawing import describe, pages_of
from small_evidence.figures.evidence_map import evidence_map, level_colour
from small_evidence.figures.flow import prisma_flow
from small_evidence.figures.fonts import text_width
from small_evidence.figures.forest import forest_plot
from small_evidence.figures.layout import _pages, draw_sheet
from small_evidence.figures.marks import Glyph, Mark
from small_evidence.figures.page import Column, Row, Sheet
from small_evidence.figures.preflight import check_figure, check_file, preflight_frame
from small_evidence.figures.render import save_figure
from small_evidence.figures.risk_of_bias import one_judgement, overall_judgements, risk_of_bias_summary, traffic_light
from small_evidence.figures.sensitivity import funnel_plot
from small_evidence.figures.style import SCREEN, contrast, luminance, read_style
from small_evidence.made import changed_by_hand
from small_evidence.standards import Standards
from small_evidence.synthesis.patients import treated
from small_evidence.tables.responses import table_iv
from tests.drawn import bundled_review, changed, marks, row_of, text_of, texts, whole_text

PROJECT = Path(__file__).parents[1]
PRESETS = PROJECT / "workflow/standards/journal_figures.yaml"
INSTRUMENTS = Standards().instruments
NAMES = ["screen", "elsevier", "jaad", "bmj", "jama", "lancet"]
ON_DEMAND = ["leave_one_out_", "cumulative_", "methods_", "posterior_", "funnel_", "arm_sizes_"]


def draw(name, style=SCREEN, review=None):
    return review_figure(review or bundled_review(), name, style)


def width_of(shape):
    left, _, right, _ = shape.box
    return right - left


class TestBundledReview:
    @pytest.mark.parametrize("preset", NAMES)
    def test_every_kind_of_figure_is_without_fault(self, preset):
        style = read_style(PRESETS, preset)
        names = [*WHOLE, *(f"{kind}diltiazem" for kind in ON_DEMAND), "forest_diltiazem", "forest_warfarin"]
        faults = {name: check_figure(draw(name, style)) for name in names}
        assert {name: found for name, found in faults.items() if found} == {}

    def test_preflight_of_every_figure_and_format_finds_no_fault(self, tmp_path):
        """The promise to the author: what the run draws can go to the journal."""
        review, style = bundled_review(), read_style(PRESETS, "elsevier")
        config = {**review.config, "figures": {**review.config["figures"], "formats": ["svg", "pdf", "png"]}}
        review = replace(review, config=config)
        draw_figures(review, tmp_path / "preflight.csv", replace(style, png_dpi=100))  # fewer pixels, less time
        table = pd.read_csv(tmp_path / "preflight.csv", keep_default_na=False)
        made = table[table["absent"] == ""]
        absent = set(table["figure"]) - set(made["figure"])
        compared = {name for name in figure_names(review) if name.startswith("comparison_")}
        assert absent == {"risk_of_bias", *compared}  # no pair of therapies has usable counts
        assert len(made) == 3 * (len(figure_names(review)) - len(absent)) > 60
        assert set(made["figure"] + "." + made["format"]) == {path.name for path in tmp_path.iterdir()} - {
            "preflight.csv"
        }
        assert table.loc[table["faults"] != "", ["figure", "format", "faults"]].to_dict("records") == []
        assert set(made["width_mm"].astype(float)) == {190.0}
        assert (made["smallest_type"].astype(float) >= 6).all()
        assert (made["contrast"].astype(float) >= 4.5).all()
        assert set(made.loc[made["format"] == "pdf", "fonts"]) == {"embedded"}
        assert set(made["alt_text"]) == {"yes"}

    def test_an_empty_figure_is_not_written_and_its_absence_is_stated(self, tmp_path):
        review = self.small(bundled_review())
        draw_figures(review, tmp_path / "preflight.csv")
        table = pd.read_csv(tmp_path / "preflight.csv", keep_default_na=False).set_index("figure")
        assert not list(tmp_path.glob("risk_of_bias*"))
        assert table.loc["risk_of_bias", "format"] == ""
        assert table.loc["risk_of_bias", "absent"].startswith(
            "Not appraised: the review has no risk-of-bias judgements"
        )

    def small(self, review):
        """The same with two forest plots, in one format."""
        pooled = review["pooled"].query("analysis in ['diltiazem', 'warfarin']")
        config = {**review.config, "figures": {**review.config["figures"], "formats": ["svg"]}}
        return replace(review.with_results({"pooled": pooled}), config=config)

    def test_what_did_not_change_keeps_its_file(self, tmp_path):
        review, listed = self.small(bundled_review()), tmp_path / "preflight.csv"
        draw_figures(review, listed)
        first = {path.name: path.stat().st_mtime_ns for path in tmp_path.glob("*.svg")}
        assert len(first) == 6
        before = listed.read_bytes()
        draw_figures(review, listed)
        assert {path.name: path.stat().st_mtime_ns for path in tmp_path.glob("*.svg")} == first
        assert listed.read_bytes() == before
        changed = review["pooled"].copy()
        changed.loc[changed["analysis"] == "warfarin", "crude"] += 0.01
        draw_figures(review.with_results({"pooled": changed}), listed)
        again = {path.name for path in tmp_path.glob("*.svg") if path.stat().st_mtime_ns != first[path.name]}
        assert again == {"forest_warfarin.svg", "summary_forest.svg"}

    def test_a_figure_changed_by_hand_or_made_by_other_code_or_fonts_is_drawn_again(self, tmp_path, monkeypatch):
        review, listed = self.small(bundled_review()), tmp_path / "preflight.csv"
        draw_figures(review, listed)
        pictures = sorted(tmp_path.glob("*.svg"))
        first, drawn = [path.read_bytes() for path in pictures], []
        kept = figures.save_figure
        monkeypatch.setattr(figures, "save_figure", lambda *made: (drawn.append(made[1]), kept(*made)))
        pictures[0].write_bytes(first[0] + b" ")
        pictures[1].unlink()
        assert sorted(changed_by_hand(listed)) == pictures[:2]
        draw_figures(review, listed)
        assert sorted(drawn) == pictures[:2]
        assert [path.read_bytes() for path in pictures] == first
        for name in ("maker_of", "font_hashes"):
            drawn.clear()
            monkeypatch.setattr(render, name, lambda *_: "other")
            draw_figures(review, listed)
            assert sorted(drawn) == pictures

    def test_files_of_a_figure_that_is_gone_are_deleted_and_no_others(self, tmp_path):
        review, listed = self.small(bundled_review()), tmp_path / "preflight.csv"
        draw_figures(review, listed)
        for name in ("forest_warfarin.pdf", "notes.txt"):
            (tmp_path / name).touch()
        draw_figures(review.with_results({"pooled": review["pooled"].query("analysis == 'diltiazem'")}), listed)
        names = {path.name for path in tmp_path.iterdir()}
        assert "forest_warfarin.svg" not in names
        assert {"forest_diltiazem.svg", "forest_warfarin.pdf", "notes.txt"} <= names

    def test_a_figure_that_cannot_be_drawn_is_named(self, tmp_path):
        style = replace(SCREEN, width_mm=75)
        with pytest.raises(
            ReviewError, match=r"^figure evidence_map: 75 mm is too narrow for this figure; it needs \d+ mm$"
        ):
            save_review_figure(bundled_review(), tmp_path / "evidence_map.svg", style)

    def test_a_letter_that_the_journals_font_does_not_have(self, tmp_path):
        """It comes from the font after it, and its width is that of this font."""
        style = replace(SCREEN, font=("Liberation Serif", "DejaVu Serif"))
        figure = draw_sheet(COLUMNS, [Row({"study": "≋ 2020", "count": "1/2"})], Sheet(), style)
        assert check_figure(figure) == []
        assert text_width("≋", style, 10) == text_width("≋", SCREEN, 10)
        save_figure(figure, tmp_path / "a.pdf")
        with pypdfium2.PdfDocument(tmp_path / "a.pdf") as document:
            assert "≋ 2020" in document[0].get_textpage().get_text_bounded()


class TestWithoutSecondarySources:
    def test_pooled_again_as_a_lighter_diamond(self):
        figure = draw("forest_diltiazem")
        row = row_of(figure, "Without secondary sources: 3 studies")
        assert row == ["Without secondary sources: 3 studies", "16/33", "55.2 [6.1, 99.0]"]
        diamond = marks(figure)[-1]
        assert (diamond[:, 0].min(), diamond[:, 0].max()) == pytest.approx((6.13, 98.97), abs=0.01)
        assert "pooled without secondary sources, 95% CI" in texts(figure)
        assert "Without secondary sources: 3 studies, 16/33, pooled 55.2 [6.1, 99.0]." in figure.alt_text

    def test_crude_when_too_few_studies_are_left(self):
        figure = draw("forest_surgical_excision")
        row = row_of(figure, "Without secondary sources: 1 study, not pooled, crude")
        assert row[1:] == ["27/28", "96.4 [81.7, 99.9]"]

    def test_no_study_left(self):
        figure = draw("forest_warfarin")
        assert row_of(figure, "Without secondary sources") == ["Without secondary sources", "No study is left"]
        assert "Without secondary sources no study is left." in figure.alt_text

    def test_not_said_where_there_are_none(self):
        assert "secondary" not in whole_text(draw("forest_minocycline"))

    def test_summary_shows_each_treatment_with_and_without(self):
        figure = draw("summary_forest")
        lines = [row_of(figure, text) for text in ("16/33", "27/28")]
        assert lines[0] == ["without secondary sources", "3", "16/33", "55.2 [6.1, 99.0]"]
        assert lines[1] == ["without secondary sources", "1", "27/28", "96.4 [81.7, 99.9]"]
        assert texts(figure).count("without secondary sources") == 3
        assert "no study is left" in texts(figure)
        assert "Diltiazem without secondary sources 16/33, 55.2 [6.1, 99.0]" in figure.alt_text
        assert "CO2 laser (IV) 17/21 lesions." in whole_text(figure)


class TestSubgroups:
    def plot(self, subgroups, **results):
        review = bundled_review().with_results(results)
        return forest_plot(review, "diltiazem", subgroups=subgroups)

    def test_diamond_of_the_subgroup_model_and_none_for_one_study(self):
        figure = self.plot("disease")
        assert row_of(figure, "Subgroup") == ["Subgroup", "14/25", "56.0 [5.4, 97.2]", "61.0"]
        assert texts(figure).count("Subgroup") == 1
        words = "Test for differences between diseases: not done (a subgroup has fewer than 2 studies)."
        assert words in texts(figure)

    def test_by_design(self):
        figure = self.plot("design")
        words = texts(figure)
        headings = ["Case series, direction not stated", "Retrospective case series", "Design not reported"]
        assert [text for text in words if text in headings] == headings
        assert row_of(figure, "Subgroup") == ["Subgroup", "7/16", "74.1 [0.2, >99.9]", "39.0"]
        assert "pooled within a design, 95% CI" in words

    def test_by_level_has_no_column_for_it(self):
        figure = self.plot("level")
        assert "Level of evidence IV" in texts(figure)
        assert "Level of evidence not gradable" in texts(figure)
        assert "Level" not in texts(figure)
        assert check_figure(figure) == []

    def test_why_there_is_no_test(self):
        tests = bundled_review()["heterogeneity"].assign(chi2=math.nan, test_note="one subgroup only")
        figure = self.plot("disease", heterogeneity=tests)
        assert "Test for differences between diseases: not done (one subgroup only)." in texts(figure)

    def test_unknown(self):
        with pytest.raises(ReviewError, match=r"^subgroups 'age' are not known; one of disease, design, level$"):
            self.plot("age")

    def test_risk_of_bias_is_a_sign_with_its_key(self):
        judged = appraisals().query("item == 'overall'").assign(judgement=["High", "some concerns"])
        figure = forest_plot(bundled_review().with_tables(risk_of_bias=judged), "diltiazem")
        assert "IV" in row_of(figure, "Balin 2012")
        assert {"×", "−", "·", "high", "some concerns", "not appraised", "of bias"} <= set(texts(figure))
        assert check_figure(figure) == []

    def test_year_column_only_where_labels_are_silent(self):
        review = bundled_review()
        assert "Year" not in texts(self.plot(False))
        studies = review["studies"].assign(label=review["studies"]["study_id"].str.replace(r"\d+", "", regex=True))
        figure = forest_plot(review.with_tables(studies=studies), "diltiazem")
        assert row_of(figure, "balin")[1] == "2012"


def with_arms(k, seed=5):
    """The bundled review where diltiazem has k arms, with the test of small studies done."""
    rng = np.random.default_rng(seed)
    n = rng.integers(4, 90, k)
    review = bundled_review()
    arms = pd.concat([review.analysis("diltiazem").entered.head(1)] * k)
    arms = arms.assign(n=n.astype(float), responders=rng.binomial(n, 0.55).astype(float))
    tests = pd.DataFrame(
        {"analysis": ["diltiazem"], "factor": ["small_studies"], "chi2": 2.5, "df": 1, "ddf": k - 2, "p": 0.146}
    )
    return review.with_results({"arms": arms, "heterogeneity": tests}), arms


class TestSensitivity:
    def test_arm_sizes(self):
        figure = draw("arm_sizes_diltiazem")
        assert row_of(figure, "10 or more")[:3] == ["10 or more", "2", "12/29"]
        assert row_of(figure, "3 or more")[1:] == row_of(figure, "Primary analysis, 3 or more")[1:]

    def test_leave_one_out(self):
        figure = draw("leave_one_out_diltiazem")
        assert row_of(figure, "Study left out") == ["Study left out", "Studies", "Responders/n", "% [95% CI]"]
        assert row_of(figure, "Palmieri 1995") == ["Palmieri 1995", "3", "17/37", "45.9 [12.3, 83.5]"]
        assert row_of(figure, "All studies") == ["All studies", "4", "21/41", "54.8 [18.8, 93.3]"]
        shade = next(path for path in marks(figure, "guides") if np.ptp(path[:, 0]) > 1)
        assert (shade[:, 0].min(), shade[:, 0].max()) == pytest.approx((18.81, 93.31), abs=0.01)

    @pytest.mark.parametrize("order", ["year", "effect", "n"])
    def test_leave_one_out_has_the_order_of_the_forest_plot(self, order):
        review = bundled_review()
        config = {**review.config, "figures": {**review.config["figures"], "order": order}}
        forest, without = (
            [words.split("\u00a0")[0] for words in texts(review_figure(replace(review, config=config), name))]
            for name in ("forest_diltiazem", "leave_one_out_diltiazem")
        )
        studies = [words for words in without if words in {"Palmieri 1995", "Vayssairat 1998", "Balin 2012"}]
        assert studies == [words for words in forest if words in studies]
        assert len(studies) == 3

    def test_cumulative_is_crude_until_there_are_enough(self):
        figure = draw("cumulative_diltiazem")
        assert row_of(figure, "1998") == ["1998", "2", "7/16", "43.8 [19.8, 70.1]"]
        assert row_of(figure, "Year not reported")[1:3] == ["4", "21/41"]
        assert "too few to pool: crude, exact 95% CI" in texts(figure)

    def test_every_method_with_the_primary_marked(self):
        figure = draw("methods_diltiazem")
        assert row_of(figure, "Profile, Student (primary)")[1:] == ["0.46", "54.8 [18.8, 93.3]"]
        methods = bundled_review()["sensitivity"].query("analysis == 'diltiazem' and variant == 'method'")
        assert len(marks(figure)) == len(methods)
        assert "interval of the primary analysis" in texts(figure)
        assert "Logit, DL, Wald" in texts(figure)

    def test_posterior_stands_over_its_median(self):
        figure = draw("posterior_diltiazem")
        curve = marks(figure)[0]
        assert curve[np.argmin(curve[:, 1]), 0] == pytest.approx(53.5, abs=1.5)
        row = row_of(figure, "Posterior median, 95% credible interval")
        assert row[1] == "54.8 [28.5, 83.6]"
        assert "standard deviation 2.5" in whole_text(figure)

    @pytest.mark.parametrize("kind", ON_DEMAND)
    def test_not_pooled_says_why(self, kind):
        figure = draw(f"{kind}minocycline")
        assert figure.absent == "Not pooled: 2 studies, 3 needed"
        assert "Not pooled: 2 studies, 3 needed." in texts(figure)
        assert figure.axis is None
        assert "Not pooled: 2 studies, 3 needed" in figure.alt_text

    def test_no_funnel_below_ten_studies(self):
        assert draw("funnel_diltiazem").absent == "No funnel plot: 4 study arms, 10 needed"

    def test_funnel_from_ten_studies_on(self):
        review, arms = with_arms(12)
        figure = funnel_plot(review, "diltiazem")
        assert (
            "Small-study effects, log odds against 1/n: likelihood ratio 2.50, P = 0.15 (F with 1 and 10 df)."
            in texts(figure)
        )
        (range_,) = (np.array(shape.points) for shape in figure.shapes("guides"))
        range_[:, 0] = [100 * figure.axis.proportion(x) for x in range_[:, 0]]
        dots = marks(figure)
        assert len(dots) == 12
        assert [dot[:16, 0].mean() for dot in dots] == pytest.approx(list(100 * arms["responders"] / arms["n"]))
        heights = np.array([-dot[:16, 1].mean() for dot in dots])
        assert (np.diff(heights[np.argsort(arms["n"].to_numpy())]) > -1e-6).all()
        # At the smallest size the limits lie the farthest from the pooled value, and on both sides of it.
        assert range_[:, 0].min() < 54.8 < range_[:, 0].max()
        assert check_figure(figure) == []


class TestEvidenceMap:
    def test_sign_size_and_hatching(self):
        review = bundled_review()
        figure = draw("evidence_map")
        assert row_of(figure, "Warfarin (low dose)")[1:] == ["IB", "4", "7"]
        minocycline = row_of(figure, "Minocycline")
        assert minocycline[-3:] == ["IV", "2", "87"]
        shown = [one for one in review.analyses.values() if one.scope == "therapy" and one.disease != "all"]
        assert all(review.labels.therapy[one.therapy] in whole_text(figure) for one in shown)
        glyphs = figure.shapes("glyphs")
        assert {bool(item.hatch) for item in glyphs} == {False, True}
        assert "hatched: no usable counts available" in texts(figure)
        assert max(map(width_of, glyphs)) == pytest.approx(3.6 * SCREEN.size)

    def test_area_is_in_proportion_to_patients(self):
        review = bundled_review()
        levels = review["therapy_levels"]
        chosen = (levels["therapy"] == "minocycline") | (levels["therapy"] == "surgical_excision")
        levels = levels[chosen]
        figure = evidence_map(review.with_results({"therapy_levels": levels}))
        widths = sorted(map(width_of, figure.shapes("glyphs")))
        patients = treated(review)  # those of Table IV
        share = patients["surgical_excision-ctd_mixed"] / patients["minocycline-ssc"]
        assert (widths[-2] / widths[-1]) ** 2 == pytest.approx(share)

    def test_patients_of_every_treatment_are_those_of_table_iv(self):
        figure, patients = draw("evidence_map"), table_iv(bundled_review()).frame.set_index("Treatment")["Patients"]
        shown = [label for label in patients.index if label in texts(figure)]
        assert len(shown) >= 40
        assert [row_of(figure, label)[-1] for label in shown] == [str(patients[label]) for label in shown]

    def test_levels_of_studies_without_a_disease_have_a_column(self):
        """Warfarin's level IB comes from a study that does not report the disease."""
        figure = evidence_map(bundled_review())
        assert {"Disease", "NR"} <= {text.words for text in figure.texts}
        assert "disease NR IB, 3" in figure.alt_text

    def test_levels_differ_in_grey(self):
        greys = [luminance(level_colour(rank, 7, SCREEN)) for rank in range(7)]
        assert greys == sorted(greys)
        assert [level_colour(rank, 7, SCREEN).upper() for rank in (0, 6)] == [
            SCREEN.colours[end].upper() for end in ("best", "least")
        ]
        lightness = [116 * value ** (1 / 3) - 16 for value in greys]
        assert min(np.diff(lightness)) > 8

    def test_a_review_without_studies(self):
        review = bundled_review()
        empty = {name: review[name][:0] for name in ("therapy_levels", "trace")}
        nothing = evidence_map(review.with_results(empty))
        assert nothing.absent == "No treatment has a study"
        assert check_figure(nothing) == []


class TestAdverseEvents:
    def test_known_counts_zero_and_silence_look_different(self):
        figure = draw("adverse_events")
        assert row_of(figure, "infusion-related event")[2:] == ["NR", "1/9", "11.1 [0.3, 48.2]"]
        assert row_of(figure, "side effects (any)")[-2:] == ["0/3", "0.0 [0.0, 70.8]"]
        assert row_of(figure, "minor adverse events (any)")[-2:] == ["NR/78", "count not reported"]
        assert row_of(figure, "mild infection at calcinosis sites")[-2:] == ["2/NR", "patients watched not reported"]
        assert "unclear in the source" in texts(figure)
        words = whole_text(figure)
        assert "No statement on adverse events found, which does not mean that there were none" in words
        assert "Verapamil" in words.split("No statement")[1]
        assert "Minocycline;" not in words.split("No statement")[1]

    def test_one_mark_for_each_pair_of_counts(self):
        events = bundled_review()["adverse_events"]
        known = events[events["n_patients"].str.isdigit() & events["n_at_risk"].str.isdigit()]
        status = bundled_review()["studies"].set_index("study_id")["status"]
        known = known[known["study_id"].map(status) != "excluded"]
        assert len(marks(draw("adverse_events"))) == len(known)

    def test_nothing_stated(self):
        review = bundled_review()
        figure = adverse_event_plot(review.with_tables(adverse_events=review["adverse_events"][:0]))
        assert figure.absent == "No source states anything on adverse events"
        assert figure.axis is None


def screening(**changed):
    rows = {
        "Records identified": 1000, "MEDLINE": 700, "Duplicates removed before screening": 200,
        "Records screened": 800, "Records excluded": 700, "Reports sought for retrieval": 100,
        "Reports not retrieved": 10, "Reports assessed for eligibility": 90, "Reports excluded with reasons": 50,
        "Reports excluded: wrong population": 30, "Reports excluded: no counts": 20, "Studies included": 38,
        "Reports of included studies": 40, "Studies pooled": 12,
    } | changed  # fmt: skip
    stages = {"MEDLINE": "identification", "Studies pooled": "included"}
    table = pd.DataFrame({"label": list(rows), "n": [str(value) for value in rows.values()]})
    return table.assign(stage=table["label"].map(stages).fillna("screening"), source="")


OTHER = {
    "Records from websites": 5, "Other reports sought for retrieval": 5, "Other reports not retrieved": 1,
    "Other reports assessed for eligibility": 4, "Other reports excluded": 3, "Reports of included studies": 41,
}  # fmt: skip


def flow_of(table, style=SCREEN):
    return prisma_flow(bundled_review().with_tables(screening=table), style)


class TestFlow:
    def test_what_is_not_reported_stays_so(self):
        words = texts(draw("prisma_flow"))
        assert "Records identified (n\u00a0=\u00a03032)" in words
        assert "Records screened (n\u00a0=\u00a0NR)" in words
        assert "Studies included (n\u00a0=\u00a030)" in words
        assert "NR: not reported in what was read" in " ".join(words)
        assert "doi:10.1016/j.jaad.2019.07.006" in " ".join(words)

    def test_optional_boxes_and_reasons(self):
        figure = flow_of(screening(**OTHER))
        words = texts(figure)
        assert "MEDLINE (n\u00a0=\u00a0700)" in words
        assert "no counts (n\u00a0=\u00a020)" in words
        assert "Studies pooled (n\u00a0=\u00a012)" in words
        assert "Records from other methods:" in words
        assert check_figure(figure) == []
        plain = flow_of(screening())
        assert "Records from other methods:" not in texts(plain)
        assert "NR: " not in whole_text(plain)

    def test_each_arrow_ends_in_the_middle_of_an_edge_of_a_box_and_each_rule_before_the_boxes(self):
        figure = flow_of(screening(**OTHER))
        boxes = [shape.box for shape in figure.shapes("glyphs") if len(shape.points) == 4]
        tips = [shape.points[0] for shape in figure.shapes("glyphs") if len(shape.points) == 3]
        edges = {
            (round(x, 6), round(y, 6))
            for left, top, right, bottom in boxes
            for x, y in [
                (left, (top + bottom) / 2),
                (right, (top + bottom) / 2),
                ((left + right) / 2, top),
                ((left + right) / 2, bottom),
            ]
        }
        assert len(tips) == len(boxes) - 2 + 1  # none to where records are identified, two to what is included
        assert {(round(x, 6), round(y, 6)) for x, y in tips} <= edges
        lefts = sorted({round(box[0], 6) for box in boxes})
        assert lefts[2] - lefts[1] == pytest.approx(lefts[1] - lefts[0])
        assert max(line.x1 for line in figure.lines("rules") if line.y0 < boxes[-1][1]) < lefts[0]

    def test_numbers_that_do_not_add_up_are_said_so(self):
        assert "add up" not in whole_text(flow_of(screening()))
        assert "add up" not in whole_text(flow_of(screening(**OTHER)))
        words = whole_text(flow_of(screening(**{"Records screened": 790})))
        sums = "100, but 790 (Records screened) − 700 (Records excluded) is 90."
        assert "The numbers do not add up: " in words
        assert sums in words
        assert "add up" not in whole_text(flow_of(screening(**{"Records screened": "NR"})))

    def test_reasons_without_their_total(self):
        table = screening()
        figure = flow_of(table[table["label"] != "Reports excluded with reasons"])
        assert "Reports excluded with reasons (n\u00a0=\u00a050)" in texts(figure)

    def test_too_narrow(self):
        with pytest.raises(ReviewError, match=r"^60 mm is too narrow for this figure; it needs \d+ mm$"):
            flow_of(screening(), replace(SCREEN, width_mm=60))


def appraisals(tool="jbi_case_series"):
    rows = [
        ("balin2012", "J1", "yes", "", "consensus"), ("balin2012", "J2", "no", "", "consensus"),
        ("balin2012", "overall", "", "high", "consensus"), ("palmieri1995", "J1", "unclear", "", "A"),
        ("palmieri1995", "J1", "no", "", "B"), ("palmieri1995", "overall", "", "low", "A"),
    ]  # fmt: skip
    table = pd.DataFrame(rows, columns=["study_id", "item", "answer", "judgement", "rater"])
    return table.assign(tool=tool, result="")


def appraised(table, **tables):
    return bundled_review().with_tables(risk_of_bias=table, **tables)


class TestRiskOfBias:
    def test_consensus_first_then_the_gravest(self):
        table = appraisals()
        more = pd.DataFrame(
            [{"study_id": "balin2012", "item": "J1", "answer": "no", "rater": "A", "tool": "jbi_case_series"}]
        )
        known = one_judgement(pd.concat([more, table], ignore_index=True)).set_index(["study_id", "item"])["judgement"]
        assert known["balin2012", "J1"] == "yes"
        assert known["palmieri1995", "J1"] == "no"
        assert overall_judgements(appraised(table)).to_dict("records") == [
            {"study_id": "balin2012", "judgement": "high"},
            {"study_id": "palmieri1995", "judgement": "low"},
        ]

    def test_traffic_light(self):
        figure = traffic_light(appraised(appraisals()))
        assert row_of(figure, "Study") == ["Study", "J1", "J2", "Overall"]
        assert {"Y", "N", "×", "+"} <= set(texts(figure))
        assert "Instrument: JBI checklist for case series. J1, Clear inclusion criteria; J2" in whole_text(figure)
        assert check_figure(figure) == []

    def test_several_instruments_share_numbered_columns(self):
        answers = {
            "newcastle_ottawa_cohort": "aaaaaaaa", "newcastle_ottawa_case_control": "aaaaabaa", "jbi_case_series": "",
        }  # fmt: skip
        rows = [
            {"study_id": study, "tool": tool, "item": item, "answer": answers[tool][place:][:1] or "yes"}
            for study, tool in zip(("balin2012", "palmieri1995", "vayssairat1998"), answers, strict=True)
            for place, item in enumerate(parts(INSTRUMENTS[tool]))
        ]
        table = pd.DataFrame(rows).assign(rater="A", judgement="", result="")
        figure = traffic_light(appraised(table))
        assert row_of(figure, "Study") == ["Study", *map(str, range(1, 11))]
        assert check_figure(figure) == []
        words = whole_text(figure)
        # S1 is another item in each of the two scales
        assert "Instrument: Newcastle-Ottawa Scale, cohort studies. 1, Exposed cohort representative;" in words
        assert "Instrument: Newcastle-Ottawa Scale, case-control studies. 1, Case definition adequate;" in words
        summary = whole_text(risk_of_bias_summary(appraised(table)))
        assert "Exposed cohort representative" in summary
        assert "Case definition adequate" in summary

    def test_a_row_for_each_result_that_is_judged(self):
        table = appraisals().assign(tool="rob2", result="response at 12 months")
        table = pd.concat([table, table.assign(result="pain")])
        words = texts(traffic_light(appraised(table)))
        assert {"Balin 2012: response at 12 months", "Balin 2012: pain"} <= set(words)
        assert overall_judgements(appraised(table))["study_id"].tolist() == ["balin2012", "palmieri1995"]

    def test_any_number_of_items(self):
        table = pd.concat([appraisals().assign(item=f"J{number}") for number in range(1, 17)])
        assert check_figure(traffic_light(appraised(table))) == []

    def test_summary_counts_studies(self):
        figure = risk_of_bias_summary(appraised(appraisals()))
        assert "1 yes, 1 no" in texts(figure)
        assert "1 low, 1 high" in texts(figure)
        widths = [width_of(shape) for shape in figure.shapes("glyphs")]
        assert widths[0] == pytest.approx(widths[1])  # of J1, one study each
        signs = [text for text in figure.texts if text.words in ("Y", "N")]
        boxes = [shape.box for shape in figure.shapes("glyphs")]
        assert all(any(top < text.y < bottom for _, top, _, bottom in boxes) for text in signs)
        assert min(bottom - top for _, top, _, bottom in boxes) > SCREEN.small  # room for a letter
        assert check_figure(figure) == []

    @pytest.mark.parametrize("draw_it", [traffic_light, risk_of_bias_summary])
    def test_studies_without_an_appraisal_are_counted_and_excluded_ones_left_out(self, draw_it):
        studies = bundled_review()["studies"].head(4).assign(status=["included", "awaiting", "excluded", "included"])
        ids = studies["study_id"].tolist()
        judged = appraisals().query("item == 'J1'").head(2).assign(study_id=[ids[0], ids[2]], answer=["yes", "no"])
        words = texts(draw_it(appraised(judged, studies=studies)))
        assert "Not appraised: 2 of 3 eligible studies." in words
        assert not {"N", "no", "1 yes, 1 no"} & set(words)

    @pytest.mark.parametrize("draw_it", [traffic_light, risk_of_bias_summary])
    def test_not_appraised(self, draw_it):
        eligible = bundled_review()["studies"]["status"].ne("excluded").sum()
        words = texts(draw_it(appraised(appraisals()[:0])))
        assert f"Not appraised: the review has no risk-of-bias judgements ({eligible} eligible studies)." in words


def rows_of(k):
    heading = [Row({"study": "Group"}, bold=True)]
    studies = [
        Row({"study": f"Study {i}", "count": f"{i}/100"}, Mark("study", i / 200, 0.0, 1.0, 0.5), indent=1.2)
        for i in range(k)
    ]
    return heading + studies


COLUMNS = [Column("study", "Study"), Column("count", "n", "right"), Column("axis")]


class TestPages:
    def test_one_page_up_to_sixty_studies(self):
        assert draw_sheet(COLUMNS, rows_of(60), Sheet(title="Long"), SCREEN).pages == ()

    def test_more_go_on_over_pages(self, tmp_path):
        sheet = Sheet(title="Long", statements=["Said at the end"], notes=["A note."])
        figure = draw_sheet(COLUMNS, rows_of(130), sheet, SCREEN)
        pages = figure.pages
        assert len(pages) == 3
        assert [texts(page)[0] for page in pages] == [f"Long (page {number} of 3)" for number in (1, 2, 3)]
        shown = [text for page in pages for text in texts(page) if text.startswith("Study ")]
        assert shown == [f"Study {i}" for i in range(130)]
        assert "Group (continued)" in texts(pages[1])
        assert ["Said at the end" in texts(page) for page in pages] == [False, False, True]
        assert "Continued on page 2." in texts(pages[0])
        assert all(page.height * 25.4 / 72 <= SCREEN.height_mm for page in pages)
        counts = [sum(text.startswith("Study ") for text in texts(page)) for page in pages]
        assert max(counts) - min(counts) <= 2  # as many on each
        places = {(page.axis.left, page.axis.right) for page in pages}
        assert len(places) == 1  # the axis stands at the same place on each
        assert check_figure(figure) == []
        assert describe(figure, "Long", "Words.").pages[1].title == "Long (page 2 of 3)"
        for ending in ("pdf", "png"):
            save_figure(figure, tmp_path / f"long.{ending}")
        assert sorted(path.name for path in tmp_path.iterdir()) == ["long.pdf", "long.png"]
        assert [text for text in texts(figure) if text.startswith("Study ")] == shown  # whole, for other formats
        with pypdfium2.PdfDocument(tmp_path / "long.pdf") as document:
            assert len(document) == 3

    @given(
        groups=st.lists(st.integers(1, 12), max_size=12),
        below=st.integers(0, 30),
        room=st.integers(4, 20),
        end=st.integers(0, 3),
    )
    def test_every_row_stands_on_one_page_that_has_room_for_it(self, groups, below, room, end):
        """Rows of one line each on pages of `room` lines; what closes the figure takes `end` lines more."""
        rows = []
        for number, size in enumerate(groups):
            rows.append(Row({"study": f"Group {number}"}, bold=True))
            rows += [Row({"study": f"Study {number}.{i}"}, Mark("study", 0.5), indent=1.2) for i in range(size)]
        sheet = Sheet(title="Long", below=[Row({"study": f"Left {i}"}) for i in range(below)], notes=["Closing"])

        def fits(here, part):
            return len(here) + len(part.below) + end * (part.notes == ["Closing"]) <= room

        pages = _pages(rows, sheet, fits)
        assert all(fits(*page) for page in pages)
        shown = [row.cells["study"] for here, part in pages for row in [*here, *part.below]]
        said = [words for words in shown if not words.endswith("(continued)")]
        assert said == [row.cells["study"] for row in [*rows, *sheet.below]]
        assert [part.notes == ["Closing"] for _, part in pages] == [False] * (len(pages) - 1) + [True]
        assert not any(here[-1].is_heading for here, part in pages[:-1] if here and not part.below)
        repeated = [here[0].cells["study"] for here, _ in pages[1:] if here and here[0].is_heading]
        assert all(not words.endswith("(continued) (continued)") for words in repeated)

    def test_a_long_list_below_goes_on_too(self):
        below = [Row({"study": f"Left {i}", "count": "0/1"}, note="too small") for i in range(100)]
        figure = draw_sheet(COLUMNS, rows_of(20), Sheet(title="Long", below_heading="Left out", below=below), SCREEN)
        said = [text for page in figure.pages for text in texts(page)]
        shown = [text for text in said if text.startswith("Left ") and text != "Left out"]
        assert shown == [f"Left {i}" for i in range(100)]
        assert check_figure(figure) == []


class TestPresets:
    def test_another_width_of_the_preset(self):
        assert read_style(PRESETS, "bmj/single").width_mm == 90
        assert read_style(PRESETS, "bmj").width_mm == 180
        with pytest.raises(ReviewError, match=r"preset bmj has no width 'wide'; it has single, double$"):
            read_style(PRESETS, "bmj/wide")

    def test_a_figure_that_is_too_wide_is_drawn_at_the_next_width(self, tmp_path):
        style = read_style(PRESETS, "bmj/single")
        assert style.wider_mm == (180,)
        for name, width in (("adverse_events", 180), ("forest_diltiazem", 90)):
            figure = draw(name, style)
            assert figure.width * 25.4 / 72 == pytest.approx(width)
            save_figure(figure, tmp_path / "a.pdf")
            (row,) = check_file(figure, [tmp_path / "a.pdf"])
            assert (row["width_mm"], row["faults"]) == (width, "")

    @pytest.mark.parametrize("preset", NAMES)
    @pytest.mark.parametrize("name", ["evidence_map", "adverse_events"])
    def test_pages_are_no_higher_than_the_journal_takes(self, name, preset):
        """The two highest of the bundled review: a row a treatment, and a row an adverse event."""
        style = read_style(PRESETS, preset)
        figure = draw(name, style)
        assert all(page.height * 25.4 / 72 <= style.height_mm for page in pages_of(figure))
        assert check_figure(figure) == []

    def test_spare_columns_make_way_for_a_single_column(self):
        figure = draw("forest_diltiazem", read_style(PRESETS, "bmj/single"))
        words = whole_text(figure)
        assert "Patients,\u00a0%" not in texts(figure)
        assert "Left out to fit the width: patients" in words
        assert {"Responders/n", "54.8 [18.8, 93.3]"} <= set(texts(figure))
        assert check_figure(figure) == []

    @pytest.mark.parametrize("preset", NAMES)
    def test_diamonds_of_different_meaning_can_be_told_apart(self, preset, tmp_path):
        style = read_style(PRESETS, preset)
        figure = forest_plot(bundled_review(), "diltiazem", style, subgroups="disease")
        assert {"pooled", "subgroup", "without"} <= set(figure.meanings)
        save_figure(figure, tmp_path / "a.svg")
        (row,) = check_file(figure, [tmp_path / "a.svg"])
        assert row["faults"] == ""

    @pytest.mark.parametrize("preset", NAMES)
    @pytest.mark.parametrize("alike", [("pooled", "subgroup", "without"), ("low", "some", "high", "critical")])
    def test_colours_of_one_shape_differ_in_grey_and_to_colour_blind_readers(self, preset, alike):
        """Lightness (CIELAB), and distance in CAM02-UCS as deuteranopes see it (Machado et al. 2009); 8 is about three
        steps that are just seen."""
        colours = read_style(PRESETS, preset).colours
        rgb = [[int(colours[name][at : at + 2], 16) / 255 for at in (1, 3, 5)] for name in alike]
        blind = {"name": "sRGB1+CVD", "cvd_type": "deuteranomaly", "severity": 100}
        for one, other in itertools.combinations(rgb, 2):
            grey = cspace_convert([one, other], "sRGB1", "CIELab")[:, 0]
            assert abs(grey[0] - grey[1]) > 8
            seen = np.clip(cspace_convert([one, other], blind, "sRGB1"), 0, 1)
            assert deltaE(*seen, input_space="sRGB1") > 8

    @pytest.mark.parametrize("preset", NAMES)
    def test_signs_can_be_read_on_their_colours(self, preset):
        style = read_style(PRESETS, preset)
        for name in ("best", "least", "low", "some", "high", "critical", "unknown", "apart"):
            best = max(contrast(style.colours["ink"], style.colours[name]), contrast("#FFFFFF", style.colours[name]))
            assert best >= 4.5


class TestPreflight:
    """Every check fails when what it looks for is there."""

    def faults(self, tmp_path, change=None, style=SCREEN, ending="svg", spoil=None):
        figure = draw("leave_one_out_diltiazem", style)
        path = tmp_path / f"a.{ending}"
        save_figure(figure, path)
        if spoil:
            spoil(path)
        (row,) = check_file(change(figure) if change else figure, [path])
        return row["faults"]

    def test_none(self, tmp_path):
        assert self.faults(tmp_path) == ""

    def test_height(self, tmp_path):
        assert "400 mm high, at most 277" in self.faults(
            tmp_path, lambda figure: replace(figure, height=400 / 25.4 * 72)
        )

    def test_contrast_of_text(self, tmp_path):
        found = self.faults(tmp_path, lambda figure: changed(figure, colour="#999999"))
        assert re.search(r"text of contrast 2\.\d, at least 4\.5", found)

    def test_contrast_of_shapes(self, tmp_path):
        def change(figure):
            return changed(figure, "marks", face="#EEEEEE", edge="#DDDDDD")

        assert "a shape of contrast 1.4, at least 3" in self.faults(tmp_path, change)

    def test_two_meanings_of_one_look(self, tmp_path):
        def with_meanings(other):
            return lambda figure: replace(figure, meanings={"a": ("#777777", "x"), "b": ("#777777", other)})

        assert self.faults(tmp_path, with_meanings("x")) == "a and b look the same"
        assert self.faults(tmp_path, with_meanings("y")) == ""

    def test_words_for_those_who_cannot_see_it(self, tmp_path):
        found = self.faults(tmp_path, lambda figure: replace(figure, alt_text=""))
        assert found == "no title or no text for readers who cannot see it"

    def test_pixels(self, tmp_path):
        def spoil(path):
            with Image.open(path) as picture:
                picture.resize((300, 200)).save(path)

        assert self.faults(tmp_path, ending="png", spoil=spoil) == "40 dpi, the preset says 200"

    def test_fonts(self, tmp_path):
        def spoil(path):
            path.write_bytes(path.read_bytes().replace(b"/FontFile2", b"/FontFileX"))

        assert self.faults(tmp_path, ending="pdf", spoil=spoil) == "fonts are not embedded"

    def test_title_in_the_file(self, tmp_path):
        def spoil(path):
            path.write_text(path.read_text().replace("<desc>", "<x>"))

        assert self.faults(tmp_path, spoil=spoil) == "no title or description in the file"

    def test_text_across_the_edge_of_a_shape(self):
        glyphs = {"sign": Glyph("+", "#FED98E", "low")}
        columns = [Column("study", "Study"), Column("sign", "Sign", "center"), Column("end", "End")]
        figure = draw_sheet(columns, [Row({"study": "A", "end": "b"}, glyphs=glyphs)], Sheet(), SCREEN)
        assert check_figure(figure) == []
        sign = text_of(figure, "+")
        moved = tuple(replace(item, x=item.x + 4) if item is sign else item for item in figure.items)
        assert "text across the edge of a shape: '+'" in check_figure(replace(figure, items=moved))

    def test_frame_of_nothing(self):
        assert list(preflight_frame([]).columns[-3:]) == ["faults", "absent", "content"]
