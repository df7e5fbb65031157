// Makes of each program and the packages it uses a few files, `<workspace>/build/main.js` first, from what tsc compiled,
// where that is newer; of the small programs beside it too:
//   node scripts/bundle.mjs [--watch] [control-plane] [runner]
// Node looks for, reads and compiles each module by itself: with the control plane's 1,100 that takes a second at every
// start.
import { mkdirSync, readFileSync, readdirSync, renameSync, rmSync, statSync, writeFileSync } from "node:fs";
import { basename, dirname, join, relative, sep } from "node:path";
import { fileURLToPath } from "node:url";
import { parseArgs } from "node:util";
import { decode, encode } from "@jridgewell/sourcemap-codec";
import { build, context } from "esbuild";

const root = dirname(dirname(fileURLToPath(import.meta.url)));
const PROGRAMS = {
  "control-plane": ["control-plane", "db", "processes", "contract"],
  runner: ["runner", "processes", "contract"],
};
const ENTRIES = {
  "control-plane": ["main", "health-check", "stop-all", "backup-all", "restore-all"],
  runner: ["main"],
};

/** Native code stays a package. */
const EXTERNAL = ["better-sqlite3", "*.node"];

/** What CommonJS packages find around them. */
const BANNER = `import { createRequire as bundleRequire } from "node:module";
import { fileURLToPath as bundlePath } from "node:url";
const require = bundleRequire(import.meta.url);
const bundlePlace = (place) => bundlePath(new URL(place, import.meta.url));`;

/** A bundle's files are written within this time. */
const WRITING_MS = 10_000;

const changedAt = (path) => statSync(path, { throwIfNoEntry: false })?.mtimeMs ?? 0;

const ofPackage = (path) => path.includes("node_modules/");

/**
 * Of the library's packages, those that a runner comes to seldom or never: stickers, media from an address, logins kept
 * elsewhere, browsers that puppeteer starts itself, WebDriver BiDi. They are read when something of them is used, from where
 * they are installed.
 */
const ON_DEMAND =
  /^(fluent-ffmpeg|node-webpmux|node-fetch|archiver|unzipper|@puppeteer\/browsers)$|\/bidi\/(bidi|BrowserConnector)\.js$/;

const onDemand = (place) => `let loaded;
const load = () => (loaded ??= require(bundlePlace(${JSON.stringify(place)})));
module.exports = new Proxy(function () {}, {
  get: (_, name) => load()[name],
  apply: (_, self, args) => Reflect.apply(load(), self, args),
  construct: (_, args) => Reflect.construct(load(), args),
});`;

/** What a package asks for and is not installed, it asks for when it comes to it, as without a bundle. */
const packages = (outdir) => ({
  name: "packages",
  setup({ onResolve, onLoad, resolve }) {
    const asked = Symbol("asked here");
    onResolve({ filter: /^/ }, async ({ path, pluginData, ...options }) => {
      if (pluginData === asked || !ofPackage(options.importer)) return undefined;
      const found = await resolve(path, { ...options, pluginData: asked });
      if (found.errors.length > 0) return { path, external: true };
      return ON_DEMAND.test(path) ? { path: found.path, namespace: "on-demand" } : found;
    });
    onLoad({ filter: /^/, namespace: "on-demand" }, ({ path }) => ({
      contents: onDemand(relative(outdir, path).split(sep).join("/")),
    }));
  },
});

/** A module finds its files from where it stood before. */
const keepPlaces = (outdir) => ({
  name: "keep-places",
  setup({ onLoad }) {
    onLoad({ filter: /\.c?js$/ }, ({ path }) => {
      const text = readFileSync(path, "utf8");
      const place = JSON.stringify(relative(outdir, path).split(sep).join("/"));
      if (!ofPackage(path))
        return { contents: text.replaceAll("import.meta.url", `new URL(${place}, import.meta.url).href`) };
      if (!/\b__(dir|file)name\b/.test(text)) return undefined;
      const folder = JSON.stringify(dirname(JSON.parse(place)));
      return {
        contents: `var __filename = bundlePlace(${place}), __dirname = bundlePlace(${folder}); ${text}`,
      };
    });
  },
});

/** Maps our own lines only: the map of all packages would take Node half a second and 110 MB to read. */
const withoutPackages = ({ sources, mappings, ...rest }) => {
  const lines = decode(mappings).map((line) => {
    const own = [];
    for (const segment of line) {
      if (segment.length > 1 && !ofPackage(sources[segment[1]])) own.push(segment);
      else if (own.at(-1)?.length !== 1) own.push([segment[0]]);
    }
    return own;
  });
  return JSON.stringify({ ...rest, sources, mappings: encode(lines) });
};

/**
 * A program that is started meanwhile finds all of one bundle: its first file is changed last, at once, and what one that
 * started before asks for later stays until the bundle after this. Where there is none, as something failed, all stays.
 */
const write = (outdir) => ({
  name: "write",
  setup({ onEnd }) {
    onEnd(({ outputFiles = [] }) => {
      if (outputFiles.length === 0) return;
      mkdirSync(outdir, { recursive: true });
      const first = join(outdir, "main.js");
      const before = changedAt(first) - WRITING_MS;
      for (const { path, text } of outputFiles) {
        const contents = path.endsWith(".map") ? withoutPackages(JSON.parse(text)) : text;
        writeFileSync(path === first ? `${path}.new` : path, contents);
      }
      renameSync(`${first}.new`, first);
      const made = new Set(outputFiles.map(({ path }) => basename(path)));
      for (const name of readdirSync(outdir)) {
        const path = join(outdir, name);
        if (!made.has(name) && changedAt(path) < before) rmSync(path);
      }
    });
  },
});

const optionsFor = (program) => {
  const outdir = join(root, program, "build");
  return {
    entryPoints: ENTRIES[program].map((name) => join(root, program, `dist/${name}.js`)),
    outdir,
    write: false,
    bundle: true,
    splitting: true,
    platform: "node",
    format: "esm",
    target: "node20.19",
    external: EXTERNAL,
    banner: { js: BANNER },
    plugins: [packages(outdir), keepPlaces(outdir), write(outdir)],
    // Less to read at every start, and to keep in memory; names stay, as the page is given functions by their text.
    minifyWhitespace: true,
    lineLimit: 160,
    sourcemap: true,
    sourcesContent: false,
    logLevel: "warning",
  };
};

const isUpToDate = (program) => {
  const compiled = PROGRAMS[program].map((workspace) => join(root, workspace, "dist"));
  const inputs = compiled.flatMap((folder) =>
    readdirSync(folder, { recursive: true }).map((name) => join(folder, name)),
  );
  // npm writes the second when it has installed what the lockfile says.
  const others = ["package-lock.json", "node_modules/.package-lock.json", "scripts/bundle.mjs"].map((name) =>
    join(root, name),
  );
  const bundled = changedAt(join(root, program, "build/main.js"));
  return [...inputs, ...others].every((path) => changedAt(path) < bundled);
};

const { values, positionals } = parseArgs({
  options: { watch: { type: "boolean", default: false } },
  allowPositionals: true,
});
for (const program of positionals.length > 0 ? positionals : Object.keys(PROGRAMS)) {
  if (values.watch) await (await context(optionsFor(program))).watch();
  else if (!isUpToDate(program)) await build(optionsFor(program));
}
