import { endRunners, onInstallation, runProgram, say } from "./offline.ts";

/*
 * `npm run stop-all`: ends every runner of this installation in order, as a stop of its session would, while no engine
 * runs. What sessions are to be stays as it is: the next start of the engine brings them back.
 */

runProgram(() =>
  onInstallation(async ({ runtime }) => {
    if (runtime === null) say("Nothing runs: this installation has never started a session.");
    else await endRunners(runtime);
  }),
);
