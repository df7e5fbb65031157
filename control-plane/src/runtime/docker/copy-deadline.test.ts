import { once } from "node:events";
import { createServer, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import { Readable } from "node:stream";
import { buffer } from "node:stream/consumers";
import { afterEach, beforeEach, expect, it } from "vitest";
import { createProfileCopy } from "./copy.ts";
import { createEngine } from "./engine.ts";

let server: Server;
let calls: string[];
/** Whether the engine comes to the end of a copy. */
let ends: boolean;

/** Speaks as much of an engine's API as a copy takes. */
beforeEach(async () => {
  [calls, ends] = [[], false];
  server = createServer((request, response) => {
    const { method, url = "" } = request;
    calls.push(`${method} ${url.split("?")[0]}`);
    request.resume();
    if (method === "POST") {
      response.writeHead(201, { "content-type": "application/json" });
      response.end(JSON.stringify({ Id: "c" }));
    } else if (method === "DELETE") response.writeHead(204).end();
    else if (method === "GET") {
      response.write("the beginning");
      if (ends) response.end();
    } else if (ends) request.once("end", () => response.writeHead(200).end());
  });
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
});
afterEach(async () => {
  server.closeAllConnections();
  server.close();
  await once(server, "close");
});

function createCopy(timeoutMs: number) {
  const engine = createEngine(`tcp://127.0.0.1:${(server.address() as AddressInfo).port}`);
  return createProfileCopy({ engine, installId: "i", image: "image", seccomp: "{}" }, { timeoutMs });
}
const late = { code: "runtime_unavailable" };
/** Less than the engine has for an ordinary call. */
const SOON_MS = 5_000;
const over = "DELETE /containers/c";

it(
  "gives up a profile that does not come to its end, and leaves nothing of it",
  async () => {
    await expect(buffer(createCopy(200).read("p"))).rejects.toMatchObject(late);
    expect(calls).toEqual(["POST /containers/create", "GET /containers/c/archive", over]);
  },
  SOON_MS,
);

it(
  "gives up one that is not taken in, and leaves nothing of it",
  async () => {
    await expect(createCopy(200).write("p", Readable.from(["a tar"]))).rejects.toMatchObject(late);
    expect(calls).toEqual(["POST /containers/create", "PUT /containers/c/archive", over]);
  },
  SOON_MS,
);

it("takes what comes in time", async () => {
  ends = true;
  expect((await buffer(createCopy(5_000).read("p"))).toString()).toBe("the beginning");
  await createCopy(5_000).write("p", Readable.from(["a tar"]));
  expect(calls.filter((call) => call === over)).toHaveLength(2);
});
