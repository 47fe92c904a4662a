"""The gate of the local cloud: starts MiniStack behind it, on both addresses of this machine, and decides which requests MiniStack sees.

A request passes if it names this machine as its host, comes from no foreign web site, and either is signed with the keys of this run or is one
that a browser sends to the shop unsigned. Whatever is refused is answered with 403, which no page can read.

Knows the shop only by the origin that its deployed functions allow. Changes no file of MiniStack: it puts itself in place of the ASGI
application, of the environment and of the Runtime API of functions. docs/adr/0038-the-local-cloud-is-closed.md says why.
"""

import argparse
import errno
import hashlib
import hmac
import json
import os
import re
import secrets
import socket
import sys
from datetime import datetime, timedelta, timezone
from functools import lru_cache
from urllib.parse import quote, unquote
from xml.sax.saxutils import escape

# The key that MiniStack gives to functions, with the secret of its environment: the number of their account, of which there is one. The
# key of a run is no number, and MiniStack takes it for the same account.
FUNCTIONS_KEY = "000000000000"

# How far the time of a signature may be from now: the longest that any service of AWS accepts.
# <https://docs.aws.amazon.com/AmazonS3/latest/API/sig-v4-authenticating-requests.html>
PATIENCE = timedelta(minutes=15)

# The longest that a presigned URL is valid: <https://docs.aws.amazon.com/AmazonS3/latest/API/sigv4-query-string-auth.html>.
LONGEST = 604_800

METHODS = {"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"}

# A second one of these would be for MiniStack to choose from.
SINGLE = {
    b"authorization", b"content-encoding", b"content-type", b"host", b"origin", b"sec-fetch-site", b"x-amz-content-sha256", b"x-amz-date",
    b"x-amz-security-token", b"x-amz-target",
}

# The routes of deployed APIs, in both of MiniStack's spellings: pages use the first, distributions the second. Not the management of
# WebSocket connections, which is AWS's side.
API = re.compile(
    r"(/restapis/[a-z0-9]+/[A-Za-z0-9_-]+/_user_request_|/_aws/execute-api/[a-z0-9]+/[A-Za-z0-9_-]+)(?!/@connections)(/.*)?", re.DOTALL
)

# The keys that tokens are signed with. No bucket can have such a name.
SIGNING_KEYS = re.compile(r"/[a-z]+(-[a-z]+)+-[0-9]_[A-Za-z0-9]+/\.well-known/jwks\.json")

HEALTH = {"/_ministack/health", "/_ministack/ready"}

# What a user pool answers without an account's credentials, to anybody or to the bearer of an access token.
# <https://docs.aws.amazon.com/cognito/latest/developerguide/authentication-flows-public-server-side.html>
COGNITO = "AWSCognitoIdentityProviderService."
PUBLIC = {
    "AssociateSoftwareToken", "ChangePassword", "CompleteWebAuthnRegistration", "ConfirmDevice", "ConfirmForgotPassword", "ConfirmSignUp",
    "DeleteUser", "DeleteUserAttributes", "DeleteWebAuthnCredential", "ForgetDevice", "ForgotPassword", "GetDevice",
    "GetTokensFromRefreshToken", "GetUser", "GetUserAttributeVerificationCode", "GetUserAuthFactors", "GlobalSignOut", "InitiateAuth",
    "ListDevices", "ListWebAuthnCredentials", "ResendConfirmationCode", "RespondToAuthChallenge", "RevokeToken", "SetUserMFAPreference",
    "SetUserSettings", "SignUp", "StartWebAuthnRegistration", "UpdateAuthEventFeedback", "UpdateDeviceStatus", "UpdateUserAttributes",
    "VerifySoftwareToken", "VerifyUserAttribute",
}
COGNITO_TYPE = "application/x-amz-json-1.1"
COGNITO_HEADERS = "amz-sdk-invocation-id, amz-sdk-request, cache-control, content-type, x-amz-target, x-amz-user-agent"

# The services that answer in XML, by their models in botocore; all others answer in JSON.
XML = {
    "autoscaling", "cloudformation", "cloudfront", "ec2", "elasticache", "elasticloadbalancing", "email", "iam", "monitoring", "rds",
    "redshift", "route53", "s3", "sns", "sts",
}

# A distribution's host, which MiniStack answers for as CloudFront does.
DISTRIBUTION = re.compile(r"[a-z0-9]+\.cloudfront\.net(:[0-9]+)?")

AUTHORIZATION = re.compile(
    r"AWS4-HMAC-SHA256 +Credential=([^/,\s]+)/([0-9]{8})/([^/,\s]+)/([^/,\s]+)/aws4_request *,"
    r" *SignedHeaders=([^,\s]+) *, *Signature=([0-9a-f]{64})"
)
TIME = re.compile(r"[0-9]{8}T[0-9]{6}Z")
HASH = re.compile(r"[0-9a-f]{64}")

UNSIGNED = "UNSIGNED-PAYLOAD"
UNSIGNED_TRAILER = "STREAMING-UNSIGNED-PAYLOAD-TRAILER"
CHUNKS = "STREAMING-AWS4-HMAC-SHA256-PAYLOAD"
CHUNKS_TRAILER = "STREAMING-AWS4-HMAC-SHA256-PAYLOAD-TRAILER"


class Refused(Exception):
    """Why a request is not passed on: one of AWS's error codes, if the request is one of AWS's, and a sentence."""

    def __init__(self, message, code=None):
        super().__init__(message)
        self.message, self.code = message, code


class Request:
    """The head of a request, in the one way it can be read."""

    def __init__(self, scope):
        self.method, self.path, self.raw_path = scope["method"], scope["path"], scope["raw_path"].decode("ascii")
        self.headers = [(name.lower(), value) for name, value in scope["headers"]]
        names = [name for name, _ in self.headers]
        if scope["http_version"] not in ("1.0", "1.1"):
            raise Refused(f"HTTP {scope['http_version']} is not spoken here")
        if self.method not in METHODS or not self.raw_path.startswith("/"):
            raise Refused("this is not a method and a path")
        for name in SINGLE:
            if names.count(name) > 1:
                raise Refused(f"{name.decode()} is said twice")
        query = scope["query_string"].decode("ascii", "replace")
        self.query = [tuple(part.partition("=")[::2]) for part in query.split("&") if part]

    def header(self, name):
        """The value of a header, with all its lines; empty, if it is missing."""
        return ", ".join(value.decode("latin-1").strip() for found, value in self.headers if found == name.encode())

    def parameter(self, name):
        """The value of a parameter; None, if it is missing."""
        found = [unquote(value) for key, value in self.query if unquote(key) == name]
        if len(found) > 1:
            raise Refused(f"{name} is said twice")
        return found[0] if found else None

    def claims_to_be_signed(self):
        """Whether it has any part of a signature of AWS. A bearer's token is no such part."""
        if self.header("authorization").startswith("AWS"):
            return True
        names = {unquote(name).lower() for name, _ in self.query}
        return bool(names & {"x-amz-signature", "x-amz-credential", "x-amz-algorithm", "awsaccesskeyid"})


# Who may speak.


def come_from_here(request, port, shop_origins):
    """Refuses what a foreign web site may have sent. Such a site has another origin, or another name for this machine."""
    host = request.header("host").lower()
    is_distribution = DISTRIBUTION.fullmatch(host) is not None
    # A distribution leaves out the port of its origin.
    own = [f"{name}{end}" for name in ("127.0.0.1", "localhost", "[::1]") for end in (f":{port}", "")]
    if host not in own and not is_distribution:
        raise Refused(f"this is {own[0]}, and not {host or 'a host without a name'}")
    site = request.header("sec-fetch-site")
    if site == "cross-site":
        raise Refused("a page of another site sent this")
    origin = request.header("origin")
    if b"origin" in dict(request.headers):
        if origin not in shop_origins():
            raise Refused(f"only pages of the shop may call from a browser, not those of {origin or 'nowhere'}")
    elif site not in ("", "none"):
        # Pages of the shop have an origin of their own, and browsers name it in each of their calls.
        raise Refused("a page that does not say its origin sent this")
    return is_distribution


# What is signed. <https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_sigv-create-signed-request.html>


class Signature:
    """What a request says of its signature, in its header or, presigned, in its parameters."""

    def __init__(self, request):
        header = request.header("authorization")
        self.is_presigned = not header.startswith("AWS")
        if self.is_presigned:
            algorithm, credential, self.time, signed, self.signature = (
                request.parameter(f"X-Amz-{name}") or "" for name in ("Algorithm", "Credential", "Date", "SignedHeaders", "Signature")
            )
            header = f"{algorithm} Credential={credential},SignedHeaders={signed},Signature={self.signature}"
        else:
            self.time = request.header("x-amz-date")
            if request.parameter("X-Amz-Signature") is not None:
                raise Refused("this is signed twice", "IncompleteSignature")
        read = AUTHORIZATION.fullmatch(header)
        if read is None or TIME.fullmatch(self.time) is None:
            raise Refused("the signature is incomplete, or not of version 4", "IncompleteSignature")
        self.key, self.date, self.region, self.service, signed, self.signature = read.groups()
        self.signed = signed.split(";")
        self.scope = f"{self.date}/{self.region}/{self.service}/aws4_request"

    def check_time(self, now, expires):
        """Refuses what was signed too long ago, or in the future."""
        try:
            signed_at = datetime.strptime(self.time, "%Y%m%dT%H%M%SZ").replace(tzinfo=timezone.utc)
        except ValueError:
            raise Refused("the time of the signature is none", "IncompleteSignature") from None
        if self.date != self.time[:8]:
            raise Refused("the signature names two days", "SignatureDoesNotMatch")
        patience = PATIENCE
        if self.is_presigned:
            if re.fullmatch("[0-9]{1,6}", expires or "") is None or not 1 <= int(expires) <= LONGEST:
                raise Refused("X-Amz-Expires is a number of seconds up to a week", "AuthorizationQueryParametersError")
            patience = timedelta(seconds=int(expires))
        if not now - patience <= signed_at <= now + PATIENCE:
            raise Refused(f"it was signed at {self.time}, and the time is {now:%Y%m%dT%H%M%SZ}", "RequestTimeTooSkewed")


def of_this_run(request, keys, now):
    """The signature that a request claims to have, by one of `keys` and not long ago. Its body need not be here yet."""
    signature = Signature(request)
    signature.check_time(now, request.parameter("X-Amz-Expires"))
    if signature.key not in keys:
        raise Refused("this access key is not of this run of the local cloud", "InvalidClientTokenId")
    return signature


def verify(request, signature, body, secret):
    """Refuses a request that was not signed with this secret, or whose signature leaves out what decides its meaning."""
    # What AWS reads from headers has to be signed. SDKs sign this one or not, and nothing depends on it.
    needed = {name.decode() for name, _ in request.headers if name.startswith(b"x-amz-")} - {"x-amz-user-agent"}
    if not (needed | {"host"}) <= set(signature.signed):
        raise Refused("the signature leaves out a header", "SignatureDoesNotMatch")
    payload = payload_of(request, signature, body)
    text = "\n".join(
        [
            request.method,
            request.raw_path if signature.service == "s3" else quote(without_dots(request.raw_path), safe="/-_.~"),
            canonical_query(request),
            *(f"{name}:{' '.join(joined(request, name).split())}" for name in signature.signed),
            "",
            ";".join(signature.signed),
            payload,
        ]
    )
    to_sign = "\n".join(["AWS4-HMAC-SHA256", signature.time, signature.scope, digest(text.encode("latin-1"))])
    key = signing_key(secret, signature.date, signature.region, signature.service)
    if not is_same(hmac_hex(key, to_sign), signature.signature):
        raise Refused("the signature does not match the secret key of this run", "SignatureDoesNotMatch")
    if payload in (CHUNKS, CHUNKS_TRAILER):
        verify_chunks(body, signature, key)


def payload_of(request, signature, body):
    """What the signature says of the body."""
    said = request.header("x-amz-content-sha256") or request.parameter("X-Amz-Content-Sha256")
    if signature.service == "s3" and signature.is_presigned and said is None or said in (UNSIGNED, UNSIGNED_TRAILER, CHUNKS, CHUNKS_TRAILER):
        return said or UNSIGNED
    found = digest(body)
    if said and (HASH.fullmatch(said) is None or not is_same(said, found)):
        raise Refused("x-amz-content-sha256 is not of this body", "XAmzContentSHA256Mismatch")
    return found


def without_dots(path):
    """A path as every service but S3 signs it: <https://www.rfc-editor.org/rfc/rfc3986#section-5.2.4>."""
    kept = []
    for part in path.split("/"):
        if part == "..":
            kept = kept[:-1]
        elif part not in ("", "."):
            kept.append(part)
    return "/" + "/".join(kept) + ("/" if kept and path.endswith("/") else "")


def canonical_query(request):
    pairs = [(quote(unquote(name), safe="-_.~"), quote(unquote(value), safe="-_.~")) for name, value in request.query]
    return "&".join(f"{name}={value}" for name, value in sorted(pairs) if name != "X-Amz-Signature")


def joined(request, name):
    """All values of a header, as they are signed."""
    return ",".join(value.decode("latin-1").strip() for found, value in request.headers if found == name.encode("latin-1"))


def verify_chunks(body, signature, key):
    """Verifies a body whose chunks are signed one after the other.

    <https://docs.aws.amazon.com/AmazonS3/latest/API/sigv4-streaming.html>, and `sigv4-streaming-trailers.html` for what may follow.
    """
    wrong = Refused("the signature of a chunk does not match", "SignatureDoesNotMatch")
    before, position, size = signature.signature, 0, None
    while size != 0:
        end = body.find(b"\r\n", position)
        head = re.fullmatch(rb"([0-9a-fA-F]{1,8});chunk-signature=([0-9a-f]{64})", body[position:max(end, position)])
        if head is None:
            raise wrong
        size = int(head[1], 16)
        chunk, position = body[end + 2 : end + 2 + size], end + 2 + size
        text = ["AWS4-HMAC-SHA256-PAYLOAD", signature.time, signature.scope, before, digest(b""), digest(chunk)]
        before = hmac_hex(key, "\n".join(text))
        if not is_same(before, head[2].decode()):
            raise wrong
        if size:
            position += 2
    lines = [line for line in body[position:].split(b"\r\n") if line]
    if lines:
        *trailers, last = lines
        name, _, said = last.partition(b":")
        text = b"".join(line.partition(b":")[0].strip().lower() + b":" + line.partition(b":")[2].strip() + b"\n" for line in trailers)
        expected = hmac_hex(key, "\n".join(["AWS4-HMAC-SHA256-TRAILER", signature.time, signature.scope, before, digest(text)]))
        if name.lower() != b"x-amz-trailer-signature" or not is_same(expected, said.strip().decode("latin-1")):
            raise wrong


@lru_cache(maxsize=64)
def signing_key(secret, date, region, service):
    key = ("AWS4" + secret).encode()
    for part in (date, region, service, "aws4_request"):
        key = hmac.digest(key, part.encode(), "sha256")
    return key


def hmac_hex(key, text):
    return hmac.digest(key, text.encode("latin-1"), "sha256").hex()


def digest(content):
    return hashlib.sha256(content).hexdigest()


def is_same(one, other):
    """Takes as long for every pair of the same length."""
    return hmac.compare_digest(one.encode("latin-1"), other.encode("latin-1"))


# What browsers need unsigned.


def unsigned(request):
    """What an unsigned request is: `api`, `cognito`, `preflight` or `public`. Raises Refused if it is none of these."""
    reads = request.method in ("GET", "HEAD")
    if API.fullmatch(request.path):
        return "api"
    if reads and (request.path in HEALTH or SIGNING_KEYS.fullmatch(request.path)):
        return "public"
    if request.path == "/" and not request.query:
        if request.method == "OPTIONS" and request.header("origin") and request.header("access-control-request-method") == "POST":
            return "preflight"
        target = request.header("x-amz-target")
        kind = request.header("content-type").partition(";")[0].strip().lower()
        if request.method == "POST" and kind == COGNITO_TYPE and target.startswith(COGNITO) and target[len(COGNITO) :] in PUBLIC:
            return "cognito"
    raise Refused("this needs a signature with the keys that `cartctl local --credentials` prints", "MissingAuthenticationToken")


def headers_for(kind, headers):
    """The headers that MiniStack gets to see of an unsigned request. With others, it might take the request for another one."""
    if kind == "api":
        return [(name, value) for name, value in headers if not name.startswith(b"x-amz-")]
    meant = (b"host", b"content-type", b"content-length", b"transfer-encoding", b"x-amz-target", b"user-agent", b"origin")
    return [(name, value) for name, value in headers if name in meant]


# The ASGI application.


class Gate:
    """MiniStack's application behind the gate."""

    def __init__(self, application, port, keys, shop_origins):
        self.application, self.port, self.keys, self.shop_origins = application, port, keys, shop_origins

    async def __call__(self, scope, receive, send):
        if scope["type"] == "websocket":
            # The shop has none. The server answers 403.
            await receive()
            await send({"type": "websocket.close", "code": 1008})
        elif scope["type"] == "http":
            await self.http(scope, receive, send)
        else:
            await self.application(scope, receive, send)

    async def http(self, scope, receive, send):
        try:
            request = Request(scope)
            is_distribution = come_from_here(request, self.port, self.shop_origins)
            if request.claims_to_be_signed():
                signature = of_this_run(request, self.keys, datetime.now(timezone.utc))
                body = await whole(receive)
                if body is None:
                    return
                verify(request, signature, body, self.keys[signature.key])
                receive, kind = again(body, receive), "signed"
            elif is_distribution:
                raise Refused("a distribution answers signed requests only", "MissingAuthenticationToken")
            else:
                kind = unsigned(request)
        except Refused as refused:
            await answer(send, scope, 403, *explained(refused, scope))
            return
        origin = request.header("origin")
        if kind == "preflight":
            await answer(send, scope, 204, [*granted(origin), (b"access-control-max-age", b"600")], b"")
            return
        headers = request.headers if kind == "signed" else headers_for(kind, request.headers)
        if is_distribution:
            # The signature is for the gate, and what is behind the distribution takes it for a visitor's.
            ours = (b"authorization", b"x-amz-date", b"x-amz-content-sha256", b"x-amz-security-token")
            headers = [(name, value) for name, value in headers if name not in ours]
        # MiniStack takes this address for the name of a bucket.
        headers = [(name, value.replace(b"[::1]", b"127.0.0.1") if name == b"host" else value) for name, value in headers]
        allowed = granted(origin) if kind == "cognito" and origin else []
        await self.application({**scope, "headers": headers}, receive, with_cors(send, allowed, kind == "api" or is_distribution))


def granted(origin):
    return [
        (b"access-control-allow-origin", origin.encode("latin-1")),
        (b"access-control-allow-methods", b"POST"),
        (b"access-control-allow-headers", COGNITO_HEADERS.encode()),
        (b"access-control-expose-headers", b"x-amzn-errortype, x-amzn-requestid"),
        (b"vary", b"origin"),
    ]


def with_cors(send, allowed, is_own):
    """Sends an answer with `allowed` in place of what MiniStack allows every page. `is_own`: an API says itself what it allows."""

    async def sending(message):
        if message["type"] == "http.response.start":
            headers = message.get("headers", [])
            says = [(name, value) for name, value in headers if name.lower().startswith(b"access-control-")]
            if not is_own or any(value.strip() == b"*" for name, value in says if name.lower() == b"access-control-allow-origin"):
                headers = [(name, value) for name, value in headers if (name, value) not in says]
            message = {**message, "headers": [*headers, *allowed]}
        await send(message)

    return sending


async def whole(receive):
    """The body; None, if the client has gone."""
    parts = []
    while True:
        message = await receive()
        if message["type"] != "http.request":
            return None
        parts.append(message.get("body", b""))
        if not message.get("more_body", False):
            return b"".join(parts)


def again(body, receive):
    """Receives the body that was received already, and then what follows."""
    waiting = [{"type": "http.request", "body": body, "more_body": False}]

    async def receiving():
        return waiting.pop() if waiting else await receive()

    return receiving


def explained(refused, scope):
    """The headers and the body of a refusal, so that SDKs of AWS read the code and people the reason."""
    headers = dict(scope["headers"])
    authorization = headers.get(b"authorization", b"")
    code, text = refused.code, f"the local cloud refuses this: {refused.message}"
    if code is None or not authorization.startswith(b"AWS") and b"x-amz-target" not in headers:
        return [(b"content-type", b"text/plain; charset=utf-8")], f"{text}\n".encode()
    service = re.search(r"/([a-z0-9-]+)/aws4_request", authorization.decode("latin-1"))
    service = service[1] if service else ""
    unknown_key = {"s3": "InvalidAccessKeyId"}.get(service, "InvalidClientTokenId" if service in XML else "UnrecognizedClientException")
    code = unknown_key if code == "InvalidClientTokenId" else code
    if service not in XML or b"x-amz-target" in headers:
        body = json.dumps({"__type": code, "message": text})
        return [(b"content-type", b"application/x-amz-json-1.1"), (b"x-amzn-errortype", code.encode())], body.encode()
    error = f"<Code>{code}</Code><Message>{escape(text)}</Message>"
    body = f"<Error>{error}</Error>" if service == "s3" else f"<ErrorResponse><Error><Type>Sender</Type>{error}</Error></ErrorResponse>"
    return [(b"content-type", b"text/xml")], body.encode()


async def answer(send, scope, status, headers, body):
    length = [] if status == 204 else [(b"content-length", str(len(body)).encode())]
    headers = [*headers, *length, (b"cache-control", b"no-store"), (b"x-content-type-options", b"nosniff")]
    await send({"type": "http.response.start", "status": status, "headers": headers})
    await send({"type": "http.response.body", "body": b"" if scope["method"] == "HEAD" else body})


# MiniStack, as far as it is told something else than it would do by itself.


def shop_origins(lambda_svc, variable):
    """Asks for the origins that the deployed functions allow, as they are at that moment."""

    def asking():
        configurations = (function.get("config") or {} for function in list(lambda_svc._functions._data.values()))
        environments = ((configuration.get("Environment") or {}).get("Variables") or {} for configuration in configurations)
        return {variables[variable] for variables in environments if variables.get(variable, "*") != "*"}

    # Known now rather than with the first page, if it is missing.
    asking()
    return asking


def close_runtime_apis(lambda_runtime, lambda_svc):
    """Gives the Runtime API of each function's process a secret path, which only that process knows.

    Every process of this machine may connect to its port, take the function's events and answer them.
    """
    paths = {}
    environment_for, handler_for = lambda_svc._provided_worker_env, lambda_runtime.ProvidedWorker._build_handler_class

    def environment(config, code_dir, port):
        paths[port] = f"/{secrets.token_urlsafe(24)}"
        return {**environment_for(config, code_dir, port), "AWS_LAMBDA_RUNTIME_API": f"http://127.0.0.1:{port}{paths[port]}"}

    def handler(self, generation, pending):
        class Handler(handler_for(self, generation, pending)):
            def parse_request(self):
                if not super().parse_request():
                    return False
                secret = paths.get(self.server.server_address[1], "")
                if not secret or not is_same(self.path[: len(secret) + 1], f"{secret}/"):
                    self.close_connection = True
                    self.send_error(403)
                    return False
                self.path = self.path[len(secret) :]
                return True

        return Handler

    lambda_svc._provided_worker_env = environment
    lambda_runtime.ProvidedWorker._build_handler_class = handler
    # The other way to run such a function opens a port for each call.
    lambda_svc._execute_function_provided = lambda_svc._execute_function_provided_warm


def has_ipv6(port):
    """Whether this machine has the other address that `localhost` may mean."""
    try:
        with socket.socket(socket.AF_INET6) as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            probe.bind(("::1", port))
    except OSError as error:
        if error.errno == errno.EADDRINUSE:
            raise
        return False
    return True


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--keys", required=True, help="the file with the keys of this run")
    parser.add_argument("--port", type=int, required=True)
    parser.add_argument("--origin-variable", required=True, help="the variable in which functions are told the shop's origin")
    arguments = parser.parse_args()
    with open(arguments.keys, encoding="utf-8") as file:
        said = json.load(file)
    key, secret = said["access_key_id"], said["secret_access_key"]
    # MiniStack verifies presigned URLs of S3 itself, with these, and gives functions the secret.
    os.environ.update(AWS_ACCESS_KEY_ID=key, AWS_SECRET_ACCESS_KEY=secret)

    import hypercorn.asyncio
    from ministack import app
    from ministack.core import lambda_runtime
    from ministack.services import lambda_svc

    close_runtime_apis(lambda_runtime, lambda_svc)
    serve = hypercorn.asyncio.serve

    def serve_behind_the_gate(application, config, **options):
        gate = Gate(application, arguments.port, {key: secret, FUNCTIONS_KEY: secret}, shop_origins(lambda_svc, arguments.origin_variable))

        async def guarded(scope, receive, send):
            await gate(scope, receive, send)

        config.bind = [f"127.0.0.1:{arguments.port}"] + ([f"[::1]:{arguments.port}"] if has_ipv6(arguments.port) else [])
        return serve(guarded, config, **options)

    hypercorn.asyncio.serve = serve_behind_the_gate
    sys.argv = ["ministack"]
    app.main()


if __name__ == "__main__":
    main()
