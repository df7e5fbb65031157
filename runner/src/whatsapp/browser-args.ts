const MIB = 1024 * 1024;

/** Features that puppeteer turns off too, as of its 24.38. */
const disabledFeatures = [
  "Translate",
  "AcceptCHFrame",
  "MediaRouter",
  "OptimizationHints",
  "RenderDocument",
  "ProcessPerSiteUpToMainFrameThreshold",
  "IsolateSandboxedIframes",
];

/** Saves a process: 274 to 249 MB together with the renderer limit, measured. */
const enabledFeatures = ["NetworkServiceInProcess2"];

const fixedArguments = [
  "--headless",
  "--remote-debugging-port=0",
  "--no-startup-window",
  // A page of WhatsApp Web needs no GPU process and no second renderer.
  "--disable-gpu",
  "--disable-software-rasterizer",
  "--renderer-process-limit=1",
  // Otherwise `navigator.webdriver` is true.
  "--disable-blink-features=AutomationControlled",
  // Timers of a page that nobody looks at must not be slowed down.
  "--disable-background-timer-throttling",
  "--disable-backgrounding-occluded-windows",
  "--disable-renderer-backgrounding",
  "--disable-ipc-flooding-protection",
  // Nothing but WhatsApp goes over the network, and nothing is asked of a user who is not there.
  "--disable-background-networking",
  "--disable-client-side-phishing-detection",
  "--disable-component-extensions-with-background-pages",
  "--disable-component-update",
  "--disable-default-apps",
  "--disable-extensions",
  "--disable-domain-reliability",
  "--disable-hang-monitor",
  "--disable-popup-blocking",
  "--disable-prompt-on-repost",
  "--disable-search-engine-choice-screen",
  "--disable-sync",
  "--metrics-recording-only",
  "--no-default-browser-check",
  "--no-first-run",
  "--no-service-autorun",
  "--mute-audio",
  "--password-store=basic",
  "--use-mock-keychain",
  // What the page stores stands on the disk after a second, not after five, or up to a minute where it stores much: a
  // login is to outlive a browser that is killed soon after the scan (Chromium's `StorageAreaImpl::ComputeCommitDelay`).
  "--enable-aggressive-domstorage-flushing",
  // What it writes beside the login stays small.
  "--disable-breakpad",
  "--disable-crash-reporter",
  `--disk-cache-size=${64 * MIB}`,
  `--media-cache-size=${16 * MIB}`,
] as const;

type Options = { userDataDir: string; userAgent: string; extraArgs: readonly string[] };

/** Chromium's command line. Feature lists of `extraArgs` are joined with ours: Chromium heeds only the last one. */
export const browserArguments = ({ userDataDir, userAgent, extraArgs }: Options): string[] => {
  const disable = featureList("--disable-features=", disabledFeatures, extraArgs);
  const enable = featureList("--enable-features=", enabledFeatures, extraArgs);
  const others = extraArgs.filter((arg) => !/^--(disable|enable)-features=/.test(arg));
  return [
    `--user-data-dir=${userDataDir}`,
    `--user-agent=${userAgent}`,
    ...fixedArguments,
    disable,
    enable,
    ...others,
  ];
};

const featureList = (flag: string, ours: readonly string[], extraArgs: readonly string[]): string => {
  const theirs = extraArgs
    .filter((arg) => arg.startsWith(flag))
    .flatMap((arg) => arg.slice(flag.length).split(","));
  return flag + [...ours, ...theirs].join(",");
};
