"""DOI, PubMed number, PMC number and trial registration of a report, in one form each, wherever a file puts them.

A field that is made for an identifier is searched; of a note, only a part that holds nothing else is taken, since notes
also name the papers that a report corrects or comments on.
"""

from __future__ import annotations

import html
import re
import unicodedata
from collections.abc import Iterable
from urllib.parse import unquote

_DOI = re.compile(r"10\.\d{4,9}/[^\s\"<>]+")
# DOIs that publishers made of journal number, volume, page and a code contain < and >
_SICI = re.compile(r"10\.\d{4,9}/\(SICI\)[^\s\"<>]+<[^\s\"<>]+>[\w.;-]*\w", re.I)
_NEXT_DOI = re.compile(r"[;,|](?:doi:)?(?=10\.\d{4,9}/)", re.I)
# what stands before a DOI or PubMed number in a note that holds nothing else
_DOI_NOTE = re.compile(
    r"(?:https?://\S*?|(?:digital object identifier|doi)\b[\s:.(]*)*(10\.\d{4,9}/\S+)(?:\s*\[doi\])?", re.I
)
_PMID_NOTE = re.compile(
    r"(?:pubmed|medline)?[\s-]*(?:pmid|pubmed id|pubmed number)[\s:=]*(\d{1,8})|(\d{1,8})\s*\[pmid\]", re.I
)
_PMID_ADDRESS = re.compile(r"(?:pubmed\.ncbi\.nlm\.nih\.gov/|ncbi\.nlm\.nih\.gov/(?:m/)?pubmed/\D*)(\d{1,8})\b", re.I)
_PMCID = re.compile(r"\bPMC\s?(\d{3,9})\b", re.I)
_TRIAL = re.compile(r"\bNCT\s?(\d{8})\b", re.I)
_OVID = re.compile(r"[?&]AN=(\d{1,8})\b", re.I)
_OVID_DATABASE = re.compile(r"[?&]D=([a-z]+)", re.I)
# the end of a publisher's address that is no part of the DOI in it
_ADDRESS_ENDS = (
    "/abstract",
    "/full",
    "/fulltext",
    "/full-text",
    "/pdf",
    "/epdf",
    "/html",
    "/summary",
    "/references",
    ".pdf",
)
_BRACKETS = {")": "(", "]": "[", "}": "{"}
LARGEST_PMID = 99_999_999


def normal_doi(text: str) -> str:
    """The DOI in a text without address, prefix and tail, in the letters it was written with; "" where there is none.

    >>> normal_doi("https://doi.org/10.1000%2Fabc."), normal_doi("10.1000/abc     LK  - https://x.example")
    ('10.1000/abc', '10.1000/abc')
    >>> normal_doi("10.1002/(SICI)1097-0142(19990101)85:1&lt;1::AID-X1&gt;3.0.CO;2-7")
    '10.1002/(SICI)1097-0142(19990101)85:1<1::AID-X1>3.0.CO;2-7'
    """
    plain = html.unescape(text.replace("\\", "").replace("{", "").replace("}", ""))
    plain = unquote(plain) if "%2" in plain or "%3" in plain else plain
    if not plain.isascii():
        plain = "".join(sign for sign in plain if unicodedata.category(sign) != "Cf")  # such as a space of no width
    if found := _SICI.search(plain):
        return found[0]
    found = _DOI.search(plain)
    if not found:
        return ""
    doi = _NEXT_DOI.split(found[0])[0]
    if "://" in plain[: found.start()]:
        doi = re.split(r"[?#&]", doi)[0]
        while end := next((end for end in _ADDRESS_ENDS if doi.lower().endswith(end)), ""):
            doi = doi[: -len(end)]
    doi = re.sub(r"\[doi\]$", "", doi, flags=re.I)
    while doi[-1] in ".,;:'’”*" or (doi[-1] in _BRACKETS and doi.count(doi[-1]) > doi.count(_BRACKETS[doi[-1]])):
        doi = doi[:-1]
    return doi if _DOI.fullmatch(doi) else ""


def same_doi(doi: str) -> str:
    """A DOI in the form in which two are compared: letters of one case, no typographic variants."""
    return unicodedata.normalize("NFKC", normal_doi(doi)).casefold()


def first_doi(made_for: Iterable[str], notes: Iterable[str] = ()) -> str:
    """The first DOI of fields that are made for identifiers or addresses, else of a note that holds only that."""
    for text in made_for:
        if doi := normal_doi(text):
            return doi
    noted = {normal_doi(found[1]) for part in _parts(notes) if (found := _DOI_NOTE.fullmatch(part))} - {""}
    return noted.pop() if len(noted) == 1 else ""


def normal_pmid(text: str) -> str:
    """A PubMed number without prefix and leading zeros; "" where the text is none.

    >>> [normal_pmid(text) for text in ("PMID: 07488286", "MEDLINE:7488286", "2012345678", "35957633 [PMID]")]
    ['7488286', '7488286', '', '35957633']
    """
    plain = re.sub(r"^\s*(?:pmid|pubmed|medline)[\s:]*|\s*\[pmid\]\s*$", "", text.strip(), flags=re.I)
    plain = plain.strip(" .,;").removesuffix(".0")
    if not re.fullmatch(r"[0-9]{1,12}", plain) or not 0 < int(plain) <= LARGEST_PMID:
        return ""
    return str(int(plain))


def first_pmid(addresses: Iterable[str], notes: Iterable[str], database: str = "") -> str:
    """The first PubMed number of addresses (PubMed's own; Ovid's, where they lead to MEDLINE), else of a note.

    Parameters
    ----------
    addresses, notes : texts of the reference
    database : name of the database the reference comes from
    """
    addresses = list(addresses)
    for text in addresses:
        if found := _PMID_ADDRESS.search(text):
            return normal_pmid(found[1])
        if "ovid" in text.casefold() and (found := _OVID.search(text)):
            named = _OVID_DATABASE.search(text)
            if named[1].casefold().startswith(("med", "prem", "pmnm", "ppez")) if named else is_pubmed(database):
                return normal_pmid(found[1])
    numbers = {
        normal_pmid(match[1] or match[2])
        for part in _parts([*notes, *addresses])
        if (match := _PMID_NOTE.fullmatch(part))
    }
    numbers -= {""}
    return numbers.pop() if len(numbers) == 1 else ""


def is_pubmed(database: str) -> bool:
    """Whether the accession numbers of a database of that name are PubMed numbers: not those of Embase, for example."""
    words = set(re.split(r"[^a-z]+", database.casefold()))
    return bool(words & {"pubmed", "medline", "nlm"}) and not words & {"embase", "cinahl", "scopus", "global"}


def first_pmcid(texts: Iterable[str]) -> str:
    """The number of the report in PubMed Central, as PMC1234567."""
    found = next((match for text in texts if (match := _PMCID.search(text))), None)
    return f"PMC{int(found[1])}" if found else ""


def trial_numbers(texts: Iterable[str]) -> str:
    """Registrations at ClinicalTrials.gov, as NCT01234567, separated by semicolons."""
    return ";".join(dict.fromkeys(f"NCT{number}" for text in texts for number in _TRIAL.findall(text)))


def _parts(texts: Iterable[str]) -> list[str]:
    """The parts of notes, which programs separate by line, semicolon or vertical bar."""
    return [part.strip(" .") for text in texts for part in re.split(r"[\n;|]", text) if part.strip(" .")]
