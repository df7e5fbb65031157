import { once } from "node:events";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import type { Event } from "@whatsapp-engine/contract/api";
import type { Random } from "./random.ts";

/** A webhook's receiver, which now and then refuses, or breaks the connection off. */
export type Receiver = {
  readonly url: string;
  /** By event id: the `webhook-id`s that it came with. */
  readonly ids: ReadonlyMap<number, ReadonlySet<string>>;
  /** From now on it takes all. */
  behave(): void;
  close(): Promise<void>;
};

export async function startReceiver(random: Random): Promise<Receiver> {
  const ids = new Map<number, Set<string>>();
  let moody = true;
  const server = createServer((request, response) => {
    const chunks: Buffer[] = [];
    request.on("data", (chunk: Buffer) => chunks.push(chunk));
    request.on("end", () => {
      const event = JSON.parse(Buffer.concat(chunks).toString()) as Event;
      ids.set(event.id, (ids.get(event.id) ?? new Set()).add(String(request.headers["webhook-id"])));
      const mood = moody ? random.between(1, 20) : 0;
      if (mood === 1) return void request.socket.destroy();
      response.statusCode = mood === 2 ? 503 : 204;
      response.end();
    });
  });
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}/hook`,
    ids,
    behave: () => void (moody = false),
    async close() {
      server.closeAllConnections();
      server.close();
      await once(server, "close");
    },
  };
}
