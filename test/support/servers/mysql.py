"""A MySQL of its own: a copy of an initialised data directory in a temporary folder, a free port of 127.0.0.1.

Row format, full row metadata, GTIDs. Anybody may log in as root without a password; other accounts are the test's. The
programs are those that fetch-mysql unpacked into the cache folder; nothing is installed and no rights are needed.
MySQL(gtid_mode="OFF", binlog_row_metadata="MINIMAL") sets options of the server (None leaves one out), secure=True
gives it a certificate of .authority, environment={"TZ": "Europe/Berlin"} words of its environment. follow(primary) makes
it a replica, promote() ends that.

MariaDB (mariadb.py) is the same class with other words where the two have parted.
"""
import contextlib
import os
import pathlib
import shlex
import signal
import subprocess
import tempfile

import pymysql

from . import process
from .certificates import Authority

HERE = pathlib.Path(__file__).resolve().parent
# Of a process that is killed the system keeps what was written: these lose something only when the machine dies.
CAREFREE = {"innodb_flush_log_at_trx_commit": 2, "sync_binlog": 0, "innodb_doublewrite": 0}


def fetched(name: str) -> pathlib.Path:
    """The folder of a server's programs and first data; brought in if it is not there."""
    folder = process.cache() / name
    if not (folder / "data").exists():
        done = subprocess.run([HERE / "fetch-mysql", name], capture_output=True, text=True, timeout=900,
                              env=os.environ | {"MILLRACE_CACHE": str(process.cache())})
        assert done.returncode == 0, done.stderr
    return folder


class MySQL:
    package = "mysql"
    title = "MySQL"
    options = CAREFREE | {
        "bind_address": "127.0.0.1", "max_connections": 200, "default_time_zone": "+00:00",
        "log_bin": "binlog", "binlog_format": "ROW", "binlog_row_image": "FULL", "binlog_row_metadata": "FULL",
        "log_bin_trust_function_creators": 1, "innodb_buffer_pool_size": 32 << 20, "performance_schema": "OFF"}
    own_options = {"gtid_mode": "ON", "enforce_gtid_consistency": "ON", "mysqlx": 0,
                   "innodb_redo_log_capacity": 8 << 20}
    start_replica, stop_replica, forget_replica = "start replica", "stop replica", "reset replica all"

    def __init__(self, secure: bool = False, environment: dict[str, str] | None = None, **settings):
        self.environment = environment
        self.programs = fetched(self.package)
        self.folder = pathlib.Path(tempfile.mkdtemp(prefix=f"millrace-{self.package}-"))
        self.data = self.folder / "data"
        self.port = process.free_port()
        self.process = None
        self.settings = self.options | self.own_options | {"server_id": self.port} | settings
        self.authority = Authority(self.folder / "certificates") if secure else None
        if self.authority:
            certificate, key = self.authority.issue("server")
            self.settings = {"ssl_ca": self.authority.ca, "ssl_cert": certificate, "ssl_key": key} | self.settings
        subprocess.run(["cp", "-a", "--reflink=auto", self.programs / "data", self.data], check=True)

    # Life

    def configure(self, **settings):
        """Sets options; they are taken at the next start."""
        self.settings |= settings

    def start(self):
        """Starts, or starts again after stop or kill9, on the same port."""
        words = self.settings | {"datadir": self.data, "tmpdir": self.folder, "port": self.port,
                                 "socket": self.folder / "socket", "pid_file": self.folder / "pid"}
        options = [f"--{name}={value}" for name, value in words.items() if value is not None]
        self.process = process.Process([self.programs / "server", *options], self.folder / "log",
                                       env=os.environ | (self.environment or {}))
        process.wait_until(self._answers, 120, f"{self.title} on port {self.port}", self.process)
        return self

    def _answers(self) -> bool:
        with contextlib.suppress(pymysql.OperationalError):
            self.sql("select 1")
            return True
        return False

    def stop(self):
        if self.process:
            self.process.stop(seconds=60)

    def kill9(self):
        """Dies at once; the next start recovers from its logs."""
        self.process.kill9()

    def restart(self):
        self.stop()
        return self.start()

    def freeze(self):
        self.process.send(signal.SIGSTOP)

    def thaw(self):
        self.process.send(signal.SIGCONT)

    def close(self):
        if self.process:
            self.process.kill9()
        process.remove(self.folder)

    # Statements

    def dsn(self, user: str = "root") -> str:
        return f"mysql://{user}@127.0.0.1:{self.port}"

    def connect(self, database=None, user="root", password="", autocommit=True, **more):
        return pymysql.connect(host="127.0.0.1", port=self.port, user=user, password=password, database=database,
                               autocommit=autocommit, charset="utf8mb4", connect_timeout=30, **more)

    def sql(self, query: str, parameters=None, database=None):
        """Runs one statement by itself; the rows as a list of tuples, [] when it has none."""
        with self.connect(database) as connection, connection.cursor() as cursor:
            cursor.execute(query, parameters)
            return list(cursor.fetchall())

    def one(self, query: str, parameters=None, database=None):
        """The only value of the only row."""
        return self.sql(query, parameters, database)[0][0]

    def script(self, text: str, database=None, user: str = "root", password: str = "", force: bool = False,
               words: tuple[str, ...] = ()) -> str:
        """Feeds a script to the client, which returns its rows with tabs between them. A failing statement fails the
        test, unless force lets the rest run. words: further options of the client."""
        words = [*words, "-u", user, "-N", "-B", *(["-f"] if force else []), *([database] if database else [])]
        done = subprocess.run([*self._client(), *words], input=text, capture_output=True, text=True,
                              timeout=300, env=os.environ | {"MYSQL_PWD": password})
        assert force or done.returncode == 0, done.stderr
        return done.stdout

    def _client(self) -> list[str]:
        return [str(self.programs / "client"), "-h", "127.0.0.1", "-P", str(self.port)]

    def client_script(self, path: pathlib.Path):
        """Writes a command that is this server's client, as root unless it is told otherwise."""
        path.write_text(f'#!/bin/sh\nexec {shlex.join(self._client())} -u root "$@"\n')
        path.chmod(0o755)

    def account(self, name: str = "cdc", password: str = "secret", grants: tuple[str, ...] | None = None) -> str:
        """Makes an account with what a pipeline needs, or with the grants given; returns its DSN."""
        self.sql(f"create user `{name}`@'%%' identified by %s", [password])
        for grant in self.rights() if grants is None else grants:
            self.sql(f"grant {grant} to `{name}`@'%'")
        return self.dsn(name)

    def rights(self) -> tuple[str, ...]:
        return ("replication slave, replication client on *.*", "select on *.*")

    # The binary log

    def logs(self) -> list[str]:
        return [row[0] for row in self.sql("show binary logs")]

    def events(self, log: str | None = None) -> list[str]:
        """The kinds of the events of a log (the newest by itself), in their order."""
        return [row[2] for row in self.sql(f"show binlog events in '{log or self.logs()[-1]}'")]

    def rotate(self):
        self.sql("flush binary logs")

    def purge(self):
        """Throws away all logs but a new one; MariaDB needs the last one until a checkpoint that it makes in its own time."""
        self.rotate()
        newest = self.logs()[-1]

        def alone():
            self.sql("purge binary logs to %s", [newest])
            return self.logs() == [newest]

        process.wait_until(alone, 30, "older logs purged")

    def gtids(self) -> str:
        """What was executed."""
        return self.one("select @@global.gtid_executed").replace("\n", "")

    # A pair

    def follow(self, primary: "MySQL"):
        """Makes this server, which has nothing of its own yet, a replica of the other, which has all its logs."""
        self.sql(self._change(primary))
        self.sql(self.start_replica)
        self.sql("set global read_only = 1")
        return self

    def _change(self, primary: "MySQL") -> str:
        return (f"change replication source to source_host='127.0.0.1', source_port={primary.port}, source_user='root', "
                "source_auto_position=1, source_connect_retry=1, get_source_public_key=1")

    def caught_up(self, primary: "MySQL"):
        """Waits until all that primary has executed was executed here."""
        assert self.one("select wait_for_executed_gtid_set(%s, 60)", [primary.gtids()]) == 0, "replica is behind"

    def promote(self):
        self.sql(self.stop_replica)
        self.sql(self.forget_replica)
        self.sql("set global read_only = 0")


class Database:
    """A database of one test."""

    def __init__(self, server: MySQL, name: str):
        self.server = server
        self.name = name
        server.sql(f"create database `{name}`")

    @property
    def dsn(self) -> str:
        return self.server.dsn()

    def sql(self, query, parameters=None):
        return self.server.sql(query, parameters, self.name)

    def one(self, query, parameters=None):
        return self.server.one(query, parameters, self.name)

    def connect(self, **more):
        return self.server.connect(self.name, **more)

    def script(self, text, **more) -> str:
        return self.server.script(text, self.name, **more)

    def close(self):
        if self.server.process is None or self.server.process.ended():
            self.server.start()
        self.server.sql(f"drop database if exists `{self.name}`")
