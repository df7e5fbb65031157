#!/usr/bin/env bash
# csv-stringify 6.9.0: a message of two lines in a report whose rows end as spreadsheets want it (record_delimiter "\r\n").
#
# Expected: the cell is quoted, as RFC 4180 has it for line breaks, so that the row is one row.
# Behaviour: only the very record_delimiter makes a cell be quoted. A line feed alone, as texts typed on phones have it, stands
# bare, and whoever reads the table (csv-parse of the same authors, a spreadsheet) finds a row cut in two.
#
# Fails if that changes. Needs node and npm.
set -euo pipefail

folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"
npm init --yes >/dev/null
npm install --silent --no-audit --no-fund --ignore-scripts csv-stringify@6.9.0 csv-parse@7.0.3

cat >look.mjs <<'JS'
import { readFileSync } from "node:fs";
import { stringify } from "csv-stringify/sync";
import { parse } from "csv-parse/sync";

const { version } = JSON.parse(readFileSync("node_modules/csv-stringify/package.json", "utf8"));
console.log(`csv-stringify ${version}`);
const rows = [["6281200000001", "Hello\nBudi"]];
for (const record_delimiter of ["\n", "\r\n"]) {
  const text = stringify(rows, { record_delimiter });
  const read = parse(text, { relax_column_count: true });
  console.log(`${JSON.stringify(record_delimiter)}: ${JSON.stringify(text)}, read as ${read.length} row(s)`);
}
JS
output=$(timeout 60 node look.mjs)
printf '%s\n' "$output"

# Output seen on 2026-11-30:
expected='csv-stringify 6.9.0
"\n": "6281200000001,\"Hello\nBudi\"\n", read as 1 row(s)
"\r\n": "6281200000001,Hello\nBudi\r\n", read as 2 row(s)'
[ "$output" = "$expected" ] || { echo "This has changed." >&2; exit 1; }
