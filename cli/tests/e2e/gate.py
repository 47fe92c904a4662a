"""The examples of AWS's documentation, for the verification of signatures in cli/src/local/gate.py, whose path is the argument.

<https://docs.aws.amazon.com/AmazonS3/latest/API/sig-v4-header-based-auth.html>, `sigv4-query-string-auth.html`, `sigv4-streaming.html` and
`sigv4-streaming-trailers.html`.
"""

import importlib.util
import sys
from datetime import datetime, timezone

sys.dont_write_bytecode = True
spec = importlib.util.spec_from_file_location("gate", sys.argv[1])
gate = importlib.util.module_from_spec(spec)
spec.loader.exec_module(gate)

KEYS = {"AKIAIOSFODNN7EXAMPLE": "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY"}
NOW = datetime(2013, 5, 24, tzinfo=timezone.utc)
HEADERS = {"host": "examplebucket.s3.amazonaws.com", "x-amz-content-sha256": gate.digest(b""), "x-amz-date": "20130524T000000Z"}


def check(method, target, headers, body=b""):
    """Raises Refused unless the request is signed."""
    path, _, query = target.partition("?")
    headers = [(name.encode(), value.encode()) for name, value in headers.items()]
    request = gate.Request(
        {
            "method": method,
            "path": path,
            "raw_path": path.encode(),
            "query_string": query.encode(),
            "http_version": "1.1",
            "headers": headers,
        }
    )
    signature = gate.of_this_run(request, KEYS, NOW)
    gate.verify(request, signature, body, KEYS[signature.key])


def is_refused(*request):
    try:
        check(*request)
    except gate.Refused:
        return True
    return False


def signed(names, signature):
    scope = "AKIAIOSFODNN7EXAMPLE/20130524/us-east-1/s3/aws4_request"
    return {"authorization": f"AWS4-HMAC-SHA256 Credential={scope},SignedHeaders={names},Signature={signature}"}


def chunks(signatures, trailer=b""):
    """The letter a, 65536 times and 1024 times, and the end."""
    parts = []
    for size, signature in zip([65536, 1024, 0], signatures):
        end = b"\r\n" if size or not trailer else b""
        parts.append(b"%x;chunk-signature=%s\r\n%s%s" % (size, signature.encode(), b"a" * size, end))
    return b"".join(parts) + trailer


ranged = signed("host;range;x-amz-content-sha256;x-amz-date", "f0e8bdb87c964420e857bd35b5d6ed310bd44f0170aba48dd91039c6036bdb41")
check("GET", "/test.txt", {**HEADERS, "range": "bytes=0-9", **ranged})
assert is_refused("GET", "/test.txt", {**HEADERS, "range": "bytes=0-8", **ranged})
names = "host;x-amz-content-sha256;x-amz-date"
check("GET", "/?lifecycle", {**HEADERS, **signed(names, "fea454ca298b7da1c68078a5d1bdbfbbe0d65c699e0f91ac7a200a0136783543")})
listed = signed(names, "34b48302e7b5fa45bde8084f4b7868a86f0a534bc59db6670ed5711ef69dc6f7")
check("GET", "/?max-keys=2&prefix=J", {**HEADERS, **listed})
check("GET", "/?prefix=J&max-keys=2", {**HEADERS, **listed})
assert is_refused("GET", "/?max-keys=2&prefix=K", {**HEADERS, **listed})

presigned = (
    "/test.txt?X-Amz-Algorithm=AWS4-HMAC-SHA256&X-Amz-Credential=AKIAIOSFODNN7EXAMPLE%2F20130524%2Fus-east-1%2Fs3%2Faws4_request"
    "&X-Amz-Date=20130524T000000Z&X-Amz-Expires=86400&X-Amz-SignedHeaders=host"
    "&X-Amz-Signature=aeeed9bbccd4d02ee5c0109b86d86835f995330da4c265957d157751f604d404"
)
host = {"host": "examplebucket.s3.amazonaws.com"}
check("GET", presigned, host)
for other in (presigned.replace("86400", "86401"), presigned + "&X-Amz-Expires=86400", presigned.replace("test", "other"), presigned + "0"):
    assert is_refused("GET", other, host), other
NOW = datetime(2013, 5, 25, 0, 0, 1, tzinfo=timezone.utc)
assert is_refused("GET", presigned, host), "a day has passed"
NOW = datetime(2013, 5, 24, tzinfo=timezone.utc)

target = "/examplebucket/chunkObject.txt"
upload = {
    "host": "s3.amazonaws.com",
    "x-amz-date": "20130524T000000Z",
    "x-amz-storage-class": "REDUCED_REDUNDANCY",
    "content-encoding": "aws-chunked",
    "x-amz-decoded-content-length": "66560",
    "content-length": "66824",
}
names = "content-encoding;content-length;host;x-amz-content-sha256;x-amz-date;x-amz-decoded-content-length;x-amz-storage-class"
seed = signed(names, "4f232c4386841ef735655705268965c44a0e4690baa4adea153f7db9fa80a0a9")
headers = {**upload, "x-amz-content-sha256": gate.CHUNKS, **seed}
body = chunks(
    [
        "ad80c730a21e5b8d04586a2213dd63b9a0e99e0e2307b0ade35a65485a288648",
        "0055627c9e194cb4542bae2aa5492e3c1575bbb81b612b7d234b86a503ef5497",
        "b6c6ea8a5354eaf15b3cb7646744f4275b71ea724fed81ceb9323e279d449df9",
    ]
)
check("PUT", target, headers, body)
for other in (body.replace(b"a\r\n0", b"b\r\n0"), body[:-10], body + b"x", body.split(b"\r\n0;")[0], body[65536 + 100 :], b""):
    assert is_refused("PUT", target, headers, other), other[-100:]

names = "content-encoding;host;x-amz-content-sha256;x-amz-date;x-amz-decoded-content-length;x-amz-storage-class;x-amz-trailer"
seed = signed(names, "106e2a8a18243abcf37539882f36619c00e2dfc72633413f02d3b74544bfeb8e")
headers = {**upload, "x-amz-content-sha256": gate.CHUNKS_TRAILER, "x-amz-trailer": "x-amz-checksum-crc32c", **seed}
trailer = b"x-amz-checksum-crc32c:sOO8/Q==\r\n"
trailer += b"x-amz-trailer-signature:d81f82fc3505edab99d459891051a732e8730629a2e4a59689829ca17fe2e435\r\n\r\n"
signatures = [
    "b474d8862b1487a5145d686f57f013e54db672cee1c953b3010fb58501ef5aa2",
    "1c1344b170168f8e65b41376b44b20fe354e373826ccbbe2c1d40a8cae51e5c7",
    "2ca2aba2005185cf7159c6277faf83795951dd77a3a99e6e65d5c9f85863f992",
]
check("PUT", target, headers, chunks(signatures, trailer))
assert is_refused("PUT", target, headers, chunks(signatures, trailer.replace(b"sOO8", b"sOO9")))
