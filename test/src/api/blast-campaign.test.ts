import { spawn } from "node:child_process";
import { randomUUID } from "node:crypto";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { fileURLToPath } from "node:url";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { query } from "../support/database.ts";
import { freePort } from "../support/free-port.ts";
import { makePdf, sha256 } from "../support/media.ts";
import { readQrCode } from "../support/qr-code.ts";
import { startStage, type Stage } from "../support/stage.ts";
import { until } from "../support/until.ts";

const CLIENT = fileURLToPath(new URL("../../php/campaign.php", import.meta.url));
const ACCOUNT = "6281234567890";
const RECIPIENTS = 300;
/** The engine dies while this one is under way; before that one the phone drops the session. */
const [KILLED_AT, DROPPED_AT] = [100, 200];

type Line = { what: string; about: unknown };

/** A real PHP runs a campaign as the WA Blast application does. */
describe("a campaign of the WA Blast application", () => {
  const folder = mkdtempSync(join(tmpdir(), "blast-"));
  const [csv, pdf] = [join(folder, "contacts.csv"), join(folder, "harga.pdf")];
  const document = makePdf("price list");
  const numbers = Array.from({ length: RECIPIENTS }, (_, n) => String(6_281_300_000_000 + n));
  let stage: Stage;
  beforeAll(async () => {
    writeFileSync(csv, numbers.map((to, n) => `${to},"Pelanggan ${n}"\n`).join(""));
    writeFileSync(pdf, document);
    stage = await startStage("process", { PORT: String(await freePort()) });
  });
  afterAll(async () => {
    rmSync(folder, { recursive: true });
    await stage?.close();
  });

  it("reaches everybody once, though the engine is killed and the session dropped on the way", async () => {
    const { engine, simulator } = stage;
    const { control } = simulator;
    const sessionId = randomUUID();
    const pauses = `${KILLED_AT},${DROPPED_AT}`;
    const { port } = new URL(engine.url);
    const php = spawn("php", [CLIENT, port, engine.apiKey, sessionId, csv, pdf, pauses], {
      stdio: ["pipe", "pipe", "inherit"],
    });
    const ended = new Promise<number | null>((resolve) => php.once("close", resolve));
    const said: Line[] = [];
    const statusOf = (to: string) =>
      query(engine.dataDir, "select status from messages where recipient = ?", to)[0]?.["status"];

    const react = async ({ what, about }: Line) => {
      if (what === "code") {
        const png = Buffer.from(String(about).replace("data:image/png;base64,", ""), "base64");
        await control.scan(readQrCode(png), { phoneNumber: ACCOUNT });
      }
      if (what === "wait" && about === KILLED_AT) {
        await control.fault({ kind: "late", ackMs: 3_000 });
        php.stdin.write("go\n");
        await until("it to be on its way", () => statusOf(numbers[KILLED_AT]!) === "sending");
        await engine.kill("SIGKILL");
        await engine.restart();
      }
      if (what === "wait" && about === DROPPED_AT) {
        await control.logoutFromPhone(ACCOUNT);
        await control.addContacts(ACCOUNT, [{ phoneNumber: "6281200000001", name: "Ani" }]);
        await control.addGroup(ACCOUNT, "120363000000000001@g.us", {
          subject: "Pelanggan",
          participants: [ACCOUNT],
        });
        php.stdin.write("go\n");
      }
    };
    const reacting: Promise<void>[] = [];
    createInterface({ input: php.stdout }).on("line", (text) => {
      const line = JSON.parse(text) as Line;
      said.push(line);
      reacting.push(react(line));
    });
    const code = await ended;
    await Promise.all(reacting);
    expect(code, JSON.stringify(said.slice(-5))).toBe(0);

    // What waited for the session goes out at once, each to its own chat, in whatever order.
    const taken = (await control.sent(ACCOUNT)).toSorted((one, other) => one.to.localeCompare(other.to));
    expect(taken.map(({ to }) => to)).toEqual(numbers.map((to) => `${to}@c.us`));
    for (const [n, message] of taken.entries()) {
      const isFile = n % 3 === 2;
      expect(message, `${n}`).toMatchObject({
        type: isFile ? "document" : "chat",
        [isFile ? "caption" : "body"]: `Halo Pelanggan ${n}`,
        mediaSha256: isFile ? sha256(document) : null,
      });
    }
    const of = (what: string) => said.filter((line) => line.what === what).map(({ about }) => about);
    expect(of("created")).toEqual([201]);
    expect(of("code").length).toBeGreaterThanOrEqual(2);
    expect(new Set(of("sent")).size).toBe(RECIPIENTS);
    const [both] = of("all-contacts") as { contacts: object[]; groups: object[]; total_groups: number }[];
    expect(both!.contacts).toContainEqual(expect.objectContaining({ name: "Ani", number: "6281200000001" }));
    expect(both!.groups).toMatchObject([{ name: "Pelanggan", participants_count: 1 }]);
    expect(of("deleted")).toEqual([200]);
  }, 180_000);
});
