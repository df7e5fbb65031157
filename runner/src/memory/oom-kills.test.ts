import { expect, test } from "vitest";
import { countOomKills, createOomKills } from "./oom-kills.ts";

const machine = (files: Record<string, string>) => (path: string) => files[path] ?? null;

test.each([
  [
    "version 2, on the host",
    {
      "/proc/self/cgroup": "0::/system.slice/engine.service\n",
      "/sys/fs/cgroup/system.slice/engine.service/memory.events": "low 0\nhigh 0\nmax 9\noom 4\noom_kill 3\n",
      "/sys/fs/cgroup/memory.events": "oom_kill 99\n",
    },
    3,
  ],
  [
    "version 2, in a container",
    {
      "/proc/self/cgroup": "0::/\n",
      "/sys/fs/cgroup/memory.events": "oom 1\noom_kill 1\noom_group_kill 0\n",
    },
    1,
  ],
  [
    "version 1, in a container that sees the host's names",
    {
      "/proc/self/cgroup": "9:cpu,cpuacct:/docker/abc\n4:memory:/docker/abc\n0::/\n",
      "/sys/fs/cgroup/memory/memory.oom_control": "oom_kill_disable 0\nunder_oom 0\noom_kill 2\n",
    },
    2,
  ],
  ["a machine that counts for all", { "/proc/vmstat": "pgfault 1\noom_kill 7\n" }, 7],
  ["a machine that does not tell", {}, null],
])("%s", (_where, files, kills) => {
  expect(countOomKills(machine(files))).toBe(kills);
});

test("a kill counts until it was noted twice, or is explained, and what is not known never does", () => {
  let counted: number | null = 5;
  const kills = createOomKills(() => counted);
  expect(kills.happened()).toBe(false);
  counted = 6;
  expect([kills.happened(), kills.happened()]).toEqual([true, true]);
  kills.note();
  expect(kills.happened()).toBe(true);
  kills.note();
  expect(kills.happened()).toBe(false);
  counted = 7;
  kills.forget();
  expect(kills.happened()).toBe(false);
  counted = null;
  expect(kills.happened()).toBe(false);
});
