import { spawnSync } from "node:child_process";
import { closeSync, mkdtempSync, openSync, rmSync, writeSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

/** A file system of its own, small enough to be filled. `why`: why there is none, as only root may mount one; null: there is. */
export const mountSmallDisk = (megabytes: number) => {
  const path = mkdtempSync(join(tmpdir(), "small-disk-"));
  const options = ["-t", "tmpfs", "-o", `size=${megabytes}m,mode=0711`, "none", path];
  const { status, stderr } = spawnSync("mount", options);
  const filler = join(path, "filler");
  return {
    path,
    why: status === 0 ? null : stderr.toString().trim(),
    fill() {
      const file = openSync(filler, "a");
      try {
        for (let size = 1024 * 1024; size >= 1; size = Math.floor(size / 16))
          writeAll(file, Buffer.alloc(size));
      } finally {
        closeSync(file);
      }
    },
    free: () => rmSync(filler, { force: true }),
    remove() {
      spawnSync("umount", [path]);
      rmSync(path, { recursive: true });
    },
  };
};

function writeAll(file: number, bytes: Buffer): void {
  try {
    while (writeSync(file, bytes) === bytes.length);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== "ENOSPC") throw error;
  }
}
