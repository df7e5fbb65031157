const startedAt = performance.now();
const MIN_PAUSE_MS = 1_000;
let last = Number.NEGATIVE_INFINITY;

/** Says on stderr how far the run is; what would follow too soon is left out, unless it is the end of something. */
export function progress(what: string, done?: number, of?: number): void {
  const now = performance.now();
  if (done !== undefined && done !== of && now - last < MIN_PAUSE_MS) return;
  last = now;
  const total = of === undefined ? "" : ` of ${of}`;
  const count = done === undefined ? "" : ` ${done}${total}`;
  process.stderr.write(`[${((now - startedAt) / 1000).toFixed(0).padStart(4)} s] ${what}${count}\n`);
}
