import { spawn, type ChildProcess } from "node:child_process";
import { once } from "node:events";
import type { Readable, Writable } from "node:stream";
import { AppError } from "@whatsapp-engine/contract/api";

/** How much of a program's last words is kept to explain that it failed. */
const WORDS = 1_000;

/**
 * Works on a profile's files by programs with no more rights than `uid` has, its session's own user: whatever stands in
 * the profile, a link among it, leads them nowhere that its browser could not go itself. Undefined: our own user.
 */
export const createUserFiles = (path: string) => {
  const start = (uid: number | undefined, command: string, args: readonly string[]): ChildProcess =>
    spawn(command, args, {
      cwd: "/",
      env: { PATH: path },
      stdio: ["pipe", "pipe", "pipe"],
      ...(uid !== undefined && { uid, gid: uid }), // which drops our other groups too
    });

  return {
    /** A tar of what is in a folder, with names that begin in it. */
    async *pack(uid: number | undefined, dir: string): AsyncGenerator<Buffer> {
      const child = start(uid, "tar", [
        "--create",
        "--file=-",
        "--owner=0",
        "--group=0",
        `--directory=${dir}`,
        ".",
      ]);
      const ended = endOf(child, "could not be read");
      try {
        child.stdin!.end();
        yield* child.stdout as AsyncIterable<Buffer>;
        await ended;
      } finally {
        child.kill("SIGKILL");
      }
    },

    /** Fills a folder from a tar. Fails as the tar does, or with `runtime_unavailable`. */
    async unpack(uid: number | undefined, dir: string, tar: Readable): Promise<void> {
      const child = start(uid, "tar", ["--extract", "--file=-", `--directory=${dir}`]);
      const ended = endOf(child, "could not be written");
      try {
        await feed(tar, child.stdin!);
      } catch (error) {
        child.kill("SIGKILL");
        throw error;
      }
      await ended;
    },

    /** Removes all that is in a folder, also where its modes forbid to look. */
    async empty(uid: number | undefined, dir: string): Promise<void> {
      const script = 'chmod -R u+rwX "$1" 2>/dev/null; find "$1" -mindepth 1 -delete';
      const child = start(uid, "sh", ["-c", script, "sh", dir]);
      await endOf(child, "could not be removed");
    },
  };
};

/** Fails as `source` does only: a program that has read enough, or fails, says so by its end. */
const feed = async (source: Readable, into: Writable): Promise<void> => {
  let open = true;
  const closed = once(into, "close").then(
    () => (open = false),
    () => (open = false),
  );
  for await (const chunk of source) {
    if (!open || into.write(chunk)) continue;
    const drained = new Promise((resolve) => into.once("drain", resolve));
    await Promise.race([drained, closed]);
  }
  into.end();
};

/** Rejects with `runtime_unavailable` unless it did what it was to do. */
const endOf = (child: ChildProcess, failure: string): Promise<void> => {
  let words = "";
  child.stderr!.setEncoding("utf8").on("data", (text: string) => (words = (words + text).slice(-WORDS)));
  child.stdin!.on("error", () => {}); // told by its end
  const ended = once(child, "close")
    .then(([code]) => {
      if (code !== 0) throw new Error(words.trim() || "it was ended");
    })
    .catch((cause: unknown) => {
      throw new AppError("runtime_unavailable", `The session's profile ${failure}.`, { cause });
    });
  ended.catch(() => {}); // who has what it failed by already does not wait for it
  return ended;
};
