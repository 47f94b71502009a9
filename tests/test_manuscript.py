"""Texts for the paper: golden sentences, grammar of 0, 1 and many, nothing that only the authors can know."""

import re
from pathlib import Path

import pandas as pd
import pytest
import yaml

from small_evidence import ReviewError
from small_evidence.appraisal.risk_of_bias import summarise_appraisals
from small_evidence.documents.plain import markdown
from small_evidence.documents.text import Heading, Item
from small_evidence.extraction.checks import check_extraction
from small_evidence.extraction.schema import TABLES, columns, empty_table
from small_evidence.presentation.checklists import ANSWERED, checklist_table, checklist_texts, facts, read_checklists
from small_evidence.presentation.manuscript import manuscript, methods_text, results_text
from small_evidence.presentation.references import METHODS, Citations, study_references
from small_evidence.standards import read_instruments, read_schemes
from small_evidence.synthesis.analyses import sensitivity
from tests.policy import results_of

VERSIONS = {
    "small_evidence": "1.2.3",
    "python": "3.12.1",
    "numpy": "2.4.0",
    "snakemake": "9.27.1",
    "statsmodels": "0.15.0",
}
STANDARDS = Path("workflow/standards")
CHECKLISTS = [STANDARDS / f"{name}.yaml" for name in ("prisma2020_checklist", "swim", "prisma_lsr")]

INSTRUMENTS = read_instruments(STANDARDS / "risk_of_bias")


@pytest.fixture(scope="module")
def schemes():
    return read_schemes(STANDARDS / "levels.yaml")


@pytest.fixture(scope="module")
def config():
    return yaml.safe_load(Path("config/config.yaml").read_text(encoding="utf-8"))


def frames_of(tables, schemes, config):
    """Extraction tables with the results that the texts need."""
    grading = config["grading"]
    made = results_of(tables, schemes, grading["scheme"], config["synthesis"], grading["response_threshold"])
    made["appraisal"] = summarise_appraisals(tables["studies"], tables["risk_of_bias"], INSTRUMENTS)
    return tables | made


@pytest.fixture(scope="module")
def frames(schemes, config):
    tables, _ = check_extraction("data/raw")
    return frames_of(tables, schemes, config)


@pytest.fixture(scope="module")
def texts(frames, schemes, config):
    return {text.name: text for text in manuscript(frames, schemes, config, VERSIONS)}


def paragraph(text, start):
    """The one block whose words begin so."""
    found = [getattr(block, "words", block) for block in text.blocks]
    found = [words for words in found if isinstance(words, str) and words.startswith(start)]
    assert len(found) == 1, found
    return found[0]


def review_of(rows, schemes, config, **more):
    """Texts of a review with one treatment, "drug", from rows (study, responders, n)."""
    studies = [
        {"study_id": name, "label": name.title(), "first_author": "Doe J", "year": str(2001 + at), "journal": "J",
         "title": f"Title {at}", "design": "case_series", "controlled": "no",
         "status": "awaiting" if x == "NR" else "included", "status_reason": "no counts" if x == "NR" else ""}
        for at, (name, x, _) in enumerate(rows)
    ]  # fmt: skip
    responses = [
        {"response_id": f"{name}_r", "study_id": name, "therapy": "drug", "disease": "ssc", "n": n, "responders": x,
         "outcome": "clinical_response", "primary_outcome": "yes", "unit": "patient", "evidence_basis": "full_text",
         "pool": "no" if x == "NR" else "yes", "pool_reason": "no counts" if x == "NR" else "", "source": "s"}
        for name, x, n in rows
    ]  # fmt: skip
    studies = pd.DataFrame(studies, columns=columns("studies"), dtype="str").fillna("")
    responses = pd.DataFrame(responses, columns=columns("responses"), dtype="str").fillna("")
    therapies = pd.DataFrame(
        [{"therapy": "drug", "label": "Drug", "therapy_class": "class_a", "kind": "drug", "display_order": "1"}],
        columns=columns("therapies"), dtype="str",
    ).fillna("")  # fmt: skip
    diseases = pd.DataFrame(
        [{"disease": "ssc", "label": "Systemic sclerosis", "synonyms": "SSc"}], columns=columns("diseases"), dtype="str"
    ).fillna("")
    tables = {name: empty_table(name) for name in TABLES}
    tables |= {"studies": studies, "responses": responses, "therapies": therapies, "diseases": diseases} | more
    return results_text(frames_of(tables, schemes, config), schemes, config)


# Methods -------------------------------------------------------------------------------------------------------------


def test_methods_name_the_model_its_interval_and_their_sources(texts):
    assert paragraph(texts["methods"], "From 3 studies on") == (
        "From 3 studies on, proportions were pooled by a binomial-normal random-effects model on the logit scale, by "
        "maximum likelihood [3], without a continuity correction. Each pooled value has its 95% confidence "
        "interval by "
        "profile likelihood, calibrated for few small studies [4]. "
        "The pooled value is the proportion of the median study. Where all or none "
        "responded, the pooled value is "
        "100% or 0% with the exact bound of the summed counts, and the variance between studies is not "
        "estimated. Fewer "
        "studies were not pooled; their results stand side by side."
    )
    cited = {block.number: block.words for block in texts["methods"].blocks if isinstance(block, Item)}
    assert (cited[3], cited[4]) == (METHODS["stijnen2010"], METHODS["hardy1996"])


def test_methods_follow_the_config(frames, schemes, config):
    other = config | {
        "synthesis": config["synthesis"]
        | {"interval": "wald_t", "conf_level": 0.9, "min_studies": 2, "min_arm_size": 1, "response": "complete",
           "secondary_sources": "exclude", "classes_not_combined": []},
        "grading": config["grading"] | {"response_threshold": 0.333},
    }  # fmt: skip
    text = markdown(methods_text(frames, schemes, other, VERSIONS))
    for words in (
        "From 2 studies on",
        "its 90% confidence interval by Wald, t quantiles with k − 1 degrees of freedom.",
        "at least 1 patient;",
        "A responder had a complete response only,",
        "Counts known only from someone else's account of a study were excluded.",
        "above, below or across 33.3% responders",
    ):
        assert words in text, words
    assert "Hardy" not in text
    assert "too unlike" not in text


@pytest.mark.parametrize(
    ("method", "interval", "words"),
    [
        ("beta_binomial", "profile", "by a beta-binomial model, by maximum likelihood, without a continuity "
         "correction. Each "
         "pooled value has its 95% confidence interval by profile likelihood [3]. The pooled value is the mean "
         "proportion."),
        ("bayes", "credible", "by a Bayesian binomial-normal model with weakly informative priors: normal with "
         "standard "
         "deviation 2.5 for the mean log odds, half-normal with scale 1 for the standard deviation between studies; "
         "without a continuity correction. Each pooled value has its 95% credible interval. The pooled value is the "
         "posterior median"),
        ("inverse_variance", "hk", "by an inverse-variance random-effects model (logit, tau² by REML); 0.5 was "
         "added only to "
         "studies in which all or none responded. Each pooled value has its 95% confidence interval by "
         "Hartung-Knapp."),
    ],
)  # fmt: skip
def test_methods_describe_the_model_of_the_config(frames, schemes, config, method, interval, words):
    other = config | {"synthesis": config["synthesis"] | {"method": method, "interval": interval}}
    pooled = frames["pooled"].assign(measure="PLO", tau2_method="REML")
    told = paragraph(methods_text(frames | {"pooled": pooled}, schemes, other, VERSIONS), "From 3 studies on")
    assert words in told


def test_sensitivity_is_told_only_where_it_was_run(frames, schemes, config):
    assert "Sensitivity analyses: of what was pooled" not in markdown(methods_text(frames, schemes, config, VERSIONS))
    parts = {name: frames[name] for name in ("arms", "studies", "responses", "therapies")}
    with_it = frames | {"sensitivity": sensitivity(**parts, policy=config["synthesis"])}
    assert paragraph(methods_text(with_it, schemes, config, VERSIONS), "Sensitivity analyses").endswith(
        "Every analysis was repeated without secondary sources, with arms of any size and with complete responses only."
    )
    text = results_text(with_it, schemes, config)
    assert paragraph(text, "Diltiazem, range").startswith(
        "Diltiazem, range of the pooled response: 45.9% to 62.1% with each study left out in turn; "
    )
    assert paragraph(text, "Without secondary sources") == (
        "Without secondary sources: Diltiazem, 16 of 33 in 3 studies, pooled 55.2% (95% CI 6.1% to 94.5%); "
        "Warfarin (low "
        "dose), no arm left; Surgical excision, 27 of 28 in 1 study, not pooled."
    )


def test_methods_name_the_software_that_ran(texts):
    assert paragraph(texts["methods"], "All tables").startswith(
        "All tables, figures and numbers were made by small-evidence 1.2.3 on Python 3.12.1, with NumPy 2.4.0 [7], "
        "Snakemake 9.27.1 [8] and statsmodels 0.15.0."
    )


def test_methods_claim_no_rating_search_or_selection(texts):
    words = markdown(texts["methods"])
    assert "No rating of certainty was made." in words
    assert "are the authors' to describe" in words
    assert not re.search(r"\bwe (searched|screened|rated)|MEDLINE|two reviewers|\bGRADE\b", words)


@pytest.mark.parametrize("name", ["methods", "results"])
def test_every_citation_has_its_reference_and_every_reference_its_citation(texts, name):
    text = texts[name]
    listed = [block.number for block in text.blocks if isinstance(block, Item) and block.number]
    words = " ".join(getattr(b, "words", b) for b in text.blocks if not (isinstance(b, Item) and b.number))
    cited = set()
    for mark in re.findall(r"\[(\d[\d,-]*)\]", words):
        for part in mark.split(","):
            first, _, last = part.partition("-")
            cited.update(range(int(first), int(last or first) + 1))
    assert listed == sorted(cited) == list(range(1, len(cited) + 1))


# Results -------------------------------------------------------------------------------------------------------------


def test_results_line_of_diltiazem(texts):
    assert paragraph(texts["results"], "Diltiazem: ") == (
        "Diltiazem: 21 of 41 patients responded in 4 studies (51.2%; 95% CI 35.1% to 67.1%) [1-4]. Pooled "
        "response 54.8% "
        "(95% CI 18.8% to 91.4%; 95% prediction interval 2.9% to 98.0%; tau² 0.46; heterogeneity P = 0.042). By "
        "disease: "
        "SSc, 3 of 12 in 1 study; ACTD, 14 of 25 in 2 studies; Other or not separable, 4 of 4 in 1 study. Level of "
        "evidence IV. The counts of 2 further studies are awaited."
    )


def test_results_line_of_warfarin_says_that_its_level_rests_on_another_study(texts):
    assert paragraph(texts["results"], "Warfarin").endswith(
        "Not pooled: 1 study, 3 needed. By disease: SSc, 2 of 3 in 1 study. Level of evidence IB. Level IB "
        "rests on 1 study "
        "whose counts did not enter. Not entered though with counts: 2 studies (Table III). The counts of 1 "
        "further study "
        "are awaited."
    )


def test_results_say_what_was_pooled_and_what_not_and_why(texts):
    assert paragraph(texts["results"], "Eligible studies") == (
        "Eligible studies were found for 43 treatments. Of these, 1 could be pooled (Diltiazem); 8 had counts "
        "of fewer "
        "than 3 studies and were not pooled; 34 had no arm that could be analysed (no arm of 3 or more patients, 16; "
        "counts not in hand, 15; counts held back, 3). The counts of 36 studies are awaited. Within a single disease "
        "nothing could be pooled."
    )


def test_a_flow_that_is_another_review_s_is_said_to_be(texts):
    assert paragraph(texts["results"], "Flow of records").startswith(
        "Flow of records as given by doi:10.1016/j.jaad.2019.07.006: records identified, 3,032; studies "
        "included, 30. 10 "
        "boxes of the flow diagram are not reported. The review holds 104 studies: "
    )


def test_every_treatment_with_an_eligible_study_has_its_words(texts, frames):
    words = markdown(texts["results"])
    labels = frames["therapies"].set_index("therapy")["label"]
    shown = frames["pooled"].query("disease == 'all' and scope == 'therapy'")["therapy"]
    assert not [labels[slug] for slug in shown if labels[slug] not in words]


@pytest.mark.parametrize("name", ["methods", "results"])
def test_nothing_raw_reaches_a_reader(texts, frames, name):
    words = re.sub(r"doi:\S+", "doi", markdown(texts[name]))
    assert not re.search(r"\bnan\b|\bNaN\b|\bNone\b|\d\.\d{5}|\\_|\S  \S|\.\.|\[\]|\( |;\.| ,", words)
    slugs = {
        slug for slug in [*frames["studies"]["study_id"], *frames["therapies"]["therapy"]] if re.search(r"\d|_", slug)
    }
    assert not [slug for slug in slugs if re.search(rf"(?<![\w/]){slug}(?!\w)", words)]


@pytest.mark.parametrize(
    ("rows", "start"),
    [
        ([("a", "0", "3")],
         "Drug: 0 of 3 patients responded in 1 study (0.0%; 95% CI 0.0% to 70.8%) [1]. Not pooled: 1 "
         "study, 3 needed."),
        ([("a", "1", "3"), ("b", "3", "3")], "Drug: 4 of 6 patients responded in 2 studies (66.7%; "),
        ([("a", "3", "3"), ("b", "4", "4"), ("c", "5", "5")],
         "Drug: 12 of 12 patients responded in 3 studies (100.0%; 95% CI "
         "73.5% to 100.0%) [1-3]. Pooled response 100.0% (95% CI 73.5% to 100.0%). Every patient responded: the "
         "interval "
         "is the exact one of the summed counts."),
        ([("a", "0", "3"), ("b", "0", "4"), ("c", "0", "5")],
         "Drug: 0 of 12 patients responded in 3 studies (0.0%; 95% CI "
         "0.0% to 26.5%) [1-3]. Pooled response 0.0% (95% CI 0.0% to 26.5%). No patient responded: "),
        ([("a", "NR", "3")], "Not analysed. Counts not in hand: Drug."),
    ],
)  # fmt: skip
def test_grammar_and_boundaries(rows, start, schemes, config):
    text = review_of(rows, schemes, config)
    lines = [block.words for block in text.blocks if isinstance(block, Item) and not block.number]
    assert len(lines) == 1
    assert lines[0].startswith(start)


def test_one_patient_is_not_patients(schemes, config):
    small = config | {"synthesis": config["synthesis"] | {"min_arm_size": 1}}
    text = review_of([("a", "1", "1")], schemes, small)
    assert paragraph(text, "Drug").startswith("Drug: 1 of 1 patient responded in 1 study")


def test_a_review_where_nothing_is_pooled_says_so(schemes, config):
    text = review_of([("a", "1", "3")], schemes, config)
    assert paragraph(text, "Eligible") == (
        "Eligible studies were found for 1 treatment. Of these, 1 had counts of fewer than 3 studies and was "
        "not pooled. "
        "Nothing could be pooled."
    )
    assert paragraph(text, "No statement about adverse events") == (
        "No statement about adverse events was found in an eligible study. Silence is not zero."
    )


def test_an_empty_review_has_texts_without_numbers(schemes, config):
    text = review_of([], schemes, config)
    assert [block.words for block in text.blocks if isinstance(block, Heading)] == [
        "Studies", "Synthesis", "Response by treatment", "Adverse events",
    ]  # fmt: skip


def test_a_hostile_label_stays_text(schemes, config):
    therapies = pd.DataFrame(
        [{"therapy": "drug", "label": "<script>x</script>", "therapy_class": "class_a", "kind": "drug",
         "display_order": "1"}],
        columns=columns("therapies"), dtype="str",
    ).fillna("")  # fmt: skip
    words = markdown(review_of([("a", "1", "3")], schemes, config, therapies=therapies))
    assert r"\<script>x\</script>: 1 of 3 patients" in words
    assert "<script>" not in words.replace("\\<", "")


# Extraction and risk of bias -----------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def appraised(frames):
    """The bundled review with SYNTHETIC appraisals of three studies and a SYNTHETIC comparison of two extractions."""
    appraisal = frames["appraisal"].copy()
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
    return frames | {"appraisal": appraisal, "agreement": agreement, "disagreements": disagreements}


APPRAISED = (
    "3 of 83 eligible studies appraised for risk of bias, by 2 raters, 1 study by more than one: JBI (2 studies); "
    "RoB 2 (1 study)"
)
COMPARED = "11/12 (91.7%) of the cells in rows of both extractions agree; 1 of 2 differences in cells and rows decided"


def test_texts_say_that_nothing_was_appraised_and_one_person_extracted(texts):
    words = "No study has been appraised for risk of bias (of 83 eligible studies)."
    assert paragraph(texts["methods"], "No second extraction") == f"No second extraction is recorded. {words}"
    assert paragraph(texts["results"], "No study has been appraised") == words


def test_texts_say_what_was_appraised_and_how_far_two_agree(appraised, schemes, config):
    methods, results = manuscript(appraised, schemes, config, VERSIONS)
    assert paragraph(methods, "Two extractions") == (
        "Two extractions of studies and adverse events were set side by side. Where a difference was decided, the "
        "value that both agreed on was used, elsewhere that of the first. Instruments for the risk of bias: JBI; "
        "RoB 2. No score was made where an instrument has none."
    )
    assert paragraph(results, "11/12") == f"{COMPARED}. {APPRAISED}."


def test_prisma_is_answered_from_the_appraisals(checklists, frames, appraised, schemes, config):
    told = {}
    for name, own in (("none", frames), ("some", appraised)):
        table = checklist_table(checklists["prisma2020_checklist"], facts(own, schemes, config)).frame.set_index("Item")
        assert set(table.loc[["9", "11", "18", "20a"], "Answered"]) == {"in part; authors to complete"}
        told[name] = table["What the run reports"]
    assert told["none"]["9"].endswith(". No second extraction is recorded")
    assert told["some"]["9"].endswith(f". {COMPARED}")
    nothing = "No study has been appraised for risk of bias (of 83 eligible studies)"
    assert told["none"]["11"] == told["none"]["18"] == nothing
    assert told["some"]["11"] == told["some"]["18"] == APPRAISED
    assert told["none"]["20a"].endswith("; 0 of 13 analysed studies appraised for risk of bias")
    assert told["some"]["20a"].endswith("; 2 of 13 analysed studies appraised for risk of bias")


# References ----------------------------------------------------------------------------------------------------------


def test_references_of_studies_print_what_is_known(frames):
    made = study_references(frames["studies"])
    assert made["palmieri1995"] == (
        "Palmieri GMA. Treatment of calcinosis with diltiazem. Arthritis Rheum 1995;38(11):1646-54. "
        "doi:10.1002/art.1780381117; PMID 7488286"
    )
    assert made["unidentified_cohort"] == (
        "Unidentified cohort (clinical summary, its ref. 2). Bibliographic details not reported."
    )
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
def checklists():
    return {checklist["id"]: checklist for checklist in read_checklists(CHECKLISTS)}


def test_checklists_have_the_items_of_the_published_ones(checklists):
    prisma = [item["id"] for item in checklists["prisma2020_checklist"]["items"]]
    assert len(prisma) == len(set(prisma)) == 42
    assert {int(re.match(r"\d+", item)[0]) for item in prisma} == set(range(1, 28))
    assert [item["id"] for item in checklists["swim"]["items"]] == ["1a", "1b", *map(str, range(2, 10))]
    assert [item["id"] for item in checklists["prisma_lsr"]["items"]][:4] == ["L1", "L2", "L3", "L4"]
    assert all({"citation", "confidence", "licence"} <= set(checklist) for checklist in checklists.values())


def test_items_of_the_authors_are_left_to_them(checklists, frames, schemes, config):
    known = facts(frames, schemes, config)
    table = checklist_table(checklists["prisma2020_checklist"], known).frame.set_index("Item")
    for item in ("2", "3", "4", "6", "7", "8", "23b", "24a", "25", "26"):
        assert table.loc[item, ["Answered", "What the run reports"]].tolist() == ["for the authors", "—"]


def test_items_of_the_run_are_answered_from_its_numbers(checklists, frames, schemes, config):
    known = facts(frames, schemes, config)
    table = checklist_table(checklists["prisma2020_checklist"], known).frame.set_index("Item")["What the run reports"]
    assert table["17"] == "104 studies: 40 included, 43 awaiting counts, 21 excluded"
    assert table["20b"] == "1 of 43 treatments pooled; the others with their counts or the reason"
    assert table["16a"] == "2 of 12 numbers of the flow diagram recorded"
    assert table["13d"].startswith("Binomial-normal random-effects model on the logit scale")


def test_checklists_are_texts_with_a_table_each(checklists, frames, schemes, config):
    made = checklist_texts(checklists.values(), frames, schemes, config)
    assert [text.name for text in made] == ["prisma2020_checklist", "swim", "prisma_lsr"]
    for text in made:
        words = markdown(text)
        assert not re.search(r"\{|\}|\bnan\b|None", words)
        asked = re.search(
            r"Of (\d+) items, (\d+) answered by the run, (\d+) in part, (\d+) left for the authors", words
        )
        assert int(asked[1]) == sum(map(int, asked.groups()[1:])) == len(checklists[text.name]["items"])


def test_a_checklist_that_contradicts_itself_is_refused(tmp_path):
    path = tmp_path / "x.yaml"
    items = [
        {"id": "1", "section": "s", "label": "l", "answered": "run"},
        {"id": "2", "section": "s", "label": "l", "answered": "authors", "says": "x"},
        {"id": "3", "section": "s", "label": "l", "answered": "maybe"},
    ]
    path.write_text(yaml.safe_dump({"items": items}), encoding="utf-8")
    with pytest.raises(ReviewError) as error:
        read_checklists([path])
    assert str(error.value) == (
        f"{path}, item 1: answered is run, no words; {path}, item 2: answered is authors, with words; "
        f"{path}, item 3: answered is maybe, no words"
    )
    assert set(ANSWERED) == {"run", "partly", "authors"}
