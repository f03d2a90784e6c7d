from __future__ import annotations

import hashlib
import io
import json
from collections.abc import Callable
from typing import Any

import c2pa
import PIL.Image
import pytest
from pydantic import ValidationError

from limner import EncodedImage, Generation, ManifestReading, Step
from limner.images.encoding import decode, encode
from limner.testing import SampleKeys, check_step, load_step
from limner_c2pa import read_manifest
from limner_c2pa.attest import Attest, AttestOptions
from limner_c2pa.reading import context

FORMATS = ("png", "jpeg", "webp")
Attested = Callable[..., EncodedImage]


def assertions(file: EncodedImage) -> dict[str, Any]:
    with c2pa.Reader(f"image/{file.format}", io.BytesIO(file.data), None, context()) as reader:
        return {part["label"]: part["data"] for part in reader.get_active_manifest()["assertions"]}


def read(file: EncodedImage, step: Step | None = None) -> ManifestReading | None:
    return read_manifest(file, step.keys if step else SampleKeys())


@pytest.mark.parametrize("format", FORMATS)
def test_the_pixels_stay_and_the_manifest_holds(step: Step, finished: Callable[..., Generation], attested: Attested, format):
    file, before = attested(format), finished(format).file
    assert before is not None
    assert decode(file.data).sha256() == decode(before.data).sha256()
    reading = read(file, step)
    assert reading is not None
    assert (reading.state, reading.problems, reading.generator) == ("trusted", (), "Limner")
    assert (reading.request_id, reading.index, reading.mark_id) == ("r1", 2, 0xC0FFEE123456)
    assert reading.created == "2026-11-22T20:00:00+00:00"


def test_it_says_that_a_model_made_the_image_and_what_was_done(attested: Attested):
    said = assertions(attested())
    actions = said["c2pa.actions.v2"]["actions"]
    assert [action["action"] for action in actions] == ["c2pa.created", "c2pa.resized", "c2pa.edited", "c2pa.watermarked"]
    assert actions[0]["digitalSourceType"].endswith("/trainedAlgorithmicMedia")
    assert said["c2pa.soft-binding"] == {
        "alg": "org.limner.watermark.1",
        "blocks": [{"scope": {}, "value": "c0ffee123456"}],
    }


def test_without_a_mark_none_is_named(attested: Attested):
    said = assertions(attested(mark_id=None, actions=("create",)))
    assert "c2pa.soft-binding" not in said
    assert "mark" not in said["org.limner.provenance"]


def test_the_hash_that_goes_on_record_is_that_of_the_manifest_store_as_it_is_embedded(attested: Attested):
    file = attested("png")
    at = file.data.index(b"caBX")  # the chunk of a PNG that holds it
    length = int.from_bytes(file.data[at - 4 : at], "big")
    assert file.manifest_sha256 == hashlib.sha256(file.data[at + 4 : at + 4 + length]).hexdigest()


@pytest.mark.parametrize("task", ["edit", "vary"])
def test_an_edit_names_what_it_was_made_of_and_shows_none_of_it(attested: Attested, task: str):
    file = attested(task=task, actions=("edit", "mark"))
    with c2pa.Reader("image/png", io.BytesIO(file.data), None, context()) as reader:
        manifest = reader.get_active_manifest()
    [ingredient] = manifest["ingredients"]
    assert ingredient["relationship"] == "parentOf"
    assert "thumbnail" not in ingredient
    said = {part["label"]: part["data"] for part in manifest["assertions"]}
    names = [action["action"] for action in said["c2pa.actions.v2"]["actions"]]
    assert names == ["c2pa.opened", "c2pa.edited", "c2pa.watermarked"]


def test_the_prompt_is_said_only_where_it_is_disclosed(attested: Attested):
    assert b"a red circle" not in attested().data
    assert assertions(attested(prompt="a red circle"))["org.limner.provenance"]["prompt"] == "a red circle"


def test_a_file_that_was_changed_no_longer_holds(step: Step, attested: Attested):
    file = attested("jpeg")
    changed = bytearray(file.data)
    changed[-200] ^= 1
    reading = read(EncodedImage(bytes(changed), "jpeg"), step)
    assert reading is not None
    assert reading.state == "invalid"
    assert "assertion.dataHash.mismatch" in reading.problems


@pytest.mark.parametrize("format", FORMATS)
def test_a_file_saved_again_has_no_manifest(attested: Attested, format):
    assert read(encode(decode(attested(format).data), format)) is None


def test_another_installations_manifest_is_valid_and_not_trusted(attested: Attested):
    reading = read(attested())
    assert reading is not None
    assert (reading.state, reading.problems) == ("valid", ())
    assert "not to be trusted" in reading.signer


@pytest.mark.parametrize("cut", [0.3, 0.6, 0.9])
@pytest.mark.parametrize("format", FORMATS)
def test_a_truncated_file_is_told_and_breaks_nothing(attested: Attested, format, cut: float):
    file = attested(format)
    reading = read(EncodedImage(file.data[: int(len(file.data) * cut)], format))
    assert reading is None or reading.state == "invalid"


def test_a_manifest_that_lies_elsewhere_is_not_fetched(finished: Callable[..., Generation], step: Any):
    file = finished().file
    assert file is not None
    own, signed = step.credentials(), io.BytesIO()
    with (
        c2pa.Signer.from_callback(own.sign, c2pa.C2paSigningAlg.ED25519, own.chain, None) as signer,
        c2pa.Builder({"claim_generator_info": [{"name": "other"}], "assertions": []}, context()) as builder,
    ):
        builder.set_intent(c2pa.C2paBuilderIntent.CREATE, c2pa.C2paDigitalSourceType.DIGITAL_CREATION)
        builder.set_no_embed()
        builder.set_remote_url("http://127.0.0.1:9/manifest.c2pa")
        builder.sign(signer, "image/png", io.BytesIO(file.data), signed)
    reading = read(EncodedImage(signed.getvalue(), "png"))
    assert reading is not None
    assert reading.state == "remote"
    assert reading.problems == ("not fetched from http://127.0.0.1:9/manifest.c2pa",)


def test_others_manifests_give_no_ids_of_ours(finished: Callable[..., Generation], step: Any):
    file = finished().file
    assert file is not None
    own, signed = step.credentials(), io.BytesIO()
    odd = {"label": "org.limner.provenance", "data": {"request": ["x"], "image": "two", "mark": {"a": 1}}}
    with (
        c2pa.Signer.from_callback(own.sign, c2pa.C2paSigningAlg.ED25519, own.chain, None) as signer,
        c2pa.Builder({"claim_generator_info": [{"name": "other"}], "assertions": [odd]}, context()) as builder,
    ):
        builder.set_intent(c2pa.C2paBuilderIntent.CREATE, c2pa.C2paDigitalSourceType.DIGITAL_CREATION)
        builder.sign(signer, "image/png", io.BytesIO(file.data), signed)
    reading = read(EncodedImage(signed.getvalue(), "png"))
    assert reading is not None
    assert (reading.generator, reading.index, reading.mark_id) == ("other", None, None)


def test_development_certificates_are_warned_of(caplog: pytest.LogCaptureFixture):
    step = load_step(Attest)
    assert "development certificate" in caplog.text
    of_another_worker = load_step(Attest)
    caplog.clear()
    of_another_worker.keys = step.keys
    vars(of_another_worker).pop("_own")
    of_another_worker.load(None, None, None)
    assert not caplog.text, "an installation is warned once"


def test_a_picture_that_pillow_knows_other_things_of_carries_none_of_them(attested: Attested):
    with PIL.Image.open(io.BytesIO(attested().data)) as picture:
        assert not json.dumps({key: str(value) for key, value in picture.info.items()}).count("circle")


def test_options_that_do_not_go_together_are_refused():
    with pytest.raises(ValidationError, match="certificates go with one of"):
        AttestOptions.model_validate({"key": {"env": "KEY"}})


def test_it_keeps_every_rule_of_a_step():
    check_step(Attest, repeatable=False)
