#!/usr/bin/env bash
# Passes the tests on a fresh machine: installs what they need, then style, types, import contract, tests.
#   tests/run.sh          everything
#   tests/run.sh --fast   the quick part: no OpenClaw, no Node, no sshd, no mounts, no screens
#   tests/run.sh --matrix every era and userland on two whole machines, and the table tests/lab/RESULTS.md
# Needs Python 3.11 or newer and, on Debian as root, apt; npm packages go to a cache that is kept.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

part=all
case ${1:-} in --fast | --matrix) part=${1#--}; shift ;; esac
python=${PYTHON:-python3}
"$python" - <<'P' || { echo "Python 3.11 or newer is needed (set PYTHON)." >&2; exit 2; }
import sys
sys.exit(sys.version_info < (3, 11))
P

missing=()
[ -x /usr/sbin/sshd ] || command -v sshd >/dev/null || missing+=(openssh-server)
command -v ssh-keygen >/dev/null || missing+=(openssh-client)
command -v rsync >/dev/null || missing+=(rsync)
command -v zstd >/dev/null || missing+=(zstd)
# Disks with read errors, file systems that fold and refuse names.
command -v mksquashfs >/dev/null || missing+=(squashfs-tools)
command -v lowntfs-3g >/dev/null || missing+=(ntfs-3g)
[ -e /usr/lib/python3/dist-packages/fusepy.py ] || missing+=(python3-fusepy)
# The lab: whole machines.
command -v systemd-nspawn >/dev/null || missing+=(systemd-container)
for each in mmdebstrap eatmydata; do command -v $each >/dev/null || missing+=($each); done
command -v ip >/dev/null || missing+=(iproute2)
command -v nsenter >/dev/null || missing+=(util-linux)
command -v curl >/dev/null || missing+=(curl)
if [ ${#missing[@]} -gt 0 ]; then
  if command -v apt-get >/dev/null && [ "$(id -u)" = 0 ]; then
    apt-get update -qq
    DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends "${missing[@]}" >/dev/null
  else
    echo "Please install first: ${missing[*]}" >&2; exit 2
  fi
fi

venv=${OPENCLAW_WIZARD_VENV:-.venv}
[ -x "$venv/bin/python" ] || "$python" -m venv "$venv"
"$venv/bin/pip" install -q --disable-pip-version-check -e '.[demo]' \
  'pytest>=8.3,<9.2' 'pytest-asyncio>=1.1' 'pytest-xdist>=3.6' 'mypy>=1.15' 'ruff>=0.12' 'import-linter>=2.1' 'hypothesis>=6.130'
PATH=$PWD/$venv/bin:$PATH; [ "${venv#/}" = "$venv" ] || PATH=$venv/bin:$PATH
export PATH

echo "== style";  ruff check . && ruff format --check -q .
echo "== types";  mypy
echo "== tests"
case $part in
fast) select=(-m "not (openclaw or node or sshd or root or screen or matrix)") ;;
all) select=(-m "not matrix") ;;
matrix)
  python -m tests.lab.results --clear
  status=0
  python -m pytest -q tests/lab "$@" || status=$?
  python -m tests.lab.results
  cat tests/lab/RESULTS.md
  exit $status
  ;;
esac
python -m pytest -q -n 2 --dist loadgroup "${select[@]}" "$@"
