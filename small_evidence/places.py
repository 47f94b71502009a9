"""Where the package and its workflow are: side by side in a checkout, one inside the other when installed."""

from pathlib import Path

PACKAGE = Path(__file__).parent
WORKFLOW = next(path for path in (PACKAGE / "workflow", PACKAGE.parent / "workflow") if path.is_dir())
SNAKEFILE = WORKFLOW / "Snakefile"
