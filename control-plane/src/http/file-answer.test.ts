import { Readable } from "node:stream";
import { Hono } from "hono";
import { expect, it } from "vitest";
import { answerFile } from "./file-answer.ts";

const NAMED = { "Content-Disposition": 'attachment; filename="a.txt"' };

it("is the file, and for HEAD none of it, which is let go", async () => {
  let file = Readable.from([]);
  const app = new Hono().get("/", (c) =>
    answerFile(c, (file = Readable.from([Buffer.from("a file")])), NAMED),
  );
  const whole = await app.request("/");
  expect(await whole.text()).toBe("a file");
  const head = await app.request("/", { method: "HEAD" });
  expect([await head.text(), head.headers.get("Content-Disposition")]).toEqual([
    "",
    NAMED["Content-Disposition"],
  ]);
  expect(file.destroyed).toBe(true);
});
