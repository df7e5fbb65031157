import { randomUUID } from "node:crypto";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { query } from "../support/database.ts";
import { makeFile, makePdf, makePng } from "../support/media.ts";
import { linkSession, takenBy, waitForStatus } from "../support/session.ts";
import { startStage, type Stage } from "../support/stage.ts";
import { until } from "../support/until.ts";

const ACCOUNT = "6281234567890";
const TO = "6281200000001";
const ID = randomUUID();

/** The calls of the application that this engine was made for, as it makes them. */
describe("the WA Blast application", () => {
  let stage: Stage;
  beforeAll(async () => {
    stage = await startStage("process");
  });
  afterAll(() => stage?.close());

  const call = (what: string, body?: unknown, headers = {}) =>
    stage.engine.api(what, body, { headers: { "Content-Type": "application/json", ...headers } });

  it("asks whether the engine runs", async () => {
    for (const path of ["/health", "/ping"])
      expect((await stage.engine.api(`GET ${path}`, undefined, { key: null })).status).toBe(200);
    expect((await call("GET /status")).status).toBe(200);
    expect((await stage.engine.api("GET /status", undefined, { key: "wrong" })).status).toBe(401);
  });

  it("creates a session with a name, and asks for its code until it is connected", async () => {
    const phoneNumber = "+62 (812) 3456-7890";
    const created = await call("POST /sessions/create", { sessionId: ID, name: " Marketing ", phoneNumber });
    expect(created, created.text).toMatchObject({ status: 201, body: { session: { name: "Marketing" } } });
    const code = await until("a code", async () => {
      const answer = await call(`GET /sessions/${ID}/qr`);
      expect(answer.status, answer.text).toBe(200);
      return answer.body.data?.["qrCode"] ? answer.body : undefined;
    });
    expect(code.data).toMatchObject({
      status: "qr_ready",
      qrCode: expect.stringMatching(/^data:image\/png;base64,/),
    });
    await stage.simulator.control.scan(code.qr!, { phoneNumber: ACCOUNT });
    await until("it to be connected", async () => {
      const { status, body } = await call(`GET /sessions/${ID}/qr`);
      expect(status).toBe(200);
      return body.data?.["status"] === "connected" && body.data["qrCode"] === null;
    });
    expect((await call(`GET /sessions/${ID}/status`)).body.data).toEqual({
      status: "connected",
      reason: null,
    });
    expect((await call(`GET /sessions/${ID}`)).body.session).toMatchObject({ name: "Marketing" });
  });

  it("shows the name where sessions are told of, until it is changed", async () => {
    const { dataDir } = stage.engine;
    expect(query(dataDir, "select name from session_overview")).toEqual([{ name: "Marketing" }]);
    const told = query(dataDir, "select type, data from events where session_id = ?", ID);
    expect(told.length).toBeGreaterThan(3);
    for (const { data } of told) expect(JSON.parse(String(data))).toMatchObject({ name: "Marketing" });
    expect((await call(`PATCH /sessions/${ID}`, { name: "Sales" })).body.session?.name).toBe("Sales");
    expect((await call(`PATCH /sessions/${ID}`, { name: "" })).body.session?.name).toBeNull();
  });

  it.each([
    ["send", { to: TO, message: "halo", type: "text" }],
    ["send-simple", { to: TO, message: "halo juga" }],
    ["send", { to: TO, message: "tanpa isi", media: null, caption: null, clientMessageId: null }],
  ])("sends a text by %s: %j", async (path, body) => {
    const answer = await call(`POST /sessions/${ID}/${path}`, body);
    expect(answer, answer.text).toMatchObject({ status: 200, body: { success: true, status: "sent" } });
    expect(answer.body.data).toEqual({ message_id: answer.body.messageId });
    expect((await takenBy(stage.simulator, ACCOUNT, TO)).at(-1)).toMatchObject({ body: body.message });
  });

  it.each([
    {
      type: "image",
      bytes: makePng(2),
      filename: "a.png",
      mimetype: "image/png",
      message: "gambar",
      caption: "gambar",
    },
    {
      type: "document",
      bytes: makePdf("harga"),
      filename: "harga.pdf",
      mimetype: "application/pdf",
      message: "",
      caption: "",
    },
    {
      type: "audio",
      bytes: makeFile("mp3"),
      filename: "a.mp3",
      mimetype: "audio/mpeg",
      message: "",
      caption: "",
    },
    {
      type: "audio",
      bytes: makeFile("mp3"),
      filename: "a.mp3",
      mimetype: "audio/mpeg",
      message: "lagu",
      caption: "lagu",
      as: "document",
    },
  ])(
    "sends a file by send-media: $type with '$message'",
    async ({ type, bytes, filename, mimetype, message, caption, as }) => {
      const form = new FormData();
      for (const [name, value] of Object.entries({ to: TO, message, type })) form.set(name, value);
      form.set("file", new Blob([new Uint8Array(bytes)], { type: mimetype }), filename);
      const { engine } = stage;
      const answer = await fetch(`${engine.url}/sessions/${ID}/send-media`, {
        method: "POST",
        body: form,
        headers: { "X-API-Key": engine.apiKey },
      });
      const body = (await answer.json()) as { data: unknown; messageId: string };
      expect(answer.status, JSON.stringify(body)).toBe(200);
      expect(body.data).toEqual({ message_id: body.messageId });
      const [taken] = (await takenBy(stage.simulator, ACCOUNT, TO)).slice(-1);
      expect(taken).toMatchObject({ type: as ?? type });
      expect(taken!.caption ?? "").toBe(caption);
    },
  );

  it("saves contacts and groups", async () => {
    const { control } = stage.simulator;
    await control.addContacts(ACCOUNT, [{ phoneNumber: "6281200000009", name: "Budi", pushName: "budi" }]);
    await control.addGroup(ACCOUNT, "120363000000000001@g.us", {
      subject: "Pelanggan",
      description: "info",
      participants: [ACCOUNT, "6281200000009"],
      admins: [ACCOUNT],
    });
    const contact = { id: "6281200000009@c.us", name: "Budi", pushname: "budi", number: "6281200000009" };
    const group = {
      id: "120363000000000001@g.us",
      name: "Pelanggan",
      desc: "info",
      participants_count: 2,
      is_admin: true,
    };
    const contacts = await call(`GET /sessions/${ID}/contacts`);
    expect(contacts.status, contacts.text).toBe(200);
    expect(contacts.body.data?.["contacts"]).toContainEqual(expect.objectContaining(contact));
    const groups = await call(`GET /sessions/${ID}/groups`);
    expect(groups.body.data?.["groups"]).toMatchObject([
      {
        ...group,
        participants: [{ isAdmin: true }, { name: "Budi", number: "6281200000009", isAdmin: false }],
      },
    ]);
    const all = (await call(`GET /sessions/${ID}/all-contacts`)).body.data!;
    expect(all).toEqual({ ...contacts.body.data, ...groups.body.data });
    expect([all["total_contacts"], all["total_groups"]]).toEqual([(all["contacts"] as object[]).length, 1]);
  });

  it("reads in errors what tells it to reconnect", async () => {
    const nobody = await call("POST /sessions/nobody/send", { to: TO, message: "x" });
    expect([nobody.status, nobody.text]).toEqual([404, expect.stringContaining("Session not found")]);
    expect((await call("GET /sessions/nobody/status")).text).toContain("Session not found");
    await call(`POST /sessions/${ID}/stop`);
    const stopped = await call(`POST /sessions/${ID}/send`, { to: TO, message: "x" });
    expect([stopped.status, stopped.text]).toEqual([
      409,
      expect.stringContaining("Session is not connected"),
    ]);
  });

  const chunked = { "Transfer-Encoding": "chunked" };
  it.each([
    ["no body", "", undefined, {}],
    ["an empty one", "", "", chunked],
    ["an empty one without a type", "", "", { ...chunked, "Content-Type": "" }],
    ["{}", "", {}, {}],
    ["[] and ?fresh=1", "?fresh=1", [], {}],
  ])("reconnects with %s, whatever stopped it, with the login it has", async (_, search, body, headers) => {
    await call(`POST /sessions/${ID}/stop`);
    const answer = await call(`POST /sessions/${ID}/reconnect${search}`, body, headers);
    expect(answer, answer.text).toMatchObject({ status: 200, body: { data: { status: "connecting" } } });
    expect(answer.body.data?.["message"]).toContain("connecting");
    // While it is on its way it is left alone.
    expect((await call(`POST /sessions/${ID}/reconnect`, {})).status).toBe(200);
    await waitForStatus(stage.engine, ID, "connected");
    expect(await stage.simulator.control.linkedDevices(ACCOUNT)).toBe(1);
    const runner = () => query(stage.engine.dataDir, "select runner_id from sessions");
    const before = runner();
    const again = await call(`POST /sessions/${ID}/reconnect?fresh=1`, {});
    expect(again.body.data).toMatchObject({ status: "connected" });
    expect(runner()).toEqual(before);
  });

  it("gets a new code by reconnecting where the login is gone", async () => {
    await stage.simulator.control.logoutFromPhone(ACCOUNT);
    await waitForStatus(stage.engine, ID, { status: "disconnected", reason: "logged_out" });
    expect((await call(`POST /sessions/${ID}/reconnect?fresh=1`, [])).status).toBe(200);
    await until("a code", async () => (await call(`GET /sessions/${ID}/qr`)).body.data?.["qrCode"]);
    await call(`DELETE /sessions/${ID}`);
  });

  it("takes [] or nothing where a body may be left out, and says what is wrong with another", async () => {
    await linkSession(stage.engine, stage.simulator, "linked", ACCOUNT);
    for (const body of [undefined, "", [], {}]) {
      const answer = await call("POST /sessions/linked/pairing-code", body);
      expect(answer.body.error?.code, answer.text).toBe("pairing_not_available");
    }
    for (const [body, code] of [
      ["{", "invalid_json"],
      [[1], "invalid_request"],
      [{ phone: "1" }, "invalid_request"],
    ] as const)
      expect((await call("POST /sessions/linked/pairing-code", body)).body.error?.code).toBe(code);
  });
});
