import { contactsSchema, groupsSchema } from "@whatsapp-engine/contract/runner";
import { builds } from "@whatsapp-engine/simulator";
import { afterEach, expect, test } from "vitest";
import { ACCOUNT, FRIEND, makeWorld, type World } from "../test-support/world.ts";

let world: World;
afterEach(() => world.end());

const GROUP = "120363000000000001@g.us";
const read = async (answer: Response) => {
  expect(answer.status).toBe(200);
  return (await answer.json()) as unknown;
};

test.each(builds.flatMap((build) => (["off", "chat"] as const).map((lids) => ({ build, lids }))))(
  "contacts and groups with their people: $build, LIDs $lids",
  async ({ build, lids }) => {
    world = await makeWorld(build);
    const { control } = world.simulator;
    await control.configure({ lids });
    const runner = await world.link();
    await control.addContacts(ACCOUNT, [
      { phoneNumber: FRIEND, name: "Ani", pushName: "ani_88" },
      { phoneNumber: "6281200000001", pushName: "in a group only" },
      { phoneNumber: ACCOUNT, name: "Myself" },
    ]);
    await control.deliver(ACCOUNT, { from: "6281200000002", body: "hello" });
    await control.addContacts(ACCOUNT, [{ phoneNumber: "6281200000002", pushName: "a stranger" }]);
    await control.addGroup(ACCOUNT, GROUP, {
      subject: "Team",
      description: "about work",
      participants: [ACCOUNT, FRIEND, "6281200000001"],
      admins: [ACCOUNT],
    });

    const { contacts } = contactsSchema.parse(await read(await runner.get("/contacts")));
    const server = lids === "off" ? "@c.us" : "@lid";
    for (const { id } of contacts) expect(id.endsWith(server), id).toBe(true);
    expect(contacts.map(({ id: _, ...rest }) => rest)).toEqual([
      { phoneNumber: FRIEND, name: "Ani", pushName: "ani_88", isMyContact: true },
      { phoneNumber: "6281200000002", name: null, pushName: "a stranger", isMyContact: false },
    ]);
    const { groups } = groupsSchema.parse(await read(await runner.get("/groups")));
    expect(groups).toMatchObject([{ id: GROUP, name: "Team", description: "about work", isAdmin: true }]);
    expect(groups[0]!.participants.map(({ id: _, ...rest }) => rest)).toEqual([
      { phoneNumber: ACCOUNT, name: "Myself", isAdmin: true },
      { phoneNumber: FRIEND, name: "Ani", isAdmin: false },
      { phoneNumber: "6281200000001", name: "in a group only", isAdmin: false },
    ]);
  },
);

test("all of a large account, with a message that goes out meanwhile", async () => {
  world = await makeWorld();
  const { control } = world.simulator;
  const runner = await world.link();
  const numbers = Array.from({ length: 5_000 }, (_, n) => String(6_281_300_000_000 + n));
  await control.addContacts(
    ACCOUNT,
    numbers.map((phoneNumber, n) => ({ phoneNumber, name: `Contact ${n}` })),
  );
  for (let n = 0; n < 300; n++) {
    const participants = numbers.slice(n * 10, n * 10 + 50);
    await control.addGroup(ACCOUNT, `1203630000${10_000 + n}@g.us`, { subject: `Group ${n}`, participants });
  }
  const reading = Promise.all([runner.get("/contacts"), runner.get("/groups")]);
  const startedAt = performance.now();
  const sent = await runner.send({ to: FRIEND, text: "meanwhile" });
  expect(sent).toMatchObject({ outcome: "sent" });
  expect(performance.now() - startedAt).toBeLessThan(3_000);
  const [contacts, groups] = await reading;
  // Whoever was just written to has a chat.
  expect(contactsSchema.parse(await read(contacts)).contacts.length).toBeGreaterThanOrEqual(5_000);
  const told = groupsSchema.parse(await read(groups)).groups;
  expect(told).toHaveLength(300);
  expect(told.flatMap(({ participants }) => participants)).toHaveLength(15_000);
});

test("without a connection there is nothing to read", async () => {
  world = await makeWorld();
  const runner = await world.start();
  await runner.state(({ qr }) => qr !== null);
  for (const path of ["/contacts", "/groups"]) expect((await runner.get(path)).status).toBe(409);
});
