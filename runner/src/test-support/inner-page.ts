import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { connect, type Page } from "puppeteer-core";

/** The runner's own page, by a second connection to its browser; for what no phone and no server can do to it. */
export const innerPage = async (profileDir: string): Promise<{ page: Page; leave: () => Promise<void> }> => {
  const file = await readFile(join(profileDir, "browser", "session", "DevToolsActivePort"), "utf8");
  const [port, path] = file.split("\n");
  const browser = await connect({
    browserWSEndpoint: `ws://127.0.0.1:${port}${path}`,
    defaultViewport: null,
  });
  const [page] = await browser.pages();
  return { page: page!, leave: () => browser.disconnect() };
};
