#!/usr/bin/env bash
# better-sqlite3 compiles itself where no prebuilt binary can be fetched: it needs these.
set -eu
if command -v python3 >/dev/null 2>&1 && command -v make >/dev/null 2>&1 && command -v g++ >/dev/null 2>&1; then exit 0; fi
run=""
if [ "$(id -u)" -ne 0 ]; then run="sudo"; fi
$run apt-get update
$run env DEBIAN_FRONTEND=noninteractive apt-get install -y --no-install-recommends python3 make g++
