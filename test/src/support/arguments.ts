import { parseArgs } from "node:util";
import type { RuntimeKind } from "./engine.ts";

/** What a script is called with, each as `--name value`; `--help`, or one that it does not know, ends it with its usage. */
export function readArguments<Name extends string>(
  usage: string,
  defaults: Readonly<Record<Name, string>>,
): Record<Name, string> {
  const known = Object.entries<string>(defaults).map(
    ([name, value]) => [name, { type: "string", default: value }] as const,
  );
  try {
    const options = { ...Object.fromEntries(known), help: { type: "boolean", short: "h" } } as const;
    const { values } = parseArgs({ options });
    if (values.help !== true) return values as Record<Name, string>;
  } catch (error) {
    refuse(`${(error as Error).message.split(". ")[0]}.\n${usage}`);
  }
  console.log(usage);
  process.exit(0);
}

/** An argument as a whole number, from `least` to `most`. */
export function whole<Name extends string>(
  values: Readonly<Record<Name, string>>,
  name: Name,
  most: number,
  least = 1,
): number {
  const number = Number(values[name]);
  if (Number.isInteger(number) && number >= least && number <= most) return number;
  return refuse(`--${name} must be a whole number from ${least} to ${most}, not "${values[name]}".`);
}

export function runtimeKind(name: string): RuntimeKind {
  if (name === "process" || name === "docker") return name;
  return refuse(`--runtime must be process or docker, not "${name}".`);
}

function refuse(why: string): never {
  console.error(why);
  process.exit(2);
}
