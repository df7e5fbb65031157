import { afterAll, beforeAll, describe, expect, it } from "vitest";
import type { Answer, CallOptions } from "../support/api.ts";
import {
  createShapes,
  operationsOf,
  type Document,
  type Operation,
  type Schema,
} from "../support/document.ts";
import { startEngine, type Engine } from "../support/engine.ts";
import { heldMs, measuredNodeArgs } from "../support/loop.ts";

/*
 * Every field of every body, query, header and path of the OpenAPI document is given long and odd values. Whatever they hold, nobody
 * else waits for it, it is refused in few words, and the engine goes on.
 */

/** Ten times what a call may hold the event loop for: not every machine is as fast. */
const MAX_HELD_MS = 500;
const MAX_ANSWER_BYTES = 64 * 1024;
/** Of JSON; MEDIA_MAX_MB=16 lets a body have about 21.6 MB. */
const LONGEST = 20_000_000;
/** Of a line and its headers; Node takes 16 KiB of them. */
const LONGEST_LINE = 12_000;

const repeated = (part: string, length: number) => part.repeat(Math.floor(length / part.length));
const PARTS = [
  "a",
  "1",
  " ",
  "\n",
  "😀",
  "\u{301}",
  "a@",
  "+1 ",
  "-",
  "=",
  "%00",
  "{{a|",
  '"',
  "\\",
  "[",
  ":",
  "/",
  "\u{2028}",
];
const longTexts = (length: number) => PARTS.map((part) => repeated(part, length));
const numbered = (count: number) =>
  Object.fromEntries(Array.from({ length: count }, (_, at) => [`k${at}`, at]));
const nested = (depth: number): unknown => JSON.parse(`${"[".repeat(depth)}${"]".repeat(depth)}`);

const ODD: unknown[] = [
  null,
  true,
  0,
  -1,
  1.5,
  1e30,
  "",
  " ",
  "\n",
  "\u{0}",
  "__proto__",
  "é",
  "2030-01-31T02:00:00Z",
  [],
  [null],
  [[]],
  {},
  { x: 1 },
  JSON.parse('{"__proto__":1,"constructor":1}'),
];
const LARGE: [string, unknown][] = [
  ["many fields", numbered(1_900)],
  ["more fields", numbered(300_000)],
  ["a long list", Array.from({ length: 300_000 }, () => 1)],
  ["a list of lists", Array.from({ length: 1_900 }, () => Array.from({ length: 100 }, () => null))],
  ["long names", Object.fromEntries(PARTS.map((part) => [repeated(part, 100_000), 1]))],
  ["much within much", nested(3_000)],
];

/** Verbs on a session that take long, or end it: asked of one that is not there. */
const OF_NOBODY =
  /\/(start|stop|restart|hibernate|logout|reconnect|backup|restore|qr|screenshot|pairing-code|contacts|groups|all-contacts)\b|DELETE \/sessions\/\{sessionId\}$/;

let engine: Engine;
let operations: Operation[];
let shapes: ReturnType<typeof createShapes>;
let slowest = { what: "", ms: 0 };

beforeAll(async () => {
  engine = await startEngine({
    runtime: "process",
    stubs: true,
    nodeArgs: measuredNodeArgs,
    settings: { RATE_LIMIT_WITHOUT_KEY: "0", LOG_LEVEL: "info", QUEUE_MAX_MESSAGES: "1000000" },
  });
  const document = (await engine.api("GET /openapi.json")).body as unknown as Document;
  operations = operationsOf(document);
  shapes = createShapes(document);
  await engine.api("POST /sessions", { sessionId: "s" });
  await heldMs(engine);
});
afterAll(() => engine.stop());

const pathOf = ({ method, path }: Operation, given: Record<string, string> = {}) => {
  const sessionId = OF_NOBODY.test(`${method} ${path}`) ? "nobody" : "s";
  return path.replaceAll(
    /\{(\w+)\}/g,
    (_, name: string) => given[name] ?? (name === "sessionId" ? sessionId : "x"),
  );
};

async function ask(what: string, call: string, body?: unknown, options?: CallOptions): Promise<Answer> {
  const began = performance.now();
  const answer = await engine.api(call, body, options);
  const ms = performance.now() - began;
  if (ms > slowest.ms) slowest = { what, ms };
  expect(
    answer.status < 500 || answer.status === 503,
    `${what}: ${answer.status} ${answer.text.slice(0, 300)}`,
  ).toBe(true);
  if (answer.status >= 400) expect(answer.bytes.length, what).toBeLessThan(MAX_ANSWER_BYTES);
  return answer;
}

/** What is asked in `work` holds nobody up. */
async function measured(what: string, work: () => Promise<void>): Promise<void> {
  slowest = { what: "", ms: 0 };
  await work();
  const ms = await heldMs(engine);
  expect(ms, `${what}; the slowest was ${slowest.what} with ${Math.round(slowest.ms)} ms`).toBeLessThan(
    MAX_HELD_MS,
  );
}

const bodiesOf = (type: string) =>
  operations.flatMap((operation) => {
    const schema = operation.bodies[type];
    return schema === undefined
      ? []
      : [{ operation, schema, call: `${operation.method} ${pathOf(operation)}` }];
  });

/** Each place once, whichever way leads there. */
function* placesOf(schema: Schema, value: unknown) {
  const seen = new Set<string>();
  for (const one of shapes.placed(schema, value)) if (!seen.has(one.at) && seen.add(one.at)) yield one;
}

const QUERIES_AND_PATHS = [
  ...longTexts(LONGEST_LINE / 12),
  ...ODD.map((value) => (typeof value === "string" ? value : JSON.stringify(value))),
];
const HEADERS = [
  "Accept",
  "Accept-Encoding",
  "Content-Type",
  "Last-Event-ID",
  "Prefer",
  "Range",
  "X-Forwarded-For",
  "X-Request-Id",
];

/** Each takes a minute or two, and some times as long on a machine that others use; what counts is measured in the processor's time. */
const TIMEOUT_MS = 900_000;

describe("nobody waits for what a call holds", { timeout: TIMEOUT_MS }, () => {
  it("in a field of a JSON body", async () => {
    const taking = bodiesOf("application/json");
    expect(taking.length).toBeGreaterThan(12);
    for (const { call, schema } of taking)
      await measured(call, async () => {
        for (const value of [...ODD, ...longTexts(70_000)])
          for (const { at, body } of placesOf(schema, value))
            await ask(`${call} ${at}: ${JSON.stringify(value).slice(0, 40)}`, call, body);
      });
  });

  it("in a field of a JSON body, which is as long as a body may be", async () => {
    let turn = 0;
    for (const { call, schema } of bodiesOf("application/json"))
      for (const { at } of placesOf(schema, ""))
        await measured(`${call} ${at}`, async () => {
          const part = PARTS[turn % PARTS.length]!;
          const bytes = turn++ % 4 === 0 ? LONGEST : LONGEST / 10;
          const text = repeated(
            part,
            (bytes / Buffer.byteLength(JSON.stringify(part).slice(1, -1))) * part.length,
          );
          const { body } = [...placesOf(schema, text)].find((one) => one.at === at)!;
          await ask(`${JSON.stringify(part)} and so on`, call, body);
        });
  });

  it("in lists and objects of a JSON body", async () => {
    let turn = 0;
    for (const { call, schema } of bodiesOf("application/json")) {
      for (const { at } of placesOf(schema, null))
        await measured(`${call} ${at}`, async () => {
          const [name, value] = LARGE[turn++ % LARGE.length]!;
          const { body } = [...placesOf(schema, value)].find((one) => one.at === at)!;
          await ask(name, call, body);
        });
      for (const [name, value] of LARGE)
        await measured(`${call}, ${name}`, async () => void (await ask(name, call, value)));
    }
  });

  it("in a body that is no JSON", async () => {
    const texts = ["[", "{", '{"a":', '"', "\\", "1", " ", '{"a":[', "\u{0}"].map((part) =>
      repeated(part, LONGEST),
    );
    for (const text of texts)
      await measured(`POST /sessions with ${text.slice(0, 9)} and so on`, async () => {
        await ask("as it is", "POST /sessions", text);
        const headers = { "Content-Type": `application/json; charset=${"utf-16".padEnd(4_000, "6")}` };
        await ask("in an unknown charset", "POST /sessions", text, { headers });
      });
  });

  it("in a part of a form, and in its name", async () => {
    const taking = bodiesOf("multipart/form-data");
    expect(taking.length).toBeGreaterThan(3);
    let turn = 0;
    for (const { call, schema } of taking) {
      const { properties = {} } = shapes.resolved(schema);
      const beside = shapes.valid({ ...schema, ...shapes.resolved(schema) }) as Record<string, unknown>;
      for (const name of [...Object.keys(properties), "x", repeated("name", 8_000)])
        await measured(`${call} ${name.slice(0, 20)}`, async () => {
          const length = turn % 3 === 0 ? LONGEST / 4 : 100_000;
          for (const value of [
            repeated(PARTS[turn++ % PARTS.length]!, length),
            ...LARGE.slice(0, 2).map(([, one]) => JSON.stringify(one)),
          ]) {
            const form = new FormData();
            for (const [field, text] of Object.entries({ ...beside, [name]: value }))
              form.append(field, typeof text === "string" ? text : JSON.stringify(text));
            if (name === "file") form.set("file", new Blob([value]), repeated("n.", 8_000));
            const { headers, bytes } = await encoded(form);
            await ask(value.slice(0, 9), call, bytes, { headers });
          }
        });
    }
  });

  it("in its query", async () => {
    const taking = operations.flatMap((operation) =>
      operation.parameters.filter((one) => one.in === "query").map(({ name }) => ({ operation, name })),
    );
    expect(taking.length).toBeGreaterThan(15);
    for (const { operation, name } of taking) {
      const call = `${operation.method} ${pathOf(operation)}`;
      await measured(`${call}?${name}`, async () => {
        for (const text of QUERIES_AND_PATHS)
          await ask(text.slice(0, 20), `${call}?${name}=${encodeURIComponent(text)}`);
        await ask("many times", `${call}?${repeated(`${name}=x&`, LONGEST_LINE)}`);
        await ask("many names", `${call}?${Array.from({ length: 1_500 }, (_, at) => `k${at}`).join("&")}`);
      });
    }
  });

  it("in its path", async () => {
    const taking = operations.flatMap((operation) =>
      operation.parameters.filter((one) => one.in === "path").map(({ name }) => ({ operation, name })),
    );
    expect(taking.length).toBeGreaterThan(30);
    for (const { operation, name } of taking)
      await measured(`${operation.method} ${operation.path} ${name}`, async () => {
        for (const text of QUERIES_AND_PATHS)
          await ask(
            text.slice(0, 20),
            `${operation.method} ${pathOf(operation, { [name]: encodeURIComponent(text) || "x" })}`,
          );
      });
  });

  it("in a header", async () => {
    for (const operation of operations) {
      const own = operation.parameters.filter((one) => one.in === "header").map(({ name }) => name);
      const call = `${operation.method} ${pathOf(operation)}`;
      await measured(`${call}, headers`, async () => {
        for (const name of [...own, ...HEADERS])
          for (const part of ["a", " , ", "a,", ";", "1", "application/json;", "=", '"'])
            await ask(`${name}: ${part}`, call, undefined, {
              headers: { [name]: repeated(part, LONGEST_LINE).trim() },
            });
      });
    }
  });

  it("and afterwards the engine takes a message", async () => {
    const answer = await engine.api("POST /sessions/s/send", {
      to: "6281234567899",
      message: "x",
      async: true,
    });
    expect(answer.status).toBe(202);
  });
});

async function encoded(form: FormData): Promise<{ headers: Record<string, string>; bytes: Buffer }> {
  const request = new Request("http://localhost/", { method: "POST", body: form });
  return {
    headers: { "Content-Type": request.headers.get("Content-Type") ?? "" },
    bytes: Buffer.from(await request.arrayBuffer()),
  };
}
