"""Validate an archive by the validator of RO-Crate: `make archive`, or python benchmarks/validate_archive.py ARCHIVE.

Runs without network: the context of RO-Crate, which the validator would fetch, is the one that rocrate brings. Needs
roc-validator, which wants other versions of libraries than the project and so has an environment of its own.
"""

import json
import sys
from pathlib import Path

import requests
import rocrate
from rdflib.plugins.shared.jsonld import context
from rocrate_validator import models, services
from rocrate_validator.utils.http import HttpRequester

ADDRESS = "https://w3id.org/ro/crate/"
PROFILE = "workflow-run-crate-0.5"  # inherits Process Run Crate, Workflow RO-Crate and RO-Crate 1.1
CONTEXT = json.loads((Path(rocrate.__file__).parent / "data/ro-crate.jsonld").read_text(encoding="utf-8"))
# the addresses of these terms in the context of RO-Crate 1.1; the one that is at hand is that of 1.3
CONTEXT["@context"] |= {
    term: f"https://bioschemas.org/{term}" for term in ("ComputationalWorkflow", "FormalParameter")
}  # fmt: skip
_load = context.source_to_json


def load(source, *arguments, **options):
    """The context at hand in place of that on the net; anything else as ever."""
    if isinstance(source, str) and source.startswith(ADDRESS):
        return CONTEXT, None
    return _load(source, *arguments, **options)


def get(self, url, *arguments, **options):
    """The same for the validator's own requests; nothing else is fetched."""
    answer = requests.Response()
    answer.url, answer.status_code = url, 504
    if url.startswith(ADDRESS):
        answer.status_code, answer._content = 200, json.dumps(CONTEXT).encode("utf-8")
        answer.headers["Content-Type"] = "application/ld+json"
    return answer


def main() -> None:
    context.source_to_json, HttpRequester.get = load, get
    settings = services.ValidationSettings(
        rocrate_uri=sys.argv[1],
        profile_identifier=PROFILE,
        requirement_severity=models.Severity.RECOMMENDED,
        offline=True,
    )
    found = services.validate(settings)
    for issue in found.get_issues(models.Severity.RECOMMENDED):
        print(f"{issue.severity.name.lower()}: {issue.message}")
    if required := found.get_issues(models.Severity.REQUIRED):
        sys.exit(f"{sys.argv[1]}: {len(required)} requirements of {PROFILE} not met")
    print(f"{sys.argv[1]} is a valid {PROFILE}")


if __name__ == "__main__":
    main()
