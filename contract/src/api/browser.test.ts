import { fileURLToPath } from "node:url";
import { createContext, runInContext } from "node:vm";
import { build } from "esbuild";
import { expect, it } from "vitest";
import type * as Api from "./index.ts";

it("runs where there is nothing of Node's, as in a browser", async () => {
  const { outputFiles } = await build({
    entryPoints: [fileURLToPath(new URL("index.ts", import.meta.url))],
    bundle: true,
    platform: "browser",
    format: "iife",
    globalName: "api",
    write: false,
  });
  const context = createContext({});
  runInContext(outputFiles[0]!.text, context);
  expect(runInContext("[typeof Buffer, typeof process, typeof require]", context).join()).toBe(
    "undefined,undefined,undefined",
  );
  const api = runInContext("api", context) as typeof Api;
  const given = { to: "6281234567890", message: "hello" };
  expect(api.sendMessageSchema.parse(given)).toMatchObject({ ...given, type: "text" });
  const { error } = api.sendMessageSchema.safeParse({ message: 1 });
  expect(api.problemsOf(error!)).toMatchObject([
    { field: "to", message: "is missing" },
    { field: "message", message: "must be a text, not a number" },
  ]);
});
