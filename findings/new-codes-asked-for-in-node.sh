#!/usr/bin/env bash
# whatsapp-web.js 1.34.7: once WhatsApp's codes to scan have run out (socket state UNPAIRED_IDLE) the library wants to ask for new ones.
#
# Expected: the handler of that state asks the page for them.
# Behaviour: it runs in Node, as the function that the page was given, and uses `window` there. It throws a ReferenceError, no page is
# asked, and a client whose codes ran out shows no new one, whatever the build of WhatsApp Web.
#
# Nothing of WhatsApp is needed to see it: the page is a stand-in that keeps the functions that the library gives to it.
# Fails if that changes. Needs node and npm.
set -euo pipefail

folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"
npm init --yes >/dev/null
PUPPETEER_SKIP_DOWNLOAD=true npm install --silent --no-audit --no-fund --ignore-scripts whatsapp-web.js@1.34.7

cat >look.cjs <<'JS'
const { Client, NoAuth } = require("whatsapp-web.js");

const given = new Map();
let asked = 0;
const page = {
  exposeFunction: async (name, run) => void given.set(name, run),
  evaluate: async (script) => {
    asked += 1;
    const text = String(script);
    if (text.includes("window[name]")) return false; // nothing was given to the page before
    return text.includes("VERSION") ? "2.3000.1042401057" : true;
  },
};
const client = new Client({ authStrategy: new NoAuth() });
client.pupPage = page;

(async () => {
  await client.inject();
  const before = asked;
  const failure = await given.get("onAuthAppStateChangedEvent")("UNPAIRED_IDLE").then(
    () => "none",
    (cause) => `${cause.name}: ${cause.message}`,
  );
  console.log(`whatsapp-web.js ${require("whatsapp-web.js/package.json").version}`);
  console.log(`the handler's failure: ${failure}; times it asked the page: ${asked - before}`);
})();
JS
output=$(timeout 60 node look.cjs)
printf '%s\n' "$output"

# Output seen on 2026-11-30:
expected="whatsapp-web.js 1.34.7
the handler's failure: ReferenceError: window is not defined; times it asked the page: 0"
[ "$output" = "$expected" ] || { echo "This has changed." >&2; exit 1; }
