import { createServer } from "node:https";
import type { IncomingMessage, ServerResponse } from "node:http";
import { buffer } from "node:stream/consumers";
import type { AddressInfo } from "node:net";
import { WebSocketServer, type WebSocket } from "ws";
import type { Certificate } from "./certificate.ts";
import { bundlePage, pageHtml } from "./page-html.ts";
import { isBuild, newestBuild, played, type Build } from "./builds.ts";
import type { Answer, Call, Push } from "./wire.ts";
import type { World } from "./world.ts";

type Where = { host: string; port: number; certificate: Certificate };

/** What Chromium sees as `https://web.whatsapp.com`: the page, its WebSocket and its media. */
export const startWebServer = async (world: World, { host, port, certificate }: Where) => {
  const script = await bundlePage();
  const sockets = new WebSocketServer({ noServer: true, maxPayload: 64 * 1024 * 1024 });

  const upload = async (request: IncomingMessage, response: ServerResponse) => {
    const bytes = await buffer(request);
    if (world.settings.uploadsFail) return response.writeHead(507).end();
    const directPath = world.media.put(bytes, request.headers["content-type"] ?? "");
    return response
      .writeHead(200, { "content-type": "application/json" })
      .end(JSON.stringify({ directPath }));
  };

  const respond = async (request: IncomingMessage, response: ServerResponse) => {
    const { pathname } = new URL(request.url ?? "/", "https://web.whatsapp.com");
    if (request.method === "POST" && pathname === "/mms/upload") return upload(request, response);
    const file = world.media.get(pathname);
    if (file) return response.writeHead(200, { "content-type": "application/octet-stream" }).end(file.bytes);
    if (pathname !== "/") return response.writeHead(404).end();
    const { build, version } = world.settings;
    const { version: known, ways } = played[build];
    const config = { build, version: version ?? known, ways: { ...ways, ...world.settings.ways } };
    const html = pageHtml(config, script);
    return response.writeHead(200, { "content-type": "text/html", "cache-control": "no-store" }).end(html);
  };

  const serve = (socket: WebSocket, build: Build, version: string) => {
    const say = (what: Answer | Push) => socket.send(JSON.stringify(what));
    const page = world.connectPage(build, version, say);
    const answer = async ({ id, call, input }: Call): Promise<Answer> => {
      try {
        return { answer: id, output: await page.handlers[call](input as never) };
      } catch (error) {
        return { answer: id, error: error instanceof Error ? error.message : String(error) };
      }
    };
    socket.on("message", (data) => void answer(JSON.parse(String(data)) as Call).then(say));
    socket.on("close", page.close);
    socket.on("error", () => socket.terminate());
  };

  const server = createServer({ key: certificate.key, cert: certificate.cert }, (request, response) => {
    respond(request, response).catch(() => response.destroy());
  });
  server.on("upgrade", (request, stream, head) => {
    const { searchParams } = new URL(request.url ?? "/", "https://web.whatsapp.com");
    const [build, version] = [searchParams.get("build"), searchParams.get("version")];
    sockets.handleUpgrade(request, stream, head, (socket) =>
      serve(socket, isBuild(build) ? build : newestBuild, version ?? ""),
    );
  });
  await new Promise<void>((resolve, reject) => server.once("error", reject).listen(port, host, resolve));

  return {
    port: (server.address() as AddressInfo).port,
    close: async () => {
      for (const socket of sockets.clients) socket.terminate();
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
    },
  };
};
