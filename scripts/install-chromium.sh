#!/usr/bin/env bash
# The browser tests drive Debian's Chromium. Does nothing when it is there already.
set -eu
if command -v chromium >/dev/null 2>&1; then exit 0; fi
run=""
if [ "$(id -u)" -ne 0 ]; then run="sudo"; fi
$run apt-get update
$run env DEBIAN_FRONTEND=noninteractive apt-get install -y --no-install-recommends chromium fonts-dejavu-core
