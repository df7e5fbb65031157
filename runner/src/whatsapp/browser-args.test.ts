import { expect, test } from "vitest";
import { browserArguments } from "./browser-args.ts";

const args = (...extraArgs: string[]) => browserArguments({ userDataDir: "/p", userAgent: "ua", extraArgs });

test("feature lists are joined: Chromium heeds only the last of each kind", () => {
  const all = args("--disable-features=LocalNetworkAccessChecks", "--enable-features=A,B", "--lang=id");
  expect(all.filter((arg) => arg.startsWith("--disable-features="))).toEqual([
    expect.stringMatching(/Translate,.*LocalNetworkAccessChecks$/),
  ]);
  expect(all.filter((arg) => arg.startsWith("--enable-features="))).toEqual([
    "--enable-features=NetworkServiceInProcess2,A,B",
  ]);
  expect(all).toContain("--lang=id");
});

test("the sandbox stays on", () => {
  expect(args().join(" ")).not.toMatch(/no-sandbox|disable-setuid-sandbox/);
});
