import { fileURLToPath } from "node:url";
import { build as bundle } from "esbuild";
import type { PageConfig } from "./wire.ts";

let bundled: Promise<string> | undefined;

/** The page's scripts as one text, made once; they are TypeScript while this file is. */
export const bundlePage = (): Promise<string> => (bundled ??= bundleOnce());

const bundleOnce = async (): Promise<string> => {
  const extension = import.meta.url.endsWith(".ts") ? "ts" : "js";
  const { outputFiles } = await bundle({
    entryPoints: [fileURLToPath(new URL(`./page/main.${extension}`, import.meta.url))],
    bundle: true,
    write: false,
    format: "iife",
    target: "chrome120",
  });
  return outputFiles.map(({ text }) => text).join("");
};

export const pageHtml = (config: PageConfig, script: string): string => `<!doctype html>
<html lang="en">
<head><meta charset="utf-8"><title>WhatsApp (simulated)</title><link rel="icon" href="data:,"></head>
<body>
<p>This is a simulation of WhatsApp Web for tests.</p>
<script>window.simulation = ${JSON.stringify(config)};</script>
<script>${script.replaceAll("</script", "<\\/script")}</script>
</body>
</html>`;
