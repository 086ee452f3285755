"""The probe: everything that `HostFacts` holds, in one round trip.

One POSIX sh script (dash, busybox ash, bash, zsh; GNU and BSD userland) prints `name=value` pairs,
each ended by a NUL, which no value can hold; so a name with a newline in it breaks nothing. It
writes nothing to disk.
"""

from __future__ import annotations

import re
import time
from typing import Final

from openclaw_wizard.errors import HostError
from openclaw_wizard.hosts import Host
from openclaw_wizard.model import HostFacts

TIMEOUT: Final = 120.0
"""Seconds for the whole probe; `node`, `npm` and `openclaw` may take 30 of them, side by side."""

LOGIN_SECONDS = 10
"""Whole seconds that the login shell's start-up files may take; then the session's own PATH is used."""

WHO: Final = r"""
say() { printf '%s=%s\0' "$1" "$2"; }
has() { command -v "$1" >/dev/null 2>&1; }
practice=$OPENCLAW_WIZARD_PRACTICE_ID
if [ -n "$practice" ]; then
  say user "$USER"
  say machine_id "$practice"
else
  say user "$(id -un)"
  for file in /etc/machine-id /var/lib/dbus/machine-id; do
    if [ -s "$file" ]; then say machine_id "$(cat "$file")"; break; fi
  done
  if has ioreg; then
    say machine_id "$(ioreg -rd1 -c IOPlatformExpertDevice | sed -n 's/.*"IOPlatformUUID" = "\(.*\)"/\1/p')"
  fi
fi
"""
"""Says the user and the machine, and defines `say` and `has`."""

_SCRIPT: Final = (
    WHO
    + r"""

# Own process groups, so that what a start-up file left hanging can be ended as a whole.
if has setsid; then lead='setsid'
elif has perl; then lead='perl -e setpgrp(0,0);exec(@ARGV)'
else lead=''; fi

capped() { # SECONDS COMMAND...: its standard output, ended after that time
  limit=$1; shift
  $lead "$@" </dev/null 2>/dev/null &
  work=$!
  # Short naps, since one outlives a guard that is ended while it starts it (measured: one in ten did).
  ( while [ "$limit" -gt 0 ]; do sleep 1; limit=$((limit - 1)); done
    kill -s KILL -- "-$work" || kill -s KILL "$work" ) </dev/null >/dev/null 2>&1 &
  guard=$!
  wait "$work"; ended=$?
  kill -s TERM "$guard" 2>/dev/null
  wait "$guard" 2>/dev/null
  return "$ended"
}

ask() { # NAME COMMAND...: the first line of what it prints, in one write, if it succeeds
  name=$1; shift
  has "$1" || return 0
  if answer=$(capped 30 "$@"); then
    say "$name" "$(printf '%s\n' "$answer" | sed -n 1p | cut -c 1-1000)"
  fi
}

ask_openclaw() { # by its package where the command is a link into it: starting it can take seconds
  has openclaw || return 0
  real=$(readlink -f "$(command -v openclaw)" 2>/dev/null)
  package=${real%/node_modules/openclaw/*}/node_modules/openclaw/package.json
  version=$(sed -n 's/^[[:blank:]]\{1,2\}"version": *"\([^"]*\)".*/\1/p' "$package" 2>/dev/null | sed -n 1p)
  if [ -n "$version" ]; then say openclaw "$version"; else ask openclaw openclaw --version; fi
}

ask_prefix() { # where npm installs to, if this user may write there
  has npm || return 0
  prefix=$(capped 30 npm prefix -g) || return 0
  case $prefix in /*) ;; *) return 0 ;; esac
  for place in "$prefix/lib/node_modules" "$prefix/bin"; do
    while [ -n "$place" ] && [ ! -e "$place" ]; do place=${place%/*}; done
    [ -w "${place:-/}" ] || return 0
  done
  say npm_prefix "$prefix"
}

# --- PATH -------------------------------------------------------------------
add() { # FOLDER: at the end of PATH, if it exists and is not there yet
  case ":$found:" in *":$1:"*) return 0 ;; esac
  if [ -d "$1" ]; then found="$found:$1"; fi
}

newest() { # FOLDER: its entry with the highest version number
  ls "$1" 2>/dev/null | sed 's/^v//' | grep '^[0-9]' | sort -t. -k1,1n -k2,2n -k3,3n | tail -n 1
}

front() { # FOLDER: before PATH, if it holds an openclaw where PATH has none, so that its own node is used
  if [ -x "$1/openclaw" ] && ! ( PATH=$found; has openclaw ); then found="$1:$found"; fi
}

mark=path-of-the-login-shell
shell=${SHELL:-/bin/sh}
# csh knows no other flag beside -l, and reads its start-up file without it.
case $shell in *csh) login=-c ;; *) login=-lc ;; esac
current=$PATH
said=$(capped "$1" "$shell" "$login" "sh -c 'printf \"\\n%s[%s]%s\\n\" $mark \"\$PATH\" $mark'")
case $said in
  *"$mark["*"]$mark"*) found=${said##*"$mark["}; found=${found%%"]$mark"*} ;;
  *) found=$current ;;
esac
rest=$current:
while [ -n "$rest" ]; do add "${rest%%:*}"; rest=${rest#*:}; done
nvm=${NVM_DIR:-$HOME/.nvm}/versions/node
for place in \
  "$HOME/.npm-global/bin" "$HOME/.local/bin" "$HOME/bin" "$HOME/n/bin" "$HOME/.volta/bin" \
  "$HOME/.bun/bin" "$HOME/.local/share/fnm/aliases/default/bin" "$HOME/.asdf/shims" \
  "$nvm/v$(newest "$nvm")/bin" \
  /opt/homebrew/bin /usr/local/bin /home/linuxbrew/.linuxbrew/bin /usr/bin /bin /usr/sbin /sbin
do front "$place"; add "$place"; done
PATH=$found; export PATH
say path "$PATH"

# --- who and where ----------------------------------------------------------
say system "$(uname -s)"
say arch "$(uname -m)"
say uid "$(id -u)"
say home "$HOME"
if [ -n "$practice" ]; then
  say hostname "$OPENCLAW_WIZARD_PRACTICE_HOSTNAME"
else
  say hostname "$(uname -n)"
fi

# --- programs ---------------------------------------------------------------
# Every npm command leaves a log in the home (measured), and a host is only read: elsewhere, and removed.
scratch=$(mktemp -d 2>/dev/null) && { npm_config_cache=$scratch/npm; export npm_config_cache; }
npm_config_logs_max=0 npm_config_update_notifier=false
export npm_config_logs_max npm_config_update_notifier
ask node node -v &
ask npm npm -v &
ask_prefix &
ask_openclaw &

has tar && say tar "$(tar --version 2>&1 </dev/null | sed -n 1p)"
has zstd && say zstd yes
has gzip && say gzip yes
say df "$(df -Pk "$HOME" 2>/dev/null | tail -n 1)"

# --- service manager --------------------------------------------------------
if [ -z "$practice" ] && has systemctl; then
  if [ -z "$XDG_RUNTIME_DIR" ] && [ -d "/run/user/$(id -u)" ]; then
    XDG_RUNTIME_DIR=/run/user/$(id -u); export XDG_RUNTIME_DIR
  fi
  capped 10 systemctl --user show-environment >/dev/null && say user_bus yes
  if [ -e "/var/lib/systemd/linger/$(id -un)" ]; then say linger yes
  elif has loginctl; then say linger no; fi
fi
say clock "$(date +%s)"
wait
[ -z "$scratch" ] || rm -rf "$scratch"
say end here
"""
)


async def probe(host: Host) -> HostFacts:
    """What one round trip tells about a machine.

    Raises HostError where the answer is not understood, CommandFailed where `sh` itself fails, and
    whatever `host.run` raises.
    """
    begin = time.monotonic()
    argv = ["sh", "-c", _SCRIPT, "sh", f"{LOGIN_SECONDS:d}"]
    answer = (await host.run(argv, timeout=TIMEOUT)).check()
    round_trip = time.monotonic() - begin
    said = pairs(answer.stdout)
    if "end" not in said:
        raise HostError(host=host.label, what="the probe's answer is cut off")
    return _facts(host.label, said, round_trip)


def pairs(output: bytes) -> dict[str, str]:
    """What such a script says."""
    said = (each.partition(b"=") for each in output.split(b"\0"))
    return {name.decode(errors="replace"): value.decode(errors="replace") for name, _, value in said}


def _facts(address: str, said: dict[str, str], round_trip: float) -> HostFacts:
    try:
        return HostFacts(
            address=address,
            hostname=said["hostname"],
            system=said["system"],
            arch=said["arch"],
            user=said["user"],
            uid=int(said["uid"]),
            home=said["home"],
            machine_id=said.get("machine_id") or None,
            path=said["path"],
            node=_version(said.get("node")),
            npm=_version(said.get("npm")),
            npm_prefix=said.get("npm_prefix"),
            openclaw=_version(said.get("openclaw")),
            tar=_tar(said.get("tar")),
            zstd="zstd" in said,
            gzip="gzip" in said,
            free_bytes=_free_bytes(said["df"]),
            user_bus="user_bus" in said,
            linger={"yes": True, "no": False}.get(said.get("linger", "")),
            clock=float(said["clock"]),
            round_trip=round_trip,
        )
    except (KeyError, ValueError) as error:
        raise HostError(host=address, what=f"the probe's answer is not understood ({error!r})") from error


def _version(text: str | None) -> str | None:
    """`v24.19.0`, `11.4.2`, `OpenClaw 2026.9.6 (eb377ac)`: the number alone."""
    found = re.search(r"\d+\.\d+\.\d+[\w.+-]*", text or "")
    return found[0] if found else None


def _tar(text: str | None) -> str | None:
    names = {"GNU": "gnu", "bsdtar": "bsd", "busybox": "busybox"}
    return next((kind for word, kind in names.items() if word in (text or "")), None)


def _free_bytes(line: str) -> int | None:
    """The fourth column of `df -Pk`; the first one may hold spaces."""
    found = re.search(r"\s\d+\s+-?\d+\s+(-?\d+)\s+(?:\d+%|-)\s", line)
    return max(0, int(found[1])) * 1024 if found else None
