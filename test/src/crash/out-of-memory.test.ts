import { afterEach, expect, it } from "vitest";
import { containerOf, docker, startedAt } from "../support/docker.ts";
import { lastSeq, statusEvents } from "../support/events.ts";
import { onDocker } from "../support/runtimes.ts";
import { linkSession, takenBy, waitForStatus } from "../support/session.ts";
import { startStage, type Stage } from "../support/stage.ts";
import { until } from "../support/until.ts";

const ACCOUNT = "6281234567890";
const FRIEND = "6281200000001";

/** Runs in the runner's container: has the page keep more and more, by the browser's own debugging port. */
const FILL = `
const { readFileSync } = require("node:fs");
const [port] = readFileSync("/profile/browser/session/DevToolsActivePort", "utf8").split("\\n");
const hoard = "globalThis.hoard = []; setInterval(() => hoard.push(new Uint8Array(16 << 20).fill(1)), 5)";
fetch("http://127.0.0.1:" + port + "/json/list").then(async (answer) => {
  const { webSocketDebuggerUrl } = (await answer.json()).find(({ url }) => url.includes("web.whatsapp.com"));
  const socket = new WebSocket(webSocketDebuggerUrl);
  socket.onopen = () => socket.send(JSON.stringify({ id: 1, method: "Runtime.evaluate", params: { expression: hoard } }));
  socket.onmessage = () => process.exit(0);
});
`;

let stage: Stage | undefined;
afterEach(async () => {
  await stage?.close();
  stage = undefined;
});

onDocker("a page that fills the memory of its container", () => {
  it("is killed by the kernel: out_of_memory, and another page in the same container goes on", async () => {
    stage = await startStage("docker", { RUNNER_MEMORY_MB: "512", RUNNER_MEMORY_SOFT_MB: "0" });
    const { engine, simulator } = stage;
    await linkSession(engine, simulator, "a", ACCOUNT);
    const container = await containerOf(engine.installId, "a");
    const before = await startedAt(container);
    const seen = lastSeq(engine, "a");
    await docker("exec", container, "node", "-e", FILL);
    const told = () => statusEvents(engine, "a", seen).map(({ status, reason }) => ({ status, reason }));
    await until("the kill to be told", () => told().some(({ reason }) => reason === "out_of_memory"), {
      seen: told,
    });
    await waitForStatus(engine, "a", "connected");
    expect(told()[0]).toEqual({ status: "connecting", reason: "out_of_memory" });
    expect(told().map(({ status }) => status)).not.toContain("disconnected");
    expect(engine.output()).toContain("a process of the runner was killed for memory");
    expect(await startedAt(await containerOf(engine.installId, "a"))).toBe(before);
    const sent = await engine.api("POST /sessions/a/send", { to: FRIEND, message: "still here" });
    expect(sent.body.status).toBe("sent");
    expect(await takenBy(simulator, ACCOUNT, FRIEND)).toHaveLength(1);

    // A runner that lived on for this long does not end by it any more.
    const killed = statusEvents(engine, "a", seen)[0]!;
    await until("the kill to be of long ago", () => Date.now() > killed.at + 11_000);
    await docker("kill", container);
    const ended = await until("the end of the runner to be told", () =>
      statusEvents(engine, "a", seen).find(({ status }) => status === "disconnected"),
    );
    expect(ended.reason).toBe("runner_lost");
  });
});

onDocker("a container that uses more memory than its mark", () => {
  it("opens its page anew, and says how much it was", async () => {
    stage = await startStage("docker", { RUNNER_MEMORY_SOFT_MB: "1" });
    const { engine, simulator } = stage;
    await linkSession(engine, simulator, "a", ACCOUNT);
    const container = await containerOf(engine.installId, "a");
    const { detail } = await waitForStatus(
      engine,
      "a",
      { status: "connecting", reason: "memory_high" },
      80_000,
    );
    const usedMb = Number.parseInt(String(detail), 10);
    expect(usedMb).toBeGreaterThan(80); // Node and a browser
    expect(usedMb).toBeLessThan(600);
    await waitForStatus(engine, "a", "connected");
    expect(await containerOf(engine.installId, "a")).toBe(container);
  });
});
