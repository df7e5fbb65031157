import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { makeFile, makePdf, makePng, sha256 } from "../support/media.ts";
import { linkSession } from "../support/session.ts";
import { startStage, type Stage } from "../support/stage.ts";

const ACCOUNT = "6281234567890";
const TO = "6281200000001";

let stage: Stage;
beforeAll(async () => {
  stage = await startStage("process", { MEDIA_MAX_MB: "1" });
  await linkSession(stage.engine, stage.simulator, "s", ACCOUNT);
});
afterAll(() => stage.close());

const last = async () => (await stage.simulator.control.sent(ACCOUNT)).at(-1);

const mp3 = makeFile("mp3");
const opus = makeFile("opus");
const webp = makeFile("webp");

describe("a form", () => {
  const post = async (parts: [string, string | Blob, string?][], headers: Record<string, string> = {}) => {
    const form = new FormData();
    for (const [name, value, filename] of parts) {
      if (typeof value === "string") form.append(name, value);
      else form.append(name, value, filename);
    }
    const answer = await fetch(`${stage.engine.url}/sessions/s/send`, {
      method: "POST",
      headers: { "X-API-Key": stage.engine.apiKey, ...headers },
      body: form,
    });
    return {
      status: answer.status,
      body: (await answer.json()) as {
        whatsappId?: string;
        messageId?: string;
        error?: { code: string; details: { field: string; message: string }[] };
      },
    };
  };

  it("carries a file with its name and type, byte for byte", async () => {
    const pdf = makePdf("a form");
    const { status, body } = await post([
      ["to", "0812-0000-0001"],
      ["type", "document"],
      ["caption", "Faktur"],
      ["file", new Blob([pdf], { type: "application/pdf" }), "Faktur 07/2026 ✓.pdf"],
    ]);
    expect(status, JSON.stringify(body)).toBe(200);
    expect(await last()).toMatchObject({
      id: body.whatsappId,
      type: "document",
      caption: "Faktur",
      filename: "Faktur 07/2026 ✓.pdf",
      mimetype: "application/pdf",
      mediaSha256: sha256(pdf),
    });
  });

  it("is believed by its bytes, where its sender's library went by the name", async () => {
    const { status, body } = await post([
      ["to", TO],
      ["type", "image"],
      ["file", new Blob([webp], { type: "image/png" }), "a.png"],
    ]);
    expect(status, JSON.stringify(body)).toBe(200);
    expect(await last()).toMatchObject({ id: body.whatsappId, mimetype: "image/webp" });
  });

  it("carries what is not text as JSON, and a given name before the file's own", async () => {
    const png = makePng(3);
    const { status, body } = await post([
      ["to", TO],
      ["type", "document"],
      ["mentions", '["6281200000005"]'],
      ["async", "false"],
      ["media", '{"filename":"given.bin","mimetype":"image/png"}'],
      ["file", new Blob([png], { type: "application/octet-stream" }), "own.png"],
    ]);
    expect(status, JSON.stringify(body)).toBe(200);
    expect(await last()).toMatchObject({
      filename: "given.bin",
      mimetype: "image/png",
      mentions: ["6281200000005@c.us"],
      mediaSha256: sha256(png),
    });
    const place = '{"latitude":1,"longitude":2}';
    expect(
      await post([
        ["to", TO],
        ["type", "location"],
        ["location", place],
      ]),
    ).toMatchObject({ status: 200 });
    expect(await last()).toMatchObject({ location: { latitude: 1, longitude: 2 } });
  });

  it("with the same key and file is the same message; with another file a conflict", async () => {
    const parts = (file: Buffer): [string, string | Blob, string?][] => [
      ["to", TO],
      ["type", "voice"],
      ["file", new Blob([file]), "a.ogg"],
    ];
    const headers = { "Idempotency-Key": "one-voice-note" };
    const first = await post(parts(opus), headers);
    expect(first.status).toBe(200);
    const sent = await stage.simulator.control.sent();
    expect(await post(parts(opus), headers)).toEqual(first);
    expect(await post(parts(makeFile("opus")), headers)).toMatchObject({
      status: 409,
      body: { error: { code: "idempotency_conflict" } },
    });
    expect(await stage.simulator.control.sent()).toEqual(sent);
  });

  const file = (bytes: Buffer, type = "") => new Blob([bytes], { type });
  it.each<[string, [string, string | Blob, string?][], number, string, string?]>([
    ["no recipient", [["message", "x"]], 400, "invalid_request", "to"],
    [
      "a file for a text",
      [
        ["to", TO],
        ["file", file(webp), "a"],
      ],
      400,
      "invalid_request",
      "media",
    ],
    [
      "a field twice",
      [
        ["to", TO],
        ["to", TO],
        ["message", "x"],
      ],
      400,
      "invalid_request",
      "to",
    ],
    [
      "two files",
      [
        ["to", TO],
        ["type", "document"],
        ["file", file(webp), "a"],
        ["file", file(webp), "b"],
      ],
      400,
      "invalid_request",
      "file",
    ],
    [
      "a file by another name",
      [
        ["to", TO],
        ["type", "image"],
        ["image", file(webp), "a"],
      ],
      400,
      "invalid_request",
      "image",
    ],
    [
      "a file that is a text",
      [
        ["to", TO],
        ["type", "image"],
        ["file", "x"],
      ],
      400,
      "invalid_request",
      "file",
    ],
    [
      "a part that is not known",
      [
        ["to", TO],
        ["message", "x"],
        ["webhook", "x"],
      ],
      400,
      "invalid_request",
      "webhook",
    ],
    [
      "JSON that is none",
      [
        ["to", TO],
        ["type", "poll"],
        ["poll", "{"],
      ],
      400,
      "invalid_request",
      "poll",
    ],
    [
      "two sources",
      [
        ["to", TO],
        ["type", "image"],
        ["media", '{"url":"https://example.com"}'],
        ["file", file(webp), "a"],
      ],
      400,
      "invalid_request",
      "media.url",
    ],
    [
      "bytes of another kind",
      [
        ["to", TO],
        ["type", "voice"],
        ["file", file(mp3), "a"],
      ],
      400,
      "invalid_media",
      "media",
    ],
    [
      "a type that the bytes contradict",
      [
        ["to", TO],
        ["type", "image"],
        ["media", '{"mimetype":"image/png"}'],
        ["file", file(webp), "a"],
      ],
      400,
      "invalid_media",
      "media.mimetype",
    ],
    [
      "no bytes",
      [
        ["to", TO],
        ["type", "document"],
        ["file", file(Buffer.alloc(0)), "a"],
      ],
      400,
      "invalid_media",
      "media",
    ],
    [
      "too large a file",
      [
        ["to", TO],
        ["type", "document"],
        ["file", file(Buffer.alloc(1024 * 1024 + 1)), "a"],
      ],
      413,
      "media_too_large",
    ],
    [
      "too large a body",
      [
        ["to", TO],
        ["type", "document"],
        ["file", file(Buffer.alloc(2 * 1024 * 1024)), "a"],
      ],
      413,
      "body_too_large",
    ],
  ])("with %s is refused", async (_, parts, status, code, field) => {
    const before = await stage.simulator.control.sent();
    const answer = await post(parts);
    expect([answer.status, answer.body.error?.code], JSON.stringify(answer.body)).toEqual([status, code]);
    if (field !== undefined)
      expect(answer.body.error?.details.map((detail) => detail.field)).toContain(field);
    expect(await stage.simulator.control.sent()).toEqual(before);
  });

  it("that is cut off, or goes elsewhere, is refused", async () => {
    const headers = { "Content-Type": "multipart/form-data; boundary=x" };
    const part = '--x\r\nContent-Disposition: form-data; name="to"\r\n\r\n628';
    const cut = await stage.engine.api("POST /sessions/s/send", part, { headers });
    expect([cut.status, cut.body.error?.code], cut.text).toEqual([400, "invalid_form"]);
    const none = await stage.engine.api("POST /sessions/s/send", part, {
      headers: { "Content-Type": "multipart/form-data" },
    });
    expect([none.status, none.body.error?.code], none.text).toEqual([400, "invalid_form"]);
    const elsewhere = await stage.engine.api("POST /sessions/create", `${part}\r\n--x--\r\n`, { headers });
    expect([elsewhere.status, elsewhere.body.error?.code]).toEqual([415, "unsupported_media_type"]);
  });
});
