import { execFile } from "node:child_process";
import { promisify } from "node:util";
import { expect, it } from "vitest";
import { withoutNetlink } from "./chromium.ts";

const run = promisify(execFile);
const INTERFACES = ["-p", "Object.keys(os.networkInterfaces()).join()"];

it("a program without netlink hears of no network interface, and runs as ever", async () => {
  expect((await run(process.execPath, INTERFACES)).stdout).toContain("lo");
  const wrapped = withoutNetlink(process.execPath);
  try {
    await expect(run(wrapped.path, INTERFACES)).rejects.toThrow("uv_interface_addresses");
    expect((await run(wrapped.path, ["-p", "1 + 1"])).stdout).toBe("2\n");
  } finally {
    wrapped.remove();
  }
});
