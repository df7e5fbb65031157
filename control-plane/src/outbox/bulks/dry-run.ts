import type { BulkCheck } from "@whatsapp-engine/contract/api";
import type { RunnerClient } from "../../connection/index.ts";
import { otherFormOf } from "../../people/index.ts";
import type { CheckedRecipient } from "./recipients.ts";

type OnWhatsApp = BulkCheck["recipients"][number]["onWhatsApp"];

/** Numbers that are looked up at once: WhatsApp is asked as a person's page asks it, not in masses. */
const AT_ONCE = 4;
/** A caller has its answer before most time-outs; numbers not looked up by then are told as such. */
const LOOK_UP_MS = 15_000;

/** Characters of each text that are shown: enough to see that it is right. */
const MAX_SHOWN = 1_000;

/** What would become of a bulk's recipients. `runner`: null where the session is not connected, and nobody can be looked up. */
export async function dryRun(
  checked: readonly CheckedRecipient[],
  deps: {
    suppressed: (recipient: string) => boolean;
    /** Whether WhatsApp told of the account before, so that it need not be asked. */
    isKnown: (recipient: string) => boolean;
    runner: Pick<RunnerClient, "checkNumber"> | null;
  },
): Promise<BulkCheck> {
  const { runner, suppressed, isKnown } = deps;
  const recipients = checked.map(({ clientMessageId: _, body, problems, ...one }) => ({
    ...one,
    text: body?.slice(0, MAX_SHOWN).replace(/\p{Surrogate}$/u, "") ?? null,
    problems,
    suppressed: problems.length === 0 && suppressed(one.recipient!),
    onWhatsApp: "unknown" as OnWhatsApp,
  }));
  const valid = recipients.filter(({ problems }) => problems.length === 0);
  const asked = valid.filter((one) => !one.suppressed)[Symbol.iterator]();
  const deadline = performance.now() + LOOK_UP_MS;
  const work = async () => {
    for (const one of asked) {
      if (isKnown(one.recipient!)) one.onWhatsApp = "yes";
      else if (runner && performance.now() < deadline) one.onWhatsApp = await lookUp(runner, one.recipient!);
    }
  };
  await Promise.all(Array.from({ length: AT_ONCE }, work));
  const count = (answer: OnWhatsApp) =>
    valid.filter((one) => !one.suppressed && one.onWhatsApp === answer).length;
  return {
    total: recipients.length,
    valid: valid.length,
    invalid: recipients.length - valid.length,
    suppressed: valid.filter((one) => one.suppressed).length,
    notOnWhatsApp: count("no"),
    notChecked: count("unknown"),
    recipients,
  };
}

/** A number in each way in which it is written at WhatsApp. Groups and LIDs are not looked up. */
async function lookUp(runner: Pick<RunnerClient, "checkNumber">, recipient: string): Promise<OnWhatsApp> {
  if (!/^\d+$/.test(recipient)) return "unknown";
  try {
    for (const form of [recipient, otherFormOf(recipient)])
      if (form !== null && (await runner.checkNumber(form)).chatId !== null) return "yes";
    return "no";
  } catch {
    return "unknown";
  }
}
