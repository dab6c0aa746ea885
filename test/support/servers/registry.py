"""Apicurio Registry, in memory, on a free port of 127.0.0.1; Confluent's interface is under .url.

Its default compatibility is NONE where Confluent's is BACKWARD: a test that needs a level sets it.
"""
import pathlib
import subprocess
import tempfile
import urllib.error
import urllib.request

from . import java, process

VERSIONS = {21: "3.3.3", 17: "3.0.9"}  # by the Java they need: Debian 13 has 21, Debian 12 has 17


def fetch(folder: pathlib.Path, version: str):
    java.maven("dependency:copy", f"-Dartifact=io.apicurio:apicurio-registry-app:{version}:tar.gz:all",
               f"-DoutputDirectory={folder / 'download'}")
    archive = folder / "download" / f"apicurio-registry-app-{version}-all.tar.gz"
    unpacked = folder / "app"
    unpacked.mkdir()
    subprocess.run(["tar", "-C", unpacked, "-xzf", archive], check=True)
    process.remove(folder / "download")


class Registry:
    def __init__(self, heap: str = "384m"):
        self.version = next(version for least, version in VERSIONS.items() if java.major() >= least)
        folder = java.install(f"registry-{self.version}", lambda folder: fetch(folder, self.version))
        self.jar = next(jar for pattern in ("quarkus-run.jar", "apicurio-registry-app-*-runner.jar")
                        for jar in folder.rglob(pattern))
        self.port, self.management_port = process.free_port(), process.free_port()
        self.folder = pathlib.Path(tempfile.mkdtemp(prefix="millrace-registry-"))
        self.heap = heap
        self.process = None

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}/apis/ccompat/v7"

    def start(self):
        command = [java.java(), f"-Xmx{self.heap}", "-XX:+UseSerialGC", "-XX:TieredStopAtLevel=1",
                   "-Dquarkus.http.host=127.0.0.1", f"-Dquarkus.http.port={self.port}",
                   "-Dquarkus.management.host=127.0.0.1", f"-Dquarkus.management.port={self.management_port}",
                   "-Dquarkus.log.level=WARN", "-Dapicurio.rest.deletion.group.enabled=true",
                   "-Dapicurio.rest.deletion.artifact.enabled=true",
                   "-Dapicurio.rest.deletion.artifactVersion.enabled=true", "-jar", self.jar]
        self.process = process.Process(command, self.folder / "log", cwd=self.jar.parent)
        process.wait_until(self._answers, 300, "schema registry", self.process)
        return self

    def _answers(self) -> bool:
        try:
            with urllib.request.urlopen(f"{self.url}/subjects", timeout=5) as answer:
                return answer.status == 200
        except (urllib.error.URLError, OSError):
            return False

    def stop(self):
        if self.process:
            self.process.stop()

    def kill9(self):
        self.process.kill9()

    def close(self):
        if self.process:
            self.process.kill9()
        process.remove(self.folder)
