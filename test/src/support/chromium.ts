import { chmodSync, copyFileSync, mkdtempSync, rmSync, symlinkSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { findChromium } from "../../../control-plane/dist/runtime/process/chromium.js";

/**
 * For vitest's `globalSetup`: all browsers of this machine that the suites start hear nothing of its network interfaces.
 * A container that starts or ends beside them adds or removes one, and Chromium then breaks off all connections that it
 * is about to make (`net::ERR_NETWORK_CHANGED`): 3 of 355 requests with an interface a second, and none of 674 so.
 */
export default async function setup(): Promise<(() => void) | undefined> {
  const given = process.env["CHROMIUM_PATH"];
  // Suites without a browser need none.
  const chromium = await findChromium(given, process.env["PATH"] ?? "").catch(() => undefined);
  if (chromium === undefined) return undefined;
  const wrapped = withoutNetlink(chromium);
  process.env["CHROMIUM_PATH"] = wrapped.path;
  return () => {
    if (given === undefined) delete process.env["CHROMIUM_PATH"];
    else process.env["CHROMIUM_PATH"] = given;
    wrapped.remove();
  };
}

/** A program that becomes the given one, which can then open no netlink socket. Every user may run it. */
export function withoutNetlink(program: string): { path: string; remove(): void } {
  const folder = mkdtempSync(join(tmpdir(), "without-netlink-"));
  chmodSync(folder, 0o755);
  const path = join(folder, "chromium");
  copyFileSync(join(import.meta.dirname, "without-netlink.pl"), path);
  chmodSync(path, 0o755);
  symlinkSync(program, `${path}.real`);
  return { path, remove: () => rmSync(folder, { recursive: true }) };
}
