import { spawn, type ChildProcess } from "node:child_process";
import { chmodSync, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { fileURLToPath } from "node:url";
import { dockerBridgeAddress, startSimulator } from "./index.ts";

/*
 * `npm run demo`: the engine on the simulated WhatsApp Web, from creating a session to a message at its receiver,
 * step by step and by itself. Everything it makes it also removes.
 */

const API_KEY = "demo-key-for-this-run-only";
const PHONE = "6281234567890";
const START_TIMEOUT_MS = 60_000;

const engineEntry = fileURLToPath(new URL("../../control-plane/build/main.js", import.meta.url));

const say = (text: string) => process.stdout.write(`${text}\n`);
const step = (title: string) => say(`\n\u001b[1m${title}\u001b[0m`);

type Engine = { url: string; runtime: string; child: ChildProcess };

function startEngine(dataDir: string, browserArgs: string[]): Promise<Engine> {
  const child = spawn(process.execPath, [engineEntry], {
    cwd: dataDir,
    env: {
      ...process.env,
      PORT: "0",
      API_KEY,
      DATA_DIR: dataDir,
      RUNNER_BROWSER_ARGS: JSON.stringify(browserArgs),
    },
    stdio: ["ignore", "pipe", "pipe"],
  });
  let complaints = "";
  child.stderr.setEncoding("utf8").on("data", (text: string) => (complaints += text));
  return new Promise((resolve, reject) => {
    const late = setTimeout(() => reject(new Error("The engine did not start in time.")), START_TIMEOUT_MS);
    child.once("exit", () => {
      clearTimeout(late);
      reject(new Error(`The engine did not start. ${complaints.trim()}`));
    });
    createInterface({ input: child.stdout }).on("line", (line) => {
      const entry = line.startsWith("{") ? (JSON.parse(line) as Record<string, string>) : {};
      if (entry["msg"] !== "engine started" || !entry["url"]) return;
      clearTimeout(late);
      resolve({ url: entry["url"], runtime: entry["runtime"] ?? "", child });
    });
  });
}

/** Calls the API, showing the call and its answer as a user at a terminal would see them. */
async function call(
  engine: Engine,
  method: string,
  path: string,
  body?: unknown,
): Promise<Record<string, unknown>> {
  const shown = body === undefined ? "" : ` -d '${JSON.stringify(body)}'`;
  say(`$ curl -X ${method} ${engine.url}${path} -H 'X-API-Key: …'${shown}`);
  const response = await fetch(`${engine.url}${path}`, {
    method,
    headers: { "X-API-Key": API_KEY, "Content-Type": "application/json" },
    ...(body === undefined ? {} : { body: JSON.stringify(body) }),
  });
  const answer = (await response.json()) as Record<string, unknown>;
  const short = JSON.stringify(answer, (_, value: unknown) =>
    typeof value === "string" && value.length > 120 ? `${value.slice(0, 60)}…` : value,
  );
  say(`${response.status} ${short}`);
  if (!response.ok) throw new Error(`${method} ${path} answered ${response.status}.`);
  return answer;
}

async function untilConnected(engine: Engine): Promise<void> {
  for (const deadline = Date.now() + START_TIMEOUT_MS; Date.now() < deadline;) {
    const { status } = (await (
      await fetch(`${engine.url}/sessions/session-123/status`, { headers: { "X-API-Key": API_KEY } })
    ).json()) as { status: string };
    if (status === "connected") return;
    await new Promise((resolve) => setTimeout(resolve, 100));
  }
  throw new Error("The session was not connected in time.");
}

async function untilFinished(engine: Engine, path: string): Promise<void> {
  for (const deadline = Date.now() + START_TIMEOUT_MS; Date.now() < deadline;) {
    const answer = await fetch(`${engine.url}${path}`, { headers: { "X-API-Key": API_KEY } });
    const { bulk } = (await answer.json()) as { bulk: { state: string; counts: Record<string, number> } };
    say(`${bulk.state}: ${JSON.stringify(bulk.counts)}`);
    if (bulk.state === "finished") return;
    await new Promise((resolve) => setTimeout(resolve, 250));
  }
  throw new Error("The campaign was not finished in time.");
}

async function walkThrough(engine: Engine, control: Awaited<ReturnType<typeof startSimulator>>["control"]) {
  step("1. Create a session");
  await call(engine, "POST", "/sessions/create", { sessionId: "session-123", phoneNumber: PHONE });

  step("2. Get its QR code, as a picture for the terminal and as JSON");
  const picture = await fetch(`${engine.url}/sessions/session-123/qr?format=text`, {
    headers: { "X-API-Key": API_KEY },
  });
  say(await picture.text());
  const { qr } = await call(engine, "GET", "/sessions/session-123/qr");

  step("3. Scan it (here a simulated phone does; yours would under Linked devices)");
  await control.scan(String(qr), { phoneNumber: PHONE, pushName: "Demo" });
  await untilConnected(engine);
  await call(engine, "GET", "/sessions/session-123/status");

  step("4. Send a message");
  const message = { to: PHONE, message: "Hello from WhatsApp Engine!", type: "text" };
  await call(engine, "POST", "/sessions/session-123/send", message);

  step("5. What the (simulated) WhatsApp server took");
  for (const { to, type, body } of await control.sent()) say(`${type} to ${to}: ${body}`);

  step("6. A campaign, from a table as a spreadsheet saves it: first looked through, then sent");
  const csv =
    "Name;Phone;Amount\nBudi;+62 812-0000-0001;25.000\nAni;6,28E+12;10.000\nCici;+6281200000003;7.500";
  const bulk = { csv, message: "Hello {{name}}, you owe {{amount}}.", onInvalid: "skip" };
  const path = "/sessions/session-123/messages/bulk";
  await call(engine, "POST", path, { ...bulk, dryRun: true });
  const sent = (await call(engine, "POST", path, { ...bulk, pace: { perMinute: 120 } })) as {
    bulk: { bulkId: string };
  };
  const report = `${path}/${sent.bulk.bulkId}/report`;
  await untilFinished(engine, `${path}/${sent.bulk.bulkId}`);
  say(`$ curl ${engine.url}${report} -H 'X-API-Key: …'`);
  const answer = await fetch(`${engine.url}${report}`, { headers: { "X-API-Key": API_KEY } });
  for (const line of (await answer.text()).trim().split("\r\n")) say(line);

  step("7. Delete the session");
  await call(engine, "DELETE", "/sessions/session-123");
}

async function main(): Promise<void> {
  step(
    "WhatsApp Engine on a simulated WhatsApp Web. No phone is needed, and no message leaves this machine.",
  );
  const dataDir = mkdtempSync(join(tmpdir(), "whatsapp-engine-demo-"));
  chmodSync(dataDir, 0o711);
  const simulator = await startSimulator({ host: (await dockerBridgeAddress()) ?? "127.0.0.1" });
  let engine: Engine | undefined;
  try {
    engine = await startEngine(dataDir, simulator.browserArgs());
    say(
      `The engine answers at ${engine.url}; each session is one ${engine.runtime === "docker" ? "container" : "process"}.`,
    );
    await walkThrough(engine, simulator.control);
    say("\nThat is all. `npm start` runs the engine for real phones; docs/use/ has the whole API.");
  } finally {
    if (engine) {
      const ended = new Promise((resolve) => engine?.child.once("exit", resolve));
      engine.child.kill("SIGTERM");
      await ended;
    }
    await simulator.close();
    rmSync(dataDir, { recursive: true, force: true });
  }
}

main().catch((error: unknown) => {
  process.stderr.write(`${(error as Error).message}\n`);
  process.exitCode = 1;
});
