"""The running demo: through its API, its WebSocket, and with the requests of hostile strangers."""

from __future__ import annotations

import json
import os
import signal
import socket
import struct
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, closing, suppress
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from typing import Any

import httpx
import numpy as np
import pytest
import torch
import websockets.exceptions
from gradio_client import Client, handle_file
from gradio_client.exceptions import AppError
from support.browser import Server
from support.demo_samples import (
    HOSTILE,
    OFFLINE,
    bad_uploads,
    file_bytes,
    odd_uploads,
    picture,
    pixels_of,
    read_answer,
    small_model,
)
from websockets.sync.client import ClientConnection, connect

import swinviz.checkpoints
from swinviz.devices import PRECISIONS, fast_precision
from swinviz.inference import InferenceOptions


@pytest.fixture(scope="module")
def weights(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A tiny model whose class names are an attack."""
    model = small_model(classes=("sky", HOSTILE, "sea"))
    return swinviz.checkpoints.save(model, tmp_path_factory.mktemp("weights") / "tiny model.safetensors")


@pytest.fixture(scope="module")
def start_app(serve: Callable[..., Server], weights: Path) -> Callable[..., Server]:
    def start(*arguments: str) -> Server:
        command = [sys.executable, "app.py", "--port", "{port}", "--model", str(weights), *arguments]
        return serve(command, env=OFFLINE)

    return start


@pytest.fixture(scope="module")
def app(start_app: Callable[..., Server]) -> Server:
    return start_app("--max-size", "256")


@pytest.fixture(scope="module")
def client(app: Server, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Client]:
    connected = Client(app.url, verbose=False, download_files=tmp_path_factory.mktemp("downloads"))
    yield connected
    connected.close()


def segment(client: Client, file: Path, mode: str = "whole", precision: str = "float32") -> dict[str, object]:
    return json.loads(client.predict(handle_file(str(file)), mode, precision, api_name="/segment"))


def written(folder: Path, name: str, content: bytes) -> Path:
    file = folder / name
    file.write_bytes(content)
    return file


def asked(http: httpx.Client, *arguments: Any) -> str:
    """Answer that the server streams back when it is asked to segment, whatever the arguments are."""
    called = http.post("/gradio_api/call/segment", json={"data": arguments}).json()
    return http.get(f"/gradio_api/call/segment/{called['event_id']}").text


def uploaded(http: httpx.Client, name: str, content: bytes, kind: str = "image/png") -> str:
    """Where the server says that it put an upload."""
    (path,) = http.post("/gradio_api/upload", files={"files": (name, content, kind)}).json()
    return str(path)


def test_only_what_is_meant_for_programs_is_in_the_api(client: Client) -> None:
    endpoints = client.view_api(return_format="dict", print_info=False)
    assert set(endpoints["named_endpoints"]) == {"/segment", "/compare"}
    assert not endpoints["unnamed_endpoints"]


@pytest.mark.parametrize(
    ("mode", "precision"), [("whole", "float32"), ("slide", "float32"), ("multi-scale + flip", "bfloat16")]
)
def test_a_picture_comes_back_segmented_at_its_size(
    client: Client, tmp_path: Path, mode: str, precision: str
) -> None:
    file = written(tmp_path, "a.png", file_bytes(picture((48, 64))))
    result = segment(client, file, mode, precision)
    assert pixels_of(result["labels"]).shape == (48, 64)
    assert sum(share for _, share in result["shares"]) == pytest.approx(1, abs=1e-5)
    assert result["note"].startswith("64 × 48 pixels · tiny model on cpu")


@pytest.mark.parametrize("name", odd_uploads())
def test_odd_uploads_work_as_a_person_expects(client: Client, tmp_path: Path, name: str) -> None:
    result = segment(client, written(tmp_path, name, odd_uploads()[name]))
    expected = {"one pixel.png": (1, 1), "line.png": (1, 256), "turned.jpg": (64, 48)}.get(name, (48, 64))
    assert pixels_of(result["labels"]).shape == expected


@pytest.mark.parametrize("name", bad_uploads())
def test_bad_uploads_give_a_sentence_and_the_server_goes_on(
    client: Client, tmp_path: Path, name: str
) -> None:
    with pytest.raises(AppError) as refusal:
        segment(client, written(tmp_path, name, bad_uploads()[name]))
    assert len(str(refusal.value)) > 20
    assert "/" not in str(refusal.value)
    segment(client, written(tmp_path, "good.png", file_bytes(picture())))


def test_files_of_the_server_are_not_served(app: Server) -> None:
    with httpx.Client(base_url=app.url) as http:
        for path in ("/etc/passwd", str(Path("app.py").resolve()), str(Path("swinviz/__init__.py").resolve()),
                     "../../../../etc/passwd", "..%2f..%2f..%2fetc%2fpasswd"):  # fmt: skip
            answer = http.get(f"/gradio_api/file={path}")
            assert answer.status_code in {403, 404}, path
        for path in ("/swinviz/assets/../../app.py", "/swinviz/assets/%2e%2e/options.py", "/swinviz/assets/",
                     "/swinviz/assets//etc/passwd", "/swinviz/assets/..%5coptions.py",
                     "/static/%2e%2e/%2e%2e/routes.py", "/assets/%2e%2e/%2e%2e/routes.py",
                     "/swinviz/explorer/payload.py", "/docs", "/openapi.json", "/monitoring"):  # fmt: skip
            answer = http.get(path)
            assert answer.status_code in {403, 404, 405}, path
            assert "import" not in answer.text, path


def test_the_server_fetches_no_address_for_a_visitor(app: Server) -> None:
    hits: list[bytes] = []

    class Trap(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            hits.append(self.path.encode())
            self.send_error(404)

        do_HEAD = do_GET  # noqa: N815  # http.server calls it by this name

        def log_message(self, *_: object) -> None:
            pass

    trap = HTTPServer(("127.0.0.1", 0), Trap)
    threading.Thread(target=trap.serve_forever, daemon=True).start()
    address = f"http://127.0.0.1:{trap.server_port}/secret.png"
    encoded = address.replace(":", "%3A").replace("/", "%2F")
    try:
        with httpx.Client(base_url=app.url, timeout=20) as http:
            for file in ({"path": address}, {"url": address}, {"path": None, "url": address},
                         {"path": address, "url": address}, {"path": address.removeprefix("http:")},
                         {"path": "file:///etc/passwd"}, {"path": "ftp:" + address[5:]}):  # fmt: skip
                answer = asked(http, {**file, "meta": {"_type": "gradio.FileData"}}, "whole", "float32")
                assert "event: error" in answer, file
            for path in (f"file={address}", f"proxy={address}", f"file={encoded}", f"FILE={address}",
                         f"file/{address}", f"file=%68ttp{address[4:]}"):  # fmt: skip
                assert http.get(f"/gradio_api/{path}").status_code in {403, 404}, path
    finally:
        trap.shutdown()
        trap.server_close()
    assert hits == []


def test_another_visitors_upload_cannot_be_named_from_outside_the_uploads(app: Server, weights: Path) -> None:
    file = {"path": str(weights), "meta": {"_type": "gradio.FileData"}}
    with httpx.Client(base_url=app.url, timeout=20) as http:
        answer = asked(http, file, "whole", "float32")
    assert "event: error" in answer
    assert str(weights.parent) not in answer


def test_the_folder_of_uploads_can_be_neither_listed_nor_left(app: Server, weights: Path) -> None:
    with httpx.Client(base_url=app.url, timeout=20) as owner, httpx.Client(base_url=app.url) as other:
        mine = Path(uploaded(owner, "mine.png", file_bytes(picture())))
        assert owner.get(f"/gradio_api/file={mine}").status_code == 200
        outside = mine.parent / os.path.relpath(weights, mine.parent)
        for path in (mine.parent, f"{mine.parent}/", mine.parent.parent, outside, f"{mine.parent}/*"):
            assert other.get(f"/gradio_api/file={path}").status_code == 403, path
            file = {"path": str(path), "meta": {"_type": "gradio.FileData"}}
            assert "event: error" in asked(other, file, "whole", "float32"), path


@pytest.mark.parametrize(
    "name", ["../../../../tmp/a.png", "..\\..\\a.png", "/etc/a.png", "a\0.png", f"{HOSTILE}.png"]
)
def test_an_uploads_name_decides_neither_its_folder_nor_any_html(app: Server, name: str) -> None:
    with httpx.Client(base_url=app.url, timeout=20) as http:
        folder = Path(uploaded(http, "plain.png", b"the same")).parent
        stored = Path(uploaded(http, name, b"the same"))
    assert stored.parent == folder
    assert not set(stored.name) & set('<>"\\\0')


@pytest.mark.parametrize(
    ("name", "kind", "shown"),
    [("a.svg", "image/svg+xml", False), ("a.html", "text/html", False), ("a.png", "text/html", True)],
)
def test_an_uploaded_page_never_runs_as_one(app: Server, name: str, kind: str, shown: bool) -> None:
    script = b'<svg xmlns="http://www.w3.org/2000/svg"><script>document.title = 1</script></svg>'
    with httpx.Client(base_url=app.url, timeout=20) as http:
        answer = http.get(f"/gradio_api/file={uploaded(http, name, script, kind)}")
    headers = answer.headers
    assert headers["content-type"] == ("image/png" if shown else "application/octet-stream")
    assert headers["content-disposition"].startswith("inline" if shown else "attachment")
    assert headers["x-content-type-options"] == "nosniff"  # or a browser might guess that it is HTML


def test_a_page_of_another_site_may_not_read_what_the_server_answers(app: Server) -> None:
    for origin in ("https://evil.example", "null"):
        elsewhere = {"Origin": origin, "Access-Control-Request-Method": "POST"}
        with httpx.Client(base_url=app.url, headers=elsewhere) as http:
            for answer in (http.get("/config"), http.options("/gradio_api/upload")):
                assert "access-control-allow-origin" not in answer.headers


@pytest.mark.parametrize(
    "arguments",
    [[], ["x", "whole", "float32"], [[[[]]], "whole", "float32"], [None, {"a": 1}, ["x"]],
     [{"url": "data:image/png;base64,AAAA"}, "whole", "float32"], [{"path": 7}, "whole", "float32"]],
)  # fmt: skip
def test_senseless_arguments_are_an_error_that_tells_nothing_of_the_server(
    app: Server, arguments: list[Any]
) -> None:
    with httpx.Client(base_url=app.url, timeout=20) as http:
        answer = asked(http, *arguments)
        assert "event: error" in answer
        assert "Traceback" not in answer
        assert ".py" not in answer
        assert http.get("/").status_code == 200


def test_a_page_or_function_that_there_is_not_is_not_found_rather_than_a_failure(app: Server) -> None:
    with httpx.Client(base_url=app.url, timeout=20) as http:
        answers = [
            http.get("/", params={"page": "x", "deep_link": "y"}),
            http.head("/", params={"page": "x"}),
        ]
        nothing = {"data": [], "event_id": ""}
        ways = ("api", "run", "call", "call/v2")
        answers.extend(http.post(f"/gradio_api/{way}/__main__", json=nothing) for way in ways)
        assert [answer.status_code for answer in answers] == [404] * 6
        assert answers[0].text == "There is nothing of that name here."
        assert http.get("/").status_code == 200


def test_an_oversized_upload_is_refused_before_it_is_kept(app: Server) -> None:
    with httpx.Client(base_url=app.url, timeout=60) as http:
        answer = http.post("/gradio_api/upload", files={"files": ("big.png", bytes(27 * 2**20))})
        assert answer.status_code == 413
        assert http.post("/gradio_api/queue/join", content=bytes(27 * 2**20)).status_code == 413
        assert http.get("/").status_code == 200


@pytest.mark.parametrize(
    "sent",
    [
        b"POST /gradio_api/upload HTTP/1.1\r\nHost: x\r\nContent-Length: 99999\r\n\r\nab",
        b"GET / HTTP/1.1\r\nHost: x\r\nX-Slow: ",
        b"",
    ],
    ids=["half a body", "half a header", "nothing"],
)
def test_many_slow_connections_do_not_stop_the_others(app: Server, sent: bytes) -> None:
    port = int(app.url.rpartition(":")[2])
    slow = [socket.create_connection(("127.0.0.1", port)) for _ in range(150)]
    try:
        for connection in slow:
            connection.sendall(sent)
        started = time.monotonic()
        assert httpx.get(app.url, timeout=20).status_code == 200
        assert time.monotonic() - started < 5
    finally:
        for connection in slow:
            connection.close()


def live_url(app: Server) -> str:
    return app.url.replace("http", "ws") + "/swinviz/live"


def open_live(app: Server, **settings: Any) -> ClientConnection:
    return connect(live_url(app), max_size=None, **settings)


def converse(app: Server, *messages: str | bytes, **settings: Any) -> list[str | bytes]:
    with open_live(app, **settings) as socket:
        answers = []
        for message in messages:
            socket.send(message)
            answers.append(socket.recv(timeout=20))
        return answers


def test_the_live_socket_answers_frames_and_survives_nonsense(app: Server) -> None:
    frame = struct.pack("<I", 9) + file_bytes(picture(), "JPEG")
    answers = converse(app, '{"model": "tiny model", "gaze": null}', "nonsense", frame, b"\1", frame)
    assert json.loads(answers[0])["depths"] == [2, 2, 2, 2]
    assert "form" in json.loads(answers[1])["error"]
    assert json.loads(answers[3])["error"]
    for answer in (answers[2], answers[4]):
        assert isinstance(answer, bytes)
        assert read_answer(answer)[0]["frame"] == 9


def test_the_newest_frame_wins(app: Server) -> None:
    image = file_bytes(picture((480, 640)), "JPEG")
    with open_live(app) as socket:
        for number in range(30):
            socket.send(struct.pack("<I", number) + image)
        answered = []
        while not answered or answered[-1] != 29:
            answer = socket.recv(timeout=30)
            answered.append(read_answer(answer)[0]["frame"])
    assert answered == sorted(answered)
    assert len(answered) < 15, "frames that were overtaken were computed all the same"


def test_connections_that_drop_in_mid_stream_give_their_places_back(app: Server) -> None:
    frame = struct.pack("<I", 1) + file_bytes(picture((240, 320)), "JPEG")
    for _ in range(6):  # more than there are places
        with open_live(app) as connection:
            connection.send(frame)
            connection.socket.shutdown(socket.SHUT_RDWR)  # no farewell, as when a cable is pulled
        time.sleep(0.3)
    assert "classes" in json.loads(converse(app, '{"model": "tiny model"}')[0])


@pytest.mark.parametrize("origin", ["https://evil.example", "null", "http://127.0.0.1:1"])
def test_a_page_of_another_site_cannot_open_the_live_socket(app: Server, origin: str) -> None:
    with pytest.raises(websockets.exceptions.InvalidStatus):
        converse(app, "{}", origin=origin)


def test_a_page_of_another_site_can_upload_nothing(app: Server) -> None:
    with httpx.Client(base_url=app.url, timeout=20) as http:
        for origin in ("https://evil.example", "null", "http://127.0.0.1:1"):
            for path in ("/gradio_api/upload", "/gradio_api/call/segment", "/swinviz/explore/guess"):
                answer = http.post(path, files={"files": ("a.png", b"x")}, headers={"Origin": origin})
                assert answer.status_code == 403, (origin, path)
        own = http.post("/gradio_api/upload", files={"files": ("a.png", b"x")}, headers={"Origin": app.url})
        assert own.status_code == 200


def test_a_name_that_somebody_else_gave_this_machine_reaches_neither_page_nor_socket(app: Server) -> None:
    port = app.url.rpartition(":")[2]
    with httpx.Client(base_url=app.url, timeout=20) as http:
        for path in ("/", "/config", "/gradio_api/info", "/swinviz/explorer/explorer.js"):
            answer = http.get(path, headers={"Host": f"evil.example:{port}"})
            assert answer.status_code == 421, path
            assert http.get(path, headers={"Host": f"localhost:{port}"}).status_code == 200
    with pytest.raises(websockets.exceptions.InvalidStatus):
        connect(
            live_url(app).replace("127.0.0.1", "evil.example"),
            sock=socket.create_connection(("127.0.0.1", int(port))),
        )


@pytest.mark.slow
def test_three_hundred_half_open_headers_are_ended(app: Server) -> None:
    port = int(app.url.rpartition(":")[2])
    time.sleep(3)  # the limit begins when the page's launch is over, moments after its first answer
    half = [socket.create_connection(("127.0.0.1", port)) for _ in range(300)]
    begun = time.monotonic()
    for connection in half:
        connection.sendall(b"GET / HTTP/1.1\r\nHost: localhost\r\nX-Slow: ")
        connection.settimeout(30)
    for connection in half:
        with suppress(ConnectionResetError):  # which is an end as well
            assert connection.recv(1) == b""
    print(f"300 half headers were ended after {time.monotonic() - begun:.1f} s")
    assert time.monotonic() - begun < 30
    for connection in half:
        connection.close()


def test_settings_that_are_no_numbers_do_not_end_the_connection(app: Server) -> None:
    text = '{"model": "tiny model", "gaze": {"x": %s, "y": 0, "stage": %s, "block": 0, "head": null}}'
    nonsense = [text % pair for pair in (("0", "1e999"), ("9" * 400, "0"), ("NaN", "0"), ("0", "9" * 400))]
    answers = converse(app, *nonsense, '{"model": "tiny model"}')
    assert all("error" in json.loads(answer) for answer in answers[:-1])
    assert "classes" in json.loads(answers[-1])


def test_a_message_above_the_limit_ends_its_own_connection_only(app: Server) -> None:
    with pytest.raises(websockets.exceptions.ConnectionClosed) as end:
        converse(app, bytes(3 * 2**20))
    assert end.value.rcvd.code == 1009
    converse(app, '{"model": "tiny model"}')


def test_the_fifth_live_visitor_is_told_that_all_places_are_taken(app: Server) -> None:
    time.sleep(0.5)  # places of the tests before come free when their threads end
    with ExitStack() as stack:
        for _ in range(4):
            socket = stack.enter_context(open_live(app))
            socket.send('{"model": "tiny model"}')
            assert "classes" in json.loads(socket.recv(timeout=20))
        with open_live(app) as fifth:
            assert "places are taken" in json.loads(fifth.recv(timeout=20))["error"]


def test_the_explorer_answers_only_to_tickets_it_gave(app: Server) -> None:
    answer = httpx.post(f"{app.url}/swinviz/explore/guess", json={"name": "manifest", "args": {}})
    assert answer.status_code == 410
    assert answer.text.startswith("This picture is no longer open")


@pytest.fixture(scope="module")
def guarded(start_app: Callable[..., Server]) -> Server:
    return start_app("--auth", "ada:secret", "--queue", "1")


def log_in(http: httpx.Client) -> None:
    assert http.post("/login", data={"username": "ada", "password": "secret"}).status_code == 200


def test_who_has_not_logged_in_gets_nothing(guarded: Server) -> None:
    with httpx.Client(base_url=guarded.url) as http:
        for method, path in (("POST", "/gradio_api/upload"), ("GET", "/gradio_api/info"), ("GET", "/config"),
                             ("POST", "/swinviz/explore/guess")):  # fmt: skip
            assert http.request(method, path).status_code == 401, path
        with pytest.raises(websockets.exceptions.InvalidStatus):
            converse(guarded, "{}")
        assert http.post("/login", data={"username": "ada", "password": "wrong"}).status_code == 400
        log_in(http)
        cookies = "; ".join(f"{name}={value}" for name, value in http.cookies.items())
        assert http.post("/swinviz/explore/guess").status_code == 410
    assert "classes" in json.loads(
        converse(guarded, '{"model": "tiny model"}', additional_headers={"Cookie": cookies})[0]
    )


def test_passwords_cannot_be_tried_without_end(guarded: Server) -> None:
    wrong = {"username": "ada", "password": "wrong"}
    with httpx.Client(base_url=guarded.url, headers={"X-Forwarded-For": "203.0.113.5"}) as http:
        statuses = [http.post("/login", data=wrong).status_code for _ in range(12)]
        assert statuses == [400] * 10 + [429] * 2
        assert http.post("/login", data={"username": "ada", "password": "secret"}).status_code == 429
    with httpx.Client(base_url=guarded.url) as other:
        log_in(other)


def test_a_full_queue_says_that_the_demo_is_busy(guarded: Server) -> None:
    with httpx.Client(base_url=guarded.url, timeout=60) as http:
        log_in(http)
        content = file_bytes(picture((256, 256)))
        uploaded = http.post("/gradio_api/upload", files={"files": ("a.png", content)}).json()[0]
        data = [{"path": uploaded, "meta": {"_type": "gradio.FileData"}}, "multi-scale + flip", "float32"]
        answers = [http.post("/gradio_api/call/segment", json={"data": data}) for _ in range(12)]
    refused = [answer for answer in answers if answer.status_code != 200]
    assert refused
    assert all(answer.status_code == 503 and "full" in answer.text.lower() for answer in refused)
    assert any(answer.status_code == 200 for answer in answers)


@pytest.mark.slow
@pytest.mark.parametrize("end", [signal.SIGINT, signal.SIGTERM])
def test_nothing_is_left_behind_when_the_server_ends(weights: Path, tmp_path: Path, end: int) -> None:
    command = [sys.executable, "app.py", "--port", "{port}", "--model", str(weights)]
    server = Server.start(command, tmp_path / "log.txt", env={**OFFLINE, "TMPDIR": str(tmp_path)})
    try:
        client = Client(server.url, verbose=False, download_files=False)
        segment(client, written(tmp_path, "a.png", file_bytes(picture())))
        client.close()
        assert list(tmp_path.glob("swinviz-demo-*"))
        os.kill(server.process.pid, end)
        server.process.wait(20)
    finally:
        server.stop()
    assert not list(tmp_path.glob("swinviz-*"))
    assert "Traceback" not in server.tail()


def resident_megabytes(server: Server) -> float:
    status = Path(f"/proc/{server.process.pid}/status").read_text()
    return int(status.split("VmRSS:")[1].split()[0]) / 1024


@pytest.mark.slow
@pytest.mark.skipif(not Path("/proc/self/status").exists(), reason="memory is read from /proc")
def test_eight_visitors_for_a_minute_get_their_own_results_and_memory_stays_flat(
    app: Server, weights: Path, tmp_path: Path
) -> None:
    """By hand for longer: SWINVIZ_VISIT_SECONDS=900 pytest -n 0 -s -m slow -k eight_visitors."""
    seconds = int(os.environ.get("SWINVIZ_VISIT_SECONDS", "60"))
    warm_up = max(20, seconds // 3)
    model = swinviz.checkpoints.load(weights)
    begun, troubles, served = time.monotonic(), [], [0] * 8
    levels: list[float] = []
    course: list[str] = []

    def visit(number: int) -> None:
        image = picture((60 + 5 * number, 100), seed=number)
        file = written(tmp_path, f"{number}.png", file_bytes(image))
        expected = model.segment(image).labels
        patient = {"timeout": 60}
        with closing(Client(app.url, verbose=False, download_files=False, httpx_kwargs=patient)) as client:
            while time.monotonic() - begun < seconds:
                labels = pixels_of(segment(client, file)["labels"])
                if labels.shape != expected.shape or (labels == expected).mean() < 0.99:
                    troubles.append(f"visitor {number} got a picture that is not theirs")
                served[number] += 1

    def stream(number: int) -> None:
        image = picture((120, 160), seed=100 + number)
        frame = file_bytes(image)
        options = InferenceOptions(
            scale=(160, 120), precision=PRECISIONS[fast_precision(torch.device("cpu"))]
        )
        expected = model.segment(image, options).labels
        with open_live(app) as connection:
            while time.monotonic() - begun < seconds:
                connection.send(struct.pack("<I", number) + frame)
                header, (labels, *_) = read_answer(connection.recv(timeout=60))
                if header["frame"] != number or (labels == expected).mean() < 0.99:
                    troubles.append(f"stream {number} got a frame that is not its own")
                served[number] += 1

    def guarded(work: Callable[[int], None], number: int) -> None:
        try:
            work(number)
        except Exception as trouble:  # noqa: BLE001  # whatever it is, it fails the test
            troubles.append(repr(trouble))

    visitors = [
        threading.Thread(target=guarded, args=(stream if number >= 6 else visit, number))
        for number in range(8)
    ]
    for visitor in visitors:
        visitor.start()
    while any(visitor.is_alive() for visitor in visitors):
        time.sleep(2)
        passed = time.monotonic() - begun
        if passed > 30 * len(course):
            course.append(f"{passed:.0f} s {resident_megabytes(app):.0f} MB")
        if passed > warm_up:
            levels.append(resident_megabytes(app))
    print(", ".join(course))
    print(f"served {served}; resident {levels[0]:.0f} MB after {warm_up} s, {levels[-1]:.0f} MB at the end")
    assert troubles == []
    assert min(served) > 0
    assert max(levels) < levels[0] + 100


@pytest.mark.slow
def test_live_frames_are_limited_by_the_model_not_by_the_transport(app: Server) -> None:
    """Prints frames a second at 320x240, two frames on their way as in live.js, and the model's alone."""
    frame = file_bytes(picture((240, 320)), "JPEG", quality=85)
    count, seconds = 40, []
    with open_live(app) as connection:
        connection.send('{"model": "nano"}')
        assert "classes" in json.loads(connection.recv(timeout=60))
        for number in range(5):  # warm up
            connection.send(struct.pack("<I", number) + frame)
            connection.recv(timeout=60)
        begun = time.monotonic()
        connection.send(struct.pack("<I", 0) + frame)
        for number in range(1, count + 1):
            connection.send(struct.pack("<I", number) + frame)
            seconds.append(read_answer(connection.recv(timeout=60))[0]["seconds"])
        rate = count / (time.monotonic() - begun)
    alone = 1 / float(np.median(seconds))
    print(f"live, nano, 320x240: {rate:.1f} frames/s; the model alone would give {alone:.1f}")
    assert rate > 0.5 * alone
