/** Milliseconds of many runs in short. */
export type Summary = { n: number; p50: number; p95: number; min: number; max: number };

export function summarise(values: readonly number[]): Summary {
  const sorted = values.toSorted((a, b) => a - b);
  const at = (share: number) =>
    sorted[Math.min(sorted.length - 1, Math.floor(share * sorted.length))] ?? Number.NaN;
  return { n: sorted.length, p50: at(0.5), p95: at(0.95), min: at(0), max: at(1) };
}

const number = (value: number) => (value >= 100 ? value.toFixed(0) : value.toFixed(1));

/** One row of the printed table; `against` gives the ratio of the medians. */
export function row(what: string, values: Summary, unit = "ms", against?: Summary): string {
  const ratio = against ? ` | ${(values.p50 / against.p50).toFixed(2)} ×` : " |";
  return `| ${what} | ${values.n} | ${number(values.p50)} | ${number(values.p95)} | ${number(values.min)}–${number(values.max)} ${unit}${ratio} |`;
}

export const heading = "| what | n | p50 | p95 | min–max | ratio |\n|---|---|---|---|---|---|";

export async function timed<T>(work: () => Promise<T>): Promise<number> {
  const startedAt = performance.now();
  await work();
  return performance.now() - startedAt;
}

/** Runs `work` `count` times, `width` at once; answers each one's milliseconds and the whole's. */
export async function timedMany(count: number, width: number, work: (n: number) => Promise<unknown>) {
  const each: number[] = [];
  let next = 0;
  const total = await timed(async () => {
    const lane = async () => {
      for (let n = next++; n < count; n = next++) each.push(await timed(() => work(n)));
    };
    await Promise.all(Array.from({ length: width }, lane));
  });
  return { each, total };
}
