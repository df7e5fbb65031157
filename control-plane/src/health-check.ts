import { get } from "node:http";

/*
 * What the container's HEALTHCHECK runs, so it imports little: ends with 0 where the engine answers at the address that its
 * settings say.
 */

const TIMEOUT_MS = 4_000;

/** An engine that listens everywhere is asked at the loopback address. */
const LOOPBACK: Partial<Record<string, string>> = { "0.0.0.0": "127.0.0.1", "::": "::1" };

const { HOST, PORT } = process.env;
const host = HOST || "127.0.0.1";

const request = get(
  {
    host: LOOPBACK[host] ?? host,
    port: PORT || "3000",
    path: "/health",
    signal: AbortSignal.timeout(TIMEOUT_MS),
  },
  ({ statusCode }) => {
    // 403: it answers, and this address is not among ALLOWED_IPS.
    process.exit(statusCode === 200 || statusCode === 403 ? 0 : 1);
  },
);
request.on("error", ({ message }) => {
  process.stderr.write(`The engine does not answer at ${host}: ${message}\n`, () => process.exit(1));
});
