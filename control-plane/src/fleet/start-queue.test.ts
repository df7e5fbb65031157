import { expect, it, vi } from "vitest";
import { createStartQueue, type StartQueue } from "./start-queue.ts";

const usedAt: Record<string, number> = { old: 1, new: 3, middle: 2 };

function queue(limit: number, idle?: string) {
  const turns: string[] = [];
  const starts: StartQueue = createStartQueue({
    limit,
    usedAt: (id) => usedAt[id] ?? 0,
    onTurn: async (id) => {
      turns.push(id);
      if (id !== idle) starts.take(id);
    },
  });
  return { starts, turns };
}

it("lets a few start at a time, the most recently used first", () => {
  const { starts, turns } = queue(2);
  expect(["a", "b", "old", "new", "middle"].map((id) => starts.take(id))).toEqual([
    true,
    true,
    false,
    false,
    false,
  ]);
  expect(starts.length).toBe(5);
  starts.release("a");
  expect(turns).toEqual(["new"]);
  expect(starts.take("old")).toBe(false);
  starts.release("b");
  starts.release("new");
  expect(turns).toEqual(["new", "middle", "old"]);
});

it("passes the turn on where the session whose turn it is does not start", async () => {
  const { starts, turns } = queue(1, "new");
  for (const id of ["a", "new", "old"]) starts.take(id);
  starts.release("a");
  await vi.waitFor(() => expect(turns).toEqual(["new", "old"]));
  expect(starts.length).toBe(1);
});

it("forgets one that waits no more, and gives one place to one session", () => {
  const { starts, turns } = queue(1);
  expect([starts.take("a"), starts.take("a"), starts.take("new"), starts.take("new")]).toEqual([
    true,
    true,
    false,
    false,
  ]);
  starts.release("new");
  starts.release("a");
  expect(turns).toEqual([]);
  expect(starts.length).toBe(0);
});
