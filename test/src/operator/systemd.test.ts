import { spawnSync } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, it } from "vitest";

const unit = new URL("../../../docs/systemd/whatsapp-engine.service", import.meta.url);
const hasSystemd = spawnSync("systemd-analyze", ["--version"]).status === 0;

it.runIf(hasSystemd)("systemd finds nothing wrong with the unit in docs/systemd", () => {
  const folder = mkdtempSync(join(tmpdir(), "unit-"));
  const file = join(folder, "whatsapp-engine.service");
  // It looks whether the program is there.
  writeFileSync(file, readFileSync(unit, "utf8").replace("/usr/bin/node", process.execPath));
  const { status, stdout, stderr } = spawnSync("systemd-analyze", ["verify", file], { encoding: "utf8" });
  rmSync(folder, { recursive: true });
  expect(`${stdout}${stderr}`).toBe("");
  expect(status).toBe(0);
});
