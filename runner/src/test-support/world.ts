import { newestBuild, startSimulator, type Build, type Simulator } from "@whatsapp-engine/simulator";
import { makeProfileDir, runRunner, type RunnerUnderTest } from "./run-runner.ts";

/** A simulated WhatsApp, a profile, and the runners that a test starts on it. */
export type World = {
  readonly simulator: Simulator;
  readonly profileDir: string;
  /** Starts a runner on the profile. */
  start(env?: Record<string, string>, program?: string): Promise<RunnerUnderTest>;
  /** Starts one and scans its code as this account. */
  link(phoneNumber?: string, env?: Record<string, string>): Promise<RunnerUnderTest>;
  /** Ends all of it. */
  end(): Promise<void>;
};

export const ACCOUNT = "6281111111111";
export const FRIEND = "6281234567890";
/** What a session's runner is told before anything else. */
export const CLAIM = { sessionId: "session-123", claimedAt: "2026-01-01T00:00:00.000Z" };

export const makeWorld = async (build: Build = newestBuild): Promise<World> => {
  const simulator = await startSimulator({ build });
  const profile = await makeProfileDir();
  const runners: RunnerUnderTest[] = [];

  const start: World["start"] = async (env = {}, program) => {
    const browserArgs = simulator.browserArgs();
    const runner = await runRunner({
      profileDir: profile.dir,
      browserArgs,
      env,
      ...(program !== undefined && { program }),
    });
    runners.push(runner);
    return runner;
  };
  return {
    simulator,
    profileDir: profile.dir,
    start,
    link: async (phoneNumber = ACCOUNT, env) => {
      const runner = await start(env);
      await scan(simulator, runner, phoneNumber);
      return runner;
    },
    end: async () => {
      await Promise.all(runners.map((runner) => runner.kill()));
      await simulator.close();
      await profile.remove();
    },
  };
};

/** Scans the code that the runner shows, and waits until it is connected. */
export const scan = async (
  simulator: Simulator,
  runner: RunnerUnderTest,
  phoneNumber = ACCOUNT,
): Promise<void> => {
  const { qr } = await runner.state((state) => state.qr !== null);
  await simulator.control.scan(qr!.code, { phoneNumber });
  await runner.state((state) => state.status === "connected");
};
