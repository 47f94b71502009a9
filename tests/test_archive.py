"""The archive of a review: everything is in it and described, and equal results give equal bytes."""

import json
import zipfile
from datetime import UTC, datetime
from importlib.metadata import version

import pytest

from small_evidence.config import complete_config
from small_evidence.release.bill import UNKNOWN, bill_of_materials, libraries
from small_evidence.release.crate import (
    ARCHIVE,
    BILL,
    MAIN,
    METADATA,
    NOT_STATED,
    PROFILES,
    code_files,
    save_crate,
    today,
)
from small_evidence.review import Review

DAY = datetime(2026, 11, 28, tzinfo=UTC)
AUTHOR = {"name": "SYNTHETIC Author", "orcid": "0000-0002-1825-0097", "affiliation": "SYNTHETIC"}
READ = ["config/config.yaml", "data/raw/responses.csv", "data/raw/references/a b.ris"]
WRITTEN = ["data/processed/responses.csv", "results/report.html", "results/tables/pooled.csv"]
ASIDE = [
    "results/logs/check.log",
    "results/export/jaad.zip",
    "results/site/index.html",
    "results/.123/part.csv",
    ARCHIVE,
]


@pytest.fixture
def archived(tmp_path, monkeypatch):
    """Function that archives a review of these files under a config; the members by name."""
    monkeypatch.chdir(tmp_path)
    code = {name: content for name, content in code_files().items() if name.endswith(("Snakefile", ".smk", ".lock"))}
    monkeypatch.setattr("small_evidence.release.crate.code_files", lambda: code)  # describing all takes a second
    for name in [*READ, *WRITTEN, *ASIDE]:
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(f"SYNTHETIC {name}", encoding="utf-8")

    def archive(**publication):
        config = complete_config({"review": {"title": "Übersicht"}, "publication": publication})
        save_crate(ARCHIVE, Review({}, config), DAY)
        with zipfile.ZipFile(ARCHIVE) as members:
            return {name: members.read(name) for name in members.namelist()}

    return archive


def entities(members):
    return {entity["@id"]: entity for entity in json.loads(members[METADATA])["@graph"]}


def ids(values):
    return {value["@id"] for value in (values if isinstance(values, list) else [values])}


def test_every_file_is_a_member_and_every_member_is_described(archived):
    members = archived()
    graph = entities(members)
    assert {*READ, *WRITTEN} <= set(members)
    assert not {*ASIDE} & set(members)
    described = {name.replace("%20", " ") for name in ids(graph["./"]["hasPart"])}
    assert described == set(members) - {METADATA}
    assert members["data/raw/responses.csv"] == b"SYNTHETIC data/raw/responses.csv"


def test_the_run_read_the_inputs_and_wrote_the_results(archived):
    graph = entities(archived())
    run = graph["#run"]
    assert {name.replace("%20", " ") for name in ids(run["object"])} == set(READ)
    assert ids(run["result"]) == set(WRITTEN)
    assert ids(run["instrument"]) == ids(graph["./"]["mainEntity"]) == {MAIN}
    assert "ComputationalWorkflow" in graph[MAIN]["@type"]
    assert graph[MAIN]["version"] == version("small-evidence")
    assert ids(graph["./"]["conformsTo"]) == set(PROFILES)


def test_authors_and_licence_are_those_of_the_config_or_not_stated(archived):
    graph = entities(archived())
    assert "author" not in graph["./"]
    assert graph["#licence"]["name"] == NOT_STATED
    graph = entities(archived(authors=[AUTHOR, {"name": "SYNTHETIC Second"}], licence="CC BY 4.0"))
    assert graph["./"]["name"] == "Übersicht"
    assert ids(graph["./"]["author"]) == {f"https://orcid.org/{AUTHOR['orcid']}", "#author-2"}
    assert ids(graph["#run"]["agent"]) == ids(graph["./"]["author"])
    assert graph["#licence"]["name"] == "CC BY 4.0"


def test_equal_results_give_equal_bytes(archived, tmp_path):
    archived()
    first = (tmp_path / ARCHIVE).read_bytes()
    archived()
    assert (tmp_path / ARCHIVE).read_bytes() == first


def test_the_program_is_in_the_archive(archived):
    assert {MAIN, "workflow/rules/release.smk", "requirements.lock"} <= set(archived())
    whole = code_files()
    assert {"small_evidence/pooling/glmm.py", "workflow/standards/levels.yaml", "CITATION.cff", "LICENSE"} <= set(whole)
    assert not [name for name in whole if "__pycache__" in name or name.endswith(".pyc")]


def test_the_bill_names_every_library_with_its_licence(archived):
    bill = json.loads(archived()[BILL])
    assert bill == json.loads(bill_of_materials(DAY))
    named = {part["name"]: part for part in bill["components"]}
    assert {"numpy", "scipy", "snakemake", "typst"} <= set(named)
    assert "pytest" not in named  # developing needs it, a run does not
    assert named["numpy"]["version"] == version("numpy")
    unknown = [library.name for library in libraries() if library.licence == UNKNOWN]
    assert len(unknown) < len(named) / 10
    assert bill["metadata"]["timestamp"].startswith("2026-11-28")


def test_the_bill_is_valid():
    from cyclonedx.schema import SchemaVersion
    from cyclonedx.validation.json import JsonStrictValidator

    assert JsonStrictValidator(SchemaVersion.V1_6).validate_str(bill_of_materials(DAY)) is None


def test_the_day_can_be_given(monkeypatch):
    monkeypatch.setenv("SOURCE_DATE_EPOCH", "86401")
    assert today() == datetime(1970, 1, 2, tzinfo=UTC)
