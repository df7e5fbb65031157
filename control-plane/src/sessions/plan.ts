import type { RunnerInfo } from "../runtime/runtime.ts";

export type Step =
  | { action: "start" }
  | { action: "follow"; runnerId: string }
  | { action: "logout"; runnerId: string }
  | { action: "remove_runner"; runnerId: string; graceful: boolean }
  | { action: "remove_profile" }
  | { action: "forget" };

/**
 * What must be done, in order, so that what runs becomes what is wanted. Pure.
 * `runners`: every runner there is on the session's profile, dead ones too.
 */
export function plan(
  session: { desired: "running" | "stopped" | "deleted"; runnerId: string | null; linked: boolean },
  runners: readonly RunnerInfo[],
): Step[] {
  const remove = ({ runnerId, liveness }: RunnerInfo): Step => ({
    action: "remove_runner",
    runnerId,
    graceful: liveness === "alive",
  });
  const present = runners.find(
    ({ runnerId, liveness }) => runnerId === session.runnerId && liveness === "alive",
  );

  switch (session.desired) {
    case "running": {
      const others = runners.filter((runner) => runner !== present).map(remove);
      return [...others, present ? { action: "follow", runnerId: present.runnerId } : { action: "start" }];
    }
    case "stopped":
      return runners.map(remove);
    case "deleted":
      return [
        ...(present && session.linked ? [{ action: "logout" as const, runnerId: present.runnerId }] : []),
        ...runners.map(remove),
        { action: "remove_profile" },
        { action: "forget" },
      ];
  }
}
