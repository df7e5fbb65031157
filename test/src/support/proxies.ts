import { execFileSync, spawn } from "node:child_process";
import { once } from "node:events";
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { connect } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { freePort } from "./free-port.ts";
import { until } from "./until.ts";

const root = fileURLToPath(new URL("../../..", import.meta.url));
/** Where scripts/setup puts them; they are not installed, as that would start them. */
const UNPACKED = join(root, "node_modules/.cache/proxies/usr");

export type ProxyKind = "nginx" | "caddy";
export type Proxy = {
  readonly port: number;
  /** Of the certificate's issuer, to check it by. */
  readonly ca: Buffer;
  close(): Promise<void>;
};

const program = (...places: string[]): string => {
  const found = [
    ...places.map((place) => join(UNPACKED, place)),
    ...places.map((place) => join("/usr", place)),
  ];
  return found.find((path) => existsSync(path)) ?? places[0]!;
};

const NAME = "wa.example.com";

/** The proxy with its file of `docs/proxy/`, changed in name, certificate and ports alone, in front of `target`. */
export async function startProxy(kind: ProxyKind, target: URL): Promise<Proxy> {
  const folder = mkdtempSync(join(tmpdir(), `${kind}-`));
  const [key, certificate] = [join(folder, "key.pem"), join(folder, "certificate.pem")];
  const subject = ["-subj", `/CN=${NAME}`, "-addext", `subjectAltName=DNS:${NAME}`];
  const made = ["-x509", "-newkey", "rsa:2048", "-nodes", "-days", "1", "-keyout", key, "-out", certificate];
  execFileSync("openssl", ["req", ...made, ...subject], { stdio: "pipe" });
  const port = await freePort();
  const file = (name: string) =>
    readFileSync(join(root, "docs/proxy", name), "utf8").replaceAll(
      "127.0.0.1:3000",
      target.host.replace("localhost", "127.0.0.1"),
    );
  const line = kind === "nginx" ? nginx() : caddy();

  const [command = "", ...args] = line;
  const child = spawn(command, args, {
    stdio: ["ignore", "pipe", "pipe"],
    env: { PATH: process.env["PATH"], HOME: folder, XDG_DATA_HOME: folder, XDG_CONFIG_HOME: folder },
  });
  let said = "";
  for (const stream of [child.stdout, child.stderr]) stream.on("data", (chunk) => (said += String(chunk)));
  const ended = once(child, "close");
  const close = async () => {
    child.kill("SIGTERM");
    await ended;
    rmSync(folder, { recursive: true });
  };
  try {
    await until(`${kind} to listen`, () => listens(port), { seen: () => said });
  } catch (error) {
    await close();
    throw error;
  }
  return { port, ca: readFileSync(certificate), close };

  function nginx(): string[] {
    const site = file("nginx.conf")
      .replace("listen 443 ssl;", `listen 127.0.0.1:${port} ssl;`)
      .replace(/ssl_certificate .*;/, `ssl_certificate ${certificate};`)
      .replace(/ssl_certificate_key .*;/, `ssl_certificate_key ${key};`);
    const temporary = ["client_body", "proxy", "fastcgi", "uwsgi", "scgi"].map(
      (name) => `${name}_temp_path ${join(folder, name)};`,
    );
    writeFileSync(join(folder, "site.conf"), site);
    writeFileSync(
      join(folder, "nginx.conf"),
      `daemon off; pid ${join(folder, "pid")}; error_log stderr; ${process.getuid?.() === 0 ? "user root;" : ""}
      events {} http { access_log off; ${temporary.join(" ")} include site.conf; }`,
    );
    return [program("sbin/nginx"), "-e", "stderr", "-p", folder, "-c", join(folder, "nginx.conf")];
  }

  function caddy(): string[] {
    const site = file("Caddyfile").replace(
      `${NAME} {`,
      `{\n\tadmin off\n\tauto_https disable_redirects\n}\n\nhttps://${NAME}:${port} {\n\tbind 127.0.0.1\n\ttls ${certificate} ${key}`,
    );
    writeFileSync(join(folder, "Caddyfile"), site);
    return [program("bin/caddy"), "run", "--config", join(folder, "Caddyfile"), "--adapter", "caddyfile"];
  }
}

const listens = (port: number): Promise<boolean> =>
  new Promise((resolve) => {
    const socket = connect(port, "127.0.0.1");
    socket.once("connect", () => resolve(true)).once("error", () => resolve(false));
    socket.once("connect", () => socket.destroy());
  });
