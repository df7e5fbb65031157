import { expect, test } from "vitest";
import { containerMemoryMb, processTreeMemoryMb } from "./usage.ts";

const machine = (files: Record<string, string>) => (path: string) => files[path] ?? null;
const mib = (n: number): string => String(n * 1024 * 1024);

test("a container, version 2: all but the page cache", () => {
  const read = machine({
    "/proc/self/cgroup": "0::/\n",
    "/sys/fs/cgroup/memory.current": `${mib(500)}\n`,
    "/sys/fs/cgroup/memory.stat": `anon 1\ninactive_file ${mib(100)}\nactive_file ${mib(50)}\n`,
  });
  expect(containerMemoryMb(read)).toBe(350);
});

test("a container, version 1, that sees the host's names: all but the page cache, of all groups below", () => {
  const read = machine({
    "/proc/self/cgroup": "4:memory:/docker/abc\n0::/\n",
    "/sys/fs/cgroup/memory/memory.usage_in_bytes": `${mib(500)}\n`,
    "/sys/fs/cgroup/memory/memory.stat": `inactive_file 7\ntotal_inactive_file ${mib(100)}\ntotal_active_file ${mib(20)}\n`,
  });
  expect(containerMemoryMb(read)).toBe(380);
});

test("a machine that does not tell is not guessed about", () => {
  expect(containerMemoryMb(machine({}))).toBeNull();
  expect(processTreeMemoryMb(1, machine({}), [])).toBeNull();
});

test("a process and all it started, by their shares, or by what they hold; nobody else", () => {
  const read = machine({
    "/proc/10/stat": "10 (node) S 1 10",
    "/proc/10/smaps_rollup": "Rss: 9 kB\nPss:      2048 kB\n",
    "/proc/11/stat": "11 (a ) S 99) S 10 10",
    "/proc/11/status": "Name:\tx\nVmRSS:\t    1024 kB\n",
    "/proc/12/stat": "12 (renderer) S 11 10",
    "/proc/12/smaps_rollup": "Pss:      4096 kB\n",
    "/proc/20/stat": "20 (other) S 1 20",
    "/proc/20/smaps_rollup": "Pss:      8192 kB\n",
  });
  expect(processTreeMemoryMb(10, read, [10, 11, 12, 20])).toBe(7);
});

test("this process, for real", () => {
  const mb = processTreeMemoryMb(process.pid)!;
  expect(mb).toBeGreaterThan(20);
  expect(mb).toBeLessThan(4_000);
});
