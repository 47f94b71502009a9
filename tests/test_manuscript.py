"""Texts for the paper: numbers of the results, grammar of 0, 1 and many, nothing that only the authors can know."""

import re
from dataclasses import replace

import pandas as pd
import pytest

from small_evidence.config import complete_config
from small_evidence.documents.plain import markdown
from small_evidence.documents.text import Heading, Item
from small_evidence.extraction.schema import columns
from small_evidence.pooling.methods import METHODS as POOLING
from small_evidence.presentation.checklists import ANSWERED, checklist_table, checklist_texts, facts
from small_evidence.presentation.manuscript import _harms, manuscript, methods_text, results_text
from small_evidence.presentation.references import METHODS, Citations, study_references
from small_evidence.review import Review
from small_evidence.synthesis.analyses import synthesise
from small_evidence.synthesis.claims import reconcile_claims
from small_evidence.tables.parts import verification_words
from small_evidence.wording import interval_label, per_cent
from tests import made_up

VERSIONS = {
    "small_evidence": "1.2.3",
    "python": "3.12.1",
    "numpy": "2.4.0",
    "snakemake": "9.27.1",
    "statsmodels": "0.15.0",
}
# Words of earlier versions that say nothing to a reader of a journal
LOOSE = r"\b(told|tell|in hand|rests?|hangs?|anew|stands?|beside|mend|cannot be told|slip|account|entered)\b"


@pytest.fixture(scope="module")
def review(synthesised):
    return synthesised


@pytest.fixture(scope="module")
def texts(review):
    return {text.name: text for text in manuscript(review, VERSIONS)}


def under(review, section="synthesis", **choices):
    """The review with other choices and its results as they are."""
    return replace(review, config={**review.config, section: {**review.config[section], **choices}})


def words_of(text):
    """Words of each paragraph and item of a text."""
    return [words for block in text.blocks if isinstance(words := getattr(block, "words", block), str)]


def test_methods_say_how_many_differences_were_tested(review, texts):
    looked_at = review["heterogeneity"].drop_duplicates(["analysis", "factor", "covariate"])
    words = paragraph(texts["methods"], "In each pooled analysis, studies were compared by disease")
    assert f"Of {len(looked_at)} such comparisons none could be tested" in words
    tested = review["heterogeneity"].assign(chi2=1.0).iloc[:2]
    other = methods_text(review.with_results({"heterogeneity": tested}), VERSIONS)
    assert "Of 1 such comparison 1 could be tested" in paragraph(
        other, "In each pooled analysis, studies were compared"
    )


def paragraph(text, start):
    """The one block whose words begin so."""
    found = [words for words in words_of(text) if words.startswith(start)]
    assert len(found) == 1, found
    return found[0]


def results_of(counts, unit="patient", **policy):
    """Results of a review with one treatment, "drug", from (responders, n) of each study."""
    studies = {f"s{at}": {"title": f"Title {at}", "year": str(2000 + at)} for at in range(len(counts))}
    for at, (x, _) in enumerate(counts):
        if x == "NR":
            studies[f"s{at}"] |= {"status": "awaiting", "status_reason": "no counts"}
    rows = [(f"s{at}", {"responders": x, "n": n, "unit": unit}) for at, (x, n) in enumerate(counts)]
    made = made_up.review(studies, rows, unit=unit, **policy)
    return results_text(synthesise(made))


# Methods -------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("method", [name for name, method in POOLING.items() if method.configurable])
def test_methods_name_the_model_its_interval_and_their_sources(review, method):
    for kind in POOLING[method].intervals:
        text = methods_text(under(review, method=method, interval=kind), VERSIONS)
        words = paragraph(text, "Analyses of at least 3 studies were pooled with ")
        assert POOLING[method].label in words
        assert "95% credible intervals" in words if kind == "credible" else f"({interval_label(kind)})" in words
        listed = {block.words for block in text.blocks if isinstance(block, Item)}
        named = {key for key, source in METHODS.items() if source in listed}
        assert {"stijnen2010", "hardy1996"} & named == {
            *POOLING[method].citations, *(["hardy1996"] * kind.startswith("profile")),
        } & {"stijnen2010", "hardy1996"}  # fmt: skip


def test_methods_say_what_the_default_interval_is(review):
    """`default` is the first interval of the method, and the text names that one."""
    named = methods_text(under(review, interval=POOLING["glmm"].default_interval), VERSIONS)
    assert methods_text(under(review, interval="default"), VERSIONS) == named


def test_methods_follow_the_config(review):
    choices = {
        "interval": "wald_t", "conf_level": 0.975, "min_studies": 2, "min_arm_size": 1, "response": "complete",
        "secondary_sources": "exclude", "classes_not_combined": [], "verified_only": True,
    }  # fmt: skip
    other = under(under(review, **choices), "grading", response_threshold=0.333)
    words = markdown(methods_text(other, VERSIONS))
    for expected in (
        "Analyses of at least 2 studies",
        "97.5% confidence intervals",
        "at least 1 patient.",
        "Only complete responses",
        "secondary source were not included",
        "verified by a second person",
        "proportion of 33.3%",
    ):
        assert expected in words, expected
    assert "Classes whose" not in words


def test_methods_give_the_priors_of_the_bayesian_model(review):
    words = markdown(methods_text(under(review, method="bayes", priors={"b_sd": 2.0, "tau_scale": 0.5}), VERSIONS))
    assert "standard deviation 2 for" in words or "with standard deviation 2," in words
    assert "scale 0.5" in words


def test_methods_name_the_scale_of_a_two_step_model(review):
    done = review["pooled"].assign(pooled="yes", measure="PAS", tau2_method="REML")
    text = methods_text(under(review.with_results({"pooled": done}), method="inverse_variance"), VERSIONS)
    assert "(arcsine scale, REML estimate of tau², 0.5 added only to" in paragraph(text, "Analyses of at least")


def test_methods_name_the_outcome_in_the_words_of_its_table(review):
    stroke = {
        "outcome": "stroke", "label": "Stroke", "event_singular": "had a stroke", "event_plural": "had a stroke",
        "noun_singular": "patient with a stroke", "noun_plural": "patients with a stroke",
        "good": "no", "unit": "share",
    }  # fmt: skip
    outcomes = pd.DataFrame([stroke], columns=review["outcomes"].columns)
    other = under(review.with_tables(outcomes=outcomes), outcomes=["stroke"], outcome="stroke")
    other = under(other, "review", response="")
    assert paragraph(methods_text(other, VERSIONS), "The outcome").startswith(
        "The outcome was the proportion of patients who had a stroke."
    )


def test_sensitivity_analyses_are_described_only_where_they_were_run(review):
    without = replace(review, results={name: f for name, f in review.results.items() if name != "sensitivity"})
    assert "In sensitivity analyses" not in markdown(methods_text(without, VERSIONS))
    assert "Sensitivity analyses" not in words_of(results_text(without))
    assert paragraph(methods_text(review, VERSIONS), "In sensitivity analyses").startswith(
        "In sensitivity analyses, each pooled analysis was repeated with one study left out at a time,"
    )


def test_methods_name_the_software_that_ran(texts):
    assert re.match(
        r"Numbers, tables and figures were produced with small-evidence 1\.2\.3 under Python 3\.12\.1, using "
        r"NumPy 2\.4\.0 \[\d+\], Snakemake 9\.27\.1 \[\d+\] and statsmodels 0\.15\.0\. ",
        paragraph(texts["methods"], "Numbers, tables and figures"),
    )


def test_methods_print_what_the_review_says_of_its_scheme(review):
    other = under(review, "grading", scheme_note="The placement of designs was confirmed by two reviewers.")
    words = paragraph(methods_text(other, VERSIONS), "The level of evidence of each study")
    assert "confirmed by two reviewers." in words
    assert review.scheme["title"] in words


def test_methods_claim_no_rating_search_or_selection(texts):
    words = markdown(texts["methods"])
    assert not re.search(r"\bwe (searched|screened|rated)|MEDLINE|two reviewers", words)
    assert "The authors confirmed 0 of " in words


@pytest.mark.parametrize("name", ["methods", "results"])
def test_every_citation_has_its_reference_and_every_reference_its_citation(texts, name):
    text = texts[name]
    listed = [block.number for block in text.blocks if isinstance(block, Item) and block.number]
    words = " ".join(getattr(b, "words", b) for b in text.blocks if not (isinstance(b, Item) and b.number))
    cited = []
    for mark in re.findall(r"\[(\d[\d,-]*)\]", words):
        for part in mark.split(","):
            first, _, last = part.partition("-")
            cited += range(int(first), int(last or first) + 1)
    assert listed == list(dict.fromkeys(cited)) == list(range(1, len(set(cited)) + 1))


@pytest.mark.parametrize("name", ["methods", "results"])
def test_texts_are_in_plain_words(texts, name):
    titles = r"\(J Am Acad.*?\)|doi:\S+"
    words = " ".join(w for b, w in zip(texts[name].blocks, words_of(texts[name]), strict=True)
                     if not (isinstance(b, Item) and b.number))  # fmt: skip
    assert re.findall(LOOSE, re.sub(titles, "", words)) == []


# Results -------------------------------------------------------------------------------------------------------------


def test_each_analysed_treatment_has_its_counts_estimate_and_level(review, texts):
    text = texts["results"]
    single = [one for one in review.analyses.values() if one.scope == "therapy" and one.disease == "all"]
    analysed = [one for one in single if one.result["k"]]
    assert len(analysed) > 5
    for analysis in analysed:
        words = paragraph(text, f"{analysis.label}: ")
        result = analysis.result
        assert words.startswith(f"{analysis.label}: {result['events']:.0f} of {result['n']:.0f} patient")
        assert f"({per_cent(result['crude'])}%; 95% CI {per_cent(result['crude_ci_lb'])}% to " in words
        assert (f"Pooled proportion of the median study {per_cent(result['estimate'])}% (" in words) == analysis.pooled
        assert ("Not pooled (" in words) != analysis.pooled
        assert f"Level of evidence {analysis.level['level']}" in words
        apart = "no study of this level is included" in words
        assert apart == (analysis.level["level_in_number"] == "no")


def test_a_pooled_treatment_in_a_whole_sentence(review, texts):
    result = review.analysis("diltiazem").result
    studies = f"{result['k']} studies"
    words = paragraph(texts["results"], "Diltiazem: ")
    assert words.startswith("Diltiazem: 21 of 41 patients ")
    assert (
        f" in {studies} (51.2%; 95% CI 35.1% to 67.1%) [1-4]. Pooled proportion of the median study 54.8% (95% CI "
        in words
    )
    coming = f"{result['next_lb']:.0f} to {result['next_ub']:.0f} responders expected among 10 further patients"
    assert coming in words
    assert f"mean study {per_cent(result['mean_proportion'])}%, " in words
    assert "; 95% prediction interval " in words
    assert "]; heterogeneity P = 0.042). By disease: SSc, 3 of 12 (1 study); " in words


def test_a_level_of_studies_without_counts_is_marked(review):
    levels = review["therapy_levels"].copy()
    levels["level_in_number"] = "no"
    text = results_text(review.with_results({"therapy_levels": levels}))
    lines = [words for words in words_of(text) if "Level of evidence" in words]
    assert lines
    assert all("; no study of this level is included in these counts." in words for words in lines)


def test_treatments_are_pooled_not_pooled_or_not_analysed(review, texts):
    single = review["pooled"].query("disease == 'all' and scope == 'therapy'")
    words = paragraph(texts["results"], "Eligible studies were found for ")
    numbers = [int(number) for number in re.findall(r"(\d+) (?:could be pooled|had counts|had no study arm)", words)]
    assert int(re.search(r"for (\d+) treatments", words)[1]) == len(single) == sum(numbers)
    none = int((single["k"] == 0).sum())
    reasons = re.search(r"that could be analysed \((.*?)\)", words)[1].split("; ")
    assert sum(int(reason.rsplit(", ", 1)[1]) for reason in reasons) == none == numbers[-1]


def test_a_flow_that_is_another_review_s_is_said_to_be(texts):
    words = paragraph(texts["results"], "Flow of records")
    assert words.startswith(
        "Flow of records of the published review (source: doi:10.1016/j.jaad.2019.07.006): records identified, 3,032; "
    )
    assert "The other 10 numbers of the flow diagram of the published review were not reported." in words


def test_decisions_on_records_are_counted_for_text_checklist_and_claims(review):
    rows = [("a", "title_abstract", "exclude", ""), ("b", "title_abstract", "include", ""),
            ("b", "full_text", "exclude", "wrong_outcome")]  # fmt: skip
    names = ["record_id", "screening_stage", "screening_decision", "exclusion_reason"]
    records = pd.DataFrame(rows, columns=names).assign(reviewer="ann", database="MEDLINE", notes="SYNTHETIC")
    records = records.reindex(columns=columns("records"), fill_value="").astype("str")
    own = review.with_tables(records=records)
    words = paragraph(results_text(own), "Flow of records")
    assert words.startswith("Flow of records (source: table records): records identified, 2; ")
    assert "records identified: MEDLINE, 2;" in words
    assert "reports excluded with reasons: wrong outcome, 1" in words
    assert "3,032" not in words
    assert facts(own)["flow"].endswith("recorded, counted from the decisions on records")
    claims = reconcile_claims(own).query("quantity == 'n_identified'")
    assert set(claims["records"]) == {2}


def test_every_treatment_with_an_eligible_study_has_its_words(texts, review):
    words = markdown(texts["results"])
    shown = review["pooled"].query("disease == 'all' and scope == 'therapy'")["therapy"]
    assert not [label for slug in shown if (label := review.labels.therapy[slug]) not in words]


def test_sensitivity_results_give_the_range_of_the_pooled_proportion(review, texts):
    variants = review.analysis("diltiazem").variants
    one_out = variants.loc[variants["variant"] == "leave_one_out", "estimate"]
    words = paragraph(texts["results"], "Diltiazem, pooled proportion: ")
    assert f"{per_cent(one_out.min())}% to {per_cent(one_out.max())}% with one study left out at a time" in words


def test_results_of_a_choice_that_are_not_pooled_are_counted(review, texts):
    rows = review["sensitivity"].query("variant == 'arm_size' and change == '1'")
    single = {name for name, one in review.analyses.items() if one.scope == "therapy" and one.disease == "all"}
    rows = rows[rows["analysis"].isin(single)]
    pooled = rows["pooled"].eq("yes") | rows["analysis"].map(lambda name: review.analysis(name).pooled)
    words = paragraph(texts["results"], "With arms of 1 or more: ")
    assert f"counts changed in {(~pooled).sum()} other analyses, not pooled." in words
    assert words.count(", pooled ") == rows["pooled"].eq("yes").sum()


@pytest.mark.parametrize("name", ["methods", "results"])
def test_nothing_raw_reaches_a_reader(texts, review, name):
    words = re.sub(r"doi:\S+", "doi", markdown(texts[name]))
    assert not re.search(r"\bnan\b|\bNaN\b|\bNone\b|\d\.\d{5}|\\_|\S  \S|\.\.|\[\]|\( |;\.| ,", words)
    slugs = {*review["studies"]["study_id"], *review["therapies"]["therapy"]}
    named = [slug for slug in slugs if re.search(r"\d|_", slug)]
    assert not [slug for slug in named if re.search(rf"(?<![\w/]){slug}(?!\w)", words)]


@pytest.mark.parametrize(
    ("counts", "start", "end"),
    [
        ([(0, 3)], "Drug: 0 of 3 patients ", " in 1 study (0.0%; 95% CI 0.0% to 70.8%) [1]. Not pooled ("),
        ([(1, 3), (3, 3)], "Drug: 4 of 6 patients ", " in 2 studies (66.7%; "),
        ([(3, 3), (4, 4), (5, 5)], "Drug: 12 of 12 patients ",
         " in 3 studies (100.0%; 95% CI 73.5% to 100.0%) [1-3]. Pooled proportion 100.0% (95% CI 73.5% to 100.0%). A"),
        ([(0, 3), (0, 4), (0, 5)], "Drug: 0 of 12 patients ",
         " in 3 studies (0.0%; 95% CI 0.0% to 26.5%) [1-3]. Pooled proportion 0.0% (95% CI 0.0% to 26.5%). No "),
        ([("NR", 3)], "Not analysed. Counts not available: Drug.", ""),
    ],
)  # fmt: skip
def test_grammar_and_boundaries(counts, start, end):
    text = results_of([(str(x), str(n)) for x, n in counts])
    lines = [block.words for block in text.blocks if isinstance(block, Item) and not block.number]
    lines = [line for line in lines if "Drug" in line]
    assert lines[0].startswith(start)
    assert end in lines[0]


@pytest.mark.parametrize(("x", "n", "words"), [("1", "1", "1 of 1 patient "), ("1", "2", "1 of 2 patients ")])
def test_one_patient_is_not_patients(x, n, words):
    assert paragraph(results_of([(x, n)], min_arm_size=1), "Drug: ").startswith(f"Drug: {words}")


def test_lesions_are_not_patients():
    words = " ".join(words_of(results_of([("2", "5"), ("1", "4")], unit="lesion")))
    assert "3 of 9 lesions " in words
    assert "patient" not in words.replace("not patients", "")


def test_a_review_where_nothing_is_pooled_says_so():
    text = results_of([("1", "3")])
    assert paragraph(text, "Eligible") == (
        "Eligible studies were found for 1 treatment. Of these, 1 had counts from fewer than 3 studies and was not "
        "pooled. No treatment could be pooled."
    )
    assert paragraph(text, "No eligible study stated whether adverse events occurred")


def test_an_empty_review_has_texts_without_numbers():
    text = results_text(synthesise(Review({}, complete_config({}))))
    headings = [block.words for block in text.blocks if isinstance(block, Heading)]
    assert headings[:3] == ["Studies", "Synthesis", "Results by treatment"]
    assert not re.search(r"nan|None", markdown(text))


def test_a_hostile_label_stays_text():
    made = made_up.review({"a": {}}, [("a", {"responders": "1", "n": "3"})])
    made = made.with_tables(therapies=made["therapies"].assign(label="<script>x</script>"))
    words = markdown(results_text(synthesise(made)))
    assert r"\<script>x\</script>: 1 of 3 patients" in words
    assert "<script>" not in words.replace("\\<", "")


# Extraction and risk of bias -----------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def appraised(review):
    """The bundled review with SYNTHETIC appraisals of three studies and a SYNTHETIC comparison of two extractions."""
    appraisal = review["appraisal"].copy()
    for study, tool, rater in (
        ("vayssairat1998", "JBI", "A"),
        ("palmieri1995", "JBI", "A"),
        ("berger1987", "RoB 2", ""),
    ):
        row = appraisal["study_id"] == study
        appraisal.loc[row, ["appraised", "tool", "tool_label", "rater"]] = ["yes", tool, tool, rater]
    second = appraisal[appraisal["study_id"] == "vayssairat1998"]
    appraisal = pd.concat([appraisal, second.assign(rater="B"), second.assign(rater="consensus")], ignore_index=True)
    agreement = pd.DataFrame(
        [("studies", "rows", 10, 9), ("studies", "vocabulary", 9, 8), ("adverse_events", "count", 3, 3)],
        columns=["table", "kind", "compared", "agreed"],
    )
    disagreements = pd.DataFrame({"state": ["open", "agreed"]})
    return review.with_results({"appraisal": appraisal, "agreement": agreement, "disagreements": disagreements})


def test_texts_say_what_was_appraised_and_extracted_twice(appraised):
    methods, results = manuscript(appraised, VERSIONS)
    words = paragraph(methods, "Two independent extractions of studies and adverse events")
    assert "Risk of bias was appraised with JBI; RoB 2." in words
    summary = next(words for words in words_of(results) if "11/12 (91.7%)" in words)
    assert "JBI (2 studies); RoB 2 (1 study)" in summary


def test_texts_say_that_nothing_was_appraised_or_extracted_twice(texts, review):
    eligible = (review["studies"]["status"] != "excluded").sum()
    for text in texts.values():
        assert any(
            f"{eligible} eligible studies" in words and "risk of bias" in words.lower() for words in words_of(text)
        )
    assert paragraph(texts["methods"], "No second extraction")


def test_checklists_say_what_was_appraised_and_extracted_twice(appraised, review):
    prisma = review.standards.checklists[0]
    found = {}
    for name, own in (("none", review), ("some", appraised)):
        table = checklist_table(prisma, facts(own)).frame.set_index("Item")
        assert set(table.loc[["9", "11", "18", "20a"], "Answered"]) == {ANSWERED["partly"]}
        found[name] = table["Reported"]
    assert "11/12" not in found["none"]["9"]
    assert "11/12 (91.7%)" in found["some"]["9"]
    assert found["some"]["11"] == found["some"]["18"] != found["none"]["11"] == found["none"]["18"]
    analysed = set(review["arms"].query("entered == 'yes'")["study_id"])
    for name, number in (("none", 0), ("some", len(analysed & {"vayssairat1998", "palmieri1995", "berger1987"}))):
        assert found[name]["20a"].endswith(f"; {number} of {len(analysed)} analysed studies appraised for risk of bias")


# References ----------------------------------------------------------------------------------------------------------


def test_references_of_studies_print_what_is_known(review):
    made = study_references(review["studies"])
    assert made["palmieri1995"].endswith(
        " Treatment of calcinosis with diltiazem. Arthritis Rheum 1995;38(11):1646-54. "
        "doi:10.1002/art.1780381117; PMID 7488286"
    )
    assert made["unidentified_cohort"].endswith(" Bibliographic details not reported.")
    assert "regression? Ann Rheum Dis" in made["vayssairat1998"]
    assert not [words for words in made.values() if re.search(r"\bNR\b|\bnan\b|(?<!\.)\.\.(?!\.)|\. \.", words)]


def test_an_unknown_reference_is_not_made_up():
    with pytest.raises(KeyError, match="no reference doe2030"):
        Citations(METHODS).cite("doe2030")


def test_references_of_methods_are_whole():
    for key, words in METHODS.items():
        assert re.search(r"[A-Z]\w* [A-Z]{1,3}, .*\. .+ (19|20)\d\d;\d+", words), key
        assert key[-4:] in words


# Checklists ----------------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def checklists(review):
    return {checklist["id"]: checklist for checklist in review.standards.checklists}


def test_checklists_have_the_items_of_the_published_ones(checklists):
    prisma = [item["id"] for item in checklists["prisma2020_checklist"]["items"]]
    assert len(prisma) == len(set(prisma)) == 42
    assert {int(re.match(r"\d+", item)[0]) for item in prisma} == set(range(1, 28))
    assert [item["id"] for item in checklists["swim"]["items"]] == ["1a", "1b", *map(str, range(2, 10))]
    assert [item["id"] for item in checklists["prisma_lsr"]["items"]][:4] == ["L1", "L2", "L3", "L4"]
    assert all({"citation", "confidence", "licence"} <= set(checklist) for checklist in checklists.values())


def test_items_of_the_authors_are_left_to_them(checklists, review):
    table = checklist_table(checklists["prisma2020_checklist"], facts(review)).frame.set_index("Item")
    for item in ("2", "3", "4", "7", "8", "23b", "24a", "26"):  # 6 and 25 are in the config
        assert table.loc[item, ["Answered", "Reported"]].tolist() == [ANSWERED["authors"], "—"]


def test_items_of_the_results_are_answered_from_their_numbers(checklists, review):
    known = facts(review)
    table = checklist_table(checklists["prisma2020_checklist"], known).frame.set_index("Item")["Reported"]
    sizes = review["studies"]["status"].value_counts()
    assert table["17"] == (
        f"{len(review['studies'])} studies: {sizes['included']} included, {sizes['awaiting']} awaiting counts, "
        f"{sizes['excluded']} excluded"
    )
    single = review["pooled"].query("disease == 'all' and scope == 'therapy'")
    assert table["20b"].startswith(f"{(single['pooled'] == 'yes').sum()} of {len(single)} treatments pooled; ")
    assert table["16a"] == "2 of 12 numbers of the flow diagram of the published review recorded"
    assert table["13d"].startswith("Binomial-normal random-effects model on the logit scale")


def test_checklists_are_texts_with_a_table_each(checklists, review):
    made = checklist_texts(review)
    assert [text.name for text in made] == ["prisma2020_checklist", "swim", "prisma_lsr"]
    for text in made:
        words = markdown(text)
        assert not re.search(r"\{|\}|\bnan\b|None", words)
        who = re.search(
            r"Of (\d+) items, (\d+) are answered from the results,(?: (\d+) from the configuration,)? "
            r"(\d+) in part, and (\d+) are for the authors",
            words,
        )
        assert int(who[1]) == sum(int(part or 0) for part in who.groups()[1:]) == len(checklists[text.name]["items"])


@pytest.mark.parametrize("checklist", ["prisma2020_checklist", "swim"])
def test_where_of_an_item_names_a_heading_of_the_texts(checklists, texts, checklist):
    headings = {name: {b.words for b in text.blocks if isinstance(b, Heading)} for name, text in texts.items()}
    for item in checklists[checklist]["items"]:
        for place in item.get("where", "").format(subject="treatment").split("; "):
            text, _, heading = place.partition(", ")
            assert text not in headings or heading in headings[text], place


@pytest.mark.parametrize(
    ("by", "verified", "words"),
    [
        ("", "", "verified 0"),
        ("A person", "Another", "verified 1"),
        ("program: reader 1", "", "verified 0; 1 were extracted by a program and not verified"),
        ("Program: reader 1", "A person", "verified 1"),
    ],
)
def test_counts_that_a_second_person_verified_or_a_program_extracted_are_counted(by, verified, words):
    made = made_up.review(
        {"one": {}}, [("one", {"n": "8", "responders": "5", "extracted_by": by, "verified_by": verified})]
    )
    assert verification_words(synthesise(made)) == f"Of 1 included count, a second person {words}"


@pytest.mark.parametrize(
    ("reporting", "numbers"),
    [
        (("reported", "reported_none"), [2, 3, 1, 1]),
        (("reported", "reported", "unclear"), [3, 3, 2, 0, 1]),
        (("unclear", "unclear"), [2, 3, 0, 0, 2]),
    ],
)
def test_each_study_is_counted_once_by_what_it_says_of_harm(reporting, numbers):
    """Studies that say something, eligible ones, with an event, without any, and unclear ones if there are any."""
    studies = ("ash", "elm", "oak")
    said = [
        {"study_id": study, "therapy": "drug", "reporting": word}
        for study, word in zip(studies, reporting, strict=False)
    ]
    made = made_up.review({study: {} for study in studies}, [])
    words = _harms(made.with_tables(adverse_events=made_up.frame("adverse_events", said))).split(". ")[0]
    assert [int(number) for number in re.findall(r"\d+", words)] == numbers
