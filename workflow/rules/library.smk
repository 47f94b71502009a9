# The library that the workflow and its scripts use: that of the checkout which this file is in, else the installed one.
# Included first, before anything is imported from the library.

import os
import sys
from pathlib import Path

from snakemake.utils import min_version

min_version("9.0")

CHECKOUT = Path(workflow.current_basedir.get_path_or_uri(secret_free=True)).parents[1]
if (CHECKOUT / "small_evidence").is_dir():
    sys.path.insert(0, str(CHECKOUT))

from small_evidence.keeping import keep_results
from small_evidence.places import PACKAGE

os.environ.update(PYTHONPATH=str(PACKAGE.parent))

# The results of the last good run stay until those of this one are whole; a run that was killed goes on.
keep_results()
