import type { CDPSession, Page } from "puppeteer-core";
import type { WhatsAppListener } from "./client.ts";
import { keepFile, makeFileInput } from "./page/files.ts";
import { readReport, type PageReport } from "./page-reports.ts";

export type PageChannel = {
  /** To be called once in each document, before `putFile`. */
  openFileInput(): Promise<void>;
  /** Has the page read a file from the disk and keep it under `name`, where `window.engine.files` has it. */
  putFile(path: string, name: string): Promise<void>;
};

/**
 * Opens `window.tellEngine` in every document of the page. A bare binding instead of `page.exposeFunction`, which
 * answers each call with a round trip: only `before_send` is answered here.
 */
export const openPageChannel = async (
  page: Page,
  listener: WhatsAppListener,
  onMend: (name: string, failed: boolean) => void,
): Promise<PageChannel> => {
  const session = await page.createCDPSession();
  session.on("Runtime.bindingCalled", ({ name, payload }) => {
    if (name !== "tellEngine") return;
    const { report, why } = readReport(payload);
    if (report === null) listener.unreadable(why, payload);
    else if (report.type === "mend") onMend(report.name, report.failed === true);
    else hear(report, session, listener);
  });
  await Promise.all([
    session.send("Runtime.enable"),
    session.send("Runtime.addBinding", { name: "tellEngine" }),
  ]);

  let fileInput = "";
  return {
    openFileInput: async () => {
      const { result } = await session.send("Runtime.evaluate", {
        expression: `(${String(makeFileInput)})()`,
      });
      fileInput = result.objectId!;
    },
    putFile: async (path, name) => {
      const objectId = fileInput;
      // The page takes the calls of one DevTools session in their order, so that none waits for the answer to the one before.
      const [, { exceptionDetails }] = await Promise.all([
        session.send("DOM.setFileInputFiles", { files: [path], objectId }),
        session.send("Runtime.callFunctionOn", {
          functionDeclaration: String(keepFile),
          objectId,
          arguments: [{ objectId }, { value: name }],
          awaitPromise: true,
        }),
      ]);
      if (exceptionDetails !== undefined)
        throw new Error(`The page cannot read a file: ${exceptionDetails.exception?.description}.`);
    },
  };
};

const hear = (
  report: Exclude<PageReport, { type: "mend" }>,
  session: CDPSession,
  listener: WhatsAppListener,
): void => {
  switch (report.type) {
    case "socket":
      return listener.socketState(report.state);
    case "passkey":
      return listener.passkey(report.asked);
    case "logout":
      return listener.loggedOut();
    case "before_send":
      return void answerGate(report.ref, listener.beforeSend(report.ref, report.key), session);
    case "after_send":
      return listener.afterSend(report.ref, report);
    case "ack":
      return listener.ack(report.message);
    case "inbound":
      return listener.inbound(report.event);
    case "unreadable":
      return listener.unreadable(report.why, "");
  }
};

const answerGate = async (ref: string, allowed: Promise<void>, session: CDPSession): Promise<void> => {
  const refusal = await allowed.then(
    () => null,
    (cause: unknown) => (cause instanceof Error ? cause.message : String(cause)),
  );
  const expression = `window.engine?.decide(${JSON.stringify(ref)}, ${JSON.stringify(refusal)})`;
  // A page that went away sends nothing; what became of the message is looked up in the next one.
  await session.send("Runtime.evaluate", { expression }).catch(() => undefined);
};
