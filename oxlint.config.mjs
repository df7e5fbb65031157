// The lint's rules. Who may import whom stands in two small tables, of which the rules are made.
import { readdirSync } from "node:fs";

/**
 * Rooms of the control plane (`control-plane/src/<room>/`), from the ground up. Each imports what is on floors below its own, no
 * sibling, and none of the files beside the rooms. Where a lower room must call a higher one, it declares what it calls, and is given it.
 */
const FLOORS = [
  ["lib", "settings"],
  ["people", "events", "runtime"],
  ["connection"],
  ["sessions"],
  ["builds"],
  ["fleet"],
  ["sleep", "logins", "outbox", "chats"],
  ["webhooks"],
  ["http"],
];

/** Rooms of which each file is its own door: what they hold has nothing in common but that it is small. */
const OPEN = ["lib", "settings"];

const packages = (...names) => names.map((name) => `@whatsapp-engine/${name}{,/**}`);

/** What may not be imported, and why not. */
const NO = {
  node: { group: ["node:*", "!node:diagnostics_channel"], message: "The contract is zod only, no I/O." },
  packages: { group: packages("*"), message: "The contract is zod only, no I/O." },
  browser: {
    group: ["node:*", "**/runner/**", "**/steps.ts"],
    message: "A browser imports the API's contract: zod only, and nothing of the runner's protocol.",
  },
  tests: {
    group: packages("simulator", "test", "bench"),
    message: "Production code never imports the simulator or tests.",
  },
  runner: {
    group: [...packages("runner"), "whatsapp-web.js", "puppeteer{,-core}{,/**}"],
    message: "The control plane speaks to runners over HTTP only.",
  },
  controlPlane: {
    group: packages("control-plane", "db"),
    message: "Runner and control plane meet only in the contract.",
  },
  dockerode: { group: ["dockerode"], message: "dockerode only in runtime/docker/." },
  library: { group: ["whatsapp-web.js"], message: "whatsapp-web.js only in whatsapp/wwebjs*.ts." },
  runtime: { group: ["**/runtime/**"], message: "http/ calls verbs only." },
  beneathVerbs: {
    group: ["**/index.ts"],
    importNamePattern: "(Store|Reconciler)$",
    message: "http/ calls verbs only.",
  },
  sql: { group: ["drizzle-orm{,/**}", "better-sqlite3"], message: "This room knows no table." },
};

const imports = (files, ...patterns) => ({
  files: [files],
  rules: { "no-restricted-imports": ["error", { patterns }] },
});

const WITHOUT_TABLES = new Set(["lib", "settings", "runtime", "connection", "chats", "http"]);

/** All that is on no floor below a room, as its files name it: `up` leads out of the room. */
const outside = (room, up) => {
  const at = FLOORS.findIndex((floor) => floor.includes(room));
  const others = FLOORS.slice(at)
    .flat()
    .filter((other) => other !== room);
  return {
    group: [`${up}/*.ts`, ...others.map((other) => `${up}/${other}/**`)],
    message: `${room}/ imports the rooms on the floors below it (FLOORS in oxlint.config.mjs).`,
  };
};

/** What is behind the doors of rooms: all in them but `index.ts`. */
const behindDoors = (up) => ({
  group: FLOORS.flat()
    .filter((room) => !OPEN.includes(room))
    .flatMap((room) =>
      readdirSync(new URL(`control-plane/src/${room}`, import.meta.url))
        .filter((name) => name !== "index.ts")
        .map((name) => `${up}/${room}/${name}${name.endsWith(".ts") ? "" : "/**"}`),
    ),
  message: "A room is entered by its index.ts.",
});

/** A room's own files, and those of the folders in it: a way up has one step more there. */
const rooms = FLOORS.flat().flatMap((room) =>
  ["..", "../.."].map((up) =>
    imports(
      `control-plane/src/${room}/${up === ".." ? "" : "*/"}*.ts`,
      NO.tests,
      NO.runner,
      NO.dockerode,
      ...(room === "http" ? [NO.runtime, NO.beneathVerbs] : []),
      ...(WITHOUT_TABLES.has(room) ? [NO.sql] : []),
      outside(room, up),
      behindDoors(up),
    ),
  ),
);

export default {
  plugins: ["typescript", "import", "unicorn", "oxc", "promise", "node"],
  jsPlugins: ["eslint-plugin-regexp"],
  categories: {
    correctness: "error",
    suspicious: "error",
    perf: "error",
  },
  ignorePatterns: ["**/dist/**", "**/build/**"],
  rules: {
    "no-await-in-loop": "off",
    "no-shadow": "off",
    "no-underscore-dangle": "off",
    "unicorn/prefer-set-has": "off",
    "promise/always-return": "off",
    "unicorn/consistent-function-scoping": "off",
    "no-unused-vars": [
      "error",
      {
        argsIgnorePattern: "^_",
        varsIgnorePattern: "^_",
      },
    ],
    "import/no-cycle": "error",
    "typescript/no-explicit-any": "error",
    "typescript/consistent-type-imports": "error",
    eqeqeq: "error",
    "no-restricted-properties": [
      "error",
      {
        object: "Readable",
        property: "toWeb",
        message: "It ends the process where a reader leaves while a piece is on its way; use toWebStream.",
      },
    ],
    "regexp/no-super-linear-backtracking": [
      "error",
      {
        report: "potential",
      },
    ],
    "regexp/no-super-linear-move": [
      "error",
      {
        report: "potential",
      },
    ],
    "regexp/no-dupe-disjunctions": [
      "error",
      {
        reportExponentialBacktracking: "potential",
      },
    ],
  },
  overrides: [
    imports("contract/src/**", NO.node, NO.packages),
    {
      files: ["contract/src/api/**"],
      rules: {
        ...imports("contract/src/api/**", NO.browser, NO.packages).rules,
        "no-restricted-globals": [
          "error",
          { name: "Buffer", message: "A browser has none; use Uint8Array." },
          { name: "process", message: "A browser has none." },
        ],
      },
    },
    imports("{db,processes}/src/**", NO.tests, NO.runner),
    imports("control-plane/src/*.ts", NO.tests, NO.runner, NO.dockerode, behindDoors(".")),
    ...rooms,
    imports(
      "control-plane/src/runtime/docker/*.ts",
      NO.tests,
      NO.runner,
      NO.sql,
      outside("runtime", "../.."),
      behindDoors("../.."),
    ),
    imports("runner/src/**", NO.tests, NO.controlPlane, NO.library),
    imports("runner/src/whatsapp/wwebjs*.ts", NO.tests, NO.controlPlane),
    { files: ["**/*.test.ts", "**/test-support/**"], rules: { "no-restricted-imports": "off" } },
  ],
};
