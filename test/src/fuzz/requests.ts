import type { Random } from "../chaos/random.ts";
import { createShapes, operationsOf, type Document, type Operation } from "../support/document.ts";
import { changed } from "./change-value.ts";
import { encode, type Payload } from "./encode.ts";
import type { Known } from "./known.ts";
import { meantValues, type Places } from "./meant-values.ts";
import { oddText, oddValue } from "./odd-values.ts";
import { createValidValues } from "./valid-values.ts";

export type Made = Payload & {
  operation: Operation;
  method: string;
  path: string;
  /** What stands in its path, by name. */
  ids: Record<string, string>;
  /** Its length is not said before; it comes in several pieces. */
  isInPieces: boolean;
  /** The caller is gone after so long; null: it waits. */
  goneAfterMs: number | null;
  /** Seconds that it asks to wait, by its query. */
  waitSeconds: number;
};

/** What ends, stops or changes a session, or takes a browser's start. */
const ON_SPARE_SESSIONS =
  /\/(create|start|stop|restart|hibernate|logout|reconnect|backup|restore|pairing-code)$|^POST \/sessions$|^(DELETE|PATCH) \/sessions\/\{sessionId\}$|^PUT .*\/pace$/;
const SENDS = /^POST .*\/(send|send-simple|send-media|bulk)$/;
const MAKES_WEBHOOKS = "POST /webhooks";
const METHODS = ["GET", "POST", "PUT", "PATCH", "DELETE", "HEAD", "OPTIONS", "TRACE", "PROPFIND"];
/** Node takes 16 KiB of a line and its headers. */
const LONGEST_IN_PATH = 3_000;

export type Sessions = {
  /** They are sent through, and stay. */
  linked: readonly string[];
  /** They are there to be started, stopped and deleted. */
  spare: readonly string[];
  /** How many calls may be made on those. */
  spareCalls: number;
  /** How many webhooks may be made, each of which is told of all that happens. */
  webhooks: number;
};

/** Makes requests of a document: about half as it says they should be, the others not. */
export function createRequests(document: Document, known: Known, sessions: Sessions, places: Places) {
  const shapes = createShapes(document);
  const operations = operationsOf(document).filter(({ path }) => path !== "/openapi.json");
  const sending = operations.filter(({ method, path }) => SENDS.test(`${method} ${path}`));
  let { spareCalls, webhooks } = sessions;
  const meant = meantValues(known, sessions, places);
  const values = createValidValues(shapes, meant);

  function operationFor(random: Random): Operation {
    const operation = random.pick(random.between(0, 4) === 0 ? sending : operations);
    const call = `${operation.method} ${operation.path}`;
    const isSpare = ON_SPARE_SESSIONS.test(call);
    if ((isSpare && spareCalls <= 0) || (call === MAKES_WEBHOOKS && webhooks <= 0))
      return operationFor(random);
    if (isSpare) spareCalls -= 1;
    if (call === MAKES_WEBHOOKS) webhooks -= 1;
    return operation;
  }

  /** Those that the path does not have: a session that stays is not to be deleted so. */
  const otherMethods = ({ path }: Operation) =>
    METHODS.filter((method) => !operations.some((one) => one.path === path && one.method === method));

  function idsFor({ method, path, parameters }: Operation, random: Random): Record<string, string> {
    const names = parameters.filter((one) => one.in === "path").map(({ name }) => name);
    const session = ON_SPARE_SESSIONS.test(`${method} ${path}`)
      ? random.pick(sessions.spare)
      : random.pick([
          ...sessions.linked,
          ...sessions.linked,
          ...sessions.linked,
          random.pick(sessions.spare),
          "nobody",
        ]);
    const together = names.some((name) => name !== "sessionId") ? known.pick(random, names) : undefined;
    return Object.fromEntries(
      names.map((name) => {
        if (random.between(0, 29) === 0)
          return [name, oddText(random).slice(0, LONGEST_IN_PATH).toWellFormed() || "x"];
        const found = together !== undefined && random.between(0, 9) < 8 ? together[name] : undefined;
        return [name, found ?? (name === "sessionId" ? session : String(meant(name, random) ?? "unknown"))];
      }),
    );
  }

  function queryFor({ parameters }: Operation, random: Random): URLSearchParams {
    const query = new URLSearchParams();
    for (const { name, schema } of parameters.filter((one) => one.in === "query")) {
      if (random.between(0, 1) === 0) continue;
      const value = random.between(0, 4) === 0 ? oddValue(random) : values.value(schema, random, name);
      const text = typeof value === "string" ? value : String(JSON.stringify(value));
      query.append(name, text.slice(0, LONGEST_IN_PATH / 3));
      if (random.between(0, 19) === 0) query.append(name, "1");
    }
    if (random.between(0, 29) === 0) query.append(random.pick(["x", "__proto__", "limit[]"]), "1");
    return query;
  }

  function headersFor({ parameters }: Operation, random: Random): Record<string, string> {
    const headers: Record<string, string> = { "X-API-Key": places.apiKey };
    const put = (name: string, text: string) =>
      (headers[name] = text.replaceAll(/[^\t\x20-\x7e\x80-\xff]/g, "?"));
    for (const { name, schema } of parameters.filter((one) => one.in === "header"))
      if (random.between(0, 3) === 0) put(name, String(values.value(schema, random, name)));
    const names = [
      "Accept",
      "Accept-Encoding",
      "Last-Event-ID",
      "Range",
      "X-Forwarded-For",
      "X-Request-Id",
      "Prefer",
      "Idempotency-Key",
    ];
    if (random.between(0, 9) === 0) put(random.pick(names), oddText(random).slice(0, LONGEST_IN_PATH));
    if (random.between(0, 9) === 0)
      put("Accept", random.pick(["text/event-stream", "image/png", "image/svg+xml", "text/plain", "*/*"]));
    if (random.between(0, 199) === 0) put("X-API-Key", random.pick(["", "wrong", "x".repeat(5_000)]));
    return headers;
  }

  function bodyOf(operation: Operation, random: Random): Payload {
    const types = Object.keys(operation.bodies);
    if (types.length === 0)
      return random.between(0, 19) === 0
        ? encode("application/json", oddValue(random), random)
        : { headers: {} };
    const type = types.length > 1 && random.between(0, 4) > 0 ? types[0]! : random.pick(types);
    let value = values.value(operation.bodies[type]!, random, `${operation.method} ${operation.path}`);
    for (let n = random.pick([0, 0, 0, 0, 1, 1, 1, 2, 4]); n > 0; n--) value = changed(value, random);
    return encode(type, value, random);
  }

  return {
    next(random: Random): Made {
      const operation = operationFor(random);
      const ids = idsFor(operation, random);
      const path = operation.path.replaceAll(/\{(\w+)\}/g, (_, name: string) =>
        encodeURIComponent(ids[name]!),
      );
      const query = queryFor(operation, random);
      const { bytes, headers } = bodyOf(operation, random);
      const wait = operation.parameters.find(({ name }) => name === "wait");
      return {
        operation,
        method: random.between(0, 39) === 0 ? random.pick(otherMethods(operation)) : operation.method,
        path: query.size > 0 ? `${path}?${query.toString()}` : path,
        ids,
        headers: { ...headersFor(operation, random), ...headers },
        ...(bytes && { bytes }),
        isInPieces: random.between(0, 9) === 0,
        goneAfterMs: random.between(0, 19) === 0 ? random.between(0, 60) : null,
        waitSeconds: wait ? Number(query.get("wait") ?? wait.schema.default) || 0 : 0,
      };
    },
  };
}
