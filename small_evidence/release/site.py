"""A folder to publish as it is: the report, data, figures, what changed, and each release at an address of its own."""

from __future__ import annotations

import html
from collections.abc import Iterable, Mapping
from pathlib import Path

from small_evidence.documents.webpage import LANGUAGE, STYLE, hashed
from small_evidence.saving import at_once, delete, save_bytes

REPORT = "report.html"
NO_REPORT = "This release was frozen without a report. Its tables and its list of changes are complete."


def save_site(
    folder: str | Path,
    *,
    title: str,
    report: Iterable[str | Path],
    data: Iterable[str | Path],
    figures: str | Path,
    releases: Iterable[str | Path],
) -> None:
    """Copy everything into a new folder, with a page in each part that lists it.

    Parameters
    ----------
    folder : to be written; one that is there is replaced
    title : of the review
    report, data : files
    figures : folder
    releases : folders, oldest first; each keeps its name, so that its address stays the same, and the report that was
        frozen with it
    """
    folder = Path(folder)
    old = [path for path in folder.rglob("*") if path.is_file()]
    parts = {
        "": [Path(path) for path in report],
        "data": [Path(path) for path in data],
        "figures": sorted(path for path in Path(figures).iterdir() if not path.name.startswith(".")),
    }
    parts |= {f"releases/{Path(one).name}": sorted(Path(one).iterdir()) for one in reversed(list(releases))}
    copies = {folder / part / path.name: path for part, paths in parts.items() for path in paths}
    pages = {}
    for part, paths in parts.items():
        own = {path.name: path.name for path in sorted(paths, key=lambda path: path.name != REPORT)}
        below = {f"{name}/": f"{name}/index.html" for name in parts if name} if not part else {"up": _up(part)}
        heading = f"{title}: {part}" if part else title
        bare = part.startswith("releases/") and REPORT not in own
        pages[folder / part / "index.html"] = _listing(heading, own | below, NO_REPORT if bare else "")
    with at_once():
        for copy, path in copies.items():
            save_bytes(path.read_bytes(), copy)
        for page, text in pages.items():
            save_bytes(text.encode("utf-8"), page)
        for path in old:
            if path not in copies and path not in pages:
                delete(path)


def _up(part: str) -> str:
    return "../" * (part.count("/") + 1) + "index.html"


def _listing(title: str, links: Mapping[str, str], note: str) -> str:
    """A page with a list of links below a note; nothing is loaded and nothing runs."""
    items = "\n".join(
        f'<li><a href="{html.escape(address)}">{html.escape(words)}</a></li>' for words, address in links.items()
    )
    policy = f"default-src 'none'; style-src {hashed(STYLE)}"
    return f"""<!DOCTYPE html>
<html lang="{LANGUAGE}">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta http-equiv="Content-Security-Policy" content="{policy}">
<title>{html.escape(title)}</title>
<style>{STYLE}</style>
</head>
<body>
<main>
<h1>{html.escape(title)}</h1>{f"{chr(10)}<p>{html.escape(note)}</p>" if note else ""}
<ul>
{items}
</ul>
</main>
</body>
</html>
"""
