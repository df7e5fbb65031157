import type { WireLimits } from "../wire.ts";

/** As WhatsApp Web names an error of this kind on a message. */
export const SendFailureErrorCode = { UserReachedMaxMonthlyLimitForNewMessages: 1 };
const LOCK = "WAReachoutTimelockState";

/** What WhatsApp Web keeps of what the account may not do. */
export const createLimits = () => {
  let { lockedUntil, cappedUntil }: WireLimits = { lockedUntil: null, cappedUntil: null };
  const lock = () =>
    lockedUntil === null
      ? undefined
      : { state: "HIDDEN", enforcement_type: "DEFAULT", time_enforcement_ends: lockedUntil };
  const userPrefsIdb = { get: (key: string) => (key === LOCK ? lock() : undefined) };

  return {
    set: (limits: WireLimits): void => {
      ({ lockedUntil, cappedUntil } = limits);
    },
    modules: {
      WAWebErrorType: { SendFailureErrorCode },
      WAWebUserPrefsIndexedDBStorage: { userPrefsIdb },
      WAWebReachoutTimelockUtils: {
        REACHOUT_TIMELOCK_IDB_KEY: LOCK,
        isUserReachoutTimelocked: () => lock() !== undefined,
      },
      WAWebIndividualNewChatMessageCappingLimitUtils: {
        getCappingData: () =>
          cappedUntil === null ? undefined : { capping_status: "CAPPED", cycle_end_timestamp: cappedUntil },
      },
    },
  };
};
