"""Models: where they come from, what their files hash to, and components loaded once or refused with the cause."""

from __future__ import annotations

import hashlib
import json
import logging
import shutil
import sys
import threading
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from subprocess import run

import pytest
import torch

from limner.errors import ConfigurationError, ModelError
from limner.models import ModelSource, ModelStore
from limner.models.ledger import Fetched, Ledger, fetch, licence, verify
from limner.step import ModelIndex, Models

COMMIT = "0123456789abcdef0123456789abcdef01234567"
CPU = torch.device("cpu")


def store_of(folder: Path, **more: str) -> ModelStore:
    return ModelStore({"tiny": ModelSource("tiny", str(folder), **more)})


def bound(folder: Path, dtype: torch.dtype = torch.float32) -> Models:
    return store_of(folder).bind(CPU, dtype)


@pytest.fixture
def own_copy(karlo: Path, tmp_path: Path) -> Path:
    """A copy that a test may break."""
    return Path(shutil.copytree(karlo, tmp_path / "model"))


def edit_json(path: Path, **changes: object) -> None:
    path.write_text(json.dumps({**json.loads(path.read_text()), **changes}))


def edit_weights(path: Path, change: Callable[[dict[str, torch.Tensor]], object]) -> None:
    from safetensors.torch import load_file, save_file

    tensors = load_file(path)
    change(tensors)
    save_file(tensors, path, {"format": "pt"})


class Told(logging.Handler):
    """What a library logs."""

    def __init__(self) -> None:
        super().__init__()
        self.records: list[str] = []

    def emit(self, record: logging.LogRecord) -> None:
        self.records.append(record.getMessage())


class TestSource:
    def test_a_hub_id_without_a_full_commit_is_refused(self) -> None:
        for revision in ("", "main", COMMIT[:12]):
            with pytest.raises(ConfigurationError, match="pin it"):
                ModelSource("karlo", "kakaobrain/karlo-v1-alpha", revision)

    def test_a_directory_with_a_revision_is_refused(self) -> None:
        with pytest.raises(ConfigurationError, match="is a directory and has a revision"):
            ModelSource("karlo", "./kakaobrain/karlo", COMMIT)

    def test_an_unknown_key_is_told_its_near_miss(self) -> None:
        with pytest.raises(ConfigurationError, match="did you mean 'revision'"):
            ModelSource.parse("karlo", {"source": "kakaobrain/karlo", "revison": COMMIT})

    def test_the_source_is_needed(self) -> None:
        with pytest.raises(ConfigurationError, match="needs a `source`"):
            ModelSource.parse("karlo", {"space": "clip"})

    def test_a_relative_directory_starts_from_the_project(self, karlo: Path) -> None:
        source = ModelSource.parse("tiny", {"source": f"./{karlo.name}"})
        assert ModelStore({"tiny": source}, root=karlo.parent).directory("tiny") == karlo

    def test_a_directory_that_is_missing_or_no_model_is_named(self, tmp_path: Path) -> None:
        with pytest.raises(ModelError, match=f"there is no directory {tmp_path / 'gone'}"):
            store_of(tmp_path / "gone").directory("tiny")
        with pytest.raises(ModelError, match=r"model tiny: .* holds no model_index\.json"):
            store_of(tmp_path).directory("tiny")

    def test_an_unknown_model_is_told_its_near_miss(self, karlo: Path) -> None:
        with pytest.raises(ModelError, match="there is no model 'tinny'\n  did you mean 'tiny'"):
            store_of(karlo).directory("tinny")


HUB = {"karlo": ModelSource("karlo", "kakaobrain/karlo", COMMIT)}


class Hub:
    """A hub on this machine, that counts what it is asked for."""

    def __init__(self, folder: Path) -> None:
        self.asked: list[str] = []
        files = {path.relative_to(folder).as_posix(): path for path in folder.rglob("*") if path.is_file()}
        info = {"sha": COMMIT, "siblings": [{"rfilename": name} for name in files], "id": "kakaobrain/karlo"}
        tree = [
            {"type": "file", "path": name, "size": path.stat().st_size, "oid": hashlib.sha1(name.encode()).hexdigest()}
            for name, path in files.items()
        ]
        hub = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                hub.asked.append(self.path)
                name = self.path.partition(f"/resolve/{COMMIT}/")[2]
                if name:
                    self.answer(files[name].read_bytes(), name)
                else:
                    self.answer(json.dumps(tree if "/tree/" in self.path else info).encode())

            do_HEAD = do_GET

            def answer(self, content: bytes, name: str = "") -> None:
                self.send_response(200)
                self.send_header("Content-Length", str(len(content)))
                self.send_header("Content-Type", "application/json")
                if name:
                    self.send_header("X-Repo-Commit", COMMIT)
                    self.send_header("ETag", f'"{hashlib.sha1(content).hexdigest()}"')
                self.end_headers()
                if self.command == "GET":
                    self.wfile.write(content)

            def log_message(self, format: str, *args: object) -> None:
                """Nobody reads it."""

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.server.server_port}"
        threading.Thread(target=self.server.serve_forever, daemon=True).start()


@pytest.fixture
def hub(own_copy: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Hub]:
    """A hub that has the tiny model, with a card; and an empty cache."""
    (own_copy / "README.md").write_text("---\nlicense: creativeml-openrail-m\ntags: [x]\n---\nA card.\n")
    hub = Hub(own_copy)
    for name, value in (("HF_HUB_CACHE", str(tmp_path / "cache")), ("ENDPOINT", hub.url)):
        monkeypatch.setattr(f"huggingface_hub.constants.{name}", value)
    monkeypatch.setattr(
        "huggingface_hub.constants.HUGGINGFACE_CO_URL_TEMPLATE", hub.url + "/{repo_id}/resolve/{revision}/{filename}"
    )
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_DISABLE_PROGRESS_BARS", True)
    monkeypatch.setattr("huggingface_hub.hf_api.api.endpoint", hub.url)
    yield hub
    hub.server.shutdown()
    hub.server.server_close()


class TestHub:
    def test_its_commit_stands_for_its_files_and_nothing_is_asked_of_the_hub(self, hub: Hub) -> None:
        store = ModelStore(HUB)
        assert store.digest("karlo") == store.space("karlo") == f"hub:kakaobrain/karlo@{COMMIT}"
        assert hub.asked == []

    def test_nothing_is_downloaded_where_a_step_asks_for_a_model(self, hub: Hub, tmp_path: Path) -> None:
        with pytest.raises(ModelError) as raised:
            ModelStore(HUB).bind(CPU, torch.float32).component("karlo", "prior")
        told = str(raised.value)
        for part in ("model karlo", f"kakaobrain/karlo at {COMMIT}", str(tmp_path / "cache"), "`limner models fetch karlo`"):
            assert part in told
        assert hub.asked == []

    def test_a_fetched_model_is_there_and_its_licence_and_hash_are_written_down(
        self, hub: Hub, own_copy: Path, tmp_path: Path
    ) -> None:
        store, ledger = ModelStore(HUB), Ledger(tmp_path / "models.json")
        (own_copy / "weights.bin").write_bytes(b"pickled")
        fetched = fetch(store, ledger, "karlo")
        assert fetched.licence == "creativeml-openrail-m"
        assert fetched.digest == store_of(own_copy).digest("tiny")
        assert (fetched.source, fetched.revision) == ("kakaobrain/karlo", COMMIT)
        assert ledger.read() == {"karlo": fetched}
        assert verify(store, ledger, "karlo") == fetched.digest
        assert not list(store.directory("karlo").rglob("*.bin"))
        asked = len(hub.asked)
        assert ModelStore(HUB).directory("karlo") == store.directory("karlo")
        assert len(hub.asked) == asked

    def test_a_changed_file_is_found(self, hub: Hub, tmp_path: Path) -> None:
        store, ledger = ModelStore(HUB), Ledger(tmp_path / "models.json")
        fetch(store, ledger, "karlo")
        path = store.directory("karlo") / "prior" / "config.json"
        path.write_text(path.read_text() + " ")
        with pytest.raises(ModelError, match="not those that were fetched"):
            verify(store, ledger, "karlo")

    def test_a_hub_out_of_reach_is_told_with_a_way_out(self, hub: Hub, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        hub.server.shutdown()
        hub.server.server_close()
        monkeypatch.setattr("huggingface_hub.utils._http.time.sleep", lambda seconds: None)  # between the client's five tries
        with pytest.raises(ModelError, match="could not be fetched from") as raised:
            ModelStore(HUB).fetch("karlo")
        assert "HF_TOKEN" in str(raised.value)

    def test_offline_is_offline(self, hub: Hub, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr("huggingface_hub.constants.HF_HUB_OFFLINE", True)
        with pytest.raises(ModelError, match="unset HF_HUB_OFFLINE"):
            ModelStore(HUB).fetch("karlo")
        assert hub.asked == []


class TestLedger:
    def test_a_directory_with_sums_of_its_own_needs_no_fetching(self, own_copy: Path, tmp_path: Path) -> None:
        store, ledger = store_of(own_copy), Ledger(tmp_path / "models.json")
        with pytest.raises(ModelError, match="nothing says what its files should be"):
            verify(store, ledger, "tiny")
        names = sorted(path.relative_to(own_copy).as_posix() for path in own_copy.rglob("*") if path.is_file())
        sums = run(["sha256sum", *names], cwd=own_copy, capture_output=True, check=True).stdout
        (own_copy / "SHA256SUMS").write_bytes(sums)
        assert verify(store, ledger, "tiny") == store.digest("tiny")
        edit_json(own_copy / "prior" / "config.json", num_layers=9)
        with pytest.raises(ModelError, match=r"prior/config\.json is not the file that SHA256SUMS tells of"):
            verify(store, ledger, "tiny")

    def test_the_licence_is_that_of_the_card_else_a_file_else_unknown(self, tmp_path: Path) -> None:
        assert licence(tmp_path) == "unknown"
        (tmp_path / "LICENSE.txt").write_text("Do as you like.")
        assert licence(tmp_path) == "see its LICENSE file"
        (tmp_path / "README.md").write_text("# no front matter\nlicense: mit\n")
        assert licence(tmp_path) == "see its LICENSE file"
        (tmp_path / "README.md").write_text("---\nlicence: Apache-2.0\n---\n")
        assert licence(tmp_path) == "Apache-2.0"
        (tmp_path / "README.md").write_text("# Model card: buttons\n\nLicence: CC0-1.0\n")
        assert licence(tmp_path) == "CC0-1.0"

    def test_of_several_who_write_at_once_each_keeps_what_the_others_wrote(self, tmp_path: Path) -> None:
        names = [f"model-{number}" for number in range(8)]
        together = threading.Barrier(len(names))

        def write(name: str) -> None:
            together.wait()
            Ledger(tmp_path / "models.json").add(name, Fetched("acme/model", COMMIT, "00", 1, "mit"))

        threads = [threading.Thread(target=write, args=[name]) for name in names]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert sorted(Ledger(tmp_path / "models.json").read()) == names

    def test_what_cannot_be_read_is_told(self, tmp_path: Path) -> None:
        (tmp_path / "models.json").write_text('{"karlo": {"sauce": 1}}')
        with pytest.raises(ModelError, match=r"models\.json: it cannot be read"):
            Ledger(tmp_path / "models.json").read()


class TestDigest:
    def test_it_is_the_hash_of_what_sha256sum_prints(self, own_copy: Path) -> None:
        names = sorted(path.relative_to(own_copy).as_posix() for path in own_copy.rglob("*") if path.is_file())
        listing = run(["sha256sum", *names], cwd=own_copy, capture_output=True, check=True).stdout
        assert store_of(own_copy).digest("tiny") == hashlib.sha256(listing).hexdigest()

    def test_any_changed_file_changes_it_and_a_read_me_does_not(self, own_copy: Path) -> None:
        store = store_of(own_copy)
        before = store.digest("tiny")
        (own_copy / "README.md").write_text("about this model")
        assert store.digest("tiny") == before
        edit_json(own_copy / "decoder_scheduler" / "scheduler_config.json", num_train_timesteps=999)
        assert store.digest("tiny") != before

    def test_the_space_is_the_declared_one(self, karlo: Path) -> None:
        assert store_of(karlo, space="openai-clip-vit-l-14").space("tiny") == "openai-clip-vit-l-14"

    def test_else_the_space_is_that_of_the_text_encoder_alone(self, own_copy: Path, karlo: Path) -> None:
        edit_weights(own_copy / "prior" / "diffusion_pytorch_model.safetensors", lambda tensors: tensors["clip_mean"].add_(1))
        edit_json(own_copy / "text_encoder" / "config.json", transformers_version="4.0", _name_or_path="elsewhere")
        space = store_of(own_copy).space("tiny")
        assert space == store_of(karlo).space("tiny")
        assert space.startswith("sha256:")
        edit_weights(own_copy / "text_encoder" / "model.safetensors", lambda tensors: tensors["text_projection.weight"].neg_())
        assert store_of(own_copy).space("tiny") != space

    def test_neither_imports_torch(self, karlo: Path) -> None:
        code = (
            "import sys; from limner.models import ModelSource, ModelStore;"
            f"store = ModelStore({{'tiny': ModelSource('tiny', {str(karlo)!r})}});"
            "store.space('tiny'), store.digest('tiny'), store.config('tiny', 'prior_scheduler');"
            "print({'torch', 'transformers', 'diffusers'} & set(sys.modules))"
        )
        done = run(
            [sys.executable, "-c", code], env={"PYTHONPATH": ":".join(sys.path)}, capture_output=True, text=True, check=True
        )
        assert done.stdout.strip() == "set()"


class TestComponents:
    @pytest.mark.parametrize(
        ("name", "class_name"),
        [
            ("prior", "PriorTransformer"),
            ("text_proj", "UnCLIPTextProjModel"),
            ("text_encoder", "CLIPTextModelWithProjection"),
            ("image_encoder", "CLIPVisionModelWithProjection"),
            ("decoder", "UNet2DConditionModel"),
            ("super_res_first", "UNet2DModel"),
        ],
    )
    def test_a_network_has_its_weights_its_precision_and_no_gradients(self, karlo: Path, name: str, class_name: str) -> None:
        import tiny_models

        network = bound(karlo, torch.bfloat16).component("tiny", name)
        assert type(network).__name__ == class_name
        assert not network.training
        written = getattr(tiny_models, name)().state_dict()
        for key, parameter in network.state_dict().items():
            assert torch.equal(parameter, written[key].to(torch.bfloat16) if parameter.is_floating_point() else written[key])
        assert not any(parameter.requires_grad for parameter in network.parameters())

    def test_convolutional_networks_are_channels_last(self, karlo: Path) -> None:
        weight = bound(karlo).component("tiny", "decoder").conv_in.weight
        assert weight.is_contiguous(memory_format=torch.channels_last)

    def test_the_tokenizer_and_the_image_processor_work(self, karlo: Path) -> None:
        from PIL import Image

        models = bound(karlo)
        assert models.component("tiny", "tokenizer")("a b")["input_ids"] == [512, 353, 354, 513]
        pixels = models.component("tiny", "feature_extractor")(Image.new("RGB", (40, 50)), return_tensors="pt")
        assert pixels["pixel_values"].shape == (1, 3, 32, 32)

    def test_a_tokenizer_in_the_older_form_loads(self, own_copy: Path) -> None:
        import tiny_models

        folder = own_copy / "tokenizer"
        (folder / "tokenizer.json").unlink()
        (folder / "vocab.json").write_text(json.dumps(tiny_models.tokenizer().get_vocab()))
        (folder / "merges.txt").write_text("#version: 0.2\n")
        assert bound(own_copy).component("tiny", "tokenizer")("a b")["input_ids"] == [512, 353, 354, 513]

    def test_older_class_names_load(self, own_copy: Path) -> None:
        edit_json(
            own_copy / "model_index.json",
            tokenizer=["transformers", "CLIPTokenizerFast"],
            feature_extractor=["transformers", "CLIPFeatureExtractor"],
        )
        models = bound(own_copy)
        assert type(models.component("tiny", "tokenizer")).__name__ == "CLIPTokenizer"
        assert models.component("tiny", "feature_extractor").size["shortest_edge"] == 32

    def test_a_scheduler_is_read_as_configuration(self, karlo: Path) -> None:
        assert bound(karlo).config("tiny", "decoder_scheduler")["variance_type"] == "learned_range"
        with pytest.raises(ModelError, match=r"UnCLIPScheduler is not a class that is loaded\n.*models\.config"):
            bound(karlo).component("tiny", "decoder_scheduler")

    def test_each_is_loaded_once_and_shared_between_threads(self, karlo: Path) -> None:
        store, got = store_of(karlo), []
        threads = [
            threading.Thread(target=lambda: got.append(store.bind(CPU, torch.float32).component("tiny", "prior")))
            for _ in range(4)
        ]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert len(got) == 4
        assert len({id(network) for network in got}) == 1
        assert store.bind(CPU, torch.bfloat16).component("tiny", "prior") is not got[0]

    def test_torch_keeps_its_default_precision_while_a_component_loads(
        self, karlo: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        seen: list[torch.dtype] = []
        set_default = torch.set_default_dtype
        monkeypatch.setattr(torch, "set_default_dtype", lambda dtype: (seen.append(dtype), set_default(dtype)))
        for name in ("prior", "text_encoder"):
            bound(karlo, torch.bfloat16).component("tiny", name)
        assert set(seen) <= {torch.float32}

    def test_nothing_is_printed_and_the_libraries_log_as_before(self, karlo: Path, capfd: pytest.CaptureFixture[str]) -> None:
        from transformers.utils.logging import is_progress_bar_enabled

        libraries = [logging.getLogger(name) for name in ("diffusers", "transformers")]
        levels, shown, told = [library.level for library in libraries], is_progress_bar_enabled(), Told()
        for library in libraries:
            library.addHandler(told)
        for name in ("text_encoder", "tokenizer", "prior"):
            bound(karlo, torch.bfloat16).component("tiny", name)
        for library in libraries:
            library.removeHandler(told)
        assert told.records == []
        assert capfd.readouterr() == ("", "")
        assert [library.level for library in libraries] == levels
        assert is_progress_bar_enabled() == shown

    def test_the_models_of_a_step_are_all_the_protocol_says(self, karlo: Path) -> None:
        models = bound(karlo)
        index: ModelIndex = store_of(karlo)
        assert models.directory("tiny") == karlo
        assert (models.space("tiny"), models.digest("tiny")) == (index.space("tiny"), index.digest("tiny"))


class TestBroken:
    """Each error names the model, the component, the file and the cause."""

    def refused(self, folder: Path, name: str) -> str:
        with pytest.raises(ModelError) as raised:
            bound(folder).component("tiny", name)
        assert "model tiny" in str(raised.value)
        return str(raised.value)

    @pytest.fixture(params=["prior", "text_encoder"])
    def weights(self, request: pytest.FixtureRequest, own_copy: Path) -> Path:
        """The weights of a component of diffusers, then of one of transformers."""
        return next((own_copy / request.param).glob("*.safetensors"))

    def test_no_such_component(self, own_copy: Path) -> None:
        assert "there is no component 'text_encodr'\n  did you mean 'text_encoder'?" in self.refused(own_copy, "text_encodr")

    def test_a_component_left_empty_in_the_index(self, own_copy: Path) -> None:
        edit_json(own_copy / "model_index.json", image_encoder=[None, None])
        assert "there is no component 'image_encoder'" in self.refused(own_copy, "image_encoder")

    def test_its_folder_is_missing(self, own_copy: Path) -> None:
        shutil.rmtree(own_copy / "prior")
        assert f"there is no folder {own_copy / 'prior'}" in self.refused(own_copy, "prior")

    def test_an_index_that_names_another_class(self, own_copy: Path) -> None:
        edit_json(own_copy / "model_index.json", prior=["os", "system"])
        assert "component prior: system is not a class that is loaded" in self.refused(own_copy, "prior")

    def test_an_index_that_is_not_json(self, own_copy: Path) -> None:
        (own_copy / "model_index.json").write_text("{")
        assert f"{own_copy / 'model_index.json'} cannot be read" in self.refused(own_copy, "prior")

    def test_the_weights_are_missing(self, weights: Path, own_copy: Path) -> None:
        weights.unlink()
        told = self.refused(own_copy, weights.parent.name)
        assert f"component {weights.parent.name}: {weights.parent} holds no .safetensors file" in told

    def test_the_weights_are_pickled(self, weights: Path, own_copy: Path) -> None:
        weights.rename(weights.with_suffix(".bin"))
        assert "its weights are pickled" in self.refused(own_copy, weights.parent.name)

    def test_the_weights_are_truncated(self, weights: Path, own_copy: Path) -> None:
        weights.write_bytes(weights.read_bytes()[:-100])
        assert f"{weights} is not a whole safetensors file: " in self.refused(own_copy, weights.parent.name)

    def test_the_weights_lack_a_tensor(self, weights: Path, own_copy: Path) -> None:
        lost: list[str] = []
        edit_weights(weights, lambda tensors: lost.append(tensors.popitem()[0]))
        told = self.refused(own_copy, weights.parent.name)
        assert f"not those of its config.json: missing {lost[0]}" in told

    def test_the_weights_have_a_tensor_too_many(self, weights: Path, own_copy: Path) -> None:
        edit_weights(weights, lambda tensors: tensors.update(stray=torch.zeros(1)))
        assert "not those of its config.json: unknown stray" in self.refused(own_copy, weights.parent.name)

    def test_a_tensor_has_another_shape(self, weights: Path, own_copy: Path) -> None:
        changed: list[str] = []

        def reshape(tensors: dict[str, torch.Tensor]) -> None:
            changed.append(next(iter(tensors)))
            tensors[changed[0]] = torch.zeros(7)

        edit_weights(weights, reshape)
        told = self.refused(own_copy, weights.parent.name)
        assert f"not those of its config.json: of another shape {changed[0]}" in told

    def test_the_configuration_is_missing(self, weights: Path, own_copy: Path) -> None:
        (weights.parent / "config.json").unlink()
        assert f"{weights.parent} holds none of config.json" in self.refused(own_copy, weights.parent.name)

    def test_the_configuration_is_another_architectures(self, own_copy: Path) -> None:
        edit_json(own_copy / "text_encoder" / "config.json", num_hidden_layers=2)
        told = self.refused(own_copy, "text_encoder")
        assert "unknown text_model.encoder.layers.2" in told
        assert "more" in told

    def test_the_tokenizer_has_no_vocabulary(self, own_copy: Path) -> None:
        (own_copy / "tokenizer" / "tokenizer.json").unlink()
        assert "holds no vocabulary" in self.refused(own_copy, "tokenizer")

    def test_the_device_is_not_there(self, karlo: Path) -> None:
        with pytest.raises(ModelError, match=r"cannot be put on vulkan.*\n.*LIMNER_DEVICES"):
            store_of(karlo).bind(torch.device("vulkan"), torch.float32).component("tiny", "prior")

    def test_a_space_without_a_text_encoder(self, own_copy: Path) -> None:
        (own_copy / "text_encoder" / "config.json").unlink()
        with pytest.raises(ModelError, match="its text encoder cannot be read"):
            store_of(own_copy).space("tiny")
