"""A MariaDB of its own, as mysql.py gives a MySQL: the distribution's, or with release="11.4" that one.

Its GTIDs are in domain 0, strict. A replica writes what it applied into its own log, so that a reader can go on there.
"""
from .mysql import MySQL


class MariaDB(MySQL):
    package = "mariadb"
    title = "MariaDB"
    # Without ssl=0 every start of 11.4 makes itself a certificate, which takes seconds.
    own_options = {"gtid_strict_mode": "ON", "log_slave_updates": "ON", "innodb_log_file_size": 8 << 20, "ssl": 0}
    start_replica, stop_replica, forget_replica = "start slave", "stop slave", "reset slave all"

    def __init__(self, secure: bool = False, environment: dict[str, str] | None = None, release: str | None = None,
                 **settings):
        if release:
            self.package = f"mariadb-{release}"
        super().__init__(secure, environment, **({"ssl": 1} if secure else {}) | settings)

    def rights(self) -> tuple[str, ...]:
        return ("replication slave, binlog monitor on *.*", "select on *.*")

    def gtids(self) -> str:
        return self.one("select @@global.gtid_binlog_pos")

    def _change(self, primary: "MySQL") -> str:
        return (f"change master to master_host='127.0.0.1', master_port={primary.port}, master_user='root', "
                "master_use_gtid=slave_pos, master_connect_retry=1, master_ssl_verify_server_cert=0")

    def caught_up(self, primary: "MySQL"):
        assert self.one("select master_gtid_wait(%s, 60)", [primary.gtids()]) == 0, "replica is behind"
