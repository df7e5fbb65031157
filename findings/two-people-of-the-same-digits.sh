#!/usr/bin/env bash
# Baileys 6.17.16: whether a phone's number and a LID of the same digits are one person.
#
# Expected: they are two. WhatsApp names people by number (…@s.whatsapp.net) and by LID (…@lid), both up to 15 digits that are given out
# without each other; who the LID 6281200000001 is, only WhatsApp can tell.
# Behaviour: areJidsSameUser compares the digits and not what stands behind the @. The two are one user, as are a group and a channel of
# the same number, and two that are no JIDs at all.
#
# Fails if that changes. Needs node and npm. Only the package itself is read, without what it depends on.
set -euo pipefail

folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"
npm pack --silent baileys@6.17.16 >/dev/null
tar --extract --gzip --file=baileys-6.17.16.tgz

cat >compare.cjs <<'JS'
const { areJidsSameUser } = require("./package/lib/WABinary/jid-utils.js");
const { version } = require("./package/package.json");

console.log(`baileys ${version}`);
for (const [one, other] of [
  ["6281200000001@s.whatsapp.net", "6281200000001:7@s.whatsapp.net"],
  ["6281200000001@s.whatsapp.net", "6281200000002@s.whatsapp.net"],
  ["6281200000001@s.whatsapp.net", "6281200000001@lid"],
  ["120363000000000000@g.us", "120363000000000000@newsletter"],
  [undefined, "nobody"],
])
  console.log(`${one}, ${other}: ${areJidsSameUser(one, other) ? "the same" : "two"}`);
JS
output=$(timeout 60 node compare.cjs)
printf '%s\n' "$output"

# Output seen on 2026-11-30:
expected="baileys 6.17.16
6281200000001@s.whatsapp.net, 6281200000001:7@s.whatsapp.net: the same
6281200000001@s.whatsapp.net, 6281200000002@s.whatsapp.net: two
6281200000001@s.whatsapp.net, 6281200000001@lid: the same
120363000000000000@g.us, 120363000000000000@newsletter: the same
undefined, nobody: the same"
[ "$output" = "$expected" ] || { echo "This has changed." >&2; exit 1; }
