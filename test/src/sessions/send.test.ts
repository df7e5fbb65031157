import { afterAll, beforeAll, expect, it } from "vitest";
import { query } from "../support/database.ts";
import { makePdf, makePng, sha256 } from "../support/media.ts";
import { onEachRuntime } from "../support/runtimes.ts";
import { linkSession, takenBy } from "../support/session.ts";
import { startStage, type Stage } from "../support/stage.ts";

const ACCOUNT = "6281234567890";

/** Everything that can be sent arrives as it was given, under both builds of WhatsApp Web. */
onEachRuntime("sending", (runtime) => {
  let stage: Stage;
  beforeAll(async () => {
    stage = await startStage(runtime);
    const { engine, simulator } = stage;
    await linkSession(engine, simulator, "new", ACCOUNT);
    await simulator.control.configure({ build: "spring-2026" });
    await linkSession(engine, simulator, "old", "6281234567891");
  });
  afterAll(() => stage.close());

  const sessions = [
    { sessionId: "new", account: ACCOUNT },
    { sessionId: "old", account: "6281234567891" },
  ];

  it.each(sessions)(
    "a text arrives once, word for word: $sessionId build",
    async ({ sessionId, account }) => {
      const message = 'Halo 👋 *dunia*\nbaris kedua "quoted" \\ <b> ‮';
      const answer = await stage.engine.api(`POST /sessions/${sessionId}/send`, {
        to: "+62 812-0000-0001",
        message,
      });
      expect(answer.status, answer.text).toBe(200);
      const [taken, ...more] = await takenBy(stage.simulator, account, "6281200000001");
      expect(more).toEqual([]);
      expect(taken).toMatchObject({ id: answer.body.whatsappId, body: message, type: "chat" });
      expect(answer.body).toMatchObject({ success: true, status: "sent" });
      expect(Date.parse(answer.body.timestamp ?? "")).toBeGreaterThan(Date.now() - 60_000);
    },
  );

  it.each(sessions)("a picture arrives with its bytes: $sessionId build", async ({ sessionId, account }) => {
    const png = makePng(sessionId.length);
    const answer = await stage.engine.api(`POST /sessions/${sessionId}/send`, {
      to: "081200000002",
      type: "image",
      message: "under the picture",
      media: { base64: png.toString("base64"), mimetype: "image/png", filename: "bunga.png" },
    });
    expect(answer.status, answer.text).toBe(200);
    const [taken, ...more] = await takenBy(stage.simulator, account, "6281200000002");
    expect(more).toEqual([]);
    expect(taken).toMatchObject({
      id: answer.body.whatsappId,
      type: "image",
      caption: "under the picture",
      mimetype: "image/png",
      mediaSha256: sha256(png),
      mediaSize: png.length,
    });
  });

  it.each(sessions)(
    "a document arrives with bytes and name: $sessionId build",
    async ({ sessionId, account }) => {
      const pdf = makePdf(sessionId);
      const answer = await stage.engine.api(`POST /sessions/${sessionId}/send`, {
        to: "6281200000003@c.us",
        type: "document",
        caption: "the caption counts",
        media: {
          base64: `data:application/pdf;base64,${pdf.toString("base64")}`,
          filename: "Faktur 07/2026.pdf",
        },
      });
      expect(answer.status, answer.text).toBe(200);
      const [taken, ...more] = await takenBy(stage.simulator, account, "6281200000003");
      expect(more).toEqual([]);
      expect(taken).toMatchObject({
        type: "document",
        caption: "the caption counts",
        filename: "Faktur 07/2026.pdf",
        mimetype: "application/pdf",
        mediaSha256: sha256(pdf),
      });
      expect(
        query(stage.engine.dataDir, "select * from messages where id = ?", answer.body.messageId),
      ).toEqual([
        expect.objectContaining({ media_sha256: sha256(pdf), media_bytes: pdf.length, status: "sent" }),
      ]);
    },
  );

  it("to the session's own number", async () => {
    const answer = await stage.engine.api("POST /sessions/new/send", {
      to: ACCOUNT,
      message: "note to self",
    });
    expect(answer.status, answer.text).toBe(200);
    expect(await takenBy(stage.simulator, ACCOUNT, ACCOUNT)).toMatchObject([{ body: "note to self" }]);
  });

  it("to a group", async () => {
    const group = "120363000000000001@g.us";
    await stage.simulator.control.addGroup(ACCOUNT, group, {
      subject: "Keluarga",
      participants: [ACCOUNT, "6281200000001"],
    });
    const answer = await stage.engine.api("POST /sessions/new/send", { to: group, message: "to all" });
    expect(answer.status, answer.text).toBe(200);
    const sent = await stage.simulator.control.sent(ACCOUNT);
    expect(sent.filter(({ to }) => to === group)).toMatchObject([{ body: "to all" }]);
  });

  it("40 at once to one number all arrive once, and equal texts count as many", async () => {
    const answers = await Promise.all(
      Array.from({ length: 40 }, () =>
        stage.engine.api("POST /sessions/new/send", { to: "6281200000009", message: "the same words" }),
      ),
    );
    expect(answers.map(({ status }) => status)).toEqual(Array.from({ length: 40 }, () => 200));
    const taken = await takenBy(stage.simulator, ACCOUNT, "6281200000009");
    expect(new Set(taken.map(({ id }) => id))).toEqual(new Set(answers.map(({ body }) => body.whatsappId)));
    expect(taken).toHaveLength(40);
  });
});
