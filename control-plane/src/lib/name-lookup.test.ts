import { createSocket, type Socket } from "node:dgram";
import { once } from "node:events";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { readFile } from "node:fs/promises";
import type { AddressInfo, LookupFunction } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, it } from "vitest";
import { createNameLookup } from "./name-lookup.ts";

let dir: string;
let hostsFile: string;
let server: Socket;
let servers: string[];
let asked: string[];
/** Addresses by name; a name that is not here does not exist, and null is never answered. */
let names: Record<string, string[] | null>;

beforeEach(async () => {
  dir = mkdtempSync(join(tmpdir(), "names-"));
  hostsFile = join(dir, "hosts");
  writeFileSync(
    hostsFile,
    "127.0.0.1\tlocalhost\n::1 localhost # loopback\n10.0.0.7  Storage.internal storage #x\n",
  );
  names = {};
  asked = [];
  server = createSocket("udp4");
  server.on("message", (query, { port, address }) => {
    const reply = answerTo(query);
    if (reply) server.send(reply, port, address);
  });
  server.bind(0, "127.0.0.1");
  await once(server, "listening");
  servers = [`127.0.0.1:${(server.address() as AddressInfo).port}`];
});
afterEach(() => {
  server.close();
  rmSync(dir, { recursive: true });
});

/** As RFC 1035 has it; A records only. */
function answerTo(query: Buffer): Buffer | undefined {
  const labels: string[] = [];
  let at = 12;
  for (let length = query[at]!; length > 0; length = query[at]!) {
    labels.push(query.toString("latin1", at + 1, at + 1 + length));
    at += 1 + length;
  }
  const question = query.subarray(12, at + 5);
  const isA = query.readUInt16BE(at + 1) === 1;
  const name = labels.join(".").toLowerCase();
  asked.push(name);
  const found = names[name];
  if (found === null) return undefined;
  const addresses = isA ? (found ?? []) : [];
  const header = Buffer.from(query.subarray(0, 12));
  header.writeUInt16BE(found === undefined ? 0x8183 : 0x8180, 2);
  header.writeUInt16BE(addresses.length, 6);
  header.fill(0, 8);
  const records = addresses.map((address) =>
    Buffer.from([0xc0, 12, 0, 1, 0, 1, 0, 0, 0, 60, 0, 4, ...address.split(".").map(Number)]),
  );
  return Buffer.concat([header, question, ...records]);
}

const ask = (lookup: LookupFunction, name: string, family: 0 | 4 | 6 = 0) =>
  new Promise<unknown>((resolve, reject) =>
    lookup(name, { all: true, family }, (error, found) => (error ? reject(error) : resolve(found))),
  );
const lookup = (deadlineMs?: number) =>
  createNameLookup({ servers, hostsFile, ...(deadlineMs === undefined ? {} : { deadlineMs }) });

it("asks the hosts file first, by the family that is wanted", async () => {
  const four = { address: "127.0.0.1", family: 4 };
  const six = { address: "::1", family: 6 };
  expect(await ask(lookup(), "localhost")).toEqual([four, six]);
  expect(await ask(lookup(), "LocalHost.", 4)).toEqual([four]);
  expect(await ask(lookup(), "localhost", 6)).toEqual([six]);
  expect(await ask(lookup(), "storage")).toEqual([{ address: "10.0.0.7", family: 4 }]);
  expect(asked).toEqual([]);
});

it("asks the name servers for the rest, and tells what is not there from what nobody said", async () => {
  names = { "files.example": ["192.0.2.1", "192.0.2.2"], "silent.example": null };
  expect(await ask(lookup(), "files.example")).toEqual([
    { address: "192.0.2.1", family: 4 },
    { address: "192.0.2.2", family: 4 },
  ]);
  await expect(ask(lookup(), "files.example", 6)).rejects.toMatchObject({ code: "ENOTFOUND" });
  await expect(ask(lookup(), "nowhere.example")).rejects.toMatchObject({ code: "ENOTFOUND" });
  await expect(ask(lookup(200), "silent.example")).rejects.toMatchObject({ code: "ETIMEOUT" });
});

it("holds up nobody with names that nobody answers for, and ends in time", async () => {
  const silent = Array.from({ length: 40 }, (_, at) => `silent-${at}.example`);
  names = { ...Object.fromEntries(silent.map((name) => [name, null])), "files.example": ["192.0.2.1"] };
  const slow = lookup(2_000);
  const startedAt = performance.now();
  const given = Promise.allSettled(silent.map((name) => ask(slow, name)));
  // Files are read by the threads that the system's own resolution would hold.
  await readFile(hostsFile);
  await ask(slow, "files.example");
  expect(performance.now() - startedAt).toBeLessThan(1_000);
  expect(new Set((await given).map(({ status }) => status))).toEqual(new Set(["rejected"]));
  expect(performance.now() - startedAt).toBeLessThan(10_000);
});

it("does without a hosts file", async () => {
  names = { "files.example": ["192.0.2.1"] };
  const found = await ask(createNameLookup({ servers, hostsFile: join(dir, "none") }), "files.example");
  expect(found).toEqual([{ address: "192.0.2.1", family: 4 }]);
  expect(readFileSync(hostsFile, "utf8")).toContain("localhost");
});
