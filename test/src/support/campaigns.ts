import type { Answer } from "./api.ts";
import { takenBy } from "./session.ts";
import type { Stage } from "./stage.ts";
import { until } from "./until.ts";

/** Campaigns of one session, `s`, of this account. */
export const ACCOUNT = "6281234567890";
const BULK = "POST /sessions/s/messages/bulk";

export const createCampaigns = (stage: () => Stage, firstNumber: number) => {
  let last = firstNumber;
  return {
    /** Somebody who had no message yet. */
    number: () => `62812${last++}`,
    call: (what: string, body?: unknown) => stage().engine.api(what, body),
    bulk: (fields: object) => stage().engine.api(BULK, fields),

    async bulkByForm(parts: Record<string, string | File>): Promise<Answer> {
      const form = new FormData();
      for (const [name, value] of Object.entries(parts)) form.append(name, value);
      const request = new Request("http://form", { method: "POST", body: form });
      return stage().engine.api(BULK, Buffer.from(await request.arrayBuffer()), {
        headers: { "Content-Type": request.headers.get("Content-Type")! },
      });
    },

    /** The first message that WhatsApp took for this number. */
    messageTo: (to: string) =>
      until(`a message to ${to}`, async () => (await takenBy(stage().simulator, ACCOUNT, to))[0]),

    finished: (id: string) =>
      until("the bulk's end", async () => {
        const { body } = await stage().engine.api(`GET /sessions/s/messages/bulk/${id}`);
        return body.bulk?.state === "finished" ? body.bulk : undefined;
      }),
  };
};

/** What is wrong, by field. */
export const problems = ({ body }: Answer): Record<string, string> =>
  Object.fromEntries(body.error?.details.map(({ field, message }) => [field, message]) ?? []);
