import type { Answer } from "./api.ts";
import type { Engine } from "./engine.ts";

export const PASSPHRASE = "correct horse battery staple ✓";

export const takeBackup = (engine: Pick<Engine, "api">, sessionId: string, passphrase = PASSPHRASE) =>
  engine.api(`POST /sessions/${sessionId}/backup`, { passphrase });

/** As `curl -F passphrase=… -F file=@…` does. */
export function restoreBackup(
  engine: Pick<Engine, "api">,
  sessionId: string,
  file: Buffer,
  passphrase = PASSPHRASE,
): Promise<Answer> {
  return postForm(engine, sessionId, { passphrase, file: new Blob([new Uint8Array(file)]) });
}

export async function postForm(
  engine: Pick<Engine, "api">,
  sessionId: string,
  parts: Record<string, string | Blob>,
): Promise<Answer> {
  const form = new FormData();
  for (const [name, value] of Object.entries(parts))
    if (typeof value === "string") form.append(name, value);
    else form.append(name, value, "backup.age");
  const { headers, body } = new Response(form);
  const bytes = Buffer.from(await new Response(body).arrayBuffer());
  return engine.api(`POST /sessions/${sessionId}/restore`, bytes, {
    headers: { "Content-Type": headers.get("content-type")! },
  });
}
