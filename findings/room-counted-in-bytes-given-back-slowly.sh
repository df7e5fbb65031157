#!/usr/bin/env bash
# async-mutex 0.5.0: a semaphore with weights, as a server uses one to bound the bytes of the files that it reads at once.
#
# Expected: to give room back costs the same however much there is, as nobody waits for it.
# Behaviour: each release counts down one by one from all that is free. With room for a million bytes it takes some hundred times as
# long as with room for a thousand, with the tens of millions that a few files need half a second, in which the process does nothing else.
#
# Fails if that changes. Needs node and npm.
set -euo pipefail

folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"
npm init --yes >/dev/null
npm install --silent --no-audit --no-fund --ignore-scripts async-mutex@0.5.0

cat >look.mjs <<'JS'
import { readFileSync } from "node:fs";
import { Semaphore } from "async-mutex";

const { version } = JSON.parse(readFileSync("node_modules/async-mutex/package.json", "utf8"));
console.log(`async-mutex ${version}`);
async function msEach(room) {
  const semaphore = new Semaphore(room);
  const startedAt = performance.now();
  for (let at = 0; at < 30; at++) {
    const [, release] = await semaphore.acquire(1);
    release();
  }
  return (performance.now() - startedAt) / 30;
}
await msEach(1_000);
const [small, large] = [await msEach(1_000), await msEach(1_000_000)];
console.error(`${small.toFixed(3)} ms with room for 1,000, ${large.toFixed(3)} ms with room for 1,000,000`);
console.log(`room for 1,000,000 takes ${large > 20 * small ? "more" : "no more"} than 20 times as long as room for 1,000`);
JS
output=$(timeout 60 node look.mjs)
printf '%s\n' "$output"

# Output seen on 2026-11-30:
expected='async-mutex 0.5.0
room for 1,000,000 takes more than 20 times as long as room for 1,000'
[ "$output" = "$expected" ] || { echo "This has changed." >&2; exit 1; }
