// Derives docker/seccomp.json from the Docker engine's default profile:
//   node docker/derive-seccomp.mjs < default.json > docker/seccomp.json
// README.md beside this file says where default.json comes from.
import { readFileSync } from "node:fs";

const CLONE_NEWUSER = 0x10000000;
/** The namespaces that the default profile denies to `clone`: mount, cgroup, uts, ipc, user, pid, net. */
const DENIED_BY_DEFAULT = 0x7e020000;
/** Chromium's sandbox makes its own user, pid and net namespaces; the others stay denied. */
const DENIED_HERE = 0x0e020000;

const profile = JSON.parse(readFileSync(0, "utf8"));
const changed = { clone: 0, chroot: 0 };

for (const rule of profile.syscalls) {
  const mask = rule.args?.find(({ value }) => value === DENIED_BY_DEFAULT);
  if (rule.names.includes("clone") && mask) {
    mask.value = DENIED_HERE;
    changed.clone++;
  }
  if (rule.names.length === 1 && rule.names[0] === "chroot") {
    delete rule.includes;
    changed.chroot++;
  }
}
if (changed.clone === 0 || changed.chroot !== 1)
  throw new Error("This default profile is not of the known form.");

profile.syscalls.push({
  names: ["unshare"],
  action: "SCMP_ACT_ALLOW",
  args: [{ index: 0, value: CLONE_NEWUSER, op: "SCMP_CMP_EQ" }],
});
process.stdout.write(`${JSON.stringify(profile, null, 2)}\n`);
