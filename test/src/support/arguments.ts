import type { RuntimeKind } from "./engine.ts";

/** An argument of a script as a whole number, from `least` to `most`. Throws where it is none. */
export function whole<Name extends string>(
  values: Readonly<Record<Name, string>>,
  name: Name,
  most: number,
  least = 1,
): number {
  const number = Number(values[name]);
  if (Number.isInteger(number) && number >= least && number <= most) return number;
  throw new Error(`--${name} must be a whole number from ${least} to ${most}`);
}

/** Throws where it is no runtime's name. */
export function runtimeKind(name: string): RuntimeKind {
  if (name === "process" || name === "docker") return name;
  throw new Error("--runtime must be process or docker");
}
