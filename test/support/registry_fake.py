"""A schema registry in a thread: enough of Confluent's API to hand out ids and remember texts.

authority: HTTPS with a certificate of that servers.certificates.Authority, and with clients=True only for who has one, too.
authorization: the header that a request must carry; others get 401. redirect: where every request is sent on to.
"""
import http.server
import json
import ssl
import threading
import urllib.parse


class FakeRegistry:
    def __init__(self, authority=None, clients=False, authorization=None, redirect=None):
        self.ids, self.texts, self.subjects, self.requests = {}, {}, {}, 0
        self.authorization, self.redirect = authorization, redirect
        fake = self

        class Handler(http.server.BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def log_message(self, *_):
                pass

            def answer(self, status, body, **headers):
                data = json.dumps(body).encode()
                self.send_response(status)
                self.send_header("Content-Type", "application/vnd.schemaregistry.v1+json")
                self.send_header("Content-Length", str(len(data)))
                for name, value in headers.items():
                    self.send_header(name, value)
                self.end_headers()
                self.wfile.write(data)

            def parts(self):
                return [urllib.parse.unquote(part) for part in self.path.partition("?")[0].split("/")][1:]

            def refused(self):
                fake.requests += 1
                if fake.redirect:
                    self.answer(307, {}, Location=fake.redirect + self.path)
                elif fake.authorization and self.headers["Authorization"] != fake.authorization:
                    self.answer(401, {"error_code": 40101, "message": "who are you?"})
                else:
                    return False
                return True

            def do_POST(self):
                """/subjects/S/versions registers; /subjects/S, which readers ask, looks up."""
                body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
                if self.refused():
                    return
                subject = self.parts()[1]
                number = fake.register(subject, body["schema"])
                self.answer(200, {"subject": subject, "id": number, "schema": body["schema"],
                                  "version": fake.subjects[subject].index(body["schema"]) + 1})

            def do_GET(self):
                """/schemas/ids/N; nothing else is known."""
                if self.refused():
                    return
                number = self.parts()[2] if self.parts()[:2] == ["schemas", "ids"] else ""
                if number.isdigit() and int(number) in fake.texts:
                    self.answer(200, {"schema": fake.texts[int(number)]})
                else:
                    self.answer(404, {"error_code": 40401, "message": "not found"})

        class Server(http.server.ThreadingHTTPServer):
            def handle_error(self, request, address):
                """A client that refuses us, or is refused, is what some tests are about."""

        self.server = Server(("127.0.0.1", 0), Handler)
        if authority:
            self._tls(authority, clients)
        self.url = f"http{'s' if authority else ''}://127.0.0.1:{self.server.server_port}"
        threading.Thread(target=self.server.serve_forever, daemon=True).start()

    def _tls(self, authority, clients):
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(*authority.issue("registry"))
        if clients:
            context.load_verify_locations(authority.ca)
            context.verify_mode = ssl.CERT_REQUIRED
        # the handshake belongs to the connection's own thread: who fails it must not hold up the next
        self.server.socket = context.wrap_socket(self.server.socket, server_side=True, do_handshake_on_connect=False)

    def register(self, subject, text) -> int:
        number = self.ids.setdefault(text, len(self.ids) + 1)
        self.texts[number] = text
        versions = self.subjects.setdefault(subject, [])
        if text not in versions:
            versions.append(text)
        return number

    def close(self):
        self.server.shutdown()
        self.server.server_close()
