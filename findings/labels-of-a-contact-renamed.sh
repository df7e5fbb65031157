#!/usr/bin/env bash
# vcf 2.1.2: what becomes of a contact's labels when a vCard is read and written again.
#
# Expected: a vCard as WhatsApp and iPhones write it (a number with its `waid`, and a label of its own in X-ABLabel, tied to it by the
# group item1) says the same after it was read and written, as property names are the same in letters of any size.
# Behaviour: X-ABLabel is written as X-AB-LABEL, another name, which nobody reads: the label is lost. The number, its group and its
# `waid` stay.
#
# Fails if that changes. Needs node and npm.
set -euo pipefail

folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"
npm init --yes >/dev/null
npm install --silent --no-audit --no-fund --ignore-scripts vcf@2.1.2

cat >write.cjs <<'JS'
const Card = require("vcf");
const { version } = require("vcf/package.json");

console.log(`vcf ${version}`);
const lines = [
  "BEGIN:VCARD",
  "VERSION:3.0",
  "N:Rasa;Sari;;;",
  "FN:Sari Rasa",
  "item1.TEL;waid=6281200000001:+62 812-0000-0001",
  "item1.X-ABLabel:Shop",
  "END:VCARD",
];
console.log(new Card().parse(`${lines.join("\r\n")}\r\n`).toString("3.0").split("\r\n").join("\n").trim());
JS
output=$(timeout 60 node write.cjs)
printf '%s\n' "$output"

# Output seen on 2026-11-30:
expected="vcf 2.1.2
BEGIN:VCARD
VERSION:3.0
N:Rasa;Sari;;;
FN:Sari Rasa
item1.TEL;WAID=6281200000001:+62 812-0000-0001
item1.X-AB-LABEL:Shop
END:VCARD"
[ "$output" = "$expected" ] || { echo "This has changed." >&2; exit 1; }
