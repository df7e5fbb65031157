import { join } from "node:path";
import { mountSmallDisk } from "@whatsapp-engine/simulator/small-disk";
import { afterAll, afterEach, expect, test } from "vitest";
import { eventually } from "./test-support/eventually.ts";
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

mounted("what comes after a trouble, and is written, is not seen before what failed", async () => {
  const journal = await openJournal({ path: join(disk.path, "other.ndjson") });
  disk.fill();
  await expect(journal.addEvent(ack("first"))).rejects.toThrow("ENOSPC");
  disk.free();
  await journal.addEvent(ack("second"));
  expect(journal.eventsAfter(0)).toEqual([]);
  await eventually(() => journal.eventsAfter(0)).toHaveLength(2);
  await journal.close();
});
