import { Agent, request } from "node:http";
import type { Made } from "./requests.ts";

export type Told = {
  status: number;
  type: string;
  bytes: Buffer;
  /** From the request's begin to the answer's, without what this process was held up meanwhile. */
  afterMs: number;
};

/** How often it is looked whether this process itself was held up, for which no engine can be blamed. */
const LAG_EVERY_MS = 20;
/** Of a stream no more is read. */
const STREAM_MS = 100;
/** After which there will be no answer. */
const NEVER_MS = 120_000;

/** Makes one call; null where the caller was gone before the answer. */
export function createCalls(baseUrl: string) {
  const agent = new Agent({ keepAlive: true });
  let lagMs = 0;
  let looked = performance.now();
  const look = () => {
    const now = performance.now();
    lagMs += Math.max(0, now - looked - LAG_EVERY_MS);
    looked = now;
    return lagMs;
  };
  const looks = setInterval(look, LAG_EVERY_MS);
  const { hostname, port } = new URL(baseUrl);

  const call = ({ method, path, headers, bytes, isInPieces, goneAfterMs }: Made): Promise<Told | null> =>
    new Promise((resolve, reject) => {
      const [begun, lagBefore] = [performance.now(), look()];
      // Node's own client sends no body with a TRACE.
      const body = method === "TRACE" ? undefined : bytes;
      const framed: Record<string, string> = isInPieces
        ? { "Transfer-Encoding": "chunked" }
        : { "Content-Length": String(body?.length) };
      const outgoing = request({
        method,
        path,
        host: hostname,
        port,
        agent,
        headers: { ...headers, ...(body && framed) },
      });
      const gone = () => {
        outgoing.destroy();
        resolve(null);
      };
      const leaves = setTimeout(gone, goneAfterMs ?? NEVER_MS);
      outgoing.on("response", (incoming) => {
        const afterMs = performance.now() - begun - (look() - lagBefore);
        const { statusCode: status = 0, headers: told } = incoming;
        const type = told["content-type"]?.split(";")[0] ?? "";
        const chunks: Buffer[] = [];
        const end = () => {
          clearTimeout(leaves);
          resolve({ status, type, bytes: Buffer.concat(chunks), afterMs });
        };
        incoming.on("data", (chunk: Buffer) => chunks.push(chunk));
        incoming.on("end", end);
        incoming.on("error", (error) => (goneAfterMs === null ? reject(error) : gone()));
        if (type === "text/event-stream")
          setTimeout(() => {
            end();
            outgoing.destroy();
          }, STREAM_MS);
      });
      outgoing.on("error", (error) => {
        clearTimeout(leaves);
        if (goneAfterMs === null) reject(error);
        else resolve(null);
      });
      const half = isInPieces || goneAfterMs !== null ? body?.subarray(0, body.length / 2) : undefined;
      if (half) outgoing.write(half);
      // Half of a body is all that some have sent when they leave.
      if (half && goneAfterMs !== null && goneAfterMs % 2 === 0) return;
      outgoing.end(body?.subarray(half?.length ?? 0));
    });

  return {
    call,
    close() {
      clearInterval(looks);
      agent.destroy();
    },
  };
}
