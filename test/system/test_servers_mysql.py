"""MySQL and MariaDB themselves: what every test of the MySQL source stands on."""
import pymysql
import pytest

KINDS = ("mysql", "mariadb", "mariadb-11.4")


def test_log_holds_rows_with_full_metadata_and_survives_a_kill(my_db):
    server = my_db.server
    assert server.one("select @@global.binlog_format") == "ROW"
    assert server.one("select @@global.binlog_row_metadata") == "FULL"
    before = server.gtids()
    my_db.sql("create table t (a int primary key, b varchar(10))")
    my_db.sql("insert into t values (1, 'é')")
    assert server.gtids() != before
    kinds = server.events()
    assert "Table_map" in kinds and any(kind.startswith("Write_rows") for kind in kinds), kinds
    server.kill9()
    server.start()
    assert my_db.sql("select * from t") == [(1, "é")]
    assert my_db.script("select b, a from t") == "é\t1\n"


def test_script_stops_at_what_fails_unless_forced(my_db):
    with pytest.raises(AssertionError, match="nowhere"):
        my_db.script("select * from nowhere; create table t (a int)")
    assert my_db.script("select * from nowhere; create table t (a int); select 'on'", force=True) == "on\n"


def test_account_has_the_rights_of_a_replica_and_no_more(my_db):
    server = my_db.server
    my_db.sql("create table t (a int primary key)")
    name = f"cdc_{my_db.name}"
    assert server.account(name) == f"mysql://{name}@127.0.0.1:{server.port}"
    try:
        # A script, because the client fetches the key that a password needs over plain TCP.
        words = {"user": name, "password": "secret"}
        assert "binlog" in server.script("show binary logs", **words)
        assert my_db.script("select count(*) from t", **words) == "0\n"
        with pytest.raises(AssertionError, match="(?i)denied"):
            my_db.script("insert into t values (1)", **words)
        with pytest.raises(AssertionError, match="(?i)denied"):
            server.script("show binary logs", user=name, password="wrong")
    finally:
        server.sql(f"drop user `{name}`@'%'")


@pytest.mark.parametrize("kind", KINDS)
def test_replica_follows_and_takes_over(my_servers, kind):
    primary, replica = my_servers(kind), my_servers(kind)
    replica.follow(primary)
    primary.sql("create database shop")
    primary.sql("create table shop.t (a int primary key)")
    primary.sql("insert into shop.t values (1)")
    replica.caught_up(primary)
    assert replica.sql("select * from shop.t") == [(1,)]
    assert replica.gtids() == primary.gtids()
    primary.kill9()
    replica.promote()
    replica.sql("insert into shop.t values (2)")
    assert any(event.startswith("Write_rows") for event in replica.events())
    assert replica.gtids() != ""


@pytest.mark.parametrize("kind", KINDS)
def test_purged_log_is_gone(my_servers, kind):
    server = my_servers(kind)
    first = server.logs()
    server.sql("create database shop")
    server.purge()
    assert first[0] not in server.logs() and len(server.logs()) == 1


@pytest.mark.parametrize("kind", KINDS)
def test_server_of_its_own_takes_options_and_a_certificate(my_servers, kind):
    server = my_servers(kind, secure=True, binlog_row_metadata="MINIMAL")
    assert server.one("select @@global.binlog_row_metadata") == "MINIMAL"
    with server.connect(ssl_ca=str(server.authority.ca), ssl_verify_cert=True, ssl_verify_identity=True) as connection:
        with connection.cursor() as cursor:
            cursor.execute("show session status like 'Ssl_cipher'")
            assert cursor.fetchone()[1] != ""
    with pytest.raises(pymysql.OperationalError):
        server.connect(ssl_ca="/etc/ssl/certs/ca-certificates.crt", ssl_verify_cert=True)
