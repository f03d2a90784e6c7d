"""Several processes share the work of a run, as accelerate launches them."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest
from blocks import write_pictures, write_recipe

LAUNCH = ["--multi_gpu", "--num_processes=2", "--num_machines=1", "--mixed_precision=no", "--dynamo_backend=no"]


@pytest.mark.slow
def test_two_processes_train_every_stage(tmp_path: Path):
    write_pictures(tmp_path / "pictures")
    command = [sys.executable, "-m", "accelerate.commands.launch", *LAUNCH, "-m", "limner"]
    words = ["train", "all", "--recipe", str(write_recipe(tmp_path)), "--device", "cpu"]
    environment = {"PYTHONPATH": ":".join(sys.path), "PATH": "/usr/bin:/bin", "OMP_NUM_THREADS": "1", "HOME": str(tmp_path)}
    done = subprocess.run([*command, *words], env=environment, capture_output=True, text=True, timeout=600)
    assert done.returncode == 0, done.stderr
    assert done.stdout.count("the model as it stands is in") == 1
    records = [json.loads(path.read_text()) for path in (tmp_path / "run" / "stages").glob("*.json")]
    assert {record["stage"]: record["processes"] for record in records if record["stage"] != "ridge_prior"} == dict.fromkeys(
        ("clip", "prior", "direct_prior", "decoder", "upsampler"), 2
    )
