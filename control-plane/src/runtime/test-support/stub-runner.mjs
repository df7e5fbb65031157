// Stands in for the runner where a test is about what starts and ends runners. It answers GET /health, keeps a
// note in its profile, writes any file there (GET /write?path=…&text=…), and can be told to exit (GET /exit?code=N), to start a process of its own (GET /spawn), or one that
// fills its memory (GET /fill), and to ignore SIGTERM (GET /stubborn).
import { spawn } from "node:child_process";
import { existsSync, mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { createServer } from "node:http";
import { dirname, join } from "node:path";

const { RUNNER_ID, RUNNER_HOST, RUNNER_PORT, RUNNER_PROFILE_DIR = "" } = process.env;
const note = join(RUNNER_PROFILE_DIR, "note");
/** What a renderer does whose page has grown too big: it is killed, the runner lives on. */
const FILL = "const hoard = []; setInterval(() => hoard.push(Buffer.alloc(32 * 1024 * 1024, 1)), 1);";
let stubborn = false;
// As the runner does.
if (process.env.RUNNER_UID) {
  process.setgroups([]);
  process.setgid(Number(process.env.RUNNER_UID));
  process.setuid(Number(process.env.RUNNER_UID));
}

const server = createServer((request, response) => {
  const url = new URL(request.url ?? "/", "http://stub");
  const answer = (body) => response.end(JSON.stringify(body));
  switch (url.pathname) {
    case "/health":
      return answer({ runnerId: RUNNER_ID, environment: Object.keys(process.env) });
    case "/note":
      if (url.searchParams.has("text")) writeFileSync(note, url.searchParams.get("text") ?? "");
      return answer({ note: existsSync(note) ? readFileSync(note, "utf8") : null });
    case "/write": {
      const path = join(RUNNER_PROFILE_DIR, url.searchParams.get("path") ?? "");
      mkdirSync(dirname(path), { recursive: true });
      writeFileSync(path, url.searchParams.get("text") ?? "");
      return answer({});
    }
    case "/exit":
      answer({});
      return setImmediate(() => process.exit(Number(url.searchParams.get("code"))));
    case "/spawn":
      return answer({ pid: spawn("sleep", ["1000"], { stdio: "ignore" }).pid });
    case "/stubborn":
      stubborn = true;
      return answer({});
    case "/fill":
      spawn(process.execPath, ["-e", FILL], { stdio: "ignore" });
      return answer({});
    default:
      response.statusCode = 404;
      return answer({});
  }
});

server.listen(Number(RUNNER_PORT), RUNNER_HOST, () =>
  process.send?.({ listening: { port: server.address().port } }),
);
process.on("SIGTERM", () => {
  if (!stubborn) process.exit(0);
});
process.on("disconnect", () => process.exit(0));
