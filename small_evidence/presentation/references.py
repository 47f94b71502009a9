"""References that the texts cite: the only module that knows how a publication is printed in a list."""

from __future__ import annotations

from collections.abc import Collection, Hashable, Iterable, Mapping

import pandas as pd

from small_evidence.documents.text import Item
from small_evidence.extraction.schema import SILENT
from small_evidence.wording import RETRACTED, cell

# Sources of the methods. Volume, pages and DOI of each were compared with at least two independent reference lists.
METHODS = {
    "stijnen2010": (
        "Stijnen T, Hamza TH, Özdemir P. Random effects meta-analysis of event outcome in the framework of "
        "the generalized linear mixed model with applications in sparse data. Stat Med 2010;29:3046-3067. "
        "doi:10.1002/sim.4040"
    ),
    "clopper1934": (
        "Clopper CJ, Pearson ES. The use of confidence or fiducial limits illustrated in the case of the "
        "binomial. Biometrika 1934;26:404-413. doi:10.1093/biomet/26.4.404"
    ),
    "hardy1996": (
        "Hardy RJ, Thompson SG. A likelihood approach to meta-analysis with random effects. Stat Med 1996;15:619-629."
    ),
    "higgins2002": (
        "Higgins JPT, Thompson SG. Quantifying heterogeneity in a meta-analysis. Stat Med 2002;21:1539-1558. "
        "doi:10.1002/sim.1186"
    ),
    "higgins2009": (
        "Higgins JPT, Thompson SG, Spiegelhalter DJ. A re-evaluation of random-effects meta-analysis. J R "
        "Stat Soc Ser A Stat Soc 2009;172:137-159. doi:10.1111/j.1467-985X.2008.00552.x"
    ),
    "rover2021": (
        "Röver C, Bender R, Dias S, et al. On weakly informative prior distributions for the heterogeneity parameter "
        "in Bayesian random-effects meta-analysis. Res Synth Methods 2021;12:448-474. doi:10.1002/jrsm.1475"
    ),
    "balshem2011": (
        "Balshem H, Helfand M, Schünemann HJ, et al. GRADE guidelines: 3. Rating the quality of evidence. J Clin "
        "Epidemiol 2011;64:401-406. doi:10.1016/j.jclinepi.2010.07.015"
    ),
    "guyatt2011": (
        "Guyatt G, Oxman AD, Akl EA, et al. GRADE guidelines: 1. Introduction - GRADE evidence profiles and summary of "
        "findings tables. J Clin Epidemiol 2011;64:383-394. doi:10.1016/j.jclinepi.2010.04.026"
    ),
    "page2021": (
        "Page MJ, McKenzie JE, Bossuyt PM, et al. The PRISMA 2020 statement: an updated guideline for "
        "reporting systematic reviews. BMJ 2021;372:n71. doi:10.1136/bmj.n71"
    ),
    "campbell2020": (
        "Campbell M, McKenzie JE, Sowden A, et al. Synthesis without meta-analysis (SWiM) in systematic "
        "reviews: reporting guideline. BMJ 2020;368:l6890. doi:10.1136/bmj.l6890"
    ),
    "molder2021": (
        "Mölder F, Jablonski KP, Letcher B, et al. Sustainable data analysis with Snakemake. F1000Research "
        "2021;10:33. doi:10.12688/f1000research.29032.2"
    ),
    "harris2020": (
        "Harris CR, Millman KJ, van der Walt SJ, et al. Array programming with NumPy. Nature "
        "2020;585:357-362. doi:10.1038/s41586-020-2649-2"
    ),
    "virtanen2020": (
        "Virtanen P, Gommers R, Oliphant TE, et al. SciPy 1.0: fundamental algorithms for scientific "
        "computing in Python. Nat Methods 2020;17:261-272. doi:10.1038/s41592-019-0686-2"
    ),
}


class Citations:
    """References numbered in the order in which they are first cited."""

    def __init__(self, known: dict[str, str]) -> None:
        self._known = known
        self._numbers: dict[str, int] = {}

    def cite(self, *keys: str) -> str:
        """The mark of one or several references: [3] or [1-3,7].

        >>> citations = Citations({name: name for name in "abcd"})
        >>> citations.cite("b"), citations.cite("a", "b", "c"), citations.cite("d", "b")
        ('[1]', '[1-3]', '[1,4]')
        """
        for key in keys:
            if key not in self._known:
                raise KeyError(f"no reference {key}")
            self._numbers.setdefault(key, len(self._numbers) + 1)
        return f"[{_ranges(self._numbers[key] for key in keys)}]" if keys else ""

    def items(self) -> list[Item]:
        """The numbered list of what was cited."""
        return [Item(self._known[key], number) for key, number in self._numbers.items()]


def study_references(studies: pd.DataFrame, retracted: Collection[str] = ()) -> dict[str, str]:
    """A printed reference for each study; what is not reported is left out, never made up.

    Parameters
    ----------
    studies : the extraction table
    retracted : study_id of those whose report was retracted, which the reference says

    Returns
    -------
    dict of study_id to the reference
    """
    made = {study["study_id"]: _reference(study) for study in studies.to_dict("records")}
    return {slug: f"{words} {RETRACTED}" if slug in retracted else words for slug, words in made.items()}


def _reference(study: Mapping[Hashable, str]) -> str:
    known = {name: "" if value in SILENT else cell(value) for name, value in study.items()}
    journal, year = known["journal"], known["year"]
    if journal and year not in journal:
        journal += f" {year}"
    if known["title"] or journal:
        parts = [known["first_author"], known["title"], journal]
    else:
        parts = [cell(study["label"]), "Bibliographic details not reported"]
    printed = [part if part[-1] in ".?!" else f"{part}." for part in parts if part]
    identifiers = [f"{name}{known[key]}" for name, key in (("doi:", "doi"), ("PMID ", "pmid")) if known[key]]
    return " ".join([*printed, "; ".join(identifiers)]).strip()


def _ranges(numbers: Iterable[int]) -> str:
    """1, 2, 3, 7 as 1-3,7."""
    runs: list[list[int]] = []
    for number in sorted(set(numbers)):
        if runs and number == runs[-1][-1] + 1:
            runs[-1].append(number)
        else:
            runs.append([number])
    return ",".join(f"{run[0]}-{run[-1]}" if len(run) > 2 else ",".join(map(str, run)) for run in runs)
