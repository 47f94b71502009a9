"""Risk of bias: what each instrument demands, what it says of a study, and that nothing is made up.

Every appraisal here is SYNTHETIC: invented to test the checks.
"""

from pathlib import Path

import pandas as pd
import pytest

from small_evidence import ReviewError
from small_evidence.appraisal.risk_of_bias import JUDGED, SUMMARY, judged_items, summarise_appraisals
from small_evidence.extraction.appraisals import parts
from small_evidence.extraction.checks import ExtractionError, check_extraction, fault_lines
from small_evidence.extraction.schema import LABELS, columns, empty_table
from small_evidence.review import Review
from small_evidence.standards import read_instruments, standards_of

PROJECT = Path(__file__).parents[1]
RAW = PROJECT / "data" / "raw"
FOLDER = PROJECT / "workflow/standards/risk_of_bias"
INSTRUMENTS = read_instruments(FOLDER)
SERIES, TRIAL, COHORT, CASES = "vayssairat1998", "berger1987", "synthetic_cohort", "synthetic_cases"


def rows(study, tool, cells, result="", rater="SYNTHETIC rater", support="SYNTHETIC"):
    """An appraisal as rows of risk_of_bias: item=answer or judgement."""
    items = parts(INSTRUMENTS[tool])
    found = []
    for item, value in cells.items():
        judged = item == "overall" or (item in items and "domains" in INSTRUMENTS[tool])
        pair = {"answer": "", "judgement": value} if judged else {"answer": value, "judgement": ""}
        keys = {"study_id": study, "result": result, "tool": tool, "item": item, "support": support, "rater": rater}
        found.append(keys | pair)
    return found


MURAD = {f"M{n}": "not_applicable" if n in (4, 5, 6) else "yes" for n in range(1, 9)} | {"M2": "no"}
ROB2 = {"D1": "low", "D2": "some_concerns", "D3": "low", "D4": "low", "D5": "low", "overall": "some_concerns"}
COHORT_STARS = {"S1": "b", "S2": "c", "S3": "a", "S4": "a", "C1": "a", "O1": "d", "O2": "a", "O3": "b"}
CASE_STARS = {"S1": "a", "S2": "a", "S3": "a", "S4": "a", "C1": "a;b", "E1": "b", "E2": "a", "E3": "a"}
ROBINS = dict.fromkeys(parts(INSTRUMENTS["robins_i"]), "low") | {"missing_data": "serious", "overall": "serious"}
JBI = {f"J{n}": "yes" for n in range(1, 11)} | {"J4": "unclear", "overall": "include"}
GOOD = [
    *rows(SERIES, "murad_case_series", MURAD),
    *rows(SERIES, "jbi_case_series", JBI),
    *rows(TRIAL, "rob2", ROB2, result="SYNTHETIC response at one year"),
    *rows(COHORT, "newcastle_ottawa_cohort", COHORT_STARS),
    *rows(COHORT, "robins_i", ROBINS, result="SYNTHETIC response"),
    *rows(CASES, "newcastle_ottawa_case_control", CASE_STARS),
]


def table(appraisal):
    frame = pd.DataFrame(appraisal, columns=columns("risk_of_bias"), dtype="str")
    assert all("SYNTHETIC" in " ".join(row) for row in frame.to_numpy())
    return frame


@pytest.fixture
def review(tmp_path):
    """The bundled tables with two SYNTHETIC controlled studies and an appraisal."""
    folder = tmp_path / "data" / "raw"
    folder.mkdir(parents=True)
    for path in RAW.glob("*.csv"):
        (folder / path.name).write_bytes(path.read_bytes())
    studies = pd.read_csv(RAW / "studies.csv", dtype=str, keep_default_na=False)
    last = {
        "status": "excluded",
        "status_reason": "SYNTHETIC",
        "controlled": "yes",
        "cohort_id": "",
        "notes": "SYNTHETIC",
    }
    more = [
        studies.iloc[0].to_dict()
        | last
        | {"study_id": name, "label": name, "design": design, "title": f"SYNTHETIC {name}"}
        for name, design in ((COHORT, "cohort_controlled"), (CASES, "case_control"))
    ]
    pd.concat([studies, pd.DataFrame(more)]).to_csv(folder / "studies.csv", index=False)

    def check(appraisal):
        table(appraisal).to_csv(folder / "risk_of_bias.csv", index=False)
        return check_extraction(folder, year=2026, instruments=INSTRUMENTS)

    return check


def faults(review, appraisal):
    """Lines and rules of what is said of the table risk_of_bias."""
    try:
        _, issues = review(appraisal)
    except ExtractionError as error:
        issues = error.faults
    issues = issues[issues["file"].str.endswith("risk_of_bias.csv")]
    return [line.removeprefix("data/raw/risk_of_bias.csv, ") for line in fault_lines(issues)], set(issues["rule"])


def changed(appraisal, row, **cells):
    """The appraisal with other cells in one row, rows as in the spreadsheet."""
    return [entry | (cells if number == row else {}) for number, entry in enumerate(appraisal, start=2)]


def test_the_instruments_are_whole():
    assert set(INSTRUMENTS) == {
        "jbi_case_series", "murad_case_series", "newcastle_ottawa_case_control", "newcastle_ottawa_cohort", "quips",
        "rob2", "robins_i", "robins_i_v2",
    }  # fmt: skip
    assert {name: len(parts(instrument)) for name, instrument in INSTRUMENTS.items()} == {
        "jbi_case_series": 10, "murad_case_series": 8, "newcastle_ottawa_case_control": 8,
        "newcastle_ottawa_cohort": 8, "quips": 6, "rob2": 5, "robins_i": 7,
        "robins_i_v2": 6,
    }  # fmt: skip
    for name, instrument in INSTRUMENTS.items():
        assert set(instrument["designs"]) <= set(LABELS["design"])
        assert (FOLDER / f"{name}.yaml").exists()
        assert all(part["label"] for part in parts(instrument).values())
        # a comma in a label that is not quoted ends it and makes a key without a value of the rest
        assert not [item for item, part in parts(instrument).items() if None in part.values()]
        # YAML makes booleans of yes and no, which no cell of a table is
        answers = [answer for part in parts(instrument).values() for answer in part.get("answers", {})]
        assert all(isinstance(answer, str) for answer in [*answers, *instrument["overall"]["judgements"]])


def test_a_review_adds_an_instrument_of_its_own_as_a_file(tmp_path):
    folder = tmp_path / "config/risk_of_bias"
    folder.mkdir(parents=True)
    text = (FOLDER / "quips.yaml").read_text(encoding="utf-8").replace("id: quips", "id: synthetic_tool", 1)
    (folder / "synthetic_tool.yaml").write_text(text, encoding="utf-8")
    assert set(standards_of(tmp_path).instruments) == {*INSTRUMENTS, "synthetic_tool"}
    (folder / "again.yaml").write_text(text, encoding="utf-8")
    with pytest.raises(ReviewError, match="second instrument named synthetic_tool"):
        _ = standards_of(tmp_path).instruments


@pytest.mark.parametrize("name", ["newcastle_ottawa_cohort", "newcastle_ottawa_case_control"])
def test_stars_add_up_to_nine(name):
    instrument = INSTRUMENTS[name]
    most = {}
    for item in parts(instrument).values():
        stars = [answer["stars"] for answer in item["answers"].values()]
        most[item["domain"]] = most.get(item["domain"], 0) + (sum(stars) if item.get("several") else max(stars))
    assert most == instrument["stars"]
    assert sum(most.values()) == 9


def test_a_whole_appraisal_by_every_instrument_has_no_fault(review):
    assert faults(review, GOOD) == ([], set())


M = rows(SERIES, "murad_case_series", MURAD)
R = rows(TRIAL, "rob2", ROB2, result="SYNTHETIC result")
N = rows(COHORT, "newcastle_ottawa_cohort", COHORT_STARS)
SIGNALLED = R + rows(TRIAL, "rob2", {"1.1": "Y", "1.2": "PY", "1.3": "NI"}, result="SYNTHETIC result")


@pytest.mark.parametrize(
    ("appraisal", "rule", "line"),
    [
        (
            changed(M, 2, tool="murad")[:1],
            "appraisal_tool",
            'row 2, column tool: "murad" is not an instrument; known are jbi_case_series, murad_case_series, '
            "newcastle_ottawa_case_control, newcastle_ottawa_cohort, quips, rob2, robins_i, robins_i_v2 "
            "(study vayssairat1998)",
        ),
        (
            [*M, M[0] | {"item": "M9"}],
            "appraisal_item",
            'row 10, column item: "M9" is not an item of murad_case_series; items are M1, M2, M3, M4, M5, M6, M7, '
            "M8, overall (study vayssairat1998)",
        ),
        (
            changed(M, 3, answer=""),
            "appraisal_answer",
            "row 3, column answer: empty; allowed for M2 are yes, no, unclear, not_applicable (study vayssairat1998)",
        ),
        (
            changed(M, 3, answer="maybe"),
            "appraisal_answer",
            'row 3, column answer: "maybe"; allowed for M2 are yes, no, unclear, not_applicable (study vayssairat1998)',
        ),
        (
            changed(N, 6, answer="a;c"),
            "appraisal_answer",
            'row 6, column answer: "c"; allowed for C1 are a, b, none (several with ;) (study synthetic_cohort)',
        ),
        (
            changed(R, 3, judgement="moderate"),
            "appraisal_judgement",
            'row 3, column judgement: "moderate"; allowed for D2 are low, some_concerns, high (study berger1987)',
        ),
        (
            changed(R, 7, judgement=""),
            "appraisal_judgement",
            "row 7, column judgement: empty; allowed for overall are low, some_concerns, high (study berger1987)",
        ),
        (
            [M[0], *M[2:-1]],
            "appraisal_incomplete",
            "row 2, column item: the appraisal of vayssairat1998 by murad_case_series, rater SYNTHETIC rater lacks M2, "
            "M8 (study vayssairat1998)",
        ),
        (
            R[:-1],
            "appraisal_incomplete",
            "row 2, column item: the appraisal of berger1987 by rob2 of SYNTHETIC result, rater SYNTHETIC rater lacks "
            "overall (study berger1987)",
        ),
        (
            SIGNALLED[:-1],
            "appraisal_incomplete",
            "row 2, column item: the appraisal of berger1987 by rob2 of SYNTHETIC result, rater SYNTHETIC rater lacks "
            "1.3 (study berger1987)",
        ),
        (
            [row | {"result": ""} for row in R],
            "appraisal_result",
            "row 2, column result: empty, but rob2 judges a result, not a study (study berger1987)",
        ),
        (
            [row | {"study_id": SERIES} for row in R],
            "appraisal_design",
            "row 2, column tool: rob2 is not for case_series; it is for rct (study vayssairat1998)",
        ),
        (
            [row | {"study_id": TRIAL} for row in M],
            "appraisal_design",
            "row 2, column tool: murad_case_series is not for rct; it is for case_series_prospective, "
            "case_series_retrospective, case_series, case_report (study berger1987)",
        ),
        (
            [row | {"study_id": "unidentified_cohort"} for row in M],
            "appraisal_no_design",
            "row 2, column tool: murad_case_series, but the design of the study is NR: whether it fits is not "
            "assessable (study unidentified_cohort)",
        ),
        (
            changed(R, 7, judgement="low", support=""),
            "appraisal_overall",
            "row 7, column judgement: low, but D2 is some_concerns; support says nothing (study berger1987)",
        ),
        (
            [row | {"study_id": "nobody"} for row in M],
            "unknown_study",
            'row 2, column study_id: "nobody" is not in the table studies (study nobody)',
        ),
    ],
)
def test_each_fault_of_an_appraisal_is_named(review, appraisal, rule, line):
    lines, rules = faults(review, appraisal)
    assert rules == {rule}
    assert lines[0] == line


def test_signalling_questions_are_welcome_and_not_needed(review):
    assert faults(review, SIGNALLED) == ([], set())


def test_a_better_overall_judgement_with_support_stands(review):
    assert faults(review, changed(R, 7, judgement="low", support="SYNTHETIC reason")) == ([], set())


def test_no_information_is_neither_better_nor_worse(review):
    cells = ROBINS | {"missing_data": "no_information", "overall": "no_information"}
    assert faults(review, rows(COHORT, "robins_i", cells, result="SYNTHETIC", support="")) == ([], set())


def test_two_raters_may_appraise_the_same_study(review):
    both = M + rows(SERIES, "murad_case_series", MURAD | {"M2": "yes"}, rater="SYNTHETIC other")
    assert faults(review, both) == ([], set())
    _, rules = faults(review, M + M[:1])
    assert rules == {"duplicate_key"}


STUDIES = pd.DataFrame(
    {
        "study_id": [SERIES, TRIAL, COHORT, CASES, "untouched", "gone"],
        "status": ["included", "awaiting", "included", "included", "included", "excluded"],
        "design": ["case_series", "rct", "cohort_controlled", "case_control", "NR", "case_report"],
    },
    dtype="str",
)


def appraised(risk_of_bias, studies=STUDIES):
    return Review({"studies": studies, "risk_of_bias": risk_of_bias})


def test_the_summary_of_each_instrument_in_its_own_words():
    summary = summarise_appraisals(appraised(table(GOOD)))
    assert list(summary.columns) == SUMMARY
    told = summary.set_index(["study_id", "tool"])["summary"].to_dict()
    assert told == {
        (SERIES, "murad_case_series"): "yes 4, no 1, not applicable 3",
        (SERIES, "jbi_case_series"): "yes 9, unclear 1",
        (TRIAL, "rob2"): "low 4, some concerns 1",
        (COHORT, "newcastle_ottawa_cohort"): "6 of 9 stars: selection 3 of 4, comparability 1 of 2, outcome 2 of 3",
        (COHORT, "robins_i"): "low 6, serious 1",
        (
            CASES,
            "newcastle_ottawa_case_control",
        ): "9 of 9 stars: selection 4 of 4, comparability 2 of 2, exposure 3 of 3",
        ("untouched", ""): "",
    }
    stars = summary.dropna(subset="stars").set_index("study_id")[["stars", "stars_max"]]
    assert stars.to_numpy().tolist() == [[6, 9], [9, 9]]
    overall = summary.set_index(["study_id", "tool"])["overall"]
    assert overall[(TRIAL, "rob2")] == "some_concerns"
    assert overall[(SERIES, "murad_case_series")] == ""


def test_a_study_without_an_appraisal_says_so_and_nothing_more():
    row = summarise_appraisals(appraised(table(GOOD))).set_index("study_id").loc["untouched"]
    assert row[["appraised", "summary", "overall", "tool"]].tolist() == ["no", "", "", ""]
    assert row[["stars", "answered"]].isna().all()


def test_nothing_of_the_bundled_review_is_appraised():
    tables, _ = check_extraction(RAW, year=2026, instruments=INSTRUMENTS)
    summary = summarise_appraisals(Review(tables))
    assert len(summary) == (tables["studies"]["status"] != "excluded").sum() == 86
    assert set(summary["appraised"]) == {"no"}
    assert judged_items(Review(tables)).empty


def test_a_traffic_light_gets_items_domains_and_overall_in_order():
    judged = judged_items(appraised(table([*reversed(SIGNALLED), *N])))
    assert list(judged.columns) == JUDGED
    trial = judged[judged["study_id"] == TRIAL]
    assert dict(zip(trial["item"], trial["judgement"], strict=True)) == ROB2
    assert trial["item"].tolist() == ["D1", "D2", "D3", "D4", "D5", "overall"]
    assert trial["label"].iloc[0] == "Randomisation process"
    cohort = judged[judged["study_id"] == COHORT].set_index("item")
    assert cohort["judgement"].to_dict() == {
        "S1": "yes", "S2": "no", "S3": "yes", "S4": "yes", "C1": "some_concerns", "O1": "no", "O2": "yes", "O3": "yes",
    }  # fmt: skip
    assert cohort.loc["S2", "answer"] == "c"


def test_an_empty_appraisal_has_all_columns():
    empty = empty_table("risk_of_bias")
    assert list(judged_items(appraised(empty)).columns) == JUDGED
    assert summarise_appraisals(appraised(empty, STUDIES.iloc[:0])).columns.tolist() == SUMMARY


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("id: x\nitems: []\n", "a.yaml: lacks label, version, source, confidence, unit, designs, overall"),
        (
            "{id: x, label: x, version: x, source: x, confidence: x, unit: study, designs: [], overall: {}}",
            "a.yaml: lacks either items or domains",
        ),
    ],
)
def test_an_instrument_that_lacks_something_is_named(tmp_path, text, message):
    (tmp_path / "a.yaml").write_text(text)
    with pytest.raises(ReviewError) as error:
        read_instruments(tmp_path)
    assert str(error.value) == message


def test_two_instruments_of_one_name(tmp_path):
    for name in ("a", "b"):
        (tmp_path / f"{name}.yaml").write_bytes((FOLDER / "rob2.yaml").read_bytes())
    with pytest.raises(ReviewError, match=r"b\.yaml: a second instrument named rob2"):
        read_instruments(tmp_path)
