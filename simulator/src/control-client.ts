import type { Control } from "./control.ts";

/** The control functions of a simulator in another process, called over HTTP. */
export const createControlClient = (controlUrl: string): Control => {
  const call = async (name: string, args: unknown[]): Promise<unknown> => {
    const answer = await fetch(`${controlUrl}/${name}`, { method: "POST", body: JSON.stringify(args) });
    const { result, error } = (await answer.json()) as { result?: unknown; error?: string };
    if (error !== undefined) throw new Error(error);
    return result;
  };
  return new Proxy({} as Control, {
    get: (_, name) => (name === "then" ? undefined : (...args: unknown[]) => call(String(name), args)),
  });
};
