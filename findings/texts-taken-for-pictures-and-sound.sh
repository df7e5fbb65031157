#!/usr/bin/env bash
# file-type 21.3.4: what a text is called whose first letters are those of a picture's or a sound's format.
#
# Expected: a list of contacts with a column "BMI", or one of network addresses, is a text (undefined: no known format), in UTF-8 and as
# spreadsheets save "Unicode text" (UTF-16 with a byte order mark).
# Behaviour: two or three letters are enough. The lists are a bitmap and a sound, and every UTF-16 text is MPEG sound. Whoever sends a
# file as the type that is found gives its receiver a document that opens nowhere.
#
# Fails if that changes. Needs node and npm.
set -euo pipefail

folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"
npm init --yes >/dev/null
npm install --silent --no-audit --no-fund --ignore-scripts file-type@21.3.4

cat >look.mjs <<'JS'
import { readFileSync } from "node:fs";
import { fileTypeFromBuffer } from "file-type";

const { version } = JSON.parse(readFileSync("node_modules/file-type/package.json", "utf8"));
console.log(`file-type ${version}`);
const rows = "\r\n22;Ani\r\n24;Budi\r\n".repeat(50);
for (const [what, bytes] of [
  ["a list with the column BMI", Buffer.from(`BMI;Name${rows}`)],
  ["a list of MAC addresses", Buffer.from(`MAC address,Name${rows}`)],
  ["a list in UTF-16", Buffer.from(`\u{FEFF}Phone\tName${rows}`, "utf16le")],
  ["a list of phone numbers", Buffer.from(`Phone;Name${rows}`)],
])
  console.log(`${what}: ${(await fileTypeFromBuffer(bytes))?.mime}`);
JS
output=$(timeout 60 node look.mjs)
printf '%s\n' "$output"

# Output seen on 2026-11-30:
expected="file-type 21.3.4
a list with the column BMI: image/bmp
a list of MAC addresses: audio/ape
a list in UTF-16: audio/mpeg
a list of phone numbers: undefined"
[ "$output" = "$expected" ] || { echo "This has changed." >&2; exit 1; }
