import { PNG } from "pngjs";
import { sessionReasons, sessionStatuses } from "@whatsapp-engine/contract/api";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { readQrCode } from "../support/qr-code.ts";
import { waitForStatus } from "../support/session.ts";
import { startStage, type Stage } from "../support/stage.ts";

/** What can be read of sessions, in every form it is offered. */
describe("reading", () => {
  let stage: Stage;
  const ids = ["s1", "s2", "s3", "s4", "s5"];
  beforeAll(async () => {
    stage = await startStage("process");
    for (const sessionId of ids) await stage.engine.api("POST /sessions", { sessionId });
    await waitForStatus(stage.engine, "s1", "qr_ready");
  });
  afterAll(() => stage.close());
  const get = (path: string, headers = {}) => stage.engine.api(`GET ${path}`, undefined, { headers });

  it("gives the code as text, as a data URL, as PNG, SVG and for a terminal: always the same one", async () => {
    const json = await get("/sessions/s1/qr");
    expect(json.body).toMatchObject({ success: true, sessionId: "s1", status: "qr_ready" });
    expect(Date.parse(json.body.expiresAt ?? "")).toBeGreaterThan(Date.now());
    const { qr, qrImage, data } = json.body;
    expect(data).toEqual({ status: "qr_ready", reason: null, qrCode: qrImage });
    expect(readQrCode(Buffer.from(qrImage!.replace("data:image/png;base64,", ""), "base64"))).toBe(qr);

    for (const answer of [
      await get("/sessions/s1/qr?format=png"),
      await get("/sessions/s1/qr", { Accept: "image/png" }),
    ]) {
      expect(answer.headers["content-type"]).toBe("image/png");
      expect(answer.headers["cache-control"]).toBe("no-store");
      expect(readQrCode(answer.bytes)).toBe(qr);
    }
    const svg = await get("/sessions/s1/qr?format=svg");
    expect(svg.headers["content-type"]).toContain("image/svg+xml");
    expect(svg.text).toMatch(/^<svg[^]*<\/svg>\s*$/);

    const terminal = await get("/sessions/s1/qr?format=text");
    expect(terminal.headers["content-type"]).toContain("text/plain");
    for (const background of ["dark", "light"] as const)
      expect(readQrCode(pictureOf(terminal.text, background)), background).toBe(qr);
  });

  it("waits for a code, or not", async () => {
    await stage.engine.api("POST /sessions", { sessionId: "late" });
    const now = await get("/sessions/late/qr?wait=0");
    expect(now).toMatchObject({ status: 200, body: { status: "connecting", qr: null, qrImage: null } });
    const picture = await get("/sessions/late/qr?wait=0&format=png");
    expect(picture).toMatchObject({ status: 409, body: { error: { code: "qr_not_available" } } });
    expect((await get("/sessions/late/qr?wait=20")).body.qr).toMatch(/^2@/);
    await stage.engine.api("DELETE /sessions/late");
  });

  it("lists sessions page by page, each once, in the order of their creation", async () => {
    const seen: string[] = [];
    let cursor: string | null | undefined;
    do {
      const page = await get(`/sessions?limit=2${cursor ? `&cursor=${cursor}` : ""}`);
      seen.push(...(page.body.sessions ?? []).map(({ sessionId }) => sessionId));
      cursor = page.body.nextCursor;
    } while (cursor);
    expect(seen).toEqual(ids);
    expect((await get("/sessions?status=connected")).body.sessions).toEqual([]);
    expect((await get("/sessions?limit=5")).body.nextCursor).toBeNull();
  });

  it("counts sessions by status, without a key", async () => {
    const { body } = await stage.engine.api("GET /health", undefined, { key: null });
    const { sessions } = body as unknown as { sessions: Record<string, number> };
    expect(Object.keys(sessions).toSorted()).toEqual([...sessionStatuses].toSorted());
    expect(Object.values(sessions).reduce((sum, n) => sum + n)).toBe(ids.length);
  });

  it("describes every call, from the schemas that check it", async () => {
    const document = (await get("/openapi.json")).body as unknown as {
      paths: Record<string, Record<string, { responses: Record<string, unknown> }>>;
      components: { schemas: Record<string, { properties: Record<string, object> }> };
    };
    const calls = Object.entries(document.paths).flatMap(([path, methods]) =>
      Object.keys(methods).map((method) => `${method.toUpperCase()} ${path}`),
    );
    expect(calls.toSorted()).toEqual(
      [
        "GET /health",
        "GET /health/ready",
        "GET /health/whatsapp",
        "GET /health/cleanup",
        "GET /openapi.json",
        "POST /sessions",
        "POST /sessions/create",
        "GET /sessions",
        "GET /sessions/{sessionId}/qr",
        "GET /sessions/{sessionId}/status",
        "GET /sessions/{sessionId}",
        "GET /status",
        "GET /ping",
        "GET /sessions/{sessionId}/contacts",
        "GET /sessions/{sessionId}/groups",
        "GET /sessions/{sessionId}/all-contacts",
        "POST /sessions/{sessionId}/reconnect",
        "POST /sessions/{sessionId}/send-simple",
        "POST /sessions/{sessionId}/send-media",
        "DELETE /sessions/{sessionId}",
        "POST /sessions/{sessionId}/start",
        "POST /sessions/{sessionId}/stop",
        "POST /sessions/{sessionId}/restart",
        "POST /sessions/{sessionId}/hibernate",
        "PATCH /sessions/{sessionId}",
        "POST /sessions/{sessionId}/backup",
        "POST /sessions/{sessionId}/restore",
        "POST /sessions/{sessionId}/logout",
        "POST /sessions/{sessionId}/pairing-code",
        "GET /sessions/{sessionId}/screenshot",
        "POST /sessions/{sessionId}/send",
        "GET /sessions/{sessionId}/messages",
        "GET /sessions/{sessionId}/messages/{messageId}",
        "DELETE /sessions/{sessionId}/messages/{messageId}",
        "PATCH /sessions/{sessionId}/messages/{messageId}",
        "GET /sessions/{sessionId}/messages/{messageId}/media",
        "PUT /sessions/{sessionId}/messages/{messageId}/reaction",
        "GET /sessions/{sessionId}/contacts/{number}",
        "POST /sessions/{sessionId}/messages/{messageId}/cancel",
        "POST /sessions/{sessionId}/messages/{messageId}/retry",
        "POST /sessions/{sessionId}/messages/bulk",
        "GET /sessions/{sessionId}/messages/bulk",
        "GET /sessions/{sessionId}/messages/bulk/{bulkId}",
        "GET /sessions/{sessionId}/messages/bulk/{bulkId}/report",
        "POST /sessions/{sessionId}/messages/bulk/{bulkId}/pause",
        "POST /sessions/{sessionId}/messages/bulk/{bulkId}/resume",
        "POST /sessions/{sessionId}/messages/bulk/{bulkId}/cancel",
        "GET /sessions/{sessionId}/pace",
        "PUT /sessions/{sessionId}/pace",
        "GET /suppressions",
        "POST /suppressions",
        "DELETE /suppressions/{recipient}",
        "GET /events",
        "GET /sessions/{sessionId}/events",
        "POST /webhooks",
        "GET /webhooks",
        "GET /webhooks/{webhookId}",
        "PATCH /webhooks/{webhookId}",
        "DELETE /webhooks/{webhookId}",
        "POST /webhooks/{webhookId}/test",
        "POST /webhooks/{webhookId}/rotate-secret",
        "GET /webhooks/{webhookId}/deliveries",
        "POST /webhooks/{webhookId}/deliveries/replay",
        "POST /webhooks/{webhookId}/deliveries/{deliveryId}/replay",
      ].toSorted(),
    );
    expect(JSON.stringify(document.components.schemas["Session"])).toContain(sessionReasons[0]);
    expect(Object.keys(document.paths["/sessions/{sessionId}/send"]?.["post"]?.responses ?? {})).toEqual(
      expect.arrayContaining(["200", "202", "400", "401", "404", "409", "413", "422", "429", "503"]),
    );
  });
});

/** Half blocks as a terminal of this background shows them, as a picture. */
function pictureOf(text: string, background: "dark" | "light"): Buffer {
  const lines = text.split("\n").filter((line) => line !== "");
  const bare = lines.map((line) => [...line.replaceAll(/\p{Cc}\[[\d;]*m/gu, "")]);
  const own = lines.every((line) => line.startsWith("\u{1B}[30;47;107m"));
  /** What the blocks are drawn in, and on. */
  const [ink, paper] = own || background === "light" ? [0, 255] : [255, 0];
  const scale = 4;
  const width = Math.max(...bare.map((line) => line.length));
  const png = new PNG({ width: width * scale, height: lines.length * 2 * scale });
  png.data.fill(255);
  for (const [row, line] of bare.entries()) {
    for (let column = 0; column < width; column++) {
      const block = line[column] ?? " ";
      for (const half of [0, 1]) {
        const isDrawn = block === "█" || block === (half === 0 ? "▀" : "▄");
        for (let y = 0; y < scale; y++) {
          for (let x = 0; x < scale; x++) {
            const at = (((row * 2 + half) * scale + y) * width * scale + column * scale + x) * 4;
            png.data.fill(isDrawn ? ink : paper, at, at + 3);
          }
        }
      }
    }
  }
  return PNG.sync.write(png);
}
