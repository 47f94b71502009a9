"""The bill of materials: every library that a run uses, with version and licence, in the format of CycloneDX."""

from __future__ import annotations

import json
from datetime import datetime
from importlib.metadata import Distribution, PackageNotFoundError, distribution
from typing import NamedTuple

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

NAME = "small-evidence"
LONGEST_LICENCE = 100  # characters; some packages put the whole text there
UNKNOWN = "NOASSERTION"  # SPDX: the package states no licence


class Library(NamedTuple):
    name: str
    version: str
    licence: str  # as the package states it: an SPDX expression, or its own words
    needs: tuple[str, ...]  # names of the libraries that it needs itself


def libraries(name: str = NAME) -> list[Library]:
    """A package and every library that it needs in this environment, without extras, by name."""
    found: dict[str, Library] = {}
    waiting: list[str] = [canonicalize_name(name)]
    while waiting:
        package = waiting.pop()
        if package in found:
            continue
        try:
            there = distribution(package)
        except PackageNotFoundError:
            continue  # needed on other systems only
        needs = _needs(there)
        found[package] = Library(package, there.version, _licence(there), needs)
        waiting += needs
    return [found[package] for package in sorted(found)]


def bill_of_materials(made: datetime, name: str = NAME) -> str:
    """The libraries as JSON of CycloneDX 1.6.

    Parameters
    ----------
    made : the time written into it
    name : of the package

    References
    ----------
    ECMA-424, CycloneDX Bill of Materials specification.
    """
    from cyclonedx.contrib.license.factories import LicenseFactory
    from cyclonedx.model.bom import Bom, BomMetaData
    from cyclonedx.model.component import Component, ComponentType
    from cyclonedx.output.json import JsonV1Dot6
    from packageurl import PackageURL

    licences = LicenseFactory()
    found = libraries(name)
    components = {}
    for library in found:
        address = PackageURL("pypi", name=library.name, version=library.version)
        components[library.name] = Component(
            name=library.name,
            version=library.version,
            type=ComponentType.APPLICATION if library.name == name else ComponentType.LIBRARY,
            licenses=[licences.make_from_string(library.licence)],
            bom_ref=address.to_string(),
            purl=address,
        )
    others = [component for package, component in components.items() if package != name]
    bom = Bom(components=others, metadata=BomMetaData(component=components[name], timestamp=made))
    for library in found:
        bom.register_dependency(
            components[library.name], [components[one] for one in library.needs if one in components]
        )
    written: dict[str, object] = json.loads(JsonV1Dot6(bom).output_as_string())
    written.pop("serialNumber", None)  # a random number, by which two equal bills would differ
    return json.dumps(written, indent=1, sort_keys=True) + "\n"


def _needs(there: Distribution) -> tuple[str, ...]:
    required = [Requirement(words) for words in there.requires or []]
    used = [one for one in required if one.marker is None or one.marker.evaluate({"extra": ""})]
    return tuple(sorted({canonicalize_name(one.name) for one in used}))


def _licence(there: Distribution) -> str:
    """The SPDX expression of a package, else the licence among its classifiers, else a short text of its own."""

    def stated(field: str) -> list[str]:
        return there.metadata.get_all(field) or []

    classes = [words.split(" :: ")[-1] for words in stated("Classifier") if words.startswith("License ::")]
    own = [" ".join(words.split()) for words in stated("License") if len(words) < LONGEST_LICENCE]
    for found in (stated("License-Expression"), classes, own):
        if found:
            return "; ".join(found)
    return UNKNOWN
