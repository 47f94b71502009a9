"""Printed tables of the risk of bias and of the agreement of two extractions: exact cells, and silence said.

Every appraisal and every second extraction here is SYNTHETIC.
"""

from pathlib import Path

import pandas as pd
import pytest

from small_evidence.appraisal.risk_of_bias import summarise_appraisals
from small_evidence.config import complete_config
from small_evidence.extraction.appraisals import parts
from small_evidence.extraction.schema import empty_table
from small_evidence.review import Review, read_result, save_csv
from small_evidence.standards import read_instruments
from small_evidence.tables.agreement import agreement_table
from small_evidence.tables.parts import appraisal_words
from small_evidence.tables.risk_of_bias import risk_of_bias_table
from tests.made_up import frame

INSTRUMENTS = read_instruments(Path("workflow/standards/risk_of_bias"))
STUDIES = frame("studies", [
    dict(zip(("study_id", "label", "status", "design"), facts, strict=True)) for facts in [
        ("trial", "Zeta 1990", "included", "rct"),
        ("cohort", "Eta 1991", "included", "cohort_controlled"),
        ("series", "beta 1992", "awaiting", "case_series"),
        ("other", "Alpha 1993", "included", "case_series"),
        ("silent", "Gamma 1994", "included", "NR"),
        ("gone", "Delta 1995", "excluded", "case_report"),
    ]
])  # fmt: skip
ROBINS = [*["low"] * 5, "no_information", "low", "serious"]


def appraised(study, tool, values, rater="Ito", result="", support=""):
    """Rows of risk_of_bias, a value an item in the order of the instrument and the overall one last."""
    instrument, rows = INSTRUMENTS[tool], []
    for item, value in zip([*parts(instrument), "overall"], values, strict=False):
        judged = item == "overall" or "domains" in instrument
        pair = {"answer": "" if judged else value, "judgement": value if judged else ""}
        note = support if item == "overall" else f"SYNTHETIC of {item}"
        rows.append(
            {"study_id": study, "result": result, "tool": tool, "item": item, "support": note, "rater": rater} | pair
        )
    return rows


def table_of(rows, studies=STUDIES):
    return risk_of_bias_table(review_of(rows, studies))


def review_of(rows, studies=STUDIES):
    review = Review({"studies": studies, "risk_of_bias": frame("risk_of_bias", rows)})
    return review.with_results({"appraisal": summarise_appraisals(review)})


def cells(table, instrument):
    """Rows of one group: study, items in one word, answers, judgement, rater, note."""
    own = table.frame[table.frame["Instrument"] == instrument]
    items = [column.name for column in table.columns if column.over]
    return [
        (row["Study"], "".join(row[items]), *row[["Answers", "Judgement", "Rater", "Note"]])
        for _, row in own.iterrows()
    ]


JBI = ["yes"] * 8 + ["unclear", "not_applicable"]


def test_a_checklist_has_a_sign_an_item_and_no_score():
    table = table_of(appraised("series", "jbi_case_series", JBI))
    assert list(table.frame["Instrument"].unique()) == ["JBI checklist for case series", "Not appraised"]
    assert cells(table, "JBI checklist for case series") == [
        ("beta 1992", "YYYYYYYY?/", "yes 8, unclear 1, not applicable 1", "—", "Ito", "—")
    ]
    assert table.frame["Design"][0] == "case series, direction not stated"
    assert table.footnotes[:2] == (
        "1 of 5 eligible studies appraised for risk of bias, by 1 rater: JBI checklist for case series (1 study).",
        "Not shown: 1 excluded study.",
    )
    assert table.footnotes[2].startswith("JBI checklist for case series (2020). Munn Z, ")
    assert "Items, in our words: 1, Clear inclusion criteria; 2, Condition measured" in table.footnotes[2]
    assert table.footnotes[3] == ("Signs: Y, yes; /, not applicable; ?, unclear; ·, no such item, or not appraised.")
    assert not any(note.startswith("Each rater") for note in table.footnotes)


def test_studies_without_an_appraisal_are_named_after_the_others():
    table = table_of(appraised("series", "jbi_case_series", JBI))
    assert cells(table, "Not appraised") == [
        (name, "·" * 10, "not appraised", "—", "—", "—")
        for name in ("Alpha 1993", "Eta 1991", "Gamma 1994", "Zeta 1990")
    ]
    assert "Delta 1995" not in set(table.frame["Study"])


def test_a_scale_has_the_stars_of_each_item():
    table = table_of(
        appraised("cohort", "newcastle_ottawa_cohort", [*"acba", "a;b", *"dab", "good"], support="SYNTHETIC")
    )
    assert cells(table, "Newcastle-Ottawa Scale, cohort studies") == [
        ("Eta 1991", "10112011", "7 of 9 stars: selection 3 of 4, comparability 2 of 2, outcome 2 of 3", "good", "Ito",
         "SYNTHETIC"),
    ]  # fmt: skip
    assert "; 5, Comparable by design or analysis (up to 2 stars); 6, " in table.footnotes[2]
    assert table.footnotes[3] == "Signs: a number, the stars earned; ·, no such item, or not appraised."


def test_instruments_share_the_columns_by_number_and_results_are_named():
    table = table_of(
        [
            *appraised("cohort", "robins_i", ROBINS, result="pain at one year", support="SYNTHETIC note"),
            *appraised("trial", "rob2", ["low", "some_concerns", "low", "low", "high", "high"], result="pain"),
            *appraised("other", "murad_case_series", ["yes"] * 8),
        ]
    )
    groups = ["Murad 2018, case reports and case series", "RoB 2", "ROBINS-I", "Not appraised"]
    assert list(table.frame["Instrument"].unique()) == groups
    assert cells(table, "RoB 2") == [
        ("Zeta 1990: pain", "+−++×···", "low 3, some concerns 1, high 1", "high", "Ito", "—")
    ]
    assert cells(table, "ROBINS-I") == [
        ("Eta 1991: pain at one year", "+++++?+·", "low 6, no information 1", "serious", "Ito", "SYNTHETIC note")
    ]
    assert table.footnotes[3].startswith("RoB 2 (2019-08-22). Sterne")
    assert "Domains, in our words: 1, Randomisation process; " in table.footnotes[3]
    assert "Signs: +, low; Y, yes; −, some concerns; ?, no information; ×, high; ·, no such" in table.footnotes[5]


def test_one_sign_of_two_words_has_both():
    moderate = ["moderate", "no_information", *["low"] * 5, "moderate"]
    table = table_of(
        [
            *appraised("cohort", "robins_i", moderate, result="pain"),
            *appraised("trial", "rob2", ["some_concerns"] * 6, result="pain"),
            *appraised("other", "murad_case_series", ["unclear"] * 8),
        ]
    )
    assert "Signs: +, low; −, some concerns or moderate; ?, unclear or no information; ·" in table.footnotes[5]


def test_each_rater_has_a_row_and_the_consensus_is_bold():
    rows = [
        *appraised("series", "jbi_case_series", JBI, "Ito"),
        *appraised("series", "jbi_case_series", ["no", *JBI[1:]], "Bauer"),
        *appraised("series", "jbi_case_series", [*JBI, "include"], "Consensus"),
    ]
    table = table_of(rows)
    assert [(items[0], rater) for _, items, _, _, rater, _ in cells(table, "JBI checklist for case series")] == [
        ("Y", "Ito"), ("N", "Bauer"), ("Y", "Consensus"),
    ]  # fmt: skip
    assert table.emphasised == (2,)
    assert table.footnotes[0].startswith(
        "1 of 5 eligible studies appraised for risk of bias, by 2 raters, 1 study by more than one: JBI"
    )
    assert "Each rater has a row; nothing is chosen between them. Bold: consensus." in table.footnotes
    without = table_of(rows[:20])
    assert without.emphasised == ()
    assert "Each rater has a row; nothing is chosen between them." in without.footnotes


def test_without_any_appraisal_the_table_is_one_sentence():
    table = table_of([])
    assert table.caption == "Risk of bias in the studies: not appraised"
    sentence = "No study has been appraised for risk of bias (of 5 eligible studies)."
    assert table.frame.to_numpy().tolist() == [[sentence]]
    assert table.footnotes == ("Not shown: 1 excluded study.",)


def test_a_review_without_studies_has_the_same_sentence():
    assert table_of([], STUDIES.iloc[:0]).frame.to_numpy().tolist() == [
        ["No study has been appraised for risk of bias (of 0 eligible studies)."]
    ]


def test_an_appraisal_of_an_excluded_study_is_not_shown():
    assert table_of(appraised("gone", "murad_case_series", ["yes"] * 8)).caption.endswith(": not appraised")


def test_raters_may_be_numbers(tmp_path):
    rows = [*appraised("series", "jbi_case_series", JBI, "1"), *appraised("series", "jbi_case_series", JBI, "2")]
    save_csv(review_of(rows)["appraisal"], tmp_path / "appraisal.csv")
    words = appraisal_words(read_result(tmp_path / "appraisal.csv"))
    assert ", by 2 raters, 1 study by more than one: " in words
    assert table_of(rows).footnotes[0] == f"{words}."


# Agreement -----------------------------------------------------------------------------------------------------------


@pytest.fixture
def compared(tmp_path):
    """SYNTHETIC agreement and disagreements, read back as a run reads them."""
    missing, one_word = float("nan"), "kappa is not defined: both use one word only"
    agreement = pd.DataFrame(
        [
            ("studies", "(row)", "rows", 11, 10, 10 / 11, *[missing] * 6, 1, 0, ""),
            ("studies", "design", "vocabulary", 10, 9, 0.9, 0.8123, 0.5049, 1.0, *[missing] * 5, ""),
            ("studies", "status", "vocabulary", 10, 10, 1.0, 1.0, *[missing] * 7, "complete agreement: no interval"),
            ("studies", "doi", "text", 8, 8, 1.0, *[missing] * 8, ""),
            ("responses", "n_complete", "count", 12, 10, 10 / 12, *[missing] * 3, 8, 0.75, 0.875, *[missing] * 2, ""),
            ("responses", "pool", "vocabulary", 12, 12, 1.0, *[missing] * 8, one_word),
        ],
        columns=["table", "column", "kind", "compared", "agreed", "agreement", "kappa", "kappa_ci_lb", "kappa_ci_ub",
                 "both_numbers", "exact", "within_1", "only_first", "only_second", "note"],
    )  # fmt: skip
    found = [
        ("studies", "(row)", "open"), ("studies", "design", "agreed"), ("responses", "n_complete", "agreed"),
        ("responses", "n_complete", "out of date: decided when the first extraction said 2, now it says 3"),
    ]  # fmt: skip
    disagreements = empty_table("adjudication").reindex(range(len(found)), fill_value="")
    disagreements[["table", "column", "state"]] = found
    frames = []
    for name, result in (("agreement", agreement), ("disagreements", disagreements)):
        save_csv(result, tmp_path / f"{name}.csv")
        frames.append(read_result(tmp_path / f"{name}.csv"))
    return frames


def agreement_of(agreement, disagreements, conf_level=0.95):
    review = Review({}, complete_config({"synthesis": {"conf_level": conf_level}}))
    return agreement_table(review.with_results({"agreement": agreement, "disagreements": disagreements}))


def test_agreement_by_table_and_column(compared):
    table = agreement_of(*compared, conf_level=0.9)
    assert [column.title for column in table.columns] == [
        "Column", "Agreed/compared (%)", "Within 1 (%)", "Kappa [90% CI]", "Decided", "Open", "Note",
    ]  # fmt: skip
    assert table.frame.to_numpy().tolist() == [
        ["Studies", "Rows that both have", "10/11 (90.9%)", "—", "—", 0, 1, "1 in the first only"],
        ["Studies", "Design", "9/10 (90.0%)", "—", "0.81 [0.50, 1.00]", 1, 0, "—"],
        ["Studies", "Status", "10/10 (100.0%)", "—", "1.00", 0, 0, "complete agreement: no interval"],
        ["Studies", "DOI", "8/8 (100.0%)", "—", "—", 0, 0, "—"],
        ["Responses", "n complete", "10/12 (83.3%)", "7/8 (87.5%)", "—", 1, 1, "—"],
        ["Responses", "Pool", "12/12 (100.0%)", "—", "—", 0, 0, "kappa is not defined: both use one word only"],
    ]
    assert table.listed


def test_the_notes_say_how_much_is_open_and_what_kappa_cannot_tell(compared):
    notes = agreement_of(*compared).footnotes
    assert notes[0] == (
        "49/52 (94.2%) of the cells in rows of both extractions agree; 2 of 4 differences in cells and rows decided."
    )
    assert notes[2].startswith(
        "Kappa (Cohen): agreement beyond chance, for columns with a fixed vocabulary, here of 10 to 12 cells."
    )


def test_two_extractions_without_a_common_row_are_no_agreement(compared):
    agreement, disagreements = compared
    none = agreement.iloc[:1].assign(compared=3, agreed=0, only_first=2, only_second=1)
    table = agreement_of(none, disagreements.iloc[:0])
    row = ["Studies", "Rows that both have", "0/3 (0.0%)", "—", "—", 0, 0, "2 in the first only; 1 in the second only"]
    assert table.frame.to_numpy().tolist() == [row]
    assert table.footnotes[0].startswith("0/0 of the cells in rows of both extractions agree; 0 of 0 differences")
    assert "vocabulary. With few cells" in table.footnotes[2]
