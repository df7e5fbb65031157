import type { PageWindow } from "./window.ts";

declare const window: PageWindow;

/**
 * Keeps by which code WhatsApp's server refused a message: the page itself drops it. Adds to `window.engine` what is known
 * of a refusal.
 */
export const noteRefusals = (keptMost: number, restricted: number, limitReached: number): void => {
  const engine = window.engine!;
  const codes = new Map<string, number>();

  /** A module that is gone costs the reason, not the message. */
  const attempt = <T>(read: () => T): T | null => {
    try {
      return read();
    } catch {
      return null;
    }
  };

  attempt(() => {
    const job = window.require("WAWebSendMsgJob");
    const original = job.encryptAndSendMsg;
    job.encryptAndSendMsg = async (record, ...rest) => {
      const answer = await original.call(job, record, ...rest);
      const code = Number(answer?.error ?? undefined);
      const shortId = record.data?.id?.id;
      if (Number.isInteger(code) && shortId !== undefined) {
        codes.set(shortId, code);
        if (codes.size > keptMost) codes.delete(codes.keys().next().value!);
      }
      return answer;
    };
  });

  const lock = () =>
    attempt(() => {
      const { REACHOUT_TIMELOCK_IDB_KEY } = window.require("WAWebReachoutTimelockUtils");
      return window.require("WAWebUserPrefsIndexedDBStorage").userPrefsIdb.get(REACHOUT_TIMELOCK_IDB_KEY);
    }) ?? null;
  const lockedUntil = () => lock()?.time_enforcement_ends ?? null;
  const cappedUntil = () => {
    const capping = attempt(() =>
      window.require("WAWebIndividualNewChatMessageCappingLimitUtils").getCappingData(),
    );
    return capping?.cycle_end_timestamp ? capping.cycle_end_timestamp * 1000 : null;
  };
  /** Of a message that was refused before this document was there. */
  const codeShown = (errorCode: unknown): number | null => {
    const { UserReachedMaxMonthlyLimitForNewMessages: reached } =
      attempt(() => window.require("WAWebErrorType").SendFailureErrorCode) ?? {};
    if (errorCode !== undefined && errorCode !== null && errorCode === reached) return limitReached;
    // What the page knows of a lock stays when that is over.
    return lock() === null || (lockedUntil() ?? Infinity) <= Date.now() ? null : restricted;
  };

  engine.refusalOf = ({ id, ack, errorCode }) => {
    if (ack !== -1) return null;
    const code = codes.get(id.id) ?? codeShown(errorCode);
    const until = code === restricted ? lockedUntil() : code === limitReached ? cappedUntil() : null;
    return { code, untilUnixMs: until };
  };
};
