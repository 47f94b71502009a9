"""An archive that proves itself: tables, choices, code, results and their record in one RO-Crate.

The crate follows the profile Workflow Run RO-Crate: a run (CreateAction) of the workflow read the raw tables and the
choices and wrote the results. Each file has its size and hash in `results/provenance.json`.
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterable, Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from small_evidence import __version__
from small_evidence.places import PACKAGE, WORKFLOW
from small_evidence.release.archive import save_archive
from small_evidence.release.bill import bill_of_materials
from small_evidence.review import Review

WORKFLOW_CRATE = "https://w3id.org/workflowhub/workflow-ro-crate/1.0"
PROFILES = {
    "https://w3id.org/ro/wfrun/process/0.5": ("Process Run Crate", "0.5"),
    "https://w3id.org/ro/wfrun/workflow/0.5": ("Workflow Run Crate", "0.5"),
    WORKFLOW_CRATE: ("Workflow RO-Crate", "1.0"),
}
MAIN = "workflow/Snakefile"
PAGE = "README.md"
BILL = "bill_of_materials.cdx.json"
ARCHIVE = "results/archive.zip"
COPIES = (("results", "logs"), ("results", "export"), ("results", "site"), ("results", "forms"))
METADATA = "ro-crate-metadata.json"
LANGUAGE = "https://w3id.org/workflowhub/workflow-ro-crate#snakemake"
CODE = (".py", ".typ", ".smk", ".yaml", ".csv", ".j2", ".css", ".js", ".rst", ".typed")
FORMATS = {
    ".csv": "text/csv", ".xlsx": "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet",
    ".docx": "application/vnd.openxmlformats-officedocument.wordprocessingml.document", ".html": "text/html",
    ".tex": "application/x-tex", ".md": "text/markdown", ".json": "application/json", ".svg": "image/svg+xml",
    ".pdf": "application/pdf", ".png": "image/png", ".eps": "application/postscript", ".tiff": "image/tiff",
    ".yaml": "application/yaml", ".py": "text/x-python", ".cff": "application/yaml", ".lock": "text/plain",
}  # fmt: skip
NOT_STATED = "not stated by the authors"
README = """# {title}

The archive of a systematic review made with small-evidence {version} on {day}.

- `data/raw`, `config`: the tables as they were extracted, and the choices of the review.
- `data/processed`, `results`: the checked tables and what was made of them; open `results/report.html`.
- `results/provenance.json`: the hash of every file that was read and written, the versions of the libraries, and the
  choices.
- `workflow`, `small_evidence`: the program.
- `{bill}`: every library that it uses, with version and licence. With them installed,
  `python -m snakemake --cores 1` in this folder makes the results again.
- `{metadata}`: this description for programs (RO-Crate).
"""


def save_crate(path: str | Path, review: Review, made: datetime) -> None:
    """Write the archive of the review in the working directory.

    Parameters
    ----------
    made : when the archive is made, the date that it carries

    References
    ----------
    Leo et al. (2024), PLoS ONE 19(9):e0309210 (Workflow Run RO-Crate). https://w3id.org/ro/crate/1.1
    """
    read, written = (
        {file.as_posix(): file.read_bytes() for file in files} for files in (input_files(), result_files())
    )
    code = code_files()
    title, day = review.config["review"]["title"], made.date().isoformat()
    page = README.format(title=title, version=__version__, day=day, bill=BILL, metadata=METADATA)
    about = {PAGE: page.encode("utf-8"), BILL: bill_of_materials(made).encode("utf-8")}
    files = {"input": read, "result": written, "code": code, "about": about}
    metadata = crate_metadata(review, {part: list(members) for part, members in files.items()}, made)
    members = {METADATA: (json.dumps(metadata, ensure_ascii=False, indent=1) + "\n").encode("utf-8")}
    save_archive(members | about | code | read | written, path)


def today() -> datetime:
    """The day on which an archive is made, or the one of SOURCE_DATE_EPOCH, which makes equal archives of equal results
    (https://reproducible-builds.org/specs/source-date-epoch)."""
    given = os.environ.get("SOURCE_DATE_EPOCH", "")
    moment = datetime.fromtimestamp(int(given), UTC) if given.isdecimal() else datetime.now(UTC)
    return moment.replace(hour=0, minute=0, second=0, microsecond=0)


def input_files() -> list[Path]:
    """What people wrote for the review in the working directory: tables, choices, notes and earlier releases."""
    return _files([Path("config"), Path("data/raw"), Path("data/releases"), Path("data/notes.md")])


def result_files() -> list[Path]:
    """What the runs made, without logs and without what is made of the results again."""
    found = _files([Path("data/processed"), Path("results")])
    return [path for path in found if path.parts[:2] not in COPIES and path != Path(ARCHIVE)]


def _files(places: Iterable[Path]) -> list[Path]:
    found = (path for place in places for path in (place.rglob("*") if place.is_dir() else [place]))
    return sorted(path for path in found if path.is_file() and not path.is_symlink() and not _hidden(path))


def _hidden(path: Path) -> bool:
    return any(part.startswith(".") for part in path.parts)


def code_files() -> dict[str, bytes]:
    """The workflow, the library, and what describes them where they are a checkout, by their place in the archive."""
    parts = {"workflow": WORKFLOW, "small_evidence": PACKAGE}
    found = {
        f"{name}/{path.relative_to(folder).as_posix()}": path
        for name, folder in parts.items()
        for path in sorted(folder.rglob("*"))
        if path.is_file() and (path.suffix in CODE or path.name == "Snakefile")
    }
    beside = ("requirements.lock", "environment.yml", "pyproject.toml", "CITATION.cff", "LICENSE")
    found |= {name: PACKAGE.parent / name for name in beside if (PACKAGE.parent / "workflow").is_dir()}
    return {name: path.read_bytes() for name, path in found.items() if path.exists()}


def crate_metadata(review: Review, files: Mapping[str, list[str]], made: datetime) -> dict[str, Any]:
    """ro-crate-metadata.json of a review.

    Parameters
    ----------
    files : names in the archive by part: input, result, code, about
    """
    from rocrate.model import (  # type: ignore[import-untyped]  # has no types
        ComputationalWorkflow,
        ContextEntity,
        DataEntity,
        Person,
    )
    from rocrate.rocrate import ROCrate  # type: ignore[import-untyped]  # has no types

    crate = ROCrate(version="1.1")
    day = made.date().isoformat()
    publication = review.config["publication"]

    def thing(kind: str, at: str, **properties: Any) -> Any:
        return crate.add(ContextEntity(crate, at, properties={"@type": kind, **properties}))

    for address, (name, version) in PROFILES.items():
        thing("CreativeWork", address, name=name, version=version)
    licence = thing("CreativeWork", "#licence", name=publication["licence"] or NOT_STATED, description="of the review")
    language = thing(
        "ComputerLanguage",
        LANGUAGE,
        name="Snakemake",
        identifier={"@id": "https://doi.org/10.1093/bioinformatics/bts480"},
        url={"@id": "https://snakemake.readthedocs.io"},
    )
    authors = []
    for number, author in enumerate(publication["authors"], start=1):
        identifier = f"https://orcid.org/{author['orcid']}" if author.get("orcid") else f"#author-{number}"
        properties = {"name": author["name"]}
        if author.get("affiliation"):
            properties["affiliation"] = author["affiliation"]
        authors.append(crate.add(Person(crate, identifier, properties=properties)))

    entities: dict[str, Any] = {}
    for name in [name for names in files.values() for name in names if name != MAIN]:
        properties = {"@type": "File", "name": name, "encodingFormat": FORMATS.get(Path(name).suffix, "text/plain")}
        entities[name] = crate.add(DataEntity(crate, name, properties=properties | _described(name)))
    workflow = crate.add(
        ComputationalWorkflow(
            crate,
            dest_path=MAIN,
            properties={
                "@type": ["File", "SoftwareSourceCode", "ComputationalWorkflow"],
                "name": "small-evidence",
                "version": __version__,
                "url": {"@id": MAIN},
                "encodingFormat": "text/plain",
            },
        )
    )
    workflow["programmingLanguage"] = language
    run = thing(
        "CreateAction",
        "#run",
        name=f"Run of small-evidence {__version__}",
        description="Checks, grades and pools the raw tables by the choices, and writes tables, figures and texts",
        endTime=day,
        actionStatus="http://schema.org/CompletedActionStatus",
    )
    run["instrument"] = workflow
    run["object"] = [entities[name] for name in files["input"]]
    run["result"] = [entities[name] for name in files["result"]]
    if authors:
        run["agent"] = authors
    root = crate.root_dataset
    root["name"] = review.config["review"]["title"]
    root["description"] = "Tables, choices, code, results and record of a systematic review made with small-evidence"
    root["datePublished"] = day
    root["license"] = licence
    root["conformsTo"] = [{"@id": address} for address in PROFILES]
    crate.metadata["conformsTo"] = [{"@id": "https://w3id.org/ro/crate/1.1"}, {"@id": WORKFLOW_CRATE}]
    entities[PAGE]["about"] = root
    root["mainEntity"] = workflow
    root["mentions"] = run
    if authors:
        root["author"] = authors
    metadata: dict[str, Any] = crate.metadata.generate()
    return metadata


def _described(name: str) -> dict[str, Any]:
    if name == BILL:
        return {
            "description": "Libraries of the run with version and licence",
            "conformsTo": {"@id": "https://cyclonedx.org/docs/1.6/json/"},
        }
    if name.endswith(("LICENSE", "CITATION.cff")):
        return {"description": "of the program"}
    return {}
