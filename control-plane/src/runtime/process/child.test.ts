import { mkdtemp, rm, stat, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, test } from "vitest";
import { startRunnerProcess } from "./child.ts";

test("a runner that hears nothing any more ends as others do", async () => {
  const folder = await mkdtemp(join(tmpdir(), "process-child-"));
  const [entry, deaf] = [join(folder, "entry.mjs"), join(folder, "deaf")];
  await writeFile(
    entry,
    `import { writeFileSync } from "node:fs";
     process.disconnect();
     setInterval(() => {}, 1_000);
     writeFileSync(${JSON.stringify(deaf)}, "");`,
  );
  const child = await startRunnerProcess(entry, {});
  await expect
    .poll(
      () =>
        stat(deaf).then(
          () => true,
          () => false,
        ),
      { timeout: 15_000 },
    )
    .toBe(true);
  child.begin();
  expect(child.alive).toBe(true);
  await child.end(0);
  expect(await child.ended).toBeNull();
  expect(child.alive).toBe(false);
  await rm(folder, { recursive: true });
});
