import { createHash, timingSafeEqual } from "node:crypto";
import { problemsAsText } from "@whatsapp-engine/contract/api";
import {
  claimCommandSchema,
  decodeSend,
  MAX_PAGE_BYTES,
  editCommandSchema,
  pairingCommandSchema,
  reactCommandSchema,
  type ActionResult,
  type LogoutResult,
  type RunnerHealth,
  type Superseded,
} from "@whatsapp-engine/contract/runner";
import { passStep } from "@whatsapp-engine/contract/steps";
import type { HttpBindings } from "@hono/node-server";
import { Hono, type Context } from "hono";
import { bodyLimit } from "hono/body-limit";
import { z } from "zod";
import { allContacts, allGroups } from "./address-book.ts";
import { within } from "./deadline.ts";
import { streamLines } from "./event-stream.ts";
import type { Runner } from "./runner.ts";
import type { WhatsAppClient } from "./whatsapp/client.ts";

/** How long the page gets to answer a health check. */
const HEALTH_MS = 3_000;
/** How long it gets to draw itself. */
const SCREENSHOT_MS = 10_000;

/** What does not depend on a profile that a newer runner has. */
const ANSWERED_WHEN_STALE = ["/health", "/state", "/events", "/shutdown"];

type Deps = { runner: Runner; token: string; onShutdown: () => void };

/** Longest time that contacts, or groups, may take: their callers give up at 60 s. */
const ADDRESS_BOOK_MS = 50_000;

/** The runner's HTTP; see the contract's runner protocol. */
export const createServer = ({ runner, token, onShutdown }: Deps): Hono<{ Bindings: HttpBindings }> => {
  const { log, state, sends, session, profile, journal } = runner;
  const app = new Hono<{ Bindings: HttpBindings }>();
  const expected = digest(`Bearer ${token}`);

  app.use(async (c, next) => {
    // Digests are of one length, so that comparing them tells nothing of the token's.
    if (!timingSafeEqual(digest(c.req.header("authorization") ?? ""), expected))
      return c.json({ error: "unauthorized" }, 401);
    return next();
  });
  app.use(async (c, next) => {
    const { newerGeneration } = state.get();
    if (newerGeneration === null || ANSWERED_WHEN_STALE.includes(c.req.path)) return next();
    return c.json({ newerGeneration } satisfies Superseded, 421);
  });
  app.notFound((c) => c.json({ error: "not found" }, 404));
  app.onError((cause, c) => {
    if (cause instanceof z.ZodError) return c.json({ error: problemsAsText(cause) }, 400);
    if (cause instanceof SyntaxError) return c.json({ error: cause.message }, 400);
    log.error({ err: cause, path: c.req.routePath }, "request failed");
    return c.json({ error: "internal error" }, 500);
  });

  app.get("/health", async (c) => {
    const page = await session.health(HEALTH_MS);
    const health: RunnerHealth = { page, uptimeSeconds: process.uptime() };
    return c.json(health, page === "answering" ? 200 : 503);
  });

  app.get("/state", (c) => c.json(state.get()));

  app.get("/events", (c) => {
    const after = z.coerce.number().int().min(0).default(0).parse(c.req.query("after"));
    const signal = AbortSignal.any([c.req.raw.signal, runner.ending]);
    const lines = ReadableStream.from(streamLines({ journal, state, after, signal }));
    return new Response(lines.pipeThrough(new TextEncoderStream()), {
      headers: { "content-type": "application/x-ndjson", "cache-control": "no-store" },
    });
  });

  app.post("/claim", async (c) => {
    await profile.writeClaim(claimCommandSchema.parse(await c.req.json()));
    session.claimed();
    return c.body(null, 204);
  });

  app.post("/send", async (c) => {
    const command = decodeSend(Buffer.from(await c.req.arrayBuffer()));
    const { messageId } = command;
    passStep("send.received", { messageId });
    const record = await sends.send(command, c.env.outgoing);
    passStep("send.before_answer", { messageId });
    return c.json(record);
  });

  app.get("/sends/:messageId", (c) => {
    const record = sends.find(c.req.param("messageId"));
    return record === undefined ? c.notFound() : c.json(record);
  });

  app.get("/numbers/:digits", async (c) => {
    const client = session.connected();
    if (client === null) return c.json({ error: "not connected" }, 409);
    const digits = z
      .string()
      .regex(/^\d{5,20}$/)
      .parse(c.req.param("digits"));
    return c.json(await client.checkNumber(digits));
  });

  const tell = async <T>(c: Context, read: (client: WhatsAppClient) => Promise<T>): Promise<Response> => {
    const client = session.connected();
    if (client === null) return c.json({ error: "not connected" }, 409);
    const told = await within(ADDRESS_BOOK_MS, read(client));
    return told === undefined
      ? c.json({ error: "the page does not tell in time" }, 503)
      : c.json(told as object);
  };
  app.get("/contacts", (c) => tell(c, async (client) => ({ contacts: await allContacts(client) })));
  app.get("/groups", (c) => tell(c, async (client) => ({ groups: await allGroups(client) })));

  const act = async (
    c: Context,
    run: (client: WhatsAppClient, whatsappId: string) => Promise<ActionResult>,
  ): Promise<Response> => {
    const client = session.connected();
    if (client === null) return c.json({ error: "not connected" }, 409);
    return c.json(await run(client, c.req.param("whatsappId")!));
  };
  app.post("/messages/:whatsappId/react", async (c) => {
    const { emoji } = reactCommandSchema.parse(await c.req.json());
    return act(c, (client, id) => client.react(id, emoji));
  });
  app.post("/messages/:whatsappId/edit", async (c) => {
    const { text } = editCommandSchema.parse(await c.req.json());
    return act(c, (client, id) => client.edit(id, text));
  });
  app.post("/messages/:whatsappId/delete", (c) => act(c, (client, id) => client.revoke(id)));

  app.get("/messages/:whatsappId/media", async (c) => {
    const client = session.connected();
    if (client === null) return c.json({ error: "not connected" }, 409);
    const download = await client.download(c.req.param("whatsappId"));
    if (download.outcome === "gone") return c.json({ error: "gone" }, 410);
    if (download.outcome !== "done") return c.json({ error: download.outcome }, 404);
    const { bytes, mimetype, filename } = download;
    return new Response(new Uint8Array(bytes), {
      headers: {
        "content-type": mimetype,
        "content-length": String(bytes.length),
        ...(filename !== null && { "x-filename": encodeURIComponent(filename) }),
      },
    });
  });

  app.get("/screenshot", async (c) => {
    const png = await session.screenshot(SCREENSHOT_MS);
    if (png === "gone") return c.json({ error: "no page is open" }, 409);
    if (png === "silent") return c.json({ error: "the page does not answer" }, 503);
    return c.body(png, 200, { "content-type": "image/png", "cache-control": "no-store" });
  });

  app.get("/page", async (c) => {
    const page = await session.servedPage();
    return page === null ? c.notFound() : c.json(page);
  });

  app.put("/page", bodyLimit({ maxSize: MAX_PAGE_BYTES }), async (c) => {
    const html = Buffer.from(await c.req.arrayBuffer());
    return session.givePage(html) ? c.body(null, 204) : c.json({ error: "no page is waited for" }, 409);
  });

  app.post("/pairing-code", async (c) => {
    const { phoneNumber } = pairingCommandSchema.parse(await c.req.json());
    const result = await session.pairingCode(phoneNumber);
    return result === null ? c.json({ error: "no account can be linked now" }, 409) : c.json(result);
  });

  app.post("/logout", async (c) => {
    const result: LogoutResult = { unlinked: await session.logOut() };
    return c.json(result);
  });

  app.post("/shutdown", (c) => {
    onShutdown();
    return c.body(null, 202);
  });

  return app;
};

const digest = (text: string): Buffer => createHash("sha256").update(text).digest();
