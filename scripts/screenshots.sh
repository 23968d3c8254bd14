#!/usr/bin/env bash
# Renews the pictures of the README: runs the browser test on the demo and keeps the ones that are shown.
set -eu
cd "$(dirname "$0")/.."
bash scripts/install-chromium.sh
npx vitest run --project slow test/slow/browser.test.ts
mkdir -p docs/images
for name in experiment-top-light experiment-light experiment-dark experiment-320 experiments-light; do
  cp "test-results/screenshots/$name.png" "docs/images/$name.png"
done
