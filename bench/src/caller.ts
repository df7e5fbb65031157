import { Pool } from "undici";
import type { Engine } from "@whatsapp-engine/test/support/engine.js";

type Answer = Record<string, unknown>;
export type Caller = ReturnType<typeof createCaller>;

/**
 * A caller as an application is one: keep-alive, JSON. A bare connection pool instead of `fetch`, whose web streams cost
 * the caller as much as the server. Fails on every answer that is not the expected one.
 */
export const createCaller = (origin: string, headers: Record<string, string>) => {
  const pool = new Pool(origin);
  return async function call(
    method: "GET" | "POST" | "DELETE",
    path: string,
    expected: number,
    body?: unknown,
  ): Promise<Answer> {
    const response = await pool.request({
      method,
      path,
      headers: { ...headers, "Content-Type": "application/json" },
      ...(body === undefined ? {} : { body: Buffer.isBuffer(body) ? body : JSON.stringify(body) }),
    });
    const answer = (await response.body.json()) as Answer;
    if (response.statusCode !== expected)
      throw new Error(`${method} ${path}: ${response.statusCode} ${JSON.stringify(answer)}`);
    return answer;
  };
};

export const callerOf = ({ url, apiKey }: Engine): Caller => createCaller(url, { "X-API-Key": apiKey });
