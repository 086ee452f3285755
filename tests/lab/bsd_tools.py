"""Scripts that make GNU's tools behave as those of a BSD or a Mac where the two differ.

They refuse what is GNU's alone, in the words and with the exit status of the BSD ones, and translate
what only the BSD ones know. The real programs lie in `REAL`, which is on nobody's PATH.
"""

from __future__ import annotations

from typing import Final

REAL: Final = "usr/lib/gnu-tools"

_REFUSING: Final = r"""#!/bin/sh
# {tool} of a BSD: no long options, and not these of GNU alone: {refused}
for word in "$@"; do
  case $word in
    --) break ;;
    --*) echo "{tool}: illegal option -- -" >&2; exit {status} ;;
  esac
  if printf '%s' "$word" | grep -Eq -e '{refused}'; then
    echo "{tool}: illegal option: $word" >&2
    exit {status}
  fi
done
exec /{real}/{tool} "$@"
"""


def _refusing(tool: str, refused: str, status: int) -> str:
    return _REFUSING.format(tool=tool, refused=refused, status=status, real=REAL)


_STAT: Final = r"""#!/bin/sh
# stat of a BSD: -f FORMAT in its own letters, -L; no -c and no --format.
follow= format='%i %p %l %Su %Sg %z %m %N'
while [ $# -gt 0 ]; do
  case $1 in
    -f) format=$2; shift 2 ;;
    -L) follow=-L; shift ;;
    -n) shift ;;
    -*) echo "stat: illegal option -- ${1#-}" >&2; exit 1 ;;
    *) break ;;
  esac
done
letters='s/%OLp/%a/g;s/%Lp/%a/g;s/%Su/%U/g;s/%Sg/%G/g;s/%HT/%F/g'
letters="$letters;s/%z/%s/g;s/%m/%Y/g;s/%N/%n/g;s/%p/%f/g;s/%l/%h/g"
exec /usr/lib/gnu-tools/stat $follow -c "$(printf '%s' "$format" | /usr/lib/gnu-tools/sed -e "$letters")" "$@"
"""

_DATE: Final = r"""#!/bin/sh
# date of a BSD: -r SECONDS; no -d, no long options and no nanoseconds.
for word in "$@"; do
  case $word in
    -d*|--*) echo "date: illegal option -- ${word#-}" >&2; exit 1 ;;
    +*%N*) exec /usr/lib/gnu-tools/date "$(printf '%s' "$word" | /usr/lib/gnu-tools/sed 's/%N/N/g')" ;;
  esac
done
case ${1-} in
  -r) seconds=$2; shift 2; exec /usr/lib/gnu-tools/date -d "@$seconds" "$@" ;;
esac
exec /usr/lib/gnu-tools/date "$@"
"""

_SED: Final = r"""#!/bin/sh
# sed of a BSD: -i takes a word of its own; no long options.
count=$#
while [ "$count" -gt 0 ]; do
  word=$1; shift; count=$((count - 1))
  case $word in
    --*) echo 'sed: illegal option -- -' >&2; exit 1 ;;
    -i) set -- "$@" "-i$1"; shift; count=$((count - 1)) ;;
    *) set -- "$@" "$word" ;;
  esac
done
exec /usr/lib/gnu-tools/sed "$@"
"""

SCRIPTS: Final = {
    "stat": _STAT,
    "date": _DATE,
    "sed": _SED,
    "find": _refusing("find", "^-(printf|fprintf|quit|readable|writable|executable|regextype)$", 1),
    "cp": _refusing("cp", "^-[a-zA-Z]*[tTuZ]", 64),
    "mv": _refusing("mv", "^-[a-zA-Z]*[tTuZ]", 64),
    "du": _refusing("du", "^-[a-zA-Z]*[bBS]", 64),
    "df": _refusing("df", "^-[a-zA-Z]*[BTx]", 64),
    "xargs": _refusing("xargs", "^-[rad]", 1),
    "readlink": _refusing("readlink", "^-[a-z]*[emz]", 1),
    "base64": _refusing("base64", "^-w", 64),
    "mktemp": _refusing("mktemp", "^-V", 1),
    "ls": _refusing("ls", "^-[a-zA-Z]*[DNQvXZ]", 1),
}
"""The tools that differ, by name."""

_UNAME: Final = r"""#!/bin/sh
# A stand-in: the system is named Darwin; the processor stays the real one.
real=/usr/lib/gnu-tools/uname
case ${1:--s} in
  -s) echo Darwin ;;
  -r) echo 24.6.0 ;;
  -n|-m|-p) exec "$real" "$1" ;;
  -sm) echo "Darwin $("$real" -m)" ;;
  -a) echo "Darwin $("$real" -n) 24.6.0 Darwin Kernel Version 24.6.0 $("$real" -m)" ;;
  *) echo "uname: illegal option -- ${1#-}" >&2; exit 1 ;;
esac
"""

_SW_VERS: Final = r"""#!/bin/sh
# A stand-in.
case ${1-} in
  -productVersion|--productVersion) echo 15.6 ;;
  -productName|--productName) echo macOS ;;
  *) printf 'ProductName:\t\tmacOS\nProductVersion:\t\t15.6\nBuildVersion:\t\t24G84\n' ;;
esac
"""

_IOREG: Final = r"""#!/bin/sh
# A stand-in: the one line by which a Mac is told from another.
echo '    "IOPlatformUUID" = "4C1D0000-0000-4000-8000-0000000000AB"'
"""

_LAUNCHCTL: Final = r"""#!/bin/sh
# A stand-in that only writes down what it was asked, in ~/.launchctl-calls.
echo "$*" >>"$HOME/.launchctl-calls"
case ${1-} in
  print) echo "Could not find service in domain for port" >&2; exit 113 ;;
  managername) echo Background ;;
esac
"""

DARWIN: Final = {"uname": _UNAME, "sw_vers": _SW_VERS, "ioreg": _IOREG, "launchctl": _LAUNCHCTL}
"""Stand-ins for programs that only a Mac has, and for the name of the system."""
