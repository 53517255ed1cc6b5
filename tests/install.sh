#!/bin/sh
# What the tests need besides Python: on Debian as root it is installed, elsewhere the tests say what is missing.
set -eu
missing=""
command -v chromium >/dev/null 2>&1 || missing="$missing chromium"
[ -n "$(find /usr/share/fonts -iname '*cjk*' -print -quit 2>/dev/null)" ] || missing="$missing fonts-noto-cjk"
command -v git >/dev/null 2>&1 || missing="$missing git"
ls /usr/lib/postgresql/*/bin/initdb >/dev/null 2>&1 || command -v initdb >/dev/null 2>&1 || missing="$missing postgresql"
[ -z "$missing" ] && exit 0
if command -v apt-get >/dev/null 2>&1 && [ "$(id -u)" = 0 ]; then
    apt-get update -qq
    # shellcheck disable=SC2086
    DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends $missing
else
    echo "tests that need them are skipped; install:$missing"
fi
