import type { Link } from "./link.ts";

/** A window over the page, with one button to go on, as WhatsApp Web shows it to a browser that was just linked. */
export const showWhatsNew = (link: Link): void => {
  const dialog = document.createElement("div");
  dialog.setAttribute("role", "dialog");
  const heading = document.createElement("h1");
  heading.textContent = "What's new on WhatsApp Web";
  const close = document.createElement("button");
  close.setAttribute("aria-label", "Close");
  const goOn = document.createElement("button");
  goOn.textContent = "Continue";
  goOn.addEventListener("click", () => {
    dialog.remove();
    void link.call("windowAnswered", {});
  });
  dialog.append(close, heading, goOn);
  document.body.append(dialog);
};
