import type { CountryCode } from "libphonenumber-js/max";
import { AppError, type PairingCodeRequest } from "@whatsapp-engine/contract/api";
import { isSameNumber, toDigits } from "../people/index.ts";
import type { LiveSessions } from "../connection/index.ts";
import type { SessionService } from "./service.ts";
import type { SessionRow } from "./store.ts";

/** Longest wait for a session that is just starting; WhatsApp's own answer may take 10 s more. */
const WAIT_MS = 9_000;

export type Pairing = ReturnType<typeof createPairing>;

/** Linking by a code that is typed in on the phone, instead of by a QR. */
export function createPairing({
  live,
  sessions,
  defaultCountry,
}: {
  live: LiveSessions;
  sessions: Pick<SessionService, "reachable">;
  defaultCountry: CountryCode;
}) {
  function numberFor({ id, expectedPhoneNumber }: SessionRow, input: PairingCodeRequest): string {
    if (input.phoneNumber === undefined) {
      if (expectedPhoneNumber !== null) return expectedPhoneNumber;
      throw new AppError("invalid_request", "The request's body is not valid.", {
        details: [{ field: "phoneNumber", message: "is needed: the session was created without one" }],
      });
    }
    const digits = toDigits(input.phoneNumber, "phoneNumber", defaultCountry);
    if (expectedPhoneNumber === null || isSameNumber(digits, expectedPhoneNumber)) return digits;
    throw new AppError("session_conflict", `Session '${id}' exists for another phone number.`);
  }

  function notAvailable({ id, status, reason, desired }: SessionRow): AppError {
    const next =
      desired !== "running"
        ? `POST /sessions/${id}/start starts it again`
        : status === "connected" || status === "authenticated"
          ? "it is linked already"
          : "call again in a moment";
    const message = `Session '${id}' is ${status}${reason ? ` (${reason})` : ""}, and no account can be linked to it now; ${next}.`;
    return new AppError("pairing_not_available", message, { extra: { status, reason } });
  }

  return {
    /**
     * A code for the account of the number, waiting for the session to start if it does. Throws `pairing_not_available`
     * with the status, `pairing_refused`, `outcome_unknown`, `session_conflict`, `invalid_phone_number`.
     */
    async code(
      sessionId: string,
      input: PairingCodeRequest,
      signal: AbortSignal,
    ): Promise<{ code: string; expiresAt: string }> {
      const phoneNumber = numberFor(sessions.reachable(sessionId), input);
      const client = await live.waitFor(
        sessionId,
        () => {
          const { status, desired } = sessions.reachable(sessionId);
          if (status === "qr_ready") return live.get(sessionId)?.client;
          const never = status === "connected" || status === "authenticated" || desired !== "running";
          return never ? null : undefined;
        },
        { timeoutMs: WAIT_MS, signal },
      );
      const result = await client?.pairingCode(phoneNumber);
      if (!result) throw notAvailable(sessions.reachable(sessionId));
      switch (result.outcome) {
        case "code":
          return { code: result.code, expiresAt: result.expiresAt };
        case "refused":
          throw new AppError("pairing_refused", `WhatsApp gives no code: ${result.detail}`);
        case "unknown":
          throw new AppError(
            "outcome_unknown",
            "WhatsApp did not give a code in time; call again in a moment, the newest code is the one that counts.",
          );
      }
    },
  };
}
