import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { makePng } from "../support/media.ts";

/** More than MEDIA_MAX_MB. */
const TOO_LARGE_BYTES = 17_000_000;

/** What webhooks and media point to: a server on this machine that takes all, refuses, sends elsewhere, or says nothing. */
export async function startPlaces() {
  const png = makePng(1);
  const server = createServer((request, response) => {
    request.resume();
    switch (request.url) {
      case "/silent":
        return;
      case "/missing":
        return response.writeHead(404).end();
      case "/elsewhere":
        return response.writeHead(302, { Location: "/picture" }).end();
      case "/large":
        return response.writeHead(200, { "Content-Type": "image/png" }).end(Buffer.alloc(TOO_LARGE_BYTES));
      default:
        return response.writeHead(200, { "Content-Type": "image/png" }).end(png);
    }
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  return {
    webhookUrls: ["/hook", "/hook", "/missing", "/silent"].map((path) => url + path),
    mediaUrls: ["/picture", "/picture", "/picture", "/silent", "/missing", "/elsewhere", "/large"].map(
      (path) => url + path,
    ),
    close() {
      const closed = new Promise<void>((resolve) => server.close(() => resolve()));
      server.closeAllConnections();
      return closed;
    },
  };
}
