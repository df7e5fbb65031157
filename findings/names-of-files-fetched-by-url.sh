#!/usr/bin/env bash
# whatsapp-web.js 1.34.7: which name a file has that MessageMedia.fromUrl fetched.
#
# Expected: the name that the server gives in Content-Disposition, as RFC 6266 writes it: with or without quotes, in letters of any
# size, encoded where it is no ASCII, whatever parameters follow. Without one, the last part of the address as it reads.
# Behaviour: only a name in quotes behind a small "filename=" is found. A parameter in quotes behind it becomes part of the name, quotes
# and all; every other way of writing it gives the address, with its percent signs. The receiver of the document sees that name.
#
# Fails if that changes. Needs node and npm.
set -euo pipefail

folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"
npm init --yes >/dev/null
npm install --silent --no-audit --no-fund --ignore-scripts whatsapp-web.js@1.34.7

cat >fetch.cjs <<'JS'
const { createServer } = require("node:http");
const { MessageMedia } = require("whatsapp-web.js");
const { version } = require("whatsapp-web.js/package.json");

console.log(`whatsapp-web.js ${version}`);
const headers = [
  'attachment; filename="prices.pdf"',
  'attachment; filename="prices.pdf"; size="1024"',
  "attachment; filename=prices.pdf",
  'attachment; FILENAME="prices.pdf"',
  "attachment; filename*=UTF-8''prices%20June.pdf",
  "attachment",
];
let at = 0;
const server = createServer((_, answer) => {
  answer.setHeader("Content-Type", "application/pdf");
  answer.setHeader("Content-Disposition", headers[at]);
  answer.end("%PDF");
}).listen(0, "127.0.0.1", async () => {
  for (; at < headers.length; at++) {
    const { filename } = await MessageMedia.fromUrl(`http://127.0.0.1:${server.address().port}/list%20of%20May.pdf`);
    console.log(`${headers[at]} -> ${filename}`);
  }
  server.close();
});
JS
output=$(timeout 60 node fetch.cjs)
printf '%s\n' "$output"

# Output seen on 2026-11-30:
expected="whatsapp-web.js 1.34.7
attachment; filename=\"prices.pdf\" -> prices.pdf
attachment; filename=\"prices.pdf\"; size=\"1024\" -> prices.pdf\"; size=\"1024
attachment; filename=prices.pdf -> list%20of%20May.pdf
attachment; FILENAME=\"prices.pdf\" -> list%20of%20May.pdf
attachment; filename*=UTF-8''prices%20June.pdf -> list%20of%20May.pdf
attachment -> list%20of%20May.pdf"
[ "$output" = "$expected" ] || { echo "This has changed." >&2; exit 1; }
