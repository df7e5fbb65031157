import { channel } from "node:diagnostics_channel";

/**
 * Moments at which a process may die: on the way of a message or an event, and in the life of a session or a warm runner, each in
 * the order in which they are passed. `step-notes.ts` says what is on disk at each.
 */
export const steps = [
  "message.before_commit",
  "message.committed",
  "message.before_call",
  "message.answered",
  "message.settled",
  "event.before_commit",
  "event.committed",
  "send.received",
  "send.before_key_journaled",
  "send.key_journaled",
  "send.taken",
  "send.before_answer",
  "event.before_journaled",
  "event.journaled",
  "session.before_commit",
  "session.committed",
  "session.start_committed",
  "session.stop_committed",
  "session.hibernate_committed",
  "session.delete_committed",
  "session.logout_committed",
  "runner.logged_out",
  "runner.stopped",
  "runner.removed",
  "profile.removed",
  "session.forgotten",
  "runner.row_written",
  "runner.named",
  "profile.made",
  "runner.made",
  "runner.started",
  "runner.attached",
  "warm.recorded",
  "warm.started",
  "warm.before_claim",
  "warm.claimed",
  "warm.runner_removed",
  "warm.profile_removed",
] as const;
/**
 * Also: all messages of a bulk are on disk, and it is not accepted. A restored login is in its new profile; the session has it, and the one of before is still there. And what is written
 * of a build of WhatsApp Web: it is found, a session tries it and is connected on it, it is proven, rejected, or refused by WhatsApp.
 */
export type Step =
  | (typeof steps)[number]
  | "bulk.before_commit"
  | "restore.imported"
  | "restore.switched"
  | "canary.found"
  | "canary.begun"
  | "canary.ready"
  | "canary.proven"
  | "canary.rejected"
  | "canary.refused";

/** What a subscriber of the channel is given. */
export type StepPassed = { step: Step; details: Readonly<Record<string, unknown>> };

/** For tracing and for tests, by `node:diagnostics_channel`. */
export const STEP_CHANNEL = "whatsapp-engine.step";

const passed = channel(STEP_CHANNEL);

/** Tells who listens that this process has come to `step`. Nobody listens in production, and then it costs nothing. */
export function passStep(step: Step, details: StepPassed["details"]): void {
  if (passed.hasSubscribers) passed.publish({ step, details } satisfies StepPassed);
}
