import { isMainThread, parentPort, Worker, workerData } from "node:worker_threads";
import { OperatorError } from "@whatsapp-engine/contract/api";
import { databaseSize, prepareDatabase } from "@whatsapp-engine/db";

/** A smaller one is looked through in less time than a thread takes to start. */
const LARGE_BYTES = 32 * 1024 * 1024;

type Prepared = { refusal: string | null; copy: string | null };

/**
 * Prepares the database beside all else, so that calls are answered meanwhile, or told to come again. Returns the path of the copy that
 * was made of an older one. Throws `OperatorError`.
 */
export async function prepareAside(dataDir: string): Promise<string | null> {
  if (databaseSize(dataDir) < LARGE_BYTES) return prepareDatabase(dataDir).copy;
  const thread = new Worker(process.argv[1]!, { workerData: { prepare: dataDir } });
  const { refusal, copy } = await new Promise<Prepared>((resolve, reject) => {
    thread.once("message", resolve).once("error", reject);
    thread.once("exit", (code) => reject(new Error(`The database could not be prepared (exit ${code}).`)));
  });
  if (refusal !== null) throw new OperatorError(refusal);
  return copy;
}

/** Whether this is the thread that `prepareAside` started; then its work is done. */
export function isPreparing(): boolean {
  const { prepare } = (workerData ?? {}) as { prepare?: string };
  if (isMainThread || prepare === undefined) return false;
  // oxlint-disable-next-line unicorn/require-post-message-target-origin -- a thread has none
  const tell = (prepared: Prepared) => parentPort!.postMessage(prepared);
  try {
    tell({ refusal: null, ...prepareDatabase(prepare) });
  } catch (error) {
    if (!(error instanceof OperatorError)) throw error;
    tell({ refusal: error.message, copy: null });
  }
  return true;
}
