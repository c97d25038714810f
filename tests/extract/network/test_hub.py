"""A name on the hub is one revision of a repository: its configuration and its weights."""

import hashlib
import json
import os
import subprocess
import sys
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest
from safetensors.torch import save

from extract.network.weights import load_network
from tests.builders.tiny_network import TINY

CONFIG, WEIGHTS = "open_clip_config.json", "open_clip_model.safetensors"
LOAD = """
import sys
import huggingface_hub
from extract.errors import WeightsError
from extract.network.weights import load_network
for line in sys.stdin:
    what, *file = line.split()
    if what == "cache":
        huggingface_hub.hf_hub_download("org/tiny", file[0])
        print("cached", flush=True)
    else:
        try:
            print(load_network(what, *file).sha256, flush=True)
        except WeightsError as error:
            print(str(error).replace("\\n", " "), flush=True)
"""


class Hub(ThreadingHTTPServer):
    """A hub of one repository: its files by revision, which revision is the newest, and what was asked for."""

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Answer)
        self.revisions, self.newest, self.asked = dict[str, dict[str, bytes]](), "", list[str]()

    def close(self) -> None:
        """Answer nobody any more."""
        self.shutdown()
        self.server_close()

    def publish(self, revision: str, files: dict[str, bytes]) -> None:
        self.revisions[revision], self.newest = files, revision


class _Answer(BaseHTTPRequestHandler):
    server: Hub

    def do_HEAD(self) -> bytes:
        *_, revision, name = self.path.split("/")
        commit = self.server.newest if revision == "main" else revision
        content = self.server.revisions[commit].get(name)
        self.server.asked.append(name)
        self.send_response(404 if content is None else 200)
        if content is None:
            self.send_header("X-Error-Code", "EntryNotFound")
        self.send_header("Content-Length", str(len(content or b"")))
        self.send_header("ETag", f'"{hashlib.sha256(content or b"").hexdigest()}"')
        self.send_header("X-Repo-Commit", commit)
        self.end_headers()
        return content or b""

    def do_GET(self) -> None:
        self.wfile.write(self.do_HEAD())

    def log_message(self, *_: object) -> None:
        """Say nothing."""


@pytest.fixture
def hub() -> Iterator[Hub]:
    with Hub() as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield server
        server.shutdown()
        thread.join()


@pytest.fixture
def client(hub: Hub, tmp_path: Path) -> Iterator["subprocess.Popen[str]"]:
    place = {"HF_ENDPOINT": f"http://127.0.0.1:{hub.server_port}", "HF_HUB_CACHE": str(tmp_path / "cache")}
    with subprocess.Popen(
        [sys.executable, "-c", LOAD],
        env=os.environ | place,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    ) as process:
        yield process


def answer(client: "subprocess.Popen[str]", line: str) -> str:
    assert client.stdin is not None
    assert client.stdout is not None
    client.stdin.write(f"{line}\n")
    client.stdin.flush()
    return client.stdout.readline().strip()


def repository(folder: Path, seed: int) -> dict[str, bytes]:
    (folder / "tiny.json").write_text(json.dumps(TINY))
    state = load_network(str(folder / "tiny.json"), seed=seed).clip.state_dict()
    return {CONFIG: json.dumps({"model_cfg": TINY}).encode(), WEIGHTS: save(dict(state))}


def test_weights_are_those_of_the_configurations_revision_also_where_older_ones_are_in_the_cache(
    hub: Hub, client: "subprocess.Popen[str]", tmp_path: Path
) -> None:
    older, newer = (repository(tmp_path, seed) for seed in (1, 2))
    hub.publish("a" * 40, older)
    assert answer(client, f"cache {WEIGHTS}") == "cached"
    hub.publish("b" * 40, newer)
    assert answer(client, "hf-hub:org/tiny") == hashlib.sha256(newer[WEIGHTS]).hexdigest()


def test_weights_are_not_fetched_where_a_file_is_given(
    hub: Hub, client: "subprocess.Popen[str]", tmp_path: Path
) -> None:
    files = repository(tmp_path, 1)
    (tmp_path / "mine.safetensors").write_bytes(files.pop(WEIGHTS))
    hub.publish("a" * 40, files)
    sha256 = hashlib.sha256((tmp_path / "mine.safetensors").read_bytes()).hexdigest()
    assert answer(client, f"hf-hub:org/tiny {tmp_path / 'mine.safetensors'}") == sha256
    assert set(hub.asked) == {CONFIG}


def test_without_a_connection_the_advice_leads_to_the_repositorys_own_weights(
    hub: Hub, client: "subprocess.Popen[str]", tmp_path: Path
) -> None:
    files = repository(tmp_path, 1)
    hub.publish("a" * 40, files)
    hub.close()
    refused = answer(client, "hf-hub:org/tiny")
    assert f"fetch {CONFIG} and {WEIGHTS} elsewhere into one folder and name it local-dir:FOLDER" in refused
    (tmp_path / "copy").mkdir()
    for name, content in files.items():
        (tmp_path / "copy" / name).write_bytes(content)
    assert answer(client, f"local-dir:{tmp_path / 'copy'}") == hashlib.sha256(files[WEIGHTS]).hexdigest()


def test_without_a_connection_the_same_is_said_where_the_configuration_is_in_the_cache(
    hub: Hub, client: "subprocess.Popen[str]", tmp_path: Path
) -> None:
    hub.publish("a" * 40, repository(tmp_path, 1))
    assert answer(client, f"cache {CONFIG}") == "cached"
    hub.close()
    assert f"fetch {CONFIG} and {WEIGHTS} elsewhere into one folder" in answer(client, "hf-hub:org/tiny")
