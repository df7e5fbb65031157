import { createHmac } from "node:crypto";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import { encodeSend, RUNNER_CONTAINER_PORT, type SendCommand } from "@whatsapp-engine/contract/runner";
import type { Simulator } from "@whatsapp-engine/simulator";
import { containerOf, docker } from "@whatsapp-engine/test/support/docker.js";
import type { Engine } from "@whatsapp-engine/test/support/engine.js";
import { linkSession } from "@whatsapp-engine/test/support/session.js";
import { callerOf, createCaller } from "./caller.ts";
import { cgroupMiB, pidsOfContainer, pssMiB } from "./memory.ts";
import { timed, timedMany } from "./statistics.ts";

export async function measureCreateToQr(engine: Engine, rounds: number): Promise<number[]> {
  const call = callerOf(engine);
  const times: number[] = [];
  for (let round = 0; round < rounds; round++) {
    const sessionId = `cold-${round}`;
    times.push(
      await timed(async () => {
        await call("POST", "/sessions/create", 201, { sessionId });
        await call("GET", `/sessions/${sessionId}/qr`, 200);
      }),
    );
    await call("DELETE", `/sessions/${sessionId}`, 200);
  }
  return times;
}

export async function measureSends(engine: Engine, sessionId: string, image: Buffer) {
  const call = callerOf(engine);
  const text = (n: number) =>
    call("POST", `/sessions/${sessionId}/send`, 200, {
      to: `628111111111${n % 10}`,
      type: "text",
      message: `text ${n}`,
    });
  const media = { base64: image.toString("base64"), mimetype: "image/png" };
  // Made once: how a caller makes its bodies is not the engine's.
  const picture = Buffer.from(JSON.stringify({ to: "6281111111111", type: "image", media }));
  await timedMany(20, 1, text);
  return {
    text: await timedMany(200, 1, text),
    parallel: await timedMany(200, 10, text),
    images: await timedMany(100, 1, () => call("POST", `/sessions/${sessionId}/send`, 200, picture)),
  };
}

/** The same messages, given to the runner's own HTTP server: what is left is what the control plane adds. */
export async function measureRunnerDirect(engine: Engine, sessionId: string, image: Buffer) {
  const container = await containerOf(engine.installId, sessionId);
  const [line = ""] = await docker(
    "inspect",
    "--format",
    '{{index .Config.Labels "io.whatsapp-engine.runner"}} {{range .NetworkSettings.Networks}}{{.IPAddress}}{{end}}',
    container,
  );
  const [runnerId = "", address = ""] = line.split(" ");
  const { masterKey } = JSON.parse(readFileSync(join(engine.dataDir, "install.json"), "utf8")) as {
    masterKey: string;
  };
  const token = createHmac("sha256", masterKey).update(runnerId).digest("base64url");
  const call = createCaller(`http://${address}:${RUNNER_CONTAINER_PORT}`, {
    authorization: `Bearer ${token}`,
  });
  let count = 0;
  const send = async (more: Pick<SendCommand, "type" | "text" | "media">) => {
    const n = count++;
    const command = encodeSend({
      messageId: `direct-${process.pid}-${n}`,
      to: `628111111111${n % 10}`,
      content: null,
      timeoutMs: 20_000,
      ...more,
    });
    const { outcome } = await call("POST", "/send", 200, command);
    if (outcome !== "sent") throw new Error(`direct send: ${String(outcome)}`);
  };
  const media = { bytes: image, mimetype: "image/png", filename: null };
  return {
    text: await timedMany(200, 1, (n) => send({ type: "text", text: `direct ${n}`, media: null })),
    images: await timedMany(100, 1, () => send({ type: "image", text: null, media })),
  };
}

/** Memory of linked, idle sessions: of all containers together, at 1, 2 and 4 of them. */
export async function measureMemory(engine: Engine, simulator: Simulator, settleMs: number) {
  const results: { sessions: number; cgroupMiB: number; pssMiB: number; controlPlanePssMiB: number }[] = [];
  const ids: string[] = [];
  for (const count of [1, 2, 4]) {
    while (ids.length < count) {
      const sessionId = `memory-${ids.length}`;
      await linkSession(engine, simulator, sessionId, `62813000000${ids.length}`);
      ids.push(sessionId);
    }
    await delay(settleMs);
    const containers = await Promise.all(ids.map((id) => containerOf(engine.installId, id)));
    const pids = await Promise.all(containers.map(pidsOfContainer));
    results.push({
      sessions: count,
      cgroupMiB: pids.reduce((sum, [pid = 0]) => sum + cgroupMiB(pid), 0),
      pssMiB: pids.reduce((sum, of) => sum + pssMiB(of), 0),
      controlPlanePssMiB: pssMiB([engine.pid]),
    });
  }
  return results;
}
