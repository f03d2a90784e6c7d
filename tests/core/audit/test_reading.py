from __future__ import annotations

import hashlib
import json
import subprocess
import sys
from collections.abc import Callable

import pytest
from sqlalchemy import delete, select, update

from limner.audit import reading
from limner.audit.events import StepSummary, generation_steps, image_outcome, request_closed
from limner.audit.reading import Payload
from limner.audit.searching import Search, search
from limner.audit.writer import AuditWriter
from limner.database.connection import Database
from limner.database.tables import payloads, subjects
from limner.errors import UsageError
from limner.generation import Generation, Image, Input, Request
from limner.keys import Keys
from limner.readings import Mark

Accept = Callable[..., Request]


def test_requests_are_listed_newest_first_and_by_pages(database: Database, writer: AuditWriter, accept: Accept) -> None:
    for number in range(5):
        accept(f"r{number}", n=2)
    writer.append([image_outcome("r4", 1, "released"), image_outcome("r4", 0, "withheld")]).result(30)
    writer.append([request_closed("r4", ["withheld", "released"])]).result(30)
    first = reading.requests(database, limit=2)
    assert [summary.id for summary in first] == ["r4", "r3"]
    assert (first[0].outcomes, first[0].closed) == (("withheld", "released"), True)
    assert (first[1].outcomes, first[1].closed) == ((None, None), False)
    rest = reading.requests(database, before=first[-1].index)
    assert [summary.id for summary in rest] == ["r2", "r1", "r0"]
    assert reading.requests(database, before=rest[-1].index) == ()
    assert (rest[0].task, rest[0].pipeline, rest[0].policy, rest[0].cohort) == (
        "generate",
        "text-to-image",
        "standard",
        "local",
    )
    assert json.loads(json.dumps(first[0].to_json()))["outcomes"] == ["withheld", "released"]


def test_a_record_has_every_event_in_order_with_its_payloads_opened(
    database: Database, keys: Keys, writer: AuditWriter, accept: Accept
) -> None:
    request = accept("r1", prompt="a red circle", negative_prompt="blue")
    accept("r2", prompt="another's")
    generation = Generation("r1", 0, 0, "a red circle").with_prompt("a red circle, in oil", "style")
    writer.append([generation_steps(request, generation, [StepSummary("style", "style.preset", "done")])]).result(30)
    writer.append([image_outcome("r1", 0, "released"), request_closed("r1", ["released"])]).result(30)
    record = reading.request(database, keys, "r1")
    assert [event.kind for event in record.events] == [
        "request.accepted",
        "generation.steps",
        "image.outcome",
        "request.closed",
    ]
    assert [event.index for event in record.events] == [0, 2, 3, 4]
    assert record.caller == "local:ada"
    assert record.events[0].payloads == {"prompt": Payload("open", "a red circle"), "negative_prompt": Payload("open", "blue")}
    rewrites = [{"step": "style", "before": "a red circle", "after": "a red circle, in oil"}]
    assert record.events[1].payloads == {"rewrites": Payload("open", rewrites)}
    assert "commitments" not in record.events[0].body
    shown = json.loads(json.dumps(record.to_json()))
    assert shown["events"][0]["payloads"]["prompt"] == {"state": "open", "value": "a red circle"}
    assert shown["events"][0]["body"]["seeds"] == [0]


def test_what_is_erased_shows_as_erased_and_the_rest_stays(
    database: Database, keys: Keys, writer: AuditWriter, accept: Accept
) -> None:
    accept("r1", negative_prompt="blue")
    with database.writing() as connection:
        one = payloads.c.name == "prompt"
        connection.execute(update(payloads).where(one).values(wrapped_key=None, sealed=None))
    found = reading.request(database, keys, "r1").events[0].payloads
    assert found == {"prompt": Payload("erased"), "negative_prompt": Payload("open", "blue")}
    with database.writing() as connection:
        connection.execute(update(subjects).values(lookup=None, name=None, wrapped_key=None))
    record = reading.request(database, keys, "r1")
    assert record.caller is None
    assert set(record.events[0].payloads.values()) == {Payload("erased")}
    assert record.events[0].body["n"] == 1
    with database.writing() as connection:
        connection.execute(delete(payloads))
    assert set(reading.request(database, keys, "r1").events[0].payloads.values()) == {Payload("erased")}


def test_a_payload_that_was_tampered_with_shows_as_altered(
    database: Database, keys: Keys, writer: AuditWriter, accept: Accept
) -> None:
    accept("r1")
    with database.writing() as connection:
        connection.execute(update(payloads).values(sealed=b"something else, long enough to be a nonce and a tag"))
    assert reading.request(database, keys, "r1").events[0].payloads == {"prompt": Payload("altered")}


def test_prompts_come_back_as_they_were_typed(database: Database, keys: Keys, writer: AuditWriter, accept: Accept) -> None:
    typed = "e\u0301 \u202e \U0001f600 \x00 \udcff"
    accept("r1", prompt=typed)
    assert reading.request(database, keys, "r1").events[0].payloads["prompt"] == Payload("open", typed)


def test_a_request_that_is_not_on_the_record_is_a_usage_error(database: Database, keys: Keys) -> None:
    with pytest.raises(UsageError, match="no request 'nothing'"):
        reading.request(database, keys, "nothing")
    assert reading.requests(database) == ()


def test_a_request_is_found_by_how_its_id_begins_if_only_one_does(database: Database, keys: Keys, accept: Accept) -> None:
    for id in ("72016d0edab24329", "72016d0edab2ffff", "dcd66c4064304cc3", "short"):
        accept(id)
    assert reading.request(database, keys, "dcd66c40").id == "dcd66c4064304cc3"
    assert len(reading.request(database, keys, "dcd66c40").events) == 1
    with pytest.raises(UsageError, match="several requests begin with '72016d0e'"):
        reading.request(database, keys, "72016d0e")
    for too_little in ("dcd66c4", "shor", "%" * 8):
        with pytest.raises(UsageError, match="no request"):
            reading.request(database, keys, too_little)


def test_a_request_is_found_by_the_mark_of_its_image_as_people_read_it(
    database: Database, keys: Keys, writer: AuditWriter, accept: Accept
) -> None:
    for number, id in enumerate(("r1", "r2", "r3")):
        accept(id)
        mark = Mark(0x446942580C53 + number // 2, "1", 9.0, 50.0)
        writer.append([image_outcome(id, 0, "released", mark=mark)]).result(30)
    record = reading.request(database, keys, "446942580c54")
    assert (record.id, record.images[0].mark) == ("r3", "446942580c54")
    assert record.to_json()["images"][0] == {**record.to_json()["images"][0], "mark_id": 0x446942580C54, "mark": "446942580c54"}
    assert {found.id for found in search(database, keys, Search(mark="446942580c53"))} == {"r1", "r2"}
    with pytest.raises(UsageError, match="no request"):  # two images have it: which is meant, the list tells
        reading.request(database, keys, "446942580c53")
    with pytest.raises(UsageError, match="no mark id"):
        search(database, keys, Search(mark="75218875321427"))


def test_reading_the_record_needs_no_torch() -> None:
    code = "import sys, limner.audit.reading, limner.audit.recovery, limner.images.store; assert 'torch' not in sys.modules"
    subprocess.run([sys.executable, "-c", code], check=True, env={"PYTHONPATH": ":".join(sys.path)})


def test_an_input_file_comes_back_as_it_was_given_and_is_shown_by_size_and_hash(
    database: Database, keys: Keys, accept: Accept
) -> None:
    import PIL.Image

    file = bytes(range(256))
    accept(inputs=(Input("image", Image(PIL.Image.new("RGB", (1, 1))), "11" * 32, file),))
    [accepted] = reading.request(database, keys, "r1").events
    assert accepted.body["inputs"] == [{"role": "image", "sha256": "11" * 32}]
    assert accepted.payloads["input.image"] == Payload("open", file)
    shown = json.loads(json.dumps(accepted.to_json()))["payloads"]["input.image"]["value"]
    assert shown == {"bytes": 256, "sha256": hashlib.sha256(file).hexdigest()}


def test_an_input_file_lies_in_the_database_encrypted(database: Database, accept: Accept) -> None:
    import PIL.Image

    file = b"a face nobody else may see" * 10
    accept(inputs=(Input("image", Image(PIL.Image.new("RGB", (1, 1))), "11" * 32, file),))
    with database.reading() as connection:
        sealed = connection.scalar(select(payloads.c.sealed).where(payloads.c.name == "input.image"))
    assert b"a face" not in sealed
