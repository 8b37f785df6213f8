#!/bin/sh
# Installs the named Debian packages that are missing, as root or with sudo; says so where it cannot.
# The tests that need them then skip, each with its reason.
missing=""
for package in "$@"; do
    dpkg-query -W -f '${Status}' "$package" 2>/dev/null | grep -q 'install ok installed' ||
        missing="$missing $package"
done
[ -n "$missing" ] || exit 0
if ! command -v apt-get >/dev/null; then
    echo "not a Debian system; tests that need these will be skipped:$missing"
    exit 0
fi
as_root=""
if [ "$(id -u)" != 0 ]; then
    if ! sudo -n true 2>/dev/null; then
        echo "neither root nor sudo; tests that need these will be skipped:$missing"
        exit 0
    fi
    as_root="sudo"
fi
echo "installing Debian packages:$missing"
export DEBIAN_FRONTEND=noninteractive
$as_root apt-get update -qq
# shellcheck disable=SC2086
$as_root apt-get install -y -qq --no-install-recommends --no-remove $missing >/dev/null
