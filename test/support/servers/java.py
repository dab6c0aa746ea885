"""Java servers out of Maven Central, fetched once into the cache folder by Maven itself, which checks every checksum."""
import os
import pathlib
import re
import shutil
import subprocess
import tempfile

from . import process

LOG4J = """<Configuration status="WARN"><Appenders><Console name="C" target="SYSTEM_OUT">
<PatternLayout pattern="[%d{ISO8601}][%p][%c{1.}] %m%n"/></Console></Appenders>
<Loggers><Root level="info"><AppenderRef ref="C"/></Root></Loggers></Configuration>
"""


def java() -> str:
    path = shutil.which("java")
    assert path, "java is not installed: run scripts/deps --test"
    return path


def major(program: str | None = None) -> int:
    """17, 21, ...: what `java` is, or another one."""
    text = subprocess.run([program or java(), "-version"], capture_output=True, text=True, check=True).stderr
    return int(re.search(r'version "(\d+)', text)[1])


def at_least(version: int) -> str | None:
    """`java` if it is new enough, else the first of those below JAVA_HOME and /usr/lib/jvm that is."""
    homes = [pathlib.Path(os.environ[name]) for name in ("JAVA_HOME",) if os.environ.get(name)]
    homes += sorted(pathlib.Path("/usr/lib/jvm").glob("*"))
    programs = [java(), *(str(home / "bin" / "java") for home in homes if (home / "bin" / "java").exists())]
    return next((program for program in programs if major(program) >= version), None)


def maven(*arguments):
    assert shutil.which("mvn"), "maven is not installed: run scripts/deps --test"
    done = subprocess.run(["mvn", "-q", "-B", *arguments], capture_output=True, text=True, timeout=900)
    assert done.returncode == 0, f"maven failed\n{done.stdout[-3000:]}{done.stderr[-1000:]}"


def install(name: str, fetch) -> pathlib.Path:
    """The folder `name` of the cache, made by fetch(folder) if it is not there: whole or not at all."""
    target = process.cache() / name
    with process.locked(name):
        if not target.exists():
            stage = pathlib.Path(tempfile.mkdtemp(prefix="stage-", dir=process.cache()))
            try:
                fetch(stage)
                stage.rename(target)
            except BaseException:
                process.remove(stage)
                raise
    return target


def jars(packages: list[str], folder: pathlib.Path):
    """The packages ("group:artifact:version") and all they need, into folder."""
    items = "".join(
        "<dependency><groupId>{}</groupId><artifactId>{}</artifactId><version>{}</version></dependency>".format(
            *package.split(":")) for package in packages)
    pom = folder / "pom.xml"
    pom.write_text('<project xmlns="http://maven.apache.org/POM/4.0.0"><modelVersion>4.0.0</modelVersion>'
                   "<groupId>x</groupId><artifactId>x</artifactId><version>1</version><packaging>pom</packaging>"
                   f"<dependencies>{items}</dependencies></project>")
    maven("-f", str(pom), "dependency:copy-dependencies", f"-DoutputDirectory={folder / 'libs'}")


def log_config(folder: pathlib.Path) -> str:
    path = folder / "log4j2.xml"
    path.write_text(LOG4J)
    return f"-Dlog4j2.configurationFile={path}"
