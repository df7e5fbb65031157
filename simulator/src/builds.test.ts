import { createHash, randomBytes } from "node:crypto";
import { once } from "node:events";
import { afterEach, describe, expect, it } from "vitest";
import type { Build } from "./builds.ts";
import { startSimulator, type Simulator } from "./simulator.ts";
import { createBench, MessageMedia, type Bench } from "./test-client.ts";

const PHONE = "6281234567890";
const FRIEND = "6281200000001";
const sha256 = (bytes: Buffer) => createHash("sha256").update(bytes).digest("hex");

let simulator: Simulator;
let bench: Bench;
afterEach(() => bench.close());

const start = async (build: Build) => {
  simulator = await startSimulator({ build });
  bench = createBench(simulator);
};

/** What the library, as it is, comes to on each build; docs/whatsapp-changes.md has the reports. */
describe("the library as it is", () => {
  const picture = randomBytes(2_000);
  const kinds = [
    { kind: "image", mimetype: "image/png" },
    { kind: "document", mimetype: "application/pdf" },
    { kind: "audio", mimetype: "audio/mpeg" },
  ];

  it.each(["september-2026", "october-2026"] as const)(
    "sends texts and no files on %s: the file's empty id takes the place of the message's",
    async (build) => {
      await start(build);
      const { client } = await bench.link(PHONE);
      await client.sendMessage(`${FRIEND}@c.us`, "a text");
      for (const { kind, mimetype } of kinds) {
        const media = new MessageMedia(mimetype, picture.toString("base64"), "a-file");
        const options = { sendMediaAsDocument: kind === "document" };
        await expect(client.sendMessage(`${FRIEND}@c.us`, media, options), kind).rejects.toThrow(
          "Data passed to getter must include an id property",
        );
      }
      expect(await simulator.control.sent()).toMatchObject([{ body: "a text" }]);
    },
  );

  it("sends files on july-2026", async () => {
    await start("july-2026");
    const { client } = await bench.link(PHONE);
    await client.sendMessage(
      `${FRIEND}@c.us`,
      new MessageMedia("image/png", picture.toString("base64"), "a.png"),
    );
    expect(await simulator.control.sent()).toMatchObject([{ type: "image", mediaSha256: sha256(picture) }]);
  });

  it.each([
    { build: "july-2026", refused: [] },
    { build: "september-2026", refused: ["image", "audio"] },
  ] as const)("downloads what came in on $build, but for $refused", async ({ build, refused }) => {
    await start(build);
    // Otherwise the library finds no message at all.
    await simulator.control.configure({ ways: { keyText: "_serialized" } });
    const { client } = await bench.link(PHONE);
    for (const { kind, mimetype } of kinds) {
      const came = once(client, "message");
      const media = { base64: picture.toString("base64"), mimetype };
      await simulator.control.deliver(PHONE, { from: FRIEND, type: kind, media });
      const [message] = (await came) as [{ downloadMedia(): Promise<{ data: string }> }];
      const downloaded = message.downloadMedia();
      if ((refused as readonly string[]).includes(kind))
        await expect(downloaded, kind).rejects.toThrow("InvalidMediaFileType");
      else expect((await downloaded).data, kind).toBe(picture.toString("base64"));
    }
  });
});
