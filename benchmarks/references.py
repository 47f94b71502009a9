"""CPU time and memory of reading 100,000 references and finding duplicates among them; fields filled on the test files.

Run as ``python benchmarks/references.py [records]``. The references are made up (seeded, SYNTHETIC in every title).
"""

from __future__ import annotations

import resource
import sys
import time
from pathlib import Path

PROJECT = Path(__file__).parents[1]
sys.path.insert(0, str(PROJECT))  # the tests' references are made beside the library

from small_evidence.extraction.duplicates import find_duplicates  # noqa: E402
from small_evidence.extraction.reference_files import read_folder, read_text  # noqa: E402
from tests.made_references import made, scores  # noqa: E402

FIELDS = ("author", "title", "journal", "year", "doi", "pmid")


def as_ris(records) -> str:
    """The records as one RIS file."""
    tags = {"title": "TI", "surname": "AU", "year": "PY", "journal": "JO", "volume": "VL", "pages": "SP", "doi": "DO"}
    lines = []
    for row in records.to_dict("records"):
        filled = (f"{tag}  - {row[name]}" for name, tag in tags.items() if row[name])
        lines += ["TY  - JOUR", *filled, f"N1  - PMID: {row['pmid']}" if row["pmid"] else "", "ER  - ", ""]
    return "\n".join(lines)


def main(size: int) -> None:
    """Print the table."""
    records, truth = made(size)
    text = as_ris(records)
    start = time.process_time()
    references, unread = read_text(text, "made.ris")
    read = time.process_time() - start
    print(f"read {len(references)} references ({len(unread)} parts not read): {read:.1f} CPU s")
    start = time.process_time()
    found = find_duplicates(records)
    print(f"duplicates among {size}: {time.process_time() - start:.1f} CPU s, {scores(found, truth)}")
    print(f"peak memory: {resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024:.0f} MiB")
    by_format: dict[str, list] = {}
    for reference in read_folder(PROJECT / "tests/data/references")[0]:
        by_format.setdefault(Path(reference.file).suffix, []).append(reference)
    for ending, those in sorted(by_format.items()):
        filled = ", ".join(f"{name} {sum(bool(getattr(one, name)) for one in those)}" for name in FIELDS)
        print(f"{ending}: {len(those)} references; {filled}")


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 100_000)
