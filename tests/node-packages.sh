#!/bin/sh
# Installs the packages that tests/node/package-lock.json pins into tests/node/node_modules, where
# they are not there yet. The tests that need them are skipped, each with its reason, where they
# cannot be had.
cd "$(dirname "$0")/node" || exit 1
cmp -s package-lock.json node_modules/.installed && exit 0
command -v npm >/dev/null || sh ../debian-packages.sh nodejs npm
if ! command -v npm >/dev/null; then
    echo "no npm; tests that need clients in JavaScript will be skipped"
    exit 0
fi
echo "installing clients in JavaScript for the tests (once, some seconds)"
if npm ci --ignore-scripts --no-audit --no-fund --loglevel=error >/dev/null; then
    cp package-lock.json node_modules/.installed
else
    echo "npm cannot install them; tests that need them will be skipped"
fi
