"""The local AWS as a process: moto and its extensions behind one loopback port."""

import json
import os
import sys
import time
import traceback
import uuid
from pathlib import Path
from typing import Any
from xml.sax.saxutils import escape

from werkzeug.serving import make_server

# Read by moto while it is imported.
os.environ["MOTO_IAM_LOAD_MANAGED_POLICIES"] = "true"
os.environ.setdefault("MOTO_ACCOUNT_ID", "123456789012")
os.environ["MOTO_ENABLE_AMI_VALIDATION"] = os.environ["MOTO_EC2_ENABLE_INSTANCE_TYPE_VALIDATION"] = "true"

from moto.moto_server.werkzeug_app import (
    DomainDispatcherApplication,
    MotoRequestHandler,
    create_backend_app,
)

from local.aws import extensions

BOOT_PATH = "/rayeks/boot"


class Application:
    """moto's dispatcher, with this server's own page and answers that clients do not retry in vain."""

    def __init__(self) -> None:
        self.boot = {"boot": str(uuid.uuid4()), "started": time.time(), "pid": os.getpid()}
        self.moto = DomainDispatcherApplication(create_app)

    def __call__(self, environ: dict[str, Any], start_response: Any) -> Any:
        if environ.get("PATH_INFO") == BOOT_PATH:
            return _answer(start_response, "200 OK", json.dumps(self.boot), [])
        began = time.monotonic()
        status = "500"

        def starting(line: str, headers: Any, error: Any = None) -> Any:
            nonlocal status
            status = line.split()[0]
            return start_response(line, headers, error)

        try:
            return self.moto(environ, starting)
        except NotImplementedError as missing:
            status = "501"
            return _refusal(environ, start_response, "501 Not Implemented", "NotImplemented", str(missing))
        except Exception as error:
            traceback.print_exc()
            message = f"{type(error).__name__}: {error}"
            return _refusal(environ, start_response, "500 Internal Server Error", "InternalFailure", message)
        finally:
            _log(environ, status, time.monotonic() - began)


def create_app(service: Any) -> Any:
    """moto's application of one service; a service that nobody implements is named in the answer."""
    if service is None:
        raise NotImplementedError("The local AWS has no such service")
    app = create_backend_app(service)
    # Let Application answer: Flask's debug pages are no use to an AWS client.
    app.debug = False
    app.config["PROPAGATE_EXCEPTIONS"] = True
    return app


class Handler(MotoRequestHandler):
    """One line a request is written by Application, which knows the operation."""

    def log_request(self, code: int | str = "-", size: int | str = "-") -> None:
        """Stay quiet."""


def serve(port: int, *, endpoint: str | None = None, ca: Path | None = None) -> None:
    """Serve until killed. EKS clusters answer with `endpoint` and `ca` as their API server, where given."""
    extensions.install(endpoint=endpoint, ca=ca.read_bytes() if ca else None)
    server: Any = make_server("127.0.0.1", port, Application(), threaded=True, request_handler=Handler)
    server.daemon_threads = True
    print(f"local AWS on http://127.0.0.1:{port}", file=sys.stderr, flush=True)
    server.serve_forever()


def _refusal(environ: dict[str, Any], start_response: Any, status: str, code: str, message: str) -> list[bytes]:
    """An error in the dialect of the request, so that the client can show the message."""
    form = environ.get("CONTENT_TYPE", "").startswith("application/x-www-form-urlencoded")
    if not form and "/s3/" not in environ.get("HTTP_AUTHORIZATION", ""):
        document = {"__type": code, "message": message}
        return _answer(start_response, status, json.dumps(document), [("x-amzn-ErrorType", code)])
    error = f"<Code>{code}</Code><Message>{escape(message)}</Message>"
    if not form:
        body = f"<Error>{error}</Error>"
    elif "/ec2/" in environ.get("HTTP_AUTHORIZATION", ""):
        body = f"<Response><Errors><Error>{error}</Error></Errors></Response>"
    else:
        body = f"<ErrorResponse><Error>{error}</Error></ErrorResponse>"
    return _answer(start_response, status, body, [], kind="text/xml")


def _answer(
    start_response: Any, status: str, text: str, headers: list[tuple[str, str]], kind: str = "application/json"
) -> list[bytes]:
    body = text.encode()
    start_response(status, [("Content-Type", kind), ("Content-Length", str(len(body))), *headers])
    return [body]


def _log(environ: dict[str, Any], status: str, seconds: float) -> None:
    operation = environ.get("rayeks.operation") or f"{environ.get('REQUEST_METHOD')} {environ.get('PATH_INFO')}"
    sys.stderr.write(f"{status} {seconds * 1000:5.0f} ms {operation}\n")
    sys.stderr.flush()
