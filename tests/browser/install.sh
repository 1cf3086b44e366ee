#!/bin/sh
# Installs what package-lock.json names into .cache beside this file. Does nothing when it is there.
set -eu
cd "$(dirname "$0")"

options="--ignore-scripts --no-audit --no-fund --no-update-notifier --loglevel=error"

refuse() {
    echo "test-browser: $1" >&2
    [ -n "${CI:-}" ] && exit 1
    echo "test-browser: axe-core is not installed; the browser tests will be skipped." >&2
    exit 0
}

if cmp -s package-lock.json .cache/installed.json; then
    exit 0
fi
command -v npm >/dev/null 2>&1 || refuse "npm is not on the PATH (Debian: apt-get install npm)."

echo "Installing axe-core for the tests (once, about 3 MB) ..."
mkdir -p .cache
rm -f .cache/installed.json
cp package.json package-lock.json .cache/
# shellcheck disable=SC2086
npm ci --prefix .cache $options || refuse "npm could not install axe-core."
cp package-lock.json .cache/installed.json
