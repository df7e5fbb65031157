import { createServer, type IncomingHttpHeaders, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { Webhook } from "standardwebhooks";
import type { Event } from "@whatsapp-engine/contract/api";

export type Received = { id: string; event: Event; headers: IncomingHttpHeaders; body: string };

/** An application that webhooks are sent to, on this machine. */
export type Receiver = {
  readonly url: string;
  readonly calls: Received[];
  /** What becomes of each call from now on: a status, or no answer at all. */
  answer: number | "hang" | ((call: Received, response: ServerResponse) => void);
  /** What came of a session, in the order it came. */
  of(sessionId: string): Event[];
  close(): Promise<void>;
};

export async function startReceiver({ port = 0 } = {}): Promise<Receiver> {
  const calls: Received[] = [];
  const server = createServer((request, response) => {
    let body = "";
    request.setEncoding("utf8").on("data", (chunk: string) => (body += chunk));
    request.on("end", () => {
      const { headers } = request;
      const call = { id: String(headers["webhook-id"]), event: JSON.parse(body) as Event, headers, body };
      calls.push(call);
      const { answer } = receiver;
      if (typeof answer === "function") answer(call, response);
      else if (answer !== "hang") response.writeHead(answer).end(`said ${answer}`);
    });
  });
  await new Promise<void>((resolve) => server.listen(port, "127.0.0.1", resolve));
  const receiver: Receiver = {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}/hook`,
    calls,
    answer: 200,
    of: (sessionId) => calls.map(({ event }) => event).filter((event) => event.sessionId === sessionId),
    close() {
      const closed = new Promise<void>((resolve) => server.close(() => resolve()));
      server.closeAllConnections();
      return closed;
    },
  };
  return receiver;
}

/** Throws unless the call is signed with the secret, by the library that receivers use. */
export const verify = ({ body, headers }: Received, secret: string): Event =>
  new Webhook(secret).verify(body, headers as Record<string, string>) as Event;
