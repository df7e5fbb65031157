import { readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { mountSmallDisk } from "@whatsapp-engine/simulator/small-disk";
import { afterAll, afterEach, expect, test } from "vitest";
import { eventually } from "./test-support/eventually.ts";
import { openAppendLog } from "./append-log.ts";
import { openJournal } from "./journal.ts";
import { newRecord } from "./send-outcome.ts";

const disk = mountSmallDisk(4);
const path = join(disk.path, "journal.ndjson");
const mounted = test.skipIf(disk.why !== null);
afterEach(() => disk.free());
afterAll(() => disk.remove());

/** Longer than what a page of the file has left. */
const ack = (name: string) => ({
  type: "message_ack" as const,
  whatsappId: name.padEnd(8_192, "."),
  messageId: null,
  ack: 1,
});

mounted("what a full disk did not take is seen, in its order, as soon as there is room", async () => {
  const journal = await openJournal({ path });
  const seen: string[] = [];
  let shown = journal.lastSeq;
  journal.onEvent(() => {
    for (const { event } of journal.eventsAfter(shown))
      if (event.type === "message_ack") seen.push(event.whatsappId.replaceAll(".", ""));
    shown = journal.lastSeq;
  });
  const troubles: boolean[] = [];
  journal.onTrouble(() => troubles.push(journal.trouble !== null));

  await journal.addEvent(ack("before"));
  disk.fill();
  await expect(journal.addEvent(ack("first"))).rejects.toThrow("ENOSPC");
  await expect(journal.putSend({ ...newRecord("m"), key: "k".padEnd(8_192, ".") })).rejects.toThrow("ENOSPC");
  await expect(journal.addEvent(ack("second"))).rejects.toThrow("ENOSPC");
  expect(journal.trouble).toMatch("ENOSPC");
  expect(seen).toEqual(["before"]);

  disk.free();
  await eventually(() => seen).toEqual(["before", "first", "second"]);
  expect([troubles, journal.trouble]).toEqual([[true, false], null]);
  await journal.close();
  const again = await openJournal({ path });
  expect(again.eventsAfter(0)).toHaveLength(3);
  expect(again.send("m")).toMatchObject({ outcome: "pending" });
  await again.close();
});

mounted(
  "what comes after a trouble stands behind what failed, though there is room for it by then",
  async () => {
    const journal = await openJournal({ path: join(disk.path, "other.ndjson") });
    disk.fill();
    await expect(journal.addEvent(ack("first"))).rejects.toThrow("ENOSPC");
    disk.free();
    await expect(journal.addEvent(ack("second"))).rejects.toThrow("ENOSPC");
    expect(journal.eventsAfter(0)).toEqual([]);
    await eventually(() => journal.eventsAfter(0)).toHaveLength(2);
    await journal.close();
    const again = await openJournal({ path: join(disk.path, "other.ndjson") });
    expect(again.eventsAfter(0)).toHaveLength(2);
    await again.close();
  },
);

mounted("room for what failed is enough: the file need not be written anew", async () => {
  const journal = await openJournal({ path: join(disk.path, "large.ndjson") });
  for (let n = 0; n < 300; n++) await journal.addEvent(ack(`early ${n}`));
  // The file has 2.4 of 4 MB: there is no room for another beside it.
  disk.fill();
  const failed = ["first", "second"].map((name) => journal.addEvent(ack(name)).catch(() => name));
  expect(await Promise.all(failed)).toEqual(["first", "second"]);
  disk.free();
  await eventually(() => journal.eventsAfter(0)).toHaveLength(302);
  await journal.close();
  rmSync(join(disk.path, "large.ndjson"));
});

mounted("what failed is written when the journal is closed, where there is room by then", async () => {
  const last = join(disk.path, "last.ndjson");
  const journal = await openJournal({ path: last });
  disk.fill();
  await expect(journal.addEvent(ack("first"))).rejects.toThrow("ENOSPC");
  disk.free();
  await journal.close();
  const again = await openJournal({ path: last });
  expect(again.eventsAfter(0)).toHaveLength(1);
  await again.close();
});

test("the file is not replaced once it is a newer runner's", async () => {
  let isNewer = false;
  const confirm = () => (isNewer ? Promise.reject(new Error("A newer runner has it.")) : Promise.resolve());
  const path = join(tmpdir(), `newer-${process.pid}.ndjson`);
  const { log } = await openAppendLog(path, confirm);
  await log.append("mine");
  await log.rewrite(() => ["mine, anew"]);
  expect(readFileSync(path, "utf8")).toBe("mine, anew\n");
  isNewer = true;
  writeFileSync(path, "theirs\n");
  await expect(log.rewrite(() => ["mine again"])).rejects.toThrow("newer runner");
  expect(readFileSync(path, "utf8")).toBe("theirs\n");
  await log.close();
  rmSync(path);
});
