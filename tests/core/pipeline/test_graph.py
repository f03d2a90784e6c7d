"""The graph shows steps in order, the values that flow between them, and the gates."""

from __future__ import annotations

import pytest

from limner.pipeline import mermaid

WHOLE = """
limner: 1
pipelines:
  p:
    task: generate
    policy: standard
    steps:
      - use: words
      - {use: toy.text, as: text}
      - {use: toy.prior, with: {from_text: true}}
      - use: toy.embedding_score
      - {use: toy.decoder, with: {model: alpha}}
      - use: toy.mark
      - use: toy.attest
"""


@pytest.fixture
def lines(load):
    return [line.strip() for line in mermaid(load(WHOLE)["p"]).splitlines()]


def test_it_is_a_flowchart_from_request_to_release(lines):
    assert lines[:2] == ["flowchart TD", 'request(["generate request"])']
    assert 'release(["release"])' in lines


def test_gates_are_hexagons_that_name_their_gate(lines):
    assert 's0{{"words<br/><i>filter_prompt</i><br/>gate: prompt"}}' in lines
    assert 's3{{"toy.embedding_score<br/><i>classify_embedding</i><br/>gate: embedding"}}' in lines


def test_other_steps_show_name_type_and_stage_and_marks_a_shape_of_their_own(lines):
    assert 's1["text<br/>toy.text<br/><i>encode_text</i>"]' in lines
    assert 's5[/"toy.mark<br/><i>watermark</i>"\\]' in lines


def test_edges_carry_the_values_that_later_steps_read(lines):
    assert lines[10:] == [
        'request -- "prompt" --> s0',
        's0 -- "prompt" --> s1',
        's1 -- "text" --> s2',
        's2 -- "embedding" --> s3',
        's3 -- "embedding" --> s4',
        's4 -- "image" --> s5',
        's5 -- "image" --> s6',
        's6 -- "image" --> release',
    ]
