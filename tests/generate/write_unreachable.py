"""Write unreachable.yaml anew: ``python tests/generate/write_unreachable.py`` in the checkout, and read what changed.

The rule of this script: a side is put under the first reason that fits it; one that fits none goes under ``open``.
"""

from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING

import yaml

from assay.contract import load
from assay.generate.edits import too_large
from assay.generate.probes import Prober
from assay.generate.proofs import Proofs
from assay.wire.media import is_json

if TYPE_CHECKING:
    from assay.generate.sites import Site
    from assay.model import Operation
    from assay.schema.check import Schemas

HEAD = """\
# Sides of sites that no probe reaches, by kind of reason. write_unreachable.py writes it, test_probes.py holds it.
# text: proved by the form of the wire, since any text reads as what the keyword asks for.
# idle: proved by algebra: without the keyword, a schema that holds it admits nothing more (generate/proofs.py).
# size: only a value larger than any server must take breaks it.
# argued: see the reason. open: neither reached nor proved unreachable; the search is what fails.
"""
REASONS = {
    "text": "Whatever is written of it reads as a value that the keyword admits.",
    "idle": "Without the keyword, a schema that holds it admits nothing more.",
    "size": "Only a value larger than any server must take breaks it.",
    "open": "The search finds no probe, and no proof is known that there is none.",
}
ARGUED = {
    r"outside response-items.yaml.*/required type$": (
        "Without its type an item is a reference by its id, or it has a role and breaks that schema too."
    ),
    r"outside .*EasyInputMessage/properties/content/oneOf/2/minItems$": (
        "An empty list is admitted as the list of input parts, the branch before it."
    ),
    r"inside .*GptImageLimits/then/properties/style/type$": (
        "The form does not declare this property, so what is written of it reads as text and never as null."
    ),
    r"inside .*LogprobsNeedModel/then/properties/include/maxItems$": (
        "A list of none leaves no part in a form, and many servers read [] written out as a list of one text."
    ),
    r"outside .*DiarizeLimits/then/properties/timestamp_granularities$": (
        "Whoever asks for times must ask for verbose_json, so with any format, or without one, a second rule is broken."
    ),
    r"(in|out)side .*CreateImageEditRequest/properties/image/": (
        "A part that is a file reads as a list of files whatever is in it, and a list of none leaves no part."
    ),
    r"outside .*CreateImageEditRequest/properties/image/oneOf$": (
        "A part that is a file reads as a list of files whatever is in it, and a list of none leaves no part."
    ),
    r"outside .*DallE2EditLimits/then/properties/image/type$": (
        "A part that is a file reads as a list of files whatever is in it, and a list of none leaves no part."
    ),
    r"outside .*NamedGraders/type$": "What is no object has no type either, and breaks the union of the other side.",
    r"outside .*ModerationImagePart/properties/type/const$": (
        "The union above tells of the whole part, one step above the tag that is wrong."
    ),
    r"outside .*ModerationTextPart/properties/type/const$": (
        "The union above tells of the whole part, one step above the tag that is wrong."
    ),
}


def any_text(schemas: Schemas, operation: Operation, site: Site) -> bool:
    """Whether any text reads as what a keyword asks for, or a text that does not belongs to another operation."""
    if site.spot is None or _json(operation, site):
        return False
    place = site.spot.place
    types = schemas.shape(place.reference).types
    if site.keyword == "type":
        return "string" in types or types in ({"array"}, {"object"})
    least = place.keyword(site.keyword) == 1
    # An empty segment is another path; an empty list, or an empty text that may be null, is not there at all.
    return least and (
        (site.keyword == "minLength" and (site.part == "path" or "null" in types))
        or (site.keyword == "minItems" and types == {"array"})
    )


def _json(operation: Operation, site: Site) -> bool:
    contents = operation.body.contents if operation.body is not None else ()
    return site.part == "body" and all(is_json(content.media_type) for content in contents)


def kind_of(schemas: Schemas, operation: Operation, site: Site, side: str, proofs: Proofs) -> str:
    """The kind of reason that can be checked for one side; empty where there is none."""
    if side == "outside" and site.spot is not None:
        if any_text(schemas, operation, site):
            return "text"
        if too_large(site.keyword, site.spot.place.keyword(site.keyword)):
            return "size"
        if proofs.idle(site):
            return "idle"
    return ""


def main() -> None:
    """Probe every operation and write the file."""
    contract = load("openai")
    proofs = Proofs(contract.api.documents)
    found: dict[tuple[str, str], dict[str, list[str]]] = {}
    for operation in contract.operations:
        prober = Prober(contract.api, contract.schemas, operation, judge=contract.check_request)
        for one in prober.outcomes():
            for side, lacks in (("inside", one.no_inside), ("outside", one.no_outside)):
                if not lacks:
                    continue
                name = f"{side} {one.site.pointer} {one.site.name}".strip()
                kind = kind_of(contract.schemas, operation, one.site, side, proofs)
                argued = next((text for pattern, text in ARGUED.items() if re.match(pattern, name)), "")
                kind = kind or ("argued" if argued else "open")
                key = kind, argued if kind == "argued" else REASONS[kind]
                found.setdefault(key, {}).setdefault(operation.id, []).append(name)
    groups = [
        {"kind": kind, "reason": reason, "sites": {name: sorted(sides) for name, sides in sorted(sites.items())}}
        for (kind, reason), sites in sorted(found.items())
    ]
    text = HEAD + yaml.safe_dump(groups, width=200, allow_unicode=True, sort_keys=False)
    Path(__file__).with_name("unreachable.yaml").write_text(text, encoding="utf-8")


if __name__ == "__main__":
    main()
