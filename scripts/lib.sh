# Shared by the scripts; sourced. MR_TOP is the checkout, MR_CACHE what is built or fetched once per machine.
MR_TOP=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
MR_CACHE=${MILLRACE_CACHE:-${HOME:-/root}/.cache/millrace}
MR_JOBS=${MR_JOBS:-$(nproc)}
export MR_TOP MR_CACHE

say() { printf '%s\n' "$*" >&2; }

# usage FILE: the comment at the top of a script is its help
usage() {
    awk 'NR > 1 && !/^#/ { exit } NR > 1 { sub(/^# ?/, ""); print }' "$1" >&2
    exit 2
}

as_root() {
    if [ "$(id -u)" = 0 ]; then
        "$@"
    elif command -v sudo >/dev/null; then
        sudo "$@"
    else
        say "this needs root, and there is no sudo: $*"
        return 1
    fi
}
