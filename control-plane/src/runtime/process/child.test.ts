import { mkdtemp, readFile, rm, stat, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, test } from "vitest";
import { NODE_ARGS, startRunnerProcess } from "./child.ts";

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

test("a runner in a container has the same arguments of Node", async () => {
  const dockerfile = await readFile(new URL("../../../../Dockerfile.runner", import.meta.url), "utf8");
  const [, entrypoint = ""] = /^ENTRYPOINT (.*)$/m.exec(dockerfile) ?? [];
  const [program, ...args] = JSON.parse(entrypoint) as string[];
  expect([program, ...args.slice(0, NODE_ARGS.length)]).toEqual(["node", ...NODE_ARGS]);
});
