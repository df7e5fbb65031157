import type { Step } from "./steps.ts";

/** What a step is, for people: `npm run docs` makes docs/steps.md of it. */
export type StepNote = {
  group: "message" | "session" | "warm" | "canary";
  /** Whose death is meant. */
  process: "control plane" | "runner";
  /** Passed with this runtime only. */
  runtime?: "Docker" | "process";
  onDisk: string;
  /** What becomes of the message, or what the next start makes of the session. */
  after: string;
};

export const stepNotes: Readonly<Record<Step, StepNote>> = {
  "message.before_commit": {
    group: "message",
    process: "control plane",
    onDisk: "nothing",
    after: "was never accepted; its caller has no answer",
  },
  "bulk.before_commit": {
    group: "message",
    process: "control plane",
    onDisk: "all messages of a bulk, not the bulk's own row",
    after: "was never accepted: the next start removes them",
  },
  "message.committed": {
    group: "message",
    process: "control plane",
    onDisk: "the row, `queued`",
    after: "goes out after the start",
  },
  "message.before_call": {
    group: "message",
    process: "control plane",
    onDisk: "`sending`",
    after: "the runner never heard of it: back into the queue",
  },
  "send.received": { group: "message", process: "runner", onDisk: "nothing more", after: "the same" },
  "send.before_key_journaled": {
    group: "message",
    process: "runner",
    onDisk: "nothing more",
    after: "the same",
  },
  "send.key_journaled": {
    group: "message",
    process: "runner",
    onDisk: "the key; WhatsApp's code does not have the message yet",
    after: "`unknown`: nothing proves that it did not get it",
  },
  "send.taken": {
    group: "message",
    process: "runner",
    onDisk: "the key; the ack was heard and is not journaled",
    after: "the page tells the ack again: `sent`",
  },
  "send.before_answer": {
    group: "message",
    process: "runner",
    onDisk: "the outcome, in the journal",
    after: "is asked about: `sent`",
  },
  "message.answered": {
    group: "message",
    process: "control plane",
    onDisk: "the row still says `sending`",
    after: "is asked about: `sent`",
  },
  "message.settled": {
    group: "message",
    process: "control plane",
    onDisk: "the outcome; the caller has no answer",
    after: "is `sent`",
  },
  "event.before_journaled": {
    group: "message",
    process: "runner",
    onDisk: "nothing; WhatsApp has the message",
    after: "is swept up when the page is back",
  },
  "event.journaled": {
    group: "message",
    process: "runner",
    onDisk: "the event, in the journal",
    after: "the stream tells it",
  },
  "event.before_commit": {
    group: "message",
    process: "control plane",
    onDisk: "the event, in the journal",
    after: "event and cursor are undone together, and told again",
  },
  "event.committed": {
    group: "message",
    process: "control plane",
    onDisk: "the event, and the cursor behind it",
    after: "stays as it is",
  },
  "session.before_commit": {
    group: "session",
    process: "control plane",
    onDisk: "nothing",
    after: "there is no session; its caller has no answer",
  },
  "session.committed": {
    group: "session",
    process: "control plane",
    onDisk: "the session's rows",
    after: "its runner is started",
  },
  "session.start_committed": {
    group: "session",
    process: "control plane",
    onDisk: "it is to run (start, restart), by none of the runners there are",
    after: "those end, and another is started",
  },
  "session.stop_committed": {
    group: "session",
    process: "control plane",
    onDisk: "it is to be stopped",
    after: "its runner ends",
  },
  "session.hibernate_committed": {
    group: "session",
    process: "control plane",
    onDisk: "it is to sleep",
    after: "its runner ends; a message that is in the queue by then wakes it",
  },
  "session.delete_committed": {
    group: "session",
    process: "control plane",
    onDisk: "it is to be deleted",
    after: "is deleted to the end; a runner that lives (Docker) logs out first",
  },
  "runner.logged_out": {
    group: "session",
    process: "control plane",
    onDisk: "account unlinked, login deleted; the row does not say so yet",
    after: "a logout that is repeated finds nothing linked; a deletion goes on",
  },
  "session.logout_committed": {
    group: "session",
    process: "control plane",
    onDisk: "the row says so",
    after: "its runner ends",
  },
  "runner.stopped": {
    group: "session",
    process: "control plane",
    runtime: "Docker",
    onDisk: "the container ended",
    after: "is removed",
  },
  "runner.removed": {
    group: "session",
    process: "control plane",
    onDisk: "nothing is left of it but its row",
    after: "the row goes",
  },
  "profile.removed": {
    group: "session",
    process: "control plane",
    onDisk: "only rows are left",
    after: "they go",
  },
  "session.forgotten": {
    group: "session",
    process: "control plane",
    onDisk: "nothing is left",
    after: "a repeated deletion finds nothing",
  },
  "runner.row_written": {
    group: "session",
    process: "control plane",
    onDisk: "a row, and no runner",
    after: "the row goes; another runner is started where one is wanted",
  },
  "runner.named": {
    group: "session",
    process: "control plane",
    onDisk: "the session names a runner that there is not",
    after: "the same",
  },
  "profile.made": {
    group: "session",
    process: "control plane",
    runtime: "process",
    onDisk: "the profile's folder",
    after: "the same",
  },
  "runner.made": {
    group: "session",
    process: "control plane",
    onDisk: "a container that was not started, or a child that waits",
    after: "it is removed, or ends by itself; another is started",
  },
  "runner.started": {
    group: "session",
    process: "control plane",
    onDisk: "it runs",
    after: "Docker: is followed, or ended if none is wanted; a child ended meanwhile",
  },
  "runner.attached": {
    group: "session",
    process: "control plane",
    onDisk: "it runs, and was listened to",
    after: "the same",
  },
  "restore.imported": {
    group: "session",
    process: "control plane",
    onDisk: "the login is in a new profile, of which the session knows nothing",
    after: "removes that profile; the login of before stays",
  },
  "restore.switched": {
    group: "session",
    process: "control plane",
    onDisk: "the session has the new profile, and the one of before is still there",
    after: "removes the one of before",
  },
  "warm.recorded": {
    group: "warm",
    process: "control plane",
    onDisk: "its row, no runner",
    after: "removes profile and row",
  },
  "warm.started": {
    group: "warm",
    process: "control plane",
    onDisk: "row and runner",
    after: "adopts it, or where it died with us, removes it",
  },
  "warm.before_claim": {
    group: "warm",
    process: "control plane",
    onDisk: "the same",
    after: "the same; the session was never made",
  },
  "warm.claimed": {
    group: "warm",
    process: "control plane",
    onDisk: "the session with this profile and runner",
    after: "follows the runner, or starts another on the profile",
  },
  "warm.runner_removed": {
    group: "warm",
    process: "control plane",
    onDisk: "row and profile (no row: somebody scanned)",
    after: "removes both (keeps the profile)",
  },
  "warm.profile_removed": { group: "warm", process: "control plane", onDisk: "the row", after: "removes it" },
  "canary.found": {
    group: "canary",
    process: "control plane",
    onDisk: "the copy and its row",
    after: "has a session try it",
  },
  "canary.begun": {
    group: "canary",
    process: "control plane",
    onDisk: "which session tries it, which still runs another",
    after: "starts that session with it",
  },
  "canary.ready": {
    group: "canary",
    process: "control plane",
    onDisk: "since when it runs it",
    after: "goes on counting from there",
  },
  "canary.proven": {
    group: "canary",
    process: "control plane",
    onDisk: "that it is proven",
    after: "sessions take it over at their next start",
  },
  "canary.rejected": {
    group: "canary",
    process: "control plane",
    onDisk: "that it is not, and its event; the session has it",
    after: "starts the session with the proven one",
  },
  "canary.refused": {
    group: "canary",
    process: "control plane",
    onDisk: "that WhatsApp lets it in no more",
    after: "starts those that it refused with what is served, or proven",
  },
};
