import { Pool } from "undici";
import { startEngine } from "@whatsapp-engine/test/support/engine.js";
import { callerOf } from "./caller.ts";
import { progress } from "./progress.ts";
import { heading, row, summarise } from "./statistics.ts";

/*
 * `npm run bench -- held [BENCH_OTHER=<folder>]`: for how long the largest and oddest bodies hold up somebody else, who asks for `/ping`
 * again and again meanwhile; the longest that one of those took. With `BENCH_OTHER` another build in turn, built in that folder.
 */

const ROUNDS = 15;
const TO = "6281111111111";
const SEND = "/sessions/s/send";
const BULK = "/sessions/s/messages/bulk";

type Kind = { path: string; body: Buffer; type: string };
const json = (path: string, body: unknown): Kind => raw(path, JSON.stringify(body));
const raw = (path: string, text: string): Kind => ({
  path,
  body: Buffer.from(text),
  type: "application/json",
});

async function form(path: string, fields: Record<string, string>, file: Buffer): Promise<Kind> {
  const parts = new FormData();
  for (const [name, value] of Object.entries(fields)) parts.append(name, value);
  parts.append("file", new Blob([new Uint8Array(file)], { type: "application/pdf" }), "a.pdf");
  const request = new Request("http://form", { method: "POST", body: parts });
  const type = request.headers.get("content-type")!;
  return { path, type, body: Buffer.from(await request.arrayBuffer()) };
}

async function kinds(): Promise<Record<string, Kind>> {
  const file = Buffer.alloc(15_900_000, "%PDF-1.7 and so on ");
  const base64 = file.toString("base64");
  const document = { to: TO, type: "document", async: true };
  const numbers = Array.from({ length: 1_000 }, (_, at) => String(628_110_000_000 + at));
  return {
    "a text": json(SEND, { to: TO, message: "x", async: true }),
    "a file of 16 MB in base64": json(SEND, { ...document, media: { base64 } }),
    "the same in lines": json(SEND, {
      ...document,
      media: { base64: base64.replaceAll(/.{76}/g, "$&\n").slice(0, 21_000_000) },
    }),
    "the same in a form": await form(SEND, { ...document, async: "true" }, file),
    "1,000 texts of 15,000 characters": json(BULK, {
      recipients: numbers.map((to, at) => ({
        to,
        message: `${at} and so on `.repeat(1_200).slice(0, 15_000),
      })),
    }),
    "a table of 16 MB": json(BULK, {
      message: "x",
      csv: `to,name\n${numbers.map((to) => `${to},${"n".repeat(15_000)}`).join("\n")}`,
    }),
    "a table of 4 million rows": json(BULK, { message: "x", csv: `to,name\n${"1,2\n".repeat(4_000_000)}` }),
    "a list of 10 million numbers": raw(SEND, `{"to":[${"0,".repeat(10_000_000)}0]}`),
    "10 million lists in each other": raw(SEND, "[".repeat(10_000_000) + "]".repeat(10_000_000)),
    "a million fields": raw(
      SEND,
      `{${Array.from({ length: 1_000_000 }, (_, at) => `"k${at}":0`).join(",")}}`,
    ),
    "a text of 20 MB that is no ASCII": json(SEND, { to: TO, message: "é".repeat(10_000_000), async: true }),
  };
}

async function open(folder: string | undefined) {
  const engine = await startEngine({
    runtime: "process",
    stubs: true,
    settings: { QUEUE_MAX_MESSAGES: "1000000" },
    ...(folder !== undefined && { folder }),
  });
  await callerOf(engine)("POST", "/sessions/create", 201, { sessionId: "s" });
  const headers = { "X-API-Key": engine.apiKey };
  return {
    async held({ path, body, type }: Kind): Promise<number> {
      // Anew each time: a connection that was idle while another build was measured may just be closed.
      const [caller, other] = [new Pool(engine.url), new Pool(engine.url)];
      const answered = { all: false };
      const answer = caller
        .request({ method: "POST", path, body, headers: { ...headers, "Content-Type": type } })
        .then(({ body: answer }) => answer.dump())
        .finally(() => (answered.all = true));
      let longest = 0;
      while (!answered.all) {
        const startedAt = performance.now();
        const ping = await other.request({ method: "GET", path: "/health", headers });
        await ping.body.dump();
        longest = Math.max(longest, performance.now() - startedAt);
      }
      await answer;
      await Promise.all([caller.destroy(), other.destroy()]);
      return longest;
    },
    close: () => engine.stop(),
  };
}

export async function measureHeld(say: (text: string) => void): Promise<void> {
  const folder = process.env["BENCH_OTHER"];
  const builds = [
    ...(folder === undefined ? [] : [{ name: "before: ", build: await open(folder) }]),
    { name: "", build: await open(undefined) },
  ];
  const all = Object.entries(await kinds());
  const held = new Map<string, number[]>();
  try {
    for (let round = 0; round <= ROUNDS; round++) {
      progress("held", round, ROUNDS);
      for (const [what, kind] of all)
        for (const { name, build } of builds) {
          const longest = await build.held(kind);
          // The first one warms both.
          if (round > 0) held.set(name + what, [...(held.get(name + what) ?? []), longest]);
        }
    }
  } finally {
    for (const { build } of builds) await build.close();
  }
  say(heading);
  for (const [what] of all) {
    const before = held.get(`before: ${what}`);
    if (before) say(row(`before: ${what}`, summarise(before)));
    say(row(what, summarise(held.get(what)!), "ms", before && summarise(before)));
  }
}
