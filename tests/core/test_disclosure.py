from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import ClassVar

import pytest
from house import PIPELINES, POLICY, house, plugin

import limner
from limner.policy.bundle import bundled, from_bundle


@pytest.mark.parametrize(("says", "seen"), [("", ""), ("discloses: [prompt]\n", "a bright field")])
def test_an_attestation_gets_the_prompt_only_where_the_policy_discloses_it(tmp_path: Path, says: str, seen: str):
    told: list[str] = []

    class Attest(limner.Step):
        type: ClassVar[str] = "toy.attest"

        @limner.hookimpl
        def attest(self, generations: Sequence[limner.Generation]) -> list[limner.EncodedImage]:
            assert generations[0].provenance is not None
            assert generations[0].file is not None
            told.append(generations[0].provenance.prompt)
            return [generations[0].file]

    pipelines = PIPELINES.replace("      - use: toy.mark\n", "      - use: toy.mark\n      - use: toy.attest\n")
    with house(tmp_path, pipelines=pipelines, policies={"house": POLICY + says}, plugins=[plugin(Attest)]) as app:
        [image] = app.run(app.request("a bright field", pipeline="plain")).images
        policy = app.policies["house"]
    assert (image.outcome, told) == ("released", [seen])
    assert from_bundle(bundled(policy).canonical).discloses == policy.discloses == (("prompt",) if says else ())
