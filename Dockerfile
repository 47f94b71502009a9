# The project with its environment; NOT RUN by the tests, which have no container engine.
#   docker build -t small-evidence . && docker run --rm -v "$PWD/my-review:/review" small-evidence run /review
FROM python:3.12-slim
WORKDIR /project
COPY pyproject.toml README.md LICENSE Snakefile environment.yml ./
COPY small_evidence small_evidence
COPY workflow workflow
RUN pip install --no-cache-dir .
ENTRYPOINT ["small-evidence"]
