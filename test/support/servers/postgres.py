"""A PostgreSQL of its own: initdb into a temporary folder, wal_level logical, a free port of 127.0.0.1.

Anybody may log in without a password, except members of the role needs_password (SCRAM): give a test's role
that membership to see a wrong password refused. Used as root, the server runs as the system user postgres.
MR_PG_VERSION picks a version; otherwise the highest one installed is taken.
"""
import os
import pathlib
import pwd
import shutil
import signal
import subprocess
import tempfile

import psycopg

from . import process

SETTINGS = {
    "listen_addresses": "'127.0.0.1'",
    "unix_socket_directories": "''",
    "wal_level": "logical",
    "max_wal_senders": "40",
    "max_replication_slots": "40",
    "max_connections": "200",
    "max_prepared_transactions": "20",
    "shared_buffers": "'64MB'",
    "timezone": "'UTC'",
    "fsync": "off",
    "wal_sender_timeout": "'60s'",
}
HBA = """host all +needs_password 127.0.0.1/32 scram-sha-256
host replication +needs_password 127.0.0.1/32 scram-sha-256
host all all 127.0.0.1/32 trust
host replication all 127.0.0.1/32 trust
"""


def installed() -> dict[int, pathlib.Path]:
    """Major version -> folder of its programs."""
    found = {}
    for program in pathlib.Path("/usr/lib/postgresql").glob("*/bin/postgres"):
        found[int(program.parts[-3])] = program.parent
    return found


def fetched() -> dict[int, pathlib.Path]:
    """The same for what fetch-postgres brought; used only by name."""
    folder = pathlib.Path("/var/cache/millrace") if os.geteuid() == 0 else process.cache()
    return {int(program.parts[-3].removeprefix("pg")): program.parent for program in folder.glob("pg[0-9]*/bin/postgres")}


def fetch(*versions: int):
    """Brings them in, unless they are there."""
    script = pathlib.Path(__file__).with_name("fetch-postgres")
    done = subprocess.run([script, *map(str, versions)], capture_output=True, text=True, timeout=600)
    assert done.returncode == 0, done.stderr


class Postgres:
    def __init__(self, version: int | None = None, copy_of: "Postgres | None" = None, **settings):
        """copy_of: a base backup of that server, which runs; follow() makes it a standby, else it is a restored backup."""
        found = installed()
        assert found, "no PostgreSQL under /usr/lib/postgresql: run scripts/deps --test"
        wanted = version or (copy_of and copy_of.version) or int(os.environ.get("MR_PG_VERSION") or 0) or max(found)
        found = fetched() | found
        assert wanted in found, f"PostgreSQL {wanted} is not there: run test/support/servers/fetch-postgres {wanted}"
        self.version = wanted
        self.bin = found[wanted]
        # What was fetched has no psql; anybody's speaks to every server.
        self.psql_program = next((folder / "psql" for folder in (self.bin, *installed().values())
                                  if (folder / "psql").exists()), "psql")
        self.port = process.free_port()
        self.folder = pathlib.Path(tempfile.mkdtemp(prefix="millrace-pg-"))
        self.data = self.folder / "data"
        self.user = "postgres" if os.geteuid() == 0 else None
        self.process = None
        self.settings = SETTINGS | settings
        self.copied = copy_of is not None
        self._init(copy_of)

    def _init(self, copy_of):
        self.data.mkdir(mode=0o700)
        if self.user:
            owner = pwd.getpwnam(self.user)
            for path in (self.folder, self.data):
                os.chown(path, owner.pw_uid, owner.pw_gid)
        if copy_of and not (self.bin / "pg_basebackup").exists():
            self._copy(copy_of)
            self.configure(**self.settings)
            return
        if copy_of:
            command = [self.bin / "pg_basebackup", "-D", self.data, "-d", copy_of.dsn(), "-c", "fast", "--no-sync"]
        else:
            command = [self.bin / "initdb", "-D", self.data, "-U", "postgres", "--auth=trust", "--encoding=UTF8",
                       "--locale=C.UTF-8" if self.bin in installed().values() else "--locale=C", "--no-sync"]
        init = process.Process(command, self.folder / "init.log", user=self.user)
        if init.popen.wait(120) != 0:
            raise AssertionError(f"{command[0].name} failed\n{init.tail()}")
        self.configure(**self.settings)
        (self.data / "pg_hba.conf").write_text(HBA)

    def _copy(self, other: "Postgres"):
        """What pg_basebackup does, for a server that came without it."""
        start, stop = ("pg_backup_start", "pg_backup_stop") if self.version >= 15 else ("pg_start_backup", "pg_stop_backup")
        with other.connect() as connection:
            more = "" if self.version >= 15 else ", false"
            connection.execute(f"select {start}('copy', true{more})")
            skip = shutil.ignore_patterns("postmaster.*", "pg_replslot", "pg_stat_tmp", "pg_dynshmem", "pgsql_tmp*")
            shutil.copytree(other.data, self.data, ignore=skip, dirs_exist_ok=True, ignore_dangling_symlinks=True)
            label = connection.execute(f"select labelfile from {stop}({'false' if self.version < 15 else ''})").fetchone()[0]
        (self.data / "backup_label").write_text(label)
        for name in ("pg_replslot", "pg_stat_tmp", "pg_dynshmem"):
            (self.data / name).mkdir(exist_ok=True)
        shutil.copytree(other.data / "pg_wal", self.data / "pg_wal", dirs_exist_ok=True)
        (self.data / "pg_hba.conf").write_text(HBA)
        subprocess.run(["chown", "-R", f"--reference={self.folder}", self.data], check=True)

    def follow(self, primary: "Postgres | None", **more):
        """Makes it a standby of primary at the next start; None: one that receives nothing more."""
        source = f"'{primary.dsn()} application_name=standby{self.port}'" if primary else "''"
        self.configure(primary_conninfo=source, hot_standby_feedback="on", **more)
        (self.data / "standby.signal").touch()
        return self

    def caught_up(self, primary: "Postgres"):
        """Waits until all that primary has written was replayed here."""
        end = primary.sql("select pg_current_wal_lsn()")[0][0]
        process.wait_until(lambda: self.sql("select pg_last_wal_replay_lsn() >= %s::pg_lsn", [end])[0][0], 60,
                           f"replayed up to {end}")

    def promote(self):
        self.sql("select pg_promote(true, 60)")
        process.wait_until(lambda: not self.sql("select pg_is_in_recovery()")[0][0], 60, "promoted")
        # The switch is in the control file, and so known to IDENTIFY_SYSTEM, from the first checkpoint on at the latest.
        self.sql("checkpoint")

    def configure(self, **settings):
        """Writes settings; they are taken at the next start."""
        self.settings |= settings
        text = "".join(f"{key} = {value}\n" for key, value in self.settings.items())
        (self.data / "postgresql.auto.conf").write_text(text)

    def start(self):
        """Starts, or starts again after stop or kill9, on the same port."""
        first = not (self.folder / "log").exists()
        command = [self.bin / "postgres", "-D", self.data, "-p", self.port]

        def ready():
            if self.process is None or self.process.ended():
                # After a kill -9 the shared memory stays in use until the last backend has noticed.
                self.process = process.Process(command, self.folder / "log", user=self.user, death_signal="QUIT")
            try:
                self.sql("select 1")
                return True
            except psycopg.OperationalError:
                return False

        process.wait_until(ready, 120, f"PostgreSQL {self.version} on port {self.port}")
        if first and not self.copied:
            self.sql("create role needs_password")
        return self

    def stop(self):
        """Fast shutdown: waits for the log to be sent to connected readers."""
        if self.process:
            self.process.stop(signal.SIGINT)

    def stop_immediately(self):
        if self.process:
            self.process.stop(signal.SIGQUIT)

    def kill9(self):
        """The postmaster dies at once; the next start recovers from its log."""
        self.process.kill9()

    def restart(self):
        self.stop()
        return self.start()

    def close(self):
        self.stop_immediately()
        process.remove(self.folder)

    def dsn(self, database="postgres", user="postgres", **more) -> str:
        words = {"host": "127.0.0.1", "port": self.port, "dbname": database, "user": user} | more
        return " ".join(f"{key}={value}" for key, value in words.items())

    def connect(self, database="postgres", user="postgres", autocommit=True, **more):
        return psycopg.connect(self.dsn(database, user, **more), autocommit=autocommit, connect_timeout=30)

    def sql(self, query, parameters=None, database="postgres"):
        """Runs one statement by itself; the rows as a list of tuples, [] when it has none."""
        with self.connect(database) as connection:
            cursor = connection.execute(query, parameters)
            return cursor.fetchall() if cursor.description else []

    def psql(self, text, database="postgres") -> str:
        """Feeds a script to psql and returns its unaligned output; a failing statement fails the test."""
        done = subprocess.run([self.psql_program, "-X", "-At", "-v", "ON_ERROR_STOP=1", self.dsn(database)], input=text,
                              capture_output=True, text=True, timeout=120)
        assert done.returncode == 0, done.stderr
        return done.stdout


class Database:
    """A database of one test, gone with its slots afterwards."""

    def __init__(self, server: Postgres, name: str):
        self.server = server
        self.name = name
        server.sql(f'create database "{name}"')

    @property
    def dsn(self) -> str:
        return self.server.dsn(self.name)

    def dsn_for(self, user, **more) -> str:
        return self.server.dsn(self.name, user, **more)

    def sql(self, query, parameters=None):
        return self.server.sql(query, parameters, self.name)

    def one(self, query, parameters=None):
        """The only value of the only row."""
        return self.sql(query, parameters)[0][0]

    def connect(self, **more):
        return self.server.connect(self.name, **more)

    def psql(self, text) -> str:
        return self.server.psql(text, self.name)

    def slots(self) -> list[str]:
        return [row[0] for row in self.server.sql(
            "select slot_name from pg_replication_slots where database = %s order by 1", [self.name])]

    def close(self):
        if self.server.process is None or self.server.process.ended():
            self.server.start()

        def gone():
            self.server.sql("select pg_terminate_backend(active_pid) from pg_replication_slots "
                            "where database = %s and active", [self.name])
            for slot in self.slots():
                try:
                    self.server.sql("select pg_drop_replication_slot(%s)", [slot])
                except psycopg.Error:
                    pass
            return not self.slots()

        process.wait_until(gone, 60, f"slots of {self.name} dropped")
        self.server.sql("select pg_terminate_backend(pid) from pg_stat_activity where datname = %s", [self.name])
        force = " with (force)" if self.server.version >= 13 else ""
        self.server.sql(f'drop database if exists "{self.name}"{force}')
