#!/usr/bin/env bash
# whatsapp-chat-parser 4.0.2: what it reads in a chat that WhatsApp exported on a phone in another language.
#
# Expected: each line is a message with its time and its author, or an error says that the export is not understood. WhatsApp writes day
# and time as the phone's language does (https://github.com/mtln/chat-export/pull/30 has exports in Arabic).
# Behaviour: without an error, an evening in Chinese is twelve hours early, as the word for afternoon stands before the time; in
# Vietnamese it is, too, and "CH" (afternoon) is part of the author's name; an export in Arabic holds no message.
#
# Fails if that changes. Needs node and npm.
set -euo pipefail

folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"
npm init --yes >/dev/null
npm install --silent --no-audit --no-fund --ignore-scripts whatsapp-chat-parser@4.0.2

cat >read.mjs <<'JS'
import { readFileSync } from "node:fs";
import { parseString } from "whatsapp-chat-parser";

const { version } = JSON.parse(readFileSync("node_modules/whatsapp-chat-parser/package.json", "utf8"));
console.log(`whatsapp-chat-parser ${version}, each of 31 December 2024, 22:05`);
for (const [language, line] of [
  ["English", "31/12/2024, 10:05 PM - Sari: halo"],
  ["Chinese", "2024/12/31 下午10:05 - Sari: halo"],
  ["Vietnamese", "31/12/2024, 10:05 CH - Sari: halo"],
  ["Arabic", "٣١‏/١٢‏/٢٠٢٤، ١٠:٠٥ م - Sari: halo"],
]) {
  const [message] = parseString(line);
  const time = message?.date.toISOString().slice(0, 16);
  console.log(`${language}: ${message ? `${time} by ${message.author}` : "no message"}`);
}
JS
output=$(TZ=UTC timeout 60 node read.mjs)
printf '%s\n' "$output"

# Output seen on 2026-11-30:
expected="whatsapp-chat-parser 4.0.2, each of 31 December 2024, 22:05
English: 2024-12-31T22:05 by Sari
Chinese: 2024-12-31T10:05 by Sari
Vietnamese: 2024-12-31T10:05 by CH - Sari
Arabic: no message"
[ "$output" = "$expected" ] || { echo "This has changed." >&2; exit 1; }
