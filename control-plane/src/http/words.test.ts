import { expect, it } from "vitest";
import { bareApp } from "./test-support/bare-app.ts";

const call = bareApp();
const A_NAME = "y".repeat(5_000);
const IN_JSON_INEXACT = "write the number as a text: as a JSON number it is not exact";
const TYPES = "must be one of text, image, document, audio, voice, video, sticker, location, contact, poll";
const A_TIME = "must be a time with its zone, such as 2030-01-31T09:00:00+07:00 or 2030-01-31T02:00:00Z";

type Problems = Record<string, string | string[]>;

async function problemsOf(what: string, body?: unknown, headers?: Record<string, string>): Promise<Problems> {
  const answer = await call(what, body, headers);
  expect(answer.status, JSON.stringify(answer.body)).toBe(400);
  const found = new Map<string, string[]>();
  for (const { field, message } of answer.body.error.details)
    found.set(field, [...(found.get(field) ?? []), message]);
  return Object.fromEntries(
    [...found].map(([field, texts]) => [field, texts.length === 1 ? texts[0]! : texts]),
  );
}

const bodies: [what: string, call: string, body: unknown, problems: Problems][] = [
  ["a list", "POST /sessions", [], { body: "must be a JSON object, not a list" }],
  ["null", "POST /sessions", "null", { body: "must be a JSON object, not null" }],
  ["a text", "POST /sessions", '"x"', { body: "must be a JSON object, not a text" }],
  ["a list to send", "POST /sessions/a/send", "[]", { body: "must be a JSON object, not a list" }],
  [
    "a number where the body may be left out",
    "POST /sessions/a/pairing-code",
    "7",
    { body: "must be a JSON object, not a number" },
  ],
  ["nothing that is needed", "POST /sessions", {}, { sessionId: "is missing" }],
  [
    "wrong types",
    "POST /sessions",
    { sessionId: 5, name: false, hibernateAfterMinutes: "x", whatsappVersionPin: [], phoneNumber: true },
    {
      sessionId: "must be a text, not a number",
      name: "must be a text, not false",
      hibernateAfterMinutes: "must be a whole number from 0 to 10080, not a text",
      whatsappVersionPin: "must be a text, not a list",
      phoneNumber: "must be a text or a number, not true",
    },
  ],
  [
    "what is out of range, or too long",
    "POST /sessions",
    { sessionId: "a", name: "x".repeat(300), hibernateAfterMinutes: 1e30, phoneNumber: "x".repeat(65) },
    {
      name: "must be at most 255 characters long; it has 300",
      hibernateAfterMinutes: "must be a whole number from 0 to 10080",
      phoneNumber: "must be at most 64 characters long; it has 65",
    },
  ],
  [
    "fractions",
    "POST /sessions",
    { sessionId: "a", hibernateAfterMinutes: 1.5, phoneNumber: 1.5 },
    { hibernateAfterMinutes: "must be a whole number from 0 to 10080", phoneNumber: IN_JSON_INEXACT },
  ],
  [
    "what is not known, whose name is cut",
    "POST /sessions",
    { sessionId: "a", webhook: 1, [A_NAME]: 2 },
    { webhook: "is not known", [`${"y".repeat(64)}…`]: "is not known" },
  ],
  [
    "a message of wrong parts",
    "POST /sessions/a/send",
    {
      type: "fax",
      async: "yes",
      scheduledAt: "tomorrow",
      mentions: "x",
      contacts: [],
      poll: { question: "a\nb", options: ["a"], multiple: 1 },
      location: { latitude: "x", longitude: 181 },
    },
    {
      to: "is missing",
      type: TYPES,
      async: "must be true or false, not a text",
      scheduledAt: A_TIME,
      mentions: "must be a list, not a text",
      contacts: "must not be empty",
      "poll.question": "must be one line, and not empty",
      "poll.options": "must have at least 2 entries; it has 1",
      "poll.multiple": "must be true or false, not a number",
      "location.latitude": "must be a number from -90 to 90, not a text",
      "location.longitude": "must be a number from -180 to 180",
    },
  ],
  [
    "media of wrong parts",
    "POST /sessions/a/send",
    { to: {}, media: { base64: "", headers: { host: "x", a: 5 }, x: 1 }, quotedId: "x", clientMessageId: "" },
    {
      to: "must be a text or a number, not an object",
      "media.base64": "must not be empty",
      "media.headers.host": "is not the name of a header that can be given",
      "media.headers.a": "must be a text, not a number",
      "media.x": "is not known",
      quotedId: "is not a WhatsApp id such as true_6281234567890@c.us_3EB0…",
      clientMessageId: "must not be empty",
    },
  ],
  [
    "too many recipients",
    "POST /sessions/a/messages/bulk",
    { message: "x", recipients: Array.from({ length: 1_001 }, () => "6281200000001") },
    { recipients: "must have at most 1000 entries; it has 1001" },
  ],
  [
    "a webhook",
    "POST /webhooks",
    { url: null, events: ["x"], secret: "x" },
    {
      url: "must be a text, not null",
      "events.0": expect.stringMatching(/^must be one of session\.created, session\.status, /),
      secret: "must be whsec_ and 24 to 64 bytes in base64",
    },
  ],
];

it.each(bodies)("a body that is wrong: %s", async (_, what, body, problems) => {
  expect(await problemsOf(what, body)).toEqual(problems);
});

it.each<[string, Problems]>([
  ["/sessions?limit=x", { limit: "must be a whole number from 1 to 200" }],
  ["/sessions?limit=", { limit: "must be a whole number from 1 to 200" }],
  ["/sessions?limit=1.5", { limit: "must be a whole number from 1 to 200" }],
  ["/sessions?limit=201", { limit: "must be a whole number from 1 to 200" }],
  ["/sessions?limit=1&limit=2", { limit: "is given more than once" }],
  [`/sessions?cursor=${"x".repeat(201)}`, { cursor: "must be at most 200 characters long; it has 201" }],
  ["/events?after=x", { after: "must be a whole number, 0 or more" }],
  ["/events?after=-1", { after: "must be 0 or more" }],
  ["/events?after=1e30", { after: "must be 9007199254740991 or less" }],
  ["/events?types=x", { types: expect.stringMatching(/^must be of session\.created, /) }],
  [
    "/sessions/a/qr?wait=99&format=gif",
    { wait: "must be a number from 0 to 20", format: "must be one of json, png, svg, text" },
  ],
  [`/sessions/a/messages/${"x".repeat(65)}`, { messageId: "must be at most 64 characters long; it has 65" }],
])("a query or a path that is wrong: GET %s", async (path, problems) => {
  expect(await problemsOf(`GET ${path}`)).toEqual(problems);
});

it("a header that is wrong goes by its name, and is no body", async () => {
  const bulk = { recipients: ["6281200000001"], message: "x" };
  const headers = { "Idempotency-Key": "\u{E9}" };
  const { body } = await call("POST /sessions/a/messages/bulk", bulk, headers);
  expect(body.error).toMatchObject({
    code: "invalid_request",
    message: "The request's headers are not valid.",
    details: [{ field: "idempotency-key", message: "must be of printable ASCII" }],
  });
});

it("a path says that the session id is wrong only where it is", async () => {
  const long = "x".repeat(65);
  const answers = [await call(`GET /sessions/a/messages/${long}`), await call(`GET /sessions/${long}/qr`)];
  expect(answers.map(({ body }) => body.error.code)).toEqual(["invalid_request", "invalid_session_id"]);
});

it("of very many mistakes the first are told, and how many more there are", async () => {
  const fields = Object.fromEntries(Array.from({ length: 1_500 }, (_, index) => [`x${index}`, 1]));
  const { body } = await call("POST /sessions", fields);
  expect(body.error.details).toHaveLength(51);
  expect(body.error.details.at(-1)).toEqual({
    field: "body",
    message: "has 1451 more problems, which are not listed",
  });
});
