"""The HTTP server as clients and attackers see it, through raw sockets: routes, permission, framing, limits. Nothing is mocked."""
import json
import os
import re
import socket
import time

import pytest
from http_sample import KEY, Server, body_of, exchange, fetch, read_all, request, start, status_of, statuses


@pytest.fixture(scope="module")
def server(tmp_path_factory):
    running = Server(spool=tmp_path_factory.mktemp("spool"))
    yield running
    running.stop()


# --- what is served ------------------------------------------------------------------------------------------------

def test_a_request_arrives_as_it_was_meant(server):
    answer, content = fetch(server, "POST", "/show/ft%3Allama%3Aorg::8wJ6?a=b%20c&a=2", b"hello", {"X-Request-Id": "mine"})
    assert answer.status == 200 and answer.headers["x-request-id"] == "mine"
    assert answer.headers["content-type"] == "application/json" and answer.headers["date"].endswith("GMT")
    assert json.loads(content) == {"method": "POST", "path": "/show/ft:llama:org::8wJ6", "route": "/show/{name}",
                                   "values": {"name": "ft:llama:org::8wJ6"}, "query": [["a", "b c"], ["a", "2"]],
                                   "id": "mine", "principal": "good", "remote": "127.0.0.1", "body": "hello"}


def test_a_slash_inside_an_id_stays_inside(server):
    answer, content = fetch(server, "GET", "/show/org%2Fname%2fpart%2Fx")
    assert json.loads(content)["values"] == {"name": "org/name/part/x"}
    assert json.loads(content)["path"] == "/show/org%2Fname%2Fpart%2Fx"


def test_an_id_that_could_start_a_line_is_replaced(server):
    data = exchange(server, request(b"GET /show/a", b"X-Request-Id: a b"))
    assert re.search(rb"\r\nx-request-id: req_[0-9a-f]{32}\r\n", data)


def test_head_has_the_head_of_get(server):
    data = exchange(server, request(b"HEAD /show/a", close=True))
    assert status_of(data) == 200 and body_of(data) == b""
    assert int(re.search(rb"content-length: (\d+)", data)[1]) > 100


def test_options_and_wrong_methods_name_what_there_is(server):
    answer, content = fetch(server, "OPTIONS", "/show/a")
    assert (answer.status, answer.headers["allow"], content) == (204, "GET, HEAD, OPTIONS, POST", b"")
    assert not [name for name in answer.headers if name.lower().startswith("access-control")]
    answer, content = fetch(server, "DELETE", "/show/a")
    assert (answer.status, answer.headers["allow"]) == (405, "GET, HEAD, OPTIONS, POST")
    assert json.loads(content)["error"]["code"] == "method_not_allowed"
    assert status_of(exchange(server, request(b"OPTIONS *"))) == 204


def test_a_file_is_sent_in_pieces(tmp_path):
    content = os.urandom(3_000_001)
    (tmp_path / "file").write_bytes(content)
    with start(file=tmp_path / "file") as server:
        answer, received = fetch(server, "GET", "/file")
        assert (answer.status, answer.headers["content-length"], received == content) == (200, "3000001", True)
        assert body_of(exchange(server, request(b"HEAD /file"))) == b""


def test_handlers_that_fail(server):
    def error(what):
        answer, content = fetch(server, "GET", f"/fail?what={what}")
        assert answer.headers["x-name"] is None and answer.headers["set-cookie"] is None
        return answer.status, content.decode()
    status, text = error("input")
    assert status == 400 and "training_file" in text and "add some" in text
    for what in ("other", "number", "header", "file", "nothing"):
        status, text = error(what)
        assert status == 500 and "secret" not in text and "/nowhere" not in text
    assert error("twice") == (200, "1")
    assert "wrote after the answer" not in server.lines


# --- permission ------------------------------------------------------------------------------------------------------

@pytest.mark.parametrize("path", ["/show/a", "/show/a/", "//show/a", "/show//a", "/show/%2e%2e", "/show/../open", "/open/",
                                  "//open", "/%6fpen%2f", "/./open", "/show/..%2fopen", "/", "/nothing", "/OPEN", "/open;a",
                                  "http://h/show/a", "/show/a?/open"])
def test_no_spelling_of_a_path_gets_around_the_key(server, path):
    data = exchange(server, f"GET {path} HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n".encode())
    assert status_of(data) == 401


@pytest.mark.parametrize("path", ["/show/a/", "//show/a", "/show//a", "/show/%2e%2e", "/show/.", "/show/x/../a", "/show/",
                                  "/open/", "//open", "/%2fopen", "/./open", "/OPEN", "/open;a", "/", "/show%2fa", "/show",
                                  "/show/a%2fpart/b", "/open%20"])
def test_what_is_not_exactly_a_route_is_none(server, path):
    assert fetch(server, "GET", path)[0].status == 404


def test_open_routes_need_no_key(server):
    for path in (b"/open", b"/%6fpen", b"http://h/open", b"/open?x=1"):
        data = exchange(server, b"GET " + path + b" HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n")
        assert status_of(data) == 200, path


# --- framing ---------------------------------------------------------------------------------------------------------

SMUGGLED = b"GET /show/smuggled HTTP/1.1\r\nHost: h\r\n" + KEY + b"\r\n"

BAD_FRAMING = {
    "length and chunked": (b"Content-Length: 5\r\nTransfer-Encoding: chunked\r\n", b"0\r\n\r\n"),
    "chunked and length": (b"Transfer-Encoding: chunked\r\nContent-Length: 5\r\n", b"0\r\n\r\n"),
    "two equal lengths": (b"Content-Length: 5\r\nContent-Length: 5\r\n", b"hello"),
    "two lengths": (b"Content-Length: 5\r\nContent-Length: 0\r\n", b"hello"),
    "list of lengths": (b"Content-Length: 5, 5\r\n", b"hello"),
    "negative length": (b"Content-Length: -5\r\n", b""),
    "length with sign": (b"Content-Length: +5\r\n", b"hello"),
    "hexadecimal length": (b"Content-Length: 0x5\r\n", b"hello"),
    "chunked not last": (b"Transfer-Encoding: chunked, identity\r\n", b"0\r\n\r\n"),
    "chunked twice": (b"Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n", b"0\r\n\r\n"),
    "another coding": (b"Transfer-Encoding: gzip\r\n", b""),
    "nearly chunked": (b"Transfer-Encoding: xchunked\r\n", b"0\r\n\r\n"),
    "vertical tab": (b"Transfer-Encoding: \x0bchunked\r\n", b"0\r\n\r\n"),
    "blank before colon": (b"Content-Length : 5\r\n", b"hello"),
    "folded": (b"X: a\r\n b\r\n", b""),
    "folded length": (b"Content-Length:\r\n 5\r\n", b"hello"),
    "first field folded": (b" X: a\r\n", b""),
    "bare line feed": (b"X: a\nContent-Length: 5\r\n", b"hello"),
    "bare return": (b"X: a\rContent-Length: 5\r\n", b"hello"),
    "NUL": (b"X: a\0b\r\n", b""),
    "second Host": (b"Host: other\r\n", b""),
    "no colon": (b"nothing\r\n", b""),
    "chunk size": (b"Transfer-Encoding: chunked\r\n", b"5x\r\nhello\r\n0\r\n\r\n"),
    "chunk size with sign": (b"Transfer-Encoding: chunked\r\n", b"+5\r\nhello\r\n0\r\n\r\n"),
    "negative chunk": (b"Transfer-Encoding: chunked\r\n", b"-1\r\nhello\r\n0\r\n\r\n"),
    "chunk size of 17 digits": (b"Transfer-Encoding: chunked\r\n", b"10000000000000005\r\nhello\r\n0\r\n\r\n"),
    "line feed after size": (b"Transfer-Encoding: chunked\r\n", b"5\nhello\r\n0\r\n\r\n"),
    "line feed in extension": (b"Transfer-Encoding: chunked\r\n", b"5;a\nhello\r\n0\r\n\r\n"),
    "control in extension": (b"Transfer-Encoding: chunked\r\n", b"5;a\x01\r\nhello\r\n0\r\n\r\n"),
    "longer chunk": (b"Transfer-Encoding: chunked\r\n", b"3\r\nhello\r\n0\r\n\r\n"),
    "line feed after data": (b"Transfer-Encoding: chunked\r\n", b"5\r\nhello\n0\r\n\r\n"),
    "bad trailer": (b"Transfer-Encoding: chunked\r\n", b"0\r\nContent-Length : 5\r\n\r\n"),
}


@pytest.mark.parametrize("name", BAD_FRAMING)
def test_bad_framing_is_400_and_the_end(server, name):
    fields, body = BAD_FRAMING[name]
    data = exchange(server, b"POST /show/a HTTP/1.1\r\nHost: h\r\n" + KEY + fields + b"\r\n" + body + SMUGGLED)
    assert status_of(data) == 400, data
    assert b"\r\nconnection: close\r\n" in data and b"smuggled" not in data


@pytest.mark.parametrize("line", [b"GET /show/a", b"GET  /show/a HTTP/1.1", b"GET /show/a b HTTP/1.1", b"GET /%zz HTTP/1.1",
                                  b"GET /%ff HTTP/1.1", b"GET /show/%00 HTTP/1.1", b"GET /show/a?b=%ff HTTP/1.1",
                                  b"GET /show/a#b HTTP/1.1", b"GET show/a HTTP/1.1", b"CONNECT h:443 HTTP/1.1",
                                  b"GET /show/a HTTP/1.1\n", b"G\0T /show/a HTTP/1.1", b"\x16\x03\x01\x02\x00\x01"])
def test_bad_request_lines_are_400_and_the_end(server, line):
    data = exchange(server, line + b"\r\nHost: h\r\n" + KEY + b"\r\n" + SMUGGLED)
    assert status_of(data) == 400 and b"smuggled" not in data


def test_versions(server):
    assert status_of(exchange(server, b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n")) == 505
    assert status_of(exchange(server, b"GET /open HTTP/1.1\r\n\r\n")) == 400  # no Host
    data = exchange(server, b"GET /open HTTP/1.0\r\n\r\n")
    assert status_of(data) == 200 and json.loads(body_of(data))["route"] == "/open"
    data = exchange(server, b"GET /events?count=3 HTTP/1.0\r\n" + KEY + b"\r\n")
    assert b"chunked" not in data and body_of(data) == b"".join(b"data: event %d\n\n" % i for i in range(3))


def test_trailers_and_extensions_are_no_part_of_the_request(server):
    data = exchange(server, request(b"POST /show/a", b"Transfer-Encoding: chunked",
                                    body=b"5;x=\"y\"\r\nhello\r\n1\r\n!\r\n0\r\nAuthorization: Bearer bad\r\n\r\n"))
    assert json.loads(body_of(data))["body"] == "hello!"


def test_limits_of_the_head(server):
    assert status_of(exchange(server, request(b"GET /show/" + b"a" * 9000))) == 414
    assert status_of(exchange(server, request(b"GET /show/a", b"X: " + b"a" * 70_000))) == 431
    assert status_of(exchange(server, request(b"GET /show/a", *[b"X: a"] * 100))) == 431
    assert status_of(exchange(server, request(b"GET /show/a", *[b"X: a"] * 90))) == 200
    assert status_of(exchange(server, b"GET /show/" + b"a" * 9000)) == 414  # not waited for


def test_limits_of_the_body(server):
    before = server.memory_mib()
    with server.connect() as connection:  # the answer comes before any of the body
        connection.sendall(request(b"POST /show/a", b"Content-Length: 999999999999"))
        assert status_of(read_all(connection)) == 413
    assert status_of(exchange(server, request(b"POST /show/a", b"Content-Length: 99999999999999999999999"))) == 413
    assert status_of(exchange(server, request(b"POST /show/a", b"Transfer-Encoding: chunked", body=b"fffffffffff\r\n"))) == 413
    assert status_of(exchange(server, request(b"POST /show/a", b"Content-Length: 1048577", body=b"a" * 1048577))) == 413
    assert status_of(exchange(server, request(b"POST /show/a", b"Content-Length: 1048576", body=b"a" * 1048576))) == 200
    assert server.memory_mib() < before + 40


def test_bodies_have_a_limit_together():
    with start(bodies_bytes=2_500_000) as server:
        held = []
        for _ in range(2):  # each of three is allowed, all together are not
            connection = server.connect()
            connection.sendall(request(b"POST /show/a", b"Content-Length: 1048576", body=b"a" * 1_000_001))
            held.append(connection)
        deadline = time.monotonic() + 20
        while status_of(exchange(server, request(b"POST /show/a", b"Content-Length: 900000", body=b"a" * 900_000))) != 503:
            assert time.monotonic() < deadline
        for connection in held:
            connection.close()
        while status_of(exchange(server, request(b"POST /show/a", b"Content-Length: 900000", body=b"a" * 900_000))) != 200:
            assert time.monotonic() < deadline


def test_an_answer_before_the_body_reaches_a_client_that_still_sends(server):
    with server.connect() as connection:
        connection.sendall(request(b"POST /show/a", b"Content-Length: 50000000"))
        try:
            for _ in range(200):
                connection.sendall(b"a" * 65536)
        except OSError:
            pass
        assert status_of(read_all(connection)) == 413


def test_codings_and_expectations(server):
    assert status_of(exchange(server, request(b"POST /show/a", b"Content-Encoding: gzip", b"Content-Length: 2", body=b"hi"))) == 415
    assert status_of(exchange(server, request(b"POST /show/a", b"Expect: magic", b"Content-Length: 2", body=b"hi"))) == 417
    assert status_of(exchange(server, request(b"POST /upload", b"Content-Type: text/plain", b"Content-Length: 2", body=b"hi"))) == 415
    assert status_of(exchange(server, request(b"POST /upload", b"Content-Type: multipart/form-data; boundary=a"))) == 411


def test_100_continue(server):
    with server.connect() as connection:
        connection.sendall(request(b"POST /show/a", b"Expect: 100-continue", b"Content-Length: 5"))
        assert connection.recv(1000) == b"HTTP/1.1 100 Continue\r\n\r\n"
        connection.sendall(b"hello")
        assert json.loads(body_of(read_all(connection)))["body"] == "hello"
    # Refused before the body is asked for.
    data = exchange(server, b"POST /show/a HTTP/1.1\r\nHost: h\r\nExpect: 100-continue\r\nContent-Length: 5\r\n\r\n")
    assert status_of(data) == 401


# --- connections -----------------------------------------------------------------------------------------------------

def test_pipelined_requests_are_answered_in_order(server):
    first = request(b"GET /later?seconds=0.2", close=False)
    more = [request(b"POST /show/%d" % i, b"Content-Length: 2", body=b"hi", close=False) for i in range(50)]
    data = exchange(server, b"\r\n" + first + b"".join(more) + request(b"GET /show/last"))
    assert statuses(data) == [200] * 52
    assert [name.decode() for name in re.findall(rb'"name":"(\w+)"', data)] == [str(i) for i in range(50)] + ["last"]
    assert data.index(b"late") < data.index(b'"name":"0"')


def test_empty_lines_before_a_request(server):
    assert statuses(exchange(server, b"\r\n" + request(b"GET /show/a"))) == [200]
    assert statuses(exchange(server, b"\r\n\r\n" + request(b"GET /show/a"))) == [400]


def test_a_refused_request_does_not_end_the_connection_when_its_body_is_there(server):
    refused = b"POST /show/a HTTP/1.1\r\nHost: h\r\nContent-Length: 5\r\n\r\nhello"
    assert statuses(exchange(server, refused + request(b"GET /show/b"))) == [401, 200]
    unfinished = b"POST /show/a HTTP/1.1\r\nHost: h\r\nContent-Length: 500\r\n\r\n"
    assert statuses(exchange(server, unfinished + request(b"GET /show/b"))) == [401]


def test_one_byte_at_a_time(server):
    with server.connect() as connection:
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        for byte in request(b"POST /show/a", b"Transfer-Encoding: chunked", body=b"5\r\nhello\r\n0\r\n\r\n"):
            connection.sendall(bytes([byte]))
        assert json.loads(body_of(read_all(connection)))["body"] == "hello"


def test_slow_clients_are_cut():
    with start(header_seconds=0.5, body_grace_seconds=0.5, idle_seconds=0.5) as server:
        def seconds(data, drip=b""):
            begin = time.monotonic()
            with server.connect() as connection:
                connection.sendall(data)
                if drip:
                    connection.settimeout(0.1)
                answer = b""
                while time.monotonic() < begin + 10:
                    try:
                        piece = connection.recv(1000)
                        answer += piece
                        if not piece:
                            break
                    except TimeoutError:
                        connection.sendall(drip)
                return time.monotonic() - begin, answer
        for data, drip, status in [(b"GET /show/a HTTP/1.1\r\n", b"A: b\r\n", [408]), (b"", b"", []), (b"G", b"", [408]),
                                   (request(b"POST /show/a", b"Content-Length: 100000"), b"x", [408]),
                                   (request(b"POST /show/a", b"Transfer-Encoding: chunked"), b"1\r\nx\r\n", [408]),
                                   (request(b"GET /show/a", close=False), b"", [200])]:
            took, answer = seconds(data, drip)
            assert statuses(answer) == status and 0.4 < took < 4, (data, took, answer)


def test_number_of_requests_on_a_connection():
    with start(requests_per_connection=3) as server:
        data = exchange(server, request(b"GET /show/a", close=False) * 5)
        assert statuses(data) == [200] * 3 and data.count(b"connection: close") == 1


def test_number_of_connections():
    for options in ({"connections": 3}, {"connections_per_address": 3}):
        with start(**options) as server:
            held = [server.connect() for _ in range(3)]
            for connection in held:  # the server has seen them all
                connection.sendall(request(b"GET /show/a", close=False))
                assert statuses(connection.recv(10_000)) == [200]
            data = exchange(server, request(b"GET /show/a"))
            assert status_of(data) == 503 and b"\r\nretry-after: 1\r\n" in data
            held.pop().close()
            deadline = time.monotonic() + 5
            while status_of(exchange(server, request(b"GET /show/a"))) != 200:
                assert time.monotonic() < deadline
            for connection in held:
                connection.close()
