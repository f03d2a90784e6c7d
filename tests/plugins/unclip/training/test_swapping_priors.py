"""A trained model in a project: three priors for one pipeline, swapped by a word."""

from __future__ import annotations

from pathlib import Path

from house import house, plugin

import limner_unclip

PIPELINES = """\
limner: 1
models:
  blocks: {{source: {model}}}
pipelines:
  plain:
    task: generate
    policy: house
    steps:
      - use: toy.words
      - {{use: {prior}, with: {{model: blocks}}}}
      - {{use: unclip.decoder, with: {{model: blocks, steps: 2, guidance: 2.0}}}}
      - {{use: unclip.upsampler, with: {{model: blocks, steps: 2}}}}
      - use: toy.look
      - use: toy.mark
"""


def draw(folder: Path, model: Path, prior: str) -> str:
    folder.mkdir()
    text = PIPELINES.format(model=model, prior=prior)
    with house(folder, pipelines=text, plugins=[plugin(), limner_unclip]) as app:
        image = app.drawing("plain").image("a red block", 1)
        assert image is not None
        assert image.size == (32, 32)
        return image.sha256()


def test_a_pipeline_draws_with_each_of_them(trained: Path, tmp_path: Path):
    priors = ("unclip.prior", "unclip.ridge_prior", "unclip.direct_prior")
    drawn = {prior: draw(tmp_path / prior, trained / "run" / "model", prior) for prior in priors}
    assert len(set(drawn.values())) == 3
