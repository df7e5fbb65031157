import type { SessionReason, SessionStatus } from "@whatsapp-engine/contract/api";
import type { RunnerInfo } from "../runtime/index.ts";
import type { SessionRow } from "../sessions/index.ts";

export type PlannedAction =
  | { action: "start" }
  | { action: "follow"; runnerId: string }
  | { action: "rename"; runnerId: string }
  | { action: "log_out"; runnerId: string }
  | { action: "remove_runner"; runnerId: string; graceful: boolean }
  | { action: "remove_profile" }
  | { action: "forget" };

export type Wanted = {
  desired: SessionRow["desired"];
  status: SessionStatus;
  reason: SessionReason | null;
  runnerId: string | null;
};

/**
 * What must be done, in order, so that what runs becomes what is wanted. Pure.
 * `runners`: every runner there is on the session's profile, dead ones too.
 */
export function plan(session: Wanted, runners: readonly RunnerInfo[]): PlannedAction[] {
  const remove = ({ runnerId, liveness }: RunnerInfo): PlannedAction => ({
    action: "remove_runner",
    runnerId,
    // With the profile goes what it would settle.
    graceful: liveness === "alive" && session.desired !== "deleted",
  });
  const present = runners.find(
    ({ runnerId, liveness }) => runnerId === session.runnerId && liveness === "alive",
  );
  const logOut: PlannedAction[] = present ? [{ action: "log_out", runnerId: present.runnerId }] : [];
  const linked = session.status === "connected" || session.status === "authenticated";

  switch (session.desired) {
    case "running": {
      const others = runners.filter((runner) => runner !== present).map(remove);
      if (!present) return [...others, { action: "start" }];
      const { runnerId, hasPoolName } = present;
      return [
        ...others,
        { action: "follow", runnerId },
        ...(hasPoolName ? [{ action: "rename", runnerId } as const] : []),
      ];
    }
    case "asleep":
    case "stopped":
      return [...(session.reason === "wrong_number" ? logOut : []), ...runners.map(remove)];
    case "deleted":
      return [
        ...(linked || session.reason === "wrong_number" ? logOut : []),
        ...runners.map(remove),
        { action: "remove_profile" },
        { action: "forget" },
      ];
  }
}
