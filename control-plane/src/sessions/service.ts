import type { CountryCode } from "libphonenumber-js/max";
import {
  AppError,
  unlinkDetails,
  type CreateSession,
  type Session,
  type SessionLimit,
  type SessionStatus,
  type UnlinkOutcome,
  type UpdateSession,
} from "@whatsapp-engine/contract/api";
import { passStep } from "@whatsapp-engine/contract/steps";
import type { Clock } from "../lib/clock.ts";
import type { Log } from "../lib/logger.ts";
import { isSameNumber, toDigits } from "../people/index.ts";
import type { createBackoff } from "../lib/backoff.ts";
import { ageCursor, pageOf } from "../lib/paging.ts";
import type { LiveSessions } from "../connection/index.ts";
import type { Locks } from "../lib/locks.ts";
import type { SessionHooks } from "./hooks.ts";
import { startReason } from "./lifecycle.ts";
import { createQr } from "./qr.ts";
import { standing, toSession } from "./shown.ts";
import type { SessionRow, SessionStore } from "./store.ts";
import type { WarmRunnerRow } from "./warm-store.ts";

/** Of a hibernated session that is needed while there is no room. */
const WAITS_FOR_ROOM = "Messages wait, and there is no room to wake it: ";

export type SessionService = ReturnType<typeof createSessionService>;

/** The verbs of a session, as the API offers them. */
export function createSessionService(deps: {
  store: SessionStore;
  live: LiveSessions;
  locks: Locks;
  hooks: SessionHooks;
  backoff: ReturnType<typeof createBackoff>;
  /** What WhatsApp keeps its account from. */
  limitOf: (sessionId: string) => SessionLimit | null;
  defaultCountry: CountryCode;
  clock: Clock;
  log: Log;
}) {
  const { store, live, locks, hooks, log } = deps;
  const { reconciler } = hooks;

  const shown = (row: SessionRow): Session => toSession(row, deps.limitOf(row.id));

  /** A session that is being deleted is not there any more. Throws `session_not_found`. */
  function required(sessionId: string): SessionRow {
    const row = store.find(sessionId);
    if (row && row.desired !== "deleted") return row;
    throw new AppError("session_not_found", `Session not found: there is none with the id '${sessionId}'.`);
  }

  /** A session whose runner can be asked at all. Throws `runtime_unavailable` besides. */
  function reachable(sessionId: string): SessionRow {
    const row = required(sessionId);
    if (row.reason !== "runtime_unavailable") return row;
    throw new AppError(
      "runtime_unavailable",
      "The runtime does not answer; the session comes back with it.",
      {
        extra: { status: row.status, reason: row.reason },
        retryAfterSeconds: 5,
      },
    );
  }

  function sameAccount(row: SessionRow, phoneNumber: string | null): SessionRow {
    const known = row.expectedPhoneNumber ?? row.linkedPhoneNumber;
    if (phoneNumber === null || (known !== null && isSameNumber(phoneNumber, known))) return row;
    throw new AppError(
      "session_conflict",
      `Session '${row.id}' exists for ${known ? "another" : "no particular"} phone number; delete it first, or use another id.`,
    );
  }

  /** A session's first row, on a warm runner where one is ready. Throws `capacity_exceeded`. */
  function made(
    sessionId: string,
    phoneNumber: string | null,
    { name = null, hibernateAfterMinutes = null, whatsappVersionPin = null }: CreateSession,
  ): SessionRow {
    // A warm runner has opened what is good for all.
    const pinned = hooks.pinOf({ whatsappVersionPin }) !== null;
    hooks.admission.check({ takesOver: !pinned && hooks.warmRunners.hasReady() });
    const make = (warm: WarmRunnerRow | null) =>
      store.create(sessionId, phoneNumber, { name, hibernateAfterMinutes, whatsappVersionPin, warm });
    const row = pinned ? make(null) : hooks.warmRunners.claim(sessionId, make);
    passStep("session.committed", { sessionId });
    log.info({ sessionId }, "session created");
    return row;
  }

  /** Throws `capacity_exceeded`. */
  function startedAnew(row: SessionRow, options?: { isVisit?: boolean }): SessionRow {
    if (row.desired !== "running") hooks.admission.check();
    return started(row, options);
  }

  /** Wanted to run, by a runner that is started now; the caller asks for the pass. */
  function started(row: SessionRow, { isVisit = false } = {}): SessionRow {
    deps.backoff.reset(row.id);
    const after = store.transition(row, {
      status: "connecting",
      reason: startReason(row),
      desired: "running",
      isVisit,
      // The runner of before may still be there for a moment; it has nothing more to say.
      runnerId: null,
    });
    passStep("session.start_committed", { sessionId: row.id });
    log.info({ sessionId: row.id }, "session started again");
    live.notify(row.id);
    return after;
  }

  /** Wanted to run again, if it had ended. */
  const restarted = (row: SessionRow) => (row.desired === "running" ? row : startedAnew(row));

  /**
   * One after the other with all else that is done to a session, once it is known that the runtime answers. Throws
   * `session_not_found`; `runtime_unavailable` with nothing touched.
   */
  async function exclusively<T>(sessionId: string, work: (row: SessionRow) => T | Promise<T>): Promise<T> {
    required(sessionId);
    await reconciler.reachable();
    return locks.run(sessionId, () => work(required(sessionId)));
  }

  return {
    reachable,
    exclusively,
    started,
    /** As the API shows it. */
    shown,

    /**
     * Makes the session and starts it; for an id that exists answers the same session, and starts it again if it
     * had ended (logged out, never scanned). Throws `session_conflict` where the phone number is another one,
     * `capacity_exceeded`, `runtime_unavailable`.
     */
    async create(input: CreateSession): Promise<{ created: boolean; session: Session }> {
      const phoneNumber = input.phoneNumber
        ? toDigits(input.phoneNumber, "phoneNumber", deps.defaultCountry)
        : null;
      // The usual repetition needs no lock, which a start may hold for a while.
      const existing = store.find(input.sessionId);
      if (existing?.desired === "running")
        return { created: false, session: shown(sameAccount(existing, phoneNumber)) };
      // Not before it is known which sessions there are: a profile of this id might be found yet.
      await reconciler.reachable();

      return locks.run(input.sessionId, async () => {
        // A deletion that was interrupted is finished first.
        if (store.find(input.sessionId)?.desired === "deleted") await reconciler.reconcile(input.sessionId);
        const found = store.find(input.sessionId);
        const row = found
          ? restarted(sameAccount(found, phoneNumber))
          : made(input.sessionId, phoneNumber, input);
        reconciler.request(row.id);
        return { created: !found, session: shown(row) };
      });
    },

    get: (sessionId: string): Session => shown(required(sessionId)),

    /** A page in order of creation. Throws `invalid_cursor`. */
    list({
      status,
      ...page
    }: {
      status?: SessionStatus | undefined;
      limit: number;
      cursor?: string | undefined;
    }) {
      const { rows, nextCursor } = pageOf(page, ageCursor, (limit, after) =>
        store.list({ status, limit, after }),
      );
      return { sessions: rows.map(shown), nextCursor };
    },

    /**
     * Logs out of WhatsApp where that can be done, removes container, profile and rows. Throws `session_not_found`;
     * `runtime_unavailable`, with nothing touched where the runtime was away, and to be called again where it went away
     * in the middle (the engine goes on by itself too).
     */
    async remove(sessionId: string): Promise<void> {
      if (!store.find(sessionId)) required(sessionId);
      await reconciler.reachable();
      await locks.run(sessionId, async () => {
        const row = store.find(sessionId) ?? required(sessionId);
        store.transition(row, { status: row.status, reason: row.reason, desired: "deleted" });
        passStep("session.delete_committed", { sessionId });
        await reconciler.reconcile(sessionId);
      });
      log.info({ sessionId }, "session deleted");
    },

    /** Starts a session that is stopped or had ended; one that runs stays as it is. Throws `capacity_exceeded`. */
    start: (sessionId: string): Promise<Session> =>
      exclusively(sessionId, (row) => {
        const session = restarted(row);
        if (session !== row) reconciler.request(sessionId);
        return shown(session);
      }),

    /**
     * Starts a session that does not run, whatever stopped it, and one that is down for now at once; leaves alone one that
     * runs or is on its way. The login stays. Throws `capacity_exceeded`.
     */
    reconnect: (sessionId: string): Promise<Session> =>
      exclusively(sessionId, (row) => {
        const isDown = row.desired !== "running" || row.status === "disconnected";
        if (!isDown) return shown(row);
        const session = startedAnew(row);
        reconciler.request(sessionId);
        return shown(session);
      }),

    /** Ends the runner in order and starts another on the same profile, at once whatever failed before. */
    restart: (sessionId: string): Promise<Session> =>
      exclusively(sessionId, (row) => {
        const session = startedAnew(row);
        reconciler.request(sessionId);
        return shown(session);
      }),

    /** The same for a session that is to run and of which `wanted` still says so, once it is its turn. */
    restartIf: (sessionId: string, wanted: () => boolean): Promise<void> =>
      exclusively(sessionId, (row) => {
        if (row.desired !== "running" || !wanted()) return;
        started(row);
        reconciler.request(sessionId);
      }),

    /**
     * Ends the runner in order, and keeps it so until a start; resolves when nothing of it is left. One that had ended keeps
     * its reason. Throws `runtime_unavailable` also where the runtime went away in the middle; the engine goes on by itself.
     */
    stop: (sessionId: string): Promise<Session> =>
      exclusively(sessionId, async (row) => {
        if (row.desired !== "stopped") {
          store.transition(row, { status: "disconnected", reason: "stopped", desired: "stopped" });
          passStep("session.stop_committed", { sessionId });
          log.info({ sessionId }, "session stopped");
          live.notify(sessionId);
        }
        await reconciler.reconcile(sessionId);
        return shown(required(sessionId));
      }),

    /**
     * Ends the runner of a connected session in order until the session is needed again; resolves when nothing of it is left.
     * Throws `session_busy` while messages are under way or in line, `session_not_connected`.
     */
    hibernate: (sessionId: string): Promise<Session> =>
      exclusively(sessionId, async (row) => {
        if (row.desired === "asleep") return shown(row);
        if (row.status !== "connected")
          throw new AppError(
            "session_not_connected",
            `Session '${sessionId}' is ${standing(row)}; only a connected one can hibernate. POST /sessions/${sessionId}/stop ends any.`,
            { extra: { status: row.status, reason: row.reason } },
          );
        if (hooks.isNeeded(sessionId, deps.clock.now()))
          throw new AppError(
            "session_busy",
            `Session '${sessionId}' has messages in line or under way; it can hibernate when they are out.`,
            { retryAfterSeconds: 10 },
          );
        store.transition(row, { status: "disconnected", reason: "hibernated", desired: "asleep" });
        passStep("session.hibernate_committed", { sessionId });
        log.info({ sessionId }, "session hibernates");
        live.notify(sessionId);
        await live.detach(sessionId); // nothing is handed to it any more
        await reconciler.reconcile(sessionId);
        return shown(required(sessionId));
      }),

    /**
     * Starts a session that hibernates; any other stays as it is. Where there is no room it is tried again for as long as it is
     * needed, and the session says so. Waits for no lock: while it is still being closed, the pass comes after.
     * `isVisit`: it is to sleep again once it has taken in what came.
     */
    wake(sessionId: string, { isVisit = false } = {}): void {
      const row = store.find(sessionId);
      if (row?.desired !== "asleep") return;
      try {
        startedAnew(row, { isVisit });
        reconciler.request(sessionId);
      } catch (error) {
        if (!(error instanceof AppError) || error.code !== "capacity_exceeded") throw error;
        const { status, reason } = row;
        const detail = WAITS_FOR_ROOM + error.message;
        if (row.waitsFor !== "room") log.warn({ sessionId, detail }, "no room to wake a session");
        store.transition(row, { status, reason, detail, waitsFor: "room" });
      }
    },

    /** What a hibernated session was to be woken for is not there any more, nor is the note that there was no room. */
    letSleep(sessionId: string): void {
      const row = store.find(sessionId);
      if (row?.desired === "asleep") store.transition(row, { status: row.status, reason: row.reason });
    },

    /** A pin counts from the next start, which comes at once for a session that waits to be tried again. */
    update(sessionId: string, change: UpdateSession): Session {
      const row = store.configure(required(sessionId), change);
      if (change.whatsappVersionPin !== undefined && row.reason === "start_failed" && row.runnerId === null) {
        deps.backoff.reset(sessionId);
        reconciler.request(sessionId);
      }
      return shown(row);
    },

    /**
     * Unlinks the account where WhatsApp answers, deletes the login, and ends the session. Throws `runner_unavailable` where
     * it is not known what was done; then the session is as it was, or as its runner tells.
     */
    logout: (sessionId: string): Promise<{ session: Session; unlinked: UnlinkOutcome }> =>
      exclusively(sessionId, async (row) => {
        // On disk before it is asked: its runner may tell that it is logged out, and be gone before it answers.
        const asked =
          row.reason === "logged_out"
            ? row
            : store.transition(row, {
                status: row.status,
                reason: row.reason,
                detail: row.detail,
                waitsFor: row.waitsFor,
                unlinkOutcome: "unknown",
              });
        try {
          const unlinked = await hooks.logOut(asked);
          passStep("runner.logged_out", { sessionId });
          const before = required(sessionId);
          // What an earlier logout could not do stays to be read.
          const again = row.reason === "logged_out" && unlinked === "not_linked";
          const after = store.transition(before, {
            status: "disconnected",
            reason: "logged_out",
            detail: again ? before.detail : unlinkDetails[unlinked],
            unlinkOutcome: again ? row.unlinkOutcome : unlinked,
            desired: "stopped",
            linkedPhoneNumber: null,
          });
          passStep("session.logout_committed", { sessionId });
          log.info({ sessionId, unlinked }, "session logged out");
          live.notify(sessionId);
          return { session: shown(after), unlinked };
        } finally {
          reconciler.request(sessionId);
        }
      }),

    qr: createQr({ live, required, shown }),
  };
}
