import type { QrCode } from "@whatsapp-engine/contract/runner";

/**
 * How long WhatsApp Web shows a code: the first of a row a minute, the others 20 s (what Baileys, which speaks
 * the protocol itself, waits too). The page does not tell.
 */
const FIRST_MS = 60_000;
const NEXT_MS = 20_000;

/** Numbers the codes of one start and says until when each is good. */
export const createQrCodes = (now: () => number = Date.now) => {
  let number = 0;
  let inRow = 0;
  return {
    issue: (code: string): QrCode => {
      number += 1;
      inRow += 1;
      const issuedAt = now();
      return {
        code,
        number,
        issuedAt: new Date(issuedAt).toISOString(),
        expiresAt: new Date(issuedAt + (inRow === 1 ? FIRST_MS : NEXT_MS)).toISOString(),
      };
    },
    /** The next code is the first of a new row. */
    startRow: () => {
      inRow = 0;
    },
  };
};
