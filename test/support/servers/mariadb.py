"""A MariaDB of its own, as mysql.py gives a MySQL: the distribution's, or with release="11.4" that one.

Its GTIDs are in domain 0, strict. A replica writes what it applied into its own log, so that a reader can go on there.
"""
import os
import pathlib
import subprocess

from .mysql import MySQL

# The order in which the server's own install script feeds them; the older names are for 10.11.
TABLES = ("system_tables", "performance_tables", "system_tables_data")
BEFORE = "set @auth_root_socket=null;\nset @skip_auth_anonymous=1;\ncreate database if not exists mysql;\nuse mysql;\n"
AFTER = """flush privileges;
create user root@'%' identified by '';
grant all on *.* to root@'%' with grant option;
"""


class MariaDB(MySQL):
    package = "mariadb"
    title = "MariaDB"
    client, binlog_reader, server = "usr/bin/mariadb", "usr/bin/mariadb-binlog", "usr/sbin/mariadbd"
    # Without ssl=0 every start of 11.4 makes itself a certificate, which takes seconds.
    own_options = {"gtid_strict_mode": "ON", "log_slave_updates": "ON", "innodb_log_file_size": 8 << 20, "ssl": 0}
    always = {}
    start_replica, stop_replica, forget_replica = "start slave", "stop slave", "reset slave all"

    def __init__(self, secure: bool = False, environment: dict[str, str] | None = None, release: str | None = None,
                 **settings):
        self.release = release
        if release == "11.4":
            self.package = "mariadb-11.4"
            self.server = "usr/bin/mariadbd"
            self.places = {"lc_messages_dir": "usr/share", "character_sets_dir": "usr/share/charsets"}
        super().__init__(secure, environment, **({"ssl": 1} if secure else {}) | settings)

    def _program(self, path: str) -> list[str]:
        # 11.4 needs nothing that a Debian does not have.
        return [str(self.root / path)] if self.release else super()._program(path)

    def _recipe(self) -> str:
        share = self.root / self.places["lc_messages_dir"]
        files = [next(path for name in ("mariadb", "mysql") if (path := share / f"{name}_{table}.sql").exists())
                 for table in TABLES]
        files += [share / "fill_help_tables.sql", share / "maria_add_gis_sp_bootstrap.sql"]
        return BEFORE + "".join(path.read_text() for path in files) + AFTER

    def _make_template(self, stage: pathlib.Path):
        (stage / "data").mkdir()
        command = self._command(stage / "data", enforce_storage_engine="",
                                innodb_buffer_pool_size=32 << 20, innodb_log_file_size=8 << 20)
        done = subprocess.run([*command, "--bootstrap"], input=self._recipe(), capture_output=True, text=True, timeout=300)
        assert done.returncode == 0, f"{self.title}: no data directory\n{done.stderr[-3000:]}"

    def rights(self) -> tuple[str, ...]:
        return ("replication slave, binlog monitor on *.*", "select on *.*")

    def gtids(self) -> str:
        return self.one("select @@global.gtid_binlog_pos")

    def _change(self, primary: "MySQL") -> str:
        return (f"change master to master_host='127.0.0.1', master_port={primary.port}, master_user='root', "
                "master_use_gtid=slave_pos, master_connect_retry=1, master_ssl_verify_server_cert=0")

    def caught_up(self, primary: "MySQL"):
        assert self.one("select master_gtid_wait(%s, 60)", [primary.gtids()]) == 0, "replica is behind"
