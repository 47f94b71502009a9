"""The printed tables: exact cells, what is missing said, nothing raw."""

import re

import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from small_evidence import wording
from small_evidence.config import complete_config
from small_evidence.extraction.schema import LABELS, TABLES, empty_table
from small_evidence.figures.adverse_events import adverse_event_plot
from small_evidence.figures.evidence_map import evidence_map
from small_evidence.figures.forest import forest_plot
from small_evidence.figures.summary import summary_forest
from small_evidence.presentation.manuscript import manuscript
from small_evidence.presentation.summary import plain_summary
from small_evidence.review import Analysis, Review, read_result, save_csv
from small_evidence.synthesis.analyses import synthesise
from small_evidence.synthesis.patients import treated
from small_evidence.tables import evidence_tables
from small_evidence.tables.findings import certainty_notes
from small_evidence.tables.parts import NOT_IN_NUMBER, time_span
from small_evidence.tables.responses import analysis_table, table_iii, table_iv
from small_evidence.tables.trace import sensitivity_table
from tests.made_up import frame, review

NUMBERS = re.compile(r"\d\.\d{3,}")


def tables_of(one):
    return {table.name: table for table in evidence_tables(one)}


def row_of(table, **where):
    found = table.frame
    for name, value in where.items():
        found = found[found[name] == value]
    assert len(found) == 1, found
    return found.iloc[0]


@pytest.fixture(scope="module")
def small():
    """SYNTHETIC: three parallel-arm studies, an awaited trial, a study without a design, a placebo."""
    controlled = {"design": "cohort_controlled", "controlled": "yes"}
    studies = {
        "alpha": controlled | {"year": "2001"}, "beta": controlled, "gamma": controlled,
        "trial": {"design": "rct", "status": "awaiting", "status_reason": "responders missing"},
        "delta": {"design": "NR"}, "gone": {"status": "excluded", "status_reason": "Out of scope"},
    }  # fmt: skip
    responses = [
        (study, {"therapy": therapy, "n": n, "responders": x, "evidence_basis": "full_text"})
        for study in ("alpha", "beta", "gamma")
        for therapy, n, x in (("a", "10", "2"), ("b", "11", "9"))
    ]
    responses += [
        ("trial", {"therapy": "c", "pool": "no", "pool_reason_code": "counts_missing"}),
        ("delta", {"therapy": "c", "n": "3", "responders": "2", "evidence_basis": "secondary"}),
        ("delta", {"therapy": "c", "disease": "dm", "n": "2", "responders": "1", "outcome": "pain_response",
                   "primary_outcome": "no", "pool": "no", "pool_reason_code": "not_primary"}),
        ("gone", {"therapy": "c", "n": "5", "responders": "5"}),
    ]  # fmt: skip
    one = review(studies, responses, classes={"a": "group_one", "b": "group_one", "c": "group_two", "d": "group_two"})
    events = [
        {"study_id": "alpha", "therapy": "a", "term": "rash", "n_patients": "1", "n_at_risk": "10",
         "reporting": "reported"},
        {"study_id": "beta", "therapy": "a", "term": "any", "n_patients": "0", "n_at_risk": "10",
         "reporting": "reported_none"},
        {"study_id": "gone", "therapy": "c", "term": "death", "n_patients": "1", "n_at_risk": "5",
         "reporting": "reported"},
    ]  # fmt: skip
    claims = [
        {"claim_id": "c1", "review": "Old 2020", "therapy": "a", "disease": "ssc", "quantity": "recommendation",
         "value": "against", "statement": "x", "source": "doi:10.1/x"},
        {"claim_id": "c2", "review": "Other 2021", "therapy": "a", "disease": "all", "quantity": "recommendation",
         "value": "useful", "statement": "x", "source": "doi:10.1/y"},
    ]  # fmt: skip
    one = one.with_tables(
        adverse_events=frame("adverse_events", events), published_claims=frame("published_claims", claims)
    )
    config = {**one.config, "review": {**one.config["review"], "follows": "Old"}}
    return synthesise(Review(one.tables, config))


@pytest.fixture(scope="module")
def made(small):
    return tables_of(small)


def test_parallel_arms_of_three_studies_are_six_arms(small, made):
    """cases/model 1: class of a and b, 3 studies, 33/63."""
    row = row_of(made["table_iv"], Treatment="All group one")
    assert row[["Included", "Patients"]].tolist() == [3, 63]
    assert row["Responders"].startswith("33/63 (52.4%)")
    assert treated(small)["a"] == 30
    assert made["table_iv"].emphasised == (2,)


def test_level_of_other_studies_than_those_of_the_number_is_marked(made):
    """cases/model 12: the only study of level IB has no counts; another study 2/3."""
    table = made["table_iv"]
    row = row_of(table, Treatment="C")
    mark = next(note for note in table.footnotes if note.endswith(NOT_IN_NUMBER)).split()[0]
    assert row["Level"] == f"IB{mark}"
    assert row["ssc"] == f"1 study; 2/3 (66.7%); 1 without counts; IB{mark}"
    assert row["dm"] == "not gradable"
    assert row["Pooled"] == "not pooled: 1 study, 3 needed"
    assert mark not in row_of(table, Treatment="A")["Level"]
    assert (
        "level IB is based on 1 study not included" in row_of(made["findings"], Treatment="C")["What limits certainty"]
    )
    assert row_of(made["levels"], Treatment="C", Disease="All diseases")["Level"].startswith("IB")


def test_the_verdict_of_the_published_review_stands_beside_the_numbers(made):
    table = made["table_iv"]
    assert table.frame["Published verdict"].tolist() == ["should not be used (Systemic sclerosis)", "—", "—", "—"]


def test_rows_of_table_iv_know_what_a_filter_asks_for(made):
    about = made["table_iv"].about[0]
    wanted = {"class": "group_one", "diseases": "ssc", "pooled": "yes", "counts": "yes"}
    assert {name: about[name] for name in wanted} == wanted
    assert about["levels"] == row_of(made["table_iv"], Treatment="A")["Level"]
    assert made["table_iv"].about[3]["levels"] == "IB;not gradable"


def test_table_iii_lists_every_arm_then_the_sum_and_the_pooled_line(made):
    found = made["table_iii"].frame
    a = found[found["Treatment"] == "A"]
    assert a["Study"].tolist() == ["Alpha", "Beta", "Gamma", "Summed, 3 studies", "Pooled, 3 studies"]
    assert a["Responders"].tolist()[:4] == ["2/10 (20.0%)"] * 3 + ["6/30 (20.0%)"]
    assert a["Interval"].tolist()[3] == "[7.7, 38.6]"  # exact, 6 of 30
    c = found[found["Treatment"] == "C"].set_index("Study")
    assert c["In the analysis"].tolist() == ["yes", "no: counts not available", "no: not the primary outcome", "—"]
    assert c["Known from"].tolist()[:1] == ["secondary source"]
    assert c.index[-1] == "Not pooled: 1 study, 3 needed"


def test_table_ii_groups_by_status_and_gives_no_level_to_excluded_studies(made):
    found = made["table_ii"].frame
    assert found["Status"].tolist() == ["Included"] * 4 + ["Awaiting counts", "Excluded"]
    assert row_of(made["table_ii"], Study="Delta")["Level"] == "not gradable"
    assert row_of(made["table_ii"], Study="Gone")[["Level", "What is missing, or why excluded"]].tolist() == [
        "—", "Out of scope",
    ]  # fmt: skip


def test_adverse_events_keep_silence_and_zero_apart(made):
    found = made["adverse_events"].frame
    a = found[found["Treatment"] == "A"].set_index("Study")
    assert a["Patients (%)"].to_dict() == {"Alpha": "1/10 (10.0%)", "Beta": "0/10 (0.0%)", "Gamma": "NR"}
    assert a.loc["Gamma", "Statement"] == "no statement found"
    assert "D" not in set(found["Treatment"])
    assert "Not shown: 1 statement of excluded studies." in made["adverse_events"].footnotes


def test_every_column_of_a_table_is_in_its_frame(made):
    for table in made.values():
        names = [column.name for column in table.columns]
        assert list(table.frame.columns) == [table.group] * bool(table.group) + names
        assert len(set(names)) == len(names)
        assert len(table.about) in (0, len(table.frame))


@pytest.mark.parametrize("turned", [False, True])
def test_words_of_the_outcome_are_everywhere(turned):
    """cases/model 6: "had a stroke", also where every patient or nobody had one; no word of responses."""
    words = {
        "outcome": "stroke", "label": "Stroke", "event_singular": "had a stroke", "event_plural": "had a stroke",
        "noun_singular": "patient with a stroke", "noun_plural": "patients with a stroke", "good": "no",
    }  # fmt: skip
    counts = {"a": [(300, 9000), (300, 9000), (267, 10708)], "b": [(0, 5), (0, 6), (0, 7)], "c": [(1, 4)]}
    rows = [
        (
            f"{therapy}{at}",
            {"outcome": "stroke", "therapy": therapy, "n": str(n), "responders": str(n - x if turned else x)},
        )
        for therapy, arms in counts.items()
        for at, (x, n) in enumerate(arms)
    ]
    one = review(
        {name: {} for name, _ in rows}, rows, dict.fromkeys(counts, "k"), outcomes=["stroke"], outcome="stroke"
    )
    one = synthesise(one.with_tables(outcomes=frame("outcomes", [words])))
    made = tables_of(one)
    column = next(column for column in made["table_iv"].columns if column.name == "Responders")
    assert column.title == "Patients with a stroke/n (%) [95% CI]"
    drawings = [forest_plot(one, "a"), forest_plot(one, "b"), summary_forest(one), evidence_map(one)]
    assert "Patients with a stroke,\u00a0%" in {text.words for text in drawings[0].texts}
    texts = [block for text in manuscript(one, {"small_evidence": "0", "python": "0"}) for block in text.blocks]
    told = " ".join(block if isinstance(block, str) else block.words for block in texts)
    assert ("27,841" if turned else "867") + " of 28,708 patients had a stroke in 3 studies" in told
    assert ("Every" if turned else "No") + " patient had a stroke:" in " ".join(made["table_iv"].footnotes)
    everything = [
        told, *plain_summary(one), *(drawing.alt_text for drawing in drawings),
        *(text.words for drawing in drawings for text in drawing.texts),
        *(" ".join([table.caption, *table.footnotes, *(c.title for c in table.columns)]) for table in made.values()),
    ]  # fmt: skip
    assert [line for line in everything if re.search(r"[Rr]espon(?!dence)", line)] == []


@pytest.mark.parametrize(
    ("kinds", "word"),
    [
        (("drug", "surgery"), "treatment"), (("test", "test"), "test"), (("exposure", "none"), "exposure"),
        (("test", "NR"), "treatment or test"),
    ],
)  # fmt: skip
def test_what_is_studied_is_called_by_its_kind(kinds, word):
    """In heads, titles, notes, texts and figures; the words for other kinds are nowhere."""
    therapies = ("a", "b")
    rows = [(f"s{at}", {"therapy": therapies[at % 2], "n": "2000", "responders": str(at)}) for at in range(6)]
    one = review(
        {f"s{at}": {} for at in range(6)}, rows, dict.fromkeys(therapies, "k"), dict(zip(therapies, kinds, strict=True))
    )
    one = synthesise(one)
    assert one.subject.singular == word
    texts = [block for text in manuscript(one, {"small_evidence": "0", "python": "0"}) for block in text.blocks]
    words = [
        *(c.title for table in evidence_tables(one) for c in table.columns),
        *(" ".join([table.caption, *table.footnotes]) for table in evidence_tables(one)),
        *(block if isinstance(block, str) else block.words for block in texts), *plain_summary(one),
        *(drawing.alt_text for drawing in (summary_forest(one), evidence_map(one), adverse_event_plot(one))),
    ]  # fmt: skip
    assert word in " ".join(words).lower()
    others = {"treatment", "test", "exposure"} - set(word.split(" or "))
    others_words = re.compile(rf"\b({'|'.join(others)})s?\b")
    ours = ("no treatment", "physical treatment", "exact test", "heterogeneity test", "does this treatment help")
    told = [re.sub("|".join(ours), "", line.lower()) for line in words]
    assert [line for line in told if others_words.search(line)] == []
    printed = [cell for _, rows in tables_of(one)["table_iv"].sections() for cells, _ in rows for cell in cells]
    assert "6,000" in printed


def test_what_sums_outcomes_says_which():
    outcomes = ["clinical_response", "symptom_response"]
    rows = [
        ("one", {"n": "9", "responders": "8"}),
        ("two", {"n": "78", "responders": "34", "outcome": "symptom_response"}),
    ]
    row = row_of(table_iv(synthesise(review({"one": {}, "two": {}}, rows, outcomes=outcomes))), Treatment="Drug")
    assert row["Responders"] == "42/87 (48.3%) [37.4, 59.2]: 8/9 clinical response; 34/78 symptom response"


@pytest.mark.parametrize(
    ("follow_up", "months", "shown"),
    [("", "12", "12 months"), ("NR", "1", "1 month"), ("2 years", "12", "2 years (counted at 12 months)"),
     ("12 months", "12", "12 months"), ("NR", "", "NR"), ("2 years", "", "2 years")],
)  # fmt: skip
def test_months_of_a_time_point_are_in_the_column_of_follow_up(follow_up, months, shown):
    cells = {"n": "5", "responders": "2", "follow_up": follow_up, "time_point_months": months}
    made = synthesise(review({"doe": {}}, [("doe", cells)]))
    assert table_iii(made).frame["Follow-up"].iloc[0] == shown


@pytest.mark.parametrize(("months", "span"), [(("2", "12", "6"), "2 to 12 months"), (("6", "6", ""), "")])
def test_time_points_that_differ_within_a_pooled_analysis_have_a_note(months, span):
    names = ("adams", "baker", "clark")
    rows = [
        (name, {"n": "9", "responders": "4", "time_point_months": at}) for name, at in zip(names, months, strict=True)
    ]
    made = synthesise(review({name: {} for name in names}, rows))
    assert made.analysis("drug").pooled
    assert time_span(made.analysis("drug"), made) == span
    assert ("2 to 12 months" in " ".join(table_iv(made).footnotes)) == bool(span)


def test_everybody_and_nobody_have_the_same_words():
    notes = []
    for x in ("0", "8"):
        rows = [(f"s{at}", {"n": "8", "responders": x}) for at in range(3)]
        table = table_iv(synthesise(review({f"s{at}": {} for at in range(3)}, rows)))
        notes.append(next(note for note in table.footnotes if "variance between studies cannot" in note))
    assert notes[0].replace("No patient", "Every patient") == notes[1]


def test_an_empty_review_gives_tables_without_rows():
    empty = {name: empty_table(name) for name in TABLES}
    words = {"table_i": 7, "risk_of_bias": 1}  # what was done, and one sentence where nothing was appraised
    for table in evidence_tables(synthesise(Review(empty, complete_config({})))):
        assert len(table.frame) == words.get(table.name, 0), table.name


def test_two_diseases_with_the_same_short_name_are_told_apart():
    rows = [
        {"disease": slug, "label": label, "synonyms": "DM"}
        for slug, label in (("dm", "Dermatomyositis"), ("jdm", "Juvenile"))
    ]
    short = wording.short_labels(frame("diseases", rows))
    assert short == {"dm": "Dermatomyositis (dm)", "jdm": "Juvenile (jdm)"}


@given(st.floats(0, 1))
def test_per_cent_has_one_decimal_and_is_never_falsely_certain(proportion):
    text = wording.per_cent(proportion)
    assert re.fullmatch(r"\d{1,3}\.\d|<0\.1|>99\.9", text)
    assert (text == "0.0") == (proportion == 0)
    assert (text == "100.0") == (proportion == 1)
    if text[0] not in "<>":
        assert abs(float(text) / 100 - proportion) <= 0.0005 + 1e-12


@given(st.integers(0, 10_000), st.integers(1, 10_000))
def test_fraction_rounds_half_up_as_by_hand(x, n):
    x = min(x, n)
    text = wording.fraction(float(x), float(n))
    tenths = (2000 * x + n) // (2 * n)  # round half up in whole numbers
    share = f"{tenths // 10}.{tenths % 10}"
    if share == "0.0" and x:
        share = "<0.1"
    if share == "100.0" and x < n:
        share = ">99.9"
    assert text == f"{x:,}/{n:,} ({share}%)"


@given(st.text())
def test_a_cell_is_one_line_and_never_empty(text):
    made = wording.cell(text)
    assert made
    assert made == " ".join(made.split())


@pytest.mark.parametrize(
    ("text", "shown"), [("NR", "NR"), ("UNCLEAR", "unclear"), ("", "—"), ("NA", "NA"), ("-2", "-2"), ("=1+1", "=1+1")]
)
def test_missing_words_stay_apart(text, shown):
    assert wording.cell(text) == shown


# The bundled review ----------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def printed(synthesised):
    return tables_of(synthesised)


def test_bundled_diltiazem_row(printed):
    row = row_of(printed["table_iv"], Treatment="Diltiazem")
    assert row.drop(["Pooled", "References"]).to_dict() == {
        "Class": "Calcium-channel blockers",
        "Treatment": "Diltiazem",
        "Level": "IV",
        "Published verdict": "might be useful",
        "Direction": "across",
        "Included": 4,
        "Not included": 0,
        "Without counts": 2,
        "Patients": 43,
        "Responders": "21/41 (51.2%) [35.1, 67.1]: 7/16 radiological response; 14/25 clinical response†",
        "ssc": "1 study; 3/12 (25.0%); IV",
        "dm": "—",
        "jdm": "2 without counts; IV",
        "ctd_mixed": "2 studies; 14/25 (56.0%); IV",
        "other": "1 study; 4/4 (100.0%); IV",
    }
    assert row["Pooled"].startswith("54.8 [")  # estimate of metafor's rma.glmm for these counts: 54.75 %
    assert row["References"].endswith("JDM diltiazem 2001*; Vilnius thesis (n.d.)*")


def test_bundled_warfarin_row(printed):
    row = row_of(printed["table_iv"], Treatment="Warfarin (low dose)")
    assert (row["Level"], row["Published verdict"]) == ("IB", "should not be used")
    assert row["Responders"].startswith("2/6 (33.3%) [4.3, 77.7]")
    assert row["Pooled"] == "not pooled: 2 studies, 3 needed"
    assert row["ssc"].endswith("; IV")
    assert row_of(printed["table_iv"], Treatment="All bisphosphonates")["Published verdict"] == "might be useful"


def test_missing_counts_are_counted_once_for_all(synthesised, printed):
    notes = [" ".join(printed[name].footnotes) for name in ("table_iv", "awaiting")]
    words = f"Counts are missing or not verified in {len(synthesised['awaiting'])} studies"
    assert all(words in text for text in notes)


def test_results_read_back_from_csv_print_the_same(synthesised, printed, tmp_path):
    back = {}
    for name, result in synthesised.results.items():
        save_csv(result, tmp_path / f"{name}.csv")
        back[name] = read_result(tmp_path / f"{name}.csv")
    for table in evidence_tables(synthesised.with_results(back)):
        pd.testing.assert_frame_equal(table.frame, printed[table.name].frame)
        assert table.footnotes == printed[table.name].footnotes


def test_bundled_review_lists_every_treatment_once(synthesised, printed):
    table = printed["table_iv"]
    shown = table.frame["Treatment"].tolist()
    assert len(set(shown)) == len(shown)
    without = next(note for note in table.footnotes if "Without any eligible study: " in note)
    absent = without.removeprefix("Without any eligible study: ").rstrip(".").split("; ")
    treatments = [name for name in shown if not name.startswith("All ")]
    assert sorted(treatments + absent) == sorted(synthesised["therapies"]["label"])
    assert len(printed["table_ii"].frame) == len(synthesised["studies"])


def test_bundled_review_shows_every_response_row_of_eligible_studies(synthesised, printed):
    """Table III has a row for each response row of a study that is not excluded (summed disease rows count as one)."""
    responses, studies, arms = (synthesised[name] for name in ("responses", "studies", "arms"))
    active = set(studies.loc[studies["status"] != "excluded", "study_id"])
    used = responses[responses["study_id"].isin(active) & (responses["therapy"] != "NR")]
    whole = arms[(arms["disease"] == "all") & (arms["scope"] == "therapy")]
    ids = [part for cell in whole["response_ids"] for part in cell.split(";")]
    assert len(ids) == len(set(ids))
    assert set(ids) == set(used.loc[used["primary_outcome"] == "yes", "response_id"])
    body = printed["table_iii"].frame.drop(index=list(printed["table_iii"].emphasised))
    assert len(body) == len(whole) + int((used["primary_outcome"] != "yes").sum())


def test_bundled_review_prints_nothing_raw(synthesised, printed):
    keys = (("studies", "study_id"), ("therapies", "therapy"), ("diseases", "disease"))
    slugs = {slug for table, key in keys for slug in synthesised[table][key] if re.search(r"\d|_", slug)}
    slugs -= set(re.findall(r"\w+", " ".join(synthesised["responses"]["pool_reason"])))  # an extractor's own words
    vocabulary = {word for words in LABELS.values() for word in words if "_" in word} - {"risk_of_bias"}
    analysis = analysis_table(synthesised, synthesised.analysis("class-bisphosphonate"))
    for table in (*printed.values(), analysis, sensitivity_table(synthesised)):
        texts = [*table.frame.to_numpy().ravel(), *(column.title for column in table.columns)]
        for text in [*map(str, texts), *table.footnotes, table.caption]:
            words = set(re.findall(r"\w+", text))
            assert text == " ".join(text.split())
            assert text
            assert not words & (slugs | vocabulary | {"nan", "NaN", "None"}), text
            assert not re.search(r"(?<![\d.])0\.\d{4,}", text), text


def test_bundled_findings_of_diltiazem(synthesised, printed):
    row, result = row_of(printed["findings"], Treatment="Diltiazem"), synthesised.analysis("diltiazem").result
    assert row[["Outcome", "Studies", "Patients", "Level"]].tolist() == [
        "radiological response; clinical response", 4, 41, "IV",
    ]  # fmt: skip
    assert row["Mean study"].startswith(wording.per_cent(result["mean_proportion"]))
    assert row["tau²"] == f"0.46 [{wording.variance(result['tau2_lb'])}, {wording.variance(result['tau2_ub'])}]"
    limits = row["What limits certainty"].split("; ")
    assert limits[:2] == ["few studies (4)", "small arms (4 to 17 patients)"]
    assert limits[-1] == "counts of 2 further studies missing"


def test_findings_have_the_treatments_with_counts_and_name_the_others(synthesised, printed):
    single = synthesised["pooled"].query("disease == 'all' and scope == 'therapy'")
    labels = synthesised["therapies"].set_index("therapy")["label"]
    assert set(labels[single.loc[single["k"] > 0, "therapy"]]) == set(printed["findings"].frame["Treatment"])
    without = next(note for note in printed["findings"].footnotes if note.startswith("No counts"))
    assert all(labels[slug] in without for slug in single.loc[single["k"] == 0, "therapy"])


def test_findings_never_claim_a_rating(printed):
    words = " ".join([*printed["findings"].footnotes, *printed["findings"].frame.to_numpy().ravel().astype(str)])
    assert "Certainty (GRADE): proposed by rules from the numbers, and confirmed by the authors" in words
    assert set(printed["findings"].frame["Confirmed"]) == {"not yet confirmed"}


@pytest.mark.parametrize(
    ("line", "arms", "expected"),
    [
        ({"k": 6}, [(30, "full_text")] * 6, []),
        ({"k": 1, "pooled": "no"}, [(30, "full_text")], ["1 study only"]),
        ({"k": 2, "pooled": "no"}, [(30, "full_text")] * 2,
         ["few studies (2)", "difference between studies not estimated"]),
        ({"k": 6}, [(9, "full_text")] * 3 + [(30, "full_text")] * 3, ["small arms (9 to 30 patients)"]),
        ({"k": 6}, [(10, "full_text")] * 6, []),
        ({"k": 6, "ci_lb": 0.2, "ci_ub": 0.7001}, [(30, "full_text")] * 6, ["wide interval (50 percentage points)"]),
        ({"k": 6, "q_p": 0.00001}, [(30, "full_text")] * 6, ["studies differ (P <0.001)"]),
        ({"k": 6, "q_p": 0.10}, [(30, "full_text")] * 6, []),
        ({"k": 6, "pi_lb": float("nan")}, [(30, "full_text")] * 6, ["difference between studies cannot be estimated"]),
        ({"k": 6, "pi_lb": 0.1, "pi_ub": 0.9}, [(30, "full_text")] * 6,
         ["a further study may find anything from 10.0% to 90.0%"]),
        ({"k": 6}, [(30, "secondary")] * 2 + [(30, "full_text")] * 4, ["2 of 6 known from a secondary source only"]),
        ({"k": 6}, [(30, "full_text;abstract")] * 6, []),
        ({"k": 6, "k_awaiting": 1}, [(30, "full_text")] * 6, ["counts of 1 further study missing"]),
    ],
)  # fmt: skip
def test_certainty_notes_are_read_from_the_numbers(line, arms, expected):
    usual = {"pooled": "yes", "estimate": 0.5, "ci_lb": 0.4, "ci_ub": 0.6, "crude": 0.5, "crude_ci_lb": 0.4,
             "crude_ci_ub": 0.6, "pi_lb": 0.3, "pi_ub": 0.7, "q_p": 0.5, "k_awaiting": 0}  # fmt: skip
    rows = [
        {"study_id": f"s{at}", "n": float(n), "evidence_basis": basis, "entered": "yes"}
        for at, (n, basis) in enumerate(arms)
    ]
    analysis = Analysis("drug", "therapy", "drug", "all", "Drug", usual | line, pd.DataFrame(rows))
    assert certainty_notes(analysis, comparison_group={"s0": "yes"}) == expected


def test_scenarios_show_their_own_diseases_first(printed):
    table = printed["scenarios"]
    row = row_of(table, Treatment="Diltiazem†")
    names = [column.name for column in table.columns]
    assert names.index("In the scenario's diseases") < names.index("Level")
    assert row["In the scenario's diseases"] == "DM: no study; JDM: 2 without counts, IV"
    assert row["Studies"] == "4 included; 2 without counts"
    assert row_of(table, Treatment="Mycophenolate mofetil†")[["Level", "Studies", "Pooled"]].tolist() == [
        "—", "no evidence in these tables", "—",
    ]  # fmt: skip
    assert any(note.startswith("Caveats of the guidance: ") for note in table.footnotes)


def test_sensitivity_names_what_is_changed_and_gives_tau2_its_interval(synthesised):
    found = sensitivity_table(synthesised).frame
    own = found[found["Analysis"] == "Diltiazem"]
    assert own.iloc[0][["What is changed", "To"]].tolist() == ["Primary analysis", "—"]
    assert set(own.loc[own["What is changed"] == "Leave-one-out", "To"]) >= {"Vayssairat 1998", "Balin 2012"}
    sizes = found.loc[found["What is changed"] == "With another least size of arms", "To"]
    assert set(sizes) >= {"1 or more patients", "10 or more patients"}
    assert "[" in own.iloc[0]["tau²"]
