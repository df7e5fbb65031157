import { execFile } from "node:child_process";
import { promisify } from "node:util";

type Listed = { addr_info: { family: string; local: string }[] };

/**
 * The address of Docker's own bridge on this machine, which every container reaches whatever network it is on, and this
 * machine too; undefined where there is no such bridge. Asked of the kernel: Node lists no interface that is down (as
 * the bridge is while nothing is attached to it), and the engine does not tell the address before something was.
 */
export async function dockerBridgeAddress(): Promise<string | undefined> {
  const shown = await promisify(execFile)("ip", ["-json", "-4", "address", "show", "dev", "docker0"]).catch(
    () => null,
  );
  if (shown === null) return undefined;
  const [bridge] = JSON.parse(shown.stdout) as Listed[];
  return bridge?.addr_info.find(({ family }) => family === "inet")?.local;
}
