from __future__ import annotations

import json
import math
from collections.abc import Callable
from dataclasses import replace

from limner.audit.events import (
    Pinned,
    StepSummary,
    decision,
    generation_steps,
    image_outcome,
    request_accepted,
    request_closed,
)
from limner.canonical import canonical
from limner.generation import Decision, EncodedImage, Evidence, Finding, Generation, Image, Input, Request, Signal
from limner.readings import Mark

PROMPT = "Ada's secret sword"


def _generation(**more: object) -> Generation:
    return Generation("r1", 1, 7, PROMPT, **more)  # type: ignore[arg-type]


def test_an_intent_says_how_to_make_the_same_images_again(new_request: Callable[..., Request]) -> None:
    import PIL.Image

    given = Input("image", Image(PIL.Image.new("RGB", (1, 1))), sha256="11" * 32, file=b"its bytes")
    request = new_request(prompt=PROMPT, n=3, seed=2**32 - 1, negative_prompt="blood", inputs=(given,))
    pinned = Pinned("a" * 64, "standard", "b" * 64, {"steps": 25, "style": "oil"}, "c" * 64, {"torch": "2.13"}, "lease1")
    event = request_accepted(request, pinned)
    assert event.body == {
        "task": "generate",
        "cohort": "local",
        "pipeline": {"name": "text-to-image", "hash": "a" * 64},
        "policy": {"name": "standard", "revision": "b" * 64},
        "shadow_policy": None,
        "parameters": {"steps": 25, "style": "oil"},
        "n": 3,
        "seeds": [2**32 - 1, 0, 1],
        "inputs": [{"role": "image", "sha256": "11" * 32}],
        "output_format": "png",
        "plugins": "c" * 64,
        "versions": {"torch": "2.13"},
        "lease": "lease1",
    }
    assert event.payloads == {"prompt": PROMPT.encode(), "negative_prompt": b"blood", "input.image": b"its bytes"}
    assert event.subject == "local:ada"
    shadowed = request_accepted(request, replace(pinned, shadow_policy="next", shadow_revision="d" * 64))
    assert shadowed.body["shadow_policy"] == {"name": "next", "revision": "d" * 64}


def test_a_decision_is_recorded_whole_and_what_it_saw_apart(new_request: Callable[..., Request]) -> None:
    values, thresholds = {"terms.weapon": math.nan}, {"terms.weapon": "at least 1"}
    finding = Finding(
        "weapons", "fail", "block", "enforce", "violence", "No weapons.", values, thresholds, 0.0, detail="matched sword"
    )  # fmt: skip
    decided = Decision(
        "prompt", "block", "standard", "b" * 64, (finding,), "terms", {"terms": "e" * 64}, "No weapons.", "violence",
        error="boom", seconds=0.01,
    )  # fmt: skip
    signal = Signal("terms.weapon", 1.0, (Evidence(13, 18, "sword"),))
    generation = _generation().with_signals("prompt", (signal, Signal("terms.length", 3.0)))
    event = decision(new_request(), generation, decided)
    assert event.body["rules"] == ["weapons"]
    assert event.body["findings"][0]["values"] == {"terms.weapon": "NaN"}
    assert event.body["findings"][0]["thresholds"] == {"terms.weapon": "at least 1"}
    assert event.body["digests"] == {"terms": "e" * 64}
    assert (event.body["index"], event.body["gate"], event.body["action"], event.body["errored"]) == (
        1,
        "prompt",
        "block",
        True,
    )
    assert "sword" not in canonical(event.body).decode()
    assert json.loads(event.payloads["evidence"]) == {"prompt:terms.weapon": [[13, 18, "sword"]]}
    assert json.loads(event.payloads["details"]) == {"weapons": "matched sword"}
    assert json.loads(event.payloads["error"]) == "boom"


def test_a_decision_that_saw_nothing_has_no_payloads(new_request: Callable[..., Request]) -> None:
    assert decision(new_request(), _generation(), Decision("image", "allow", "standard", "b" * 64)).payloads == {}


def test_steps_say_how_they_ran_and_keep_words_apart(new_request: Callable[..., Request]) -> None:
    steps = [
        StepSummary("terms", "terms", "done", 0.001, "cpu", "float32", 1, (Signal("terms.weapon", 0.0),)),
        StepSummary("decoder", "unclip.decoder", "failed", error=f"cannot draw {PROMPT}"),
    ]
    event = generation_steps(new_request(), _generation().with_prompt("a sword, in oil", "style"), steps)
    assert [step["outcome"] for step in event.body["steps"]] == ["done", "failed"]
    assert event.body["steps"][0] == {
        "step": "terms", "type": "terms", "outcome": "done", "seconds": 0.001, "device": "cpu", "precision": "float32",
        "batch": 1, "signals": {"terms.weapon": 0.0},
    }  # fmt: skip
    assert "sword" not in canonical(event.body).decode()
    assert json.loads(event.payloads["rewrites"]) == [{"step": "style", "before": PROMPT, "after": "a sword, in oil"}]
    assert json.loads(event.payloads["errors"]) == {"decoder": f"cannot draw {PROMPT}"}


def test_an_outcome_names_the_file_and_the_mark() -> None:
    file, mark = EncodedImage(b"png", "png"), Mark(2**48 - 1, "1", 9.5, 42.0)
    event = image_outcome("r1", 2, "released", file=file, pixels_sha256="9" * 64, mark=mark, image_id="5" * 32)
    assert event.body == {
        "index": 2,
        "outcome": "released",
        "reason": "",
        "file": {"sha256": file.sha256, "format": "png", "bytes": 3},
        "pixels_sha256": "9" * 64,
        "mark_id": 2**48 - 1,
        "mark": {"key": "1", "score": 9.5, "psnr": 42.0},
        "image": "5" * 32,
    }
    assert image_outcome("r1", 0, "withheld", reason="policy").body["file"] is None


def test_the_end_of_a_request_counts_its_outcomes() -> None:
    event = request_closed("r1", ["released", "withheld", "released"], seconds=1.5)
    assert event.body == {"outcomes": {"released": 2, "withheld": 1}, "seconds": 1.5, "reason": ""}
