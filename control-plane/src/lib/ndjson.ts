const NEWLINE = 0x0a;
/** Bytes of a line that is too long. */
const KEPT_BYTES = 64 * 1024;

/**
 * The lines of newline-delimited JSON, empty ones too, without what no newline ends: its writer had not got to the end.
 * A line of more than `maxBytes` comes as its beginning, with `isWhole` false. Throws what `chunks` throws.
 */
export async function* linesOf(
  chunks: AsyncIterable<Uint8Array>,
  maxBytes: number,
): AsyncGenerator<{ text: string; isWhole: boolean }> {
  let parts: Uint8Array[] = [];
  let bytes = 0;
  const add = (part: Uint8Array): void => {
    bytes += part.length;
    if (bytes <= maxBytes) parts.push(part);
    else if (parts.length > 0) parts = [Buffer.concat(parts).subarray(0, KEPT_BYTES)];
    else parts = [part.subarray(0, KEPT_BYTES)];
  };
  for await (const chunk of chunks) {
    let from = 0;
    for (let end = chunk.indexOf(NEWLINE); end !== -1; end = chunk.indexOf(NEWLINE, from)) {
      add(chunk.subarray(from, end));
      from = end + 1;
      yield { text: Buffer.concat(parts).toString("utf8"), isWhole: bytes <= maxBytes };
      [parts, bytes] = [[], 0];
    }
    if (from < chunk.length) add(chunk.subarray(from));
  }
}
