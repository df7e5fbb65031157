import { readFile } from "node:fs/promises";
import { OperatorError } from "@whatsapp-engine/contract/api";
import { labels } from "@whatsapp-engine/contract/runner";
import { hardening } from "./container.ts";
import type { Engine } from "./engine.ts";

/** What Chromium's sandbox does first: a user namespace of its own, and `chroot` in it. */
const PROBE = ["unshare", "--user", "--map-root-user", "chroot", "/", "true"];

/** Kernel settings that forbid it, with the value that does. */
const FORBIDDING = [
  {
    file: "/proc/sys/user/max_user_namespaces",
    value: "0",
    mend: "sysctl -w user.max_user_namespaces=15000",
  },
  {
    file: "/proc/sys/kernel/unprivileged_userns_clone",
    value: "0",
    mend: "sysctl -w kernel.unprivileged_userns_clone=1",
  },
  {
    file: "/proc/sys/kernel/apparmor_restrict_unprivileged_userns",
    value: "1",
    mend: "sysctl -w kernel.apparmor_restrict_unprivileged_userns=0",
  },
] as const;

/**
 * Tries in a container of the runner's image, under the runner's own restrictions, whether the kernel lets
 * Chromium make its sandbox. Throws an `OperatorError` that names the setting where it does not.
 */
export const checkSandbox = async (
  engine: Engine,
  { installId, image, seccomp }: { installId: string; image: string; seccomp: string },
): Promise<void> => {
  const container = await engine.call((docker, abortSignal) =>
    docker.createContainer({
      Image: image,
      User: "1000:1000",
      Entrypoint: PROBE,
      Cmd: [],
      Labels: { [labels.install]: installId },
      HostConfig: { ...hardening(seccomp), NetworkMode: "none", AutoRemove: true },
      abortSignal,
    }),
  );
  const { id } = container;
  const [outcome] = await Promise.all([
    engine.call(
      (docker, abortSignal) =>
        docker.getContainer(id).wait({ condition: "removed", abortSignal }) as Promise<{
          StatusCode: number;
        }>,
    ),
    engine.call((docker, abortSignal) => docker.getContainer(id).start({ abortSignal })),
  ]).catch(async (error: unknown) => {
    // One that never started does not remove itself.
    await engine.call((docker) => docker.getContainer(id).remove({ force: true })).catch(() => undefined);
    throw error;
  });
  if (outcome.StatusCode !== 0) throw new OperatorError(await explain());
};

const explain = async (): Promise<string> => {
  const what = "The kernel does not let Chromium make its sandbox in a container";
  for (const { file, value, mend } of FORBIDDING) {
    const present = await readFile(file, "utf8").catch(() => "");
    if (present.trim() === value) return `${what} (${file} is ${value}); allow it with: ${mend}`;
  }
  return `${what}: user namespaces are forbidden by a setting that is not known here; see kernel and AppArmor or SELinux settings on user namespaces.`;
};
