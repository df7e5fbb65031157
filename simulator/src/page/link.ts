import type { Answer, Call, CallName, Calls, Push } from "../wire.ts";

/** The page's one connection to the simulator. */
export type Link = {
  call<Name extends CallName>(name: Name, input: Calls[Name][0]): Promise<Calls[Name][1]>;
};

/** Opens the connection; calls made before it is open are sent when it is. */
export const openLink = (onPush: (push: Push) => void): Link => {
  const waiting = new Map<number, { resolve: (output: never) => void; reject: (error: Error) => void }>();
  const { build, version } = window.simulation;
  const socket = new WebSocket(`wss://${location.host}/ws/chat?build=${build}&version=${version}`);
  const opened = new Promise<void>((resolve) =>
    socket.addEventListener("open", () => resolve(), { once: true }),
  );
  let calls = 0;

  socket.addEventListener("close", () => onPush({ push: "state", state: "TIMEOUT" }));
  socket.addEventListener("message", ({ data }: MessageEvent<string>) => {
    const said = JSON.parse(data) as Answer | Push;
    if ("push" in said) return onPush(said);
    const call = waiting.get(said.answer);
    waiting.delete(said.answer);
    if (said.error === undefined) call?.resolve(said.output as never);
    else call?.reject(new Error(said.error));
  });

  return {
    call: (name, input) =>
      new Promise((resolve, reject) => {
        const call: Call = { id: ++calls, call: name, input };
        waiting.set(call.id, { resolve, reject });
        if (socket.readyState === WebSocket.OPEN) socket.send(JSON.stringify(call));
        else void opened.then(() => socket.send(JSON.stringify(call)));
      }),
  };
};
