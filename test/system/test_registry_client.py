"""Who we are to a schema registry, and who it is to us: credentials, certificates, several URLs. No real registry is needed."""
import pytest
from registry_fake import FakeRegistry
from servers.certificates import Authority

SHOP = """version: 1
pipelines:
  shop:
    source: {{type: postgres, dsn: "{dsn}", slot: {name}, publication: {{name: reg}}, name: {name}, tables: ["public.*"]}}
    format: {{type: {format}, registry: {{urls: [{urls}], timeout: 30s{more}}}}}
    sink: {{type: 'null'}}
"""
BASIC = "Basic bWU6Z2VoZWlt"       # me:geheim


@pytest.fixture(scope="module")
def authority(tmp_path_factory):
    return Authority(tmp_path_factory.mktemp("ca"))


@pytest.fixture
def fake():
    made = []

    def make(**options):
        made.append(FakeRegistry(**options))
        return made[-1]
    yield make
    for registry in made:
        registry.close()


@pytest.fixture
def shop(db, millrace):
    """shop(urls, more): runs until now, with one row to register a schema for."""
    db.sql("create table o (id int primary key)")
    db.sql("insert into o values (1)")

    def run(*urls, more="", format="avro", verb=("run", "--until", "now")):
        path = millrace.config(SHOP.format(dsn=db.dsn, name=db.name, urls=", ".join(f'"{url}"' for url in urls), more=more, format=format))
        return millrace.run(*verb, "--config", path, seconds=60)
    return run


def accepted(done, registry):
    assert done.popen.returncode == 0, done.tail()
    assert any(subject.endswith(".public.o-value") for subject in registry.subjects)


def refused(done, code, exit_code, registry, *words):
    assert done.popen.returncode == exit_code, done.tail()
    assert code in done.tail() and all(word in done.tail() for word in words), done.tail()
    assert "geheim" not in done.tail() and not registry.subjects


def test_basic_authentication(shop, fake):
    registry = fake(authorization=BASIC)
    refused(shop(registry.url), "registry.unauthorized", 77, registry, "401")
    refused(shop(registry.url, more=", user: me, password: falsch"), "registry.unauthorized", 77, registry)
    accepted(shop(registry.url, more=", user: me, password: geheim"), registry)


def test_a_user_in_the_url(shop, fake):
    registry = fake(authorization=BASIC)
    accepted(shop(registry.url.replace("//", "//me:geheim@")), registry)


def test_a_bearer_token(shop, fake):
    registry = fake(authorization="Bearer geheim.token")
    accepted(shop(registry.url, more=", token: geheim.token"), registry)


def test_an_authority_of_ones_own(shop, fake, authority):
    registry = fake(authority=authority)
    plan = ("schema", "plan")
    refused(shop(registry.url, verb=plan), "registry.unreachable", 78, registry, "certificate")
    accepted(shop(registry.url, more=f', ca: "{authority.ca}"'), registry)


def test_mutual_tls(shop, fake, authority):
    registry = fake(authority=authority, clients=True)
    certificate, key = authority.issue("millrace")
    known = f', ca: "{authority.ca}"'
    refused(shop(registry.url, more=known, verb=("schema", "plan")), "registry.unreachable", 78, registry)
    accepted(shop(registry.url, more=f'{known}, certificate: "{certificate}", key: "{key}"', format="json, schemas: registry"), registry)


def test_the_next_url_when_the_first_is_away(shop, fake):
    registry = fake()
    accepted(shop("http://127.0.0.1:1", registry.url), registry)


def test_credentials_do_not_follow_a_redirect(shop, fake):
    other = fake()
    refused(shop(fake(redirect=other.url).url, more=", user: me, password: geheim"), "registry.unexpected", 78, other, "307")
    assert other.requests == 0


def test_tables_that_share_a_topic_have_subjects_of_their_own(db, millrace, fake):
    registry = fake()
    db.psql("create table a (id int primary key, x text); create table b (id int primary key, y int);"
            "insert into a values (1, 'x'); insert into b values (1, 2)")
    more = ", key_subject_name_strategy: record_name, value_subject_name_strategy: topic_record_name"
    text = SHOP.format(dsn=db.dsn, name=db.name, urls=f'"{registry.url}"', more="", format="avro" + more)
    path = millrace.config(text.replace("type: 'null'", "type: 'null', topic: all"))
    done = millrace.run("run", "--until", "now", "--config", path, seconds=60)
    assert done.popen.returncode == 0, done.tail()
    assert set(registry.subjects) == {f"{db.name}.public.{table}.Key" for table in "ab"} | {
        f"all-{db.name}.public.{table}.Envelope" for table in "ab"}


def test_check_tells_what_the_registry_would_refuse_and_registers_nothing(db, millrace, fake):
    registry = fake()
    db.psql('create table t (id int primary key, "a.b" text, "a-b" text); create table fine (id int primary key);'
            'create table odd ("9 lives" int primary key)')

    def check(more):
        path = millrace.config(SHOP.format(dsn=db.dsn, name=db.name, urls=f'"{registry.url}"', more="", format="avro" + more))
        done = millrace.run("check", "--environment", "--config", path)
        return done.popen.returncode, done.tail()

    code, text = check("")
    assert code != 0 and "schema.name_collision" in text and '"a.b"' in text and "avro_unicode" in text, text
    code, text = check(", field_name_adjustment_mode: none")
    assert code != 0 and "schema.invalid" in text and "9 lives" in text, text
    code, text = check(", field_name_adjustment_mode: avro_unicode")
    assert "schema." not in text, text
    assert registry.requests > 0 and registry.texts == {}, "check asks, and registers nothing"
