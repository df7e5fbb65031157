import { AppError, OperatorError } from "@whatsapp-engine/contract/api";
import Docker from "dockerode";

/**
 * Longest that an ordinary call may take. The engine needs milliseconds, seconds when many containers start at once.
 * A start that is given up here and succeeds later is found by the next try, since names are fixed.
 */
const CALL_TIMEOUT_MS = 15_000;

/** What of the client's answer to an engine's refusal is looked at. */
type EngineRefusal = Error & { statusCode: number; json?: { message?: string } | null };

type CallOptions<T> = {
  timeoutMs?: number;
  /** HTTP status codes of the engine that mean success here, and what they stand for (`304` on stop). */
  accept?: Readonly<Record<number, T>>;
};

export type Engine = {
  /**
   * Calls the engine with a deadline. Whatever goes wrong, other than an accepted refusal, is `runtime_unavailable`:
   * nothing may be concluded from it.
   */
  call<T>(
    run: (docker: Docker, abortSignal: AbortSignal) => Promise<T>,
    options?: CallOptions<T>,
  ): Promise<T>;
  /** The raw client, for the event stream, which has no deadline. */
  readonly docker: Docker;
};

/** `dockerHost` as in the environment variable `DOCKER_HOST`; without it the engine's usual socket. */
export const createEngine = (dockerHost?: string): Engine => {
  const docker = new Docker(dockerHost === undefined ? {} : clientOptions(dockerHost));
  return {
    docker,
    call: async (run, { timeoutMs = CALL_TIMEOUT_MS, accept = {} } = {}) => {
      try {
        return await withDeadline((signal) => run(docker, signal), timeoutMs);
      } catch (error) {
        if (isRefusal(error) && error.statusCode in accept) return accept[error.statusCode] as never;
        throw asUnavailable(error);
      }
    },
  };
};

/** The engine answered, and the answer was no. Everything else that can go wrong says nothing about containers. */
const isRefusal = (error: unknown): error is EngineRefusal =>
  error instanceof Error && typeof (error as Partial<EngineRefusal>).statusCode === "number";

const asUnavailable = (error: unknown): AppError => {
  if (error instanceof AppError) return error;
  return new AppError("runtime_unavailable", whyUnavailable(error), { cause: error, retryAfterSeconds: 5 });
};

const whyUnavailable = (error: unknown): string => {
  if (isRefusal(error)) return `The Docker engine refused: ${error.json?.message ?? error.message}`;
  if ((error as NodeJS.ErrnoException | undefined)?.code === "EACCES")
    return "This user may not use the Docker engine; run sudo usermod -aG docker $USER and log in again, or run this as root.";
  return "The Docker engine does not answer.";
};

/** The client never settles a call whose connection breaks in the middle of the answer, so the deadline races it. */
const withDeadline = async <T>(run: (signal: AbortSignal) => Promise<T>, timeoutMs: number): Promise<T> => {
  const controller = new AbortController();
  let timer: NodeJS.Timeout | undefined;
  const deadline = new Promise<never>((_, reject) => {
    timer = setTimeout(() => {
      reject(new Error(`No answer within ${timeoutMs} ms`));
      controller.abort();
    }, timeoutMs);
  });
  try {
    return await Promise.race([run(controller.signal), deadline]);
  } finally {
    clearTimeout(timer);
  }
};

const clientOptions = (dockerHost: string): Docker.DockerOptions => {
  const url = URL.canParse(dockerHost) ? new URL(dockerHost) : undefined;
  // An absent `host` must be said: the client would take one from its own reading of the environment.
  if (url?.protocol === "unix:") return { socketPath: url.pathname, host: undefined };
  if (url?.protocol === "tcp:" || url?.protocol === "http:")
    return {
      host: url.hostname,
      port: url.port || 2375,
      ...(url.port === "2376" && { protocol: "https" as const }),
    };
  throw new OperatorError(
    `DOCKER_HOST "${dockerHost}" is not an engine's address such as unix:///var/run/docker.sock or tcp://127.0.0.1:2375.`,
  );
};
