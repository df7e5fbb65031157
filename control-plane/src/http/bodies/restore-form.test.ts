import { once } from "node:events";
import { mkdtempSync, readdirSync, readlinkSync, rmSync } from "node:fs";
import { createServer, request, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, it, vi } from "vitest";
import { readRestoreForm } from "./restore-form.ts";

const BOUNDARY = "boundary";
const part = (name: string, value: string, more = "") =>
  `--${BOUNDARY}\r\nContent-Disposition: form-data; name="${name}"${more}\r\n\r\n${value}\r\n`;
const END = `--${BOUNDARY}--\r\n`;
const file = (body: string) => part("file", body, '; filename="b.age"');

let dir: string;
let server: Server;
let outcome: Promise<Awaited<ReturnType<typeof readRestoreForm>>>;
beforeEach(async () => {
  dir = mkdtempSync(join(tmpdir(), "restore-form-"));
  outcome = new Promise((resolve) => {
    server = createServer((incoming, answer) => {
      const read = readRestoreForm(incoming, { dir, maxBytes: 1000 });
      read.catch(() => undefined).finally(() => answer.end());
      resolve(read);
    });
  });
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
});
afterEach(() => {
  server.close();
  server.closeAllConnections();
  rmSync(dir, { recursive: true });
});

function send() {
  const { port } = server.address() as AddressInfo;
  const headers = { "Content-Type": `multipart/form-data; boundary=${BOUNDARY}` };
  return request({ host: "127.0.0.1", port, method: "POST", headers }).on("error", () => undefined);
}
const openFiles = () =>
  readdirSync("/proc/self/fd").filter((fd) => {
    try {
      return readlinkSync(`/proc/self/fd/${fd}`).startsWith(dir);
    } catch {
      return false;
    }
  });

it("reads the parts in any order, and leaves no file behind", async () => {
  send().end(file("the backup") + part("passphrase", "ünlikely") + END);
  const { passphrase, backup } = await outcome;
  expect([passphrase, backup.bytes, openFiles().length]).toEqual(["ünlikely", 10, 1]);
  await backup.close();
  expect([readdirSync(dir), openFiles()]).toEqual([[], []]);
});

it("refuses a file that is too large, while it comes", async () => {
  const call = send();
  call.write(part("passphrase", "x") + part("file", "x".repeat(2000), '; filename="b.age"'));
  await expect(outcome).rejects.toMatchObject({ code: "backup_too_large" });
  expect(openFiles()).toEqual([]);
  call.destroy();
});

it("lets go of a file whose caller went away", async () => {
  const call = send();
  call.write(part("passphrase", "x") + file("half").slice(0, -2));
  await vi.waitFor(() => expect(openFiles()).toHaveLength(1));
  call.destroy();
  await expect(outcome).rejects.toMatchObject({ code: "invalid_form" });
  expect(openFiles()).toEqual([]);
});
