import jsqr from "jsqr";
import { PNG } from "pngjs";

/** The text in a QR code's picture, as a phone's camera would read it. */
export function readQrCode(png: Buffer): string {
  const { data, width, height } = PNG.sync.read(png);
  // The package is CommonJS; its function is the default of its default. Dark on light alone, as some phones read it.
  const options = { inversionAttempts: "dontInvert" } as const;
  const found = jsqr.default(new Uint8ClampedArray(data), width, height, options);
  if (found === null) throw new Error("the picture holds no QR code");
  return found.data;
}
