"""Make the synthetic review: the published shape with invented counts.

30 studies, 288 patients, 13 therapies, sizes 3 to 78. Nothing in it is evidence: every row says SYNTHETIC.
Run as ``python tests/data/make_synthetic.py``; the seed makes it repeatable.
"""

import csv
from pathlib import Path

import numpy as np

SEED = 288
MARK = "SYNTHETIC"
RAW = Path(__file__).parent / "synthetic" / "data" / "raw"
# 30 sizes from 3 to 78 that sum to 288
SIZES = [78, 28, 17, 14, 12, 11, 9, 9, 8, 8, 7, 7, 6, 6, 6, 5, 5, 5, 5, 5, 4, 4, 4, 4, 4, 4, 4, 3, 3, 3]
DESIGNS = ["rct"] * 2 + ["case_series_prospective"] * 11 + ["case_series_retrospective"] * 17
# therapy, label, class, true response, number of studies
THERAPIES = [
    ("diltiazem", "Diltiazem", "calcium_channel_blocker", 0.5, 4),
    ("warfarin", "Warfarin", "anticoagulant", 0.2, 4),
    ("minocycline", "Minocycline", "antibiotic", 0.6, 2),
    ("pamidronate", "Pamidronate", "bisphosphonate", 0.4, 3),
    ("alendronate", "Alendronate", "bisphosphonate", 0.4, 2),
    ("rituximab", "Rituximab", "anti_cd20", 0.5, 3),
    ("infliximab", "Infliximab", "anti_tnf", 0.6, 2),
    ("etanercept", "Etanercept", "anti_tnf", 0.3, 1),
    ("ivig", "Intravenous immunoglobulin", "immunoglobulin", 0.4, 2),
    ("sodium_thiosulfate_intralesional", "Intralesional thiosulfate", "sodium_thiosulfate", 0.7, 2),
    ("eswl", "Shock waves", "physical_treatment", 0.5, 1),
    ("co2_laser", "CO2 laser", "physical_treatment", 0.7, 1),
    ("surgical_excision", "Surgical excision", "surgery", 0.9, 3),
]
DISEASES = [("ssc", "Systemic sclerosis"), ("dm", "Dermatomyositis"), ("jdm", "Juvenile dermatomyositis")]
FIXED = {("diltiazem", 8): 5, ("surgical_excision", 7): 7}  # the two results that the published tables quote


def main() -> None:
    """Write the four tables."""
    rng = np.random.default_rng(SEED)
    of_therapy = [therapy for therapy in THERAPIES for _ in range(therapy[4])]
    sizes = list(rng.permutation([size for size in SIZES if size not in (8, 7)]))
    rest = [size for size in SIZES if size in (8, 7)]  # 8, 8, 7, 7: one of each to the fixed results
    designs = list(rng.permutation(DESIGNS))
    seen, studies, responses = set(), [], []
    for number, (therapy, label, _, response, _) in enumerate(of_therapy, start=1):
        wanted = next((n for slug, n in FIXED if slug == therapy and (slug, n) not in seen), None)
        if wanted:
            rest.remove(wanted)
        n = int(wanted or (sizes.pop() if sizes else rest.pop()))
        x = FIXED[therapy, n] if wanted else int(rng.binomial(n, response))
        seen.add((therapy, n))
        complete = int(rng.binomial(x, 0.3))
        disease = DISEASES[rng.integers(3)][0]
        study = f"synthetic{number:02d}"
        design = designs[number - 1]
        year = int(1985 + rng.integers(34))
        studies.append(
            {
                "study_id": study, "label": f"{MARK} {number:02d}", "first_author": MARK, "year": year,
                "title": f"{MARK} study {number:02d} of {label.lower()}", "journal": MARK, "doi": "NR", "pmid": "NR",
                "design": design, "controlled": "yes" if design == "rct" else "no", "n_patients": n,
                "cohort_id": study, "published_review": "no", "status": "included", "notes": MARK,
            }
        )  # fmt: skip
        responses.append(
            {
                "response_id": f"{study}_{therapy}", "study_id": study, "therapy": therapy,
                "disease": disease, "outcome": "clinical_response", "primary_outcome": "yes", "unit": "patient",
                "dose": "NR", "follow_up": "NR", "n": n, "n_complete": complete, "n_partial": x - complete,
                "n_none": n - x,
                "responders": x, "response_definition": MARK, "evidence_basis": "full_text", "source": MARK,
                "location": MARK, "paraphrase": f"{MARK}: {x} of {n} responded", "confidence": "high",
                "pool": "yes", "notes": MARK,
            }
        )  # fmt: skip
    therapies = [
        {
            "therapy": slug, "label": f"{label} ({MARK})", "therapy_class": group, "kind": "drug",
            "route": "NR", "display_order": order,
        }
        for order, (slug, label, group, _, _) in enumerate(THERAPIES, start=1)
    ]  # fmt: skip
    diseases = [{"disease": slug, "label": f"{label} ({MARK})", "synonyms": slug.upper()} for slug, label in DISEASES]
    real = Path(__file__).parents[2] / "data" / "raw"  # for the order of the columns
    RAW.mkdir(parents=True, exist_ok=True)
    tables = {"studies": studies, "responses": responses, "therapies": therapies, "diseases": diseases}
    for name, rows in tables.items():
        with (real / f"{name}.csv").open(encoding="utf-8", newline="") as file:
            columns = next(csv.reader(file))
        with (RAW / f"{name}.csv").open("w", encoding="utf-8", newline="") as file:
            writer = csv.DictWriter(file, columns, restval="", lineterminator="\n")
            writer.writeheader()
            writer.writerows(rows)


if __name__ == "__main__":
    main()
