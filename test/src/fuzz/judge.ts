import { Ajv2020, type ValidateFunction } from "ajv/dist/2020.js";
import type { Document } from "../support/document.ts";
import type { Told } from "./call.ts";
import type { Made } from "./requests.ts";

/** What any call may take on a machine that has other work too. */
const ANY_MS = 5_000;
/** What waits for its turn to be read, and how long. */
const [LARGE_BYTES, LARGE_MS] = [64 * 1024, 10_000];
/**
 * How long calls wait for WhatsApp or a browser, as the engine's own limits are: `connection/client.ts`, `app.ts` and, of a media URL and a
 * send, the settings of the fuzzer's engine.
 */
export const SEND_SECONDS = 5;
export const FETCH_SECONDS = 2;
const WAITS: readonly [RegExp, number][] = [
  [/\/(send|send-simple|send-media)$/, SEND_SECONDS],
  [/\/bulk$/, 10 + FETCH_SECONDS],
  [/\/(backup|restore)$/, 60],
  [/\/(start|stop|restart|hibernate|logout|reconnect)$|^DELETE \/sessions\/\{sessionId\}$/, 40],
  [/\/(reaction|screenshot|pairing-code)$|^(PATCH|DELETE) .*\{messageId\}$|\/contacts\/\{number\}$/, 12],
  [/\/messages\/\{messageId\}\/media$/, 19],
  [/\/(contacts|groups|all-contacts)$/, 55],
  [/\/webhooks\/\{webhookId\}\/test$/, 15],
];
/** A line with its headers that is too long is refused by Node itself, without a word. */
const BY_NODE = [400, 431];

export function createJudge(document: Document) {
  const ajv = new Ajv2020({ strict: false, validateFormats: false, unicodeRegExp: false });
  ajv.addSchema(document, "api");
  const compiled = new Map<string, ValidateFunction>();
  const pointer = (...parts: string[]) =>
    `api#/${parts.map((one) => encodeURIComponent(one.replaceAll("~", "~0").replaceAll("/", "~1"))).join("/")}`;
  function validatorAt(ref: string): ValidateFunction {
    const found = compiled.get(ref) ?? ajv.compile({ $ref: ref });
    compiled.set(ref, found);
    return found;
  }

  function wrongOf(
    { operation, method, waitSeconds, bytes }: Made,
    { status, type, bytes: answer, afterMs }: Told,
  ): string[] {
    const name = `${operation.method} ${operation.path}`;
    const isOwn = method === operation.method;
    const found: string[] = [];
    const waitMs =
      Math.max(waitSeconds, ...WAITS.map(([of, seconds]) => (of.test(name) ? seconds : 0))) * 1_000;
    const most = ANY_MS + waitMs + ((bytes?.length ?? 0) > LARGE_BYTES ? LARGE_MS : 0);
    if (afterMs > most) found.push(`took ${Math.round(afterMs)} ms, ${most} at the most`);
    if (status >= 500 && status !== 503) found.push("a status of the engine's own fault");
    if (method === "HEAD" || (BY_NODE.includes(status) && answer.length === 0)) return found;

    const stated = isOwn ? operation.responses[status] : undefined;
    const refusal = status >= 400;
    if (refusal && type === "application/json") {
      const isError = validatorAt(pointer("components", "schemas", "Error"));
      const text = answer.toString();
      const body: unknown = JSON.parse(text);
      if (!isError(body))
        return [...found, `no refusal as the document has it: ${ajv.errorsText(isError.errors)}`];
      const { code } = (body as { error: { code: string } }).error;
      const isNowhere = code === "not_found";
      if (isOwn && !isNowhere && !stated?.description.split(", ").includes(code))
        found.push(`the document does not say ${code}`);
      if (!isOwn && status >= 500) found.push("another method is refused so");
      return found;
    }
    if (!isOwn) return found;
    if (!stated) return [...found, "the document does not say this status"];
    if ((stated.content?.[type] ?? stated.content?.["*/*"]) === undefined)
      return [...found, `the document does not say the type '${type}'`];
    if (type !== "application/json") return found;
    const fits = validatorAt(
      pointer(
        "paths",
        operation.path,
        operation.method.toLowerCase(),
        "responses",
        String(status),
        "content",
        type,
        "schema",
      ),
    );
    if (!fits(JSON.parse(answer.toString())))
      found.push(`not as the document has it: ${ajv.errorsText(fits.errors)}`);
    return found;
  }

  return {
    /** What is wrong with an answer, each in a sentence; those of one kind have the same cause, as far as can be told. */
    judge(made: Made, told: Told): { kind: string; text: string }[] {
      const { operation, method, path, bytes, headers } = made;
      const body = JSON.stringify(bytes?.subarray(0, 600).toString() ?? "");
      return wrongOf(made, told).map((what) => ({
        kind: `${operation.method} ${operation.path} ${told.status} ${what.replaceAll(/\d+/g, "")}`,
        text: `${method} ${operation.path}: ${told.status}, ${what}; asked ${path.slice(0, 300)}, ${body} with ${JSON.stringify(headers).slice(0, 400)}, told ${told.bytes.toString().slice(0, 600)}`,
      }));
    },
  };
}
