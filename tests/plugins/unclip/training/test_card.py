"""A card tells what was measured, in the figures of the evaluation, and hashes every file."""

from __future__ import annotations

import hashlib
from dataclasses import replace

from limner_unclip.training.card import Card, write_card
from limner_unclip.training.doctor.finding import Finding
from limner_unclip.training.records import StageRun

EVALUATION = {
    "suites": {"seen": {"tasks": {"single object": {"right": 150, "of": 200, "share": 0.75, "low": 0.686, "high": 0.805}}}}
}


def card() -> Card:
    return Card(
        name="blocks",
        summary="Draws blocks.",
        data="Blocks, drawn by a program.",
        hardware="Two CPU cores.",
        stages=[StageRun("clip", 12345, 1000, 128, 7.4, "alone")],
        evaluation=EVALUATION,
        command="limner eval scenes --suite seen",
        defaults={"decoder guidance": "3"},
        intended=["demonstrations"],
        limits=["knows no words but its own"],
        licence="that of the project",
    )


def test_the_card_tells_figures_and_settings(tmp_path):
    write_card(card(), tmp_path)
    text = (tmp_path / "README.md").read_text()
    assert "| seen | single object | 150/200 | 75.0% | 68.6% to 80.5% |" in text
    assert "| clip | 12,345 | 1,000 | 128 | 7 |  | alone |" in text
    assert "| decoder guidance | 3 |" in text
    assert text.count("\n## ") == 7


def test_a_section_without_content_is_left_out_and_findings_are_told(tmp_path):
    finding = Finding("clip", "cosine of unrelated pictures", 0.97, -0.2, 0.9, "never trained", "collapsed")
    (tmp_path / "model.safetensors").write_bytes(b"")
    write_card(replace(card(), evaluation=None, defaults=None, findings=[finding]), tmp_path)
    text = (tmp_path / "README.md").read_text()
    assert "## Evaluation" not in text
    assert "| clip | cosine of unrelated pictures | 0.97 | -0.2 to 0.9 | collapsed |" in text
    assert f"| model.safetensors | `{hashlib.sha256(b'').hexdigest()}` |" in text


def test_the_hashes_are_those_of_the_files(tmp_path):
    (tmp_path / "prior").mkdir()
    (tmp_path / "prior" / "config.json").write_text("{}")
    write_card(card(), tmp_path)
    lines = dict(reversed(line.split("  ")) for line in (tmp_path / "SHA256SUMS").read_text().splitlines())
    assert set(lines) == {"README.md", "prior/config.json"}
    assert lines["prior/config.json"] == hashlib.sha256(b"{}").hexdigest()
