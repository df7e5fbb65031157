import { chmodSync, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

/** A folder that goes with the test. Chromium's unprivileged user may pass through it. */
export function makeDataFolder(): { path: string; dataDir: string; remove(): void } {
  const path = mkdtempSync(join(tmpdir(), "whatsapp-engine-test-"));
  chmodSync(path, 0o711);
  return {
    path,
    dataDir: join(path, "data"),
    remove: () => rmSync(path, { recursive: true, force: true, maxRetries: 5 }),
  };
}
