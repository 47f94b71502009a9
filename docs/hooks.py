"""Hooks of the documentation site: pages that live elsewhere in the project, and links between them and the docs."""

import posixpath
import re
from pathlib import Path

from mkdocs.structure.files import File

PROJECT = Path(__file__).parents[1]
# Page of the site: file of the project
PAGES = {
    "index.md": "README.md",
    "data_dictionary.md": "data/README.md",
    "choices.md": "config/README.md",
    "coverage.md": "benchmarks/coverage.md",
    "developers.md": "CONTRIBUTING.md",
    "changelog.md": "CHANGELOG.md",
}
LINK = re.compile(r"\[([^\]]*)\]\((?!\w+:|#)([^)\s#]+)(#[^)\s]*)?\)")


def on_files(files, config):
    """Add the pages that live elsewhere."""
    for page, source in PAGES.items():
        files.append(File.generated(config, page, content=(PROJECT / source).read_text(encoding="utf-8")))
    return files


def on_page_markdown(markdown, page, config, files):
    """Lead links to the page of the site; a file that has none is named without a link. A dead link stops the build."""
    here = posixpath.dirname(PAGES.get(page.file.src_uri, f"docs/{page.file.src_uri}"))
    pages = {source: name for name, source in PAGES.items()}

    def led(match):
        words, target, anchor = match[1], posixpath.normpath(posixpath.join(here, match[2])), match[3] or ""
        if target in pages:
            return f"[{words}]({pages[target]}{anchor})"
        if target.startswith("docs/"):
            return f"[{words}]({target.removeprefix('docs/')}{anchor})"
        if not (PROJECT / target).exists():
            raise ValueError(f"{page.file.src_uri}: link to {match[2]}, which does not exist")
        return f"{words} (`{target}`)"

    return LINK.sub(led, markdown)
