import hashlib
import socket
from pathlib import Path

import pytest

from models.enums import FailureCode
from providers.errors import ProviderError
from providers.guard import guarded_client, is_public
from providers.web import GuardedWebFetcher
from tests.providers.wire import DROP, HANG, Received, reply, serving

PNG = b"\x89PNG\r\n\x1a\n" + b"\x00" * 2000


def _png(_: Received) -> bytes:
    return reply(200, PNG)


def _any_address(_: str) -> bool:
    return True


async def _download(
    url: str, to: Path, *, allowed: str | None = None, max_bytes: int = 10_000, timeout_s: float = 5
) -> ProviderError | tuple[int, str, str]:
    origins = frozenset({allowed}) if allowed else frozenset[str]()
    async with guarded_client(origins, timeout_s=timeout_s) as client:
        try:
            file = await GuardedWebFetcher(client, timeout_s=timeout_s).download(url, to, max_bytes=max_bytes)
        except ProviderError as error:
            assert _size(to) is None
            return error
    assert file.path == to
    assert file.size == _size(to)
    return file.size, file.sha256, file.media_type


def _size(path: Path) -> int | None:
    return path.stat().st_size if path.exists() else None


@pytest.mark.parametrize(
    "address",
    [
        "127.0.0.1",
        "127.8.9.1",
        "0.0.0.1",
        "10.1.2.3",
        "172.16.0.1",
        "192.168.1.1",
        "169.254.169.254",
        "100.64.0.1",
        "224.0.0.1",
        "240.0.0.1",
        "255.255.255.255",
        "::",
        "::1",
        "::7f00:1",
        "::ffff:127.0.0.1",
        "::ffff:8.8.8.8",
        "64:ff9b::7f00:1",
        "64:ff9b:1::a00:1",
        "2002:7f00:1::",
        "2001:0:7f00:1::",
        "2001:db8::1",
        "fc00::1",
        "fd00:ec2::254",
        "fe80::1",
        "fe80::1%lo",
        "fec0::1",
        "ff02::1",
    ],
)
def test_addresses_that_are_none_of_the_public_internet(address: str) -> None:
    """Loopback, private, link-local, carrier, multicast, reserved and IPv4-carrying addresses are not public."""
    assert not is_public(address)


@pytest.mark.parametrize("address", ["8.8.8.8", "1.1.1.1", "2606:4700:4700::1111", "2a00:1450:4001:81b::200e"])
def test_addresses_of_the_public_internet(address: str) -> None:
    """Ordinary global addresses are public."""
    assert is_public(address)


@pytest.mark.parametrize(
    "url",
    [
        "http://127.0.0.1:{port}/a.png",
        "http://localhost:{port}/a.png",
        "http://LOCALHOST:{port}/a.png",
        "http://2130706433:{port}/a.png",
        "http://0x7f000001:{port}/a.png",
        "http://0177.0.0.1:{port}/a.png",
        "http://127.1:{port}/a.png",
        "http://0.0.0.0:{port}/a.png",
        "http://[::1]:{port}/a.png",
        "http://[::ffff:127.0.0.1]:{port}/a.png",
        "http://[::ffff:7f00:1]:{port}/a.png",
        "http://[64:ff9b::7f00:1]:{port}/a.png",
        "http://169.254.169.254/latest/meta-data/",
        "http://user:word@127.0.0.1:{port}/a.png",
        "http://127.0.0.1@127.0.0.1:{port}/a.png",
        "file:///etc/passwd",
        "ftp://127.0.0.1/a.png",
        "gopher://127.0.0.1:{port}/",
        "//127.0.0.1:{port}/a.png",
        "/etc/passwd",
        "http://",
        "",
    ],
)
async def test_addresses_inside_are_refused_and_never_reached(url: str, tmp_path: Path) -> None:
    """Whatever a loopback address is spelled like, nothing is sent there."""
    async with serving(_png) as wire:
        error = await _download(url.format(port=wire.port), tmp_path / "a.png")
    assert isinstance(error, ProviderError)
    assert error.code is FailureCode.INVALID_REQUEST
    assert wire.received == []


async def test_the_checked_address_is_the_one_connected_to(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """The name is resolved once; the connection goes to that address under the URL's own host name."""
    resolved: list[str] = []
    resolve = socket.getaddrinfo

    def counting(host: str | bytes, *more: int, **named: int) -> object:
        resolved.append(host if isinstance(host, str) else host.decode())
        return resolve(host, *more, **named)

    monkeypatch.setattr(socket, "getaddrinfo", counting)
    monkeypatch.setattr("providers.guard.is_public", _any_address)
    async with serving(_png) as wire:
        got = await _download(f"http://localhost:{wire.port}/a.png", tmp_path / "a.png")
    assert not isinstance(got, ProviderError)
    assert wire.received[0].headers["host"] == f"localhost:{wire.port}"
    assert resolved.count("localhost") == 1


async def test_one_private_address_among_public_ones_is_enough(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """A name that leads inside and outside is refused, whichever address comes first."""
    async with serving(_png) as wire:

        def mixed(*_: object, **__: object) -> object:
            return [(socket.AF_INET, socket.SOCK_STREAM, 6, "", (ip, wire.port)) for ip in ("127.0.0.1", "8.8.8.8")]

        monkeypatch.setattr(socket, "getaddrinfo", mixed)
        error = await _download(f"http://mixed.example:{wire.port}/a.png", tmp_path / "a.png")
    assert isinstance(error, ProviderError)
    assert error.code is FailureCode.INVALID_REQUEST
    assert wire.received == []


async def test_credentials_in_a_url_are_refused_even_at_an_allowed_origin(tmp_path: Path) -> None:
    """No fetched URL ever makes us send a password."""
    async with serving(_png) as wire:
        url = f"http://user:word@127.0.0.1:{wire.port}/a.png"
        error = await _download(url, tmp_path / "a.png", allowed=wire.url)
    assert isinstance(error, ProviderError)
    assert error.code is FailureCode.INVALID_REQUEST
    assert wire.received == []


@pytest.mark.parametrize("shift", ["http://127.0.0.1:{other}", "http://localhost:{port}", "https://127.0.0.1:{port}"])
async def test_the_allow_list_is_of_exact_origins(shift: str, tmp_path: Path) -> None:
    """Another port, name or scheme of an allowed host is not allowed."""
    async with serving(_png) as wire:
        allowed = shift.format(port=wire.port, other=wire.port + 1)
        error = await _download(f"{wire.url}/a.png", tmp_path / "a.png", allowed=allowed)
    assert isinstance(error, ProviderError)
    assert error.code is FailureCode.INVALID_REQUEST
    assert wire.received == []


@pytest.mark.parametrize(
    "location",
    ["http://localhost:{port}/b.png", "http://169.254.169.254/b.png", "file:///etc/passwd", "http://u:p@127.0.0.1/"],
)
async def test_each_redirect_is_checked(location: str, tmp_path: Path) -> None:
    """An allowed server cannot send us where we would not go by ourselves."""

    def handler(_: Received) -> bytes:
        return reply(302, headers={"Location": location.format(port=wire.port)})

    async with serving(handler) as wire:
        error = await _download(f"{wire.url}/a.png", tmp_path / "a.png", allowed=wire.url)
    assert isinstance(error, ProviderError)
    assert error.code in (FailureCode.INVALID_REQUEST, FailureCode.PROVIDER_UNAVAILABLE)
    assert len(wire.received) == 1


@pytest.mark.parametrize(("redirects", "works"), [(0, True), (5, True), (6, False)])
async def test_at_most_five_redirects(redirects: int, works: bool, tmp_path: Path) -> None:
    """Five redirects are followed, a sixth is not."""

    def handler(request: Received) -> bytes:
        left = int(request.target.removeprefix("/"))
        return reply(307, headers={"Location": f"/{left - 1}"}) if left else reply(200, PNG)

    async with serving(handler) as wire:
        got = await _download(f"{wire.url}/{redirects}", tmp_path / "a.png", allowed=wire.url)
    if works:
        assert not isinstance(got, ProviderError)
    else:
        assert isinstance(got, ProviderError)
        assert got.code is FailureCode.INVALID_REQUEST
    assert len(wire.received) == min(redirects, 5) + 1


async def test_an_endless_redirect_body_is_not_read(tmp_path: Path) -> None:
    """A redirect's body is dropped unread."""

    def handler(request: Received) -> bytes:
        if request.target == "/b":
            return reply(200, PNG)
        return reply(302, b"x" * 1000, headers={"Location": "/b", "Content-Length": "1000000000"})

    async with serving(handler) as wire:
        assert not isinstance(await _download(f"{wire.url}/a", tmp_path / "a", allowed=wire.url), ProviderError)


@pytest.mark.parametrize(
    ("content", "media_type"),
    [
        (PNG, "image/png"),
        (b"\xff\xd8\xff\xe0" + b"\0" * 20, "image/jpeg"),
        (b"RIFF\x10\0\0\0WEBPVP8 ", "image/webp"),
        (b"RIFF\x10\0\0\0WAVEfmt ", "audio/wav"),
        (b"\0\0\0\x20ftypisom" + b"\0" * 20, "video/mp4"),
        (b"ID3\x04" + b"\0" * 20, "audio/mpeg"),
        (b"\xff\xfb\x90\x64" + b"\0" * 20, "audio/mpeg"),
    ],
)
async def test_a_download_is_named_by_its_content(content: bytes, media_type: str, tmp_path: Path) -> None:
    """The server's content type plays no part; size and sha256 are those of the bytes on disk."""

    def handler(_: Received) -> bytes:
        return reply(200, content, {"Content-Type": "text/plain"})

    async with serving(handler) as wire:
        got = await _download(f"{wire.url}/a?sig=1", tmp_path / "a", allowed=wire.url)
    assert got == (len(content), hashlib.sha256(content).hexdigest(), media_type)
    assert (tmp_path / "a").read_bytes() == content
    assert wire.received[0].headers["accept-encoding"] == "identity"


HTML = b"<!DOCTYPE html><html><body>Sign in</body></html>"
M, N, P = FailureCode.MEDIA_INVALID, FailureCode.NOT_FOUND, FailureCode.PROVIDER_UNAVAILABLE


@pytest.mark.parametrize(
    ("raw", "code", "words"),
    [
        (reply(200, HTML, {"Content-Type": "video/mp4"}), M, "HTML"),
        (reply(200, b"\n <html>"), M, "HTML"),
        (reply(200, {"error": "x"}), M, "JSON"),
        (reply(200, b"<?xml version='1.0'?><Error/>"), M, "XML"),
        (reply(200), M, "empty"),
        (reply(204), M, "empty"),
        (reply(200, b"MZ" + b"\0" * 600), M, "neither"),
        (reply(200, b"\0\0\0\x20ftypheic" + b"\0" * 20), M, "neither"),
        (reply(200, PNG * 10), M, "larger than"),
        (reply(200, PNG * 10, {"Content-Length": ""}), M, "larger than"),
        (reply(400), N, "link"),
        (reply(401), N, "link"),
        (reply(403, HTML), N, "link"),
        (reply(404), N, "link"),
        (reply(410), N, "link"),
        (reply(429, headers={"Retry-After": "9"}), FailureCode.RATE_LIMITED, "429"),
        (reply(408), P, "408"),
        (reply(500, HTML), P, "500"),
        (reply(503), P, "503"),
        (reply(200, PNG, {"Content-Length": "5000"}), P, "complete message"),
        (DROP, P, "disconnected"),
        (HANG, P, "Timeout"),
    ],
)
async def test_what_is_no_medium_is_refused(raw: bytes, code: FailureCode, words: str, tmp_path: Path) -> None:
    """Error pages, empty, foreign, oversized and truncated files leave nothing on disk and say what they were."""

    def handler(_: Received) -> bytes:
        return raw

    async with serving(handler) as wire:
        error = await _download(f"{wire.url}/a.png?sig=s3cret", tmp_path / "a", allowed=wire.url, timeout_s=0.5)
    assert isinstance(error, ProviderError)
    assert (error.code, error.retry_after_s) == (code, 9.0 if "429" in words else None)
    assert words in error.detail
    assert "s3cret" not in error.detail


async def test_a_name_that_does_not_resolve_is_a_fault(tmp_path: Path) -> None:
    """An unknown host may be a name server's trouble: worth trying again."""
    error = await _download("http://no-such-host.invalid/a.png", tmp_path / "a")
    assert isinstance(error, ProviderError)
    assert error.code is FailureCode.PROVIDER_UNAVAILABLE
