"""Hooks of the documentation site: pages that live elsewhere in the project, and links between them and the docs.

Notebooks are stored without outputs and run here, on the results of the last run of the bundled review.
"""

import posixpath
import re
from pathlib import Path

import nbformat
from mkdocs.structure.files import File
from nbclient import NotebookClient
from nbconvert import MarkdownExporter

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
NOTEBOOKS = {
    f"notebooks/{path.stem}.md": f"notebooks/{path.name}" for path in sorted((PROJECT / "notebooks").glob("*.ipynb"))
}
SOURCES = PAGES | NOTEBOOKS
LINK = re.compile(r"\[([^\]]*)\]\((?!\w+:|#)([^)\s#]+)(#[^)\s]*)?\)")


def on_files(files, config):
    """Add the pages that live elsewhere."""
    for page, source in PAGES.items():
        files.append(File.generated(config, page, content=(PROJECT / source).read_text(encoding="utf-8")))
    for page, source in NOTEBOOKS.items():
        text, pictures = run_notebook(PROJECT / source)
        for path, content in {page: text, **pictures}.items():
            files.append(File.generated(config, path, content=content))
    return files


def run_notebook(path):
    """A notebook as Markdown with its outputs, and its pictures by their path on the site."""
    notebook = nbformat.read(path, as_version=4)
    NotebookClient(notebook, timeout=600, resources={"metadata": {"path": path.parent}}).execute()
    resources = {"unique_key": path.stem, "output_files_dir": ""}
    text, made = MarkdownExporter().from_notebook_node(notebook, resources=resources)
    return text, {posixpath.join("notebooks", name): content for name, content in made["outputs"].items()}


def on_page_markdown(markdown, page, config, files):
    """Lead links to the page of the site; a file that has none is named without a link. A dead link stops the build."""
    uri = page.file.src_uri
    here = posixpath.dirname(SOURCES.get(uri, f"docs/{uri}"))
    up = "../" * uri.count("/")
    pages = {source: name for name, source in SOURCES.items()}

    def led(match):
        words, target, anchor = match[1], posixpath.normpath(posixpath.join(here, match[2])), match[3] or ""
        if uri in NOTEBOOKS and files.get_file_from_path(target):  # a picture of its own
            return match[0]
        if target in pages:
            return f"[{words}]({up}{pages[target]}{anchor})"
        if target.startswith("docs/"):
            return f"[{words}]({up}{target.removeprefix('docs/')}{anchor})"
        if not (PROJECT / target).exists():
            raise ValueError(f"{uri}: link to {match[2]}, which does not exist")
        return f"{words} (`{target}`)"

    return LINK.sub(led, markdown)
