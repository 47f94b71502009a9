"""The numbers of a PRISMA flow: what does not add up is named, what is not reported stays so."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from statsmodels.stats.inter_rater import cohens_kappa

from small_evidence.config import complete_config, schema
from small_evidence.extraction.checks import ExtractionError, check_tables, fault_lines, read_tables
from small_evidence.extraction.reference_files import ReferenceFileError
from small_evidence.extraction.schema import columns
from small_evidence.extraction.screening import (
    BOXES,
    PARTS,
    SUMS,
    box_numbers,
    box_of,
    count_flow,
    final_decisions,
    reviewer_agreement,
)
from small_evidence.extraction.screening import flow as prisma
from small_evidence.extraction.screening_files import read_decisions
from small_evidence.figures.flow import prisma_flow
from small_evidence.review import Review

RAW = Path(__file__).parents[1] / "data" / "raw"
REAL = read_tables(RAW)
SMALL = read_tables(Path(__file__).parent / "data/minimal/data/raw")
# a flow whose numbers add up
FLOW = {
    "Records identified": 120,
    "Duplicates removed before screening": 15,
    "Removed by automation before screening": 0,
    "Removed for other reasons before screening": 5,
    "Records screened": 100,
    "Records excluded": 60,
    "Reports sought for retrieval": 40,
    "Reports not retrieved": 2,
    "Reports assessed for eligibility": 38,
    "Reports excluded: no counts": 20,
    "Reports excluded: other disease": 8,
    "Studies included": 9,
    "Reports of included studies": 10,
}


def flow(**changes):
    """The table screening with these numbers: label=number, None takes the box away."""
    known = {label: number for label, number in (FLOW | changes).items() if number is not None}
    stages = ["identification"] * len(known)
    rows = {"stage": stages, "label": list(known), "n": [str(number) for number in known.values()]}
    return pd.DataFrame(rows | {"source": ["SYNTHETIC"] * len(known)}, dtype="str")


def said(screening):
    tables = SMALL | {"screening": screening}
    try:
        _, issues = check_tables(tables, RAW, year=2026)
    except ExtractionError as error:
        issues = error.faults
    issues = issues[issues["file"].str.endswith("screening.csv")]
    return [line.removeprefix("data/raw/screening.csv, ") for line in fault_lines(issues)], set(issues["rule"])


def test_a_flow_that_adds_up_has_no_fault():
    assert said(flow()) == ([], set())


def test_the_bundled_flow_has_two_numbers_and_no_fault():
    assert said(REAL["screening"]) == ([], set())
    known = {box: number for box, number in box_numbers(REAL["screening"]).items() if number == number}
    assert known == {"identified": 3032, "studies": 30}


@pytest.mark.parametrize(
    ("changes", "line"),
    [
        (
            {"Records screened": 101, "Reports sought for retrieval": 41, "Reports not retrieved": 3},
            "row 6, column n: 101, but 120 (Records identified) − 15 (Duplicates removed before screening) − 0 "
            "(Removed by automation before screening) − 5 (Removed for other reasons before screening) is 100",
        ),
        (
            {"Records excluded": 61},
            "row 8, column n: 40, but 100 (Records screened) − 61 (Records excluded) is 39",
        ),
        (
            {"Reports not retrieved": 0},
            "row 10, column n: 38, but 40 (Reports sought for retrieval) − 0 (Reports not retrieved) is 40",
        ),
        (
            {"Reports excluded: no counts": 21},
            "row 14, column n: 10, but 38 (Reports assessed for eligibility) − 29 (Reports excluded) is 9",
        ),
        (
            {"Other reports sought for retrieval": 5, "Other reports not retrieved": 1,
             "Other reports assessed for eligibility": 3},
            "row 17, column n: 3, but 5 (Other reports sought for retrieval) − 1 (Other reports not retrieved) is 4",
        ),
        (
            {"Studies in previous version": 4, "Total studies included": 12},
            "row 16, column n: 12, but 4 (Studies in previous version) + 9 (Studies included) is 13",
        ),
    ],
)  # fmt: skip
def test_numbers_that_do_not_add_up_are_named(changes, line):
    lines, rules = said(flow(**changes))
    assert line in lines
    assert rules == {"flow_sum"}


@pytest.mark.parametrize(
    ("changes", "line"),
    [
        ({"Records excluded": 101}, "row 7, column n: 101, more than Records screened (100)"),
        ({"Studies included": 11}, "row 13, column n: 11, more than Reports of included studies (10)"),
        ({"Records screened": 121}, "row 6, column n: 121, more than Records identified (120)"),
    ],
)
def test_a_part_larger_than_the_whole_stops_the_run(changes, line):
    lines, rules = said(flow(**changes))
    assert lines == [line]
    assert rules == {"flow_part"}


def test_other_methods_join_the_reports():
    other = {
        "Other reports sought for retrieval": 4,
        "Other reports not retrieved": 0,
        "Other reports assessed for eligibility": 4,
        "Other reports excluded": 1,
    }
    assert said(flow(**other, **{"Reports of included studies": 13})) == ([], set())
    lines, _ = said(flow(**other))
    assert lines[0].startswith("row 14, column n: 10, but 38 (Reports assessed for eligibility) + 4 (Other reports")


@pytest.mark.parametrize("label", [label for label in FLOW if FLOW[label]])
def test_what_is_not_reported_is_not_worked_out(label):
    assert said(flow(**{label: "NR"})) == ([], set())


@pytest.mark.parametrize("label", ["Duplicates removed before screening", "Records excluded", "Reports not retrieved"])
def test_a_box_that_is_left_out_counts_as_none_and_is_named(label):
    lines, rules = said(flow(**{label: None}))
    assert rules == {"flow_sum"}
    assert lines[0].endswith(f"; not in the table: {label}")


def test_what_would_be_in_a_box_that_is_left_out_is_compared_with_the_next():
    without = {"Reports sought for retrieval": None, "Reports not retrieved": None}
    assert said(flow(**without, **{"Records excluded": 62})) == ([], set())
    lines, rules = said(flow(**without))
    assert rules == {"flow_sum"}
    assert lines[0].startswith("row 8, column n: 38, but 40 (Reports sought for retrieval, worked out) is 40")


def test_a_total_beside_its_reasons_counts_once():
    assert said(flow(**{"Reports excluded with reasons": 28})) == ([], set())
    lines, _ = said(flow(**{"Reports excluded with reasons": 27}))
    assert lines == [
        "row 14, column n: 10, but 38 (Reports assessed for eligibility) − 27 (Reports excluded with reasons) is 11"
    ]


def test_labels_of_the_review_s_own_are_no_box():
    assert box_of("  Records   SCREENED ") == "screened"
    assert box_of("Reports excluded: wrong outcome") == "reports_excluded"
    assert box_of("Books weighed") == ""
    assert said(flow(**{"Books weighed": 7000})) == ([], set())


def test_every_box_of_a_sum_has_a_label():
    boxes = set(BOXES.values())
    assert {name for box, added, taken in SUMS for name in (box, *added, *taken)} <= boxes
    assert {name for pair in PARTS for name in pair} <= boxes


def drawn(screening, records=None, **choices):
    tables = {"screening": screening} if records is None else {"screening": screening, "records": records}
    return prisma_flow(Review(tables), **choices)


# ------------------------------------------------------------------------------- labels of the published template


TEMPLATE_ROWS = {
    "Records identified from databases": 400,
    "Duplicate records removed": 100,
    "Records screened": 390,
    "Records excluded": 30,
    "Reports sought for retrieval": 100,
    "New studies included in review": 15,
}


def table(rows):
    frame = pd.DataFrame({"stage": "screening", "label": list(rows), "n": [str(n) for n in rows.values()]})
    return frame.assign(source="SYNTHETIC").astype("str")


def test_labels_as_the_template_prints_them_fill_the_boxes_and_are_summed():
    assert box_numbers(table(TEMPLATE_ROWS)) == {
        "identified": 400, "databases": 400, "duplicates": 100, "screened": 390, "excluded": 30, "sought": 100,
        "studies": 15,
    }  # fmt: skip
    lines, rules = said(table(TEMPLATE_ROWS))
    assert rules == {"flow_sum"}
    assert lines[0].startswith(
        "row 4, column n: 390, but 400 (Records identified) − 100 (Duplicate records removed) is 300"
    )
    words = str(drawn(table(TEMPLATE_ROWS)).alt_text)
    for text in (
        "Records identified (n\u00a0=\u00a0400)",
        "Duplicates (n\u00a0=\u00a0100)",
        "Studies included (n\u00a0=\u00a015)",
    ):
        assert text in words


@pytest.mark.parametrize(
    ("label", "near"),
    [
        ("Record screened", "Records screened"),
        ("Reports asessed for eligibility", "Reports assessed for eligibility"),
        ("Duplicates records removed", "Duplicate records removed"),
        ("MEDLINE", ""),
        ("Patients in the included studies", ""),
    ],
)
def test_an_unknown_label_names_the_nearest(label, near):
    lines, rules = said(flow(**{label: 3}))
    assert rules == ({"flow_label"} if near else set())
    assert lines == ([f'row 15, column label: "{label}" is no box of the flow; is "{near}" meant?'] if near else [])


# --------------------------------------------------------------------------------------------- counted from records


def decisions(*rows):
    """Rows of the table records: record, stage, reviewer, decision, reason, more cells."""
    names = ["record_id", "screening_stage", "reviewer", "screening_decision", "exclusion_reason"]
    made = [dict(zip(names, row, strict=False)) | {"notes": "SYNTHETIC"} for row in rows]
    return pd.DataFrame(made, columns=columns("records"), dtype="str").fillna("")


@pytest.fixture(scope="module")
def many():
    """SYNTHETIC records, seeded, with what became of each."""
    rng = np.random.default_rng(7)
    fates, rows = [], []
    for at in range(300):
        kind = ("database", "register", "citation")[rng.choice(3, p=(0.8, 0.1, 0.1))]
        about = {"record_id": f"r{at}", "source_kind": kind, "notes": "SYNTHETIC"}
        about["database"] = ("MEDLINE", "Embase")[at % 2] if kind == "database" else kind
        fate = ("duplicate", "excluded", "not_retrieved", "dropped", "included")[
            rng.choice(5, p=(0.2, 0.4, 0.1, 0.2, 0.1))
        ]
        fate = "dropped" if kind == "citation" and fate in ("duplicate", "excluded") else fate
        fates.append((kind, about["database"], fate))
        steps = {
            "duplicate": [("identification", "exclude", "duplicate")],
            "excluded": [("title_abstract", "exclude", "")],
            "not_retrieved": [("title_abstract", "include", ""), ("retrieval", "exclude", "not_retrieved")],
            "dropped": [("title_abstract", "include", ""), ("full_text", "exclude", "wrong_outcome")],
            "included": [("title_abstract", "include", ""), ("full_text", "include", "")],
        }[fate]
        study = f"study{at // 100}" if fate == "included" else ""
        for stage, decision, reason in steps:
            cells = {"screening_stage": stage, "screening_decision": decision, "exclusion_reason": reason}
            for who in ("ann", "bob"):
                rows.append(about | cells | {"reviewer": who, "included_study": study})
    return pd.DataFrame(rows, columns=columns("records"), dtype="str").fillna(""), fates


def test_the_flow_is_counted(many):
    records, fates = many
    counted = count_flow(records)
    found = counted[counted["part"] == ""].set_index("box")["n"].to_dict()

    def number(*wanted, other=False):
        return sum(fate in wanted for kind, _, fate in fates if (kind == "citation") == other)

    everything = ("duplicate", "excluded", "not_retrieved", "dropped", "included")
    assert found["identified"] == number(*everything)
    assert found["registers"] == sum(kind == "register" for kind, _, _ in fates)
    assert found["databases"] + found["registers"] == found["identified"]
    without = count_flow(records[records["source_kind"] != "register"])
    assert not {"databases", "registers"} & set(without["box"])
    assert found["duplicates"] == number("duplicate")
    assert (found["automation"], found["other_reasons"]) == (0, 0)
    assert found["screened"] == number(*everything[1:])
    assert found["excluded"] == number("excluded")
    assert found["sought"] == number(*everything[2:])
    assert found["not_retrieved"] == number("not_retrieved")
    assert found["assessed"] == number("dropped", "included")
    assert found["reports_excluded"] == number("dropped")
    assert found["reports"] == number("included") + number("included", other=True)
    assert found["studies"] == 3
    assert found["citations"] == found["other_sought"] == number(*everything, other=True)
    parts = counted[(counted["box"] == "identified") & (counted["part"] != "")].set_index("part")["n"]
    assert parts["MEDLINE"] == sum(name == "MEDLINE" for _, name, _ in fates)
    reasons = counted[(counted["box"] == "reports_excluded") & (counted["part"] != "")]
    assert reasons[["part", "n"]].to_numpy().tolist() == [["wrong_outcome", found["reports_excluded"]]]


def test_the_counted_flow_adds_up_and_is_drawn(many):
    records, _ = many
    counted = prisma(table({}), records)
    typed = counted[counted["part"] == ""].assign(stage="screening", n=lambda rows: rows["n"].astype(int).astype(str))
    assert said(typed[["stage", "label", "n", "source"]].reset_index(drop=True)) == ([], set())
    words = str(drawn(table({}), records, by_database=True).alt_text)
    assert "MEDLINE (n\u00a0=" in words
    assert "wrong outcome (n\u00a0=" in words
    assert "MEDLINE" not in str(drawn(table({}), records).alt_text)
    hidden = str(drawn(table({}), records, hide=["sought", "not_retrieved", "reports"]).alt_text)
    assert "sought for" not in hidden
    assert "not retrieved (n" not in hidden.partition("Records from other")[0]


def test_the_choices_of_a_review_hide_boxes_and_show_databases(many):
    choices = {"figures": {"flow_hide": ["sought"], "flow_by_database": True}}
    review = Review(SMALL | {"records": many[0]}, complete_config(choices))
    words = str(prisma_flow(review).alt_text)
    assert "MEDLINE (n\u00a0=" in words
    assert "sought for retrieval" not in words
    assert "sought for retrieval" in str(prisma_flow(review, hide=()).alt_text)


def test_every_box_may_be_hidden():
    assert schema()["properties"]["figures"]["properties"]["flow_hide"]["items"]["enum"] == list(BOXES.values())


def test_a_typed_number_that_is_not_the_counted_one_is_named(many):
    records, _ = many
    tables = SMALL | {"screening": table({"Records identified": 5}), "records": records.assign(included_study="")}
    _, issues = check_tables(tables, RAW, year=2026)
    assert "flow_counted" in set(issues["rule"])


def test_reviewers_who_differ_are_named_until_they_agree():
    rows = [("a", "title_abstract", "ann", "include"), ("a", "title_abstract", "bob", "exclude")]
    assert final_decisions(decisions(*rows))["screening_decision"].tolist() == [""]
    counted = count_flow(decisions(*rows)).query("part == ''").set_index("box")["n"]
    assert (counted["screened"], counted["awaiting_screening"]) == (0, 1)
    _, issues = check_tables(SMALL | {"records": decisions(*rows)}, RAW, year=2026)
    assert "record_open" in set(issues["rule"])
    rows.append(("a", "title_abstract", "Consensus", "exclude"))
    assert final_decisions(decisions(*rows))["screening_decision"].tolist() == ["exclude"]


def test_what_cannot_be_is_an_error_with_its_row():
    rows = [
        ("a", "full_text", "ann", "exclude"),
        ("b", "full_text", "ann", "include", "wrong_outcome"),
        ("c", "title_abstract", "ann", "exclude"),
        ("c", "full_text", "ann", "include"),
    ]
    records = decisions(*rows)
    records.loc[1, "included_study"] = "nobody2020"
    with pytest.raises(ExtractionError) as error:
        check_tables(SMALL | {"records": records}, RAW, year=2026)
    found = error.value.faults[["rule", "row", "column"]].to_numpy().tolist()
    assert found == [
        ["record_reason", 2, "exclusion_reason"],
        ["record_reason", 3, "exclusion_reason"],
        ["record_study", 3, "included_study"],
        ["record_skipped", 5, "screening_stage"],
    ]


def test_kappa_of_two_reviewers_is_that_of_statsmodels():
    rng = np.random.default_rng(3)
    first = rng.choice(["include", "exclude"], 60)
    second = np.where(rng.random(60) < 0.8, first, "include")
    rows = [
        (f"r{at}", "title_abstract", who, word)
        for who, words in (("ann", first), ("bob", second))
        for at, word in enumerate(words)
    ]
    row = reviewer_agreement(decisions(*rows)).iloc[0]
    counts = pd.crosstab(first, second).to_numpy()
    assert (row["compared"], row["agreed"]) == (60, int((first == second).sum()))
    assert row["kappa"] == pytest.approx(cohens_kappa(counts).kappa, abs=1e-12)  # the same function


def test_the_flow_of_the_published_review_is_named_as_such():
    assert prisma(REAL["screening"]).empty
    assert prisma(REAL["screening"], of="published").set_index("box")["n"].dropna().to_dict() == {
        "identified": 3032,
        "studies": 30,
    }
    assert "of the published review" in str(drawn(REAL["screening"]).alt_text)


# --------------------------------------------------------------------------------- exports of screening programs


def test_rayyan(tmp_path):
    notes = 'RAYYAN-INCLUSION: {""Ann""=>""Included"", ""Bob""=>""Excluded""} | RAYYAN-EXCLUSION-REASONS: wrong outcome'
    maybe = 'RAYYAN-INCLUSION: {""Ann""=>""Maybe""}'
    path = tmp_path / "articles.csv"
    path.write_text(
        f'key,title,authors,year,notes\n1,SYNTHETIC a,Doe A,2020,"{notes}"\n2,SYNTHETIC b,Roe B,2021,"{maybe}"\n'
    )
    names = ["record_id", "screening_stage", "reviewer", "screening_decision", "exclusion_reason"]
    assert read_decisions([path])[names].to_numpy().tolist() == [
        ["articles_1", "title_abstract", "Ann", "include", ""],
        ["articles_1", "title_abstract", "Bob", "exclude", "wrong_outcome"],
        ["articles_2", "title_abstract", "Ann", "", ""],
    ]


@pytest.mark.parametrize("column", ["asreview_label", "included"])
def test_asreview(tmp_path, column):
    path = tmp_path / "asreview.csv"
    path.write_text(f"record_id,title,doi,{column}\n0,SYNTHETIC a,10.1000/a,1\n1,SYNTHETIC b,,0\n2,SYNTHETIC c,,\n")
    found = read_decisions([path], reviewer="ann")
    assert found["screening_decision"].tolist() == ["include", "exclude", ""]
    assert found["record_id"].tolist() == ["10.1000/a", "asreview_1", "asreview_2"]
    assert set(found["reviewer"]) == {"ann"}


def test_covidence(tmp_path):
    head = "Title,Authors,Published Year,DOI,Covidence #,Notes,Tags\n"
    for name, note in (("included", ""), ("excluded", "Exclusion reason: Wrong study design; "), ("irrelevant", "")):
        (tmp_path / f"review_1_{name}_csv_2026.csv").write_text(
            f"{head}SYNTHETIC {name},Doe A,2020,,#7{len(name)},{note},\n"
        )
    found = read_decisions(sorted(tmp_path.iterdir()))
    assert found[["screening_stage", "screening_decision", "exclusion_reason"]].to_numpy().tolist() == [
        ["full_text", "exclude", "wrong_design"], ["full_text", "include", ""], ["title_abstract", "exclude", ""],
    ]  # fmt: skip


def test_a_file_without_decisions_is_named(tmp_path):
    path = tmp_path / "x.csv"
    path.write_text("title,authors\nSYNTHETIC a,Doe A\n")
    with pytest.raises(ReferenceFileError, match=r"x\.csv: no decision"):
        read_decisions([path])


def test_decisions_are_proposed_beside_those_that_the_table_has(copy_review):
    review = copy_review("tests/data/minimal")
    names = columns("records")
    first = {"screening_stage": "title_abstract", "screening_decision": "include", "notes": "SYNTHETIC"}
    had = [
        first | {"record_id": "r1", "reviewer": "asreview", "doi": "10.1000/a"},
        first | {"record_id": "r2", "reviewer": "asreview", "pmid": "222"},
        first | {"record_id": "r1", "reviewer": "ann", "doi": "10.1000/a"},
    ]
    pd.DataFrame(had, columns=names).to_csv(review.path("data/raw/records.csv"), index=False)
    exports = review.path("data/raw/screening_exports")
    (exports / "full_text").mkdir(parents=True)
    head = "record_id,title,doi,pmid,asreview_label\n"
    rows = "0,SYNTHETIC a,https://doi.org/10.1000/A,,1\n1,SYNTHETIC b,,222,0\n2,SYNTHETIC c,,333,0\n"
    (exports / "asreview {1}.csv").write_text(head + rows)
    (exports / "full_text" / "asreview.csv").write_text(head + "0,SYNTHETIC a,10.1000/a,,1\n")
    proposals, agreement = "results/tables/screening_proposals.csv", "results/tables/reviewer_agreement.csv"
    review.run(proposals, agreement)
    found = pd.read_csv(review.path(proposals), dtype=str, keep_default_na=False)
    assert list(found.columns) == [*names, "proposal"]
    shown = ["record_id", "screening_stage", "screening_decision", "proposal"]
    assert sorted(found[shown].to_numpy().tolist()) == [
        ["333", "title_abstract", "exclude", "new"],
        ["r1", "full_text", "include", "new"],
        ["r1", "title_abstract", "include", "known"],
        ["r2", "title_abstract", "exclude", "differs"],
    ]
    row = pd.read_csv(review.path(agreement)).iloc[0]
    assert row[["screening_stage", "compared", "agreed"]].tolist() == ["title_abstract", 1, 1]
    (exports / "notes.csv").write_text("title,authors\nSYNTHETIC a,Doe A\n")
    references = review.path("data/raw/references")
    references.mkdir()
    (references / "endless.ris").symlink_to("/dev/zero")  # hashed by no run, read by none
    printed = review.run(proposals, "results/tables/import_proposals.csv", "--keep-going", code=1)
    assert "notes.csv: no decision" in printed
    assert "endless.ris: a link to a file outside this folder" in printed
    assert "Traceback" not in printed
