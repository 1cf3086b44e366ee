#!/bin/sh
# Installs the coding agents of package.json into .cache beside this file. Does nothing when they are there.
set -eu
cd "$(dirname "$0")"

# No script of a package is run: opencode's would copy its 180 MB binary, the others compile what the tests do not use.
options="--ignore-scripts --no-package-lock --no-audit --no-fund --no-update-notifier --loglevel=error"

refuse() {
    echo "test-agents: $1" >&2
    [ -n "${CI:-}" ] && exit 1
    echo "test-agents: the agents are not installed; their tests will be skipped." >&2
    exit 0
}

[ "$(uname -s)" = Linux ] || refuse "the agents are pinned for Linux only."
if cmp -s package.json .cache/installed.json; then
    exit 0
fi
command -v npm >/dev/null 2>&1 || refuse "npm is not on the PATH (Debian: apt-get install npm)."

echo "Installing the coding agents for the tests (once, about 900 MB) ..."
mkdir -p .cache
rm -f .cache/installed.json
rm -rf .cache/node_modules .cache/bin
cp package.json .cache/package.json
# shellcheck disable=SC2086
npm install --prefix .cache $options || refuse "npm could not install the agents."
mkdir -p .cache/bin
for found in node-linux-*/bin/node opencode-linux-*/bin/opencode .bin/gemini .bin/claude-agent-acp; do
    path=$(echo .cache/node_modules/$found)
    [ -e "$path" ] || refuse "npm did not bring $found for this machine."
    ln -sf "../${path#.cache/}" ".cache/bin/$(basename "$found")"
done
cp package.json .cache/installed.json
