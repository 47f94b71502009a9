from small_evidence.extraction.bibliography import save_text
from small_evidence.extraction.datapackage import data_package
from small_evidence.review import read_review
from small_evidence.step import begin_step

begin_step(snakemake.log[0])
review = read_review(config=snakemake.config, results=False)
save_text(data_package(snakemake.params.review["title"], review.tables), snakemake.output.package)
