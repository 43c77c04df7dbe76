"""Fetching, against a server on this machine that gives, breaks, stalls, lies or is not there."""

import hashlib
import re
import threading
import time
from concurrent.futures import CancelledError, ThreadPoolExecutor
from dataclasses import replace
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest
import torch

from cnnviz.engine import weights
from cnnviz.engine.catalogue import model
from cnnviz.errors import ModelError, WeightsError

ID = "ssdlite320_mobilenet_v3_large"
BYTES = bytes(range(256)) * 2048  # half a megabyte
NAME = f"checkpoint-{hashlib.sha256(BYTES).hexdigest()[:8]}.pth"


class Server(ThreadingHTTPServer):
    """Gives `content`; what is odd about it is set by the test."""

    daemon_threads = True
    content = BYTES
    status = 200
    ranges = True
    breaks_after = None
    stalls_after = None

    def __init__(self):
        super().__init__(("127.0.0.1", 0), Handler)
        self.asked, self.go_on = [], threading.Event()

    def handle_error(self, request, client_address):
        """Clients that leave are part of the tests."""

    @property
    def url(self):
        return f"http://127.0.0.1:{self.server_port}/models/{NAME}"


class Handler(BaseHTTPRequestHandler):
    def log_message(self, *message):
        pass

    def do_GET(self):
        server, content, start = self.server, self.server.content, 0
        asked = self.headers.get("Range")
        server.asked.append(asked)
        if server.status != 200:
            self.send_error(server.status)
            return
        if asked and server.ranges:
            start = int(re.fullmatch(r"bytes=(\d+)-", asked)[1])
            if start >= len(content):
                self.send_error(416)
                return
        self.send_response(206 if start else 200)
        self.send_header("Content-Length", str(len(content) - start))
        self.end_headers()
        for at in range(start, len(content), 4096):
            if server.breaks_after is not None and at - start >= server.breaks_after:
                return
            if server.stalls_after is not None and at >= server.stalls_after:
                server.go_on.wait(30)
            self.wfile.write(content[at : at + 4096])


@pytest.fixture
def server(monkeypatch, tmp_path):
    """A server whose checkpoint stands for SSDlite's, and an empty folder of torch."""
    server = Server()
    thread = threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True)
    thread.start()
    card = replace(model(ID), url=server.url)
    monkeypatch.setattr(weights, "model", lambda name: card if name == ID else model(name))
    monkeypatch.setattr(torch.hub, "get_dir", lambda: str(tmp_path))
    monkeypatch.setattr(weights, "PATIENCE", 0.5)
    yield server
    server.go_on.set()
    server.shutdown()
    server.server_close()
    thread.join()


@pytest.fixture
def folder(tmp_path):
    return tmp_path / "checkpoints"


def left(folder):
    return sorted(path.name for path in folder.iterdir())


def test_all_is_well(server, folder):
    seen = []
    assert not weights.at_hand(ID)
    path = weights.fetch(ID, lambda done, total: seen.append((done, total)))
    assert path == folder / NAME
    assert path.read_bytes() == BYTES
    assert left(folder) == [NAME]
    assert seen[-1] == (len(BYTES), len(BYTES))
    assert weights.at_hand(ID)
    weights.fetch(ID)
    assert server.asked == [None], "what is there isn't fetched again"


def test_a_wrong_file(server, folder):
    server.content = b"x" + BYTES[1:]
    with pytest.raises(WeightsError, match="not as published: its SHA-256"):
        weights.fetch(ID)
    assert left(folder) == []
    server.content = BYTES
    assert weights.fetch(ID).read_bytes() == BYTES


def test_bad_remains_are_replaced(server, folder):
    folder.mkdir()
    (folder / f"{NAME}.part").write_bytes(b"x" * 1000)
    assert weights.fetch(ID).read_bytes() == BYTES
    assert server.asked == ["bytes=1000-", None]


@pytest.mark.parametrize("size", [len(BYTES), len(BYTES) + 5])
def test_remains_as_long_as_the_file_or_longer(server, folder, size):
    """As when the power went between the last byte and the renaming."""
    folder.mkdir()
    (folder / f"{NAME}.part").write_bytes((BYTES + b"xxxxx")[:size])
    assert weights.fetch(ID).read_bytes() == BYTES


def test_a_broken_connection_is_opened_again_where_it_broke(server):
    server.breaks_after = 200_704
    assert weights.fetch(ID).read_bytes() == BYTES
    assert server.asked == [None, "bytes=200704-", "bytes=401408-"]


def test_a_server_without_ranges_begins_again(server, folder):
    server.ranges = False
    folder.mkdir()
    (folder / f"{NAME}.part").write_bytes(BYTES[:4096])
    assert weights.fetch(ID).read_bytes() == BYTES
    assert server.asked == ["bytes=4096-"]


def test_a_connection_that_always_breaks(server, folder):
    server.breaks_after = 0
    with pytest.raises(WeightsError, match=f"broke after 0 bytes of {NAME}; another try goes on from there"):
        weights.fetch(ID)
    assert len(server.asked) == weights.TRIES
    server.breaks_after = None
    assert weights.fetch(ID).read_bytes() == BYTES


def test_a_connection_that_falls_asleep(server, folder):
    server.stalls_after = 8192
    began = time.monotonic()
    with pytest.raises(WeightsError, match="broke after 8192 bytes"):
        weights.fetch(ID)
    assert time.monotonic() - began < 10
    assert left(folder) == [f"{NAME}.part"]
    server.go_on.set()
    assert weights.fetch(ID).read_bytes() == BYTES
    assert server.asked[-1] == "bytes=8192-"


def test_cancelling_answers_at_once_and_keeps_what_came(server, folder, monkeypatch):
    monkeypatch.setattr(weights, "PATIENCE", 20)
    server.stalls_after = 65536
    job = weights.download(ID)
    while (job.progress or (0, 0))[0] < 65536:
        assert not job.wait(0.01)
    assert job.progress == (65536, len(BYTES))
    assert job.cancel()
    with pytest.raises(CancelledError):
        job.result()
    again = weights.download(ID)
    server.go_on.set()
    assert again.result(10).read_bytes() == BYTES
    assert len(server.asked) <= 2


def test_whoever_asks_at_the_same_time_shares_one_download(server):
    server.stalls_after = 0
    with ThreadPoolExecutor(5) as pool:
        calls = [pool.submit(weights.fetch, ID) for _ in range(4)]
        impatient = pool.submit(weights.fetch, ID, None, lambda: True)
        with pytest.raises(CancelledError):
            impatient.result(10)
        while not server.asked:
            time.sleep(0.01)
        server.go_on.set()
        assert {call.result(10).read_bytes() for call in calls} == {BYTES}
    assert server.asked == [None]


@pytest.mark.parametrize("name", [ID, "maskrcnn_resnet50_fpn"])
def test_nobody_there(server, monkeypatch, name):
    """Refused, as it is offline: the reader is told, and what still runs."""
    card = replace(model(name), url=server.url)
    monkeypatch.setattr(weights, "model", lambda other: card if other == name else model(other))
    server.shutdown()
    server.server_close()
    with pytest.raises(WeightsError, match=r"127\.0\.0\.1 can't be reached \(Connection refused\)") as caught:
        weights.fetch(name)
    assert str(caught.value).endswith(f"these still run: {model('lite0_pyramid').title}")


@pytest.mark.parametrize("status", [403, 404, 503])
def test_a_server_that_says_no(server, status):
    server.status = status
    with pytest.raises(WeightsError, match=f"127.0.0.1 doesn't give {NAME}: it answers {status}"):
        weights.fetch(ID)


def test_a_folder_that_can_not_be_written(server, tmp_path):
    (tmp_path / "checkpoints").write_bytes(b"a file")
    with pytest.raises(WeightsError, match="can't be written: File exists"):
        weights.fetch(ID)


def test_what_is_never_fetched():
    with pytest.raises(WeightsError, match="EfficientNet-Lite0 are always there"):
        weights.fetch("efficientnet_lite0")
    with pytest.raises(ModelError, match="no model called abacus"):
        weights.fetch("abacus")


def test_from_the_command_line(server, capsys, monkeypatch):
    monkeypatch.setattr(weights, "sets", lambda: {"one": (ID,)})
    assert weights.main(["one", ID]) == 0
    assert f"{ID}: {NAME}, 0.5 MB" in capsys.readouterr().out
    assert weights.main(["abacus"]) == 1
    assert "no model called abacus" in capsys.readouterr().err


def test_sets_hold_what_can_be_fetched():
    assert set(weights.sets()) == {"classroom", "classification", "segmentation", "detection", "instance"}
    cards = [model(name) for name in weights.sets()["classroom"]]
    assert {card.task for card in cards} == {"segmentation", "detection"}
    assert sum(card.download for card in cards) < 160e6
    assert all(model(name).url for names in weights.sets().values() for name in names)
    assert len(weights.sets()["classification"]) == 80
