"""A small server that answers as the Hugging Face hub does."""

from __future__ import annotations

import hashlib
import json
import threading
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

COMMIT = "c0ffee" * 6 + "c0ff"


class Hub:
    """What it has, and what it was asked for.

    Attributes
    ----------
    files
        Their content, by name.
    lies
        Content that is sent instead.
    refusal
        Status and error code for every file, if it refuses.
    asked
        Paths, with the range that was asked for.
    """

    def __init__(self, files: dict[str, bytes]) -> None:
        self.files = files
        self.lies: dict[str, bytes] = {}
        self.refusal: tuple[int, str] | None = None
        self.cut_at: int | None = None
        self.ranges = True
        self.asked: list[tuple[str, str | None]] = []
        self.endpoint = ""

    def listing(self, name: str) -> bytes:
        siblings = []
        for file, data in self.files.items():
            blob = hashlib.sha1(b"blob %d\0" % len(data) + data).hexdigest()
            entry = {"rfilename": file, "size": len(data), "blobId": blob}
            if file.endswith((".safetensors", ".bin")):
                sha = hashlib.sha256(data).hexdigest()
                entry["lfs"] = {"sha256": sha, "size": len(data), "pointerSize": 130}
            siblings.append(entry)
        about = {"id": name, "modelId": name, "sha": COMMIT, "siblings": siblings}
        return json.dumps(about).encode()


@contextmanager
def serve(hub: Hub) -> Iterator[Hub]:
    """Answer on a port of this machine."""

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def log_message(self, *args: object) -> None:
            """Say nothing."""

        def do_GET(self) -> None:
            path = self.path.partition("?")[0]
            span = self.headers.get("Range")
            hub.asked.append((path, span))
            if path.startswith("/api/models/"):
                name = path.removeprefix("/api/models/").partition("/revision")[0]
                if name != "owner/tiny":
                    return self._refuse(404, "RepoNotFound")
                return self._send(200, hub.listing(name))
            if hub.refusal is not None:
                return self._refuse(*hub.refusal)
            file = path.rpartition("/")[2]
            data, start = hub.lies.get(file, hub.files[file]), 0
            if span and hub.ranges:
                start = int(span.removeprefix("bytes=").rstrip("-"))
            return self._send(206 if start else 200, data[start:], cut=hub.cut_at)

        def _refuse(self, status: int, code: str) -> None:
            self.send_response(status)
            if code:
                self.send_header("X-Error-Code", code)
            self.send_header("Content-Length", "0")
            self.end_headers()

        def _send(self, status: int, data: bytes, *, cut: int | None = None) -> None:
            self.send_response(status)
            sent = data if cut is None else data[:cut]
            self.send_header("Content-Length", str(len(sent)))
            self.end_headers()
            self.wfile.write(sent)

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    thread = threading.Thread(target=server.serve_forever, args=(0.01,))
    thread.start()
    hub.endpoint = f"http://127.0.0.1:{server.server_address[1]}"
    try:
        yield hub
    finally:
        server.shutdown()
        thread.join()
        server.server_close()
