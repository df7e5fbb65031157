import { randomBytes } from "node:crypto";
import type { WebhookRow } from "./store.ts";

const SECRET_BYTES = 32;
/** How long the former secret signs too after a rotation. */
export const FORMER_SECRET_MS = 24 * 60 * 60_000;

export const makeSecret = (): string => `whsec_${randomBytes(SECRET_BYTES).toString("base64")}`;

/** The secrets that sign: the present one, and for a while the one before it. */
export function secretsOf(
  {
    secret,
    formerSecret,
    formerSecretUntil,
  }: Pick<WebhookRow, "secret" | "formerSecret" | "formerSecretUntil">,
  now: number,
): string[] {
  const both = formerSecret !== null && formerSecretUntil !== null && now < formerSecretUntil;
  return both ? [secret, formerSecret] : [secret];
}
