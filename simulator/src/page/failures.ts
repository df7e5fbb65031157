/** Keeps the page's only thread busy: it answers nothing for that long. */
export const hang = (milliseconds: number): void => {
  const end = performance.now() + milliseconds;
  while (performance.now() < end);
};

/** Ends the page's process: Chromium cannot lay out a document nested this deep. */
export const crash = (): void => {
  let root = document.createElement("div");
  for (let depth = 0; depth < 200_000; depth++) {
    const outer = document.createElement("div");
    outer.append(root);
    root = outer;
  }
  document.body.append(root);
  document.body.getBoundingClientRect();
};
