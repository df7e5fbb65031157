import { createServer, type IncomingMessage } from "node:http";
import { json } from "node:stream/consumers";
import type { AddressInfo } from "node:net";
import type { Control } from "./control.ts";

type Functions = Record<string, (...args: unknown[]) => Promise<unknown>>;

/** `POST /<function>` with the JSON array of its arguments; answers `{ result }`, or 400 `{ error }`. */
export const startControlServer = async (control: Control, port: number) => {
  const functions = control as unknown as Functions;

  const run = async (request: IncomingMessage): Promise<unknown> => {
    const name = request.url?.slice(1) ?? "";
    const called = Object.hasOwn(functions, name) ? functions[name] : undefined;
    if (request.method !== "POST" || !called)
      throw new Error(`There is no POST /${name}. Functions: ${Object.keys(control).join(", ")}.`);
    const args = await json(request).catch(() => undefined);
    if (!Array.isArray(args)) throw new Error("The body must be a JSON array of the function's arguments.");
    return called(...(args as unknown[]));
  };

  const server = createServer((request, response) => {
    const answer = (status: number, body: object) =>
      response.writeHead(status, { "content-type": "application/json" }).end(JSON.stringify(body));
    run(request).then(
      (result) => answer(200, { result: result ?? null }),
      (error: unknown) => answer(400, { error: error instanceof Error ? error.message : String(error) }),
    );
  });
  await new Promise<void>((resolve, reject) =>
    server.once("error", reject).listen(port, "127.0.0.1", resolve),
  );

  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    close: async () => {
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
    },
  };
};
