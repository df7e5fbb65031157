import { TO_BE_READ } from "@whatsapp-engine/test/support/stub.js";
import { until } from "@whatsapp-engine/test/support/until.js";
import { writeHistory } from "./history.ts";
import { connectAll, countMessages, SESSIONS, startAgain, startStubEngine } from "./outbox-engine.ts";
import { measureDirect, measureDrain, measureLatencies, measureSync } from "./outbox-latency.ts";
import { measureBulks, measureSingles, throughputHeading, throughputRow } from "./outbox-throughput.ts";
import { progress } from "./progress.ts";
import { measureRawCommits } from "./raw-sqlite.ts";
import { heading, row, summarise } from "./statistics.ts";
import { startStub } from "./stub.ts";

const PAST = 1_000_000;
const QUEUED = 100_000;
const SINGLES = 10_000;
const BULK = 1_000;
const SMALL_BULK = 200;

const TEXT =
  "Dear customer, your order has left our house today and should be with you by tomorrow evening. Order no. ";

/**
 * The real control plane with 50 sessions whose runners are stubs that take everything at once, so that only the control
 * plane counts. Prints Markdown by `say`.
 */
export async function measureOutbox(say: (text: string) => void): Promise<void> {
  const stub = await startStub();
  const engine = await startStubEngine();
  try {
    progress("raw commits");
    const raw = await measureRawCommits(engine.dataDir, TEXT);
    const rawPerSecond = (raw.commits.each.length / raw.commits.total) * 1000;
    const empty = await measureLatencies(engine, TEXT);

    await connectAll(engine);
    await until("the line to be empty", () => (countMessages(engine)["queued"] ?? 0) === 0, {
      timeoutMs: 60_000,
    });
    progress("sends whose callers wait");
    const direct = await measureDirect(stub.call, TEXT);
    const sync = await measureSync(engine, TEXT);
    say(heading);
    say(row("raw commit of one row", summarise(raw.commits.each)));
    say(row("send, to a runner directly", direct));
    say(row("send, the caller waits", sync, "ms", direct));

    const throughputs = {
      [`bulks of ${BULK}`]: await measureBulks(engine, BULK, TEXT),
      "single calls, 32 at once": await measureSingles(engine, SINGLES, TEXT),
      [`bulks of ${SMALL_BULK}, until delivered and read`]: await measureBulks(
        engine,
        SMALL_BULK,
        TO_BE_READ + TEXT,
        { settled: "read" },
      ),
    };

    await engine.kill("SIGTERM");
    writeHistory(engine.dataDir, { sessions: SESSIONS, past: PAST, queued: QUEUED, text: TEXT }, progress);
    const startMs = await startAgain(engine);
    const full = await measureLatencies(engine, TEXT);
    const drain = await measureDrain(engine, TEXT);
    for (const [what, times] of empty) {
      say(row(`${what}: empty`, times));
      const then = full.get(what);
      if (then) say(row(`${what}: full`, then, "ms", times));
    }
    say(
      row("accept a message: full, and all sessions send", drain.accept, "ms", empty.get("accept a message")),
    );

    say(throughputHeading);
    for (const [what, throughput] of Object.entries(throughputs))
      say(throughputRow(what, throughput, { perSecond: rawPerSecond, bytesPerRow: raw.bytesPerRow }));
    const lost = engine.output().match(/"msg":"a send's answer was lost"/g)?.length ?? 0;
    say(
      [
        `\nRaw commits: ${rawPerSecond.toFixed(0)} a second.`,
        `Out of the full line go ${drain.sentPerSecond.toFixed(0)} messages a second (${(drain.sentPerSecond / rawPerSecond).toFixed(2)} ×).`,
        `Start with a full database and ${SESSIONS} runners: ${(startMs / 1000).toFixed(1)} s.`,
        `Runners' answers that were lost: ${lost}.`,
      ].join(" "),
    );
  } finally {
    stub.stop();
    await engine.stop();
  }
}
