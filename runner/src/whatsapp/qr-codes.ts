import type { QrCode } from "@whatsapp-engine/contract/runner";

/**
 * How long WhatsApp Web shows a code: the first of a row a minute, the others 20 s (what Baileys, which speaks
 * the protocol itself, waits too). The page does not tell.
 */
const FIRST_MS = 60_000;
const NEXT_MS = 20_000;

/** How many codes there were, since the start and in this row. */
export type QrCodes = { number: number; inRow: number };
export const noCodes: QrCodes = { number: 0, inRow: 0 };

/** Numbers a code, and says until when it is good. `now`: milliseconds since 1970. */
export const issueCode = ({ number, inRow }: QrCodes, code: string, now: number): [QrCodes, QrCode] => [
  { number: number + 1, inRow: inRow + 1 },
  {
    code,
    number: number + 1,
    issuedAt: new Date(now).toISOString(),
    expiresAt: new Date(now + (inRow === 0 ? FIRST_MS : NEXT_MS)).toISOString(),
  },
];

/** The next code is the first of a new row. */
export const newRow = (codes: QrCodes): QrCodes => ({ ...codes, inRow: 0 });
