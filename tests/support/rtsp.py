"""A small RTSP server: one video, as MPEG transport stream over the connection itself (RFC 2326, 10.12)."""

from __future__ import annotations

import socket
import struct
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

SDP = "v=0\r\no=- 0 0 IN IP4 127.0.0.1\r\ns=test\r\nt=0 0\r\nm=video 0 RTP/AVP 33\r\na=control:track1\r\n"
PACKETS = 7  # of the transport stream, 188 bytes each, in one of RTP


@contextmanager
def served(path: Path) -> Iterator[str]:
    """Serve a .ts file to one client, then hang up; gives the address."""
    with socket.create_server(("127.0.0.1", 0)) as listening:
        thread = threading.Thread(target=_serve, args=(listening, path.read_bytes()), daemon=True)
        thread.start()
        yield f"rtsp://me:secret@127.0.0.1:{listening.getsockname()[1]}/yard"
    thread.join(timeout=10)


def _serve(listening: socket.socket, content: bytes) -> None:
    connection, _ = listening.accept()
    with connection, connection.makefile("rb") as asked:
        while line := asked.readline():
            method = line.split()[0].decode()
            number = "0"
            while (header := asked.readline().strip()) != b"":
                if header.lower().startswith(b"cseq:"):
                    number = header.split(b":")[1].strip().decode()
            more, body = "", ""
            if method == "OPTIONS":
                more = "Public: OPTIONS, DESCRIBE, SETUP, PLAY, TEARDOWN\r\n"
            elif method == "DESCRIBE":
                body = SDP
                more = f"Content-Type: application/sdp\r\nContent-Length: {len(body)}\r\n"
            elif method == "SETUP":
                more = "Transport: RTP/AVP/TCP;unicast;interleaved=0-1\r\nSession: 1\r\n"
            connection.sendall(f"RTSP/1.0 200 OK\r\nCSeq: {number}\r\n{more}\r\n{body}".encode())
            if method == "PLAY":
                step = 188 * PACKETS
                for count, start in enumerate(range(0, len(content), step)):
                    part = content[start : start + step]
                    rtp = struct.pack(">BBHII", 0x80, 33, count & 0xFFFF, 900 * count, 1) + part
                    connection.sendall(struct.pack(">cBH", b"$", 0, len(rtp)) + rtp)
                return
