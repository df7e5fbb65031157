import { eq } from "drizzle-orm";
import { sessions, type Db, type MessageRow } from "@whatsapp-engine/db";
import type { Clock } from "../lib/clock.ts";
import type { createEvidence } from "./evidence.ts";
import type { BuildStore, WhatsAppBuildRow } from "./store.ts";

/** Messages of a trial that are kept for another try, and how often each is. */
const MAX_TROUBLES = 100;
const MAX_TRIES = 2;
/** And when its build is left: it may be handed over on the way, but not for ever. */
const MAX_ATTEMPTS = 5;

type Handed = Pick<MessageRow, "id" | "sessionId" | "type" | "attempts" | "handedAt">;

/** Messages that a page did not take, where it may be the build and not the message. */
export function createPageTrouble({
  db,
  store,
  evidence,
  clock,
}: {
  db: Db;
  store: Pick<BuildStore, "all" | "note">;
  evidence: Pick<ReturnType<typeof createEvidence>, "acknowledged">;
  clock: Clock;
}) {
  /** The build that this message was handed to, of those that its session tries, or tried. */
  function buildOf({ sessionId, handedAt }: Handed): WhatsAppBuildRow | undefined {
    const tried = store.all().filter((one) => one.sessionId === sessionId);
    const session = db
      .select({ version: sessions.whatsappVersion, connectedAt: sessions.connectedAt })
      .from(sessions)
      .where(eq(sessions.id, sessionId))
      .get();
    const present = tried.find(({ version }) => version === session?.version);
    if (present) return present;
    // Its answer was lost when the session left the build, and the runner that it has now tells of it.
    const connectedAt = session?.connectedAt ?? null;
    if (handedAt === null || connectedAt === null || handedAt >= connectedAt) return undefined;
    return tried
      .filter(({ triedAt }) => triedAt !== null && triedAt <= handedAt)
      .toSorted((one, other) => other.triedAt! - one.triedAt!)[0];
  }

  /**
   * Within the transaction that says so: whether the message is tried again, where its session is on the build that it tries, once;
   * twice where none of its kind went out on it, as then it is not the message; and where the session leaves that build, or left it.
   * `isLeftFor`: whether there is another build for that.
   */
  return (message: Handed, words: string, isLeftFor: () => boolean): "noted" | "kept" | null => {
    const { id, sessionId, type, attempts } = message;
    const build = buildOf(message);
    // What was under way when it was decided goes on where the session is on its way to.
    if (build?.state === "rejected" || build?.state === "found")
      return isLeftFor() && attempts <= MAX_ATTEMPTS ? "kept" : null;
    if (build?.state !== "trying") return null;
    const troubles = build.troubles ?? [];
    const tries = troubles.filter(({ messageId }) => messageId === id).length;
    const { readyAt } = build;
    const went = readyAt !== null && evidence.acknowledged(sessionId, type, readyAt);
    const may = tries > 0 && went ? 1 : MAX_TRIES;
    if (tries >= may || troubles.length >= MAX_TROUBLES) return null;
    store.note(build.version, [...troubles, { messageId: id, kind: type, words, at: clock.now() }]);
    return "noted";
  };
}
