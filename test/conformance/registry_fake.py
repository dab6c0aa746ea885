"""A schema registry in a thread: enough of Confluent's API to hand out ids and remember texts."""
import http.server
import json
import threading
import urllib.parse


class FakeRegistry:
    def __init__(self):
        self.ids, self.texts, self.subjects = {}, {}, {}
        fake = self

        class Handler(http.server.BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def log_message(self, *_):
                pass

            def answer(self, status, body):
                data = json.dumps(body).encode()
                self.send_response(status)
                self.send_header("Content-Type", "application/vnd.schemaregistry.v1+json")
                self.send_header("Content-Length", str(len(data)))
                self.end_headers()
                self.wfile.write(data)

            def parts(self):
                return [urllib.parse.unquote(part) for part in self.path.partition("?")[0].split("/")][1:]

            def do_POST(self):
                """/subjects/S/versions registers; /subjects/S, which readers ask, looks up."""
                body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
                subject = self.parts()[1]
                number = fake.register(subject, body["schema"])
                self.answer(200, {"subject": subject, "id": number, "schema": body["schema"],
                                  "version": fake.subjects[subject].index(body["schema"]) + 1})

            def do_GET(self):
                """/schemas/ids/N"""
                self.answer(200, {"schema": fake.texts[int(self.parts()[2])]})

        self.server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.server.server_port}"
        threading.Thread(target=self.server.serve_forever, daemon=True).start()

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
