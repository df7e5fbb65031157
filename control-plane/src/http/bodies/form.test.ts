import { once } from "node:events";
import { request, type IncomingMessage, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import { serve } from "@hono/node-server";
import { afterAll, beforeAll, expect, it } from "vitest";
import { pino } from "pino";
import { createBodyDrain } from "../guards/body-drain.ts";
import { createBodySize } from "../guards/body-size.ts";
import { createRouter } from "../context.ts";
import { createErrorHandler } from "../errors.ts";
import { readSendBody } from "./send-body.ts";

const PDF = Buffer.from("%PDF-1.7\r\n--not the boundary\r\n\u{0}\u{ff}", "latin1");

let server: Server;
beforeAll(async () => {
  const app = createRouter();
  app.onError(createErrorHandler(pino({ level: "silent" })));
  app.use(createBodyDrain());
  app.use(createBodySize(1_000_000, 8));
  app.post("/", async (c) => {
    const { media, ...fields } = await readSendBody(c);
    const { bytes, ...about } = media ?? {};
    return c.json({ ...fields, ...about, file: bytes && Buffer.from(bytes).toString("latin1") });
  });
  server = serve({ fetch: app.fetch, port: 0, hostname: "127.0.0.1" }) as Server;
  await once(server, "listening");
});
afterAll(() => {
  server.close();
  server.closeAllConnections();
});

type Answer = { status: number; body: Record<string, unknown> };

/** In pieces of a size at which every delimiter is cut somewhere. */
async function post(body: Buffer, contentType: string, { chunked = false, step = 7 } = {}): Promise<Answer> {
  const call = request({
    host: "127.0.0.1",
    port: (server.address() as AddressInfo).port,
    method: "POST",
    headers: { "Content-Type": contentType, ...(!chunked && { "Content-Length": body.length }) },
  });
  const answered = once(call, "response");
  for (let at = 0; at < body.length; at += step) call.write(body.subarray(at, at + step));
  call.end();
  const [answer] = (await answered) as [IncomingMessage];
  const chunks: Buffer[] = [];
  for await (const chunk of answer) chunks.push(chunk as Buffer);
  return { status: answer.statusCode!, body: JSON.parse(Buffer.concat(chunks).toString()) as never };
}

type Raw = { headers: string[]; value: string | Buffer };
const build = (boundary: string, parts: readonly Raw[]) =>
  Buffer.concat([
    ...parts.flatMap(({ headers, value }) => [
      Buffer.from(`--${boundary}\r\n${headers.map((line) => `${line}\r\n`).join("")}\r\n`),
      Buffer.from(value as string),
      Buffer.from("\r\n"),
    ]),
    Buffer.from(`--${boundary}--\r\n`),
  ]);

const NAME = "Faktur ✓ 07.pdf";
const ENCODED = encodeURIComponent(NAME);
const TEXT = "Halo, ini fakturnya ✓";

/** The fields that all of them send; `headers` writes those of one. */
const fieldsBy = (headers: (name: string) => string[]): Raw[] =>
  [
    ["to", "+6281234567890"],
    ["type", "document"],
    ["caption", TEXT],
  ].map(([name = "", value = ""]) => ({ headers: headers(name), value }));
const quoted = (name: string) => [`Content-Disposition: form-data; name="${name}"`];

type Sender = {
  boundary: string;
  quotesBoundary?: true;
  behindBoundary?: string;
  fields?: Raw[];
  file: string[];
  filename?: string;
};
/**
 * As they were seen to write it: mono's MultipartFormDataContent 6.8 (whose code .NET has), requests with urllib3 1.26 and 2.7, aiohttp 3.8, curl 7.88
 * under PHP 8.2, Guzzle 7.4, Go 1.19, LWP 6.68, Symfony 5.4, HttpClient 4.5 of Java. urllib3 1.24 and before: as its source has it.
 */
const senders: Record<string, Sender> = {
  "HttpClient of .NET": {
    boundary: "7d1b6f3e-1f0a-4a1e-9d4e-5c1f5b7a0c11",
    quotesBoundary: true,
    fields: fieldsBy((name) => [
      "Content-Type: text/plain; charset=utf-8",
      `Content-Disposition: form-data; name=${name}`,
    ]),
    file: [
      `Content-Disposition: form-data; name=file; filename="=?utf-8?B?${Buffer.from(NAME).toString("base64")}?="; filename*=utf-8''${ENCODED}`,
    ],
  },
  "HttpClient of .NET, the names without spaces": {
    boundary: "7d1b6f3e-1f0a-4a1e-9d4e-5c1f5b7a0c11",
    quotesBoundary: true,
    file: [
      "Content-Type: application/pdf",
      "Content-Disposition: form-data; name=file; filename=faktur.pdf; filename*=utf-8''faktur.pdf",
    ],
    filename: "faktur.pdf",
  },
  "HttpClient of .NET, quotes given with the name": {
    boundary: "7d1b6f3e-1f0a-4a1e-9d4e-5c1f5b7a0c11",
    quotesBoundary: true,
    file: [
      `Content-Disposition: form-data; name="file"; filename="faktur 1.pdf"; filename*=utf-8''%22faktur%201.pdf%22`,
    ],
    filename: "faktur 1.pdf",
  },
  "requests with an old urllib3": {
    boundary: "0f3a7c0e9b7d4c6a8f1e2d3c4b5a6978",
    file: [`Content-Disposition: form-data; name="file"; filename*=utf-8''${ENCODED}`],
  },
  aiohttp: {
    boundary: "0f3a7c0e9b7d4c6a8f1e2d3c4b5a6978",
    fields: fieldsBy((name) => [
      "Content-Type: text/plain; charset=utf-8",
      `Content-Disposition: form-data; name="${name}"`,
    ]),
    file: [
      "Content-Type: application/pdf",
      `Content-Disposition: form-data; name="file"; filename="${ENCODED}"`,
    ],
  },
  "HttpClient of Java": {
    boundary: "oTtVeGYjXkUjqDyWZ8x7kM",
    behindBoundary: "; charset=UTF-8",
    fields: fieldsBy((name) => [
      `Content-Disposition: form-data; name="${name}"`,
      "Content-Type: text/plain; charset=UTF-8",
      "Content-Transfer-Encoding: 8bit",
    ]),
    file: [
      `Content-Disposition: form-data; name="file"; filename="${NAME}"`,
      "Content-Type: application/pdf",
      "Content-Transfer-Encoding: binary",
    ],
  },
  "LWP, with quotes and a backslash": {
    boundary: "xYzZY",
    file: [String.raw`Content-Disposition: form-data; name="file"; filename="a \"07\" b\\c.pdf"`],
    filename: String.raw`a "07" b\c.pdf`,
  },
  "Go, with a backslash": {
    boundary: "5f0c9b7f5a1e4b7c8d6e3f2a1b0c9d8e7f6a5b4c3d2e1f0a9b8c7d6e5f4a",
    file: [String.raw`Content-Disposition: form-data; name="file"; filename="c\\d.pdf"`],
    filename: String.raw`c\d.pdf`,
  },
  "whoever escapes a line break in a name": {
    boundary: "x",
    file: [`Content-Disposition: form-data; name="file"; filename="a%0D%0Ab.pdf"`],
    filename: "a  b.pdf",
  },
  "who has a percent sign in a name": {
    boundary: "x",
    file: [`Content-Disposition: form-data; name="file"; filename="100% 2%20x.pdf"`],
    filename: "100% 2%20x.pdf",
  },
  "requests with urllib3": {
    boundary: "0f3a7c0e9b7d4c6a8f1e2d3c4b5a6978",
    file: [`Content-Disposition: form-data; name="file"; filename="${NAME}"`],
  },
  "curl under PHP": {
    boundary: "------------------------d74496d66958873e",
    file: [
      `Content-Disposition: form-data; name="file"; filename="${NAME}"`,
      "Content-Type: application/octet-stream",
    ],
  },
  "Guzzle under PHP": {
    boundary: "4a1b2c3d4e5f60718293a4b5c6d7e8f901234567",
    fields: fieldsBy((name) => [...quoted(name), "Content-Length: 999"]),
    file: [
      `Content-Disposition: form-data; name="file"; filename="${NAME}"`,
      `Content-Length: ${PDF.length}`,
      "Content-Type: application/pdf",
    ],
  },
  "Go, which escapes quotes": {
    boundary: "5f0c9b7f5a1e4b7c8d6e3f2a1b0c9d8e7f6a5b4c3d2e1f0a9b8c7d6e5f4a",
    file: [
      String.raw`Content-Disposition: form-data; name="file"; filename="Faktur \"07\".pdf"`,
      "Content-Type: application/octet-stream",
    ],
    filename: 'Faktur "07".pdf',
  },
  "a browser, which escapes quotes by percent": {
    boundary: "----WebKitFormBoundaryq1w2e3r4t5y6u7i8",
    file: [
      String.raw`Content-Disposition: form-data; name="file"; filename="C:\fakepath\Faktur %2207%22.pdf"`,
      "Content-Type: application/pdf",
    ],
    filename: 'Faktur "07".pdf',
  },
};

it.each(Object.entries(senders))("takes a form of %s", async (_, sender) => {
  const {
    boundary,
    quotesBoundary,
    behindBoundary = "",
    fields = fieldsBy(quoted),
    file,
    filename = NAME,
  } = sender;
  const body = build(boundary, [...fields, { headers: file, value: PDF }]);
  const contentType = `multipart/form-data; boundary=${quotesBoundary ? `"${boundary}"` : boundary}${behindBoundary}`;
  for (const how of [{}, { chunked: true }, { step: 1 }, { step: body.length }]) {
    const answer = await post(body, contentType, how);
    expect(answer.body).toMatchObject({
      to: "+6281234567890",
      type: "document",
      caption: TEXT,
      filename,
      file: PDF.toString("latin1"),
    });
  }
});

const one = (headers: string[], value: string | Buffer) => {
  const to = { headers: ['Content-Disposition: form-data; name="to"'], value: "62812" };
  return post(build("b", [to, { headers, value }]), "multipart/form-data; boundary=b");
};

it.each([
  ["windows-1252", Buffer.from("Caf\u00e9 \u0080", "latin1"), "Café €"],
  ["ISO-8859-1", Buffer.from("Caf\u00e9", "latin1"), "Café"],
  ["Shift_JIS", Buffer.from([0x83, 0x65, 0x83, 0x58, 0x83, 0x67]), "テスト"],
  ["utf-16le", Buffer.from("Halo ✓", "utf16le"), "Halo ✓"],
])("reads a field by the charset that its part declares: %s", async (charset, bytes, message) => {
  const headers = [
    `Content-Type: text/plain; charset=${charset}`,
    "Content-Disposition: form-data; name=message",
  ];
  expect((await one(headers, bytes)).body).toMatchObject({ message });
});

it.each([
  ["no UTF-8", [], Buffer.from("Caf\u00e9", "latin1"), /is not UTF-8/],
  [
    "an unknown charset",
    ["Content-Type: text/plain; charset=x-none"],
    Buffer.from("a"),
    /not known \(x-none\)/,
  ],
  [
    "half a character",
    ["Content-Type: text/plain; charset=utf-16le"],
    Buffer.from([0x3d, 0xd8]),
    /half a character/,
  ],
])("refuses a field of %s, by its name", async (_, more, bytes, message) => {
  const { status, body } = await one(['Content-Disposition: form-data; name="message"', ...more], bytes);
  expect(status).toBe(400);
  expect(body).toMatchObject({
    error: {
      code: "invalid_request",
      details: [{ field: "message", message: expect.stringMatching(message) }],
    },
  });
});

it.each([
  ["a part without a name", "--b\r\nContent-Disposition: form-data\r\n\r\nx\r\n--b--\r\n", /no name/],
  [
    "a part of another kind",
    '--b\r\nContent-Disposition: inline; name="to"\r\n\r\nx\r\n--b--\r\n',
    /no name/,
  ],
  ["a part without headers", "--b\r\n\r\nx\r\n--b--\r\n", /no name/],
  ["no end", '--b\r\nContent-Disposition: form-data; name="to"\r\n\r\nx', /not a complete/],
  ["an end in the headers", "--b\r\nContent-Disposition: form-data; na", /not a complete/],
  [
    "another boundary",
    '--c\r\nContent-Disposition: form-data; name="to"\r\n\r\nx\r\n--c--\r\n',
    /not a complete/,
  ],
  ["nothing", "", /not a complete/],
  [
    "parts without number",
    `${'--b\r\nContent-Disposition: form-data; name="x"\r\n\r\nx\r\n'.repeat(3)}--b--\r\n`,
    /more than once/,
  ],
  [
    "more parts than any needs",
    `${Array.from({ length: 80 }, (_, n) => `--b\r\nContent-Disposition: form-data; name="x${n}"\r\n\r\nx\r\n`).join("")}--b--\r\n`,
    /more than 64 parts/,
  ],
])("refuses a form with %s, and goes on", async (_, raw, message) => {
  const { status, body } = await post(Buffer.from(raw), "multipart/form-data; boundary=b");
  expect(status).toBe(400);
  expect(JSON.stringify(body["error"])).toMatch(message);
  expect((await one(['Content-Disposition: form-data; name="message"'], "hi")).status).toBe(200);
});

it.each(["constructor", "toString", "__proto__", "hasOwnProperty"])(
  "refuses a part named %s as any other",
  async (name) => {
    const { status, body } = await one([`Content-Disposition: form-data; name="${name}"`], "{}");
    expect([status, body]).toMatchObject([
      400,
      {
        error: {
          code: "invalid_request",
          details: expect.arrayContaining([{ field: name, message: "is not known" }]),
        },
      },
    ]);
  },
);

it("reads past parts without headers, keeping none of them", async () => {
  const raw = Buffer.from(`--b\r\n${"\r\n--b".repeat(150_000)}--\r\n`);
  const before = process.memoryUsage().rss;
  const { status } = await post(raw, "multipart/form-data; boundary=b", { step: 64 * 1024 });
  expect(status).toBe(400);
  expect((process.memoryUsage().rss - before) / 1024 / 1024).toBeLessThan(100);
});

it("refuses a form whose type names no boundary", async () => {
  const { status, body } = await post(Buffer.from("--b--\r\n"), "multipart/form-data");
  expect([status, body]).toMatchObject([400, { error: { code: "invalid_form" } }]);
});

it.each([
  ["a text instead of a file", ['Content-Disposition: form-data; name="file"'], /must be a file/],
  [
    "a file instead of a text",
    ['Content-Disposition: form-data; name="message"; filename="a.txt"'],
    /is a file/,
  ],
])("refuses %s", async (_, headers, message) => {
  const { status, body } = await one(headers, "x");
  expect(status).toBe(400);
  expect(JSON.stringify(body)).toMatch(message);
});

it.each(["true", "True", "TRUE", "1", "on", "yes"])(
  "takes %s for true, as forms have texts only",
  async (text) => {
    const fields = [...fieldsBy(quoted).slice(0, 1), { headers: quoted("message"), value: text }];
    const bodyOf = (value: string) => build("x", [...fields, { headers: quoted("async"), value }]);
    const type = "multipart/form-data; boundary=x";
    expect((await post(bodyOf(text), type)).body).toMatchObject({ async: true, message: text });
    const no = { true: "false", True: "False", TRUE: "FALSE", "1": "0", on: "off", yes: "no" }[text]!;
    expect((await post(bodyOf(no), type)).body).toMatchObject({ async: false });
    expect((await post(bodyOf("perhaps"), type)).status).toBe(400);
  },
);

it("counts an empty part as absent", async () => {
  const { body } = await one(["Content-Disposition: form-data; name=quotedId"], "");
  expect(body).not.toHaveProperty("quotedId");
});

it("refuses a form that is too large, of a known length or not, and one that is broken off, and goes on", async () => {
  const file = ['Content-Disposition: form-data; name="file"; filename="a"'];
  const body = build("b", [{ headers: file, value: Buffer.alloc(1_100_000) }]);
  for (const chunked of [false, true]) {
    const answer = await post(body, "multipart/form-data; boundary=b", { chunked, step: 50_000 });
    expect([answer.status, answer.body]).toMatchObject([413, { error: { code: "body_too_large" } }]);
  }
  const { port } = server.address() as AddressInfo;
  for (const at of [3, 40, 100, 5_000]) {
    const call = request({
      port,
      host: "127.0.0.1",
      method: "POST",
      headers: { "Content-Type": "multipart/form-data; boundary=b", "Content-Length": body.length / 2 },
    });
    call.on("error", () => undefined).write(body.subarray(0, at));
    await once(call, "socket");
    setImmediate(() => call.destroy());
    await new Promise((resolve) => call.once("close", resolve));
  }
  expect((await one(['Content-Disposition: form-data; name="message"'], "hi")).status).toBe(200);
});
